//! Whether a session suffices: prompt, max_age, hints, and what a renewed proof leaves of the old one.

use crate::tools::*;
use crate::world::*;
use serde_json::json;

/// Asserts that a request is answered with a code at once.
async fn answered(browser: &Browser<'_>, changes: &[(&str, &str)]) {
    let answer = browser.get(&browser.world.authorize_path(changes)).await;
    assert_eq!(answer.status, 303, "{changes:?}: {}", answer.body);
    assert!(answer.parameter("code").is_some(), "{changes:?}: {}", answer.location());
}

/// Asserts that a request leads to the sign-in form.
async fn asked(browser: &Browser<'_>, changes: &[(&str, &str)]) -> SignInForm {
    browser.form(&browser.world.authorize_path(changes)).await
}

/// Asserts that a request is sent back with an error.
async fn refuses(browser: &Browser<'_>, changes: &[(&str, &str)], error: &str) {
    let answer = browser.get(&browser.world.authorize_path(changes)).await;
    sent_back(&answer, error, &format!("{changes:?}"));
}

fn at(token: &str) -> u64 {
    claims(token)["auth_time"].as_u64().unwrap()
}

#[tokio::test]
async fn case_12_prompt_none_asks_nobody() {
    let world = World::new().await;
    let browser = Browser::new(&world);
    refuses(&browser, &[("prompt", "none")], "login_required").await;
    for prompt in ["none login", "login none", "none none", "none consent"] {
        refuses(&browser, &[("prompt", prompt)], "invalid_request").await;
    }
    for prompt in ["create", "NONE", "x"] {
        refuses(&browser, &[("prompt", prompt)], "invalid_request").await;
    }
    browser.sign_in(&world.authorize_path(&[]), "alice", PASSWORD).await;
    answered(&browser, &[("prompt", "none")]).await;
    answered(&browser, &[]).await;
    // There is no consent to ask for: the administrator's stands for the person's.
    answered(&browser, &[("prompt", "consent")]).await;
    for dead in ["", "cnv_ss_x", "x"] {
        let before = browser.cookies.lock().unwrap().insert("__Host-conclave_session".into(), dead.into());
        refuses(&browser, &[("prompt", "none")], "login_required").await;
        browser.cookies.lock().unwrap().insert("__Host-conclave_session".into(), before.unwrap());
    }
    answered(&browser, &[("prompt", "none")]).await;
}

#[tokio::test]
async fn case_12_a_session_that_ended_in_any_way_is_none() {
    let world = World::new().await;
    let (browser, _) = world.signed_in().await;
    world.solo.advance_secs(12 * 3600 - 1);
    answered(&browser, &[("prompt", "none")]).await;
    world.solo.advance_secs(1);
    refuses(&browser, &[("prompt", "none")], "login_required").await;
    let (browser, _) = world.signed_in().await;
    world.set_password(&world.alice, "another password").await;
    refuses(&browser, &[("prompt", "none")], "login_required").await;
    asked(&browser, &[]).await;
}

#[tokio::test]
async fn case_13_an_old_proof_is_renewed_and_auth_time_moves() {
    let world = World::new().await;
    let (browser, tokens) = world.signed_in().await;
    let first = at(tokens["id_token"].as_str().unwrap());
    world.solo.advance_secs(100);
    answered(&browser, &[("max_age", "101")]).await;
    refuses(&browser, &[("max_age", "99"), ("prompt", "none")], "login_required").await;
    let form = asked(&browser, &[("max_age", "99")]).await;
    let answer = browser.fill(&form, "alice", PASSWORD).await;
    let tokens = Tokens(world.redeem(&answer.parameter("code").unwrap()).await.json());
    assert_eq!(at(tokens.id()), first + 100);
    assert_eq!(claims(tokens.access())["auth_time"], first + 100);
    answered(&browser, &[("max_age", "99"), ("prompt", "none")]).await;
}

#[tokio::test]
async fn case_13_max_age_zero_is_prompt_login_and_odd_ones_are_invalid() {
    let world = World::new().await;
    let (browser, _) = world.signed_in().await;
    asked(&browser, &[("max_age", "0")]).await;
    refuses(&browser, &[("max_age", "0"), ("prompt", "none")], "login_required").await;
    for age in ["-1", "+1", "1.5", "1e3", " 1", "x", "99999999999999999999999", "0x10"] {
        refuses(&browser, &[("max_age", age)], "invalid_request").await;
    }
    answered(&browser, &[("max_age", "18446744073709551615")]).await;
}

#[tokio::test]
async fn prompt_login_is_answered_by_a_new_proof_only() {
    let world = World::new().await;
    let (browser, _) = world.signed_in().await;
    let before = browser.session().unwrap();
    for prompt in ["login", "select_account", "login consent"] {
        let form = asked(&browser, &[("prompt", prompt)]).await;
        let wrong = browser.fill(&form, "alice", "wrong").await;
        assert_eq!(wrong.status, 200, "{prompt}");
        let answer = browser.fill(&form, "alice", PASSWORD).await;
        assert!(answer.parameter("code").is_some(), "{prompt}: {}", answer.location());
    }
    assert_ne!(browser.session().unwrap(), before);
}

