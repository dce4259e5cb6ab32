//! The sign-in form: who gets in, what the others learn, and what ties the form to its browser.

use crate::tools::*;
use crate::world::*;
use api_pages::strangers::Strangers;
use axum::http::Method;
use identity::envelope::Caller;
use identity::event::What;
use identity::id::InstanceId;
use identity::instance::lifetimes::Lifetimes;
use identity::name::{HostName, Name};
use identity::organization::Organization;
use identity::record::State;
use identity::time::Timestamp;
use identity::user::User;

/// What a stranger can see of an answer to a name.
pub fn visible(answer: &Answer, name: &str) -> (u16, Vec<(String, String)>, String) {
    let text = |value: &axum::http::HeaderValue| value.to_str().unwrap().to_owned();
    let headers = answer.headers.iter().map(|(name, value)| (name.to_string(), text(value)));
    let headers = headers.filter(|(name, _)| name != "content-length").collect();
    (answer.status.as_u16(), headers, answer.body.replace(&format!("\"{name}\""), "\"NAME\""))
}

/// Names that must look alike: one that signs in, the others that never do.
async fn names(world: &World) -> Vec<String> {
    let (service, instance, system) = (&world.service, world.instance, Caller::system());
    let mut names = vec!["alice".to_owned(), "nobody".into(), "robot".into(), "a\u{e9}".into()];
    let root = identity::id::Id::from_number(instance.0);
    let domain = HostName::parse("globex.example").unwrap();
    let globex = Organization { name: Name::parse("Globex").unwrap(), domain };
    let globex = service.create(instance, &system, &root, globex).await.unwrap();
    for name in ["inactive", "deleted", "without-password", "elsewhere"] {
        let organization = if name == "elsewhere" { &globex } else { &world.organization };
        let user = service.create_user(instance, &system, organization, human(name)).await.unwrap();
        if name != "without-password" {
            world.set_password(&user, PASSWORD).await;
        }
        match name {
            "inactive" => world.switch::<User>(&user, State::Inactive).await,
            "deleted" => world.delete::<User>(&user).await,
            _ => {}
        }
        names.push(name.to_owned());
    }
    world.switch::<Organization>(&globex, State::Inactive).await;
    names
}

#[tokio::test]
async fn case_62_names_are_told_apart_by_nothing() {
    let world = World::new().await;
    let names = names(&world).await;
    let browser = Browser::new(&world);
    let form = browser.form(&world.authorize_path(&[])).await;
    // Ten guesses at each, the delays that follow the sixth included, and some of them in haste.
    let mut seen = Vec::new();
    for (guess, wait) in [0, 0, 0, 0, 0, 0, 1, 13, 1, 29, 1, 0].into_iter().enumerate() {
        world.solo.advance_secs(wait);
        let mut answers = Vec::new();
        for name in &names {
            answers.push(visible(&browser.fill(&form, name, "wrong").await, name));
        }
        for (answer, name) in answers.iter().zip(&names) {
            assert_eq!(*answer, answers[0], "guess {guess} at {name}");
        }
        seen.push(answers[0].0);
    }
    assert_eq!(seen, [200, 200, 200, 200, 200, 200, 429, 429, 200, 429, 200, 429]);
    // The right password of who may not sign in is no better than a wrong one.
    world.solo.advance_secs(3600);
    let fresh = browser.form(&world.authorize_path(&[])).await;
    let mut answers = Vec::new();
    for name in names.iter().filter(|name| *name != "alice") {
        answers.push(visible(&browser.fill(&fresh, name, PASSWORD).await, name));
    }
    assert!(answers.iter().all(|answer| *answer == answers[0] && answer.0 == 200), "{answers:?}");
    assert!(browser.fill(&fresh, "alice", PASSWORD).await.parameter("code").is_some());
}

