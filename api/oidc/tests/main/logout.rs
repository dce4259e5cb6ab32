//! Signing out: without a question only for the application that holds a living ID token of this very session.

use crate::tools::*;
use crate::world::*;
use identity::application::Application;
use identity::event::What;
use identity::record::State;
use serde_json::json;

const BYE: &str = "https://app.example/bye";

fn path(pairs: &[(&str, &str)]) -> String {
    format!("/oidc/v1/end_session?{}", form(pairs))
}

/// Asserts that the person is asked, and that nothing has happened yet.
async fn asks(browser: &Browser<'_>, pairs: &[(&str, &str)], what: &str) -> String {
    let mut last = String::new();
    for answer in [browser.get(&path(pairs)).await, browser.post("/oidc/v1/end_session", pairs).await] {
        assert_eq!(answer.status, 200, "{what}: {}", answer.body);
        assert!(!answer.headers.contains_key("location"), "{what}");
        assert!(!answer.headers.contains_key("set-cookie"), "{what}");
        assert!(answer.body.contains("id=\"logout-confirm\""), "{what}: {}", answer.body);
        assert!(!answer.body.contains("evil") && !answer.body.contains(BYE), "{what}: {}", answer.body);
        page_headers(&answer, what);
        last = hidden(&answer.body, "csrf");
    }
    assert_eq!(browser.world.events(What::SessionEnded).await, 0, "{what}");
    last
}

#[tokio::test]
async fn an_application_signs_its_person_out_by_the_id_token_of_the_session() {
    for (pairs, target) in [
        (
            &[("post_logout_redirect_uri", BYE), ("state", "a b&c=\r\n")][..],
            Some(format!("{BYE}?state=a+b%26c%3D%0D%0A")),
        ),
        (&[("post_logout_redirect_uri", BYE)], Some(BYE.into())),
        (&[("state", "x")], None),
        (&[("post_logout_redirect_uri", "https://evil.example/")], None),
    ] {
        let world = World::new().await;
        let (browser, tokens) = world.signed_in().await;
        let tokens = Tokens(tokens);
        let pairs: Vec<_> = pairs.iter().copied().chain([("id_token_hint", tokens.id())]).collect();
        let answer = browser.get(&path(&pairs)).await;
        match target {
            Some(target) => assert_eq!(answer.location(), target),
            None => {
                assert!(answer.status == 200 && answer.body.contains("id=\"signed-out\""), "{}", answer.body)
            }
        }
        assert_eq!(browser.session(), None, "the cookie is cleared");
        assert_eq!(world.events(What::SessionEnded).await, 1);
        assert!(!world.is_active(tokens.access()).await);
        assert!(!world.is_active(tokens.refresh()).await);
    }
}

