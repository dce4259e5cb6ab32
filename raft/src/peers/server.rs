//! The listener for peers: who calls is read from his certificate, what he may ask is looked at before anything else.
//!
//! A caller without a certificate may ask to join and nothing else. A member that was removed is refused from the
//! moment this node has applied its removal; a call that was meant for another node, cluster or lineage is refused
//! always, so that an address that changed hands can't mix two clusters.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use futures_util::future::{BoxFuture, join_all};
use futures_util::stream::{self, BoxStream, StreamExt};
use openraft::ReadPolicy;
use storage::{NodeIdentity, State};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc, watch};
use tokio::time::Sleep;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;
use tonic::transport::Server;
use tonic::transport::server::Connected;
use tonic::{Request, Response, Status, Streaming};

use super::dial::{MESSAGE_BYTES_MAX, WINDOW_BYTES};
use super::service::peers_server::{Peers, PeersServer};
use super::tls::Tls;
use super::{names, snapshot, wire};
use crate::membership;
use crate::neighbours::{self, Herald, Neighbours};
use crate::network::said;
use crate::propose::Proposer;
use crate::standing::Standing;
use crate::types::Raft;

/// The fields of a call's head.
pub(super) const PROTOCOL: &str = "conclave-protocol";
pub(super) const CLUSTER: &str = "conclave-cluster";
pub(super) const LINEAGE: &str = "conclave-lineage";
pub(super) const TARGET: &str = "conclave-target";

/// How long a caller may take to prove who he is.
const HANDSHAKE_MAX: Duration = Duration::from_secs(5);
/// How many may be about to at once; further ones wait in the kernel's queue.
const HANDSHAKES_MAX: usize = 64;
/// How many connections those may have who have no certificate, and for how long: enough to join, nothing to gain by
/// holding on to them.
const STRANGERS_MAX: usize = 16;
const STRANGER_TIME_MAX: Duration = Duration::from_secs(60);
/// The pause after the system had no descriptor for a connection.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);
/// How many calls one connection may have under way.
const STREAMS_MAX: u32 = 1024;
/// How long a round of ReadIndex may take here before its caller asks again.
const ROUND_MAX: Duration = Duration::from_secs(1);
/// How long a forwarded command is waited for at most, whatever its forwarder asked.
const PATIENCE_MAX: Duration = Duration::from_secs(30);
/// How long an admission may take.
const JOIN_MAX: Duration = Duration::from_secs(20);
/// The most admissions that are looked at at once.
const JOINS_MAX: usize = 4;

/// Who decides about members, since this crate knows nothing of what commands mean.
pub trait Door: Send + Sync + 'static {
    /// Answers somebody without a certificate who asks to join; question and answer are opaque here. The text of an
    /// error is told to him.
    fn join(&self, question: Bytes) -> BoxFuture<'static, Result<Bytes, String>>;

    /// Whether this node was removed from the cluster, as far as is known here.
    fn is_removed(&self, node: u64) -> bool;
}

/// What the service works with.
pub(crate) struct Desk {
    pub(crate) identity: NodeIdentity,
    pub(crate) raft: Raft,
    pub(crate) state: Arc<State>,
    pub(crate) proposer: Arc<Proposer>,
    pub(crate) ready: watch::Receiver<bool>,
    pub(crate) standing: Arc<Standing>,
    pub(crate) herald: Arc<Herald>,
    pub(crate) neighbours: Arc<Neighbours>,
    pub(crate) door: Arc<dyn Door>,
}

/// Serves peers until `stop` says so.
pub(crate) async fn serve(listener: TcpListener, tls: Arc<Tls>, desk: Desk, mut stop: watch::Receiver<bool>) {
    let identity = desk.identity;
    let service = PeersServer::new(Service { desk, joins: Semaphore::new(JOINS_MAX) })
        .max_decoding_message_size(MESSAGE_BYTES_MAX)
        .max_encoding_message_size(MESSAGE_BYTES_MAX);
    let (accepted, arriving) = mpsc::channel(HANDSHAKES_MAX);
    let accepting = tokio::spawn(accept(listener, tls, identity, accepted));
    let arriving = stream::unfold(arriving, |mut arriving| async move {
        arriving.recv().await.map(|connection| (Ok::<_, io::Error>(connection), arriving))
    });
    let server = Server::builder()
        .initial_stream_window_size(WINDOW_BYTES)
        .initial_connection_window_size(WINDOW_BYTES)
        .max_concurrent_streams(STREAMS_MAX)
        .serve_with_incoming(service, arriving);
    tokio::select! {
        served = server => if let Err(error) = served {
            tracing::error!(%error, "the listener for peers has ended");
        },
        _ = stop.wait_for(|stop| *stop) => {}
    }
    accepting.abort();
}

