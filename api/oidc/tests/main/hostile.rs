//! What a hostile reader of the code would try: each of these once worked.

use crate::world::*;
use axum::http::StatusCode;
use crypto::Secret;
use identity::credential::throttle::Throttle;
use identity::envelope::Caller;
use identity::permission::MANAGEMENT_SCOPE;
use std::task::Poll;

#[tokio::test]
async fn made_up_codes_and_refresh_tokens_do_not_reach_the_log() {
    let world = World::new().await;
    let (_, tokens) = world.signed_in().await;
    let family =
        claims(tokens["access_token"].as_str().unwrap())["urn:conclave:family"].as_str().unwrap().to_owned();
    let before = world.service.bounded().await.unwrap().position;
    let code = crypto::token::mint("cnv_ac_", &[7; 32]);
    let other_family = crypto::token::mint("cnv_rt_", &[b'a'; 64]);
    let mut forged = family.into_bytes();
    forged.extend([9; 32]);
    let forged = crypto::token::mint("cnv_rt_", &forged);
    for answer in
        [world.redeem(&code).await, world.refresh(&other_family).await, world.refresh(&forged).await]
    {
        assert_eq!((answer.status, answer.error().as_str()), (StatusCode::BAD_REQUEST, "invalid_grant"));
    }
    assert_eq!(world.service.bounded().await.unwrap().position, before);
    // Who has read a family's id can't end it by a token that he makes up.
    assert_eq!(world.refresh(tokens["refresh_token"].as_str().unwrap()).await.status, StatusCode::OK);
}

#[tokio::test]
async fn a_guess_that_is_taken_back_is_counted_all_the_same() {
    let world = World::new().await;
    let browser = Browser::new(&world);
    let form = browser.form(&world.authorize_path(&[])).await;
    {
        let guess = browser.fill(&form, "alice", "wrong");
        let mut guess = std::pin::pin!(guess);
        // The request is on its way, up to where it first has to wait, and then the browser hangs up.
        let first = std::future::poll_fn(|context| Poll::Ready(guess.as_mut().poll(context))).await;
        assert!(first.is_pending(), "the guess was answered before the browser could hang up");
    }
    let counted = async {
        loop {
            let view = world.service.bounded().await.unwrap();
            if let Some(throttle) = view.reader(world.instance).row::<Throttle>(&world.alice).unwrap() {
                return throttle.failures;
            }
            tokio::task::yield_now().await;
        }
    };
    let hang = std::time::Duration::from_secs(30);
    assert_eq!(tokio::time::timeout(hang, counted).await.expect("the guess is counted"), 1);
}

#[tokio::test]
async fn a_new_password_ends_the_old_tokens_even_when_the_same_browser_signs_in_again() {
    let world = World::new().await;
    let (browser, tokens) = world.signed_in().await;
    let new = "another correct horse";
    let caller = Caller::system();
    world.service.set_password(world.instance, &caller, &world.alice, Secret::new(new.into())).await.unwrap();
    assert_eq!(world.refresh(tokens["refresh_token"].as_str().unwrap()).await.error(), "invalid_grant");
    let answer = browser.sign_in(&world.authorize_path(&[]), "alice", new).await;
    assert!(answer.parameter("code").is_some(), "{}", answer.location());
    assert_eq!(world.refresh(tokens["refresh_token"].as_str().unwrap()).await.error(), "invalid_grant");
    assert_eq!(world.introspect(tokens["access_token"].as_str().unwrap()).await.body, "{\"active\":false}");
}

#[tokio::test]
async fn an_application_gets_no_rights_of_the_administrators_who_visit_it() {
    let world = World::new().await;
    let scope = format!("openid {MANAGEMENT_SCOPE}");
    let browser = Browser::new(&world);
    let path = world.authorize_path(&[("scope", &scope)]);
    let code = browser.sign_in(&path, "alice", PASSWORD).await.parameter("code").unwrap();
    let tokens = world.redeem(&code).await;
    assert_eq!(tokens.json()["scope"], "openid", "{}", tokens.body);
}

#[tokio::test]
async fn bytes_that_are_no_text_in_one_cookie_leave_the_others_alone() {
    let mut headers = axum::http::HeaderMap::new();
    let cookies = axum::http::HeaderValue::from_bytes(b"planted=\xff; conclave_flow=mine").unwrap();
    headers.insert("cookie", cookies);
    assert_eq!(api_core::extract::cookie::get(&headers, "conclave_flow"), Some("mine"));
}
