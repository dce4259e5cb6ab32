//! What tests do to a world besides sending requests: change its records, forge tokens, read its trail, lag behind.

use crate::world::*;
use api_core::backend::{Applied, Backend, BoxFuture, Freshness, Proposal, SubmitError, Unavailable, View};
use axum::Router;
use axum::body::Body;
use axum::http::{Request, header};
use crypto::Secret;
use identity::application::{Application, TokenAlg};
use identity::change::{Delete, SetState, Update};
use identity::envelope::Caller;
use identity::event::What;
use identity::id::{Id, SYSTEM};
use identity::instance::SetInstanceState;
use identity::instance::lifetimes::{self, Lifetimes};
use identity::project::Project;
use identity::record::{Record, State};
use identity::resource::Resource;
use identity::setting::Set;
use serde_json::{Value, json};
use std::marker::PhantomData;
use std::sync::{Arc, Mutex};

impl World {
    pub async fn view(&self) -> View {
        self.service.bounded().await.unwrap()
    }

    pub async fn record<T: Resource>(&self, id: &Id) -> Record<T> {
        self.view().await.reader(self.instance).find::<T>(id).unwrap().unwrap()
    }

    pub async fn change<T: Resource>(&self, id: &Id, change: impl FnOnce(&mut T)) {
        let mut spec = self.record::<T>(id).await.spec;
        change(&mut spec);
        self.submit(Update { id: id.clone(), revision: None, spec }).await;
    }

    pub async fn change_web(&self, change: impl FnOnce(&mut Application)) {
        self.change(&self.web, change).await;
    }

    pub async fn change_project(&self, change: impl FnOnce(&mut Project)) {
        self.change(&self.project, change).await;
    }

    pub async fn switch<T: Resource>(&self, id: &Id, state: State) {
        self.submit(SetState::<T> { id: id.clone(), state, revision: None, of: PhantomData }).await;
    }

    pub async fn delete<T: Resource>(&self, id: &Id) {
        self.submit(Delete::<T> { id: id.clone(), revision: None, of: PhantomData }).await;
    }

    pub async fn switch_instance(&self, state: State) {
        let command = SetInstanceState { number: self.instance, state };
        self.service.submit(SYSTEM, Caller::system(), &command).await.unwrap();
    }

    pub async fn set_lifetimes(&self, change: impl FnOnce(&mut Lifetimes)) {
        let mut lifetimes = lifetimes::of(&self.view().await.reader(self.instance)).unwrap();
        change(&mut lifetimes);
        self.submit(Set { within: None, value: lifetimes, expected: None }).await;
    }

    pub async fn set_password(&self, user: &Id, password: &str) {
        let password = Secret::new(password.to_owned());
        self.service.set_password(self.instance, &Caller::system(), user, password).await.unwrap();
    }

    /// A code of the web application for alice, from a new browser.
    pub async fn code(&self, changes: &[(&str, &str)]) -> String {
        let answer = Browser::new(self).sign_in(&self.authorize_path(changes), "alice", PASSWORD).await;
        answer.parameter("code").unwrap_or_else(|| panic!("no code: {}", answer.location()))
    }

    /// Tokens of the web application for alice.
    pub async fn tokens(&self, changes: &[(&str, &str)]) -> Tokens {
        let answer = self.redeem(&self.code(changes).await).await;
        assert_eq!(answer.status, 200, "{}", answer.body);
        Tokens(answer.json())
    }

    pub async fn token(&self, authorization: Option<&str>, pairs: &[(&str, &str)]) -> Answer {
        self.post("/oauth/v2/token", authorization, pairs).await
    }

    /// A token of the service account.
    pub async fn robot_token(&self, scope: &str) -> Answer {
        let auth = basic(self.robot.as_str(), &self.robot_secret);
        self.token(Some(&auth), &[("grant_type", "client_credentials"), ("scope", scope)]).await
    }

