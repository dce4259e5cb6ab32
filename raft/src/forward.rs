//! The way of a command to the leader, whoever that is now: this node itself, or one call to another.
//!
//! A command is tried until its caller's patience ends, always under the same request id, which lets it apply once at
//! most. What was tried and not answered may have been applied; then the last word is `Unknown` and never
//! `NotApplied`.

use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use openraft::async_runtime::watch::WatchReceiver;
use tokio::sync::mpsc::error::TrySendError;
use tokio::sync::{mpsc, oneshot, watch};
use tokio::time::Sleep;

use crate::carrier::{CALL_MAX, Passenger};
use crate::neighbours::ClockState;
use crate::propose::{NotApplied, Proposer, Submitted};
use crate::standing::Standing;
use crate::types::Raft;

/// The pause before the next try: an election takes some of these, a refused connection returns at once.
const PAUSE: Duration = Duration::from_millis(20);

/// What leads a command to the leader.
pub(crate) struct Forwarder {
    pub(crate) node: u64,
    pub(crate) raft: Raft,
    pub(crate) proposer: Arc<Proposer>,
    pub(crate) carrier: mpsc::Sender<Passenger>,
    pub(crate) ready: watch::Receiver<bool>,
    pub(crate) applied: watch::Receiver<Option<u64>>,
    pub(crate) standing: Arc<Standing>,
    pub(crate) clock_state: watch::Receiver<ClockState>,
}

/// What one try has shown.
enum Tried {
    /// The last word.
    Settled(Submitted),
    /// It did not apply; worth another try.
    Not(NotApplied),
    /// It may have applied; worth another try.
    Unsure,
}

impl Forwarder {
    /// Has a command carried out and waits about `patience` for what became of it. What is applied is also applied here,
    /// so that the caller reads his own write on this node.
    pub(crate) async fn submit(&self, command: Bytes, patience: Duration) -> Submitted {
        let mut late = std::pin::pin!(tokio::time::sleep(patience));
        let one_try = patience.min(CALL_MAX);
        let mut unsure = false;
        let mut hint = None;
        loop {
            let leader = hint.take().or_else(|| self.leader());
            let tried = match leader {
                _ if self.standing.withdrawn().is_some() => {
                    Tried::Settled(Submitted::NotApplied(NotApplied::Withdrawn))
                }
                // The deadline in the command is of this node's clock.
                _ if self.clock_state.borrow().is_off() => {
                    Tried::Settled(Submitted::NotApplied(NotApplied::ClockOff))
                }
                None => Tried::Not(NotApplied::NotLeader { leader: None }),
                Some(leader) if leader == self.node => self.try_here(&command, one_try).await,
                Some(leader) => self.try_there(leader, &command, one_try).await,
            };
            let why = match tried {
                Tried::Settled(Submitted::NotApplied(_)) if unsure => return Submitted::Unknown,
                Tried::Settled(submitted) => return self.seen_here(submitted, late.as_mut()).await,
                Tried::Not(why) => Some(why),
                Tried::Unsure => {
                    unsure = true;
                    None
                }
            };
            if let Some(NotApplied::NotLeader { leader }) = why {
                hint = leader.filter(|leader| *leader != self.node);
            }
            tokio::select! {
                biased;
                () = &mut late => match why {
                    Some(why) if !unsure => return Submitted::NotApplied(why),
                    Some(_) | None => return Submitted::Unknown,
                },
                () = tokio::time::sleep(PAUSE) => {}
            }
        }
    }

    fn leader(&self) -> Option<u64> {
        self.raft.metrics().borrow_watched().current_leader
    }

    /// A leader that has lost its quorum holds on to what it proposed, and another may lead by then: so a try ends.
    async fn try_here(&self, command: &Bytes, patience: Duration) -> Tried {
        match self.proposer.submit(command.clone(), patience, &self.ready).await {
            // It is this node that stops: it takes nothing any more.
            stopped @ Submitted::NotApplied(NotApplied::Stopped) => Tried::Settled(stopped),
            other => judge(other),
        }
    }

    async fn try_there(&self, leader: u64, command: &Bytes, patience: Duration) -> Tried {
        let (answer, answered) = oneshot::channel();
        let passenger = Passenger { leader, command: command.clone(), answer };
        match self.carrier.try_send(passenger) {
            Ok(()) => {}
            Err(TrySendError::Full(_)) => {
                return Tried::Settled(Submitted::NotApplied(NotApplied::Overloaded));
            }
            Err(TrySendError::Closed(_)) => {
                return Tried::Settled(Submitted::NotApplied(NotApplied::Stopped));
            }
        }
        match tokio::time::timeout(patience, answered).await {
            Ok(Ok(Some(submitted))) => judge(submitted),
            Ok(Ok(None)) => Tried::Not(NotApplied::NotLeader { leader: None }),
            Ok(Err(_)) | Err(_) => Tried::Unsure,
        }
    }

    /// Waits until this node has applied what the answer speaks of. The answer holds even if that takes too long: its
    /// position says what to wait for.
    async fn seen_here(&self, submitted: Submitted, late: Pin<&mut Sleep>) -> Submitted {
        if let Submitted::Applied { position, .. } | Submitted::Refused { position, .. } = &submitted {
            let mut applied = self.applied.clone();
            let index = position.index;
            tokio::select! {
                _ = applied.wait_for(|applied| *applied >= Some(index)) => {}
                () = late => {}
            }
        }
        submitted
    }
}

/// Which answers are worth another try.
fn judge(submitted: Submitted) -> Tried {
    match submitted {
        Submitted::Unknown => Tried::Unsure,
        Submitted::NotApplied(why) => match why {
            NotApplied::Overloaded | NotApplied::TooLarge | NotApplied::Unreadable => {
                Tried::Settled(Submitted::NotApplied(why))
            }
            NotApplied::Late
            | NotApplied::NotLeader { .. }
            | NotApplied::Stopped
            | NotApplied::ClockOff
            | NotApplied::Withdrawn => Tried::Not(why),
        },
        Submitted::Applied { .. } | Submitted::Refused { .. } => Tried::Settled(submitted),
    }
}
