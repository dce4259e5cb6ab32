//! What is no sound request at all: refused with a 4xx, cheaply, whatever it is.

use crate::tools::*;
use crate::world::*;
use axum::body::Body;
use axum::http::{HeaderValue, Request, Uri, header};
use crypto::testing::SeededEntropy;
use crypto::{Entropy, draw};
use serde_json::json;

const FORM: &str = "application/x-www-form-urlencoded";

/// Every endpoint that reads a form, and whether it answers in JSON.
const FORMS: [(&str, bool); 8] = [
    ("/oauth/v2/token", true),
    ("/oauth/v2/introspect", true),
    ("/oauth/v2/revoke", true),
    ("/oidc/v1/userinfo", true),
    ("/oauth/v2/authorize", false),
    ("/oidc/v1/end_session", false),
    ("/ui/login", false),
    ("/ui/logout", false),
];

/// Every endpoint that reads a query.
const QUERIES: [&str; 4] = ["/oauth/v2/authorize", "/oidc/v1/end_session", "/ui/login", "/oidc/v1/userinfo"];

/// Posts a body to every endpoint and asserts that each refuses it with a code of its own.
async fn check(world: &World, kind: Option<&str>, body: &[u8], statuses: &[u16], what: &str) {
    for (path, is_json) in FORMS {
        let what = format!("{what} at {path}");
        let auth = world.web_auth();
        let mut headers = vec![("host", HOST)];
        headers.extend(kind.map(|kind| ("content-type", kind)));
        if is_json && path != "/oidc/v1/userinfo" {
            headers.push(("authorization", &auth));
        }
        let answer = world.raw("POST", path, &headers, body).await;
        assert!(statuses.contains(&answer.status.as_u16()), "{what}: {} {}", answer.status, answer.body);
        if is_json {
            refused(&answer, answer.status.as_u16(), "invalid_request", &what);
        } else {
            page_headers(&answer, &what);
            assert!(answer.body.contains("id=\"error-page\""), "{what}: {}", answer.body);
        }
    }
}

#[tokio::test]
async fn case_46_a_body_that_is_too_large_is_not_read() {
    let world = World::new().await;
    for size in [64 * 1024 + 1, 1024 * 1024, 3 * 1024 * 1024] {
        let mut body = b"grant_type=authorization_code&x=".to_vec();
        body.resize(size, b'x');
        check(&world, Some(FORM), &body, &[413], &format!("{size} bytes")).await;
    }
}

#[tokio::test]
async fn case_46_too_many_parameters_are_refused() {
    let world = World::new().await;
    for count in [201, 5000] {
        let body: Vec<String> = (0..count).map(|number| format!("p{number}=1")).collect();
        check(&world, Some(FORM), body.join("&").as_bytes(), &[400, 413], &format!("{count} parameters"))
            .await;
    }
    // Two hundred are not too many.
    let body: Vec<String> = (0..199).map(|number| format!("p{number}=1")).collect();
    let body = format!("grant_type=x&{}", body.join("&"));
    let headers = [("host", HOST), ("content-type", FORM)];
    let answer = world.raw("POST", "/oauth/v2/token", &headers, body.as_bytes()).await;
    refused(&answer, 400, "unsupported_grant_type", "200 parameters");
}

#[tokio::test]
async fn case_46_a_body_of_another_type_is_no_form() {
    let world = World::new().await;
    let object = json!({ "grant_type": "client_credentials", "client_id": world.robot, "client_secret": world.robot_secret });
    let body = object.to_string();
    for kind in [
        None,
        Some(""),
        Some("application/json"),
        Some("text/plain"),
        Some("multipart/form-data; boundary=x"),
        Some("application/x-www-form-urlencodedx"),
        Some("application/x-www-form-urlencoded, application/json"),
        Some("*/*"),
        Some("\u{e9}"),
    ] {
        check(&world, kind, body.as_bytes(), &[400], &format!("{kind:?}")).await;
        check(&world, kind, b"grant_type=client_credentials", &[400], &format!("a form as {kind:?}")).await;
    }
    for kind in [
        "Application/X-WWW-Form-Urlencoded",
        "application/x-www-form-urlencoded; charset=UTF-8",
        "application/x-www-form-urlencoded ;x",
    ] {
        let headers = [("host", HOST), ("content-type", kind)];
        let answer = world.raw("POST", "/oauth/v2/token", &headers, b"grant_type=x").await;
        refused(&answer, 400, "unsupported_grant_type", kind);
    }
}

#[tokio::test]
async fn case_46_a_form_that_is_not_well_formed_is_refused() {
    let world = World::new().await;
    let bodies: [&[u8]; 13] = [
        b"grant_type=%",
        b"grant_type=%4",
        b"grant_type=%zz",
        b"grant_type=%%41",
        b"grant_type=%u0041",
        b"%=1",
        b"grant_type=%ff%fe",
        b"grant_type=%c3",
        b"grant_type=%ed%a0%80",
        b"grant_type=\xff\xfe",
        b"\xc0\xaf=1",
        b"grant_type=a&grant_type=a",
        b"a&a",
    ];
    for body in bodies {
        check(&world, Some(FORM), body, &[400], &String::from_utf8_lossy(body)).await;
    }
    // A duplicate's name is repeated as far as RFC 6749 admits its letters.
    for name in ["%22", "%0d%0a", "%c3%a9", "%5c", "%3Cscript%3E"] {
        check(&world, Some(FORM), format!("{name}=1&{name}=2").as_bytes(), &[400], name).await;
    }
    let long = "n".repeat(20_000);
    check(&world, Some(FORM), format!("{long}=1&{long}=2").as_bytes(), &[400], "a long name twice").await;
}

