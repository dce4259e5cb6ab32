//! The listeners for peers: who calls is read from his certificate, what he may ask is looked at before anything else.
//!
//! A caller without a certificate may ask to join and nothing else: he is served apart, within small limits, and what
//! else he asks is refused unread. A member that was removed is refused from the moment this node has applied its
//! removal; a call that was meant for another node, cluster or lineage is refused always, so that an address that
//! changed hands can't mix two clusters.

use std::convert::Infallible;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use futures_util::future::{BoxFuture, join_all};
use futures_util::stream::{self, BoxStream, StreamExt};
use openraft::ReadPolicy;
use storage::{NodeIdentity, State};
use tokio::net::TcpListener;
use tokio::sync::{Semaphore, watch};
use tonic::body::Body;
use tonic::codegen::http;
use tonic::service::Interceptor;
use tonic::service::interceptor::InterceptedService;
use tonic::transport::Server;
use tonic::{Request, Response, Status, Streaming};

use super::arrivals::{Caller, Ways, accept};
use super::dial::{ALIVE_EVERY, ALIVE_WAIT, MESSAGE_BYTES_MAX, WINDOW_BYTES};
use super::places::Claim;
use super::service::peers_server::{Peers, PeersServer};
use super::snapshot::Intake;
use super::tls::Tls;
use super::wire;
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

/// How many calls a member's connection may have under way.
const STREAMS_MAX: u32 = 1024;
/// The one thing that a caller without a certificate may ask, in how many bytes, how many times at once, with how much
/// under way unread (HTTP/2 knows no smaller window of a connection), and how long he may take with the answer.
const JOIN: &str = "/conclave.Peers/Join";
const JOIN_BYTES_MAX: usize = 4 << 10;
const JOIN_STREAMS_MAX: u32 = 2;
const JOIN_WINDOW_BYTES: u32 = 64 << 10;
const JOIN_CALL_MAX: Duration = Duration::from_secs(25);
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
    let service = Arc::new(Service { desk, joins: Semaphore::new(JOINS_MAX), intake: Intake::default() });
    let (ways, members, strangers) = Ways::new();
    let accepting = tokio::spawn(accept(listener, tls, identity, ways));
    let for_members = builder()
        .initial_stream_window_size(WINDOW_BYTES)
        .initial_connection_window_size(WINDOW_BYTES)
        .max_concurrent_streams(STREAMS_MAX)
        .serve_with_incoming(admitted(Arc::clone(&service)), members);
    let for_strangers = builder()
        .initial_stream_window_size(JOIN_WINDOW_BYTES)
        .initial_connection_window_size(JOIN_WINDOW_BYTES)
        .max_concurrent_streams(JOIN_STREAMS_MAX)
        .timeout(JOIN_CALL_MAX)
        .serve_with_incoming(OnlyJoin::new(service), strangers);
    tokio::select! {
        served = async { tokio::try_join!(for_members, for_strangers) } => if let Err(error) = served {
            tracing::error!(%error, "the listener for peers has ended");
        },
        _ = stop.wait_for(|stop| *stop) => {}
    }
    accepting.abort();
}

/// A listener that notices callers who have vanished.
fn builder() -> Server {
    Server::builder().http2_keepalive_interval(Some(ALIVE_EVERY)).http2_keepalive_timeout(Some(ALIVE_WAIT))
}

/// The service for members.
fn admitted(service: Arc<Service>) -> InterceptedService<PeersServer<Service>, Admission> {
    let server = PeersServer::from_arc(Arc::clone(&service))
        .max_decoding_message_size(MESSAGE_BYTES_MAX)
        .max_encoding_message_size(MESSAGE_BYTES_MAX);
    InterceptedService::new(server, Admission(service))
}

/// Admits each call by its head, before anything of its body is read.
#[derive(Clone)]
struct Admission(Arc<Service>);

impl Interceptor for Admission {
    fn call(&mut self, mut request: Request<()>) -> Result<Request<()>, Status> {
        let member = self.0.admit(&request)?;
        request.extensions_mut().insert(member);
        Ok(request)
    }
}

/// The service for those without a certificate: everything but [`JOIN`] is refused, and none of its body read.
#[derive(Clone)]
struct OnlyJoin(PeersServer<Service>);

