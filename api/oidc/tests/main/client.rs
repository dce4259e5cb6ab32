//! Who may ask the token endpoint, and for what: client authentication and grant types.

use crate::tools::*;
use crate::world::*;
use identity::application::{Application, ApplicationKind, ClientAuth};
use identity::envelope::Caller;
use identity::record::State;
use identity::user::User;

/// A token request with a code that does not exist: an authenticated client gets `invalid_grant`, all others less.
async fn check(world: &World, authorization: Option<&str>, more: &[(&str, &str)], error: &str, what: &str) {
    let mut pairs = vec![
        ("grant_type", "authorization_code"),
        ("code", "unknown"),
        ("redirect_uri", CALLBACK),
        ("code_verifier", VERIFIER),
    ];
    pairs.extend(more);
    let status = if error == "invalid_client" { 401 } else { 400 };
    let answer = world.token(authorization, &pairs).await;
    refused(&answer, status, error, what);
    assert_eq!(answer.headers.contains_key("www-authenticate"), status == 401, "{what}");
}

async fn posting_client(world: &World) -> (String, String) {
    let system = Caller::system();
    let spec = application(ApplicationKind::Web, ClientAuth::Post);
    let id = world.service.create(world.instance, &system, &world.project, spec).await.unwrap();
    let secret = world.service.new_client_secret(world.instance, &system, &id).await.unwrap();
    (id.to_string(), secret.expose().clone())
}

#[tokio::test]
async fn case_31_a_client_authenticates_by_its_own_method_and_no_other() {
    let world = World::new().await;
    let (web, secret, auth) = (world.web.as_str(), world.web_secret.as_str(), world.web_auth());
    let (post, post_secret) = posting_client(&world).await;
    let (spa, basic_of) = (world.spa.as_str(), |id: &str, secret: &str| basic(id, secret));
    // as registered
    check(&world, Some(&auth), &[], "invalid_grant", "basic").await;
    check(&world, Some(&auth), &[("client_id", web)], "invalid_grant", "basic with its id").await;
    check(&world, None, &[("client_id", &post), ("client_secret", &post_secret)], "invalid_grant", "post")
        .await;
    check(&world, None, &[("client_id", spa)], "invalid_grant", "public").await;
    // by another method
    check(&world, None, &[("client_id", web), ("client_secret", secret)], "invalid_client", "post for basic")
        .await;
    check(&world, Some(&basic_of(&post, &post_secret)), &[], "invalid_client", "basic for post").await;
    check(&world, None, &[("client_id", web)], "invalid_client", "none for basic").await;
    check(&world, Some(&basic_of(spa, "")), &[], "invalid_client", "basic for none").await;
    let with_secret = [("client_id", spa), ("client_secret", "x")];
    check(&world, None, &with_secret, "invalid_client", "a secret for none").await;
    // by two
    for more in [("client_secret", secret), ("client_secret", ""), ("client_assertion", "x")] {
        check(&world, Some(&auth), &[more], "invalid_request", "two methods").await;
    }
    check(&world, Some(&auth), &[("client_id", spa)], "invalid_request", "two clients").await;
    // by none at all
    check(&world, None, &[], "invalid_client", "nobody").await;
    check(&world, Some("Bearer x"), &[("client_id", spa)], "invalid_client", "another scheme").await;
}

#[tokio::test]
async fn case_31_a_secret_in_the_query_authenticates_nobody() {
    let world = World::new().await;
    let code = world.code(&[]).await;
    let query = form(&[("client_id", world.web.as_str()), ("client_secret", &world.web_secret)]);
    let pairs = [("grant_type", "authorization_code"), ("code", &code), ("redirect_uri", CALLBACK)];
    let path = format!("/oauth/v2/token?{query}");
    refused(&world.post(&path, None, &pairs).await, 401, "invalid_client", "secret in the query");
    let all = format!("/oauth/v2/token?{query}&{}", form(&pairs));
    refused(&world.post(&all, None, &[]).await, 400, "invalid_request", "everything in the query");
    assert_eq!(world.redeem(&code).await.status, 200, "the code is still good");
}

#[tokio::test]
async fn case_31_two_authorization_headers_are_invalid() {
    let world = World::new().await;
    let auth = world.web_auth();
    let headers = [
        ("host", HOST),
        ("content-type", "application/x-www-form-urlencoded"),
        ("authorization", auth.as_str()),
        ("authorization", auth.as_str()),
    ];
    for path in ["/oauth/v2/token", "/oauth/v2/introspect", "/oauth/v2/revoke"] {
        let answer = world.raw("POST", path, &headers, b"grant_type=refresh_token&token=x").await;
        refused(&answer, 400, "invalid_request", path);
    }
}

