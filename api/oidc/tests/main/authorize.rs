//! The authorization endpoint: which requests it takes, and to whom it says no.

use crate::tools::*;
use crate::world::*;
use axum::http::StatusCode;
use identity::application::redirect_uri::RedirectUri;
use identity::application::{Application, ApplicationKind, ClientAuth};
use identity::change::Create;
use identity::envelope::Caller;
use identity::record::State;
use identity::refusal::Refusal;
use serde_json::json;

/// Asserts that these changes of a sound request lead to an error page of ours.
async fn page(world: &World, changes: &[(&str, &str)], code: &str) {
    let answer = world.get(&world.authorize_path(changes)).await;
    error_page(&answer, 400, code, &format!("{changes:?}"));
}

/// Asserts that these changes of a sound request are reported to the application.
async fn back(world: &World, changes: &[(&str, &str)], error: &str) {
    let path = world.authorize_path(changes);
    sent_back(&world.get(&path).await, error, &format!("{changes:?}"));
    // As a form it is the same request (OpenID Connect Core §3.1.2.1).
    let (path, query) = path.split_once('?').unwrap();
    let form: Vec<(String, String)> = form_urlencoded::parse(query.as_bytes()).into_owned().collect();
    let form: Vec<(&str, &str)> = form.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    sent_back(&world.post(path, None, &form).await, error, &format!("posted {changes:?}"));
}

/// Asserts that these changes leave a request that a person may sign in to.
async fn sound(world: &World, changes: &[(&str, &str)]) {
    let answer = world.get(&world.authorize_path(changes)).await;
    assert_eq!(answer.status, StatusCode::SEE_OTHER, "{changes:?}: {}", answer.body);
    assert!(answer.location().starts_with("/ui/login?flow="), "{changes:?}: {}", answer.location());
}

#[tokio::test]
async fn case_01_unknown_disabled_and_foreign_clients_get_the_same_page() {
    let world = World::new().await;
    let of = async |client: &str| {
        let answer = world.get(&world.authorize_path(&[("client_id", client)])).await;
        error_page(&answer, 400, "unknown_application", client);
        answer.body
    };
    let unknown = of("nobody").await;
    world.switch::<Application>(&world.spa, State::Inactive).await;
    world.delete::<Application>(&world.native).await;
    let long = "x".repeat(201);
    let others = [
        world.spa.as_str(),    // disabled
        world.native.as_str(), // deleted
        world.api.as_str(),    // signs nobody in
        world.robot.as_str(),  // no application
        "",
        "a b",
        long.as_str(),
        "\u{e9}",
        "../..",
        "<script>",
    ];
    for client in others {
        assert_eq!(of(client).await, unknown, "{client}");
    }
    world.switch::<identity::project::Project>(&world.project, State::Inactive).await;
    assert_eq!(of(world.web.as_str()).await, unknown, "of a disabled project");
}

#[tokio::test]
async fn case_02_only_a_registered_redirect_uri_is_redirected_to() {
    let world = World::new().await;
    for uri in [
        "https://app.example/",
        "https://app.example",
        "https://app.example/callback/",
        "https://app.example/callback/more",
        "https://app.example/callbac",
        "https://app.example/callbackk",
        "https://app.example/Callback",
        "https://APP.example/callback",
        "HTTPS://app.example/callback",
        "https://app.example.evil.example/callback",
        "https://evil.example/callback",
        "https://evil.example/?https://app.example/callback",
        "https://sub.app.example/callback",
        "https://app.example./callback",
        "https://app.example:443/callback",
        "//app.example/callback",
        "/callback",
        " https://app.example/callback",
        "https://app.example/callback ",
        "https://app.example/callback,https://evil.example",
    ] {
        page(&world, &[("redirect_uri", uri)], "invalid_redirect_uri").await;
    }
}

