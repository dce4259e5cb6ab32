//! The public side: every room of the API under one router, and what holds for all requests.

use api_core::{Service, limits};
use api_pages::render::Fault;
use api_pages::respond::{REQUEST_ID, Reader};
use axum::Router;
use axum::body::Body;
use axum::extract::{Request, State};
use axum::middleware::{Next, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use crypto::Entropy;
use futures_util::FutureExt;
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode, header};
use http_body_util::Limited;
use raft::Clock;
use std::panic::AssertUnwindSafe;
use std::sync::{Arc, OnceLock};
use tokio::sync::watch;
use tower::ServiceExt;

/// Names the node that answered, in every answer of the public side.
pub(crate) const SERVED_BY: HeaderName = HeaderName::from_static("conclave-served-by");

/// The routes of the public side of a node, which wants no more requests once it is drained.
pub(crate) fn public(
    service: Service,
    clock: Arc<dyn Clock>,
    node: u64,
    drained: watch::Receiver<bool>,
) -> Router {
    let hands =
        Hands { clock, entropy: Arc::clone(&service.entropy), node: HeaderValue::from(node), drained };
    rooms(service).fallback(nowhere).layer(from_fn_with_state(hands, around))
}

/// The public side from the moment that its address is taken: "not yet" until the routes are there.
pub(crate) fn once_there(routes: Arc<OnceLock<Router>>) -> Router {
    Router::new().fallback(async move |request: Request| match routes.get() {
        Some(routes) => match routes.clone().oneshot(request).await {
            Ok(response) => response,
            Err(never) => match never {},
        },
        None => {
            let mut response =
                problem(StatusCode::SERVICE_UNAVAILABLE, "starting", "the node starts; try again");
            response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from_static("1"));
            response
        }
    })
}

/// What is needed around a request.
#[derive(Clone)]
struct Hands {
    clock: Arc<dyn Clock>,
    entropy: Arc<dyn Entropy>,
    node: HeaderValue,
    /// Whether this node wants no more requests.
    drained: watch::Receiver<bool>,
}

/// Every room of the API.
fn rooms(service: Service) -> Router {
    api_oidc::router(service.clone())
        .merge(api_management::router(service.clone()))
        .merge(api_pages::router(service))
}

/// A page for a person, a problem for a program.
async fn nowhere(headers: HeaderMap) -> Response {
    let accepted = headers.get(header::ACCEPT).and_then(|value| value.to_str().ok()).unwrap_or_default();
    if accepted.contains("text/html") {
        let page = Reader::of(&headers, None);
        return page.error(StatusCode::NOT_FOUND, "not_found", Fault::NotFound, None);
    }
    problem(StatusCode::NOT_FOUND, "not_found", "there is nothing at this address")
}

/// An error that no room has answered (RFC 9457).
pub(crate) fn problem(status: StatusCode, code: &str, title: &str) -> Response {
    let body =
        serde_json::json!({ "type": "about:blank", "status": status.as_u16(), "code": code, "title": title });
    let mut response = (status, body.to_string()).into_response();
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
    response
}

/// What holds around every request: a bounded body, a bounded time, a caught panic, one number and one line.
async fn around(State(hands): State<Hands>, mut request: Request, next: Next) -> Response {
    let begun = hands.clock.monotonic();
    // Always ours: a stranger's would let him write into logs and onto pages.
    let id = crypto::hex(&crypto::draw::<8>(&*hands.entropy));
    let named = HeaderValue::from_str(&id).unwrap_or(HeaderValue::from_static("-"));
    request.headers_mut().insert(REQUEST_ID, named.clone());
    let method = request.method().clone();
    // Never the query: it holds codes, hints and names.
    let path = request.uri().path().to_owned();
    let mut response = guarded(request, next).await;
    response.headers_mut().insert(REQUEST_ID, named);
    response.headers_mut().insert(SERVED_BY, hands.node);
    if *hands.drained.borrow() {
        // Who comes again comes by another connection, to another node.
        response.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
    }
    let took = hands.clock.monotonic().saturating_sub(begun);
    let (class, status) = (route_class(&path), status_class(response.status()));
    metrics::counter!(REQUESTS, "route" => class, "status" => status).increment(1);
    metrics::histogram!(REQUEST_SECONDS, "route" => class).record(took);
    tracing::debug!(id, %method, path, status = response.status().as_u16(), took_us = took.as_micros(), "request");
    response
}