#[tokio::test]
async fn case_24_the_secret_rotates_with_every_proof_and_the_old_one_is_dead() {
    let world = World::new().await;
    let (browser, tokens) = world.signed_in().await;
    let old = browser.session().unwrap();
    let form = asked(&browser, &[("prompt", "login")]).await;
    browser.fill(&form, "alice", PASSWORD).await;
    let new = browser.session().unwrap();
    assert_ne!(old, new);
    let thief = Browser::new(&world);
    thief.cookies.lock().unwrap().insert("__Host-conclave_session".into(), old);
    refuses(&thief, &[("prompt", "none")], "login_required").await;
    answered(&browser, &[("prompt", "none")]).await;
    // The session rose, it is not another: what it gave before lives on.
    assert!(world.is_active(tokens["access_token"].as_str().unwrap()).await);
}

#[tokio::test]
async fn case_24_another_person_in_the_same_browser_gets_another_session_and_ends_the_first() {
    let world = World::new().await;
    let (browser, tokens) = world.signed_in().await;
    let form = asked(&browser, &[("prompt", "login")]).await;
    let answer = browser.fill(&form, "bob", PASSWORD).await;
    let bobs = Tokens(world.redeem(&answer.parameter("code").unwrap()).await.json());
    assert_eq!(claims(bobs.id())["sub"], world.bob.as_str());
    assert_ne!(claims(bobs.id())["sid"], claims(tokens["id_token"].as_str().unwrap())["sid"]);
    assert!(!world.is_active(tokens["access_token"].as_str().unwrap()).await);
}

#[tokio::test]
async fn whoever_lost_the_answer_of_a_proof_can_sign_in_again() {
    let world = World::new().await;
    let (browser, _) = world.signed_in().await;
    let old = browser.session().unwrap();
    let form = asked(&browser, &[("prompt", "login")]).await;
    browser.fill(&form, "alice", PASSWORD).await;
    // The browser never saw that answer.
    browser.cookies.lock().unwrap().insert("__Host-conclave_session".into(), old);
    let form = asked(&browser, &[]).await;
    let answer = browser.fill(&form, "alice", PASSWORD).await;
    assert_eq!(answer.status, 303, "the right password was refused: {}", answer.body);
    answered(&browser, &[("prompt", "none")]).await;
}

#[tokio::test]
async fn case_14_a_hint_of_another_person_asks_for_him() {
    let world = World::new().await;
    let (alice, tokens) = world.signed_in().await;
    let hint = tokens["id_token"].as_str().unwrap();
    answered(&alice, &[("prompt", "none"), ("id_token_hint", hint)]).await;
    let bob = Browser::new(&world);
    bob.sign_in(&world.authorize_path(&[]), "bob", PASSWORD).await;
    refuses(&bob, &[("prompt", "none"), ("id_token_hint", hint)], "login_required").await;
    // Asked, bob is not the one (OpenID Connect Core §3.1.2.1), and alice is.
    let form = asked(&bob, &[("id_token_hint", hint)]).await;
    sent_back(&bob.fill(&form, "bob", PASSWORD).await, "login_required", "bob");
    let form = asked(&bob, &[("id_token_hint", hint)]).await;
    assert!(bob.fill(&form, "alice", PASSWORD).await.parameter("code").is_some());
}

#[tokio::test]
async fn case_14_an_old_hint_of_ours_still_names_its_person() {
    let world = World::new().await;
    let (alice, tokens) = world.signed_in().await;
    world.solo.advance_secs(3600);
    answered(&alice, &[("prompt", "none"), ("id_token_hint", tokens["id_token"].as_str().unwrap())]).await;
}

#[tokio::test]
async fn case_14_a_hint_that_is_not_ours_is_never_trusted() {
    let world = World::new().await;
    let (alice, tokens) = world.signed_in().await;
    let real = tokens["id_token"].as_str().unwrap();
    let claims = claims(real);
    let none = format!(
        "{}.{}.",
        crypto::b64url(br#"{"alg":"none","typ":"JWT","kid":"x"}"#),
        crypto::b64url(claims.to_string().as_bytes())
    );
    let stranger = crypto::testing::signing_key(crypto::Alg::Es256);
    let foreign = crypto::issue(&stranger, "JWT", &claims).await.unwrap();
    let mut other = claims.clone();
    other["iss"] = json!("https://other.example");
    let access = tokens["access_token"].as_str().unwrap();
    for hint in [
        none,
        foreign,
        world.sign("JWT", &other).await,
        flipped(real, real.len() - 9),
        access.into(),
        "x".into(),
    ] {
        refuses(&alice, &[("prompt", "none"), ("id_token_hint", &hint)], "login_required").await;
        // It names nobody, so that any person may prove himself: a key retired long ago locks no one out.
        let form = asked(&alice, &[("id_token_hint", &hint)]).await;
        assert!(alice.fill(&form, "alice", PASSWORD).await.parameter("code").is_some(), "{hint}");
    }
}

#[tokio::test]
async fn a_login_hint_stands_in_the_form_and_decides_nothing() {
    let world = World::new().await;
    let browser = Browser::new(&world);
    let login = browser.get(&world.authorize_path(&[("login_hint", "bob")])).await;
    let page = browser.get(login.location()).await;
    assert!(page.body.contains("name=\"username\" type=\"text\" value=\"bob\""), "{}", page.body);
    let form = SignInForm { flow: hidden(&page.body, "flow"), csrf: hidden(&page.body, "csrf") };
    let answer = browser.fill(&form, "alice", PASSWORD).await;
    let tokens = Tokens(world.redeem(&answer.parameter("code").unwrap()).await.json());
    assert_eq!(claims(tokens.id())["sub"], world.alice.as_str());
}