impl OnlyJoin {
    fn new(service: Arc<Service>) -> OnlyJoin {
        OnlyJoin(PeersServer::from_arc(service).max_decoding_message_size(JOIN_BYTES_MAX))
    }
}

impl tower::Service<http::Request<Body>> for OnlyJoin {
    type Response = http::Response<Body>;
    type Error = Infallible;
    type Future = BoxFuture<'static, Result<Self::Response, Infallible>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: http::Request<Body>) -> Self::Future {
        if request.uri().path() != JOIN {
            return Box::pin(std::future::ready(Ok(stranger().into_http())));
        }
        tower::Service::call(&mut self.0, request)
    }
}

fn stranger() -> Status {
    Status::unauthenticated("only members of the cluster may call this")
}

/// Who calls, once his call is admitted.
#[derive(Clone, Copy)]
struct Member(u64);

struct Service {
    desk: Desk,
    joins: Semaphore,
    intake: Intake,
}

impl Service {
    /// Refuses a call that is not a member's, or was meant for another node; else says who calls.
    fn admit(&self, request: &Request<()>) -> Result<Member, Status> {
        let Some(Caller::Member(from)) = request.extensions().get() else { return Err(stranger()) };
        let from = *from;
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
        Ok(Member(from))
    }

    /// Goes on with an admitted call for what only a node does that takes part in agreement.
    fn takes_part<T>(&self, request: &Request<T>) -> Result<(), Status> {
        member(request)?;
        match self.desk.standing.withdrawn() {
            None => Ok(()),
            Some(why) => Err(Status::unavailable(format!("this node takes no part any more: {why}"))),
        }
    }
}

/// The member whose call was admitted.
fn member<T>(request: &Request<T>) -> Result<u64, Status> {
    request.extensions().get().map(|Member(from)| *from).ok_or_else(stranger)
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
        self.takes_part(&request)?;
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
        self.takes_part(&request)?;
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
        self.takes_part(&request)?;
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
        self.takes_part(&request)?;
        let rpc = request.into_inner().into();
        let answer = self.desk.raft.handle_transfer_leader(rpc).await.map_err(failed)?;
        Ok(Response::new(wire::TransferResponse { accepted: answer.is_ok() }))
    }

    async fn snapshot(
        &self,
        request: Request<Streaming<wire::SnapshotPart>>,
    ) -> Result<Response<wire::SnapshotResponse>, Status> {
        self.takes_part(&request)?;
        let Desk { raft, state, .. } = &self.desk;
        let vote = self.intake.receive(request.into_inner(), raft, Arc::clone(state)).await?;
        Ok(Response::new(wire::SnapshotResponse { vote }))
    }

    /// Carries out a member's commands here or not at all: there is no second hop.
    async fn forward(
        &self,
        request: Request<wire::ForwardRequest>,
    ) -> Result<Response<wire::ForwardResponse>, Status> {
        self.takes_part(&request)?;
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
        self.takes_part(&request)?;
        let round = self.desk.raft.get_read_linearizer(ReadPolicy::ReadIndex);
        let round = tokio::time::timeout(ROUND_MAX, round).await;
        let linearizer = round.map_err(|_| Status::deadline_exceeded("no quorum answered in time"))?;
        let index = linearizer.map_err(failed)?.read_log_id().index();
        Ok(Response::new(wire::ReadIndexResponse { index }))
    }

    async fn greet(&self, request: Request<wire::Greeting>) -> Result<Response<wire::Greeting>, Status> {
        let from = member(&request)?;
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
        let Ok(_turn) = self.joins.try_acquire() else {
            return Err(Status::resource_exhausted("others are joining: try again in a moment"));
        };
        let claim = match request.extensions().get() {
            Some(Caller::Stranger(claim)) => Some(claim.clone()),
            Some(Caller::Member(_)) | None => None,
        };
        let _served = claim.as_ref().map(Claim::serve);
        let answer = tokio::time::timeout(JOIN_MAX, self.desk.door.join(request.into_inner().body)).await;
        let answer = answer.map_err(|_| Status::deadline_exceeded("the cluster did not answer in time"))?;
        let body = answer.map_err(Status::failed_precondition)?;
        Ok(Response::new(wire::JoinResponse { body }))
    }
}
