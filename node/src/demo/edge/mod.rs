//! The edge: one address for all nodes, as a load balancer before a cluster would be.
//!
//! A request goes to a live node, in turn, or to the one that it names in `Conclave-Node`. It goes to another one only
//! if it never reached the first: nobody knows what became of a request that was written. What holds for a message on
//! its way is in [`headers`], who is live in [`health`].

mod headers;
mod health;
#[cfg(test)]
mod tests;

use super::ask::{self, Client};
use super::plan::Node;
use crate::listener::{self, Remote};
use crate::routes::{SERVED_BY, problem, with_one_host};
use api_core::limits::{BODY_BYTES_MAX, REQUEST_TIME_MAX};
use axum::Router;
use axum::body::{Body, to_bytes};
use axum::extract::{Request, State};
use axum::response::Response;
use headers::{add_forwarded, remove_hop_by_hop};
use health::{Health, Live};
use http::header::{EXPECT, RETRY_AFTER};
use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, Uri};
use http_body_util::Full;
use hyper::body::{Bytes, Incoming};
use hyper_util::client::legacy;
use std::error::Error;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;
use tokio::net::TcpListener;
use tokio::sync::watch;

/// Names the node that a request is for.
const NODE: HeaderName = HeaderName::from_static("conclave-node");
/// How long a node may take to answer: longer than it takes itself to give up.
const ANSWER_MAX: Duration = REQUEST_TIME_MAX.saturating_add(Duration::from_secs(5));

/// The edge of a demo.
#[derive(Clone)]
pub(super) struct Edge(Arc<Parts>);

struct Parts {
    nodes: Vec<Backend>,
    live: Live,
    client: Client,
    turn: AtomicUsize,
}

/// A node as the edge sees it.
struct Backend {
    number: u64,
    public: SocketAddr,
    operations: SocketAddr,
}

impl Edge {
    /// The edge of these nodes.
    pub(super) fn new(nodes: &[Node]) -> Edge {
        let backend =
            |node: &Node| Backend { number: node.number, public: node.public, operations: node.operations };
        Edge(Arc::new(Parts {
            nodes: nodes.iter().map(backend).collect(),
            live: Live::new(nodes.len()),
            client: ask::client(),
            turn: AtomicUsize::new(0),
        }))
    }

    /// Serves until `stop` says so, then lets requests under way finish.
    pub(super) async fn serve(self, listener: TcpListener, stop: watch::Receiver<bool>) {
        for (at, node) in self.0.nodes.iter().enumerate() {
            let (live, client) = (self.0.live.clone(), self.0.client.clone());
            tokio::spawn(live.watch(at, node.operations, client, stop.clone()));
        }
        listener::serve(listener, self.router(), stop).await;
    }

    /// Whether it knows of every node that it serves.
    pub(super) fn is_ready(&self) -> bool {
        self.0.live.are_ready()
    }

    fn router(self) -> Router {
        Router::new().fallback(forward).with_state(self)
    }

    /// The nodes that a request may go to, in order; `None` if it names one that is not there.
    fn targets(&self, headers: &HeaderMap) -> Option<Vec<usize>> {
        let Some(named) = headers.get(NODE) else {
            return Some(self.0.live.order(self.0.turn.fetch_add(1, Ordering::Relaxed)));
        };
        let number = named.to_str().ok().and_then(|text| text.parse::<u64>().ok());
        self.0.nodes.iter().position(|node| Some(node.number) == number).map(|at| vec![at])
    }
}

async fn forward(State(edge): State<Edge>, request: Request) -> Response {
    let message = match Message::read(request).await {
        Ok(message) => message,
        Err(response) => return response,
    };
    match edge.targets(&message.headers) {
        Some(targets) => edge.send(&message, targets).await,
        None => problem(StatusCode::BAD_GATEWAY, "unknown_node", "Conclave-Node names no node of this demo"),
    }
}

/// A request, read whole, so that it can be sent again.
struct Message {
    method: Method,
    target: Uri,
    headers: HeaderMap,
    body: Bytes,
}

