//! HTTP to one port of one node, over kept connections; and what is known when no answer comes.

use crate::network::Dialer;
use bytes::Bytes;
use http_body_util::{BodyExt, Full};
use hyper::{HeaderMap, Request, Uri};
use hyper_util::client::legacy::Client;
use hyper_util::rt::{TokioExecutor, TokioIo};
use serde_json::Value;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;
use tokio::net::TcpStream;

/// How long a client waits for an answer, unless it says otherwise. No node lets one wait so long.
pub const PATIENCE: Duration = Duration::from_secs(20);

/// One port of one node, which may be restarted meanwhile.
#[derive(Clone, Debug)]
pub struct Http {
    client: Client<Door, Full<Bytes>>,
    origin: String,
    patience: Duration,
}

/// An answer, read whole.
#[derive(Clone, Debug)]
pub struct Answer {
    /// Its status.
    pub status: u16,
    /// Its header fields.
    pub headers: HeaderMap,
    /// Its body.
    pub body: Bytes,
}

/// Why there is no answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum NoAnswer {
    /// Nobody was there: the request never left.
    NotSent(String),
    /// It may have arrived, and may have been done.
    Unknown(String),
}

impl Http {
    /// A client of `port`. `origin` is what its requests name, wherever the connection really goes.
    pub fn new(dialer: Dialer, port: u16, origin: &str) -> Http {
        let client = Client::builder(TokioExecutor::new()).build(Door { dialer, port });
        Http { client, origin: origin.to_owned(), patience: PATIENCE }
    }

    /// The same port with other patience.
    pub fn waiting(&self, patience: Duration) -> Http {
        Http { patience, ..self.clone() }
    }

    /// Gets a path.
    pub async fn get(&self, path: &str, headers: &[(&str, &str)]) -> Result<Answer, NoAnswer> {
        self.send(self.request("GET", path, headers, Bytes::new())).await
    }

    /// Posts a form.
    pub async fn form(
        &self,
        path: &str,
        headers: &[(&str, &str)],
        fields: &[(&str, &str)],
    ) -> Result<Answer, NoAnswer> {
        let body = form_urlencoded::Serializer::new(String::new()).extend_pairs(fields).finish();
        let mut request = self.request("POST", path, headers, body.into());
        let kind = "application/x-www-form-urlencoded".parse().expect("a header's value");
        request.headers_mut().insert("content-type", kind);
        self.send(request).await
    }

    /// Sends JSON, or nothing, by any method.
    pub async fn json(
        &self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: Option<&Value>,
    ) -> Result<Answer, NoAnswer> {
        let text = body.map(Value::to_string).unwrap_or_default();
        let mut request = self.request(method, path, headers, text.into());
        if body.is_some() {
            let kind = "application/json".parse().expect("a header's value");
            request.headers_mut().insert("content-type", kind);
        }
        self.send(request).await
    }

    fn request(
        &self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: Bytes,
    ) -> Request<Full<Bytes>> {
        let mut request = Request::builder().method(method).uri(format!("{}{path}", self.origin));
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        request.body(Full::new(body)).unwrap_or_else(|error| panic!("{method} {path} is no request: {error}"))
    }

    async fn send(&self, request: Request<Full<Bytes>>) -> Result<Answer, NoAnswer> {
        let exchange = async {
            let response = self.client.request(request).await.map_err(|error| {
                let text = causes(&error);
                if error.is_connect() { NoAnswer::NotSent(text) } else { NoAnswer::Unknown(text) }
            })?;
            let (parts, body) = response.into_parts();
            let body = body.collect().await.map_err(|error| NoAnswer::Unknown(causes(&error)))?.to_bytes();
            Ok(Answer { status: parts.status.as_u16(), headers: parts.headers, body })
        };
        let late = || NoAnswer::Unknown(format!("no answer within {} ms", self.patience.as_millis()));
        tokio::time::timeout(self.patience, exchange).await.unwrap_or_else(|_| Err(late()))
    }
}

fn causes(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text += &format!(": {error}");
        cause = error.source();
    }
    text
}

impl Answer {
    /// The body as JSON; null if it is none.
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_default()
    }

    /// The body as text.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    /// A header field; empty if it is missing.
    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default()
    }
}

/// Connects to the one port, whatever the address of a request says.
#[derive(Clone, Debug)]
struct Door {
    dialer: Dialer,
    port: u16,
}

impl tower::Service<Uri> for Door {
    type Response = TokioIo<TcpStream>;
    type Error = io::Error;
    type Future = Pin<Box<dyn Future<Output = io::Result<Self::Response>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, _: Uri) -> Self::Future {
        let Door { dialer, port } = self.clone();
        Box::pin(async move {
            let stream = dialer.connect(port).await?;
            stream.set_nodelay(true)?;
            Ok(TokioIo::new(stream))
        })
    }
}
