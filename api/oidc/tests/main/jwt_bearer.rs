//! The JWT profile grant: whose assertion counts, what it must say, and what ends the tokens that it gets.

use crate::tenants::{OTHER, twin};
use crate::tools::*;
use crate::world::*;
use crypto::testing::signing_key;
use crypto::{Alg, Signer, b64url, hmac_sha256};
use identity::change::Create;
use identity::credential::service_key::{PublicJwk, ServiceKey};
use identity::envelope::Caller;
use identity::id::{Id, InstanceId};
use identity::name::{Name, Username};
use identity::organization::Organization;
use identity::record::State;
use identity::user::{User, UserKind};
use serde_json::{Value, json};
use std::collections::BTreeSet;

const GRANT: (&str, &str) = ("grant_type", "urn:ietf:params:oauth:grant-type:jwt-bearer");
const ENDPOINT: &str = "https://auth.example/oauth/v2/token";
const KID: &str = "robot-key";
const ALGS: [Alg; 3] = [Alg::Es256, Alg::Rs256, Alg::EdDsa];

fn public(alg: Alg) -> PublicJwk {
    PublicJwk::parse(&signing_key(alg).public_jwk().key.canonical()).unwrap()
}

async fn add_key(world: &World, instance: InstanceId, (user, kid): (&Id, &str), key: ServiceKey) {
    let command = Create { id: Id::parse(kid).unwrap(), parent: user.clone(), spec: key, birth: () };
    world.service.submit(instance, Caller::system(), &command).await.unwrap();
}

/// A world whose robot has an ES256 key.
async fn with_key() -> World {
    let world = World::new().await;
    let key = ServiceKey { jwk: public(Alg::Es256), expires: None };
    add_key(&world, world.instance, (&world.robot, KID), key).await;
    world
}

async fn another_robot(world: &World, instance: InstanceId) -> Id {
    let spec = User {
        username: Username::parse("robot2").unwrap(),
        kind: UserKind::Service { name: Name::parse("Robot").unwrap() },
    };
    let (service, system) = (&world.service, Caller::system());
    service.create_user(instance, &system, &world.organization, spec).await.unwrap()
}

fn header(alg: Alg) -> Value {
    json!({ "alg": alg.name(), "kid": KID })
}

/// The claims of a sound assertion of the robot.
fn sound(world: &World) -> Value {
    let now = world.solo.now().secs();
    json!({ "iss": world.robot, "sub": world.robot, "aud": ISSUER, "iat": now, "exp": now + 600 })
}

fn with(claims: &Value, name: &str, value: Value) -> Value {
    let mut claims = claims.clone();
    claims[name] = value;
    claims
}

fn without(claims: &Value, name: &str) -> Value {
    let mut claims = claims.clone();
    claims.as_object_mut().unwrap().remove(name);
    claims
}

async fn signed_text(alg: Alg, header: &str, claims: &str) -> String {
    let message = format!("{}.{}", b64url(header.as_bytes()), b64url(claims.as_bytes()));
    let signature = signing_key(alg).sign(message.as_bytes()).await.unwrap();
    format!("{message}.{}", b64url(&signature))
}

async fn signed(alg: Alg, header: &Value, claims: &Value) -> String {
    signed_text(alg, &header.to_string(), &claims.to_string()).await
}

/// A sound assertion of the robot.
async fn assertion(world: &World) -> String {
    signed(Alg::Es256, &header(Alg::Es256), &sound(world)).await
}

async fn present(world: &World, assertion: &str, more: &[(&str, &str)]) -> Answer {
    let pairs: Vec<_> = [GRANT, ("assertion", assertion)].into_iter().chain(more.iter().copied()).collect();
    world.token(None, &pairs).await
}

/// Asserts that an assertion gets nothing; returns what was answered.
async fn no_token(world: &World, assertion: &str, what: &str) -> String {
    let answer = present(world, assertion, &[("scope", "openid")]).await;
    refused(&answer, 400, "invalid_grant", what);
    answer.body
}

/// Asserts that claims get nothing, though the robot has signed them.
async fn no_claims(world: &World, claims: &Value) {
    let assertion = signed(Alg::Es256, &header(Alg::Es256), claims).await;
    no_token(world, &assertion, &claims.to_string()).await;
}

