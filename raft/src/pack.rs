//! The packer: makes one entry of the commands that arrived while earlier entries were in flight.
//!
//! One task takes what is there, stamps it with the time and hands it to Raft; it never waits for more to come. With
//! few callers every command has an entry of its own; with many, one sync of the disk carries hundreds.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use identity::execute::Outcome;
use openraft::errors::ClientWriteError;
use openraft::raft::ClientWriteResult;
use storage::State;
use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc, watch};

use crate::clock::{Clock, Stamper};
use crate::fatal::{Cause, OnFatal};
use crate::frames;
use crate::machine::Machine;
use crate::neighbours::{ClockState, base_ms};
use crate::position::Position;
use crate::propose::{Counts, NotApplied, PROPOSED, Pending, QUEUED, Submitted};
use crate::types::{Batch, Outcomes, Raft, Reply, TypeConfig};

/// The most commands of one entry.
const ENTRY_COMMANDS_MAX: usize = 256;
/// An entry takes no further command that would bring it over this many bytes. One command may have as many alone, so
/// entries stay far below the limit of the log store.
const ENTRY_BYTES: usize = 256 << 10;
/// The most entries that are proposed and not answered.
const IN_FLIGHT_MAX: usize = 4;
/// How long a command waits for the clocks of a quorum to be known.
const JUDGED_WITHIN: Duration = Duration::from_secs(1);
/// A wall clock further behind log time than this is an alarm.
const BEHIND_ALARM_MS: u64 = 1000;

/// What the packing task needs.
pub(crate) struct Packer {
    pub(crate) raft: Raft,
    pub(crate) state: Arc<State>,
    pub(crate) machine: Arc<dyn Machine>,
    pub(crate) fatal: OnFatal,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) shard: u16,
    pub(crate) lineage: u32,
    /// Whether this node's clock may stamp.
    pub(crate) clock_state: watch::Receiver<ClockState>,
}

impl Packer {
    /// Packs what arrives until the proposer is gone or the node must end.
    pub(crate) async fn run(self, mut arrived: mpsc::UnboundedReceiver<Pending>, counts: Arc<Counts>) {
        let in_flight = Arc::new(Semaphore::new(IN_FLIGHT_MAX));
        let mut stamper = Stamper::new(self.state.applied().time_ms, self.clock.monotonic());
        let mut behind = false;
        let mut held = None;
        loop {
            let first = match held.take() {
                Some(pending) => pending,
                None => match arrived.recv().await {
                    Some(pending) => pending,
                    None => return,
                },
            };
            // What arrives during this wait is what the entry packs.
            let Ok(slot) = Arc::clone(&in_flight).acquire_owned().await else { return };
            let pack;
            (pack, held) = gather(first, &mut arrived);
            if pack.is_empty() {
                continue;
            }
            if !self.may_stamp().await {
                for pending in pack {
                    pending.settle(Submitted::NotApplied(NotApplied::ClockOff));
                }
                continue;
            }
            let now = self.clock.monotonic();
            stamper.not_before(self.state.applied().time_ms, now);
            let stamp = stamper.stamp(self.clock.wall_ms(), now);
            counts.behind_ms.store(stamp.behind_ms, Ordering::Relaxed);
            if (stamp.behind_ms > BEHIND_ALARM_MS) != behind {
                behind = !behind;
                match behind {
                    true => tracing::error!(
                        behind_ms = stamp.behind_ms,
                        "the wall clock is behind log time: set it"
                    ),
                    false => tracing::info!("the wall clock has caught up with log time"),
                }
            }
            counts.entries.fetch_add(1, Ordering::Relaxed);
            counts.commands.fetch_add(pack.len() as u64, Ordering::Relaxed);
            // On an error the node ends, and what was packed is dropped: unknown to its callers, which is true.
            let Ok(batch) = self.batch(stamp.time_ms, &pack) else { return };
            self.propose(batch, pack, slot).await;
        }
    }

