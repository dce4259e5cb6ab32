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
use tokio::sync::watch;
use tokio::time::Sleep;
use tonic::Request;

use crate::neighbours::ClockState;
use crate::network::said;
use crate::peers::wire::ForwardRequest;
use crate::pool::Pool;
use crate::position::Position;
use crate::propose::{NotApplied, Proposer, Submitted};
use crate::standing::Standing;
use crate::types::Raft;

/// The pause before the next try: an election takes some of these, a refused connection returns at once.
const PAUSE: Duration = Duration::from_millis(20);
/// How long one try is waited for: the leader may have fallen silent without another being known.
const TRY_MAX: Duration = Duration::from_secs(2);

/// What leads a command to the leader.
pub(crate) struct Forwarder {
    pub(crate) node: u64,
    pub(crate) raft: Raft,
    pub(crate) proposer: Arc<Proposer>,
    pub(crate) pool: Arc<Pool>,
    pub(crate) ready: watch::Receiver<bool>,
    pub(crate) applied: watch::Receiver<Option<u64>>,
    pub(crate) standing: Arc<Standing>,
    pub(crate) clock_state: watch::Receiver<ClockState>,
    pub(crate) shard: u16,
    pub(crate) lineage: u32,
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
        let one_try = patience.min(TRY_MAX);
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

    fn address(&self, node: u64) -> Option<String> {
        let membership = self.raft.metrics().borrow_watched().membership_config.clone();
        membership.membership().get_node(&node).map(|peer| peer.address.clone())
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
        let again = Tried::Not(NotApplied::NotLeader { leader: None });
        let Some(address) = self.address(leader) else { return again };
        let mut client = match self.pool.client(leader, &address) {
            Ok(client) => client,
            Err(status) => {
                tracing::warn!(leader, why = %said(&status), "the leader can't be called");
                return again;
            }
        };
        let patience_ms = u64::try_from(patience.as_millis()).unwrap_or(u64::MAX);
        let mut request = Request::new(ForwardRequest { command: command.clone(), patience_ms });
        request.set_timeout(patience);
        let answer = tokio::select! {
            answer = tokio::time::timeout(patience, client.forward(request)) => answer,
            // There is no use in waiting for one who leads no more.
            () = self.another_leads(leader) => return Tried::Unsure,
        };
        let (shard, lineage) = (self.shard, self.lineage);
        match answer {
            Ok(Ok(answer)) => match answer.into_inner().read(|index| Position { shard, lineage, index }) {
                Ok(submitted) => judge(submitted),
                Err(error) => {
                    tracing::error!(leader, %error, "the leader's answer can't be read");
                    Tried::Unsure
                }
            },
            Ok(Err(status)) => {
                tracing::debug!(leader, why = %said(&status), "a command was not forwarded");
                Tried::Unsure
            }
            Err(_) => Tried::Unsure,
        }
    }

    /// Returns when this node knows of another leader.
    async fn another_leads(&self, leader: u64) {
        let mut metrics = self.raft.metrics();
        loop {
            let now = metrics.borrow_watched().current_leader;
            if now.is_some_and(|now| now != leader) {
                return;
            }
            if metrics.changed().await.is_err() {
                return std::future::pending().await;
            }
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