async fn token_for(world: &World, assertion: &str, scope: &str) -> Tokens {
    let answer = present(world, assertion, &[("scope", scope)]).await;
    assert_eq!(answer.status, 200, "{}", answer.body);
    Tokens(answer.json())
}

/// A token of the robot's key that the project's API may introspect.
async fn token(world: &World) -> Tokens {
    let scope = format!("openid profile urn:zitadel:iam:org:project:id:{}:aud", world.project);
    token_for(world, &assertion(world).await, &scope).await
}

#[tokio::test]
async fn case_41_a_signature_of_another_key_gets_nothing() {
    let world = with_key().await;
    let robot2 = another_robot(&world, world.instance).await;
    let key = ServiceKey { jwk: public(Alg::EdDsa), expires: None };
    add_key(&world, world.instance, (&robot2, "robot2-key"), key).await;
    let claims = sound(&world);
    let mut bodies = BTreeSet::new();
    // signed by another key than the one that is named
    for alg in ALGS {
        for named in ALGS.into_iter().filter(|named| (alg, *named) != (Alg::Es256, Alg::Es256)) {
            let forged = signed(alg, &header(named), &claims).await;
            bodies.insert(no_token(&world, &forged, &format!("{} as {}", alg.name(), named.name())).await);
        }
    }
    // a kid that nobody has, or that names something else
    for kid in ["", "unknown", "Robot-Key", "robot-key ", "../robot-key", world.robot.as_str(), "test-es256"]
    {
        let forged = signed(Alg::Es256, &json!({ "alg": "ES256", "kid": kid }), &claims).await;
        bodies.insert(no_token(&world, &forged, kid).await);
    }
    // the instance's own key
    bodies.insert(no_token(&world, &world.sign("JWT", &claims).await, "signed by ourselves").await);
    assert_eq!(bodies.len(), 1, "one answer for all: {bodies:?}");
    // Another service account signs for itself alone.
    let other = json!({ "alg": "EdDSA", "kid": "robot2-key" });
    no_token(&world, &signed(Alg::EdDsa, &other, &claims).await, "another's key").await;
    let own = with(&with(&claims, "iss", json!(robot2)), "sub", json!(robot2));
    let found = token_for(&world, &signed(Alg::EdDsa, &other, &own).await, "openid").await;
    assert_eq!(crate::world::claims(found.access())["sub"], robot2.as_str());
    no_claims(&world, &own).await;
}

#[tokio::test]
async fn case_41_only_the_algorithm_of_the_key_counts() {
    let world = with_key().await;
    let claims = sound(&world);
    for alg in ["none", "None", "NONE", "", "HS256", "HS512", "RS256", "PS256", "ES384", "EdDSA", "es256"] {
        let header = json!({ "alg": alg, "kid": KID });
        let token = signed(Alg::Es256, &header, &claims).await;
        let (message, _) = token.rsplit_once('.').unwrap();
        let jwk = signing_key(Alg::Es256).public_jwk().key.canonical();
        let mac = b64url(&hmac_sha256(jwk.as_bytes(), message.as_bytes()));
        for forged in [&token, &format!("{message}."), &format!("{message}.{mac}")] {
            no_token(&world, forged, alg).await;
        }
    }
}

