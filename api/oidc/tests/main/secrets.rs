//! A secret is shown once, to whom it belongs, and stands nowhere else: no answer, no redirect, no log line, no row.

use crate::tools::*;
use crate::world::*;
use identity::tables::Table;
use std::fmt::{Debug, Write};
use std::sync::{Mutex, OnceLock, PoisonError};
use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Metadata, Subscriber};

/// Keeps every log line of every level, with all of its fields.
struct Lines;

fn lines() -> &'static Mutex<String> {
    static LINES: OnceLock<Mutex<String>> = OnceLock::new();
    LINES.get_or_init(Mutex::default)
}

struct Fields<'l>(&'l mut String);

impl Visit for Fields<'_> {
    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        write!(self.0, " {field}={value:?}").unwrap();
    }
}

impl Subscriber for Lines {
    fn enabled(&self, _: &Metadata<'_>) -> bool {
        true
    }
    fn new_span(&self, attributes: &Attributes<'_>) -> Id {
        attributes.record(&mut Fields(&mut lines().lock().unwrap_or_else(PoisonError::into_inner)));
        Id::from_u64(1)
    }
    fn record(&self, _: &Id, values: &Record<'_>) {
        values.record(&mut Fields(&mut lines().lock().unwrap_or_else(PoisonError::into_inner)));
    }
    fn record_follows_from(&self, _: &Id, _: &Id) {}
    fn event(&self, event: &Event<'_>) {
        let mut lines = lines().lock().unwrap_or_else(PoisonError::into_inner);
        event.record(&mut Fields(&mut lines));
        lines.push('\n');
    }
    fn enter(&self, _: &Id) {}
    fn exit(&self, _: &Id) {}
}

/// Everything that an answer shows.
fn shown(answer: &Answer) -> String {
    format!("{:?} {}", answer.headers, answer.body)
}

