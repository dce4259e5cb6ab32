//! The port to the cluster: submit a command, get a view. `node` implements it over Raft, `Solo` in memory for tests.

use identity::envelope::{Caller, Remember};
use identity::id::{InstanceId, RequestId};
use identity::reader::Reader;
use identity::refusal::Refusal;
use identity::tables::Read;
use identity::time::Timestamp;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

/// A future that a trait object can return.
pub type BoxFuture<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// A command on its way to the log; the backend adds the deadline.
#[derive(Clone, Debug)]
pub struct Proposal {
    /// Names the request; a retry carries the same.
    pub request: RequestId,
    /// Which instance it touches.
    pub instance: InstanceId,
    /// Who asks.
    pub caller: Caller,
    /// How long a repetition gets the same reply.
    pub remember: Remember,
    /// The command's number.
    pub number: u16,
    /// Its bytes.
    pub body: Vec<u8>,
}

/// What an applied command returns.
#[derive(Clone, Debug)]
pub struct Applied {
    /// The encoded reply.
    pub reply: Vec<u8>,
    /// Where it stands in the log: a view at least as new sees it.
    pub position: Position,
}

/// A place in the log of a shard and lineage. Opaque to clients; another lineage's positions mean nothing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Position {
    /// Always 0 today.
    pub shard: u16,
    /// Changes with a restore.
    pub lineage: u32,
    /// The log index.
    pub index: u64,
}

/// How new a view must be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Freshness {
    /// Whatever this node has.
    Stale,
    /// At least this position.
    AtLeast(Position),
    /// No older than this.
    Bounded(Duration),
    /// Every write acknowledged before the view was asked for.
    Linearizable,
}

/// Why a command has no reply.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SubmitError {
    /// The domain's no.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// It was not applied and never will be; it may be sent again.
    #[error("not applied: {0}")]
    NotApplied(&'static str),
    /// It may or may not have been applied.
    #[error("the outcome of request {0:?} is not known yet")]
    Unknown(RequestId),
}

/// This node can't prove that its state is as new as was asked. The caller answers 503 with Retry-After.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("this node can't prove that its state is new enough")]
pub struct Unavailable;

/// A snapshot of the state that does not change.
#[derive(Clone)]
pub struct View {
    /// The rows.
    pub read: Arc<dyn Read + Send + Sync>,
    /// Up to where it has applied the log.
    pub position: Position,
    /// The later of the node's clock and log time.
    pub now: Timestamp,
}

impl View {
    /// The view as one instance sees it.
    pub fn reader(&self, instance: InstanceId) -> Reader<'_> {
        Reader { read: &*self.read, instance, now: self.now }
    }
}

/// The cluster, seen from one node.
pub trait Backend: Send + Sync + 'static {
    /// Proposes a command and waits until this node has applied it.
    fn submit(&self, proposal: Proposal) -> BoxFuture<'_, Result<Applied, SubmitError>>;

    /// A view at least as new as asked, or none: never an older one.
    fn view(&self, freshness: Freshness) -> BoxFuture<'_, Result<View, Unavailable>>;
}