#[tokio::test]
async fn case_41_what_is_no_assertion_is_refused_before_anything_is_read() {
    let world = with_key().await;
    let (claims, before) = (&sound(&world), world.view().await.position);
    let sound = assertion(&world).await;
    let parts: Vec<&str> = sound.split('.').collect();
    let mut garbage = vec![
        "x".to_owned(),
        "..".into(),
        format!("{}.{}", parts[0], parts[1]),
        format!("{sound}."),
        format!("{sound}="),
        format!("{sound}.x"),
        "x".repeat(20_000),
        "\u{e9}.\u{e9}.\u{e9}".into(),
    ];
    for header in [
        json!({ "alg": "ES256" }),
        json!({ "kid": KID }),
        json!({ "alg": "ES256", "kid": 1 }),
        json!({ "alg": "ES256", "kid": KID, "typ": "at+jwt" }),
        json!({ "alg": "ES256", "kid": KID, "typ": "" }),
        json!({ "alg": "ES256", "kid": KID, "jku": "https://evil.example/keys" }),
        json!({ "alg": "ES256", "kid": KID, "jwk": signing_key(Alg::Es256).public_jwk() }),
        json!({ "alg": "ES256", "kid": KID, "crit": ["exp"] }),
        json!([]),
    ] {
        garbage.push(signed(Alg::Es256, &header, claims).await);
    }
    // A node without quorum would have to say 503 if it had looked for a key.
    let node = Node::of(&world);
    let there = world.through(&node);
    node.lose_quorum();
    for garbage in &garbage {
        no_token(&there, garbage, garbage).await;
    }
    assert_eq!(world.view().await.position, before);
    refused(&world.token(None, &[GRANT]).await, 400, "invalid_request", "none");
    refused(&present(&world, "", &[]).await, 400, "invalid_request", "an empty one");
    let damaged: Vec<String> =
        (0..sound.len()).step_by(19).map(|at| flipped(&sound, at)).filter(|text| *text != sound).collect();
    for damaged in &damaged {
        no_token(&world, damaged, damaged).await;
    }
    token_for(&there, &sound, "openid").await;
}

#[tokio::test]
async fn case_41_the_claims_say_who_signed_for_whom_and_until_when() {
    let world = with_key().await;
    let (good, now) = (sound(&world), world.solo.now().secs());
    for name in ["iss", "sub", "aud", "exp"] {
        no_claims(&world, &without(&good, name)).await;
        for value in [json!(null), json!({}), json!(true)] {
            no_claims(&world, &with(&good, name, value)).await;
        }
    }
    let upper = world.robot.as_str().to_uppercase();
    for value in ["", "robot", "unknown", ISSUER, &format!("{} ", world.robot), &upper, world.alice.as_str()]
    {
        if value != world.robot.as_str() {
            no_claims(&world, &with(&good, "iss", json!(value))).await;
            no_claims(&world, &with(&good, "sub", json!(value))).await;
        }
    }
    let posing = with(&with(&good, "iss", json!(world.alice)), "sub", json!(world.alice));
    no_claims(&world, &posing).await;
    for aud in [
        json!(""),
        json!([]),
        json!("https://other.example"),
        json!("https://auth.example/"),
        json!("https://auth.example.evil.example"),
        json!("http://auth.example"),
        json!("auth.example"),
        json!("https://auth.example/oauth/v2/introspect"),
        json!([world.robot, world.project]),
        json!([[ISSUER]]),
    ] {
        no_claims(&world, &with(&good, "aud", aud)).await;
    }
    for exp in [json!(0), json!(-1), json!(now), json!(now - 1), json!(now + 3611), json!(u64::MAX)] {
        no_claims(&world, &with(&good, "exp", exp)).await;
    }
    no_claims(&world, &with(&good, "exp", json!((now + 60).to_string()))).await;
    for name in ["iat", "nbf"] {
        for value in [json!(now + 11), json!(now + 60), json!("now"), json!(u64::MAX)] {
            no_claims(&world, &with(&good, name, value)).await;
        }
    }
    // Twice is not once, and what no number can hold is none.
    let text = good.to_string();
    for twice in [text.replacen('{', "{\"exp\":1,", 1), text.replacen('{', "{\"sub\":\"x\",", 1)] {
        let assertion = signed_text(Alg::Es256, &header(Alg::Es256).to_string(), &twice).await;
        no_token(&world, &assertion, &twice).await;
    }
    let huge = without(&good, "exp").to_string().replacen('{', "{\"exp\":1e999,", 1);
    let assertion = signed_text(Alg::Es256, &header(Alg::Es256).to_string(), &huge).await;
    no_token(&world, &assertion, &huge).await;
}