impl Message {
    async fn read(request: Request) -> Result<Message, Response> {
        if request.method() == Method::CONNECT {
            return Err(problem(StatusCode::METHOD_NOT_ALLOWED, "no_tunnels", "the edge makes no tunnels"));
        }
        let Some(request) = with_one_host(request) else {
            return Err(problem(StatusCode::BAD_REQUEST, "invalid_host", "the request names two hosts"));
        };
        let remote = request.extensions().get::<Remote>().map(|remote| remote.0.ip());
        let (parts, body) = request.into_parts();
        let mut headers = parts.headers;
        remove_hop_by_hop(&mut headers);
        add_forwarded(&mut headers, remote);
        // It was met here: the body has come.
        headers.remove(EXPECT);
        let body = match tokio::time::timeout(REQUEST_TIME_MAX, to_bytes(body, BODY_BYTES_MAX)).await {
            Ok(Ok(body)) => body,
            Ok(Err(error)) if is_too_long(&error) => {
                return Err(problem(
                    StatusCode::PAYLOAD_TOO_LARGE,
                    "too_large",
                    "a request body has at most 1 MiB",
                ));
            }
            Ok(Err(_)) => {
                return Err(problem(
                    StatusCode::BAD_REQUEST,
                    "invalid_body",
                    "the request body did not come whole",
                ));
            }
            Err(_) => {
                return Err(problem(
                    StatusCode::REQUEST_TIMEOUT,
                    "timeout",
                    "the request body took too long",
                ));
            }
        };
        Ok(Message { method: parts.method, target: parts.uri, headers, body })
    }

    /// The message for a node.
    fn to(&self, node: SocketAddr) -> Result<http::Request<Full<Bytes>>, http::Error> {
        let path = self.target.path_and_query().map_or("/", |path| path.as_str());
        let uri = Uri::builder().scheme("http").authority(node.to_string()).path_and_query(path).build()?;
        let mut request = http::Request::new(Full::from(self.body.clone()));
        *request.method_mut() = self.method.clone();
        *request.uri_mut() = uri;
        *request.headers_mut() = self.headers.clone();
        Ok(request)
    }

    /// Whether it changes nothing, so that it may be sent twice (RFC 9110 §9.2.1).
    fn is_safe(&self) -> bool {
        matches!(self.method, Method::GET | Method::HEAD)
    }
}

fn is_too_long(error: &axum::Error) -> bool {
    error.source().is_some_and(|source| source.is::<http_body_util::LengthLimitError>())
}

/// What became of a request without an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fate {
    /// No byte of it was written.
    NeverSent,
    /// The connection was closed before an answer.
    Closed,
    /// The answer was none.
    Broken,
}

impl Fate {
    fn of(error: &legacy::Error) -> Fate {
        if error.is_connect() {
            return Fate::NeverSent;
        }
        let mut source = error.source();
        while let Some(cause) = source {
            if let Some(cause) = cause.downcast_ref::<hyper::Error>() {
                if cause.is_canceled() {
                    return Fate::NeverSent;
                }
                if cause.is_incomplete_message() {
                    return Fate::Closed;
                }
            }
            use io::ErrorKind::{BrokenPipe, ConnectionAborted, ConnectionReset, UnexpectedEof};
            let kind = cause.downcast_ref::<io::Error>().map(io::Error::kind);
            if matches!(kind, Some(BrokenPipe | ConnectionAborted | ConnectionReset | UnexpectedEof)) {
                return Fate::Closed;
            }
            source = cause.source();
        }
        Fate::Broken
    }
}

impl Edge {
    async fn send(&self, message: &Message, targets: Vec<usize>) -> Response {
        let mut may_repeat = message.is_safe();
        let mut failed = unavailable();
        for at in targets {
            let Some(node) = self.0.nodes.get(at) else { continue };
            let Ok(request) = message.to(node.public) else {
                return problem(StatusCode::BAD_REQUEST, "invalid_target", "the request's target is none");
            };
            let error = match tokio::time::timeout(ANSWER_MAX, self.0.client.request(request)).await {
                Ok(Ok(response)) => return answered(response, node.number),
                Ok(Err(error)) => error,
                Err(_) => {
                    return problem(
                        StatusCode::GATEWAY_TIMEOUT,
                        "timeout",
                        "the node took too long to answer",
                    );
                }
            };
            let fate = Fate::of(&error);
            tracing::debug!(node = node.number, ?fate, "a node did not answer");
            match fate {
                Fate::NeverSent => self.0.live.set(at, Health::Dead),
                Fate::Closed if may_repeat => {
                    may_repeat = false;
                    failed = no_answer();
                }
                Fate::Closed | Fate::Broken => return no_answer(),
            }
        }
        failed
    }
}

fn answered(response: http::Response<Incoming>, node: u64) -> Response {
    let mut response = response.map(Body::new);
    remove_hop_by_hop(response.headers_mut());
    response.headers_mut().insert(SERVED_BY, HeaderValue::from(node));
    response
}

fn unavailable() -> Response {
    let mut response =
        problem(StatusCode::SERVICE_UNAVAILABLE, "no_node", "no node takes the request now; try again");
    response.headers_mut().insert(RETRY_AFTER, HeaderValue::from_static("1"));
    response
}

fn no_answer() -> Response {
    problem(
        StatusCode::BAD_GATEWAY,
        "no_answer",
        "the node ended before it answered; whether it did what was asked is not known",
    )
}
