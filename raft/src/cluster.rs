//! The cluster as the rest of the node sees it: `submit`, `view`, and what an operator asks.
//!
//! A cluster of one is a cluster: its one voter elects itself, commits with a quorum of one and goes through the same
//! code. More voters are a longer membership and a side for peers.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use storage::{LogBackend, NodeIdentity, State, View};
use tokio::net::TcpListener;
use tokio::runtime::Handle;
use tokio::sync::{broadcast, watch};
use tokio::task::AbortHandle;

use crate::changes::Change;
use crate::clock::Clock;
use crate::fatal::{Cause, OnFatal};
use crate::forward::Forwarder;
use crate::freshness::{Freshness, Gate, Unavailable};
use crate::handover;
use crate::machine::Machine;
use crate::membership::{self, Step as MemberStep, Wanted};
use crate::neighbours::{About, ClockState, Herald, Neighbours};
use crate::peers::server::Door;
use crate::peers::tls::Tls;
use crate::position::Position;
use crate::propose::{Proposer, Submitted};
use crate::retention::{Keeper, Retention};
use crate::settings::Timing;
use crate::standing::{Ground, Standing};
use crate::start;
use crate::status::Status;
use crate::types::{Peer, Raft};

/// How long a stop waits for what was submitted before.
const STOP_WAIT_MAX: Duration = Duration::from_secs(5);

/// Who this node is and how it behaves.
#[derive(Clone, Debug)]
pub struct Config {
    /// Its identity, as in its data folder.
    pub identity: NodeIdentity,
    /// Where the other members reach it.
    pub peer: Peer,
    /// How fast members notice each other's absence.
    pub timing: Timing,
    /// How much of the log is kept, and how often the state is flushed.
    pub retention: Retention,
    /// How much log time lies between two hashes of the tables, which the nodes compare.
    pub verify_every: Duration,
}

/// What a cluster stands on.
pub struct Ports {
    /// The Raft log.
    pub log: Arc<dyn LogBackend>,
    /// The state tables.
    pub state: Arc<State>,
    /// What commands mean.
    pub machine: Arc<dyn Machine>,
    /// The clocks.
    pub clock: Arc<dyn Clock>,
    /// Ends the process.
    pub on_fatal: OnFatal,
    /// Where all tasks of this crate run: a runtime of its own, so that no login storm can starve a heartbeat.
    pub runtime: Handle,
    /// How other nodes are reached and reach this one; `None` for a cluster of one that will stay so.
    pub peers: Option<PeerSide>,
    /// What this node tells the others of itself.
    pub about: Arc<dyn Fn() -> About + Send + Sync>,
}

/// The side that a node turns to its peers.
pub struct PeerSide {
    /// Where they come in.
    pub listener: TcpListener,
    /// By what all prove themselves.
    pub tls: Arc<Tls>,
    /// Who decides about members.
    pub door: Arc<dyn Door>,
}

/// Why the cluster can't be started or changed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// The timing does not add up.
    #[error("the timing can't be used: {0}")]
    Settings(String),
    /// Log and state do not belong together, or a part of them is missing.
    #[error(transparent)]
    Storage(storage::Error),
    /// What is stored can't be gone on from.
    #[error("raft could not start: {0}")]
    Start(String),
    /// The node has a history already; a cluster is begun once, on one empty node.
    #[error("the node is initialised already")]
    AlreadyInitialized,
    /// The members could not be changed as asked.
    #[error("the members were not changed: {0}")]
    Membership(String),
    /// Leadership could not be handed over.
    #[error("leadership was not handed over: {0}")]
    Transfer(String),
    /// The node is stopping or has failed.
    #[error("the node is stopping: {0}")]
    Stopped(String),
}

/// A handle to this node's part in the cluster. Clones are the same part.
#[derive(Clone)]
pub struct Cluster {
    pub(crate) inner: Arc<Inner>,
}

pub(crate) struct Inner {
    pub(crate) config: Config,
    pub(crate) raft: Raft,
    pub(crate) log: Arc<dyn LogBackend>,
    pub(crate) state: Arc<State>,
    pub(crate) proposer: Arc<Proposer>,
    pub(crate) forwarder: Forwarder,
    pub(crate) gate: Gate,
    pub(crate) standing: Arc<Standing>,
    pub(crate) herald: Arc<Herald>,
    pub(crate) neighbours: Arc<Neighbours>,
    pub(crate) clock_state: watch::Receiver<ClockState>,
    /// Ends the listener for peers.
    pub(crate) stop: watch::Sender<bool>,
    pub(crate) changes: broadcast::Sender<Arc<Change>>,
    pub(crate) on_fatal: OnFatal,
    pub(crate) tasks: Mutex<Vec<AbortHandle>>,
}

impl Cluster {
    /// Starts this node's part: opens Raft over what is stored, re-applies what the log holds beyond the state, and,
    /// where this node is the only voter, has it elect itself at once. Serves nothing before that ([`Cluster::ready`]).
    ///
    /// # Errors
    /// If the configuration contradicts itself, or log and state contradict each other.
    pub async fn start(config: Config, ports: Ports) -> Result<Cluster, Error> {
        let runtime = ports.runtime.clone();
        let started = runtime.spawn(start::start(config, ports)).await;
        started.map_err(|error| Error::Start(error.to_string()))?
    }

    /// Begins a cluster with this node as its only voter. Once, on one node that has no history.
    ///
    /// # Errors
    /// `AlreadyInitialized` if there is a history; nothing was changed then.
    pub async fn initialize(&self) -> Result<(), Error> {
        let members = BTreeMap::from([(self.inner.config.identity.node, self.inner.config.peer.clone())]);
        match self.inner.raft.initialize(members).await {
            Ok(()) => Ok(()),
            Err(openraft::errors::RaftError::APIError(_)) => Err(Error::AlreadyInitialized),
            Err(openraft::errors::RaftError::Fatal(ended)) => Err(Error::Stopped(ended.to_string())),
        }
    }