#[tokio::test]
async fn an_assertion_may_be_written_in_each_of_these_ways() {
    let world = with_key().await;
    let (good, now) = (sound(&world), world.solo.now().secs());
    let ways = [
        good.clone(),
        without(&good, "iat"),
        with(&good, "iat", json!(now + 10)),
        with(&good, "nbf", json!(now + 10)),
        with(&good, "iat", json!(now as f64 - 0.5)),
        with(&good, "exp", json!(now as f64 + 60.5)),
        with(&good, "exp", json!(now + 1)),
        with(&good, "exp", json!(now + 3610)),
        with(&good, "aud", json!(ENDPOINT)),
        with(&good, "aud", json!(["https://other.example", ISSUER])),
        with(&good, "jti", json!("j")),
        with(&good, "more", json!({ "of": "it" })),
    ];
    for claims in ways {
        token_for(&world, &signed(Alg::Es256, &header(Alg::Es256), &claims).await, "openid").await;
    }
    for typ in ["JWT", "jwt"] {
        let header = with(&header(Alg::Es256), "typ", json!(typ));
        token_for(&world, &signed(Alg::Es256, &header, &good).await, "openid").await;
    }
    for (alg, kid) in [(Alg::Rs256, "rsa"), (Alg::EdDsa, "ed")] {
        let key = ServiceKey { jwk: public(alg), expires: None };
        add_key(&world, world.instance, (&world.robot, kid), key).await;
        let header = json!({ "alg": alg.name(), "kid": kid });
        token_for(&world, &signed(alg, &header, &good).await, "openid").await;
    }
}

#[tokio::test]
async fn case_41_what_is_switched_off_or_expired_signs_nothing() {
    let world = with_key().await;
    let assertion = assertion(&world).await;
    let key = Id::parse(KID).unwrap();
    world.switch::<ServiceKey>(&key, State::Inactive).await;
    no_token(&world, &assertion, "the key").await;
    world.switch::<ServiceKey>(&key, State::Active).await;
    world.switch::<User>(&world.robot, State::Inactive).await;
    no_token(&world, &assertion, "the account").await;
    world.switch::<User>(&world.robot, State::Active).await;
    world.switch::<Organization>(&world.organization, State::Inactive).await;
    no_token(&world, &assertion, "the organization").await;
    world.switch::<Organization>(&world.organization, State::Active).await;
    token_for(&world, &assertion, "openid").await;
    world.switch_instance(State::Inactive).await;
    assert_eq!(present(&world, &assertion, &[]).await.status, 404, "the instance");
    world.switch_instance(State::Active).await;
    world.delete::<ServiceKey>(&key).await;
    no_token(&world, &assertion, "a deleted key").await;
    let expires = Some(world.solo.now().plus_secs(60));
    add_key(&world, world.instance, (&world.robot, KID), ServiceKey { jwk: public(Alg::Es256), expires })
        .await;
    world.solo.advance_secs(59);
    token_for(&world, &assertion, "openid").await;
    world.solo.advance_secs(1);
    no_token(&world, &assertion, "an expired key").await;
}

#[tokio::test]
async fn a11_case_41_a_key_of_one_instance_signs_for_no_other() {
    let world = with_key().await;
    let other = twin(&world).await;
    let robot = another_robot(&world, other.instance).await;
    let key = ServiceKey { jwk: public(Alg::EdDsa), expires: None };
    add_key(&world, other.instance, (&robot, "there"), key).await;
    let mut claims = sound(&world);
    claims["aud"] = json!([ISSUER, format!("https://{OTHER}")]);
    let here = signed(Alg::Es256, &header(Alg::Es256), &claims).await;
    claims["iss"] = json!(robot);
    claims["sub"] = json!(robot);
    let there = signed(Alg::EdDsa, &json!({ "alg": "EdDSA", "kid": "there" }), &claims).await;
    let ask = async |host: &str, assertion: &str| {
        let body = form(&[GRANT, ("assertion", assertion)]);
        let headers = [("host", host), ("content-type", "application/x-www-form-urlencoded")];
        world.raw("POST", "/oauth/v2/token", &headers, body.as_bytes()).await
    };
    refused(&ask(OTHER, &here).await, 400, "invalid_grant", "a key of the first");
    refused(&ask(HOST, &there).await, 400, "invalid_grant", "a key of the other");
    assert_eq!(ask(HOST, &here).await.status, 200);
    let found = ask(OTHER, &there).await;
    assert_eq!(found.status, 200, "{}", found.body);
    // Nor does a token of the one count in the other.
    let found = Tokens(found.json());
    assert_eq!(world.userinfo(found.access()).await.status, 401);
    // Meant for the other alone, it gets nothing here.
    no_claims(&world, &with(&sound(&world), "aud", json!(format!("https://{OTHER}")))).await;
}

