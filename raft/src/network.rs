//! The way to the peers. There is none yet: a cluster of one has nobody to talk to.
//!
//! The transport (tonic over mutual TLS) takes this file's place; nothing else in the crate knows that it is missing.

use std::future::Future;

use openraft::errors::{RPCError, ReplicationClosed, StreamingError, Unreachable};
use openraft::network::RPCOption;
use openraft::network::v2::RaftNetworkV2;
use openraft::raft::{
    AppendEntriesRequest, AppendEntriesResponse, SnapshotResponse, VoteRequest, VoteResponse,
};
use openraft::{OptionalSend, RaftNetworkFactory};

use crate::state_machine::Parcel;
use crate::types::{Peer, TypeConfig, Vote};

/// Makes connections that refuse, each naming the member it was meant for.
pub(crate) struct NoPeers;

/// A connection to a member that can't be reached.
pub(crate) struct NoPeer {
    target: u64,
    address: String,
}

impl NoPeer {
    fn refuse(&self) -> Unreachable<TypeConfig> {
        Unreachable::from_string(format!(
            "node {} at {:?} can't be reached: this build has no transport between nodes",
            self.target, self.address
        ))
    }
}

impl RaftNetworkFactory<TypeConfig> for NoPeers {
    type Network = NoPeer;

    async fn new_client(&mut self, target: u64, node: &Peer) -> NoPeer {
        NoPeer { target, address: node.address.clone() }
    }
}

impl RaftNetworkV2<TypeConfig> for NoPeer {
    type SnapshotData = Parcel;

    async fn append_entries(
        &mut self,
        _rpc: AppendEntriesRequest<TypeConfig>,
        _option: RPCOption,
    ) -> Result<AppendEntriesResponse<TypeConfig>, RPCError<TypeConfig>> {
        Err(self.refuse().into())
    }

    async fn vote(
        &mut self,
        _rpc: VoteRequest<TypeConfig>,
        _option: RPCOption,
    ) -> Result<VoteResponse<TypeConfig>, RPCError<TypeConfig>> {
        Err(self.refuse().into())
    }

    /// Refuses too: the default grants, and a granted pre-vote from nobody would raise terms for nothing.
    async fn pre_vote(
        &mut self,
        _rpc: VoteRequest<TypeConfig>,
        _option: RPCOption,
    ) -> Result<VoteResponse<TypeConfig>, RPCError<TypeConfig>> {
        Err(self.refuse().into())
    }

    async fn full_snapshot(
        &mut self,
        _vote: Vote,
        _snapshot: openraft::Snapshot<crate::types::LeaderId, u64, Peer, Parcel>,
        _cancel: impl Future<Output = ReplicationClosed> + OptionalSend + 'static,
        _option: RPCOption,
    ) -> Result<SnapshotResponse<TypeConfig>, StreamingError<TypeConfig>> {
        Err(self.refuse().into())
    }
}
