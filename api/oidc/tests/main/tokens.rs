//! What tokens say, from the whole flow.

use crate::tools::*;
use crate::world::*;
use axum::http::StatusCode;
use identity::application::{ApplicationKind, ClientAuth};
use identity::envelope::Caller;
use identity::metadata::{MetadataKey, MetadataValue, UserMetadata};
use identity::name::Name;
use identity::project::Project;
use serde_json::{Value, json};

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

/// Asserts that an endpoint takes this for no access token, and never for a reason that it tells.
async fn no_access_token(world: &World, token: &str, what: &str) {
    assert!(!world.is_active(token).await, "{what}");
    let answer = world.userinfo(token).await;
    assert_eq!(answer.status, 401, "{what}: {}", answer.body);
    assert!(!answer.body.contains(token) || token.len() < 3, "{what}: echoed");
}

#[tokio::test]
async fn case_37_a_damaged_access_token_is_dead_everywhere() {
    let world = World::new().await;
    let tokens = world.tokens(&[]).await;
    let token = tokens.access();
    let parts: Vec<&str> = token.split('.').collect();
    let mut damaged: Vec<String> = (0..token.len()).step_by(23).map(|at| flipped(token, at)).collect();
    damaged.extend((1..token.len()).step_by(97).map(|end| token[..end].to_owned()));
    damaged.extend([
        format!("{token}="),
        format!("{token}A"),
        format!("{token}."),
        format!("{token}.x"),
        format!(".{token}"),
        format!("{}.{}.", parts[0], parts[1]),
        format!("{}.{}", parts[0], parts[1]),
        format!("{}..{}", parts[0], parts[2]),
        "..".into(),
        "x".repeat(20_000),
        token.to_uppercase(),
        token.replace('.', ","),
    ]);
    for damaged in damaged.iter().filter(|damaged| *damaged != token) {
        no_access_token(&world, damaged, damaged).await;
    }
    assert!(world.is_active(token).await);
}

#[tokio::test]
async fn case_47_a_token_of_one_kind_is_none_of_another() {
    let world = World::new().await;
    let (browser, tokens) = world.signed_in().await;
    let tokens = Tokens(tokens);
    let access = claims(tokens.access());
    no_access_token(&world, tokens.id(), "an ID token").await;
    assert_eq!(world.userinfo(tokens.refresh()).await.status, 401);
    for typ in ["JWT", "logout+jwt", "AT+JWT", "at+jwt ", ""] {
        no_access_token(&world, &world.sign(typ, &access).await, typ).await;
    }
    // An access token or a logout token ends no session without a question and names nobody.
    for hint in [tokens.access().to_owned(), world.sign("logout+jwt", &claims(tokens.id())).await] {
        let query =
            form(&[("id_token_hint", &hint), ("post_logout_redirect_uri", "https://app.example/bye")]);
        let answer = browser.get(&format!("/oidc/v1/end_session?{query}")).await;
        assert!(answer.body.contains("id=\"logout-confirm\""), "{}", answer.body);
        let path = world.authorize_path(&[("prompt", "none"), ("id_token_hint", &hint)]);
        sent_back(&browser.get(&path).await, "login_required", "a hint of another kind");
    }
    // Signed by us or not: what hangs on nothing that we know is dead.
    for (name, value) in [
        ("iss", json!("https://other.example")),
        ("exp", json!(1)),
        ("exp", json!(u64::MAX)),
        ("exp", json!("tomorrow")),
        ("sub", json!(world.bob)),
        ("sub", json!("")),
        ("urn:conclave:family", json!("unknown")),
        ("urn:conclave:family", Value::Null),
        ("urn:conclave:generation", json!(1)),
        ("aud", json!(7)),
    ] {
        let mut other = access.clone();
        other[name] = value;
        no_access_token(&world, &world.sign("at+jwt", &other).await, &other.to_string()).await;
    }
    assert!(
        world.is_active(&world.sign("at+jwt", &access).await).await,
        "the same claims again are the same token"
    );
}