#[tokio::test]
async fn case_03_a_registered_redirect_uri_is_not_changed_in_any_way() {
    let world = World::new().await;
    let with_query = "https://app.example/with?tenant=1";
    world.change_web(|web| web.redirect_uris = uris(&[CALLBACK, with_query])).await;
    sound(&world, &[("redirect_uri", with_query)]).await;
    for uri in [
        "https://app.example/callback?a=1",
        "https://app.example/callback?",
        "https://app.example/with",
        "https://app.example/with?tenant=2",
        "https://app.example/with?tenant=1&a=1",
        "https://app.example/callback#fragment",
        "https://app.example/callback#",
        "https://user@app.example/callback",
        "https://app.example@evil.example/callback",
        "https://evil.example\\@app.example/callback",
        "https://app.example\\callback",
        "https://app.example/x/../callback",
        "https://app.example/%2e%2e/callback",
        "https://app.example/%252e%252e/callback",
        "https://app.example/call%62ack",
        "https://app.example//callback",
        "https://app.example/callback\r\nSet-Cookie: a=b",
        "https://app.example/callback\0",
        "https://app.example/callback\u{200b}",
    ] {
        page(&world, &[("redirect_uri", uri)], "invalid_redirect_uri").await;
    }
}

#[tokio::test]
async fn a_fixed_query_of_a_redirect_uri_comes_back_untouched() {
    let world = World::new().await;
    let uri = "https://app.example/with?tenant=1";
    world.change_web(|web| web.redirect_uris = uris(&[CALLBACK, uri])).await;
    let answer = Browser::new(&world)
        .sign_in(&world.authorize_path(&[("redirect_uri", uri)]), "alice", PASSWORD)
        .await;
    assert!(
        answer.location().starts_with("https://app.example/with?tenant=1&code="),
        "{}",
        answer.location()
    );
}

#[tokio::test]
async fn case_04_plain_http_leads_to_this_machine_only_and_any_port_to_its_address_only() {
    let world = World::new().await;
    for uri in [
        "http://127.0.0.1/cb",
        "http://127.0.0.1:51004/cb",
        "http://127.0.0.1:1/cb",
        "http://localhost/cb",
        "com.example.app:/cb",
    ] {
        sound(&world, &[("client_id", world.native.as_str()), ("redirect_uri", uri)]).await;
    }
    for uri in [
        "http://localhost:51004/cb", // may resolve to elsewhere
        "http://127.0.0.1:0/cb",
        "http://127.0.0.1:99999/cb",
        "http://127.0.0.1:080/cb",
        "http://127.0.0.1:/cb",
        "http://127.0.0.1:80x/cb",
        "http://127.0.0.1:51004/other",
        "http://127.0.0.1:51004/cb?a=1",
        "http://127.0.0.2:51004/cb",
        "http://[::1]:51004/cb", // not registered
        "http://127.0.0.1:51004@evil.example/cb",
        "http://127.0.0.1.evil.example/cb",
        "https://127.0.0.1:51004/cb",
        "http://app.example/callback",
        "com.example.app:/cb2",
        "COM.example.app:/cb",
    ] {
        let changes = [("client_id", world.native.as_str()), ("redirect_uri", uri)];
        page(&world, &changes, "invalid_redirect_uri").await;
    }
    // A program on a server has one port.
    let loopback = "http://127.0.0.1/cb";
    world.change_web(|web| web.redirect_uris = uris(&[CALLBACK, loopback])).await;
    sound(&world, &[("redirect_uri", loopback)]).await;
    page(&world, &[("redirect_uri", "http://127.0.0.1:51004/cb")], "invalid_redirect_uri").await;
}