#[tokio::test]
async fn an_assertion_comes_alone() {
    let world = with_key().await;
    let assertion = assertion(&world).await;
    let robot = basic(world.robot.as_str(), &world.robot_secret);
    for auth in [world.web_auth(), robot, "Bearer x".into()] {
        let answer = world.token(Some(&auth), &[GRANT, ("assertion", &assertion)]).await;
        refused(&answer, 400, "invalid_request", &auth);
    }
    for more in [("client_secret", &*world.robot_secret), ("client_secret", ""), ("client_assertion", "x")] {
        refused(&present(&world, &assertion, &[more]).await, 400, "invalid_request", more.0);
    }
    for client in [world.web.as_str(), world.spa.as_str(), "robot", "unknown"] {
        let answer = present(&world, &assertion, &[("client_id", client)]).await;
        refused(&answer, 400, "invalid_grant", client);
    }
    let answer = present(&world, &assertion, &[("client_id", world.robot.as_str())]).await;
    assert_eq!(answer.status, 200, "{}", answer.body);
    // It is no other grant's, and authenticates no client.
    for grant in ["client_credentials", "authorization_code", "refresh_token"] {
        let answer = world.token(None, &[("grant_type", grant), ("assertion", &assertion)]).await;
        refused(&answer, 401, "invalid_client", grant);
    }
}

#[tokio::test]
async fn a_key_gets_what_client_credentials_get_without_writing_to_the_log() {
    let world = with_key().await;
    let scope = "openid profile offline_access";
    let by_secret = world.robot_token(scope).await.json();
    let before = world.view().await.position;
    let by_key = token_for(&world, &assertion(&world).await, scope).await;
    assert_eq!(world.view().await.position, before);
    let names = |answer: &Value| answer.as_object().unwrap().keys().cloned().collect::<Vec<_>>();
    assert_eq!(names(&by_key.0), names(&by_secret));
    assert_eq!(by_key.0["scope"], "openid profile");
    let (own, other) = (claims(by_key.access()), claims(by_secret["access_token"].as_str().unwrap()));
    assert_eq!(own["urn:conclave:key"]["kid"], KID);
    let same = |claims: &Value| {
        ["urn:conclave:key", "urn:conclave:generation", "jti"]
            .iter()
            .fold(claims.clone(), |claims, name| without(&claims, name))
    };
    assert_eq!(same(&own), same(&other));
    for scope in ["urn:zitadel:iam:org:id:globex", "openid \"x\""] {
        let answer = present(&world, &assertion(&world).await, &[("scope", scope)]).await;
        refused(&answer, 400, "invalid_scope", scope);
    }
}

#[tokio::test]
async fn a_token_of_a_key_is_a_token_like_any_other() {
    let world = with_key().await;
    let token = token(&world).await;
    let me = world.userinfo(token.access()).await;
    assert_eq!(me.status, 200, "{}", me.body);
    assert_eq!(me.json()["sub"], world.robot.as_str());
    let seen = world.introspect(token.access()).await.json();
    assert_eq!(seen["active"], true, "{seen}");
    assert_eq!((&seen["sub"], &seen["client_id"]), (&json!(world.robot), &json!(world.robot)));
    assert!(seen.as_object().unwrap().keys().all(|name| !name.starts_with("urn:conclave:")), "{seen}");
    // The account may take it back by its secret.
    let robot = basic(world.robot.as_str(), &world.robot_secret);
    world.post("/oauth/v2/revoke", Some(&robot), &[("token", token.access())]).await;
    assert!(!world.is_active(token.access()).await);
}

#[tokio::test]
async fn until_it_expires_an_assertion_may_be_used_again() {
    let world = with_key().await;
    let assertion = assertion(&world).await;
    let first = token_for(&world, &assertion, "openid").await;
    let again = token_for(&world, &assertion, "openid").await;
    assert_ne!(claims(first.access())["jti"], claims(again.access())["jti"]);
    world.solo.advance_secs(599);
    token_for(&world, &assertion, "openid").await;
    world.solo.advance_secs(1);
    no_token(&world, &assertion, "expired").await;
}