#[tokio::test]
async fn case_62_a_password_that_is_too_long_is_wrong_for_everyone_and_counted_for_nobody() {
    let world = World::new().await;
    let browser = Browser::new(&world);
    let form = browser.form(&world.authorize_path(&[])).await;
    let long = "x".repeat(513);
    for _ in 0..10 {
        let known = visible(&browser.fill(&form, "alice", &long).await, "alice");
        assert_eq!(known, visible(&browser.fill(&form, "nobody", &long).await, "nobody"));
        assert_eq!(known.0, 200);
    }
    assert_eq!(world.events(What::PasswordFailed).await, 0);
    assert!(browser.fill(&form, "ALICE", PASSWORD).await.parameter("code").is_some());
}

#[tokio::test]
async fn case_63_guesses_at_an_account_are_counted_and_delayed_and_lock_nobody_out() {
    let world = World::new().await;
    let browser = Browser::new(&world);
    let form = browser.form(&world.authorize_path(&[])).await;
    for _ in 0..6 {
        assert_eq!(browser.fill(&form, "alice", "wrong").await.status, 200);
    }
    let mut delay = 15;
    for failure in 7..20 {
        let form = browser.form(&world.authorize_path(&[])).await;
        // While it lasts no password is looked at, be it the right one, and no guess is written down.
        for password in [PASSWORD, "wrong"] {
            let answer = browser.fill(&form, "alice", password).await;
            assert_eq!(answer.status, 429, "{failure}");
            assert_eq!(answer.headers["retry-after"], delay.to_string().as_str(), "{failure}");
            page_headers(&answer, "delayed");
            assert_eq!(browser.session(), None);
        }
        assert_eq!(world.events(What::PasswordFailed).await, failure - 1);
        world.solo.advance_secs(delay);
        let form = browser.form(&world.authorize_path(&[])).await;
        assert_eq!(browser.fill(&form, "alice", "wrong").await.status, 200);
        delay = (delay * 2).min(900);
    }
    // It is alice who is delayed, and nobody else; and when it is over she is in.
    assert!(
        Browser::new(&world)
            .sign_in(&world.authorize_path(&[]), "bob", PASSWORD)
            .await
            .parameter("code")
            .is_some()
    );
    world.solo.advance_secs(900);
    assert!(browser.sign_in(&world.authorize_path(&[]), "alice", PASSWORD).await.parameter("code").is_some());
    // The right password clears the count.
    for _ in 0..6 {
        assert_eq!(
            browser.sign_in(&world.authorize_path(&[("prompt", "login")]), "alice", "wrong").await.status,
            200
        );
    }
}