#[tokio::test]
async fn a_query_is_bounded_and_well_formed_too() {
    let world = World::new().await;
    let (long, many) = ("x".repeat(16 * 1024 + 1), "a=1&".repeat(2));
    let numbered: Vec<String> = (0..201).map(|number| format!("p{number}=1")).collect();
    for path in QUERIES {
        for query in [long.as_str(), &many, &numbered.join("&"), "%", "%zz", "a=%ff", "a=1&a=2"] {
            let headers = [("host", HOST), ("authorization", "Bearer x")];
            let answer = world.raw("GET", &format!("{path}?{query}"), &headers, b"").await;
            assert!(
                [400, 413].contains(&answer.status.as_u16()),
                "{path} {}: {}",
                query.len(),
                answer.status
            );
        }
    }
    // Raw bytes beyond ASCII, which no library sends.
    let uri = Uri::try_from(b"/oauth/v2/authorize?client_id=\xff\xfe".as_slice());
    if let Ok(uri) = uri {
        let request = Request::get(uri).header(header::HOST, HOST).body(Body::empty()).unwrap();
        assert_eq!(world.send(request).await.status, 400);
    }
}

/// A generator of what nobody should send; the seed stands in the failure's text.
struct Chance(SeededEntropy);

impl Chance {
    fn below(&self, limit: usize) -> usize {
        usize::try_from(u64::from_be_bytes(draw(&self.0))).unwrap() % limit
    }

    fn of<'t>(&self, choices: &[&'t str]) -> &'t str {
        choices[self.below(choices.len())]
    }

    fn bytes(&self) -> Vec<u8> {
        let mut bytes = vec![0; self.below(200)];
        self.0.fill(&mut bytes);
        bytes
    }

    /// Sound pieces and unsound ones in any order.
    fn form(&self, sound: &[&str]) -> Vec<u8> {
        let mut out = Vec::new();
        for _ in 0..self.below(12) {
            match self.below(6) {
                0 => out.extend(self.bytes()),
                1 => {
                    out.extend(self.of(&["&", "=", "%", "+", ";", "%00", "&&", "==", "#", "?", "\n"]).bytes())
                }
                2 => out.extend(
                    self.of(&["%ff", "%c3%a9", "%F0%9F%98%80", "%e2%80%ae", "[]", "[0]", "{}"]).bytes(),
                ),
                3 => out.extend(format!("&{}=", self.of(NAMES)).bytes()),
                4 => out.extend(format!("&{}={}", self.of(NAMES), self.of(VALUES)).bytes()),
                _ => out.extend(format!("&{}", self.of(sound)).bytes()),
            }
        }
        out
    }

    fn header(&self, sound: &[&str]) -> HeaderValue {
        let bytes = match self.below(4) {
            0 => self.bytes(),
            1 => self.of(VALUES).into(),
            _ => self.of(sound).into(),
        };
        HeaderValue::from_bytes(&bytes).unwrap_or_else(|_| HeaderValue::from_static("?"))
    }
}

const NAMES: &[&str] = &[
    "client_id",
    "client_secret",
    "client_assertion",
    "assertion",
    "redirect_uri",
    "response_type",
    "scope",
    "state",
    "nonce",
    "prompt",
    "max_age",
    "code_challenge",
    "code_challenge_method",
    "grant_type",
    "code",
    "code_verifier",
    "refresh_token",
    "token",
    "token_type_hint",
    "access_token",
    "id_token_hint",
    "post_logout_redirect_uri",
    "login_hint",
    "ui_locales",
    "flow",
    "csrf",
    "username",
    "password",
    "request",
    "request_uri",
    "response_mode",
    "x",
];

const VALUES: &[&str] = &[
    "",
    "none",
    "login",
    "0",
    "-1",
    "18446744073709551616",
    "code",
    "openid",
    "S256",
    "authorization_code",
    "refresh_token",
    "client_credentials",
    "urn:ietf:params:oauth:grant-type:jwt-bearer",
    "cnv_rt_AAAA_AAAAAA",
    "cnv_ac_",
    "e30.e30.e30",
    "..",
    "null",
    "true",
    "de en",
    "https://app.example/callback",
    "https%3A%2F%2Fapp.example%2Fcallback",
    "http://[::1",
    "alice",
];

