//! Authorization codes: redeemed once, by whom they were issued to, with what they were asked for.

use crate::tools::*;
use crate::world::*;
use identity::application::{Application, ApplicationKind, ClientAuth};
use identity::envelope::Caller;
use identity::event::What;
use std::sync::Arc;

const WRONG_VERIFIER: &str = "wrong-wrong-wrong-wrong-wrong-wrong-wrong-wrong";

/// A redemption as the web application, some parameters replaced, added or (by an empty value) left out.
async fn redeem(world: &World, code: &str, changes: &[(&str, &str)]) -> Answer {
    let mut pairs = vec![
        ("grant_type", "authorization_code"),
        ("code", code),
        ("redirect_uri", CALLBACK),
        ("code_verifier", VERIFIER),
    ];
    for change in changes {
        pairs.retain(|(name, _)| *name != change.0);
        if !change.1.is_empty() {
            pairs.push(*change);
        }
    }
    world.token(Some(&world.web_auth()), &pairs).await
}

#[tokio::test]
async fn a08_case_28_a_code_used_again_ends_what_the_first_use_was_given() {
    let world = World::new().await;
    for later in [0, 30, 3599] {
        let code = world.code(&[]).await;
        let first = Tokens(world.redeem(&code).await.json());
        let next = Tokens(world.refresh(first.refresh()).await.json());
        assert!(world.is_active(first.access()).await && world.is_active(next.access()).await);
        world.solo.advance_secs(later);
        assert!(world.is_active(next.refresh()).await, "{later}");
        refused(&world.redeem(&code).await, 400, "invalid_grant", "the second use");
        refused(&world.redeem(&code).await, 400, "invalid_grant", "the third use");
        for token in [first.access(), next.access(), next.refresh()] {
            assert!(!world.is_active(token).await, "{later}");
        }
        assert_eq!(world.userinfo(next.access()).await.status, 401);
        refused(&world.refresh(next.refresh()).await, 400, "invalid_grant", "its refresh token");
    }
}

#[tokio::test]
async fn case_28_a_replay_with_other_parameters_is_a_replay() {
    let world = World::new().await;
    for changes in
        [("code_verifier", WRONG_VERIFIER), ("redirect_uri", "https://evil.example"), ("code_verifier", "")]
    {
        let code = world.code(&[]).await;
        let first = Tokens(world.redeem(&code).await.json());
        refused(&redeem(&world, &code, &[changes]).await, 400, "invalid_grant", "a replay");
        assert!(!world.is_active(first.access()).await, "{changes:?}");
    }
}

#[tokio::test]
async fn case_29_a_code_is_redeemed_as_it_was_issued() {
    let world = World::new().await;
    for changes in [
        ("redirect_uri", ""),
        ("redirect_uri", "https://app.example/"),
        ("redirect_uri", "https://app.example/callback/"),
        ("redirect_uri", "https://app.example/callback?a=1"),
        ("code_verifier", ""),
        ("code_verifier", WRONG_VERIFIER),
        ("code_verifier", "short"),
        ("code_verifier", &format!("{VERIFIER} ")),
        ("code_verifier", &VERIFIER.to_lowercase()),
        ("code_verifier", &crypto::pkce_s256(VERIFIER)),
        ("code_verifier", &"x".repeat(129)),
    ] {
        let code = world.code(&[]).await;
        refused(&redeem(&world, &code, &[changes]).await, 400, "invalid_grant", &format!("{changes:?}"));
        // A wrong guess uses nothing up: the application that was interrupted still gets its tokens.
        assert_eq!(world.redeem(&code).await.status, 200, "{changes:?}");
    }
}