async fn guarded(request: Request, next: Next) -> Response {
    let length =
        request.headers().get(header::CONTENT_LENGTH).and_then(|value| value.to_str().ok()?.parse().ok());
    if length.is_some_and(|length: u64| length > limits::BODY_BYTES_MAX as u64) {
        return problem(StatusCode::PAYLOAD_TOO_LARGE, "too_large", "a request body has at most 1 MiB");
    }
    let Some(request) = with_one_host(request) else {
        return problem(StatusCode::BAD_REQUEST, "invalid_host", "the request names two hosts");
    };
    let request = request.map(|body| Body::new(Limited::new(body, limits::BODY_BYTES_MAX)));
    let answer = AssertUnwindSafe(next.run(request)).catch_unwind();
    match tokio::time::timeout(limits::REQUEST_TIME_MAX, answer).await {
        Ok(Ok(response)) => response,
        Ok(Err(_)) => {
            problem(StatusCode::INTERNAL_SERVER_ERROR, "internal", "the server failed; it was told")
        }
        Err(_) => {
            let mut response =
                problem(StatusCode::SERVICE_UNAVAILABLE, "timeout", "the server was too busy; try again");
            response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from_static("1"));
            response
        }
    }
}

/// Gives a request without `Host` the one that its target names, as HTTP/2 has it (RFC 9113 §8.3.1). A target and a
/// `Host` that differ are refused: the tenant is read from one of them, and a proxy may have judged by the other.
pub(crate) fn with_one_host(mut request: Request) -> Option<Request> {
    let Some(authority) = request.uri().authority() else { return Some(request) };
    let named = HeaderValue::from_str(authority.as_str()).ok()?;
    match request.headers().get(header::HOST) {
        None => {
            request.headers_mut().insert(header::HOST, named);
            Some(request)
        }
        Some(host) => (host.as_bytes().eq_ignore_ascii_case(named.as_bytes())).then_some(request),
    }
}

/// Counts requests.
pub(crate) const REQUESTS: &str = "conclave_http_requests_total";
/// How long they took.
pub(crate) const REQUEST_SECONDS: &str = "conclave_http_request_duration_seconds";

/// The class of a path: a few words whatever strangers ask for, so that metrics stay bounded.
fn route_class(path: &str) -> &'static str {
    const CLASSES: [(&str, &str); 12] = [
        ("/.well-known/", "discovery"),
        ("/oauth/v2/authorize", "authorize"),
        ("/oauth/v2/token", "token"),
        ("/oauth/v2/introspect", "introspect"),
        ("/oauth/v2/revoke", "revoke"),
        ("/oauth/v2/keys", "keys"),
        ("/oauth/v2/", "oauth"),
        ("/oidc/v1/userinfo", "userinfo"),
        ("/oidc/v1/end_session", "end_session"),
        ("/ui/login", "login"),
        ("/ui/", "ui"),
        ("/api/", "api"),
    ];
    CLASSES.iter().find(|(prefix, _)| path.starts_with(prefix)).map_or("other", |(_, class)| class)
}

fn status_class(status: StatusCode) -> &'static str {
    match status.as_u16() / 100 {
        1 => "1xx",
        2 => "2xx",
        3 => "3xx",
        4 => "4xx",
        _ => "5xx",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_has_one_host() {
        let host = |target: &str, header: Option<&str>| {
            let mut request = http::Request::get(target);
            if let Some(value) = header {
                request = request.header(header::HOST, value);
            }
            let request = with_one_host(request.body(Body::empty()).unwrap())?;
            Some(request.headers().get(header::HOST)?.to_str().unwrap().to_owned())
        };
        assert_eq!(host("/x", Some("a")), Some("a".into()));
        assert_eq!(host("http://a:1/x", None), Some("a:1".into()));
        assert_eq!(host("http://a:1/x", Some("A:1")), Some("A:1".into()));
        assert_eq!(host("http://a/x", Some("b")), None);
    }

    #[tokio::test]
    async fn before_the_routes_are_there_everybody_is_told_when_to_come_again() {
        let routes = Arc::new(OnceLock::new());
        let router = once_there(Arc::clone(&routes));
        let ask = async || {
            let request = http::Request::get("/x").body(Body::empty()).unwrap();
            router.clone().oneshot(request).await.unwrap()
        };
        let early = ask().await;
        assert_eq!(early.status(), StatusCode::SERVICE_UNAVAILABLE);
        assert_eq!(early.headers()[header::RETRY_AFTER], "1");
        routes.set(Router::new().route("/x", axum::routing::get(|| async { "there" }))).unwrap();
        assert_eq!(ask().await.status(), StatusCode::OK);
    }

    #[test]
    fn a_path_of_a_stranger_adds_no_label() {
        for (path, class) in [
            ("/.well-known/openid-configuration", "discovery"),
            ("/oauth/v2/token", "token"),
            ("/oauth/v2/anything", "oauth"),
            ("/ui/login/password", "login"),
            ("/wp-admin.php", "other"),
            ("", "other"),
        ] {
            assert_eq!(route_class(path), class, "{path}");
        }
    }
}
