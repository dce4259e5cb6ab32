//! Connections to peers: made when first used, made anew when they break, each call with a head that names its target.

use std::future::Future;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use hyper_util::rt::TokioIo;
use rustls::ClientConfig;
use rustls::pki_types::ServerName;
use storage::NodeIdentity;
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use tonic::codegen::http::Uri;
use tonic::metadata::{Ascii, MetadataValue};
use tonic::service::Interceptor;
use tonic::service::interceptor::InterceptedService;
use tonic::transport::{Channel, Endpoint};
use tonic::{Request, Status};
use tower::Service;

use super::names;
use super::server::{CLUSTER, LINEAGE, PROTOCOL, TARGET};
use super::service::peers_client::PeersClient;
use super::tls::Tls;
use super::wire;

/// How long a connection may take to be made. Longer than three packets lost in a row, shorter than an election is
/// waited for.
pub(super) const CONNECT_MAX: Duration = Duration::from_secs(1);
/// How often a connection is asked by both ends whether the other is there, and how long an answer may take: what a cut
/// cable leaves is noticed then, and made anew.
pub(super) const ALIVE_EVERY: Duration = Duration::from_secs(2);
pub(super) const ALIVE_WAIT: Duration = Duration::from_secs(3);
/// The largest message, both ways: an entry may have 1 MiB, a message of entries about twice that.
pub(super) const MESSAGE_BYTES_MAX: usize = 16 << 20;
/// What may be under way on a connection without being taken: more than a message of entries.
pub(super) const WINDOW_BYTES: u32 = 4 << 20;

/// A client of the service of one peer. Clones share its connection.
pub(crate) type Client = PeersClient<InterceptedService<Channel, Head>>;

/// Makes connections as this node.
#[derive(Clone)]
pub(crate) struct Dialer {
    identity: NodeIdentity,
    tls: Arc<Tls>,
}

impl Dialer {
    pub(crate) fn new(identity: NodeIdentity, tls: Arc<Tls>) -> Self {
        Dialer { identity, tls }
    }

    /// A client of the member `target` at `address`, with a connection of its own. Nothing is sent before its first use.
    pub(crate) fn dial(&self, target: u64, address: &str) -> Result<Client, Status> {
        let tls = Arc::clone(&self.tls);
        let name = names::of_node(&self.identity, target);
        let channel = channel(address, name, move || tls.client())?;
        let client = PeersClient::with_interceptor(channel, Head::new(&self.identity, target)?);
        Ok(client.max_decoding_message_size(MESSAGE_BYTES_MAX).max_encoding_message_size(MESSAGE_BYTES_MAX))
    }
}

/// Asks a member for admission over a connection that pins the authority; its opaque answer.
pub(super) async fn join(
    cluster: [u8; 16],
    authority: [u8; 32],
    address: &str,
    body: bytes::Bytes,
    patience: Duration,
) -> Result<bytes::Bytes, Status> {
    let config = super::tls::pinned(authority).map_err(|error| Status::internal(error.to_string()))?;
    let config = Arc::new(config);
    let channel = channel(address, names::of_member(&cluster), move || Arc::clone(&config))?;
    let mut client = PeersClient::new(channel).max_decoding_message_size(MESSAGE_BYTES_MAX);
    let mut request = Request::new(wire::JoinRequest { body });
    request.set_timeout(patience);
    request.metadata_mut().insert(PROTOCOL, MetadataValue::from_static(wire::PROTOCOL));
    Ok(client.join(request).await?.into_inner().body)
}

fn channel(
    address: &str,
    name: String,
    config: impl Fn() -> Arc<ClientConfig> + Send + Sync + 'static,
) -> Result<Channel, Status> {
    // The scheme is plain for the library, which would else insist on TLS of its own.
    let endpoint = Endpoint::from_shared(format!("http://{address}"))
        .map_err(|_| Status::invalid_argument(format!("{address} is no address of a peer")))?;
    let server_name =
        ServerName::try_from(name).map_err(|error| Status::invalid_argument(error.to_string()))?;
    let endpoint = endpoint
        .tcp_nodelay(true)
        .http2_keep_alive_interval(ALIVE_EVERY)
        .keep_alive_timeout(ALIVE_WAIT)
        .keep_alive_while_idle(true)
        .initial_stream_window_size(WINDOW_BYTES)
        .initial_connection_window_size(WINDOW_BYTES);
    let dial = Dial { address: address.to_owned(), server_name, config: Arc::new(config) };
    Ok(endpoint.connect_with_connector_lazy(dial))
}

/// One connection: TCP, then TLS, within a limit of time.
#[derive(Clone)]
struct Dial {
    address: String,
    server_name: ServerName<'static>,
    config: Arc<dyn Fn() -> Arc<ClientConfig> + Send + Sync>,
}

impl Service<Uri> for Dial {
    type Response = TokioIo<TlsStream<TcpStream>>;
    type Error = io::Error;
    type Future = Pin<Box<dyn Future<Output = io::Result<Self::Response>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, _: Uri) -> Self::Future {
        let Dial { address, server_name, config } = self.clone();
        Box::pin(async move {
            let connected = tokio::time::timeout(CONNECT_MAX, async {
                let stream = TcpStream::connect(&address).await?;
                stream.set_nodelay(true)?;
                TlsConnector::from(config()).connect(server_name, stream).await
            });
            let late =
                || io::Error::new(io::ErrorKind::TimedOut, format!("{address} did not answer in time"));
            connected.await.map_err(|_| late())?.map(TokioIo::new)
        })
    }
}

/// The head of each call: which cluster and lineage speaks, and which node is meant.
#[derive(Clone)]
pub(crate) struct Head {
    cluster: MetadataValue<Ascii>,
    lineage: MetadataValue<Ascii>,
    target: MetadataValue<Ascii>,
}

impl Head {
    fn new(identity: &NodeIdentity, target: u64) -> Result<Head, Status> {
        let value = |text: String| text.parse().map_err(|_| Status::internal("a head is not ASCII"));
        Ok(Head {
            cluster: value(crypto::hex(&identity.cluster))?,
            lineage: value(identity.lineage.to_string())?,
            target: value(target.to_string())?,
        })
    }
}

impl Interceptor for Head {
    fn call(&mut self, mut request: Request<()>) -> Result<Request<()>, Status> {
        let head = request.metadata_mut();
        head.insert(PROTOCOL, MetadataValue::from_static(wire::PROTOCOL));
        head.insert(CLUSTER, self.cluster.clone());
        head.insert(LINEAGE, self.lineage.clone());
        head.insert(TARGET, self.target.clone());
        Ok(request)
    }
}
