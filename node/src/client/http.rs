//! HTTP to a node: http on this machine, https with the system's roots elsewhere.
//!
//! It knows no API: what an answer means is for [`super::api`] and [`super::sign_in`] to say.

use crate::config::values::PublicUrl;
use crate::exit::{Class, Failure, Outcome};
use bytes::Bytes;
use http::{HeaderMap, HeaderValue, Method, Request, StatusCode, header};
use http_body_util::{BodyExt, Full, Limited};
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::{Client, connect::HttpConnector};
use hyper_util::rt::{TokioExecutor, TokioTimer};
use std::time::Duration;

/// How long a connection may take.
const CONNECT_MAX: Duration = Duration::from_secs(10);
/// How long an answer may take.
const ANSWER_WITHIN: Duration = Duration::from_secs(30);
/// How long an idle connection is kept: shorter than a node keeps it.
const IDLE_MAX: Duration = Duration::from_secs(15);
/// The largest answer.
const ANSWER_BYTES_MAX: usize = 64 << 20;

/// A client of one node.
pub(super) struct Http {
    client: Wire,
    /// Scheme, host and port: the issuer, and what every path stands under.
    pub(super) base: String,
}

enum Wire {
    Plain(Client<HttpConnector, Full<Bytes>>),
    Tls(Client<HttpsConnector<HttpConnector>, Full<Bytes>>),
}

/// What a node answered.
pub(super) struct Answer {
    /// Its status.
    pub(super) status: StatusCode,
    /// Its headers.
    pub(super) headers: HeaderMap,
    /// Its body.
    pub(super) body: Bytes,
}

impl Http {
    /// A client of the node with this issuer. Tokens go to it: http is refused but for this machine.
    pub(super) fn of(url: &str) -> Outcome<Http> {
        let url = PublicUrl::parse(url).map_err(|why| Failure::new(Class::Usage, why))?;
        let mut builder = Client::builder(TokioExecutor::new());
        builder.pool_timer(TokioTimer::new()).pool_idle_timeout(IDLE_MAX);
        let mut connector = HttpConnector::new();
        connector.set_nodelay(true);
        connector.set_connect_timeout(Some(CONNECT_MAX));
        let client = if url.scheme == "https" {
            connector.enforce_http(false);
            let roots = HttpsConnectorBuilder::new().with_native_roots().map_err(|error| {
                let text =
                    format_args!("the system's root certificates can't be read: {error}; set SSL_CERT_FILE");
                Failure::new(Class::Unavailable, text)
            })?;
            Wire::Tls(builder.build(roots.https_only().enable_http1().wrap_connector(connector)))
        } else {
            Wire::Plain(builder.build(connector))
        };
        Ok(Http { client, base: url.issuer() })
    }

    /// Sends a request to `url`, which stands under the base, and reads the answer. Redirects are not followed: no
    /// token goes where nobody sent it.
    pub(super) async fn send(
        &self,
        method: Method,
        url: &str,
        headers: HeaderMap,
        body: Bytes,
    ) -> Outcome<Answer> {
        let mut request =
            Request::builder().method(method).uri(url).body(Full::from(body)).map_err(Failure::other)?;
        *request.headers_mut() = headers;
        let agent = HeaderValue::from_static(concat!("conclave/", env!("CARGO_PKG_VERSION")));
        request.headers_mut().insert(header::USER_AGENT, agent);
        let asked = async {
            let answer = match &self.client {
                Wire::Plain(client) => client.request(request).await,
                Wire::Tls(client) => client.request(request).await,
            };
            let (parts, body) = answer.map_err(|error| self.silent(&root_cause(&error)))?.into_parts();
            let body = Limited::new(body, ANSWER_BYTES_MAX).collect().await;
            let body = body.map_err(|error| self.silent(&error))?.to_bytes();
            Ok(Answer { status: parts.status, headers: parts.headers, body })
        };
        tokio::time::timeout(ANSWER_WITHIN, asked)
            .await
            .unwrap_or_else(|_| Err(self.silent(&"it took too long")))
    }

    /// Gets what may be long: each piece is handed on as it comes. An answer that is no success is given back whole.
    pub(super) async fn download(
        &self,
        url: &str,
        headers: HeaderMap,
        take: &mut dyn FnMut(&[u8]) -> Outcome<()>,
    ) -> Outcome<Option<Answer>> {
        let mut request = Request::get(url).body(Full::default()).map_err(Failure::other)?;
        *request.headers_mut() = headers;
        let answer = match &self.client {
            Wire::Plain(client) => client.request(request).await,
            Wire::Tls(client) => client.request(request).await,
        };
        let (parts, mut body) = answer.map_err(|error| self.silent(&root_cause(&error)))?.into_parts();
        if !parts.status.is_success() {
            let body = Limited::new(body, ANSWER_BYTES_MAX).collect().await;
            let body = body.map_err(|error| self.silent(&error))?.to_bytes();
            return Ok(Some(Answer { status: parts.status, headers: parts.headers, body }));
        }
        while let Some(frame) = body.frame().await {
            let frame = frame.map_err(|error| self.silent(&root_cause(&error)))?;
            if let Some(piece) = frame.data_ref() {
                take(piece)?;
            }
        }
        Ok(None)
    }

    /// Sends a form, as the endpoints of OAuth take it.
    pub(super) async fn post_form(&self, url: &str, fields: &[(&str, &str)]) -> Outcome<Answer> {
        let body = form_urlencoded::Serializer::new(String::new()).extend_pairs(fields).finish();
        let form = HeaderValue::from_static("application/x-www-form-urlencoded");
        let headers = HeaderMap::from_iter([(header::CONTENT_TYPE, form)]);
        self.send(Method::POST, url, headers, body.into()).await
    }

    fn silent(&self, why: &dyn std::fmt::Display) -> Failure {
        Failure::new(Class::Unavailable, format_args!("{} did not answer: {why}", self.base))
    }
}

/// The innermost error: the ones around it say no more than that something failed.
fn root_cause(error: &dyn std::error::Error) -> String {
    let mut cause = error;
    while let Some(inner) = cause.source() {
        cause = inner;
    }
    cause.to_string()
}

#[cfg(test)]
mod tests {
    use super::super::testing::NOBODY;
    use super::*;

    #[test]
    fn a_token_goes_out_in_the_clear_on_this_machine_only() {
        for url in ["http://localhost:8080", "http://127.0.0.1", "https://id.example.com"] {
            assert!(Http::of(url).is_ok(), "{url}");
        }
        for url in
            ["http://id.example.com", "ftp://localhost", "localhost", "https://id.example.com/path", ""]
        {
            assert_eq!(Http::of(url).err().map(|failure| failure.class), Some(Class::Usage), "{url}");
        }
    }

    #[tokio::test]
    async fn a_node_that_is_not_there_is_told_so() {
        let http = Http::of(NOBODY).unwrap();
        let url = format!("{}/x", http.base);
        let failure = http.send(Method::GET, &url, HeaderMap::new(), Bytes::new()).await.err().unwrap();
        assert_eq!(failure.class, Class::Unavailable);
        assert!(failure.text.contains("did not answer"), "{}", failure.text);
    }
}