#[tokio::test]
async fn a05_a_secret_is_shown_once_and_stands_in_no_other_answer_no_log_line_and_no_row() {
    // The other tests of this binary may log too: what they write is searched as well.
    tracing::subscriber::set_global_default(Lines).unwrap();
    let world = World::new().await;
    let browser = Browser::new(&world);
    let form = browser.form(&world.authorize_path(&[])).await;
    let wrong = "a wrong password, but whose?";
    let mut answers =
        vec![browser.fill(&form, "alice", wrong).await, browser.fill(&form, "nobody", wrong).await];
    let signed_in = browser.fill(&form, "alice", PASSWORD).await;
    let code = signed_in.parameter("code").unwrap();
    let session = browser.session().unwrap();
    let first = world.redeem(&code).await;
    let tokens = Tokens(first.json());
    let second = world.refresh(tokens.refresh()).await;
    let next = Tokens(second.json());
    // Every way to be refused, with the real secrets in the request.
    let narrow =
        [("grant_type", "refresh_token"), ("refresh_token", next.refresh()), ("scope", "openid x:y \"")];
    let misplaced =
        [("grant_type", "authorization_code"), ("code", next.refresh()), ("redirect_uri", CALLBACK)];
    let unknown = [("grant_type", world.web_secret.as_str()), ("code", &code)];
    let twice = format!("token={}&token={}&{}=1&{}=2", next.refresh(), code, next.refresh(), next.refresh());
    let auth = world.web_auth();
    let headers = [
        ("host", HOST),
        ("authorization", auth.as_str()),
        ("content-type", "application/x-www-form-urlencoded"),
    ];
    let no_form = [("host", HOST), ("authorization", auth.as_str()), ("content-type", "application/json")];
    let api = basic(world.api.as_str(), &world.web_secret);
    let query = crate::world::form(&[("access_token", tokens.access()), ("id_token_hint", next.refresh())]);
    answers.extend([
        world.token(Some(&auth), &narrow).await,
        world.token(Some(&auth), &misplaced).await,
        world.token(Some(&auth), &unknown).await,
        world.token(Some(&api), &unknown).await,
        world.raw("POST", "/oauth/v2/introspect", &headers, twice.as_bytes()).await,
        world.raw("POST", "/oauth/v2/introspect", &no_form, twice.as_bytes()).await,
        world.introspect(tokens.access()).await,
        world.introspect(next.refresh()).await,
        world.post("/oauth/v2/introspect", Some(&auth), &[("token", next.refresh())]).await,
        world.userinfo(tokens.access()).await,
        world.userinfo(next.refresh()).await,
        world.get(&format!("/oidc/v1/userinfo?{query}")).await,
        browser.get(&format!("/oidc/v1/end_session?{query}")).await,
        browser.get(&format!("/oauth/v2/authorize?{query}&{query}")).await,
        browser.get(&world.authorize_path(&[("prompt", "none"), ("login_hint", "x")])).await,
        browser.fill(&form, "alice", PASSWORD).await,
        world.redeem(&code).await,
        world.refresh(tokens.refresh()).await,
    ]);
    let secrets = [
        ("the password", PASSWORD),
        ("a wrong password", wrong),
        ("the web secret", &world.web_secret),
        ("the API's secret", &world.api_secret),
        ("the robot's secret", &world.robot_secret),
        ("the code", &code),
        ("the verifier", VERIFIER),
        ("the session's secret", &session),
        ("the first refresh token", tokens.refresh()),
        ("the second refresh token", next.refresh()),
        ("the first access token", tokens.access()),
        ("the second access token", next.access()),
        ("the ID token", tokens.id()),
    ];
    for (what, secret) in secrets {
        for answer in &answers {
            assert!(!shown(answer).contains(secret), "{what} in {} {}", answer.status, answer.body);
        }
    }
    // Once each where it belongs.
    assert_eq!(shown(&signed_in).matches(&code).count(), 1);
    assert_eq!(shown(&signed_in).matches(&session).count(), 1);
    assert_eq!(shown(&first).matches(tokens.refresh()).count(), 1);
    assert_eq!(shown(&second).matches(next.refresh()).count(), 1);
    // No row holds one in clear, nor does the trail.
    let (view, system) = (world.view().await, [0u8; 0]);
    let end = [0xff; 32];
    let mut rows = 0;
    for table in Table::ALL {
        for (key, value) in view.read.scan(table, &system, &end, usize::MAX).unwrap() {
            rows += 1;
            for (what, secret) in secrets {
                let payload = secret.rsplit_once('_').map_or(secret, |(payload, _)| payload);
                let holds =
                    |bytes: &[u8]| bytes.windows(payload.len()).any(|part| part == payload.as_bytes());
                assert!(!holds(&key) && !holds(&value), "{what} in a row of {table:?}");
            }
        }
    }
    assert!(rows > 50, "{rows}");
    let raw = crypto::unb64url(code.strip_prefix("cnv_ac_").unwrap().rsplit_once('_').unwrap().0).unwrap();
    let every = view.read.scan(Table::State, &system, &end, usize::MAX).unwrap();
    assert!(
        every.iter().all(|(_, value)| !value.windows(32).any(|part| part == raw)),
        "the code's own bytes"
    );
    let log = lines().lock().unwrap_or_else(PoisonError::into_inner).clone();
    for (what, secret) in secrets {
        assert!(!log.contains(secret), "{what} in the log");
    }
    // The log does hear of what fails inside.
    api_oidc::error::internal("only the operator reads this");
    assert!(lines().lock().unwrap().contains("only the operator reads this"));
}

#[tokio::test]
async fn a05_what_carries_secrets_shows_none_of_them_when_it_is_printed() {
    let world = World::new().await;
    let body = form(&[("password", PASSWORD), ("client_secret", &world.web_secret)]);
    let mut headers = axum::http::HeaderMap::new();
    headers.insert("content-type", "application/x-www-form-urlencoded".parse().unwrap());
    let parameters = api_core::extract::form::Parameters::of_body(&headers, body.as_bytes()).unwrap();
    assert_eq!(format!("{parameters:?}"), "{\"client_secret\", \"password\"}");
    let secret = crypto::Secret::new(PASSWORD.to_owned());
    assert!(!format!("{secret:?}").contains(PASSWORD));
}

#[tokio::test]
async fn answers_with_tokens_are_kept_by_no_cache() {
    let world = World::new().await;
    let tokens = world.tokens(&[]).await;
    for answer in [
        world.refresh(tokens.refresh()).await,
        world.robot_token("openid").await,
        world.introspect(tokens.access()).await,
        world.userinfo(tokens.access()).await,
        world.get(&world.authorize_path(&[])).await,
    ] {
        assert_eq!(answer.headers["cache-control"], "no-store", "{}", answer.body);
    }
    assert_eq!(world.refresh(tokens.refresh()).await.headers["pragma"], "no-cache");
}