#[tokio::test]
async fn case_48_a_signature_counts_by_our_own_keys_and_under_a_plain_header_only() {
    let world = World::new().await;
    let tokens = world.tokens(&[]).await;
    let parts: Vec<&str> = tokens.access().split('.').collect();
    let header: Value = serde_json::from_slice(&crypto::unb64url(parts[0]).unwrap()).unwrap();
    let kid = header["kid"].as_str().unwrap().to_owned();
    let keys = world.get("/oauth/v2/keys").await.json();
    let rsa = keys["keys"].as_array().unwrap().iter().find(|key| key["kty"] == "RSA").unwrap().clone();
    let attack = crypto::testing::signing_key(crypto::Alg::Es256);
    let jwk = serde_json::to_value(attack.public_jwk()).unwrap();
    let with = |changes: &[(&str, Value)]| {
        let mut header = header.clone();
        for (name, value) in changes {
            header[*name] = value.clone();
        }
        header.to_string()
    };
    let headers = [
        with(&[("alg", json!("none"))]),
        with(&[("alg", json!("None"))]),
        with(&[("alg", json!("HS256"))]),
        with(&[("alg", json!("RS256"))]),
        with(&[("alg", json!("ES384"))]),
        with(&[("alg", json!(["ES256"]))]),
        with(&[("kid", rsa["kid"].clone())]),
        with(&[("kid", json!("../../../../dev/null"))]),
        with(&[("kid", json!("' UNION SELECT 'x"))]),
        with(&[("kid", json!("test-es256"))]),
        with(&[("kid", Value::Null)]),
        with(&[("jwk", jwk), ("kid", json!("test-es256"))]),
        with(&[("jku", json!("https://evil.example/keys"))]),
        with(&[("x5u", json!("https://evil.example/cert"))]),
        with(&[("x5c", json!(["MIIB"]))]),
        with(&[("crit", json!(["exp"]))]),
        with(&[("crit", json!([]))]),
        with(&[("b64", json!(false)), ("crit", json!(["b64"]))]),
        with(&[("zip", json!("DEF"))]),
        with(&[("cty", json!("JWT"))]),
        with(&[("enc", json!("A256GCM")), ("alg", json!("dir"))]),
        format!("{{\"alg\":\"none\",\"alg\":\"ES256\",\"kid\":\"{kid}\",\"typ\":\"at+jwt\"}}"),
        "{}".into(),
        "[]".into(),
        "null".into(),
        String::new(),
        "[".repeat(5000),
    ];
    for header in headers {
        let signed = format!("{}.{}", crypto::b64url(header.as_bytes()), parts[1]);
        use crypto::Signer;
        let forged = crypto::b64url(&attack.sign(signed.as_bytes()).await.unwrap());
        let zero = crypto::b64url(&[0; 64]);
        for signature in ["", parts[2], &forged, &zero] {
            no_access_token(&world, &format!("{signed}.{signature}"), &header).await;
        }
    }
    for signature in [vec![0; 64], vec![0xff; 64], vec![], vec![0; 63], vec![0x30; 72]] {
        let token = format!("{}.{}.{}", parts[0], parts[1], crypto::b64url(&signature));
        no_access_token(&world, &token, "a signature of nobody").await;
    }
}

#[tokio::test]
async fn case_50_introspection_tells_nothing_to_whom_the_token_does_not_concern() {
    let world = World::new().await;
    let tokens = world.tokens(&[]).await;
    let ask = async |auth: Option<&str>, token: &str, more: &[(&str, &str)]| {
        let pairs: Vec<_> = more.iter().copied().chain([("token", token)]).collect();
        world.post("/oauth/v2/introspect", auth, &pairs).await
    };
    for token in [tokens.access(), tokens.refresh(), "x"] {
        refused(&ask(None, token, &[]).await, 401, "invalid_client", "nobody");
        let public = [("client_id", world.spa.as_str())];
        refused(&ask(None, token, &public).await, 401, "invalid_client", "a public client");
        let robot = basic(world.robot.as_str(), &world.robot_secret);
        refused(&ask(Some(&robot), token, &[]).await, 401, "invalid_client", "a service account");
        let bearer = format!("Bearer {}", tokens.access());
        refused(&ask(Some(&bearer), token, &[]).await, 401, "invalid_client", "a bearer");
    }
    // A confidential client of the same project, for which the token is not meant, and an API of another project.
    let (service, system) = (&world.service, Caller::system());
    let spec = application(ApplicationKind::Web, ClientAuth::Basic);
    let web = service.create(world.instance, &system, &world.project, spec).await.unwrap();
    let spec = Project {
        name: Name::parse("Other").unwrap(),
        role_assertion: false,
        role_check: false,
        has_project_check: false,
    };
    let project = service.create(world.instance, &system, &world.organization, spec).await.unwrap();
    let spec = application(ApplicationKind::Api, ClientAuth::Basic);
    let api = service.create(world.instance, &system, &project, spec).await.unwrap();
    for client in [web, api] {
        let secret = service.new_client_secret(world.instance, &system, &client).await.unwrap();
        let auth = basic(client.as_str(), secret.expose());
        for token in [tokens.access(), tokens.refresh(), tokens.id(), "x", "cnv_rt_x"] {
            let answer = ask(Some(&auth), token, &[]).await;
            assert_eq!((answer.status.as_u16(), answer.body.as_str()), (200, "{\"active\":false}"));
        }
    }
    // Nor by another form: signed answers are not offered, and not given.
    let auth = world.api_auth();
    let headers = [
        ("host", HOST),
        ("authorization", auth.as_str()),
        ("accept", "application/token-introspection+jwt"),
        ("content-type", "application/x-www-form-urlencoded"),
    ];
    let answer = world.raw("POST", "/oauth/v2/introspect", &headers, b"token=x").await;
    assert_eq!(answer.body, "{\"active\":false}");
    assert_eq!(answer.headers["content-type"], "application/json");
    refused(&world.post("/oauth/v2/introspect", Some(&auth), &[]).await, 400, "invalid_request", "no token");
}

