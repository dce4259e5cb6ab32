//! Signing keys: published before they sign, gone when nothing that they signed is alive.

use crate::tools::*;
use crate::world::*;
use identity::application::TokenAlg;
use identity::signing_key::Step;
use serde_json::Value;

/// The published key ids of an algorithm, in no order.
async fn published(world: &World, alg: &str) -> Vec<String> {
    let answer = world.get("/oauth/v2/keys").await;
    assert_eq!(answer.status, 200, "{}", answer.body);
    let json = answer.json();
    let keys = json["keys"].as_array().unwrap();
    for key in keys {
        // Nothing private, nothing that a client would have to guess.
        let mut members: Vec<&str> = key.as_object().unwrap().keys().map(String::as_str).collect();
        members.sort_unstable();
        let expected: &[&str] = match key["kty"].as_str().unwrap() {
            "EC" => &["alg", "crv", "kid", "kty", "use", "x", "y"],
            _ => &["alg", "e", "kid", "kty", "n", "use"],
        };
        assert_eq!(members, expected);
        assert_eq!(key["use"], "sig");
    }
    let of_alg = keys.iter().filter(|key| key["alg"] == alg);
    of_alg.map(|key| key["kid"].as_str().unwrap().to_owned()).collect()
}

fn kid(token: &str) -> String {
    let header = crypto::unb64url(token.split('.').next().unwrap()).unwrap();
    let header: Value = serde_json::from_slice(&header).unwrap();
    header["kid"].as_str().unwrap().to_owned()
}

/// Verifies as an application does that has just fetched the published keys.
async fn verifies(world: &World, token: &str) -> bool {
    let keys: crypto::Jwks = serde_json::from_value(world.get("/oauth/v2/keys").await.json()).unwrap();
    let set = crypto::KeySet::from_jwks(keys.keys).unwrap();
    crypto::verify::<Value>(token, crypto::Typ::AccessToken, &set).is_ok()
}

/// Keys that sign for twenty seconds, are published for four before, and verify for eight more: as long as tokens live.
async fn hurry(world: &World) {
    world
        .set_lifetimes(|lifetimes| {
            lifetimes.key_next_secs = 4;
            lifetimes.key_active_secs = 20;
            lifetimes.key_verifies_secs = 8;
            lifetimes.access_token_secs = 8;
            lifetimes.id_token_secs = 8;
        })
        .await;
}

async fn rotates(alg: TokenAlg, name: &str) {
    let world = World::new().await;
    world.change_web(|web| web.alg = alg).await;
    hurry(&world).await;
    let rotate = async || world.service.rotate_keys(world.instance, alg).await.unwrap();
    let tokens = async || world.tokens(&[("scope", "openid")]).await;
    world.solo.advance_secs(8);
    // Each round begins when a key has signed for eight seconds and the one before is retired.
    for rotation in 0..3 {
        let active = published(&world, name).await;
        assert_eq!(active.len(), 1, "{rotation}: one signs, none else is published: {active:?}");
        let first = tokens().await;
        assert_eq!(kid(first.access()), active[0]);
        assert_eq!(kid(first.id()), active[0]);
        // Not before its time.
        assert_eq!(rotate().await, None);
        world.solo.advance_secs(8);
        // The next is published, and signs nothing yet.
        assert_eq!(rotate().await, Some(Step::Publish));
        assert_eq!(rotate().await, None);
        let both = published(&world, name).await;
        let next = both.iter().find(|kid| **kid != active[0]).unwrap().clone();
        assert_eq!(both.len(), 2);
        assert_eq!(kid(tokens().await.access()), active[0]);
        world.solo.advance_secs(3);
        assert_eq!(rotate().await, None, "whoever fetched the set before must see it first");
        let last = tokens().await;
        world.solo.advance_secs(1);
        // It signs; the one before verifies what it signed, until that has expired.
        assert_eq!(rotate().await, Some(Step::Activate));
        assert_eq!(kid(tokens().await.access()), next);
        assert_eq!(published(&world, name).await.len(), 2);
        assert!(!world.is_active(first.access()).await, "expired by now");
        assert!(world.is_active(last.access()).await && verifies(&world, last.access()).await);
        world.solo.advance_secs(6);
        assert!(world.is_active(last.access()).await && verifies(&world, last.access()).await);
        assert_eq!(world.userinfo(last.access()).await.status, 200);
        world.solo.advance_secs(2);
        assert_eq!(published(&world, name).await, [next], "retired");
        assert!(!verifies(&world, last.access()).await && !world.is_active(last.access()).await);
        world.submit(identity::sweep::Sweep { limit: 1000 }).await;
    }
}

#[tokio::test]
async fn three_rotations_of_es256_keep_every_living_token_verifiable() {
    rotates(TokenAlg::Es256, "ES256").await;
}

#[tokio::test]
async fn three_rotations_of_rs256_keep_every_living_token_verifiable() {
    rotates(TokenAlg::Rs256, "RS256").await;
}

#[tokio::test]
async fn case_61_a_retired_key_verifies_nothing_though_its_signature_is_right() {
    let world = World::new().await;
    hurry(&world).await;
    let (browser, tokens) = world.signed_in().await;
    let tokens = Tokens(tokens);
    for (wait, step) in [(16, Step::Publish), (4, Step::Activate)] {
        world.solo.advance_secs(wait);
        assert_eq!(world.service.rotate_keys(world.instance, TokenAlg::Es256).await.unwrap(), Some(step));
    }
    // The ID token has expired long ago; as a hint it counts, by a key that is published.
    let path = world.authorize_path(&[("prompt", "none"), ("id_token_hint", tokens.id())]);
    world.solo.advance_secs(7);
    assert!(browser.get(&path).await.parameter("code").is_some());
    world.solo.advance_secs(1);
    sent_back(&browser.get(&path).await, "login_required", "its key is retired");
}