    /// Whether introspection says that a token counts: to the project's API, or a refresh token to its own client.
    pub async fn is_active(&self, token: &str) -> bool {
        let auth = if token.starts_with("cnv_rt_") { self.web_auth() } else { self.api_auth() };
        let answer = self.post("/oauth/v2/introspect", Some(&auth), &[("token", token)]).await;
        assert_eq!(answer.status, 200, "{}", answer.body);
        let active = answer.json()["active"].as_bool().unwrap();
        assert!(active || answer.json() == json!({ "active": false }), "{}", answer.body);
        active
    }

    /// Claims signed with the instance's own active key, as no endpoint would.
    pub async fn sign(&self, typ: &str, claims: &Value) -> String {
        let view = self.view().await;
        let signer =
            self.service.keys.signer(&self.service.machine, &view.reader(self.instance), TokenAlg::Es256);
        crypto::issue(&*signer.unwrap(), typ, claims).await.unwrap()
    }

    /// How often something stands in the trail.
    pub async fn events(&self, what: What) -> usize {
        let trail = identity::audit::trail(&*self.view().await.read, self.instance, usize::MAX).unwrap();
        trail.iter().filter(|entry| entry.event.what == what as u16).count()
    }

    /// Sends a request with headers of its own.
    pub async fn raw(&self, method: &str, path: &str, headers: &[(&str, &str)], body: &[u8]) -> Answer {
        let mut request = Request::builder().method(method).uri(path);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        self.send(request.body(Body::from(body.to_vec())).unwrap()).await
    }

    /// The same world behind another node: one that lags behind or has lost its quorum.
    pub fn through(&self, node: &Arc<Node>) -> World {
        let mut service = self.service.clone();
        service.backend = Arc::clone(node) as _;
        World { router: routers(&service), service, ..self.clone() }
    }
}

/// Every room, as `node` merges them.
pub fn routers(service: &api_core::Service) -> Router {
    api_oidc::router(service.clone()).merge(api_pages::router(service.clone()))
}

/// A token response.
pub struct Tokens(pub Value);

impl Tokens {
    fn text(&self, name: &str) -> &str {
        self.0[name].as_str().unwrap_or_else(|| panic!("no {name} in {}", self.0))
    }
    pub fn access(&self) -> &str {
        self.text("access_token")
    }
    pub fn id(&self) -> &str {
        self.text("id_token")
    }
    pub fn refresh(&self) -> &str {
        self.text("refresh_token")
    }
}

/// A follower of the cluster: what it has applied can be held back, and its quorum taken away.
pub struct Node {
    solo: Arc<api_core::solo::Solo>,
    held: Mutex<Option<View>>,
    quorum: Mutex<bool>,
    late: Mutex<bool>,
}

impl Node {
    pub fn of(world: &World) -> Arc<Node> {
        let solo = Arc::clone(&world.solo);
        Arc::new(Node { solo, held: Mutex::default(), quorum: Mutex::new(true), late: Mutex::new(false) })
    }

    /// From now on it applies nothing.
    pub async fn hold(&self) {
        let view = self.solo.view(Freshness::Linearizable).await.unwrap();
        *self.held.lock().unwrap() = Some(view);
    }

    /// From now on others come in between a command and its answer.
    pub fn answer_late(&self) {
        *self.late.lock().unwrap() = true;
    }

    /// From now on it can prove its state for `Bounded` at most, and the log takes nothing from it.
    pub fn lose_quorum(&self) {
        *self.quorum.lock().unwrap() = false;
    }

    /// Whether it is held back, but not before this position.
    fn has_applied(&self, position: api_core::Position) -> bool {
        self.held.lock().unwrap().as_ref().is_some_and(|view| view.position >= position)
    }

    fn has_quorum(&self) -> bool {
        *self.quorum.lock().unwrap()
    }
}

