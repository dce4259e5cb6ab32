//! The OAuth 2 and OpenID Connect endpoints and the sign-in pages. The first line is a method and a path, the rest a query
//! or a form. A browser is signed in, and the application has a secret, so that what is accepted is looked at too.

use crate::ground::Ground;
use crate::stage::Stage;
use crate::world::{Answer, HOST};
use api_core::extract::form::Parameters;
use axum::Router;
use axum::body::Body;
use axum::http::{Request, header};
use serde_json::{Value, json};

const ISSUER: &str = "https://auth.example";
const CALLBACKS: &[&str] = &["https://app.example/callback", "https://app.example/other?x=1"];
const GOODBYE: &str = "https://app.example/bye";
/// Of an application on a device, whose port is free (RFC 8252 §7.3).
const LOOPBACK: (&str, &str) = ("http://127.0.0.1", "/cb");
const PASSWORD: &str = "a password of a person";

struct Site {
    ground: Ground,
    router: Router,
    /// The cookie of a browser in which somebody is signed in.
    cookie: String,
    /// How the application authenticates.
    basic: String,
}

thread_local! {
    static SITE: Site = site();
}

async fn furnish(stage: &mut Stage) {
    let owner = stage.elsewhere.clone();
    let web = json!({
        "id": "shop", "project": "acme-portal", "name": "Shop", "kind": "web", "auth": "basic", "alg": "ES256",
        "redirect_uris": CALLBACKS, "post_logout_redirect_uris": [GOODBYE], "refresh": true, "pkce_optional": true,
    });
    let native = json!({
        "id": "phone", "project": "acme-portal", "name": "Phone", "kind": "native", "auth": "none", "alg": "ES256",
        "redirect_uris": [format!("{}{}", LOOPBACK.0, LOOPBACK.1)],
    });
    for body in [web, native] {
        stage.world.post("/api/v1/applications", &owner, body).await.expect(201);
    }
    let profile = json!({ "given_name": "Alice", "family_name": "Example" });
    let kind = json!({ "human": profile });
    let body = json!({ "id": "alice", "organization": "acme", "username": "alice", "kind": kind });
    stage.world.post("/api/v1/users", &owner, body).await.expect(201);
    let body = json!({ "password": PASSWORD });
    stage.world.post("/api/v1/users/alice/password", &owner, body).await.expect(204);
}

fn site() -> Site {
    let mut basic = String::new();
    let ground = Ground::new(async |stage: &mut Stage| {
        furnish(stage).await;
        let owner = stage.elsewhere.clone();
        let secret =
            stage.world.post("/api/v1/applications/shop/secret", &owner, json!({})).await.expect(200);
        let secret = secret.json()["client_secret"].as_str().unwrap_or_default().to_owned();
        basic = format!("Basic {}", crypto::b64(format!("shop:{secret}").as_bytes()));
    });
    let service = ground.stage.world.service.clone();
    let router = api_oidc::router(service.clone()).merge(api_pages::router(service));
    let mut site = Site { ground, router, cookie: String::new(), basic };
    site.sign_in();
    site
}

impl Site {
    fn send(&self, method: &str, path: &str, text: &str) -> Option<Answer> {
        let is_query = method == "GET";
        let path = if is_query { format!("{path}?{text}") } else { path.to_owned() };
        let mut request = Request::builder().method(method).uri(path).header(header::HOST, HOST);
        if !self.cookie.is_empty() {
            request = request.header(header::COOKIE, &self.cookie);
        }
        let body = if is_query { Body::empty() } else { Body::from(text.to_owned()) };
        if !is_query {
            request = request.header(header::CONTENT_TYPE, "application/x-www-form-urlencoded");
        }
        if TOLD_IN_JSON.iter().any(|known| request.uri_ref().is_some_and(|uri| uri.path() == *known)) {
            request = request.header(header::AUTHORIZATION, &self.basic);
        }
        // Not every text is an address.
        Some(self.ground.send(&self.router, request.body(body).ok()?))
    }

    /// Goes through the form, and keeps the cookies.
    fn sign_in(&mut self) {
        let query = "client_id=shop&redirect_uri=https%3A%2F%2Fapp.example%2Fcallback&response_type=code&scope=openid";
        let begun = self.send("GET", "/oauth/v2/authorize", query).expect("an address");
        self.keep(&begun);
        let (path, query) = begun.header("location").split_once('?').map(own).expect("the form's address");
        let form = self.send("GET", &path, &query).expect("an address");
        self.keep(&form);
        let fields = ["flow", "csrf"].map(|name| format!("{name}={}", hidden(&form.body, name)));
        let filled = format!("{}&username=alice&password={}", fields.join("&"), PASSWORD.replace(' ', "+"));
        let done = self.send("POST", &path, &filled).expect("an address");
        assert!(done.header("location").contains("code="), "{} {}", done.status, done.body);
        self.keep(&done);
        // What the sign-in wrote stays.
        self.ground.keep();
    }