    /// Whether the clock is well; waits a moment for a judgement of it, which greetings bring.
    async fn may_stamp(&self) -> bool {
        let mut state = self.clock_state.clone();
        let judged =
            state.wait_for(|state| state.holds_for(base_ms(self.clock.wall_ms(), self.clock.monotonic())));
        match tokio::time::timeout(JUDGED_WITHIN, judged).await {
            Ok(Ok(state)) => matches!(*state, ClockState::Well { .. }),
            Ok(Err(_)) | Err(_) => false,
        }
    }

    /// A batch of the level that the cluster has on.
    fn batch(&self, time_ms: u64, pack: &[Pending]) -> std::io::Result<Batch> {
        let end = |error: &dyn std::fmt::Display| self.fatal.end(Cause::State, error);
        let level = self.machine.level(&self.state.view()).map_err(|fault| end(&fault))?;
        let commands = pack.iter().map(|pending| pending.command.clone()).collect();
        frames::batch(time_ms, level, commands).map_err(|error| end(&error))
    }

    /// Hands an entry to Raft; its callers are answered when it is applied.
    async fn propose(&self, batch: Batch, pack: Vec<Pending>, slot: OwnedSemaphorePermit) {
        let (shard, lineage) = (self.shard, self.lineage);
        let reply = Reply::new(move |result| {
            drop(slot);
            settle(pack, result, shard, lineage);
        });
        if let Err(fatal) = self.raft.client_write_ff(batch, Some(reply)).await {
            // Dropped with the reply, the callers learn that the outcome is unknown.
            tracing::warn!(%fatal, "an entry could not be proposed");
        }
    }
}

/// Takes what is there, up to the limits of an entry; what did not fit any more comes back for the next one.
fn gather(first: Pending, arrived: &mut mpsc::UnboundedReceiver<Pending>) -> (Vec<Pending>, Option<Pending>) {
    let mut pack = Vec::new();
    let mut bytes = 0;
    let mut next = Some(first);
    while let Some(pending) = next {
        if !pack.is_empty()
            && (pack.len() >= ENTRY_COMMANDS_MAX || bytes + pending.command.len() > ENTRY_BYTES)
        {
            return (pack, Some(pending));
        }
        let mine = pending.stage.compare_exchange(QUEUED, PROPOSED, Ordering::AcqRel, Ordering::Acquire);
        if mine.is_ok() {
            bytes += pending.command.len();
            pack.push(pending);
        }
        next = arrived.try_recv().ok();
    }
    (pack, None)
}

/// Gives each caller of an entry his own outcome.
fn settle(pack: Vec<Pending>, result: ClientWriteResult<TypeConfig>, shard: u16, lineage: u32) {
    match result {
        Ok(written) => {
            let position = Position { shard, lineage, index: written.log_id.index };
            let Outcomes(outcomes) = written.data;
            // Were there fewer outcomes than commands, the rest would be dropped here and thereby answered `Unknown`.
            for (pending, outcome) in pack.into_iter().zip(outcomes) {
                let submitted = match outcome {
                    Outcome::Applied(reply) => Submitted::Applied { reply: reply.into(), position },
                    Outcome::Refused(refusal) => Submitted::Refused { refusal, position },
                };
                pending.settle(submitted);
            }
        }
        // Said before the entry is appended, and never after.
        Err(ClientWriteError::ForwardToLeader(forward)) => {
            for pending in pack {
                let why = NotApplied::NotLeader { leader: forward.leader_id };
                pending.settle(Submitted::NotApplied(why));
            }
        }
        Err(
            error @ (ClientWriteError::LogEntryDiscarded(_)
            | ClientWriteError::ChangeMembershipError(_)
            | ClientWriteError::PreconditionFailed(_)),
        ) => {
            tracing::warn!(%error, "the fate of an entry is unknown");
            for pending in pack {
                pending.settle(Submitted::Unknown);
            }
        }
    }
}

#[cfg(test)]
mod tests;