    /// Whether there is a history, of this node's own or of a cluster it joined.
    ///
    /// # Errors
    /// `Stopped` when the node is stopping.
    pub async fn is_initialized(&self) -> Result<bool, Error> {
        self.inner.raft.is_initialized().await.map_err(|ended| Error::Stopped(ended.to_string()))
    }

    /// Has a command carried out, by whichever node leads, and waits at most `patience` for what became of it. What is
    /// applied is applied on this node too.
    ///
    /// Dropping the future withdraws nothing. Repeating a command is safe: its request id makes the second a look-up.
    pub async fn submit(&self, command: Bytes, patience: Duration) -> Submitted {
        self.inner.forwarder.submit(command, patience).await
    }

    /// An owned snapshot of the state, as fresh as asked. Waits up to five seconds for it.
    ///
    /// # Errors
    /// Why the freshness can't be proven; never older state instead.
    pub async fn view(&self, freshness: Freshness) -> Result<View, Unavailable> {
        self.inner.gate.pass(freshness).await?;
        Ok(self.inner.state.view())
    }

    /// The position of a log index of this node's history.
    pub fn position(&self, index: u64) -> Position {
        Position { shard: self.inner.gate.shard, lineage: self.inner.gate.lineage, index }
    }

    /// Returns once the log is re-applied and the node serves.
    ///
    /// # Errors
    /// `Stopped` if the node stops before.
    pub async fn ready(&self) -> Result<(), Error> {
        let mut ready = self.inner.gate.ready.clone();
        let waited = ready.wait_for(|ready| *ready).await;
        waited.map(|_| ()).map_err(|_| Error::Stopped("it stopped before it was ready".to_owned()))
    }

    /// The index up to which commands are applied here, as it moves.
    pub fn applied(&self) -> watch::Receiver<Option<u64>> {
        self.inner.gate.applied.clone()
    }

    /// Announcements of what is written from now on.
    pub fn changes(&self) -> broadcast::Receiver<Arc<Change>> {
        self.inner.changes.subscribe()
    }

    /// How this node is.
    pub fn status(&self) -> Status {
        let inner = &self.inner;
        let proposer = &inner.proposer;
        Status::new(&inner.raft, inner.log.state(), &inner.state)
            .with_identity(&inner.config.identity)
            .with_readiness(*inner.gate.ready.borrow())
            .with_counts(&proposer.counts, proposer.queued_bytes(), inner.gate.prober.rounds())
            .with_neighbours(self)
    }

    /// Takes the next step from Raft's membership to the one wanted; `None` when nothing is left to do or a learner has
    /// to catch up first. Only the leader can.
    ///
    /// # Errors
    /// `Membership` if the step was refused, for example because another leader took it.
    pub async fn lead_members_to(&self, wanted: &BTreeMap<u64, Wanted>) -> Result<Option<MemberStep>, Error> {
        membership::lead_to(&self.inner.raft, wanted).await
    }

    /// Hands leadership to another voter, the given one or whoever has most of the log; returns who leads then. Where
    /// this node does not lead there is nothing to hand over.
    ///
    /// # Errors
    /// `Transfer` if nobody else can lead, or nobody took it in time.
    pub async fn hand_over(&self, to: Option<u64>) -> Result<Option<u64>, Error> {
        handover::hand_over(self, to).await
    }

    /// Whether this node asks to lead when nobody does. One that may not still votes and follows.
    pub fn may_lead(&self, may: bool) {
        self.inner.raft.runtime_config().elect(may);
    }

    /// Takes no part any more since it was removed: neither serves nor votes, and keeps its data. Not to be undone while
    /// the process lives.
    pub async fn withdraw_as_removed(&self, why: &str) {
        self.inner.standing.withdraw(Ground::Removed, why);
        if let Err(error) = self.inner.raft.shutdown().await {
            tracing::warn!(%error, "raft did not stop in order");
        }
    }

    /// Builds a snapshot now and returns the index it covers; `None` where nothing is applied yet.
    ///
    /// # Errors
    /// `Stopped` when the node is stopping; a snapshot that can't be built ends the node.
    pub async fn snapshot(&self) -> Result<Option<u64>, Error> {
        Keeper::snapshot(&self.inner.raft, &self.inner.gate.applied).await.map_err(Error::Stopped)
    }

    /// Stops in order: takes no more commands, waits for those it has, stops Raft, flushes the state.
    ///
    /// # Errors
    /// If the state can't be flushed; the log has everything even so.
    pub async fn shutdown(&self) -> Result<(), Error> {
        let inner = &self.inner;
        inner.proposer.close(STOP_WAIT_MAX).await;
        inner.stop.send_replace(true);
        for task in inner.tasks.lock().unwrap_or_else(PoisonError::into_inner).drain(..) {
            task.abort();
        }
        if let Err(error) = inner.raft.shutdown().await {
            tracing::warn!(%error, "raft did not stop in order");
        }
        let state = Arc::clone(&inner.state);
        match tokio::task::spawn_blocking(move || state.flush()).await {
            Ok(flushed) => flushed.map_err(|error| {
                inner.on_fatal.end(Cause::State, &error);
                Error::Stopped(error.to_string())
            }),
            Err(error) => Err(Error::Stopped(error.to_string())),
        }
    }
}

impl std::fmt::Debug for Cluster {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Cluster({})", self.inner.config.identity)
    }
}
