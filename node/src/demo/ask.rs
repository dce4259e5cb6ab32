//! Asks over HTTP on this machine: the client of the edge and of those who watch the nodes.

use http::{Request, StatusCode};
use http_body_util::{BodyExt, Full, Limited};
use hyper::body::Bytes;
use hyper_util::client::legacy;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::{TokioExecutor, TokioTimer};
use std::net::SocketAddr;
use std::time::Duration;

/// A client that keeps its connections.
pub(super) type Client = legacy::Client<HttpConnector, Full<Bytes>>;

/// How long an idle connection is kept: shorter than a node keeps it, so that no request meets its end.
const IDLE_MAX: Duration = Duration::from_secs(15);
/// How long a connection may take: all of them lead to this machine.
const CONNECT_MAX: Duration = Duration::from_secs(1);
/// The longest status that is read.
const STATUS_BYTES_MAX: usize = 256 * 1024;

/// Makes a client. It adds no `Host`: what the caller names is what is sent.
pub(super) fn client() -> Client {
    let mut connector = HttpConnector::new();
    connector.set_nodelay(true);
    connector.set_connect_timeout(Some(CONNECT_MAX));
    let mut builder = legacy::Client::builder(TokioExecutor::new());
    builder.pool_timer(TokioTimer::new()).pool_idle_timeout(IDLE_MAX).set_host(false);
    builder.build(connector)
}

/// Why there is no answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Silence {
    /// Nobody listens, or the connection was closed.
    Refused,
    /// It took too long.
    Slow,
}

/// Asks an operations side for a path.
pub(super) async fn get(
    client: &Client,
    address: SocketAddr,
    path: &str,
    within: Duration,
) -> Result<(StatusCode, Bytes), Silence> {
    let request =
        Request::get(format!("http://{address}{path}")).header(http::header::HOST, address.to_string());
    let request = request.body(Full::default()).map_err(|_| Silence::Refused)?;
    let answer = async {
        let (parts, body) = client.request(request).await.map_err(|_| Silence::Refused)?.into_parts();
        let body = Limited::new(body, STATUS_BYTES_MAX).collect().await.map_err(|_| Silence::Refused)?;
        Ok((parts.status, body.to_bytes()))
    };
    tokio::time::timeout(within, answer).await.unwrap_or(Err(Silence::Slow))
}
