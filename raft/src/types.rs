//! The types that openraft works with, and their conversions to those of `storage`.
//!
//! openraft is generic over everything; this file chooses once. No other crate sees any of these types: openraft's
//! own shapes change between its versions, so what is stored and what is sent has frames of our own (`frames`).

use std::fmt;

use bytes::Bytes;
use identity::execute::Outcome;
use openraft::impls::{BoxedErrorSource, InlineBatch, leader_id_adv};
use openraft::raft::responder::Responder;
use openraft::{OptionalSend, RaftTypeConfig};

/// Where a member of the cluster is reached by the others.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Peer {
    /// `host:port` of its peer listener; empty for a cluster of one that listens for nobody.
    pub address: String,
}

impl fmt::Display for Peer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.address)
    }
}

/// What one log entry asks: commands that the leader packed together, and the time it stamped.
///
/// The commands are slices of `frame`, the entry's bytes as they go to disk and to the peers: they are encoded once,
/// where the batch is made, and never again.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Batch {
    pub(crate) time_ms: u64,
    pub(crate) level: u32,
    pub(crate) commands: Vec<Bytes>,
    pub(crate) frame: Bytes,
}

/// Prints counts only: commands hold hashes and personal data, and openraft prints entries when it traces.
impl fmt::Display for Batch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "batch of {} commands, {} bytes", self.commands.len(), self.frame.len())
    }
}

impl fmt::Debug for Batch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// What became of the commands of one entry, in their order; empty for blank and membership entries.
pub(crate) struct Outcomes(pub(crate) Vec<Outcome>);

/// Prints the count only.
impl fmt::Debug for Outcomes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} outcomes", self.0.len())
    }
}

/// Gives an answer of openraft to whoever waits, on the task that has it: no task and no second channel per entry.
pub(crate) struct Reply<T>(Box<dyn FnOnce(T) + Send>);

impl<T> Reply<T> {
    pub(crate) fn new(give: impl FnOnce(T) + Send + 'static) -> Self {
        Reply(Box::new(give))
    }
}

impl<T: OptionalSend + 'static> Responder<TypeConfig, T> for Reply<T> {
    fn on_complete(self, result: T) {
        (self.0)(result);
    }
}

/// The choice of types.
#[derive(Debug, Clone, Copy, Default, Eq, PartialEq, Ord, PartialOrd)]
pub(crate) struct TypeConfig;

impl RaftTypeConfig for TypeConfig {
    type D = Batch;
    type R = Outcomes;
    type NodeId = u64;
    type Node = Peer;
    type Term = u64;
    /// (term, node): several leaders of one term are possible and ordered, so an election needs fewer rounds.
    type LeaderId = leader_id_adv::LeaderId<u64, u64>;
    type Vote = openraft::impls::Vote<Self::LeaderId>;
    type Payload = openraft::EntryPayload<Batch, u64, Peer>;
    type Entry = openraft::Entry<Self::LeaderId, Self::Payload>;
    type AsyncRuntime = openraft::impls::TokioRuntime;
    type Responder<T>
        = Reply<T>
    where
        T: OptionalSend + 'static;
    type Batch<T>
        = InlineBatch<T>
    where
        T: OptionalSend + 'static;
    type ErrorSource = BoxedErrorSource;
}

pub(crate) type LeaderId = leader_id_adv::LeaderId<u64, u64>;
pub(crate) type LogId = openraft::LogId<LeaderId>;
pub(crate) type Vote = openraft::impls::Vote<LeaderId>;
pub(crate) type Entry = openraft::Entry<LeaderId, Payload>;
pub(crate) type Payload = openraft::EntryPayload<Batch, u64, Peer>;
pub(crate) type Membership = openraft::Membership<u64, Peer>;
pub(crate) type StoredMembership = openraft::StoredMembership<LeaderId, u64, Peer>;
pub(crate) type SnapshotMeta = openraft::SnapshotMeta<LeaderId, u64, Peer>;
pub(crate) type Raft = openraft::Raft<TypeConfig, crate::state_machine::StateMachine>;

/// The log id as `storage` writes it.
pub(crate) fn stored_id(id: &LogId) -> storage::LogId {
    storage::LogId { term: id.leader_id.term, node: id.leader_id.node_id, index: id.index }
}

/// The log id as openraft reads it.
pub(crate) fn raft_id(id: storage::LogId) -> LogId {
    LogId { leader_id: LeaderId { term: id.term, node_id: id.node }, index: id.index }
}

/// The vote as `storage` writes it.
pub(crate) fn stored_vote(vote: &Vote) -> storage::Vote {
    storage::Vote { term: vote.leader_id.term, node: vote.leader_id.node_id, committed: vote.committed }
}

/// The vote as openraft reads it.
pub(crate) fn raft_vote(vote: storage::Vote) -> Vote {
    Vote { leader_id: LeaderId { term: vote.term, node_id: vote.node }, committed: vote.committed }
}