#[tokio::test]
async fn introspection_tells_its_audience_what_the_token_says_and_no_more() {
    let world = World::new().await;
    let tokens = world.tokens(&[]).await;
    let answer = world.introspect(tokens.access()).await;
    assert_eq!(answer.headers["cache-control"], "no-store");
    let seen = answer.json();
    for (name, value) in claims(tokens.access()).as_object().unwrap() {
        let internal = name.starts_with("urn:conclave:");
        assert_eq!(seen.get(name), (!internal).then_some(value), "{name}");
    }
    assert_eq!(seen["username"], "alice");
    assert_eq!(seen["email"], "alice@mail.example");
    assert_eq!(seen["token_type"], "Bearer");
    let own =
        world.post("/oauth/v2/introspect", Some(&world.web_auth()), &[("token", tokens.access())]).await;
    assert_eq!(own.json(), seen, "the client itself");
    let refresh =
        world.post("/oauth/v2/introspect", Some(&world.web_auth()), &[("token", tokens.refresh())]).await;
    assert_eq!(refresh.json()["client_id"], world.web.as_str());
    assert_eq!(refresh.json()["sub"], world.alice.as_str());
}

#[tokio::test]
async fn case_52_userinfo_takes_a_token_with_openid_by_one_method_and_never_in_the_query() {
    let world = World::new().await;
    let tokens = world.tokens(&[]).await;
    let (token, bearer) = (tokens.access(), format!("Bearer {}", tokens.access()));
    let path = "/oidc/v1/userinfo";
    let kind = "application/x-www-form-urlencoded";
    let body = form(&[("access_token", token)]);
    let query = format!("{path}?{body}");
    let header = [("host", HOST), ("authorization", bearer.as_str())];
    let in_form = [("host", HOST), ("content-type", kind)];
    let both = [("host", HOST), ("authorization", bearer.as_str()), ("content-type", kind)];
    // by header or form
    let by_get = world.raw("GET", path, &header, b"").await;
    let by_post = world.raw("POST", path, &header, b"").await;
    let by_form = world.raw("POST", path, &in_form, body.as_bytes()).await;
    assert_eq!(by_get.status, StatusCode::OK, "{}", by_get.body);
    assert!(by_get.body == by_post.body && by_get.body == by_form.body);
    assert_eq!(by_get.headers["cache-control"], "no-store");
    // by two, or where it ends in logs
    refused(&world.raw("POST", path, &both, body.as_bytes()).await, 400, "invalid_request", "two methods");
    refused(&world.raw("GET", &query, &[header[0]], b"").await, 400, "invalid_request", "in the query");
    refused(&world.raw("GET", &query, &header, b"").await, 400, "invalid_request", "and in the query");
    refused(
        &world.raw("POST", &query, &in_form, body.as_bytes()).await,
        400,
        "invalid_request",
        "and in the query",
    );
    let twice = [header[0], header[1], header[1]];
    refused(&world.raw("GET", path, &twice, b"").await, 400, "invalid_request", "two headers");
    let twice = format!("{body}&{body}");
    refused(
        &world.raw("POST", path, &in_form, twice.as_bytes()).await,
        400,
        "invalid_request",
        "two parameters",
    );
    // by none
    for method in ["GET", "POST"] {
        let answer = world.raw(method, path, &[header[0]], b"").await;
        refused(&answer, 401, "invalid_token", "none");
        assert_eq!(answer.headers["www-authenticate"], "Bearer realm=\"conclave\""); // RFC 6750 §3.1
    }
    for other in
        ["Basic x", "bearer", "Bearer ", "Bearer a b", "DPoP x", &format!("Bearer{token}"), "Bearer \u{e9}"]
    {
        let answer = world.raw("GET", path, &[header[0], ("authorization", other)], b"").await;
        refused(&answer, 401, "invalid_token", other);
        assert_eq!(answer.headers["www-authenticate"], "Bearer error=\"invalid_token\"");
    }
    let robot = world.robot_token("profile").await.json()["access_token"].as_str().unwrap().to_owned();
    let answer = world.userinfo(&robot).await;
    refused(&answer, 403, "insufficient_scope", "without openid");
    assert!(answer.headers["www-authenticate"].to_str().unwrap().contains("scope=\"openid\""));
}

