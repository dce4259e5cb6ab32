//! Rounds of ReadIndex, shared by the reads that wait for one.
//!
//! A round asks the leader, which asks a quorum, up to which index everything is committed; once this node has applied
//! that index, its state is at least as new as the moment the round began. At most one round is in flight; whoever
//! comes meanwhile waits for the next one, because only a round that began after a read arrived says what that read
//! needs. So the number of rounds does not depend on that of reads.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use futures_util::future::BoxFuture;
use tokio::sync::{Notify, watch};

use crate::clock::Clock;

/// The pause after a round that failed, so that waiting reads do not make a busy loop of it.
const PAUSE_AFTER_FAILURE: Duration = Duration::from_millis(20);

/// A round that this many reads wanted is followed by a pause in which more of them gather.
const MANY: u64 = 32;
/// The pause: longer than it takes some hundred reads to arrive, shorter than anybody notices.
const GATHER: Duration = Duration::from_millis(1);

/// Asks the leader up to which index everything is committed now.
pub(crate) type ReadIndex = Box<dyn Fn() -> BoxFuture<'static, Result<u64, String>> + Send + Sync>;

/// What a finished round proved: state that has applied `index` is at least as new as `asked_at`.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Watermark {
    pub(crate) asked_at: Duration,
    pub(crate) index: u64,
}

/// The newest finished round.
#[derive(Clone, Copy, Debug, Default)]
struct Finished {
    number: u64,
    succeeded: bool,
    /// Of the newest round that succeeded.
    watermark: Option<Watermark>,
}

#[derive(Debug, Default)]
struct Rounds {
    begun: u64,
    wanted: u64,
    /// How often a round was wanted since the last one began.
    wishes: u64,
}

/// Begins rounds for the reads that want one.
pub(crate) struct Prober {
    clock: Arc<dyn Clock>,
    rounds: Mutex<Rounds>,
    wake: Notify,
    finished: watch::Sender<Finished>,
    begun: AtomicU64,
}

impl Prober {
    pub(crate) fn new(clock: Arc<dyn Clock>) -> Arc<Self> {
        Arc::new(Prober {
            clock,
            rounds: Mutex::default(),
            wake: Notify::new(),
            finished: watch::Sender::default(),
            begun: AtomicU64::new(0),
        })
    }

    /// How many rounds were begun since the start.
    pub(crate) fn rounds(&self) -> u64 {
        self.begun.load(Ordering::Relaxed)
    }

    /// Makes rounds, one after the other, for as long as anybody wants one. Runs until it is aborted.
    pub(crate) async fn run(self: Arc<Self>, read_index: ReadIndex) {
        loop {
            let Some((number, wishes)) = self.begin() else {
                self.wake.notified().await;
                continue;
            };
            let asked_at = self.clock.monotonic();
            let answer = read_index().await;
            if let Err(why) = &answer {
                tracing::debug!(%why, "a read round failed");
                tokio::time::sleep(PAUSE_AFTER_FAILURE).await;
            }
            self.finished.send_modify(|finished| {
                finished.number = number;
                finished.succeeded = answer.is_ok();
                if let Ok(index) = answer {
                    finished.watermark = Some(Watermark { asked_at, index });
                }
            });
            if wishes > MANY {
                // So many come at once that the next round had better wait for all of them.
                tokio::time::sleep(GATHER).await;
            }
        }
    }

    /// Begins a round if one is wanted; its number, and how often it was wanted.
    fn begin(&self) -> Option<(u64, u64)> {
        let mut rounds = self.rounds.lock().unwrap_or_else(PoisonError::into_inner);
        if rounds.wanted <= rounds.begun {
            return None;
        }
        rounds.begun += 1;
        self.begun.store(rounds.begun, Ordering::Relaxed);
        Some((rounds.begun, std::mem::take(&mut rounds.wishes)))
    }

    /// Wants a round every now and then, so that this node knows how far behind it may be even when nobody reads.
    pub(crate) async fn pulse(self: Arc<Self>, every: Duration) {
        loop {
            let fresh =
                self.newest().map(|watermark| self.clock.monotonic().saturating_sub(watermark.asked_at));
            if fresh.is_none_or(|age| age > every / 2) {
                self.want();
            }
            tokio::time::sleep(every).await;
        }
    }

    /// Wants a round that has not begun yet; its number.
    pub(crate) fn want(&self) -> u64 {
        let mut rounds = self.rounds.lock().unwrap_or_else(PoisonError::into_inner);
        let next = rounds.begun + 1;
        rounds.wanted = next;
        rounds.wishes += 1;
        drop(rounds);
        self.wake.notify_one();
        next
    }

    /// The watermark of a round that began after this call and succeeded. Tries for as long as it is polled.
    pub(crate) async fn proven(&self) -> Watermark {
        let mut finished = self.finished.subscribe();
        loop {
            let wanted = self.want();
            // The sender lives in `self`, so waiting can't fail.
            let Ok(round) = finished.wait_for(|round| round.number >= wanted).await.map(|round| *round)
            else {
                return std::future::pending().await;
            };
            if let (true, Some(watermark)) = (round.succeeded, round.watermark) {
                return watermark;
            }
        }
    }

    /// What the newest round that succeeded proved.
    pub(crate) fn newest(&self) -> Option<Watermark> {
        self.finished.borrow().watermark
    }
}