#[tokio::test]
async fn case_41_a_token_ends_with_the_key_that_got_it() {
    let world = with_key().await;
    let key = Id::parse(KID).unwrap();
    let other = ServiceKey { jwk: public(Alg::EdDsa), expires: None };
    add_key(&world, world.instance, (&world.robot, "other"), other.clone()).await;
    let header = json!({ "alg": "EdDSA", "kid": "other" });
    let of_other = token_for(&world, &signed(Alg::EdDsa, &header, &sound(&world)).await, "openid").await;
    let (token, system) = (token(&world).await, Caller::system());
    // A new secret is nothing to it.
    world.service.new_service_secret(world.instance, &system, &world.robot).await.unwrap();
    assert!(world.is_active(token.access()).await);
    world.switch::<ServiceKey>(&key, State::Inactive).await;
    assert!(!world.is_active(token.access()).await, "switched off");
    assert_eq!(world.userinfo(token.access()).await.status, 401);
    world.switch::<ServiceKey>(&key, State::Active).await;
    assert!(world.is_active(token.access()).await);
    world.switch::<User>(&world.robot, State::Inactive).await;
    assert!(!world.is_active(token.access()).await, "the account");
    world.switch::<User>(&world.robot, State::Active).await;
    world.delete::<ServiceKey>(&key).await;
    assert!(!world.is_active(token.access()).await, "deleted");
    assert_eq!(world.userinfo(token.access()).await.status, 401);
    // Ids may be chosen: another key under this one revives nothing.
    add_key(&world, world.instance, (&world.robot, KID), other).await;
    assert!(!world.is_active(token.access()).await, "made anew");
    assert_eq!(world.userinfo(of_other.access()).await.status, 200, "the other key's");
}

#[tokio::test]
async fn a_token_ends_when_its_key_expires() {
    let world = World::new().await;
    let expires = Some(world.solo.now().plus_secs(60));
    add_key(&world, world.instance, (&world.robot, KID), ServiceKey { jwk: public(Alg::Es256), expires })
        .await;
    let token = token(&world).await;
    world.solo.advance_secs(59);
    assert!(world.is_active(token.access()).await);
    world.solo.advance_secs(1);
    assert!(!world.is_active(token.access()).await);
}

#[tokio::test]
async fn a_token_hangs_on_one_thing_that_we_know() {
    let world = with_key().await;
    let token = token(&world).await;
    let own = claims(token.access());
    assert!(world.is_active(&world.sign("at+jwt", &own).await).await);
    let key = &own["urn:conclave:key"];
    for (name, value) in [
        ("urn:conclave:generation", json!(1)),
        ("urn:conclave:family", json!("f")),
        ("urn:conclave:key", json!(KID)),
        ("urn:conclave:key", json!(null)),
        ("urn:conclave:key", with(key, "kid", json!("unknown"))),
        ("urn:conclave:key", with(key, "sha256", json!(""))),
        ("urn:conclave:key", with(key, "sha256", json!(b64url(&[0; 32])))),
        ("sub", json!(world.alice)),
    ] {
        let other = with(&own, name, value);
        assert!(!world.is_active(&world.sign("at+jwt", &other).await).await, "{other}");
    }
}

#[tokio::test]
async fn a09_a_key_that_another_node_has_just_made_signs_here() {
    let world = World::new().await;
    let node = Node::of(&world);
    let there = world.through(&node);
    node.hold().await;
    add_key(
        &world,
        world.instance,
        (&world.robot, KID),
        ServiceKey { jwk: public(Alg::Es256), expires: None },
    )
    .await;
    let assertion = assertion(&world).await;
    let found = token_for(&there, &assertion, "openid").await;
    assert_eq!(there.userinfo(found.access()).await.status, 200);
    no_token(&there, &signed(Alg::EdDsa, &header(Alg::EdDsa), &sound(&world)).await, "another key").await;
    // Where it can't know whether there is such a key it says so.
    node.lose_quorum();
    let answer = present(&there, &assertion, &[]).await;
    assert_eq!(answer.status, 503, "{}", answer.body);
}

#[tokio::test]
async fn discovery_offers_the_grant() {
    let world = World::new().await;
    let document = world.get("/.well-known/openid-configuration").await.json();
    let offered = document["grant_types_supported"].as_array().unwrap().clone();
    let expected = ["authorization_code", "refresh_token", "client_credentials", GRANT.1];
    assert_eq!(offered, expected);
}
