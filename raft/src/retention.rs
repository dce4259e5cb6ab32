//! What keeps disk and memory in order: flushes of the state, snapshots, the purge of what the log need not keep, and free
//! memory given back.
//!
//! The log is purged by bytes and by age, never past a snapshot and never past what the state has on disk. openraft
//! does none of this by itself here; it only refuses to purge what no snapshot covers.

use std::sync::Arc;
use std::time::Duration;

use openraft::async_runtime::watch::WatchReceiver;
use storage::retention::{Mark, Policy, purge_upto};
use storage::{Applied, LogBackend, LogState, State};
use tokio::sync::watch;

use crate::clock::Clock;
use crate::fatal::{Cause, OnFatal};
use crate::frames;
use crate::neighbours::Neighbours;
use crate::types::{Payload, Raft};

/// How much is read at once to find an entry's time.
const MARK_BYTES: usize = 64 << 10;
const MARK_ENTRIES: usize = 16;

/// A member that answered this long ago is alive.
const ALIVE_WITHIN: Duration = Duration::from_secs(10);
/// How many times its usual bytes the log may grow to for the sake of a slow member.
const FAR: u64 = 4;

/// How much of the log is kept, and how often the state is flushed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Retention {
    /// By how many bytes and for how long.
    pub policy: Policy,
    /// How often the state is flushed: what was applied since is applied again after a crash.
    pub flush_every: Duration,
    /// How often all of this is looked at.
    pub look_every: Duration,
}

impl Default for Retention {
    fn default() -> Self {
        Retention {
            policy: Policy::default(),
            flush_every: Duration::from_secs(30),
            look_every: Duration::from_secs(5),
        }
    }
}

/// The task that does it.
pub(crate) struct Keeper {
    pub(crate) raft: Raft,
    pub(crate) log: Arc<dyn LogBackend>,
    pub(crate) state: Arc<State>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) neighbours: Arc<Neighbours>,
    pub(crate) applied: watch::Receiver<Option<u64>>,
    pub(crate) fatal: OnFatal,
}

impl Keeper {
    /// Looks after the disk until it is aborted or the node stops.
    pub(crate) async fn run(self, retention: Retention) {
        let mut flushed_at = self.clock.monotonic();
        loop {
            tokio::time::sleep(retention.look_every).await;
            let now = self.clock.monotonic();
            if now.saturating_sub(flushed_at) >= retention.flush_every {
                flushed_at = now;
                if self.flush_if_behind().await.is_err() {
                    return;
                }
            }
            if let Err(why) = self.purge(retention).await {
                tracing::debug!(%why, "the log was not purged");
            }
            // After the flush: what memtables and commands held is free now.
            let _ = tokio::task::spawn_blocking(storage::allocator::give_back).await;
        }
    }

    /// Builds a snapshot of at least what is applied now; the index it covers, `None` where nothing is applied yet.
    pub(crate) async fn snapshot(
        raft: &Raft,
        applied: &watch::Receiver<Option<u64>>,
    ) -> Result<Option<u64>, String> {
        let Some(wanted) = *applied.borrow() else { return Ok(None) };
        let mut metrics = raft.metrics();
        loop {
            let covered = metrics.borrow_watched().snapshot.map(|id| id.index);
            if covered >= Some(wanted) {
                return Ok(covered);
            }
            // Asked again after a builder that was at work already has covered less.
            raft.trigger().snapshot().await.map_err(|ended| ended.to_string())?;
            metrics.changed().await.map_err(|ended| ended.to_string())?;
        }
    }

    async fn purge(&self, retention: Retention) -> Result<(), String> {
        let applied = self.state.applied();
        // 1. Is anything too much, were all of it on disk?
        if self.excess(&retention.policy, &applied)?.is_none() {
            return Ok(());
        }
        // 2. Bring it to disk: nothing is purged that a crash could still need.
        self.flush_if_behind().await?;
        let durable = self.durable()?;
        let Some(upto) = self.excess(&retention.policy, &durable)? else { return Ok(()) };
        // A member that is alive and behind is spared a snapshot, as long as the log is not far too long.
        let far = Policy { bytes_max: retention.policy.bytes_max.saturating_mul(FAR), ..retention.policy };
        let needed = self.slowest();
        let upto = match needed {
            Some(needed) if needed < upto && self.excess(&far, &durable)?.is_none() => needed,
            Some(_) | None => upto,
        };
        if self.log.state().purged.is_some_and(|purged| purged.index >= upto) {
            return Ok(());
        }
        // 3. A snapshot that covers it, for members that will miss it.
        let covered = self.raft.metrics().borrow_watched().snapshot.map(|id| id.index);
        if covered < Some(upto) {
            Keeper::snapshot(&self.raft, &self.applied).await?;
        }
        tracing::info!(upto, "the log is purged");
        self.raft.trigger().purge_log(upto).await.map_err(|ended| ended.to_string())
    }

    /// What the slowest member that answers has, as far as this node knows while it leads.
    fn slowest(&self) -> Option<u64> {
        let replication = self.raft.metrics().borrow_watched().replication.clone()?;
        let alive = self.neighbours.heard_within(self.clock.monotonic(), ALIVE_WITHIN);
        let matching = replication.into_iter().filter(|(node, _)| alive.contains(node));
        matching.map(|(_, matching)| matching.map_or(0, |id| id.index)).min()
    }

    /// The last index that is too much or too old, if any; never beyond what `durable` covers.
    fn excess(&self, policy: &Policy, durable: &Applied) -> Result<Option<u64>, String> {
        // A log in which nothing is written does not grow older by its own time.
        let now_ms = durable.time_ms.max(self.clock.wall_ms());
        let log = self.log.state();
        let durable = durable.log.map(|id| id.index);
        let excess = purge_upto(policy, &log, durable, now_ms, |index| self.mark(index, &log, now_ms));
        excess.map_err(|error| self.fatal.end(Cause::Log, &error).to_string())
    }

    /// Bytes and time at one index. Entries of Raft's own have no time; they count as old as the next that has one.
    fn mark(&self, index: u64, log: &LogState, now_ms: u64) -> Result<Mark, String> {
        let bytes_upto = self.log.bytes_upto(index).map_err(|error| error.to_string())?;
        let bytes_upto = bytes_upto.ok_or_else(|| format!("the log has no entry {index}"))?;
        let mut next = index;
        while next < log.next_index() {
            let entries =
                self.log.read(next..log.next_index(), MARK_BYTES, MARK_ENTRIES).map_err(|e| e.to_string())?;
            for entry in &entries {
                if let Payload::Normal(batch) =
                    frames::read_payload(&entry.payload).map_err(|e| e.to_string())?
                {
                    return Ok(Mark { bytes_upto, time_ms: batch.time_ms });
                }
            }
            let Some(last) = entries.last() else { break };
            next = last.id.index.saturating_add(1);
        }
        Ok(Mark { bytes_upto, time_ms: now_ms })
    }

    fn durable(&self) -> Result<Applied, String> {
        self.state.durable().map_err(|error| self.fatal.end(Cause::State, &error).to_string())
    }

    async fn flush_if_behind(&self) -> Result<(), String> {
        if self.durable()?.log < self.state.applied().log { self.flush().await } else { Ok(()) }
    }

    async fn flush(&self) -> Result<(), String> {
        let state = Arc::clone(&self.state);
        match tokio::task::spawn_blocking(move || state.flush()).await {
            Ok(Ok(())) => Ok(()),
            Ok(Err(error)) => Err(self.fatal.end(Cause::State, &error).to_string()),
            Err(error) => Err(self.fatal.end(Cause::State, &error).to_string()),
        }
    }
}
