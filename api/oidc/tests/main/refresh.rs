//! Refresh tokens: rotated, given again once to whoever lost the answer, dead with everything at the next old use.

use crate::tools::*;
use crate::world::*;
use identity::application::{ApplicationKind, ClientAuth};
use identity::envelope::Caller;
use identity::event::What;

async fn refresh_for(world: &World, token: &str, scope: &str) -> Answer {
    let pairs = [("grant_type", "refresh_token"), ("refresh_token", token), ("scope", scope)];
    world.token(Some(&world.web_auth()), &pairs).await
}

async fn next(world: &World, token: &str) -> Tokens {
    let answer = world.refresh(token).await;
    assert_eq!(answer.status, 200, "{}", answer.body);
    Tokens(answer.json())
}

/// Asserts that a family is dead, whichever of its tokens is presented.
async fn dead(world: &World, tokens: &[&Tokens]) {
    for tokens in tokens {
        assert!(!world.is_active(tokens.access()).await);
        assert_eq!(world.userinfo(tokens.access()).await.status, 401);
        refused(&world.refresh(tokens.refresh()).await, 400, "invalid_grant", "a dead family");
    }
}

#[tokio::test]
async fn each_refresh_gives_a_new_token_and_the_same_person() {
    let world = World::new().await;
    let first = world.tokens(&[]).await;
    world.solo.advance_secs(60);
    let second = next(&world, first.refresh()).await;
    world.solo.advance_secs(60);
    let third = next(&world, second.refresh()).await;
    assert_ne!(first.refresh(), second.refresh());
    assert_ne!(second.refresh(), third.refresh());
    let (before, after) = (claims(first.id()), claims(third.id()));
    for same in ["iss", "sub", "aud", "azp", "sid", "auth_time", "amr"] {
        assert_eq!(before[same], after[same], "{same}"); // OpenID Connect Core §12.2
    }
    assert!(after.get("nonce").is_none());
    assert!(after["iat"].as_u64().unwrap() > before["iat"].as_u64().unwrap());
    assert_eq!(third.0["scope"], first.0["scope"]);
    for tokens in [&first, &second, &third] {
        assert!(world.is_active(tokens.access()).await);
    }
}

#[tokio::test]
async fn a08_case_36_a_lost_answer_is_given_again_once_and_the_third_use_ends_the_family() {
    let world = World::new().await;
    let first = world.tokens(&[]).await;
    let lost = next(&world, first.refresh()).await;
    world.solo.advance_secs(10);
    let again = next(&world, first.refresh()).await;
    assert_eq!(again.refresh(), lost.refresh(), "the same successor");
    assert_eq!(world.events(What::RefreshGrace).await, 1);
    assert!(world.is_active(again.access()).await);
    refused(&world.refresh(first.refresh()).await, 400, "invalid_grant", "the third use");
    assert_eq!(world.events(What::RefreshReused).await, 1);
    dead(&world, &[&first, &lost, &again]).await;
}

#[tokio::test]
async fn case_36_after_the_grace_an_old_token_ends_the_family() {
    let world = World::new().await;
    let first = world.tokens(&[]).await;
    let second = next(&world, first.refresh()).await;
    world.solo.advance_secs(11);
    refused(&world.refresh(first.refresh()).await, 400, "invalid_grant", "after the grace");
    dead(&world, &[&first, &second]).await;
}

#[tokio::test]
async fn case_36_once_the_successor_was_used_there_is_no_grace() {
    let world = World::new().await;
    let first = world.tokens(&[]).await;
    let second = next(&world, first.refresh()).await;
    let third = next(&world, second.refresh()).await;
    refused(&world.refresh(first.refresh()).await, 400, "invalid_grant", "two generations old");
    dead(&world, &[&first, &second, &third]).await;
}