#[tokio::test]
async fn case_53_a_hint_that_is_not_of_this_session_leads_to_the_question() {
    let world = World::new().await;
    let (browser, tokens) = world.signed_in().await;
    let hint = Tokens(tokens);
    let (_, others) = world.signed_in().await;
    let bob = Browser::new(&world);
    let bobs = bob.sign_in(&world.authorize_path(&[]), "bob", PASSWORD).await;
    let bobs = Tokens(world.redeem(&bobs.parameter("code").unwrap()).await.json());
    let mut own = claims(hint.id());
    let stranger = crypto::testing::signing_key(crypto::Alg::Es256);
    let parts: Vec<&str> = hint.id().split('.').collect();
    let none = format!("{}.{}.", crypto::b64url(br#"{"alg":"none","typ":"JWT","kid":"x"}"#), parts[1]);
    let forged = crypto::issue(&stranger, "JWT", &own).await.unwrap();
    let changed = flipped(hint.id(), hint.id().len() - 9);
    own["iss"] = json!("https://other.example");
    let foreign = world.sign("JWT", &own).await;
    for (what, token) in [
        ("of another session of hers", others["id_token"].as_str().unwrap()),
        ("of another person", bobs.id()),
        ("unsigned", &none),
        ("signed by a stranger", &forged),
        ("changed", &changed),
        ("of another issuer", &foreign),
        ("an access token", hint.access()),
        ("nothing", ""),
        ("garbage", "x"),
    ] {
        for target in [BYE, "https://evil.example/"] {
            let pairs = [("id_token_hint", token), ("post_logout_redirect_uri", target), ("state", "x")];
            asks(&browser, &pairs, what).await;
        }
    }
    asks(&browser, &[("state", "x")], "state only").await;
    asks(&browser, &[], "nothing at all").await;
    asks(
        &browser,
        &[("client_id", world.web.as_str()), ("post_logout_redirect_uri", BYE)],
        "a client id only",
    )
    .await;
    let other_client = [("id_token_hint", hint.id()), ("client_id", world.spa.as_str())];
    asks(&browser, &other_client, "another client than the hint's").await;
    world.solo.advance_secs(900);
    asks(&browser, &[("id_token_hint", hint.id()), ("post_logout_redirect_uri", BYE)], "expired").await;
}

#[tokio::test]
async fn case_53_a_redirect_goes_to_a_registered_address_only_character_by_character() {
    let world = World::new().await;
    let tokens = world.tokens(&[]).await;
    // The browser holds no session: nobody to ask, and only where to go is left.
    let stranger = Browser::new(&world);
    for target in [
        "https://evil.example/",
        "https://app.example/bye/",
        "https://app.example/bye?x=1",
        "https://app.example/bye#x",
        "https://app.example/Bye",
        "https://app.example/",
        CALLBACK, // a redirect URI is not one of these
        "//app.example/bye",
        "javascript:alert(1)",
        "/ui/login",
        "https://app.example/bye\r\nX: y",
    ] {
        let pairs = [("id_token_hint", tokens.id()), ("post_logout_redirect_uri", target)];
        let answer = stranger.get(&path(&pairs)).await;
        assert_eq!(answer.status, 200, "{target}: {}", answer.body);
        assert!(!answer.headers.contains_key("location"), "{target}");
        assert!(answer.body.contains("id=\"signed-out\""), "{target}: {}", answer.body);
    }
    let bye = [("id_token_hint", tokens.id()), ("post_logout_redirect_uri", BYE)];
    assert_eq!(stranger.get(&path(&bye)).await.location(), BYE);
    assert_eq!(stranger.get(&path(&bye[1..])).await.status, 200, "without a hint");
    // With a query of its own it gets the state behind that.
    let with_query = "https://app.example/bye?a=1";
    world.change_web(|web| web.post_logout_redirect_uris = uris(&[BYE, with_query])).await;
    let pairs = [bye[0], ("post_logout_redirect_uri", with_query), ("state", "s")];
    assert_eq!(stranger.get(&path(&pairs)).await.location(), "https://app.example/bye?a=1&state=s");
    // Of an application that is off nothing is registered.
    world.switch::<Application>(&world.web, State::Inactive).await;
    assert_eq!(stranger.get(&path(&bye)).await.status, 200);
}

#[tokio::test]
async fn case_21_the_question_is_answered_by_the_browser_it_was_shown_in() {
    let world = World::new().await;
    let (browser, tokens) = world.signed_in().await;
    let csrf = asks(&browser, &[], "the question").await;
    let (other, _) = world.signed_in().await;
    let others = asks(&other, &[], "the question of another session").await;
    for wrong in [&others, "", "x", &csrf[1..], &csrf.to_uppercase()] {
        error_page(&browser.post("/ui/logout", &[("csrf", wrong)]).await, 403, "forbidden", wrong);
    }
    error_page(&browser.post("/ui/logout", &[]).await, 403, "forbidden", "no token");
    assert!(browser.session().is_some());
    assert!(world.is_active(tokens["access_token"].as_str().unwrap()).await);
    let answer = browser.post("/ui/logout", &[("csrf", &csrf)]).await;
    assert!(answer.body.contains("id=\"signed-out\""), "{}", answer.body);
    page_headers(&answer, "signed out");
    assert_eq!(browser.session(), None);
    assert!(!world.is_active(tokens["access_token"].as_str().unwrap()).await);
    assert!(other.session().is_some(), "another browser is another session");
    // A second click is no error, and a browser without a session has nothing to confirm.
    for browser in [&browser, &Browser::new(&world)] {
        let again = browser.post("/ui/logout", &[("csrf", &csrf)]).await;
        assert!(again.body.contains("id=\"signed-out\""), "{}", again.body);
    }
}

#[tokio::test]
async fn case_21_a_question_of_before_the_last_proof_is_stale() {
    let world = World::new().await;
    let (browser, _) = world.signed_in().await;
    let csrf = asks(&browser, &[], "before").await;
    browser.sign_in(&world.authorize_path(&[("prompt", "login")]), "alice", PASSWORD).await;
    error_page(&browser.post("/ui/logout", &[("csrf", &csrf)]).await, 403, "forbidden", "stale");
}

#[tokio::test]
async fn looking_at_the_end_of_a_session_ends_nothing() {
    let world = World::new().await;
    let (browser, tokens) = world.signed_in().await;
    let hint = path(&[("id_token_hint", tokens["id_token"].as_str().unwrap())]);
    assert_eq!(browser.send(axum::http::Method::HEAD, &hint, None).await.status, 405);
    assert_eq!(world.events(What::SessionEnded).await, 0);
}
