//! openraft's way to the peers: one connection for entries, one for heartbeats, one for snapshots, so that none waits
//! behind another. Entries go as one stream (`replicate`).

use std::future::Future;
use std::time::Duration;

use futures_util::Stream;
use futures_util::future::BoxFuture;
use futures_util::stream::BoxStream;
use openraft::errors::{NetworkError, RPCError, ReplicationClosed, StreamingError, Unreachable};
use openraft::network::RPCOption;
use openraft::network::v2::RaftNetworkV2;
use openraft::raft::{
    AppendEntriesRequest, AppendEntriesResponse, SnapshotResponse, StreamAppendResult, TransferLeaderError,
    TransferLeaderRequest, TransferLeaderResponse, VoteRequest, VoteResponse,
};
use openraft::{OptionalSend, RaftNetworkFactory};
use tonic::{Code, Request, Status};

use crate::peers::dial::{Client, Dialer};
use crate::peers::{snapshot, wire};
use crate::replicate;
use crate::state_machine::{Parcel, Snapshot};
use crate::types::{Peer, TypeConfig, Vote};

/// Makes connections to peers; without a dialer, ones that refuse.
pub(crate) struct Network {
    dialer: Option<Dialer>,
}

impl Network {
    pub(crate) fn new(dialer: Option<Dialer>) -> Self {
        Network { dialer }
    }
}

/// A connection to one peer, made when it is first used.
pub(crate) struct Link {
    client: Result<Client, Status>,
    target: u64,
}

impl RaftNetworkFactory<TypeConfig> for Network {
    type Network = Link;

    async fn new_client(&mut self, target: u64, peer: &Peer) -> Link {
        let client = match &self.dialer {
            Some(dialer) => dialer.dial(target, &peer.address),
            None => Err(Status::unavailable("this node was started without a listener for peers")),
        };
        Link { client, target }
    }
}

impl Link {
    pub(crate) fn client(&self) -> Result<Client, Unreachable<TypeConfig>> {
        self.client.clone().map_err(|status| self.unreachable(&status))
    }

    fn unreachable(&self, status: &Status) -> Unreachable<TypeConfig> {
        Unreachable::from_string(format!("node {}: {}", self.target, said(status)))
    }

    /// Unreachable where there is no use in trying again at once.
    pub(crate) fn failed(&self, status: &Status) -> RPCError<TypeConfig> {
        match status.code() {
            Code::DeadlineExceeded | Code::Cancelled => RPCError::Network(
                NetworkError::<TypeConfig>::from_string(format!("node {}: {}", self.target, said(status))),
            ),
            _ => RPCError::Unreachable(self.unreachable(status)),
        }
    }

    pub(crate) fn unreadable(&self, error: &wire::Malformed) -> RPCError<TypeConfig> {
        RPCError::Unreachable(Unreachable::from_string(format!("node {}: {error}", self.target)))
    }
}

/// The text of a status with what caused it, such as a refused connection. What is said already is left out, and so is
/// the library's word for any trouble at all.
pub(crate) fn said(status: &Status) -> String {
    let mut text = status.message().to_owned();
    let mut cause = std::error::Error::source(status);
    while let Some(error) = cause {
        let more = error.to_string();
        if !text.contains(&more) && more != "transport error" {
            text = format!("{text}: {more}");
        }
        cause = error.source();
    }
    text
}

fn within<T>(message: T, limit: Duration) -> Request<T> {
    let mut request = Request::new(message);
    request.set_timeout(limit);
    request
}

impl RaftNetworkV2<TypeConfig> for Link {
    type SnapshotData = Parcel;

    /// Heartbeats only: entries go through the stream.
    async fn append_entries(
        &mut self,
        rpc: AppendEntriesRequest<TypeConfig>,
        option: RPCOption,
    ) -> Result<AppendEntriesResponse<TypeConfig>, RPCError<TypeConfig>> {
        let request = within(wire::AppendRequest::from(&rpc), option.hard_ttl());
        let answer = self.client()?.append(request).await.map_err(|status| self.failed(&status))?;
        answer.into_inner().try_into().map_err(|error| self.unreadable(&error))
    }

    fn stream_append<'s, S>(
        &'s mut self,
        input: S,
        _option: RPCOption,
    ) -> BoxFuture<
        's,
        Result<
            BoxStream<'s, Result<StreamAppendResult<TypeConfig>, RPCError<TypeConfig>>>,
            RPCError<TypeConfig>,
        >,
    >
    where
        S: Stream<Item = AppendEntriesRequest<TypeConfig>> + OptionalSend + Unpin + 'static,
    {
        Box::pin(replicate::open(self, input))
    }

    async fn vote(
        &mut self,
        rpc: VoteRequest<TypeConfig>,
        option: RPCOption,
    ) -> Result<VoteResponse<TypeConfig>, RPCError<TypeConfig>> {
        let request = within(wire::VoteRequest::of(&rpc, false), option.hard_ttl());
        let answer = self.client()?.vote(request).await.map_err(|status| self.failed(&status))?;
        Ok(answer.into_inner().into())
    }

    async fn pre_vote(
        &mut self,
        rpc: VoteRequest<TypeConfig>,
        option: RPCOption,
    ) -> Result<VoteResponse<TypeConfig>, RPCError<TypeConfig>> {
        let request = within(wire::VoteRequest::of(&rpc, true), option.hard_ttl());
        let answer = self.client()?.vote(request).await.map_err(|status| self.failed(&status))?;
        Ok(answer.into_inner().into())
    }

    async fn full_snapshot(
        &mut self,
        vote: Vote,
        snapshot: Snapshot,
        cancel: impl Future<Output = ReplicationClosed> + OptionalSend + 'static,
        _option: RPCOption,
    ) -> Result<SnapshotResponse<TypeConfig>, StreamingError<TypeConfig>> {
        let parts = snapshot::parts((&vote).into(), &snapshot.snapshot).map_err(|error| {
            StreamingError::Unreachable(Unreachable::from_string(format!(
                "the snapshot can't be read: {error}"
            )))
        })?;
        tracing::info!(to = self.target, bytes = snapshot.snapshot.manifest.size(), "a snapshot is sent");
        let mut client = self.client()?;
        let answer = tokio::select! {
            answer = client.snapshot(parts) => answer,
            closed = cancel => return Err(closed.into()),
        };
        let answer = answer.map_err(|status| {
            tracing::warn!(to = self.target, why = %said(&status), "a snapshot was not taken");
            StreamingError::Unreachable(self.unreachable(&status))
        })?;
        tracing::info!(to = self.target, "the snapshot was taken");
        Ok(SnapshotResponse::new(answer.into_inner().vote.into()))
    }

    async fn transfer_leader(
        &mut self,
        rpc: TransferLeaderRequest<TypeConfig>,
        option: RPCOption,
    ) -> Result<TransferLeaderResponse<TypeConfig>, RPCError<TypeConfig>> {
        let request = within(wire::TransferRequest::from(&rpc), option.hard_ttl());
        let answer = self.client()?.transfer(request).await.map_err(|status| self.failed(&status))?;
        if answer.into_inner().accepted {
            return Ok(Ok(()));
        }
        // Which of its conditions failed is told in the other node's log; the leader only needs to know that it leads on.
        Ok(Err(TransferLeaderError::LogNotFlushed { expected: rpc.last_log_id().copied(), actual: None }))
    }
}