#[tokio::test]
async fn random_requests_are_refused_and_never_fail_inside() {
    const SEED: u64 = 20;
    const ROUNDS: usize = 250;
    let world = World::new().await;
    let chance = Chance(SeededEntropy::new(SEED));
    let (browser, tokens) = world.signed_in().await;
    let tokens = Tokens(tokens);
    let login = browser.form(&world.authorize_path(&[("prompt", "login")])).await;
    let query = world.authorize_path(&[]);
    let sound: Vec<String> = [
        query.split_once('?').unwrap().1.to_owned(),
        form(&[("flow", &login.flow), ("csrf", &login.csrf)]),
        form(&[("flow", &flipped(&login.flow, 9)), ("csrf", &login.csrf)]),
        form(&[("token", tokens.access())]),
        form(&[("token", tokens.refresh())]),
        form(&[("grant_type", "refresh_token"), ("refresh_token", &flipped(tokens.refresh(), 30))]),
        form(&[("grant_type", "authorization_code"), ("code", &world.code(&[]).await)]),
        form(&[("client_id", world.web.as_str())]),
        form(&[("client_secret", &world.web_secret)]),
        form(&[("id_token_hint", tokens.id())]),
        form(&[("access_token", tokens.access())]),
        form(&[("username", "alice"), ("password", "wrong")]),
    ]
    .to_vec();
    let sound: Vec<&str> = sound.iter().map(String::as_str).collect();
    let cookies: Vec<String> =
        browser.cookies.lock().unwrap().iter().map(|(name, value)| format!("{name}={value}")).collect();
    let cookies = cookies.join("; ");
    let (basic, bearer) = (world.web_auth(), format!("Bearer {}", tokens.access()));
    let mut refused = 0;
    for round in 0..ROUNDS {
        for (path, _) in FORMS {
            let mut request = Request::builder().header(header::HOST, HOST);
            if chance.below(3) > 0 {
                request = request
                    .header(header::CONTENT_TYPE, chance.header(&[FORM, FORM, FORM, "application/json"]));
            }
            if chance.below(2) == 0 {
                request = request.header(header::AUTHORIZATION, chance.header(&[&basic, &bearer]));
            }
            if chance.below(2) == 0 {
                request = request.header(header::COOKIE, chance.header(&[&cookies, "a=b; ;=;=="]));
            }
            if chance.below(4) == 0 {
                let name = chance.of(&[
                    "accept-language",
                    "sec-fetch-site",
                    "host",
                    "content-length",
                    "x-forwarded-host",
                ]);
                request = request.header(name, chance.header(&["de;q=9", "same-origin", "5"]));
            }
            let part = chance.form(&sound);
            let query = form_urlencoded::byte_serialize(&part).collect::<String>();
            let query =
                if chance.below(2) == 0 { query } else { String::from_utf8_lossy(&part).into_owned() };
            let method = chance.of(&["GET", "POST", "POST", "POST", "HEAD", "OPTIONS"]);
            let target = if chance.below(2) == 0 { path.to_owned() } else { format!("{path}?{query}") };
            let uri = target.parse::<Uri>().unwrap_or_else(|_| Uri::from_static("/oauth/v2/token"));
            let request = request.method(method).uri(uri.clone());
            let body = if method == "POST" { chance.form(&sound) } else { Vec::new() };
            let Ok(request) = request.body(Body::from(body.clone())) else { continue };
            let answer = world.send(request).await;
            let what =
                format!("seed {SEED}, round {round}: {method} {uri} {:?}", String::from_utf8_lossy(&body));
            assert!(answer.status.as_u16() < 500, "{what}: {} {}", answer.status, answer.body);
            refused += usize::from(answer.status.is_client_error());
        }
    }
    assert!(refused > ROUNDS, "only {refused} were refused: the requests are not odd enough");
    // It has survived all that.
    assert!(world.tokens(&[("client_id", world.web.as_str())]).await.0["access_token"].is_string());
}

#[tokio::test]
async fn every_mutation_of_a_sound_token_request_is_answered() {
    let world = World::new().await;
    let tokens = world.tokens(&[]).await;
    let sound =
        form(&[("grant_type", "refresh_token"), ("refresh_token", tokens.refresh()), ("scope", "openid")]);
    let auth = world.web_auth();
    let headers = [("host", HOST), ("authorization", auth.as_str()), ("content-type", FORM)];
    let mut answered = std::collections::BTreeSet::new();
    for at in 0..sound.len() {
        for byte in [0, b'%', b'&', b'=', 0xff, b' '] {
            let mut body = sound.clone().into_bytes();
            body[at] = byte;
            let answer = world.raw("POST", "/oauth/v2/token", &headers, &body).await;
            assert!(
                [200, 400].contains(&answer.status.as_u16()),
                "{byte} at {at}: {} {}",
                answer.status,
                answer.body
            );
            answered.insert(answer.error());
        }
        let answer = world.raw("POST", "/oauth/v2/token", &headers, &sound.as_bytes()[..at]).await;
        assert!(
            [200, 400].contains(&answer.status.as_u16()),
            "cut at {at}: {} {}",
            answer.status,
            answer.body
        );
    }
    let expected = ["", "invalid_grant", "invalid_request", "invalid_scope", "unsupported_grant_type"];
    assert!(answered.iter().all(|error| expected.contains(&error.as_str())), "{answered:?}");
}
