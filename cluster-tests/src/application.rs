//! An OAuth client as any application has one: codes, refresh tokens, introspection, revocation; and what it knows
//! after each request.

use crate::http::{Answer, Http, NoAnswer};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;
use std::sync::atomic::{AtomicU64, Ordering};

/// A client of the issuer.
#[derive(Clone, Debug)]
pub struct Application {
    /// Its id.
    pub client_id: String,
    /// Its secret; a public client has none.
    pub secret: Option<String>,
    /// Where codes are sent.
    pub redirect_uri: String,
    /// What it asks for when it signs somebody in.
    pub scope: String,
}

/// What an application asks for that has no special wishes.
pub const SCOPE: &str = "openid offline_access";

/// What a request has done, as far as the one who sent it can know.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome<T> {
    /// It was done, and this came back.
    Done(T),
    /// It was refused for good, with this error.
    Refused(String),
    /// It may have been done: no answer, or one that says that the node can't know.
    Unknown(String),
    /// It was not done: it never left.
    NotSent(String),
}

/// An authorization code and what is needed to redeem it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Code {
    /// The code.
    pub code: String,
    /// Its PKCE verifier.
    pub verifier: String,
}

/// What the token endpoint gives.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tokens {
    /// The access token.
    pub access: String,
    /// The refresh token; empty if there is none.
    pub refresh: String,
    /// The ID token; empty if there is none.
    pub id: String,
}

impl<T> Outcome<T> {
    /// What came back from something that must work.
    ///
    /// # Panics
    /// When it did not.
    #[track_caller]
    pub fn done(self, what: &str) -> T {
        match self {
            Outcome::Done(value) => value,
            Outcome::Refused(why) => panic!("{what} was refused: {why}"),
            Outcome::Unknown(why) | Outcome::NotSent(why) => panic!("{what} has no answer: {why}"),
        }
    }

    /// Whether somebody decided, either way.
    pub fn is_definite(&self) -> bool {
        matches!(self, Outcome::Done(_) | Outcome::Refused(_))
    }

    /// Whether it was done.
    pub fn is_done(&self) -> bool {
        matches!(self, Outcome::Done(_))
    }

    /// The same with another value.
    pub fn map<U>(self, change: impl FnOnce(T) -> U) -> Outcome<U> {
        match self {
            Outcome::Done(value) => Outcome::Done(change(value)),
            Outcome::Refused(why) => Outcome::Refused(why),
            Outcome::Unknown(why) => Outcome::Unknown(why),
            Outcome::NotSent(why) => Outcome::NotSent(why),
        }
    }
}

impl Application {
    /// An authorization request: its path, and the verifier for its code.
    pub fn request(&self, prompt: Option<&str>) -> (String, String) {
        let verifier = verifier();
        let challenge = crypto::pkce_s256(&verifier);
        let mut query = form_urlencoded::Serializer::new(String::new());
        query.extend_pairs([
            ("response_type", "code"),
            ("client_id", &self.client_id),
            ("redirect_uri", &self.redirect_uri),
            ("scope", &self.scope),
            ("state", "state"),
            ("code_challenge", &challenge),
            ("code_challenge_method", "S256"),
        ]);
        query.extend_pairs(prompt.map(|prompt| ("prompt", prompt)));
        (format!("/oauth/v2/authorize?{}", query.finish()), verifier)
    }

    /// Redeems a code.
    pub async fn redeem(&self, node: &Http, code: &Code) -> Outcome<Tokens> {
        let fields = [
            ("grant_type", "authorization_code"),
            ("code", &code.code),
            ("redirect_uri", &self.redirect_uri),
            ("code_verifier", &code.verifier),
        ];
        self.tokens(node, &fields).await
    }

    /// Advances a refresh token.
    pub async fn refresh(&self, node: &Http, token: &str) -> Outcome<Tokens> {
        self.tokens(node, &[("grant_type", "refresh_token"), ("refresh_token", token)]).await
    }

    /// A token for the client itself.
    pub async fn client_credentials(&self, node: &Http, scope: &str) -> Outcome<Tokens> {
        self.tokens(node, &[("grant_type", "client_credentials"), ("scope", scope)]).await
    }

    /// Revokes a token of the client.
    pub async fn revoke(&self, node: &Http, token: &str) -> Outcome<()> {
        outcome(self.post(node, "/oauth/v2/revoke", &[("token", token)]).await).map(|_| ())
    }

    /// Whether a token counts.
    pub async fn introspect(&self, node: &Http, token: &str) -> Outcome<bool> {
        let answer = outcome(self.post(node, "/oauth/v2/introspect", &[("token", token)]).await);
        answer.map(|answer| answer["active"] == true)
    }

    /// Whether an access token opens userinfo.
    pub async fn userinfo(node: &Http, token: &str) -> Outcome<bool> {
        let bearer = format!("Bearer {token}");
        match outcome(node.get("/oidc/v1/userinfo", &[("authorization", &bearer)]).await) {
            Outcome::Refused(error) if error == "invalid_token" => Outcome::Done(false),
            other => other.map(|_| true),
        }
    }

    async fn tokens(&self, node: &Http, fields: &[(&str, &str)]) -> Outcome<Tokens> {
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        outcome(self.post(node, "/oauth/v2/token", fields).await).map(|answer| Tokens {
            access: text(&answer["access_token"]),
            refresh: text(&answer["refresh_token"]),
            id: text(&answer["id_token"]),
        })
    }

    async fn post(&self, node: &Http, path: &str, fields: &[(&str, &str)]) -> Result<Answer, NoAnswer> {
        match &self.secret {
            Some(secret) => {
                let basic = format!("Basic {}", STANDARD.encode(format!("{}:{secret}", self.client_id)));
                node.form(path, &[("authorization", &basic)], fields).await
            }
            None => node.form(path, &[], &[fields, &[("client_id", &self.client_id)]].concat()).await,
        }
    }
}

/// What an answer of the OAuth endpoints says. A node that answers 5xx may have done it all the same.
fn outcome(answer: Result<Answer, NoAnswer>) -> Outcome<Value> {
    match answer {
        Ok(answer) if answer.status < 300 => Outcome::Done(answer.json()),
        Ok(answer) => {
            let error = answer.json()["error"].as_str().unwrap_or_default().to_owned();
            if answer.status >= 500 {
                Outcome::Unknown(format!("{} {error}", answer.status))
            } else {
                Outcome::Refused(error)
            }
        }
        Err(no) => no.into(),
    }
}

impl<T> From<NoAnswer> for Outcome<T> {
    fn from(no: NoAnswer) -> Outcome<T> {
        match no {
            NoAnswer::NotSent(why) => Outcome::NotSent(why),
            NoAnswer::Unknown(why) => Outcome::Unknown(why),
        }
    }
}

/// A verifier that no other request of this test has; nobody here guesses.
fn verifier() -> String {
    static NEXT: AtomicU64 = AtomicU64::new(0);
    format!("{:043}", NEXT.fetch_add(1, Ordering::Relaxed))
}
