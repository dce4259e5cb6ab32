//! One instance knows nothing of another, and only the host that a request is sent to says which one is meant.

use crate::tools::*;
use crate::world::*;
use identity::application::{ApplicationKind, ClientAuth};
use identity::change::Create;
use identity::envelope::Caller;
use identity::id::{Id, SYSTEM};
use identity::instance::domain::Domain;
use identity::name::{HostName, Name};
use identity::organization::Organization;
use identity::project::Project;
use identity::record::State;
use std::marker::PhantomData;

pub const OTHER: &str = "other.example";

/// A second instance with an application and a project of the same ids, which their owners are free to choose.
pub async fn twin(world: &World) -> World {
    let (service, system) = (&world.service, Caller::system());
    let name = |text: &str| Name::parse(text).unwrap();
    let host = HostName::parse(OTHER).unwrap();
    let instance = service.create_instance(name("Other"), host).await.unwrap();
    let domain = HostName::parse("acme.example").unwrap();
    let root = Id::from_number(instance.0);
    let spec = Organization { name: name("ACME"), domain };
    let create = Create { id: world.organization.clone(), parent: root, spec, birth: () };
    service.submit(instance, system.clone(), &create).await.unwrap();
    let spec =
        Project { name: name("Portal"), role_assertion: false, role_check: false, has_project_check: false };
    let create = Create { id: world.project.clone(), parent: world.organization.clone(), spec, birth: () };
    service.submit(instance, system.clone(), &create).await.unwrap();
    for (id, kind) in [(&world.web, ApplicationKind::Web), (&world.api, ApplicationKind::Api)] {
        let spec = application(kind, ClientAuth::Basic);
        let create = Create { id: id.clone(), parent: world.project.clone(), spec, birth: () };
        service.submit(instance, system.clone(), &create).await.unwrap();
    }
    let web = service.new_client_secret(instance, &system, &world.web).await.unwrap();
    let api = service.new_client_secret(instance, &system, &world.api).await.unwrap();
    let (web_secret, api_secret) = (web.expose().clone(), api.expose().clone());
    World { instance, web_secret, api_secret, ..world.clone() }
}

async fn post_to(world: &World, host: &str, path: &str, auth: &str, pairs: &[(&str, &str)]) -> Answer {
    let kind = "application/x-www-form-urlencoded";
    let headers = [("host", host), ("authorization", auth), ("content-type", kind)];
    world.raw("POST", path, &headers, form(pairs).as_bytes()).await
}

fn grant(name: &'static str, value: &str, of: &'static str) -> Vec<(&'static str, String)> {
    let texts = [("grant_type", of), (name, value), ("redirect_uri", CALLBACK), ("code_verifier", VERIFIER)];
    texts.map(|(name, value)| (name, value.to_owned())).to_vec()
}

