//! What tokens say, from the whole flow.

use crate::world::*;
use axum::http::StatusCode;

#[tokio::test]
async fn a_person_signs_in_and_the_application_learns_who_it_is() {
    let world = World::new().await;
    let (_browser, tokens) = world.signed_in().await;
    let id = claims(tokens["id_token"].as_str().unwrap());
    assert_eq!(id["iss"], ISSUER);
    assert_eq!(id["aud"], world.web.as_str());
    assert_eq!(id["sub"], world.alice.as_str());
    assert_eq!(id["nonce"], "n-1");
    assert_eq!(id["amr"][0], "pwd");
    let access = claims(tokens["access_token"].as_str().unwrap());
    assert_eq!(access["client_id"], world.web.as_str());
    assert_eq!(access["scope"], "openid profile email offline_access");
    assert_eq!(id["sid"], access["sid"]);
    let me = world.userinfo(tokens["access_token"].as_str().unwrap()).await;
    assert_eq!(me.status, StatusCode::OK);
    assert_eq!(me.json()["email"], "alice@mail.example");
    assert_eq!(me.json()["sub"], world.alice.as_str());
}

#[tokio::test]
async fn a_service_account_gets_a_token_without_writing_to_the_log() {
    let world = World::new().await;
    let before = world.service.bounded().await.unwrap().position;
    let pairs = [("grant_type", "client_credentials"), ("scope", "openid")];
    let auth = basic(world.robot.as_str(), &world.robot_secret);
    let answer = world.post("/oauth/v2/token", Some(&auth), &pairs).await;
    assert_eq!(answer.status, StatusCode::OK, "{}", answer.body);
    let token = answer.json();
    assert_eq!(claims(token["access_token"].as_str().unwrap())["sub"], world.robot.as_str());
    assert!(token.get("refresh_token").is_none());
    assert_eq!(world.service.bounded().await.unwrap().position, before);
    assert_eq!(world.userinfo(token["access_token"].as_str().unwrap()).await.status, StatusCode::OK);
}