impl Backend for Node {
    fn submit(&self, proposal: Proposal) -> BoxFuture<'_, Result<Applied, SubmitError>> {
        if !self.has_quorum() {
            return Box::pin(async { Err(SubmitError::NotApplied("no quorum")) });
        }
        let late = *self.late.lock().unwrap();
        Box::pin(async move {
            let applied = self.solo.submit(proposal).await;
            if late {
                tokio::task::yield_now().await;
            }
            applied
        })
    }

    fn view(&self, freshness: Freshness) -> BoxFuture<'_, Result<View, Unavailable>> {
        match freshness {
            Freshness::Stale | Freshness::Bounded(_) => {
                let held = self.held.lock().unwrap().clone();
                match held {
                    Some(view) => {
                        let now = self.solo.now();
                        Box::pin(async move { Ok(View { now, ..view }) })
                    }
                    None => self.solo.view(freshness),
                }
            }
            Freshness::AtLeast(position) if self.has_applied(position) => self.view(Freshness::Stale),
            Freshness::AtLeast(_) | Freshness::Linearizable if !self.has_quorum() => {
                Box::pin(async { Err(Unavailable) })
            }
            Freshness::AtLeast(_) | Freshness::Linearizable => self.solo.view(freshness),
        }
    }
}

/// Asserts an OAuth error: its status, its code, its form.
pub fn refused(answer: &Answer, status: u16, error: &str, what: &str) {
    assert_eq!(answer.status, status, "{what}: {}", answer.body);
    let json = answer.json();
    assert_eq!(json["error"], error, "{what}: {}", answer.body);
    let description = json["error_description"].as_str().unwrap();
    // RFC 6749 §5.2
    let allowed = |byte: u8| matches!(byte, 0x20..=0x21 | 0x23..=0x5b | 0x5d..=0x7e);
    assert!(description.bytes().all(allowed), "{what}: {description}");
    assert_eq!(answer.headers[header::CACHE_CONTROL], "no-store", "{what}");
    assert_eq!(json.as_object().unwrap().len(), 2, "{what}: {json}");
}

/// Asserts an error page of ours: never a redirect, and with the headers of every page.
pub fn error_page(answer: &Answer, status: u16, code: &str, what: &str) {
    assert_eq!(answer.status, status, "{what}: {}", answer.body);
    assert!(!answer.headers.contains_key(header::LOCATION), "{what}");
    assert!(answer.body.contains("id=\"error-page\""), "{what}: {}", answer.body);
    assert!(answer.body.contains(&format!("<code>{code}</code>")), "{what}: {}", answer.body);
    page_headers(answer, what);
}

/// Asserts the headers that every page has.
pub fn page_headers(answer: &Answer, what: &str) {
    let header =
        |name: &str| answer.headers.get(name).map(|value| value.to_str().unwrap()).unwrap_or_default();
    let policy = header("content-security-policy");
    assert!(policy.contains("frame-ancestors 'none'"), "{what}: {policy}");
    assert!(policy.contains("default-src 'none'"), "{what}: {policy}");
    assert!(policy.contains("base-uri 'none'"), "{what}: {policy}");
    assert_eq!(header("x-frame-options"), "DENY", "{what}");
    assert_eq!(header("x-content-type-options"), "nosniff", "{what}");
    assert_eq!(header("referrer-policy"), "no-referrer", "{what}");
    assert_eq!(header("cache-control"), "no-store", "{what}");
    assert_eq!(header("content-type"), "text/html; charset=utf-8", "{what}");
    assert!(!answer.body.contains("<script"), "{what}");
}

/// Asserts an error that went back to the application, with state and issuer.
pub fn sent_back(answer: &Answer, error: &str, what: &str) {
    assert_eq!(answer.status, 303, "{what}: {}", answer.body);
    assert!(answer.location().starts_with(CALLBACK), "{what}: {}", answer.location());
    assert_eq!(answer.parameter("error").as_deref(), Some(error), "{what}: {}", answer.location());
    assert_eq!(answer.parameter("state").as_deref(), Some("st"), "{what}");
    assert_eq!(answer.parameter("iss").as_deref(), Some(ISSUER), "{what}");
    assert_eq!(answer.parameter("code"), None, "{what}");
}

/// A text with one character replaced.
pub fn flipped(text: &str, at: usize) -> String {
    let replace = |(index, letter): (usize, char)| match (index == at, letter) {
        (true, 'A') => 'B',
        (true, _) => 'A',
        (false, letter) => letter,
    };
    text.chars().enumerate().map(replace).collect()
}
