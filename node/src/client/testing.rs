//! A node for tests: a server on a loopback port that answers as it is told and remembers what it was asked.

use axum::body::{Body, to_bytes};
use axum::extract::Request;
use axum::response::{IntoResponse, Response};
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use serde_json::Value;
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::sync::{Arc, Mutex};

/// Where no server is: below the ports that are given to anybody.
pub(super) const NOBODY: &str = "http://127.0.0.1:1";

/// Writes a file that is its owner's alone.
pub(super) fn secret_file(path: &Path, text: &str) {
    let mut options = std::fs::OpenOptions::new();
    let mut file = options.create(true).write(true).truncate(true).mode(0o600).open(path).unwrap();
    file.write_all(text.as_bytes()).unwrap();
}

/// What was asked.
#[derive(Clone, Debug)]
pub(super) struct Asked {
    /// The issuer that the server is.
    pub(super) base: String,
    pub(super) method: String,
    pub(super) path: String,
    pub(super) query: String,
    pub(super) headers: HeaderMap,
    pub(super) body: String,
}

impl Asked {
    /// A header's text.
    pub(super) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name).and_then(|value| value.to_str().ok())
    }

    /// The method and the path.
    pub(super) fn line(&self) -> String {
        format!("{} {}", self.method, self.path)
    }

    /// The body as JSON.
    pub(super) fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_default()
    }
}

/// An answer.
pub(super) struct Reply {
    status: u16,
    body: String,
    headers: HeaderMap,
}

impl Reply {
    /// One with a JSON body.
    pub(super) fn json(status: u16, body: Value) -> Reply {
        Reply { status, body: body.to_string(), headers: HeaderMap::new() }
    }

    /// One that says what is wrong.
    pub(super) fn problem(status: u16, code: &str) -> Reply {
        Reply::json(status, serde_json::json!({ "title": code, "code": code, "status": status }))
    }

    /// With a header.
    pub(super) fn with(mut self, name: &'static str, value: &'static str) -> Reply {
        self.headers.insert(HeaderName::from_static(name), HeaderValue::from_static(value));
        self
    }
}

/// The server; it ends with the test's runtime.
pub(super) struct Server {
    pub(super) base: String,
    asked: Arc<Mutex<Vec<Asked>>>,
}

impl Server {
    /// Starts one that answers by `answer`.
    pub(super) async fn start(answer: impl Fn(&Asked) -> Reply + Send + Sync + 'static) -> Server {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let base = format!("http://{}", listener.local_addr().unwrap());
        let asked = Arc::new(Mutex::new(Vec::new()));
        let (answer, seen, own) = (Arc::new(answer), asked.clone(), base.clone());
        let handle = move |request: Request<Body>| {
            let (answer, seen, base) = (answer.clone(), seen.clone(), own.clone());
            async move { handle(request, base, &*answer, &seen).await }
        };
        let router = axum::Router::new().fallback(handle);
        tokio::spawn(async move { axum::serve(listener, router).await });
        Server { base, asked }
    }

    /// What it was asked so far.
    pub(super) fn asked(&self) -> Vec<Asked> {
        self.asked.lock().unwrap().clone()
    }
}

async fn handle(
    request: Request<Body>,
    base: String,
    answer: &(dyn Fn(&Asked) -> Reply + Send + Sync),
    seen: &Mutex<Vec<Asked>>,
) -> Response {
    let (parts, body) = request.into_parts();
    let body = to_bytes(body, 1 << 20).await.unwrap();
    let asked = Asked {
        base,
        method: parts.method.to_string(),
        path: parts.uri.path().to_owned(),
        query: parts.uri.query().unwrap_or_default().to_owned(),
        headers: parts.headers,
        body: String::from_utf8(body.to_vec()).unwrap(),
    };
    let reply = answer(&asked);
    seen.lock().unwrap().push(asked);
    let mut response = reply.body.into_response();
    *response.status_mut() = StatusCode::from_u16(reply.status).unwrap();
    response.headers_mut().extend(reply.headers);
    response
}
