//! The management API as an administrator's program uses it, on any node: it reads what it has written wherever it asks.

use crate::http::{Answer, Http};
use serde_json::Value;
use std::sync::Mutex;

/// A program of an administrator, with his access token.
#[derive(Debug)]
pub struct Administration {
    token: String,
    /// Up to where it has read or written.
    position: Mutex<String>,
}

impl Administration {
    /// The bearer of a token.
    pub fn new(token: &str) -> Administration {
        Administration { token: token.to_owned(), position: Mutex::default() }
    }

    /// Asks a node, for no older a state than was seen before.
    ///
    /// # Panics
    /// When no answer comes.
    pub async fn ask(&self, node: &Http, method: &str, path: &str, body: Option<Value>) -> Answer {
        let bearer = format!("Bearer {}", self.token);
        let seen = self.position.lock().expect("nobody panics here").clone();
        let mut headers = vec![("authorization", bearer.as_str())];
        if !seen.is_empty() {
            headers.push(("conclave-at-least", &seen));
        }
        let answer = node.json(method, path, &headers, body.as_ref()).await;
        let answer = answer.unwrap_or_else(|no| panic!("{method} {path}: {no:?}"));
        let position = answer.header("conclave-position");
        if !position.is_empty() {
            *self.position.lock().expect("nobody panics here") = position.to_owned();
        }
        answer
    }

    /// Creates something that must come to be.
    ///
    /// # Panics
    /// When it does not.
    pub async fn create(&self, node: &Http, collection: &str, body: Value) -> Value {
        let answer = self.ask(node, "POST", &format!("/api/v1/{collection}"), Some(body)).await;
        assert_eq!(answer.status, 201, "{collection}: {}", answer.text());
        answer.json()
    }

    /// Posts to a verb that must be done.
    ///
    /// # Panics
    /// When it is not.
    pub async fn post(&self, node: &Http, path: &str, body: Option<Value>) -> Value {
        let answer = self.ask(node, "POST", &format!("/api/v1/{path}"), body).await;
        assert!(answer.status < 300, "{path}: {} {}", answer.status, answer.text());
        answer.json()
    }
}