#[tokio::test]
async fn case_29_a_code_of_another_client_is_unknown_and_stays_good() {
    let world = World::new().await;
    let code = world.code(&[]).await;
    let spec = application(ApplicationKind::Web, ClientAuth::Basic);
    let system = Caller::system();
    let other = world.service.create(world.instance, &system, &world.project, spec).await.unwrap();
    let secret = world.service.new_client_secret(world.instance, &system, &other).await.unwrap();
    let pairs = [
        ("grant_type", "authorization_code"),
        ("code", &*code),
        ("redirect_uri", CALLBACK),
        ("code_verifier", VERIFIER),
    ];
    let answer = world.token(Some(&basic(other.as_str(), secret.expose())), &pairs).await;
    refused(&answer, 400, "invalid_grant", "another confidential client");
    let public: Vec<_> = pairs.into_iter().chain([("client_id", world.spa.as_str())]).collect();
    refused(&world.token(None, &public).await, 400, "invalid_grant", "a public client");
    let tokens = Tokens(world.redeem(&code).await.json());
    // Nor does its replay harm what its owner was given.
    refused(&world.token(None, &public).await, 400, "invalid_grant", "a public client");
    assert!(world.is_active(tokens.access()).await);
}

#[tokio::test]
async fn case_29_a_code_lives_sixty_seconds() {
    let world = World::new().await;
    let (early, late) = (world.code(&[]).await, world.code(&[]).await);
    world.solo.advance_secs(59);
    assert_eq!(world.redeem(&early).await.status, 200);
    world.solo.advance_secs(1);
    refused(&world.redeem(&late).await, 400, "invalid_grant", "sixty seconds old");
}

#[tokio::test]
async fn case_29_text_that_is_no_code_is_refused_alike() {
    let world = World::new().await;
    let code = world.code(&[]).await;
    let refresh = world.tokens(&[]).await;
    let mut bodies = std::collections::BTreeSet::new();
    let others = [
        flipped(&code, 12),
        flipped(&code, code.len() - 1),
        code[..code.len() - 1].to_owned(),
        format!("{code}A"),
        format!("{code} "),
        code.to_uppercase(),
        refresh.refresh().to_owned(),
        crypto::token::mint("cnv_ac_", &[0; 32]),
        crypto::token::mint("cnv_ac_", &[0; 31]),
        "x".repeat(10_000),
        "\0".into(),
        "../../etc/passwd".into(),
        "' OR 1=1 --".into(),
    ];
    for other in &others {
        let answer = redeem(&world, other, &[]).await;
        refused(&answer, 400, "invalid_grant", other);
        assert!(!answer.body.contains(other.as_str()), "echoed: {}", answer.body);
        bodies.insert(answer.body);
    }
    assert!(bodies.len() <= 2, "{bodies:?}");
    assert_eq!(world.redeem(&code).await.status, 200);
}

#[tokio::test]
async fn case_30_a_verifier_without_a_challenge_is_no_downgrade() {
    let world = World::new().await;
    world.change_web(|web| web.pkce_optional = true).await;
    let without = [("code_challenge", ""), ("code_challenge_method", "")];
    let code = world.code(&without).await;
    refused(&world.redeem(&code).await, 400, "invalid_grant", "a verifier for no challenge");
    assert_eq!(redeem(&world, &code, &[("code_verifier", "")]).await.status, 200);
    // And with a challenge the verifier is not optional.
    let code = world.code(&[]).await;
    refused(&redeem(&world, &code, &[("code_verifier", "")]).await, 400, "invalid_grant", "no verifier");
}

#[tokio::test]
async fn a_public_client_redeems_with_pkce_alone() {
    let world = World::new().await;
    let code = world.code(&[("client_id", world.spa.as_str())]).await;
    let mut pairs = vec![
        ("grant_type", "authorization_code"),
        ("code", &*code),
        ("redirect_uri", CALLBACK),
        ("client_id", world.spa.as_str()),
    ];
    refused(&world.token(None, &pairs).await, 400, "invalid_grant", "without a verifier");
    pairs.push(("code_verifier", VERIFIER));
    let answer = world.token(None, &pairs).await;
    assert_eq!(answer.status, 200, "{}", answer.body);
    assert_eq!(claims(answer.json()["access_token"].as_str().unwrap())["client_id"], world.spa.as_str());
}