#[tokio::test]
async fn case_32_a_secret_that_is_not_the_secret_is_refused_alike() {
    let world = World::new().await;
    let (web, right) = (world.web.as_str(), world.web_secret.clone());
    let pair = |text: &str| {
        use base64::Engine;
        format!("Basic {}", base64::engine::general_purpose::STANDARD.encode(text))
    };
    let cut = right.split_at(right.len() - 1).0.to_owned();
    let secrets = [
        basic(web, ""),
        basic(web, "wrong"),
        basic(web, &cut),
        basic(web, &flipped(&right, 20)),
        basic(web, &format!("{right} ")),
        basic(web, &right.to_uppercase()),
        basic(web, &world.api_secret),
        basic(web, &world.robot_secret),
        basic("", &right),
        basic("unknown", &right),
        basic(world.api.as_str(), &right),
        basic(&web.to_uppercase(), &right),
        pair(&format!("{web}:{right}%")),
        pair(&format!("{web}:{right}%4")),
        pair(&format!("{web}:{right}%zz")),
        pair(&format!("{web}:%ff%fe")),
        pair(&format!("{web}%00:{right}")),
        pair(web),
        pair(""),
        pair(":"),
        "Basic".into(),
        "Basic ".into(),
        "Basic !!!!".into(),
        "Basic //79/A==".into(),
        format!("Basic {}", "A".repeat(4000)),
        "basic\u{e9} x".into(),
        "".into(),
    ];
    let mut bodies = std::collections::BTreeSet::new();
    for auth in secrets {
        check(&world, Some(&auth), &[], "invalid_client", &auth).await;
        let answer = world.token(Some(&auth), &[("grant_type", "refresh_token")]).await;
        bodies.insert(answer.body);
    }
    assert_eq!(bodies.len(), 1, "one answer for all: {bodies:?}");
    // Escaped as RFC 6749 §2.3.1 says, the right one is right.
    let escaped: String = right.bytes().map(|byte| format!("%{byte:02x}")).collect();
    check(&world, Some(&pair(&format!("{web}:{escaped}"))), &[], "invalid_grant", "escaped").await;
}

#[tokio::test]
async fn case_32_an_empty_secret_in_the_form_is_a_wrong_one() {
    let world = World::new().await;
    let (post, _) = posting_client(&world).await;
    for id in [&*post, world.web.as_str(), world.spa.as_str(), world.robot.as_str()] {
        check(&world, None, &[("client_id", id), ("client_secret", "")], "invalid_client", id).await;
    }
}

#[tokio::test]
async fn case_32_a_secret_of_an_earlier_generation_is_dead_at_once() {
    let world = World::new().await;
    let (old, system) = (world.web_auth(), Caller::system());
    let new = world.service.new_client_secret(world.instance, &system, &world.web).await.unwrap();
    check(&world, Some(&old), &[], "invalid_client", "old").await;
    check(&world, Some(&basic(world.web.as_str(), new.expose())), &[], "invalid_grant", "new").await;
    assert_eq!(world.robot_token("openid").await.status, 200);
    let new = world.service.new_service_secret(world.instance, &system, &world.robot).await.unwrap();
    refused(&world.robot_token("openid").await, 401, "invalid_client", "the robot's old secret");
    let robot = World { robot_secret: new.expose().clone(), ..world.clone() };
    assert_eq!(robot.robot_token("openid").await.status, 200);
}