#[tokio::test]
async fn case_05_script_data_and_private_schemes_are_refused_at_registration_and_at_use() {
    let world = World::new().await;
    for uri in [
        "javascript:alert(1)",
        "data:text/html,<script>alert(1)</script>",
        "vbscript:x",
        "file:///etc/passwd",
        "http://app.example/callback",
        "myapp:/cb",
        "https://",
        "https:///callback",
        "https://user@app.example/",
        "https://app.example/#a",
        "https://*.example/callback",
        "https://app.example/../callback",
        "https://app.example/%2E%2e/callback",
        "https://app.example/\\evil",
        "ftp://app.example/",
    ] {
        assert!(RedirectUri::parse(uri).is_err(), "registered {uri}");
        page(&world, &[("redirect_uri", uri)], "invalid_redirect_uri").await;
    }
    // A private scheme is a native application's: any program on the device may claim it.
    for kind in [ApplicationKind::Web, ApplicationKind::SinglePage] {
        let mut spec = application(kind, ClientAuth::None);
        spec.redirect_uris = uris(&["com.example.app:/cb"]);
        let command = Create { id: world.service.new_id(), parent: world.project.clone(), spec, birth: () };
        let refusal = world.service.submit(world.instance, Caller::system(), &command).await.unwrap_err();
        assert_eq!(refusal, Refusal::RedirectUriNotOfKind.into(), "{kind:?}");
    }
}

#[tokio::test]
async fn case_06_a_missing_redirect_uri_is_never_guessed() {
    let world = World::new().await;
    page(&world, &[("redirect_uri", "")], "invalid_redirect_uri").await;
    world.change_web(|web| web.redirect_uris = uris(&[CALLBACK, "https://app.example/2"])).await;
    page(&world, &[("redirect_uri", "")], "invalid_redirect_uri").await;
}

#[tokio::test]
async fn case_07_a_parameter_stands_once() {
    let world = World::new().await;
    for name in ["state", "scope", "client_id", "redirect_uri", "response_type", "nonce", "prompt", "unknown"]
    {
        for value in ["x", ""] {
            let path = format!("{}&{name}=1&{name}={value}", world.authorize_path(&[(name, "")]));
            let answer = world.get(&path).await;
            error_page(&answer, 400, "invalid_request", name);
            assert!(answer.body.contains(&format!("the parameter {name} stands more than once")), "{name}");
            let (path, form) = path.split_once('?').unwrap();
            let headers = [("host", HOST), ("content-type", "application/x-www-form-urlencoded")];
            let answer = world.raw("POST", path, &headers, form.as_bytes()).await;
            error_page(&answer, 400, "invalid_request", name);
        }
    }
}

#[tokio::test]
async fn case_08_only_the_code_flow_is_offered() {
    let world = World::new().await;
    back(&world, &[("response_type", "")], "invalid_request").await;
    for kind in [
        "token",
        "id_token",
        "id_token token",
        "code id_token",
        "code token",
        "none",
        "CODE",
        "code code",
        "x",
    ] {
        back(&world, &[("response_type", kind)], "unsupported_response_type").await;
    }
    for mode in ["fragment", "form_post", "jwt", "query.jwt", "web_message", "QUERY"] {
        back(&world, &[("response_mode", mode)], "invalid_request").await;
    }
    sound(&world, &[("response_mode", "query")]).await;
}

#[tokio::test]
async fn case_09_pkce_is_s256_or_nothing() {
    let world = World::new().await;
    let challenge = crypto::pkce_s256(VERIFIER);
    let (long, short, odd) = (format!("{challenge}A"), &challenge[..42], format!("{}=", &challenge[..42]));
    for client in [&world.spa, &world.web] {
        let client = ("client_id", client.as_str());
        for (challenge, method) in [
            ("", ""),
            ("", "S256"),
            (challenge.as_str(), ""),
            (challenge.as_str(), "plain"),
            (challenge.as_str(), "s256"),
            (challenge.as_str(), "S512"),
            (VERIFIER, "plain"),
            (short, "S256"),
            (long.as_str(), "S256"),
            (odd.as_str(), "S256"),
        ] {
            let changes = [client, ("code_challenge", challenge), ("code_challenge_method", method)];
            back(&world, &changes, "invalid_request").await;
        }
        sound(&world, &[client]).await;
    }
    // The switch is for confidential clients, and lets them go without, not with less.
    world.change_web(|web| web.pkce_optional = true).await;
    sound(&world, &[("code_challenge", ""), ("code_challenge_method", "")]).await;
    back(&world, &[("code_challenge_method", "plain")], "invalid_request").await;
    back(&world, &[("code_challenge", "")], "invalid_request").await;
}