fn borrowed<'p>(pairs: &'p [(&'static str, String)]) -> Vec<(&'p str, &'p str)> {
    pairs.iter().map(|(name, value)| (*name, value.as_str())).collect()
}

#[tokio::test]
async fn a11_case_58_nothing_of_one_instance_counts_in_another() {
    let world = World::new().await;
    let other = twin(&world).await;
    let tokens = world.tokens(&[]).await;
    let code = world.code(&[]).await;
    // The secrets of one authenticate nobody in the other, though the ids are the same.
    let answer =
        post_to(&world, OTHER, "/oauth/v2/token", &world.web_auth(), &[("grant_type", "refresh_token")])
            .await;
    refused(&answer, 401, "invalid_client", "a secret of the other instance");
    let robot = basic(world.robot.as_str(), &world.robot_secret);
    let credentials = [("grant_type", "client_credentials")];
    refused(
        &post_to(&world, OTHER, "/oauth/v2/token", &robot, &credentials).await,
        401,
        "invalid_client",
        "robot",
    );
    // By its own secret the twin gets nothing for what the first was given.
    let (web, api) = (other.web_auth(), other.api_auth());
    for pairs in [
        grant("code", &code, "authorization_code"),
        grant("refresh_token", tokens.refresh(), "refresh_token"),
    ] {
        let answer = post_to(&world, OTHER, "/oauth/v2/token", &web, &borrowed(&pairs)).await;
        refused(&answer, 400, "invalid_grant", "of the other instance");
    }
    for (auth, token) in [(&api, tokens.access()), (&web, tokens.refresh()), (&web, tokens.access())] {
        let answer = post_to(&world, OTHER, "/oauth/v2/introspect", auth, &[("token", token)]).await;
        assert_eq!(answer.body, "{\"active\":false}");
        let answer = post_to(&world, OTHER, "/oauth/v2/revoke", auth, &[("token", token)]).await;
        assert_eq!(answer.status, 200);
    }
    let bearer = format!("Bearer {}", tokens.access());
    let headers = [("host", OTHER), ("authorization", bearer.as_str())];
    let answer = world.raw("GET", "/oidc/v1/userinfo", &headers, b"").await;
    refused(&answer, 401, "invalid_token", "userinfo of the other instance");
    // Nothing of all that has touched it.
    assert!(world.is_active(tokens.access()).await && world.is_active(tokens.refresh()).await);
    assert_eq!(world.redeem(&code).await.status, 200);
}

#[tokio::test]
async fn a11_case_58_a_browser_brings_nothing_from_one_instance_to_another() {
    let world = World::new().await;
    twin(&world).await;
    let (browser, tokens) = world.signed_in().await;
    let form = browser.form(&world.authorize_path(&[("prompt", "login")])).await;
    // Even if the very same cookies came, as they would through a proxy that mixes hosts up.
    let cookies: Vec<String> =
        browser.cookies.lock().unwrap().iter().map(|(name, value)| format!("{name}={value}")).collect();
    let cookies = cookies.join("; ");
    let get = async |path: &str| world.raw("GET", path, &[("host", OTHER), ("cookie", &cookies)], b"").await;
    let answer = get(&world.authorize_path(&[("prompt", "none")])).await;
    assert_eq!(answer.parameter("error").as_deref(), Some("login_required"));
    assert_eq!(answer.parameter("iss").as_deref(), Some("https://other.example"));
    error_page(&get(&format!("/ui/login?flow={}", form.flow)).await, 400, "expired_request", "a flow");
    let pairs =
        [("flow", form.flow.as_str()), ("csrf", &form.csrf), ("username", "alice"), ("password", PASSWORD)];
    let body = crate::world::form(&pairs);
    let kind = "application/x-www-form-urlencoded";
    let headers = [("host", OTHER), ("cookie", cookies.as_str()), ("content-type", kind)];
    let answer = world.raw("POST", "/ui/login", &headers, body.as_bytes()).await;
    error_page(&answer, 400, "expired_request", "a form");
    let hint = crate::world::form(&[("id_token_hint", tokens["id_token"].as_str().unwrap())]);
    let answer = get(&format!("/oidc/v1/end_session?{hint}")).await;
    assert!(answer.body.contains("id=\"signed-out\"") && !answer.headers.contains_key("set-cookie"));
    assert!(browser.get(&world.authorize_path(&[("prompt", "none")])).await.parameter("code").is_some());
}

#[tokio::test]
async fn case_58_ids_of_other_tenants_are_ids_of_nobody() {
    let world = World::new().await;
    let other = twin(&world).await;
    world.switch::<identity::application::Application>(&world.web, State::Inactive).await;
    // Off here, it is on there: each request looks in its own instance.
    error_page(&world.get(&world.authorize_path(&[])).await, 400, "unknown_application", "off");
    let there = world.raw("GET", &other.authorize_path(&[]), &[("host", OTHER)], b"").await;
    assert!(there.location().starts_with("/ui/login?flow="), "{}", there.location());
    for (name, value) in
        [("x-zitadel-orgid", "1"), ("x-zitadel-instance", OTHER), ("x-conclave-instance", "2")]
    {
        let headers = [("host", HOST), (name, value)];
        let answer = world.raw("GET", &world.authorize_path(&[]), &headers, b"").await;
        error_page(&answer, 400, "unknown_application", name);
    }
}

#[tokio::test]
async fn case_57_only_the_host_header_says_which_instance_and_only_its_domain_stands_in_links() {
    let world = World::new().await;
    let clean = world.get("/.well-known/openid-configuration").await.body;
    assert!(clean.contains(&format!("\"issuer\":\"{ISSUER}\"")), "{clean}");
    for (name, value) in [
        ("x-forwarded-host", "evil.example"),
        ("x-forwarded-proto", "http"),
        ("x-forwarded-port", "1234"),
        ("x-forwarded-prefix", "/evil"),
        ("x-forwarded-for", "127.0.0.1"),
        ("forwarded", "host=evil.example;proto=http"),
        ("x-host", "evil.example"),
        ("x-original-host", "evil.example"),
        ("x-original-url", "/evil"),
        ("x-rewrite-url", "/evil"),
        ("x-http-method-override", "DELETE"),
        ("x-zitadel-public-host", "evil.example"),
        ("x-zitadel-instance-host", "evil.example"),
        ("origin", "https://evil.example"),
        ("referer", "https://evil.example/"),
    ] {
        let headers = [("host", HOST), (name, value)];
        let document = world.raw("GET", "/.well-known/openid-configuration", &headers, b"").await;
        assert_eq!(document.body, clean, "{name}");
        let answer = world.raw("GET", &world.authorize_path(&[("prompt", "none")]), &headers, b"").await;
        sent_back(&answer, "login_required", name);
        let answer = world.raw("GET", &world.authorize_path(&[]), &headers, b"").await;
        assert!(answer.location().starts_with("/ui/login?flow="), "{name}: {}", answer.location());
        let unknown = [("host", "evil.example"), (name, HOST)];
        let answer = world.raw("GET", "/.well-known/openid-configuration", &unknown, b"").await;
        assert_eq!(answer.status, 404, "{name}: an unknown host with the right name elsewhere");
    }
    // The port and the case are the client's affair; what stands in links is ours.
    for host in ["auth.example:8443", "AUTH.Example", "auth.example:1"] {
        let answer = world.raw("GET", "/.well-known/openid-configuration", &[("host", host)], b"").await;
        assert_eq!(answer.body, clean, "{host}");
    }
}

#[tokio::test]
async fn case_57_an_unknown_host_is_nobody_and_two_hosts_are_nobody() {
    let world = World::new().await;
    let long = "a".repeat(5000);
    let hosts = [
        "evil.example",
        "",
        " ",
        "auth.example.",
        "auth.example.evil.example",
        "xauth.example",
        "auth.example:x",
        "auth.example:80:80",
        "user@auth.example",
        "auth.example/x",
        "127.0.0.1",
        "[::1]",
        "auth.example,evil.example",
        "*",
        &long,
    ];
    let paths = [
        "/.well-known/openid-configuration",
        "/oauth/v2/keys",
        "/oauth/v2/authorize",
        "/oidc/v1/end_session",
        "/ui/login",
        "/oidc/v1/userinfo",
    ];
    for path in paths {
        for host in hosts {
            let headers = [("host", host), ("authorization", "Bearer x")];
            let answer = world.raw("GET", path, &headers, b"").await;
            assert_eq!(answer.status, 404, "{path} at {host:?}: {}", answer.body);
            assert!(!answer.body.contains("evil"), "{path} at {host:?}: {}", answer.body);
        }
        let bearer = ("authorization", "Bearer x");
        for headers in [
            &[bearer][..],
            &[("host", HOST), ("host", HOST), bearer],
            &[("host", HOST), ("host", "evil.example"), bearer],
        ] {
            assert_eq!(world.raw("GET", path, headers, b"").await.status, 404, "{path} {headers:?}");
        }
    }
}

#[tokio::test]
async fn case_57_over_http_2_the_authority_is_the_host() {
    let world = World::new().await;
    let path = "/.well-known/openid-configuration";
    let at = |authority: &str| format!("https://{authority}{path}");
    let answer = world.raw("GET", &at(HOST), &[], b"").await;
    assert_eq!(answer.json()["issuer"], ISSUER);
    assert_eq!(world.raw("GET", &at("auth.example:443"), &[], b"").await.json()["issuer"], ISSUER);
    assert_eq!(world.raw("GET", &at(HOST), &[("host", HOST)], b"").await.status, 200);
    for (authority, host) in [(HOST, "evil.example"), ("evil.example", HOST), ("user@auth.example", HOST)] {
        let answer = world.raw("GET", &at(authority), &[("host", host)], b"").await;
        assert_eq!(answer.status, 404, "{authority} and {host}");
    }
    assert_eq!(world.raw("GET", &at("evil.example"), &[], b"").await.status, 404);
    let login = format!("https://{HOST}{}", world.authorize_path(&[]));
    assert!(world.raw("GET", &login, &[], b"").await.location().starts_with("/ui/login?flow="));
}

#[tokio::test]
async fn a_domain_that_is_switched_off_leads_nowhere() {
    let world = World::new().await;
    let id = Id::parse(HOST).unwrap();
    let command =
        identity::change::SetState::<Domain> { id, state: State::Inactive, revision: None, of: PhantomData };
    world.service.submit(SYSTEM, Caller::system(), &command).await.unwrap();
    assert_eq!(world.get("/.well-known/openid-configuration").await.status, 404);
}
