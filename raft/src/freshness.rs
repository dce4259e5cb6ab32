//! The read gate: lets a read pass once local state is as fresh as it asked, or says that this can't be had.
//!
//! What a strong read needs is proven by rounds that it shares with others (`prober`). Leases are not used: after a
//! fast restart they allow stale reads.

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;

use crate::clock::Clock;
use crate::neighbours::ClockState;
use crate::position::Position;
use crate::prober::{Prober, Watermark};
use crate::standing::Standing;

/// How long a read waits for its freshness before it is refused.
pub const WAIT_MAX: Duration = Duration::from_secs(5);

/// How fresh a view must be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Freshness {
    /// Whatever this node has, once it has re-applied its log.
    Stale,
    /// Not older than a position: what its owner saw is in it.
    AtLeast(Position),
    /// Not older than a duration, measured on this node's monotonic clock.
    Bounded(Duration),
    /// Contains every write that was acknowledged, by any node, before the read arrived.
    Linearizable,
}

/// Why a view can't be had. All but `OtherHistory` are worth trying again after a moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unavailable {
    /// The node has not re-applied its log yet.
    #[error("the node has not re-applied its log yet")]
    Recovering,
    /// The position lies ahead of what this node could learn in time.
    #[error("the position was not reached in time")]
    NotReached,
    /// No quorum could prove the freshness in time.
    #[error("the asked freshness could not be proven in time")]
    NotProven,
    /// The position belongs to another shard or lineage; it says nothing here.
    #[error("the position belongs to another history")]
    OtherHistory,
    /// The node is stopping.
    #[error("the node is stopping")]
    Stopped,
    /// This node has withdrawn: its state differs from the others', or it was removed.
    #[error("the node takes no part any more")]
    Withdrawn,
    /// This node's clock is off the median of the cluster: it can't say what has expired.
    #[error("the node's clock is off the median of the cluster")]
    ClockOff,
}

/// Where reads wait.
pub(crate) struct Gate {
    pub(crate) shard: u16,
    pub(crate) lineage: u32,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) ready: watch::Receiver<bool>,
    pub(crate) applied: watch::Receiver<Option<u64>>,
    pub(crate) prober: Arc<Prober>,
    pub(crate) standing: Arc<Standing>,
    pub(crate) clock_state: watch::Receiver<ClockState>,
    /// How long a read waits: [`WAIT_MAX`], less in tests.
    pub(crate) patience: Duration,
}

impl Gate {
    /// Returns once a view taken now is as fresh as asked. Waits at most `patience`.
    pub(crate) async fn pass(&self, freshness: Freshness) -> Result<(), Unavailable> {
        if let Freshness::AtLeast(position) = freshness {
            self.check_history(position)?;
        }
        if self.standing.withdrawn().is_some() {
            return Err(Unavailable::Withdrawn);
        }
        if freshness != Freshness::Stale && self.clock_state.borrow().is_off() {
            return Err(Unavailable::ClockOff);
        }
        // Nothing needs a timer, a task or a channel where the answer is known.
        if *self.ready.borrow() && self.holds(freshness) {
            return Ok(());
        }
        let waited = tokio::time::timeout(self.patience, async {
            self.ready.clone().wait_for(|ready| *ready).await.map_err(|_| Unavailable::Stopped)?;
            self.reach(freshness).await
        });
        match waited.await {
            Ok(passed) => passed,
            Err(_) if !*self.ready.borrow() => Err(Unavailable::Recovering),
            Err(_) => Err(match freshness {
                Freshness::Stale => Unavailable::Recovering,
                Freshness::AtLeast(_) => Unavailable::NotReached,
                Freshness::Bounded(_) | Freshness::Linearizable => Unavailable::NotProven,
            }),
        }
    }

    /// Whether state is as fresh as asked already.
    fn holds(&self, freshness: Freshness) -> bool {
        match freshness {
            Freshness::Stale => true,
            Freshness::AtLeast(position) => *self.applied.borrow() >= Some(position.index),
            Freshness::Bounded(bound) => {
                let Some(watermark) = self.prober.newest() else { return false };
                let age = self.age(watermark);
                let holds = age <= bound && *self.applied.borrow() >= Some(watermark.index);
                if holds && age > bound / 2 {
                    // The next round is on its way before the bound ends, so a stream of reads never waits for one.
                    self.prober.want();
                }
                holds
            }
            Freshness::Linearizable => false,
        }
    }

    async fn reach(&self, freshness: Freshness) -> Result<(), Unavailable> {
        match freshness {
            Freshness::Stale => Ok(()),
            Freshness::AtLeast(position) => self.applied(position.index).await,
            Freshness::Linearizable => {
                let watermark = self.prober.proven().await;
                self.applied(watermark.index).await
            }
            Freshness::Bounded(bound) => loop {
                if self.holds(freshness) {
                    return Ok(());
                }
                let watermark = self.prober.proven().await;
                self.applied(watermark.index).await?;
                if self.age(watermark) <= bound {
                    return Ok(());
                }
            },
        }
    }

    async fn applied(&self, index: u64) -> Result<(), Unavailable> {
        let mut applied = self.applied.clone();
        applied
            .wait_for(|applied| *applied >= Some(index))
            .await
            .map(|_| ())
            .map_err(|_| Unavailable::Stopped)
    }

    fn age(&self, watermark: Watermark) -> Duration {
        self.clock.monotonic().saturating_sub(watermark.asked_at)
    }

    fn check_history(&self, position: Position) -> Result<(), Unavailable> {
        let ours = position.shard == self.shard && position.lineage == self.lineage;
        if ours { Ok(()) } else { Err(Unavailable::OtherHistory) }
    }
}

#[cfg(test)]
mod tests;
