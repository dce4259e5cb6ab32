//! How this node is, for an operator and for metrics.

use std::collections::BTreeMap;
use std::sync::atomic::Ordering;
use std::time::Duration;

use openraft::async_runtime::watch::WatchReceiver;
use storage::{LogState, NodeIdentity, State};

use crate::cluster::Cluster;
use crate::neighbours::{About, ClockState, Neighbour};
use crate::propose::Counts;
use crate::types::{Peer, Raft};

/// What a node is in its cluster now.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Role {
    /// It leads.
    Leader,
    /// It asks to lead.
    Candidate,
    /// It follows.
    Follower,
    /// It follows without a vote.
    Learner,
    /// It is stopping.
    #[default]
    Stopping,
}

/// A reading of one node. Indices are `None` where there is nothing yet.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Status {
    /// The cluster's id.
    pub cluster: [u8; 16],
    /// This node's number.
    pub node: u64,
    /// The history its positions belong to.
    pub lineage: u32,
    /// Whether it has re-applied its log and serves.
    pub ready: bool,
    /// Its part.
    pub role: Role,
    /// The current term.
    pub term: u64,
    /// Who leads, as far as is known.
    pub leader: Option<u64>,
    /// Who votes.
    pub voters: Vec<u64>,
    /// Everybody who belongs to the cluster, with his address.
    pub members: BTreeMap<u64, Peer>,
    /// What the others told of themselves.
    pub neighbours: BTreeMap<u64, Neighbour>,
    /// This node's monotonic clock now, which `Neighbour::heard_at` is of.
    pub now: Duration,
    /// How far ahead of the median of the cluster's clocks this node's is; `None` while too few are known.
    pub clock_ahead_ms: Option<i64>,
    /// How old the newest proof is that this node knew everything acknowledged; `None` before the first.
    pub proven_before: Option<Duration>,
    /// Why this node takes no part any more.
    pub withdrawn: Option<String>,
    /// Whether that is because it was removed.
    pub removed: bool,
    /// What this node tells the others of itself.
    pub about: About,
    /// The end of the log.
    pub last: Option<u64>,
    /// The end of the log that a crash leaves.
    pub synced: Option<u64>,
    /// Up to where commands are applied.
    pub applied: Option<u64>,
    /// Up to where what is applied is on disk beside the log; `None` also when that can't be read.
    pub durable: Option<u64>,
    /// What the newest snapshot covers.
    pub snapshot: Option<u64>,
    /// Up to where the log is purged.
    pub purged: Option<u64>,
    /// The bytes of the log.
    pub log_bytes: u64,
    /// Log time in milliseconds since the Unix epoch.
    pub log_time_ms: u64,
    /// The replica digest at `applied`.
    pub digest: [u8; 32],
    /// How far the wall clock was behind log time at the last stamp.
    pub behind_ms: u64,
    /// Entries proposed here since the start.
    pub entries: u64,
    /// Commands in them.
    pub commands: u64,
    /// The bytes of commands that wait or are in flight.
    pub queued_bytes: u64,
    /// Read rounds begun here since the start.
    pub rounds: u64,
}

impl Status {
    pub(crate) fn new(raft: &Raft, log: LogState, state: &State) -> Self {
        let applied = state.applied();
        // Copied out at once: a borrow that is held stops the core.
        let metrics = raft.metrics().borrow_watched().clone();
        Status {
            role: match metrics.state {
                openraft::ServerState::Leader => Role::Leader,
                openraft::ServerState::Candidate => Role::Candidate,
                openraft::ServerState::Follower => Role::Follower,
                openraft::ServerState::Learner => Role::Learner,
                openraft::ServerState::Shutdown => Role::Stopping,
            },
            term: metrics.current_term,
            leader: metrics.current_leader,
            voters: metrics.membership_config.voter_ids().collect(),
            members: metrics.membership_config.nodes().map(|(id, peer)| (*id, peer.clone())).collect(),
            last: log.last.map(|id| id.index),
            synced: log.synced.map(|id| id.index),
            applied: applied.log.map(|id| id.index),
            durable: state.durable().ok().and_then(|durable| durable.log).map(|id| id.index),
            snapshot: metrics.snapshot.map(|id| id.index),
            purged: log.purged.map(|id| id.index),
            log_bytes: log.bytes,
            log_time_ms: applied.time_ms,
            digest: applied.digest,
            ..Status::default()
        }
    }

    pub(crate) fn with_identity(self, identity: &NodeIdentity) -> Self {
        Status { cluster: identity.cluster, node: identity.node, lineage: identity.lineage, ..self }
    }

    pub(crate) fn with_readiness(self, ready: bool) -> Self {
        Status { ready, ..self }
    }

    pub(crate) fn with_neighbours(self, cluster: &Cluster) -> Self {
        let inner = &cluster.inner;
        let now = inner.gate.clock.monotonic();
        let clock_ahead_ms = match *inner.clock_state.borrow() {
            ClockState::Unjudged => None,
            ClockState::Well { ahead_ms, .. } | ClockState::Off(ahead_ms) => Some(ahead_ms),
        };
        let proven = inner.gate.prober.newest();
        Status {
            neighbours: inner.neighbours.all(),
            now,
            clock_ahead_ms,
            proven_before: proven.map(|watermark| now.saturating_sub(watermark.asked_at)),
            withdrawn: inner.standing.withdrawn().map(str::to_owned),
            removed: inner.standing.is_removed(),
            about: (inner.herald.about)(),
            ..self
        }
    }

    pub(crate) fn with_counts(self, counts: &Counts, queued_bytes: u64, rounds: u64) -> Self {
        Status {
            behind_ms: counts.behind_ms.load(Ordering::Relaxed),
            entries: counts.entries.load(Ordering::Relaxed),
            commands: counts.commands.load(Ordering::Relaxed),
            queued_bytes,
            rounds,
            ..self
        }
    }
}