/// Takes connections in and has each prove itself, all at once, so that a slow one holds up nobody.
async fn accept(
    listener: TcpListener,
    tls: Arc<Tls>,
    identity: NodeIdentity,
    accepted: mpsc::Sender<Connection>,
) {
    let places = Arc::new(Semaphore::new(HANDSHAKES_MAX));
    let strangers = Arc::new(Semaphore::new(STRANGERS_MAX));
    loop {
        let Ok(place) = Arc::clone(&places).acquire_owned().await else { return };
        let stream = match listener.accept().await {
            Ok((stream, _)) => stream,
            Err(error) => {
                tracing::warn!(%error, "a peer's connection was not accepted");
                tokio::time::sleep(ACCEPT_PAUSE).await;
                continue;
            }
        };
        let (tls, accepted, strangers) = (tls.server(), accepted.clone(), Arc::clone(&strangers));
        tokio::spawn(async move {
            let _ = stream.set_nodelay(true);
            let proven = tokio::time::timeout(HANDSHAKE_MAX, TlsAcceptor::from(tls).accept(stream)).await;
            match proven {
                Ok(Ok(stream)) => {
                    let caller = Caller(caller(&stream, &identity));
                    let stay = match caller {
                        Caller(Some(_)) => None,
                        Caller(None) => {
                            let Ok(permit) = strangers.try_acquire_owned() else { return };
                            Some(Stay {
                                ends: Box::pin(tokio::time::sleep(STRANGER_TIME_MAX)),
                                _permit: permit,
                            })
                        }
                    };
                    // An error says that the listener is ending.
                    let _ = accepted.send(Connection { stream, caller, stay }).await;
                }
                Ok(Err(error)) => tracing::debug!(%error, "a caller did not prove who he is"),
                Err(_) => tracing::debug!("a caller took too long to prove who he is"),
            }
            drop(place);
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

/// Who is at the other end; nobody known while he has no certificate.
#[derive(Clone, Copy, Debug)]
struct Caller(Option<u64>);

struct Connection {
    stream: TlsStream<TcpStream>,
    caller: Caller,
    /// Of one without a certificate.
    stay: Option<Stay>,
}

/// How long a stranger may stay, and his place among the few.
struct Stay {
    ends: Pin<Box<Sleep>>,
    _permit: OwnedSemaphorePermit,
}

impl Connected for Connection {
    type ConnectInfo = Caller;

    fn connect_info(&self) -> Caller {
        self.caller
    }
}

impl AsyncRead for Connection {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        if let Some(stay) = &mut self.stay
            && stay.ends.as_mut().poll(cx).is_ready()
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

struct Service {
    desk: Desk,
    joins: Semaphore,
}

impl Service {
    /// Refuses a call that is not a member's, or was meant for another node; else says who calls.
    fn admit<T>(&self, request: &Request<T>) -> Result<u64, Status> {
        let Some(Caller(Some(from))) = request.extensions().get::<Caller>().copied() else {
            return Err(Status::unauthenticated("only members of the cluster may call this"));
        };
        let identity = &self.desk.identity;
        let expected = [
            (PROTOCOL, wire::PROTOCOL.to_owned()),
            (CLUSTER, crypto::hex(&identity.cluster)),
            (LINEAGE, identity.lineage.to_string()),
            (TARGET, identity.node.to_string()),
        ];
        for (name, expected) in expected {
            let said = request.metadata().get(name).and_then(|value| value.to_str().ok()).unwrap_or_default();
            if said != expected {
                let text = format!("{name} is {said:?} in the call, but {expected:?} here");
                return Err(Status::failed_precondition(text));
            }
        }
        // One that has withdrawn may be wrong about everybody.
        let Desk { standing, door, raft, .. } = &self.desk;
        if standing.withdrawn().is_none() && door.is_removed(from) && !membership::is_member(raft, from) {
            return Err(Status::permission_denied(format!("node {from} was removed from the cluster")));
        }
        Ok(from)
    }

    /// As [`admit`](Self::admit), for what only a node does that takes part in agreement.
    fn admit_to_raft<T>(&self, request: &Request<T>) -> Result<(), Status> {
        self.admit(request)?;
        match self.desk.standing.withdrawn() {
            None => Ok(()),
            Some(why) => Err(Status::unavailable(format!("this node takes no part any more: {why}"))),
        }
    }
}

fn malformed(error: wire::Malformed) -> Status {
    Status::invalid_argument(error.to_string())
}

fn failed(error: impl std::fmt::Display) -> Status {
    Status::unavailable(error.to_string())
}

#[tonic::async_trait]
impl Peers for Service {
    async fn append(
        &self,
        request: Request<wire::AppendRequest>,
    ) -> Result<Response<wire::AppendResponse>, Status> {
        self.admit_to_raft(&request)?;
        let rpc = request.into_inner().try_into().map_err(malformed)?;
        let response = self.desk.raft.append_entries(rpc).await.map_err(failed)?;
        Ok(Response::new(response.into()))
    }

    type ReplicateStream = BoxStream<'static, Result<wire::ReplicateResponse, Status>>;

    /// The leader's entries, for as long as it leads.
    async fn replicate(
        &self,
        request: Request<Streaming<wire::AppendRequest>>,
    ) -> Result<Response<Self::ReplicateStream>, Status> {
        self.admit_to_raft(&request)?;
        let requests = stream::unfold(request.into_inner(), |mut requests| async move {
            // Where it ends, the leader opens another.
            let request = requests.message().await.inspect_err(|status| {
                tracing::debug!(why = %said(status), "a stream of entries has ended");
            });
            let rpc = request.ok()??.try_into().inspect_err(|error: &wire::Malformed| {
                tracing::warn!(%error, "a stream of entries ends here");
            });
            Some((rpc.ok()?, requests))
        });
        let answers = self.desk.raft.stream_append(requests);
        let answers = answers.map(|answer| answer.map(wire::ReplicateResponse::from).map_err(failed));
        Ok(Response::new(answers.boxed()))
    }

    async fn vote(
        &self,
        request: Request<wire::VoteRequest>,
    ) -> Result<Response<wire::VoteResponse>, Status> {
        self.admit_to_raft(&request)?;
        let request = request.into_inner();
        let raft = &self.desk.raft;
        let response =
            if request.pre { raft.pre_vote(request.into()).await } else { raft.vote(request.into()).await };
        Ok(Response::new(response.map_err(failed)?.into()))
    }

    async fn transfer(
        &self,
        request: Request<wire::TransferRequest>,
    ) -> Result<Response<wire::TransferResponse>, Status> {
        self.admit_to_raft(&request)?;
        let rpc = request.into_inner().into();
        let answer = self.desk.raft.handle_transfer_leader(rpc).await.map_err(failed)?;
        Ok(Response::new(wire::TransferResponse { accepted: answer.is_ok() }))
    }

    async fn snapshot(
        &self,
        request: Request<Streaming<wire::SnapshotPart>>,
    ) -> Result<Response<wire::SnapshotResponse>, Status> {
        self.admit_to_raft(&request)?;
        let Desk { raft, state, .. } = &self.desk;
        let vote = snapshot::receive(request.into_inner(), raft, Arc::clone(state)).await?;
        Ok(Response::new(wire::SnapshotResponse { vote }))
    }

    /// Carries out a member's commands here or not at all: there is no second hop.
    async fn forward(
        &self,
        request: Request<wire::ForwardRequest>,
    ) -> Result<Response<wire::ForwardResponse>, Status> {
        self.admit_to_raft(&request)?;
        let wire::ForwardRequest { commands, patience_ms } = request.into_inner();
        let patience = Duration::from_millis(patience_ms).min(PATIENCE_MAX);
        let Desk { proposer, ready, .. } = &self.desk;
        let submitted = commands.into_iter().map(|command| proposer.submit(command, patience, ready));
        let forwarded = join_all(submitted).await.into_iter().map(wire::Forwarded::from).collect();
        Ok(Response::new(wire::ForwardResponse { forwarded }))
    }

    async fn read_index(
        &self,
        request: Request<wire::ReadIndexRequest>,
    ) -> Result<Response<wire::ReadIndexResponse>, Status> {
        self.admit_to_raft(&request)?;
        let round = self.desk.raft.get_read_linearizer(ReadPolicy::ReadIndex);
        let round = tokio::time::timeout(ROUND_MAX, round).await;
        let linearizer = round.map_err(|_| Status::deadline_exceeded("no quorum answered in time"))?;
        let index = linearizer.map_err(failed)?.read_log_id().index();
        Ok(Response::new(wire::ReadIndexResponse { index }))
    }

    async fn greet(&self, request: Request<wire::Greeting>) -> Result<Response<wire::Greeting>, Status> {
        let from = self.admit(&request)?;
        let Desk { herald, neighbours, raft, .. } = &self.desk;
        let told = neighbours.told(from, request.get_ref().kept);
        let remembered = told.max(neighbours::replicated(raft, from));
        Ok(Response::new(wire::Greeting { remembered, ..herald.greeting() }))
    }

    async fn join(
        &self,
        request: Request<wire::JoinRequest>,
    ) -> Result<Response<wire::JoinResponse>, Status> {
        let said = request.metadata().get(PROTOCOL).and_then(|value| value.to_str().ok());
        if said != Some(wire::PROTOCOL) {
            return Err(Status::failed_precondition(
                "this node speaks another protocol between nodes: join with the program that the cluster runs",
            ));
        }
        let Ok(_place) = self.joins.try_acquire() else {
            return Err(Status::resource_exhausted("others are joining: try again in a moment"));
        };
        let answer = tokio::time::timeout(JOIN_MAX, self.desk.door.join(request.into_inner().body)).await;
        let answer = answer.map_err(|_| Status::deadline_exceeded("the cluster did not answer in time"))?;
        let body = answer.map_err(Status::failed_precondition)?;
        Ok(Response::new(wire::JoinResponse { body }))
    }
}