#[tokio::test]
async fn case_33_client_assertions_are_not_offered_and_authenticate_nobody() {
    let world = World::new().await;
    let kind = ("client_assertion_type", "urn:ietf:params:oauth:client-assertion-type:jwt-bearer");
    let object = format!("{}.e30.", crypto::b64url(br#"{"alg":"none"}"#));
    for client in [&world.web, &world.spa] {
        let more = [("client_id", client.as_str()), ("client_assertion", object.as_str()), kind];
        check(&world, None, &more, "invalid_client", "an assertion").await;
    }
    let document = world.get("/.well-known/openid-configuration").await.json();
    let offered: Vec<_> = document["token_endpoint_auth_methods_supported"].as_array().unwrap().clone();
    assert_eq!(offered, ["client_secret_basic", "client_secret_post", "none"]);
}

#[tokio::test]
async fn case_42_client_credentials_are_for_service_accounts() {
    let world = World::new().await;
    let grant = ("grant_type", "client_credentials");
    let public = [grant, ("client_id", world.spa.as_str())];
    refused(&world.token(None, &public).await, 400, "unauthorized_client", "public");
    for auth in [world.web_auth(), world.api_auth()] {
        refused(&world.token(Some(&auth), &[grant]).await, 400, "unauthorized_client", "an application");
    }
    let person = basic("alice", PASSWORD);
    refused(&world.token(Some(&person), &[grant]).await, 401, "invalid_client", "a person");
    world.switch::<Application>(&world.web, State::Inactive).await;
    refused(&world.token(Some(&world.web_auth()), &[grant]).await, 401, "invalid_client", "disabled");
    assert_eq!(world.robot_token("openid").await.status, 200);
    world.switch::<User>(&world.robot, State::Inactive).await;
    refused(&world.robot_token("openid").await, 401, "invalid_client", "a disabled service account");
}

#[tokio::test]
async fn a_service_account_takes_no_grant_of_a_person() {
    let world = World::new().await;
    let (auth, code) = (basic(world.robot.as_str(), &world.robot_secret), world.code(&[]).await);
    let pairs = [("grant_type", "authorization_code"), ("code", &*code), ("redirect_uri", CALLBACK)];
    refused(&world.token(Some(&auth), &pairs).await, 400, "unauthorized_client", "a code");
    let pairs = [("grant_type", "refresh_token"), ("refresh_token", "x")];
    refused(&world.token(Some(&auth), &pairs).await, 400, "unauthorized_client", "a refresh token");
}

#[tokio::test]
async fn a_service_account_claims_no_organization_but_its_own() {
    let world = World::new().await;
    let own = format!("urn:zitadel:iam:org:id:{}", world.organization);
    for scope in [own.as_str(), "urn:zitadel:iam:org:domain:primary:acme.example"] {
        assert_eq!(world.robot_token(&format!("openid {scope}")).await.status, 200, "{scope}");
    }
    for scope in ["urn:zitadel:iam:org:id:globex", "urn:zitadel:iam:org:domain:primary:globex.example"] {
        let answer = world.robot_token(&format!("openid {scope}")).await;
        refused(&answer, 400, "invalid_scope", scope);
    }
    refused(&world.robot_token("openid \"x\"").await, 400, "invalid_scope", "no scope at all");
}

#[tokio::test]
async fn case_46_grant_types_are_known_by_their_exact_name() {
    let world = World::new().await;
    let auth = world.web_auth();
    for grant in [
        "Authorization_Code",
        "authorization_code ",
        " authorization_code",
        "authorization_code\n",
        "authorization-code",
        "password",
        "implicit",
        "x",
        "urn:ietf:params:oauth:grant-type:device_code",
        "urn:ietf:params:oauth:grant-type:jwt-Bearer",
        "urn:ietf:params:oauth:grant-type:jwt-bearer ",
        "urn:ietf:params:oauth:client-assertion-type:jwt-bearer",
        "jwt-bearer",
        "urn:ietf:params:oauth:grant-type:token-exchange",
        "urn:openid:params:grant-type:ciba",
        "urn:ietf:params:oauth:grant-type:saml2-bearer",
    ] {
        let answer = world.token(Some(&auth), &[("grant_type", grant)]).await;
        refused(&answer, 400, "unsupported_grant_type", grant);
    }
    refused(&world.token(Some(&auth), &[("grant_type", "")]).await, 400, "invalid_request", "empty");
    refused(&world.token(Some(&auth), &[]).await, 400, "invalid_request", "none");
    let bearer = [("grant_type", "urn:ietf:params:oauth:grant-type:jwt-bearer")];
    let answer = world.token(None, &bearer).await;
    refused(&answer, 400, "invalid_request", "no assertion");
    assert!(answer.body.contains("the parameter assertion is missing"), "{}", answer.body);
    for (grant, missing) in [("authorization_code", "code"), ("refresh_token", "refresh_token")] {
        let answer = world.token(Some(&auth), &[("grant_type", grant)]).await;
        refused(&answer, 400, "invalid_request", grant);
        assert!(answer.body.contains(&format!("the parameter {missing} is missing")), "{}", answer.body);
    }
}