#[tokio::test]
async fn a_token_ends_at_the_second_that_it_says() {
    let world = World::new().await;
    let tokens = world.tokens(&[]).await;
    assert_eq!(tokens.0["expires_in"], 900);
    let access = claims(tokens.access());
    assert_eq!(access["exp"].as_u64().unwrap() - access["iat"].as_u64().unwrap(), 900);
    world.solo.advance_secs(899);
    assert!(world.is_active(tokens.access()).await);
    world.solo.advance_secs(1);
    assert!(!world.is_active(tokens.access()).await);
    assert_eq!(world.userinfo(tokens.access()).await.status, StatusCode::UNAUTHORIZED);
}

#[tokio::test]
async fn the_claims_of_each_token_are_exactly_these() {
    let world = World::new().await;
    let tokens = world.tokens(&[]).await;
    let names = |claims: &Value| claims.as_object().unwrap().keys().cloned().collect::<Vec<_>>();
    let access = claims(tokens.access());
    let mut expected =
        ["iss", "sub", "aud", "exp", "iat", "jti", "client_id", "scope", "auth_time", "sid"].to_vec();
    expected.push("urn:conclave:family");
    expected.sort_unstable();
    assert_eq!(names(&access), expected);
    assert_eq!(access["aud"], json!([world.web, world.project]));
    let id = claims(tokens.id());
    let mut expected =
        ["iss", "sub", "aud", "azp", "exp", "iat", "auth_time", "amr", "sid", "nonce", "at_hash"].to_vec();
    expected.sort_unstable();
    assert_eq!(names(&id), expected);
    assert_eq!(id["at_hash"], crypto::half_hash(tokens.access()));
    assert_eq!(id["azp"], world.web.as_str());
    let header: Value =
        serde_json::from_slice(&crypto::unb64url(tokens.access().split('.').next().unwrap()).unwrap())
            .unwrap();
    assert_eq!(header["typ"], "at+jwt");
}

#[tokio::test]
async fn profile_claims_stand_in_the_id_token_of_applications_that_want_them_there() {
    let world = World::new().await;
    world.change_web(|web| web.id_token_userinfo = true).await;
    let tokens = world.tokens(&[("scope", "openid profile email urn:zitadel:iam:user:resourceowner")]).await;
    let (id, me) = (claims(tokens.id()), world.userinfo(tokens.access()).await.json());
    assert_eq!(me["urn:zitadel:iam:user:resourceowner:id"], world.organization.as_str());
    assert_eq!(me["urn:zitadel:iam:user:resourceowner:name"], "ACME");
    assert_eq!(me["urn:zitadel:iam:user:resourceowner:primary_domain"], "acme.example");
    assert_eq!(me["preferred_username"], "alice");
    for (name, value) in me.as_object().unwrap() {
        assert_eq!(&id[name], value, "{name}");
    }
    let narrow = world.tokens(&[("scope", "openid")]).await;
    let me = world.userinfo(narrow.access()).await.json();
    assert_eq!(me, json!({ "sub": world.alice }), "without scopes nothing but the subject");
    assert!(claims(narrow.id()).get("name").is_none());
}

#[tokio::test]
async fn metadata_is_told_in_base64url_to_those_who_ask_for_it() {
    const CLAIM: &str = "urn:zitadel:iam:user:metadata";
    let world = World::new().await;
    let told = async |scope: &str| {
        let tokens = world.tokens(&[("scope", scope)]).await;
        let userinfo = world.userinfo(tokens.access()).await.json();
        [userinfo[CLAIM].clone(), claims(tokens.id())[CLAIM].clone()]
    };
    let asked = format!("openid {CLAIM}");
    assert_eq!(told(&asked).await, [Value::Null, Value::Null], "there is none");
    let spec = UserMetadata {
        key: MetadataKey::parse("badge no").unwrap(),
        value: MetadataValue::new(&[3, 236, 255, 224, 193]).unwrap(),
    };
    world.service.create(world.instance, &Caller::system(), &world.alice, spec).await.unwrap();
    let claim = json!({ "badge no": "A-z_4ME" });
    assert_eq!(told(&asked).await, [claim.clone(), Value::Null]);
    world.change_web(|web| web.id_token_userinfo = true).await;
    assert_eq!(told(&asked).await, [claim.clone(), claim]);
    assert_eq!(told("openid profile").await, [Value::Null, Value::Null], "it is not asked for");
}