#[tokio::test]
async fn a_request_is_answered_with_one_code() {
    let world = World::new().await;
    let browser = Browser::new(&world);
    let form = browser.form(&world.authorize_path(&[])).await;
    assert!(browser.fill(&form, "alice", PASSWORD).await.parameter("code").is_some());
    let again = browser.fill(&form, "alice", PASSWORD).await;
    error_page(&again, 400, "expired_request", "the form sent twice");
    assert_eq!(world.events(What::CodeIssued).await, 1);
}

#[tokio::test]
async fn a_code_and_its_secret_come_without_an_application_type_that_signs_nobody_in() {
    let world = World::new().await;
    let code = world.code(&[]).await;
    world.change::<Application>(&world.web, |web| web.redirect_uris = uris(&[])).await;
    // It was issued while the address stood; it is redeemed, not sent anywhere again.
    assert_eq!(world.redeem(&code).await.status, 200);
}

/// Each pair of a world: two redemptions of one code from one signed-in session, at the same moment.
async fn race(pairs: usize) -> usize {
    let world = Arc::new(World::new().await);
    let (browser, _) = world.signed_in().await;
    let begun = (world.events(What::CodeRedeemed).await, world.events(What::FamilyRevoked).await);
    let path = world.authorize_path(&[("prompt", "none"), ("scope", "openid offline_access")]);
    let mut winners = 0;
    for number in 0..pairs {
        let code = browser.get(&path).await.parameter("code").unwrap();
        let start = Arc::new(tokio::sync::Barrier::new(2));
        let both = [0, 1].map(|_| {
            let (world, code, start) = (Arc::clone(&world), code.clone(), Arc::clone(&start));
            tokio::spawn(async move {
                start.wait().await;
                world.redeem(&code).await
            })
        });
        let [first, second] = both;
        let answers = [first.await.unwrap(), second.await.unwrap()];
        let (won, lost): (Vec<&Answer>, Vec<&Answer>) =
            answers.iter().partition(|answer| answer.status == 200);
        assert!(won.len() <= 1, "pair {number}: two answers with tokens");
        for answer in lost {
            refused(answer, 400, "invalid_grant", "the loser");
        }
        // The winner may even lose its answer: nothing is signed once the replay stands in the log.
        for answer in won {
            winners += 1;
            let tokens = Tokens(answer.json());
            assert_eq!(world.userinfo(tokens.access()).await.status, 401, "pair {number}");
            refused(
                &world.refresh(tokens.refresh()).await,
                400,
                "invalid_grant",
                "what the winner was given",
            );
        }
    }
    // By the log itself: each code was redeemed once, replayed once, and what it gave was revoked once.
    assert_eq!(world.events(What::CodeRedeemed).await - begun.0, pairs);
    assert_eq!(world.events(What::CodeReplayed).await, pairs);
    assert_eq!(world.events(What::FamilyRevoked).await - begun.1, pairs);
    winners
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a08_case_28_of_two_thousand_pairs_of_racing_redemptions_exactly_one_each_wins() {
    // Ten small worlds, because a write beside an open view copies the tables in memory.
    let mut winners = 0;
    for _ in 0..10 {
        winners += race(200).await;
    }
    assert!(winners > 0, "no pair got an answer with tokens: nothing was raced");
}

#[tokio::test]
async fn a08_case_28_a_replay_between_command_and_signature_leaves_no_token() {
    let world = World::new().await;
    let node = Node::of(&world);
    let slow = world.through(&node);
    node.answer_late();
    let code = world.code(&[]).await;
    let (one, two) = tokio::join!(slow.redeem(&code), slow.redeem(&code));
    for answer in [one, two] {
        refused(&answer, 400, "invalid_grant", "nothing is signed for what is revoked");
    }
    assert_eq!(world.events(What::CodeRedeemed).await, 1);
    assert_eq!(world.events(What::CodeReplayed).await, 1);
}
