//! Connections on their way in: each proves who calls, and goes where it belongs.
//!
//! Members and those without a certificate are served apart (`server`), so that the limits of the one need not fit the
//! other. Who has proven nothing yet or has no certificate holds one of a few [`Places`], which the oldest loses when
//! all are taken: silent connections can keep neither a member out nor somebody who means to join.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use futures_util::stream::{self, Stream};
use storage::NodeIdentity;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;
use tokio::time::Sleep;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;
use tonic::transport::server::Connected;

use super::names;
use super::places::{Claim, Place, Places};
use super::tls::Tls;

/// How long a caller may take to prove who he is: as long as a member takes to connect at most.
const HANDSHAKE_MAX: Duration = super::dial::CONNECT_MAX;
/// How many may be about to at once.
const HANDSHAKES_MAX: usize = 64;
/// How many connections those may have who have no certificate, and for how long: enough to join, nothing to gain by
/// holding on to them.
const STRANGERS_MAX: usize = 16;
const STRANGER_TIME_MAX: Duration = Duration::from_secs(60);
/// The pause after the system had no descriptor for a connection.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

/// Where those go who have come in.
#[derive(Clone)]
pub(super) struct Ways {
    members: mpsc::Sender<Connection>,
    strangers: mpsc::Sender<Connection>,
}

impl Ways {
    /// The ways, with where members and where strangers come out.
    pub(super) fn new() -> (Ways, impl Incoming, impl Incoming) {
        let (members, of_members) = mpsc::channel(HANDSHAKES_MAX);
        let (strangers, of_strangers) = mpsc::channel(STRANGERS_MAX);
        (Ways { members, strangers }, incoming(of_members), incoming(of_strangers))
    }

    /// Sends on who has proven who he is, or that he is nobody known.
    async fn send(&self, stream: TlsStream<TcpStream>, identity: &NodeIdentity, strangers: &Arc<Places>) {
        let (way, caller, stay) = match caller(&stream, identity) {
            Some(node) => (&self.members, Caller::Member(node), None),
            None => {
                let place = strangers.take();
                let caller = Caller::Stranger(place.claim());
                let ends = Box::pin(tokio::time::sleep(STRANGER_TIME_MAX));
                (&self.strangers, caller, Some(Stay { ends, place }))
            }
        };
        // An error says that the listener is ending.
        let _ = way.send(Connection { stream, caller, stay }).await;
    }
}

/// Connections as the listeners take them.
pub(super) trait Incoming: Stream<Item = io::Result<Connection>> + Send {}
impl<S: Stream<Item = io::Result<Connection>> + Send> Incoming for S {}

fn incoming(arriving: mpsc::Receiver<Connection>) -> impl Incoming {
    stream::unfold(arriving, |mut arriving| async move {
        arriving.recv().await.map(|connection| (Ok(connection), arriving))
    })
}

/// Takes connections in and has each prove itself, all at once, so that a slow one holds up nobody.
pub(super) async fn accept(listener: TcpListener, tls: Arc<Tls>, identity: NodeIdentity, ways: Ways) {
    let unproven = Places::new(HANDSHAKES_MAX);
    let strangers = Places::new(STRANGERS_MAX);
    loop {
        let stream = match listener.accept().await {
            Ok((stream, _)) => stream,
            Err(error) => {
                tracing::warn!(%error, "a peer's connection was not accepted");
                tokio::time::sleep(ACCEPT_PAUSE).await;
                continue;
            }
        };
        let place = unproven.take();
        let (tls, ways, strangers) = (tls.server(), ways.clone(), Arc::clone(&strangers));
        tokio::spawn(async move {
            let _ = stream.set_nodelay(true);
            let proven = tokio::time::timeout(HANDSHAKE_MAX, TlsAcceptor::from(tls).accept(stream));
            let proven = tokio::select! {
                proven = proven => proven,
                () = place => return tracing::debug!("a caller who proved nothing yet makes room for others"),
            };
            match proven {
                Ok(Ok(stream)) => ways.send(stream, &identity, &strangers).await,
                Ok(Err(error)) => tracing::debug!(%error, "a caller did not prove who he is"),
                Err(_) => tracing::debug!("a caller took too long to prove who he is"),
            }
        });
    }
}

/// The number in the caller's certificate, which rustls has found to be of this cluster's authority.
fn caller(stream: &TlsStream<TcpStream>, identity: &NodeIdentity) -> Option<u64> {
    let (_, session) = stream.get_ref();
    let certificate = session.peer_certificates()?.first()?;
    let described = crypto::certificate::describe(certificate).ok()?;
    names::node_of(identity, &described.names)
}

/// Who is at the other end.
#[derive(Clone)]
pub(super) enum Caller {
    /// The node that his certificate names.
    Member(u64),
    /// Somebody without a certificate.
    Stranger(Claim),
}

/// One that is proven to be a member's, or a stranger's.
pub(super) struct Connection {
    stream: TlsStream<TcpStream>,
    caller: Caller,
    /// Of one without a certificate.
    stay: Option<Stay>,
}

/// How long a stranger may stay, and his place among the few.
struct Stay {
    ends: Pin<Box<Sleep>>,
    place: Place,
}

impl Connected for Connection {
    type ConnectInfo = Caller;

    fn connect_info(&self) -> Caller {
        self.caller.clone()
    }
}

impl AsyncRead for Connection {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if let Some(stay) = &mut self.stay
            && (stay.ends.as_mut().poll(cx).is_ready() || Pin::new(&mut stay.place).poll(cx).is_ready())
        {
            return Poll::Ready(Err(io::ErrorKind::TimedOut.into()));
        }
        Pin::new(&mut self.stream).poll_read(cx, buf)
    }
}

impl AsyncWrite for Connection {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(cx, buf)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}