#[tokio::test]
async fn case_15_request_objects_are_refused_by_name() {
    let world = World::new().await;
    let object = format!("{}.e30.", crypto::b64url(br#"{"alg":"none"}"#));
    back(&world, &[("request", &object)], "request_not_supported").await;
    back(&world, &[("request_uri", "https://evil.example/r")], "request_uri_not_supported").await;
    let par = "urn:ietf:params:oauth:request_uri:6esc_11ACC5bwc014ltc14eY22c";
    back(&world, &[("request_uri", par)], "request_uri_not_supported").await;
    back(&world, &[("request", "x"), ("request_uri", par)], "request_not_supported").await;
    // Without the parameters themselves there is nowhere to send an error to.
    page(&world, &[("request", "x"), ("redirect_uri", "")], "invalid_redirect_uri").await;
    page(&world, &[("request_uri", par), ("client_id", "")], "unknown_application").await;
}

#[tokio::test]
async fn scopes_are_plain_words_and_openid_is_one_of_them() {
    let world = World::new().await;
    let many: String = (0..51).map(|number| format!("openid:{number} openid ")).collect();
    let (many, long) = (&many[..many.len().min(2000)], format!("openid {}", "x".repeat(301)));
    for scope in
        ["", "profile", "OPENID", "openid \"x\"", "openid \\", "openid \u{e9}", "openid\tprofile", &long]
    {
        back(&world, &[("scope", scope)], "invalid_scope").await;
    }
    let distinct: String = (0..51).map(|n| format!("urn:zitadel:iam:org:project:role:{n} ")).collect();
    back(&world, &[("scope", &format!("openid {distinct}"))], "invalid_scope").await;
    // What means nothing here is dropped, not granted.
    let tokens = world.tokens(&[("scope", "openid admin phone urn:zitadel:iam:owner")]).await;
    assert_eq!(tokens.0["scope"], "openid");
    sound(&world, &[("scope", many)]).await;
}

#[tokio::test]
async fn long_parameters_are_refused_before_they_are_carried_around() {
    let world = World::new().await;
    let long = "x".repeat(1025);
    for name in ["nonce", "login_hint", "ui_locales"] {
        back(&world, &[(name, &long)], "invalid_request").await;
    }
    let answer = world.get(&world.authorize_path(&[("state", &long)])).await;
    assert_eq!(answer.parameter("error").as_deref(), Some("invalid_request"));
    assert_eq!(answer.parameter("state"), None, "too long to be sent back");
    // Each is short enough, together they are not: a page, since nothing can be carried to the sign-in.
    let long = "x".repeat(1024);
    let scope = format!("openid {}", "urn:zitadel:iam:org:project:role:1234567 ".repeat(40));
    let changes = [
        ("state", &*long),
        ("nonce", &long),
        ("login_hint", &long),
        ("ui_locales", &long),
        ("scope", &scope),
    ];
    page(&world, &changes, "request_too_long").await;
}

#[tokio::test]
async fn case_23_state_and_errors_split_no_header_and_open_no_tag() {
    let world = World::new().await;
    for state in ["a\r\nSet-Cookie: x=y", "<script>alert(1)</script>", "\"'&=?#%00", "\u{1f600}", "a b+c%2B"]
    {
        let answer = world.get(&world.authorize_path(&[("state", state), ("response_type", "token")])).await;
        assert_eq!(answer.parameter("state").as_deref(), Some(state));
        assert!(!answer.headers.contains_key("set-cookie"), "{state}");
        assert!(answer.location().bytes().all(|byte| byte.is_ascii_graphic()), "{}", answer.location());
        let path = world.authorize_path(&[("state", state)]);
        let answer = Browser::new(&world).sign_in(&path, "alice", PASSWORD).await;
        assert_eq!(answer.parameter("state").as_deref(), Some(state));
    }
    let path = format!("{}&%3Cscript%3E=1&%3Cscript%3E=2", world.authorize_path(&[]));
    let answer = world.get(&path).await;
    error_page(&answer, 400, "invalid_request", "a name with markup");
    assert!(!answer.body.contains("<script"), "{}", answer.body);
    let hint = [("login_hint", "\"><script>alert(1)</script>")];
    let browser = Browser::new(&world);
    let login = browser.get(&world.authorize_path(&hint)).await;
    let form = browser.get(login.location()).await;
    assert!(!form.body.contains("<script") && form.body.contains("&#60;script"), "{}", form.body);
}

#[tokio::test]
async fn case_26_every_authorization_response_names_its_issuer() {
    let world = World::new().await;
    let browser = Browser::new(&world);
    let answers = [
        world.get(&world.authorize_path(&[("prompt", "none")])).await,
        world.get(&world.authorize_path(&[("response_type", "x")])).await,
        browser.sign_in(&world.authorize_path(&[]), "alice", PASSWORD).await,
        browser.get(&world.authorize_path(&[])).await,
    ];
    for answer in answers {
        assert_eq!(answer.parameter("iss").as_deref(), Some(ISSUER), "{}", answer.location());
        assert_eq!(answer.location().matches("iss=").count(), 1, "{}", answer.location());
    }
    // Not even a client that names one itself gets another.
    let answer = browser.get(&world.authorize_path(&[("iss", "https://evil.example")])).await;
    assert_eq!(answer.parameter("iss").as_deref(), Some(ISSUER));
    let document = world.get("/.well-known/openid-configuration").await.json();
    assert_eq!(document["authorization_response_iss_parameter_supported"], json!(true));
}

#[tokio::test]
async fn case_27_whoever_holds_no_role_gets_no_code_where_roles_are_checked() {
    let world = World::new().await;
    world.change_project(|project| project.role_check = true).await;
    let bob = Browser::new(&world);
    sent_back(&bob.sign_in(&world.authorize_path(&[]), "bob", PASSWORD).await, "access_denied", "bob");
    assert!(bob.session().is_some(), "he has proven who he is all the same");
    for prompt in ["", "none"] {
        sent_back(&bob.get(&world.authorize_path(&[("prompt", prompt)])).await, "access_denied", prompt);
    }
    assert_eq!(world.events(identity::event::What::CodeIssued).await, 0);
    let alice = Browser::new(&world).sign_in(&world.authorize_path(&[]), "alice", PASSWORD).await;
    assert!(alice.parameter("code").is_some(), "{}", alice.location());
}

#[tokio::test]
async fn a_request_of_an_application_that_was_disabled_meanwhile_is_over() {
    let world = World::new().await;
    let browser = Browser::new(&world);
    let form = browser.form(&world.authorize_path(&[])).await;
    world.switch::<Application>(&world.web, State::Inactive).await;
    let answer = browser.fill(&form, "alice", PASSWORD).await;
    error_page(&answer, 400, "expired_request", "a disabled application");
    assert_eq!(browser.session(), None);
}

#[tokio::test]
async fn looking_at_a_request_answers_nothing() {
    let world = World::new().await;
    let (browser, _) = world.signed_in().await;
    let issued = world.events(identity::event::What::CodeIssued).await;
    let answer = browser.send(axum::http::Method::HEAD, &world.authorize_path(&[]), None).await;
    assert_eq!(answer.status, StatusCode::METHOD_NOT_ALLOWED);
    assert_eq!(world.events(identity::event::What::CodeIssued).await, issued);
}