#[tokio::test]
async fn case_36_reuse_is_punished_whatever_scope_is_asked_for() {
    let world = World::new().await;
    let first = world.tokens(&[("scope", "openid offline_access")]).await;
    let second = next(&world, first.refresh()).await;
    let third = next(&world, second.refresh()).await;
    refused(&refresh_for(&world, first.refresh(), "openid email").await, 400, "invalid_grant", "an old one");
    dead(&world, &[&first, &second, &third]).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a08_case_36_two_refreshes_at_once_advance_the_family_once() {
    let world = World::new().await;
    for _ in 0..50 {
        let first = world.tokens(&[("scope", "openid offline_access")]).await;
        let both = [0, 1].map(|_| {
            let (world, token) = (world.clone(), first.refresh().to_owned());
            tokio::spawn(async move { world.refresh(&token).await })
        });
        let [one, two] = both;
        let (one, two) = (Tokens(one.await.unwrap().json()), Tokens(two.await.unwrap().json()));
        assert_eq!(one.refresh(), two.refresh(), "one successor");
        refused(&world.refresh(first.refresh()).await, 400, "invalid_grant", "the third use");
        dead(&world, &[&one]).await;
    }
}

#[tokio::test]
async fn case_35_less_may_be_asked_for_and_more_is_refused_without_using_the_token_up() {
    let world = World::new().await;
    let first = world.tokens(&[("scope", "openid email offline_access")]).await;
    for wider in [
        "openid profile",
        "openid email offline_access profile",
        "profile",
        "urn:zitadel:iam:org:projects:roles",
    ] {
        refused(&refresh_for(&world, first.refresh(), wider).await, 400, "invalid_scope", wider);
    }
    refused(&refresh_for(&world, first.refresh(), "openid \"").await, 400, "invalid_scope", "no scope");
    let narrow = refresh_for(&world, first.refresh(), "openid").await;
    assert_eq!(narrow.status, 200, "{}", narrow.body);
    let narrow = Tokens(narrow.json());
    assert_eq!(narrow.0["scope"], "openid");
    assert_eq!(claims(narrow.access())["scope"], "openid");
    assert!(world.userinfo(narrow.access()).await.json().get("email").is_none());
    // The grant itself is as wide as before (RFC 6749 §6).
    let wide = next(&world, narrow.refresh()).await;
    assert_eq!(wide.0["scope"], "openid email offline_access");
    let without = refresh_for(&world, wide.refresh(), "email").await;
    assert!(without.json().get("id_token").is_none(), "{}", without.body);
}

#[tokio::test]
async fn case_35_a_token_of_another_client_is_unknown_and_stays_good() {
    let world = World::new().await;
    let first = world.tokens(&[]).await;
    let system = Caller::system();
    let spec = application(ApplicationKind::Web, ClientAuth::Basic);
    let other = world.service.create(world.instance, &system, &world.project, spec).await.unwrap();
    let secret = world.service.new_client_secret(world.instance, &system, &other).await.unwrap();
    let auth = basic(other.as_str(), secret.expose());
    for scope in ["", "openid", "openid urn:zitadel:iam:org:projects:roles"] {
        let pairs = [("grant_type", "refresh_token"), ("refresh_token", first.refresh()), ("scope", scope)];
        // The scope tells nobody what another's token is worth.
        refused(&world.token(Some(&auth), &pairs).await, 400, "invalid_grant", scope);
        let public = [pairs[0], pairs[1], pairs[2], ("client_id", world.spa.as_str())];
        refused(&world.token(None, &public).await, 400, "invalid_grant", scope);
    }
    next(&world, first.refresh()).await;
}

#[tokio::test]
async fn case_35_who_knows_a_family_by_its_access_token_learns_nothing_of_it() {
    let world = World::new().await;
    let first = world.tokens(&[]).await;
    let family = claims(first.access())["urn:conclave:family"].as_str().unwrap().to_owned();
    let forged = crypto::token::mint("cnv_rt_", &[family.as_bytes(), &[7; 32]].concat());
    let pairs = [
        ("grant_type", "refresh_token"),
        ("refresh_token", forged.as_str()),
        ("scope", "openid urn:zitadel:iam:org:projects:roles"),
        ("client_id", world.spa.as_str()),
    ];
    refused(&world.token(None, &pairs).await, 400, "invalid_grant", "a forged token");
    next(&world, first.refresh()).await;
}

#[tokio::test]
async fn case_37_a_damaged_refresh_token_is_unknown_and_harms_nobody() {
    let world = World::new().await;
    let tokens = world.tokens(&[]).await;
    let token = tokens.refresh();
    let mut damaged: Vec<String> = (0..token.len()).step_by(7).map(|at| flipped(token, at)).collect();
    damaged.extend((1..token.len()).step_by(11).map(|end| token[..end].to_owned()));
    damaged.extend([
        format!("{token}="),
        format!("{token}A"),
        format!(" {token}"),
        token.to_uppercase(),
        token.replace('_', "-"),
    ]);
    for damaged in damaged.iter().filter(|damaged| *damaged != token) {
        refused(&world.refresh(damaged).await, 400, "invalid_grant", damaged);
        assert!(!world.is_active(damaged).await, "{damaged}");
        let revoked = world.post("/oauth/v2/revoke", Some(&world.web_auth()), &[("token", damaged)]).await;
        assert_eq!((revoked.status.as_u16(), revoked.body.as_str()), (200, ""), "{damaged}");
    }
    next(&world, token).await;
}

#[tokio::test]
async fn a_family_ends_when_nobody_uses_it_and_in_any_case_in_the_end() {
    let world = World::new().await;
    world
        .set_lifetimes(|lifetimes| {
            lifetimes.refresh_idle_secs = 100;
            lifetimes.refresh_absolute_secs = 250;
        })
        .await;
    let idle = world.tokens(&[]).await;
    let mut used = world.tokens(&[]).await;
    world.solo.advance_secs(99);
    used = next(&world, used.refresh()).await;
    world.solo.advance_secs(1);
    refused(&world.refresh(idle.refresh()).await, 400, "invalid_grant", "idle for 100 s");
    world.solo.advance_secs(98);
    used = next(&world, used.refresh()).await;
    world.solo.advance_secs(51);
    used = next(&world, used.refresh()).await;
    world.solo.advance_secs(1);
    refused(&world.refresh(used.refresh()).await, 400, "invalid_grant", "250 s old");
    assert!(!world.is_active(used.access()).await);
}

#[tokio::test]
async fn refresh_tokens_are_given_for_offline_access_to_applications_that_may() {
    let world = World::new().await;
    let online = world.tokens(&[("scope", "openid")]).await;
    assert!(online.0.get("refresh_token").is_none());
    assert!(world.is_active(online.access()).await);
    world.change_web(|web| web.refresh = false).await;
    assert!(world.tokens(&[]).await.0.get("refresh_token").is_none());
}