    fn keep(&mut self, answer: &Answer) {
        for set in answer.headers.get_all(header::SET_COOKIE) {
            let pair = set.to_str().ok().and_then(|set| set.split(';').next()).unwrap_or_default();
            let glue = if self.cookie.is_empty() { "" } else { "; " };
            self.cookie = format!("{}{glue}{pair}", self.cookie);
        }
    }
}

fn own((a, b): (&str, &str)) -> (String, String) {
    (a.to_owned(), b.to_owned())
}

/// The value of a hidden field.
fn hidden(html: &str, name: &str) -> String {
    let rest = html.split_once(&format!("name=\"{name}\"")).expect("the form has the field").1;
    let value = rest.split_once("value=\"").expect("the field has a value").1;
    value.split('"').next().unwrap_or_default().to_owned()
}

/// Endpoints for programs; the others are for browsers.
const TOLD_IN_JSON: &[&str] = &["/oauth/v2/token", "/oauth/v2/introspect", "/oauth/v2/revoke"];
const FOR_BROWSERS: &[&str] = &["/oauth/v2/authorize", "/oidc/v1/end_session", "/ui/login", "/ui/logout"];

/// A browser is sent to our own pages or to a registered address with its state as it came, and nowhere else; pages run
/// no script; programs are told errors in JSON, and nothing may be cached.
pub fn check(input: &[u8]) {
    let Ok(text) = std::str::from_utf8(input) else { return };
    let Some((head, rest)) = text.split_once('\n') else { return };
    let Some((method, path)) = head.split_once(' ') else { return };
    let is_known = TOLD_IN_JSON.contains(&path) || FOR_BROWSERS.contains(&path);
    if !["GET", "POST"].contains(&method) || !is_known {
        return;
    }
    SITE.with(|site| {
        let Some(answer) = site.send(method, path, rest) else { return };
        site.ground.rewind();
        assert!(answer.status.as_u16() < 500, "{}: {}", answer.status, answer.body);
        if method == "POST" && TOLD_IN_JSON.contains(&path) {
            for_program(&answer);
        }
        if answer.header("content-type").starts_with("text/html") {
            assert!(!answer.body.to_ascii_lowercase().contains("<script"), "{}", answer.body);
            assert!(answer.header("content-security-policy").contains("frame-ancestors 'none'"));
        }
        if answer.headers.contains_key(header::LOCATION) {
            // Behind it stands what no browser sends.
            let sent = if method == "GET" { rest.split('#').next().unwrap_or_default() } else { rest };
            redirected(&answer.header("location"), sent);
        }
    });
}

fn for_program(answer: &Answer) {
    // A revocation says nothing.
    let is_told = !answer.body.is_empty();
    assert!(!is_told || answer.header("cache-control").contains("no-store"), "{:?}", answer.headers);
    if !answer.status.is_success() {
        let told: Value = serde_json::from_str(&answer.body).unwrap_or_default();
        assert!(told["error"].is_string(), "{} {}", answer.status, answer.body);
    }
}

fn redirected(to: &str, sent: &str) {
    if to.starts_with("/ui/") {
        return;
    }
    assert!(is_registered(to), "{to}");
    // The query is the same whether it came as one or as a form.
    let Ok(sent) = Parameters::of_query(Some(sent)) else { panic!("{sent:?} was answered by {to}") };
    let Ok(got) = Parameters::of_query(to.split_once('?').map(|(_, query)| query)) else { panic!("{to}") };
    assert_eq!(got.get("state"), sent.get("state"), "{to}");
    if !to.starts_with(GOODBYE) {
        assert_eq!(got.get("iss"), Some(ISSUER), "{to}");
        assert!(got.has("code") != got.has("error"), "{to}");
    }
}

fn is_registered(to: &str) -> bool {
    let goes_on = |rest: &str| rest.is_empty() || rest.starts_with(['?', '&']);
    let exact = CALLBACKS.iter().chain([&GOODBYE]).any(|uri| to.strip_prefix(*uri).is_some_and(goes_on));
    let loopback = to.strip_prefix(LOOPBACK.0).and_then(|rest| {
        let rest =
            rest.strip_prefix(':').map_or(rest, |rest| rest.trim_start_matches(|c: char| c.is_ascii_digit()));
        rest.strip_prefix(LOOPBACK.1)
    });
    exact || loopback.is_some_and(goes_on)
}