#[tokio::test]
async fn case_63_guesses_on_many_nodes_share_one_counter_and_a_right_one_too_late_tells_nothing() {
    let world = World::new().await;
    let node = Node::of(&world);
    let other = world.through(&node);
    let browser = Browser::new(&other);
    let form = browser.form(&world.authorize_path(&[])).await;
    // The other node does not hear of the guesses on this one.
    node.hold().await;
    let here = Browser::new(&world);
    let there = here.form(&world.authorize_path(&[])).await;
    for _ in 0..6 {
        assert_eq!(here.fill(&there, "alice", "wrong").await.status, 200);
        assert_eq!(here.fill(&there, "nobody", "wrong").await.status, 200);
    }
    let wrong = visible(&browser.fill(&form, "alice", "wrong").await, "alice");
    let right = visible(&browser.fill(&form, "alice", PASSWORD).await, "alice");
    assert_eq!(wrong.0, 429);
    assert_eq!(right, wrong, "a right guess beyond the limit looks like a wrong one");
    assert_eq!(browser.session(), None);
    assert_eq!(world.events(What::PasswordFailed).await, 6);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn case_63_guesses_at_the_same_moment_are_counted_one_by_one() {
    let world = World::new().await;
    let browser = Browser::new(&world);
    let form = browser.form(&world.authorize_path(&[])).await;
    let cookies = browser.cookies.lock().unwrap().clone();
    let guesses: Vec<_> = (0..40)
        .map(|guess| {
            let (world, cookies, flow, csrf) =
                (world.clone(), cookies.clone(), form.flow.clone(), form.csrf.clone());
            tokio::spawn(async move {
                let browser = Browser::new(&world);
                *browser.cookies.lock().unwrap() = cookies;
                let name = if guess % 2 == 0 { "alice" } else { "nobody" };
                (name, browser.fill(&SignInForm { flow, csrf }, name, "wrong").await.status.as_u16())
            })
        })
        .collect();
    let mut answered = std::collections::BTreeMap::new();
    for guess in guesses {
        *answered.entry(guess.await.unwrap()).or_insert(0) += 1;
    }
    // Six are answered for each, whether there is such a person or not; the others are put off.
    assert_eq!(world.events(What::PasswordFailed).await, 6);
    for name in ["alice", "nobody"] {
        assert_eq!((answered[&(name, 200)], answered[&(name, 429)]), (6, 14), "{name}: {answered:?}");
    }
}

#[test]
fn case_63_a_flood_of_made_up_names_does_not_wipe_out_what_is_remembered() {
    let (strangers, instance, now) = (Strangers::default(), InstanceId(1), Timestamp(0));
    let lifetimes = Lifetimes::default();
    for _ in 0..6 {
        assert_eq!(strangers.failed(instance, "carol", &lifetimes, now), None);
    }
    for name in 0..50_000 {
        strangers.failed(instance, &format!("made up {name}"), &lifetimes, now);
    }
    assert_eq!(strangers.delayed(instance, "Carol", now), Some(now.plus_secs(15)));
    assert_eq!(strangers.failed(instance, "carol", &lifetimes, now), Some(now.plus_secs(15)));
    assert_eq!(strangers.delayed(InstanceId(2), "carol", now), None, "of another instance");
}

#[tokio::test]
async fn case_21_a_form_without_its_token_is_refused() {
    let world = World::new().await;
    let browser = Browser::new(&world);
    let form = browser.form(&world.authorize_path(&[])).await;
    let other = Browser::new(&world).form(&world.authorize_path(&[])).await;
    let second = browser.form(&world.authorize_path(&[])).await;
    let (cut, longer) = (form.csrf[1..].to_owned(), format!("{}A", form.csrf));
    for csrf in ["", "x", &other.csrf, &second.csrf, &cut, &longer, &form.csrf.to_uppercase()] {
        let pairs =
            [("flow", form.flow.as_str()), ("csrf", csrf), ("username", "alice"), ("password", PASSWORD)];
        let answer = browser.post("/ui/login", &pairs).await;
        error_page(&answer, 403, "forbidden", csrf);
        assert_eq!(browser.session(), None);
    }
    let pairs = [("flow", form.flow.as_str()), ("username", "alice"), ("password", PASSWORD)];
    error_page(&browser.post("/ui/login", &pairs).await, 403, "forbidden", "no token");
    // What the browser itself says about where the form came from counts too.
    let cookies: Vec<String> =
        browser.cookies.lock().unwrap().iter().map(|(name, value)| format!("{name}={value}")).collect();
    let body = crate::world::form(&[
        ("flow", form.flow.as_str()),
        ("csrf", &form.csrf),
        ("username", "alice"),
        ("password", PASSWORD),
    ]);
    for (site, status) in [("cross-site", 403), ("same-site", 403), ("x", 403), ("same-origin", 303)] {
        let headers = [
            ("host", HOST),
            ("content-type", "application/x-www-form-urlencoded"),
            ("cookie", &cookies.join("; ")),
            ("sec-fetch-site", site),
        ];
        let answer = world.raw("POST", "/ui/login", &headers, body.as_bytes()).await;
        assert_eq!(answer.status, status, "{site}: {}", answer.body);
    }
}

#[tokio::test]
async fn case_21_every_page_refuses_to_be_framed() {
    let world = World::new().await;
    let (browser, tokens) = world.signed_in().await;
    let form = browser.form(&world.authorize_path(&[("prompt", "login")])).await;
    let pages = [
        browser.get(&format!("/ui/login?flow={}", form.flow)).await,
        browser.fill(&form, "alice", "wrong").await,
        browser.get("/oidc/v1/end_session").await,
        Browser::new(&world).get("/oidc/v1/end_session").await,
        world.get("/oauth/v2/authorize").await,
        world.get("/ui/login").await,
        world.post("/ui/logout", None, &[]).await,
        world.post("/ui/login", None, &[]).await,
        world.raw("GET", "/oauth/v2/authorize", &[("host", "other.example")], b"").await,
        world.raw("POST", "/ui/login", &[("host", HOST)], &[b'x'; 100_000]).await,
    ];
    for (number, page) in pages.iter().enumerate() {
        page_headers(page, &format!("page {number}: {}", page.status));
        assert!(!page.body.contains("http://") && !page.body.contains("//cdn"), "page {number}");
    }
    let policy = pages[0].headers["content-security-policy"].to_str().unwrap();
    assert!(policy.contains("form-action 'self' https:;"), "{policy}");
    drop(tokens);
    // What the pages refer to is there.
    for asset in pages[0].body.split('"').filter(|text| text.starts_with("/ui/assets/")) {
        let answer = world.get(asset).await;
        assert_eq!(answer.status, 200, "{asset}");
        assert_eq!(answer.headers["x-content-type-options"], "nosniff");
        assert!(answer.headers["cache-control"].to_str().unwrap().contains("immutable"));
    }
}

#[tokio::test]
async fn case_24_a_flow_that_was_planted_in_another_browser_is_refused() {
    let world = World::new().await;
    let attacker = Browser::new(&world);
    let planted = attacker.form(&world.authorize_path(&[])).await;
    let fresh = Browser::new(&world);
    let busy = Browser::new(&world);
    busy.form(&world.authorize_path(&[])).await;
    for victim in [&fresh, &busy] {
        let page = victim.get(&format!("/ui/login?flow={}", planted.flow)).await;
        error_page(&page, 403, "wrong_browser", "opened");
        let answer = victim.fill(&planted, "alice", PASSWORD).await;
        error_page(&answer, 403, "wrong_browser", "posted");
        assert_eq!(victim.session(), None);
    }
    // The cookie of a sibling domain, planted beside the right one, makes neither count.
    let cookie = busy.cookies.lock().unwrap()["__Host-conclave_flow"].clone();
    let own = busy.form(&world.authorize_path(&[])).await;
    let twice = format!("__Host-conclave_flow=x; __Host-conclave_flow={cookie}");
    let headers = [("host", HOST), ("cookie", twice.as_str())];
    let answer = world.raw("GET", &format!("/ui/login?flow={}", own.flow), &headers, b"").await;
    error_page(&answer, 403, "wrong_browser", "two cookies of one name");
}

#[tokio::test]
async fn case_24_a_session_cookie_that_was_planted_is_not_taken_over() {
    let world = World::new().await;
    let attacker = Browser::new(&world);
    attacker.sign_in(&world.authorize_path(&[]), "bob", PASSWORD).await;
    let planted = attacker.session().unwrap();
    let victim = Browser::new(&world);
    victim.cookies.lock().unwrap().insert("__Host-conclave_session".into(), planted.clone());
    victim.sign_in(&world.authorize_path(&[("prompt", "login")]), "alice", PASSWORD).await;
    assert_ne!(victim.session().unwrap(), planted);
    let path = world.authorize_path(&[("prompt", "none")]);
    sent_back(&attacker.get(&path).await, "login_required", "the attacker's own session has ended");
}

#[tokio::test]
async fn case_25_no_step_of_signing_in_can_be_left_out() {
    let world = World::new().await;
    let browser = Browser::new(&world);
    let form = browser.form(&world.authorize_path(&[])).await;
    let flow = ("flow", form.flow.as_str());
    let csrf = ("csrf", form.csrf.as_str());
    let attempts: [(&[(&str, &str)], u16); 9] = [
        (&[], 400),
        (&[flow], 403),
        (&[csrf], 400),
        (&[flow, csrf], 200),
        (&[flow, csrf, ("username", "alice")], 200),
        (&[flow, csrf, ("password", PASSWORD)], 200),
        (&[flow, csrf, ("username", "alice"), ("user", world.alice.as_str()), ("step", "done")], 200),
        (&[("flow", "x"), csrf, ("username", "alice"), ("password", PASSWORD)], 400),
        (&[("flow", &flipped(&form.flow, 40)), csrf, ("username", "alice"), ("password", PASSWORD)], 400),
    ];
    for (pairs, status) in attempts {
        let answer = browser.post("/ui/login", pairs).await;
        assert_eq!(answer.status, status, "{pairs:?}: {}", answer.body);
        assert_eq!(browser.session(), None, "{pairs:?}");
    }
    for path in ["/ui/login/done", "/ui/login/password", "/ui/login/", "/oauth/v2/authorize/callback"] {
        assert_eq!(browser.get(path).await.status, 404, "{path}");
    }
    assert_eq!(world.events(What::CodeIssued).await, 0);
    // A flow of another purpose or time is none.
    world.solo.advance_secs(600);
    let late = browser.fill(&form, "alice", PASSWORD).await;
    error_page(&late, 400, "expired_request", "after ten minutes");
}

#[tokio::test]
async fn cookies_are_narrow() {
    let world = World::new().await;
    let browser = Browser::new(&world);
    let set = |answer: &Answer| answer.headers["set-cookie"].to_str().unwrap().to_owned();
    let login = browser.get(&world.authorize_path(&[])).await;
    let binding = set(&login);
    assert!(binding.starts_with("__Host-conclave_flow="), "{binding}");
    assert!(binding.ends_with("; Path=/; HttpOnly; SameSite=Lax; Secure; Max-Age=1200"), "{binding}");
    let page = browser.get(login.location()).await;
    let form = SignInForm { flow: hidden(&page.body, "flow"), csrf: hidden(&page.body, "csrf") };
    let answer = browser.fill(&form, "alice", PASSWORD).await;
    let session = set(&answer);
    assert!(session.starts_with("__Host-conclave_session=cnv_ss_"), "{session}");
    // It lasts as long as the browser runs.
    assert!(session.ends_with("; Path=/; HttpOnly; SameSite=Lax; Secure"), "{session}");
    assert_eq!(answer.headers.get_all("set-cookie").iter().count(), 1);
    assert_eq!(answer.headers["referrer-policy"], "no-referrer");
    assert_eq!(answer.headers["cache-control"], "no-store");
    // A browser that has one keeps its binding, so that two windows can sign in at once.
    let again = browser.get(&world.authorize_path(&[("prompt", "login")])).await;
    assert_eq!(set(&again), binding);
}

#[tokio::test]
async fn pages_are_read_in_the_language_that_was_asked_for() {
    let world = World::new().await;
    let check = async |ui_locales: &str, accepted: &str, tag: &str, heading: &str| {
        let browser = Browser::new(&world);
        let login = browser.get(&world.authorize_path(&[("ui_locales", ui_locales)])).await;
        let cookie = browser.cookies.lock().unwrap()["__Host-conclave_flow"].clone();
        let cookie = format!("__Host-conclave_flow={cookie}");
        let headers = [("host", HOST), ("cookie", cookie.as_str()), ("accept-language", accepted)];
        let page = world.raw("GET", login.location(), &headers, b"").await;
        let html = format!("<html lang=\"{tag}\"");
        assert!(page.body.contains(&html), "{ui_locales} {accepted}: {}", page.body);
        assert!(page.body.contains(&format!("<h1>{heading}</h1>")), "{}", page.body);
    };
    check("de", "", "de", "Anmelden").await;
    check("de", "en", "de", "Anmelden").await;
    check("de-AT fr", "en", "de", "Anmelden").await;
    check("fr de en", "en", "de", "Anmelden").await;
    check("en", "de", "en", "Sign in").await;
    check("", "de-CH,en;q=0.5", "de", "Anmelden").await;
    check("", "", "en", "Sign in").await;
    check("fr", "fr", "en", "Sign in").await;
    check("\u{e9} -- de", "x", "de", "Anmelden").await;
}

#[tokio::test]
async fn looking_at_the_form_changes_nothing() {
    let world = World::new().await;
    let browser = Browser::new(&world);
    let form = browser.form(&world.authorize_path(&[])).await;
    let before = world.view().await.position;
    for method in [Method::HEAD, Method::GET, Method::HEAD] {
        let answer = browser.send(method, &format!("/ui/login?flow={}", form.flow), None).await;
        assert_eq!(answer.status, 200);
        assert!(!answer.headers.contains_key("set-cookie"));
    }
    assert_eq!(world.view().await.position, before);
}
