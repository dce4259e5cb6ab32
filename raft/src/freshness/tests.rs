//! The gate and the prober over rounds that the test answers.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use tokio::sync::Semaphore;

use super::*;
use crate::clock::ManualClock;
use crate::prober::ReadIndex;

/// A gate over a leader whose every answer the test releases.
struct Bench {
    gate: Arc<Gate>,
    clock: Arc<ManualClock>,
    ready: watch::Sender<bool>,
    applied: watch::Sender<Option<u64>>,
    answers: Arc<Semaphore>,
    failing: Arc<AtomicBool>,
    committed: Arc<AtomicU64>,
}

fn bench() -> Bench {
    let clock = Arc::new(ManualClock::new(1_000));
    let (ready, ready_seen) = watch::channel(true);
    let (applied, applied_seen) = watch::channel(Some(10));
    let (answers, failing) = (Arc::new(Semaphore::new(0)), Arc::new(AtomicBool::new(false)));
    let committed = Arc::new(AtomicU64::new(10));
    let prober = Prober::new(clock.clone());
    let read_index: ReadIndex = {
        let (answers, failing, committed) = (answers.clone(), failing.clone(), committed.clone());
        Box::new(move || {
            let (answers, failing, committed) = (answers.clone(), failing.clone(), committed.clone());
            Box::pin(async move {
                // What a leader answers is what was committed when it was asked.
                let index = committed.load(Ordering::SeqCst);
                answers.acquire().await.unwrap().forget();
                if failing.load(Ordering::SeqCst) { Err("no quorum".to_owned()) } else { Ok(index) }
            })
        })
    };
    tokio::spawn(prober.clone().run(read_index));
    let patience = Duration::from_millis(300);
    let gate = Gate {
        shard: 0,
        lineage: 3,
        clock: clock.clone(),
        ready: ready_seen,
        applied: applied_seen,
        prober,
        standing: Arc::default(),
        clock_state: watch::channel(ClockState::Well { ahead_ms: 0, base_ms: None }).1,
        patience,
    };
    Bench { gate: Arc::new(gate), clock, ready, applied, answers, failing, committed }
}

impl Bench {
    fn read(&self, freshness: Freshness) -> tokio::task::JoinHandle<Result<(), Unavailable>> {
        let gate = self.gate.clone();
        tokio::spawn(async move { gate.pass(freshness).await })
    }

    fn at(&self, lineage: u32, index: u64) -> Freshness {
        Freshness::AtLeast(Position { shard: 0, lineage, index })
    }
}

/// Lets every task that can go on do so.
async fn settle() {
    for _ in 0..100 {
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn a_hundred_reads_share_two_rounds() {
    let bench = bench();
    let first: Vec<_> = (0..50).map(|_| bench.read(Freshness::Linearizable)).collect();
    settle().await;
    assert_eq!(bench.gate.prober.rounds(), 1);
    // These arrive while the round is in flight: it proves nothing for them.
    let later: Vec<_> = (0..50).map(|_| bench.read(Freshness::Linearizable)).collect();
    settle().await;
    assert_eq!(bench.gate.prober.rounds(), 1);
    bench.answers.add_permits(1);
    for read in first {
        read.await.unwrap().unwrap();
    }
    assert!(later.iter().all(|read| !read.is_finished()));
    bench.answers.add_permits(1);
    for read in later {
        read.await.unwrap().unwrap();
    }
    assert_eq!(bench.gate.prober.rounds(), 2);
}

#[tokio::test]
async fn a_linearizable_read_waits_until_the_index_is_applied_here() {
    let bench = bench();
    bench.committed.store(12, Ordering::SeqCst);
    bench.answers.add_permits(1);
    let read = bench.read(Freshness::Linearizable);
    settle().await;
    assert!(!read.is_finished());
    bench.applied.send_replace(Some(12));
    read.await.unwrap().unwrap();
}

#[tokio::test]
async fn a_bounded_read_asks_once_per_bound() {
    let bench = bench();
    let bounded = Freshness::Bounded(Duration::from_millis(250));
    bench.answers.add_permits(1);
    bench.read(bounded).await.unwrap().unwrap();
    bench.clock.pass(Duration::from_millis(100));
    bench.read(bounded).await.unwrap().unwrap();
    assert_eq!(bench.gate.prober.rounds(), 1);
    // Past half of the bound it is served, and the next round begins behind its back.
    bench.clock.pass(Duration::from_millis(100));
    bench.read(bounded).await.unwrap().unwrap();
    settle().await;
    assert_eq!(bench.gate.prober.rounds(), 2);
    // Past the bound it waits for that round.
    bench.clock.pass(Duration::from_millis(60));
    let read = bench.read(bounded);
    settle().await;
    assert!(!read.is_finished());
    bench.answers.add_permits(2);
    read.await.unwrap().unwrap();
}

#[tokio::test]
async fn without_a_quorum_strong_reads_fail_and_stale_ones_do_not() {
    let bench = bench();
    bench.failing.store(true, Ordering::SeqCst);
    bench.answers.add_permits(Semaphore::MAX_PERMITS / 2);
    for strong in [Freshness::Linearizable, Freshness::Bounded(Duration::from_secs(60))] {
        assert_eq!(bench.read(strong).await.unwrap(), Err(Unavailable::NotProven));
    }
    bench.read(Freshness::Stale).await.unwrap().unwrap();
    bench.read(bench.at(3, 10)).await.unwrap().unwrap();
}

#[tokio::test]
async fn a_read_survives_rounds_that_fail() {
    let bench = bench();
    bench.failing.store(true, Ordering::SeqCst);
    let read = bench.read(Freshness::Linearizable);
    bench.answers.add_permits(3);
    while bench.gate.prober.rounds() < 4 {
        tokio::task::yield_now().await;
    }
    assert!(!read.is_finished());
    bench.failing.store(false, Ordering::SeqCst);
    bench.answers.add_permits(1);
    read.await.unwrap().unwrap();
}

#[tokio::test]
async fn a_position_is_waited_for_and_one_of_another_history_is_refused() {
    let bench = bench();
    bench.read(bench.at(3, 10)).await.unwrap().unwrap();
    assert_eq!(bench.read(bench.at(2, 1)).await.unwrap(), Err(Unavailable::OtherHistory));
    let other_shard = Freshness::AtLeast(Position { shard: 1, lineage: 3, index: 1 });
    assert_eq!(bench.read(other_shard).await.unwrap(), Err(Unavailable::OtherHistory));
    let ahead = bench.read(bench.at(3, 11));
    settle().await;
    assert!(!ahead.is_finished());
    bench.applied.send_replace(Some(11));
    ahead.await.unwrap().unwrap();
    assert_eq!(bench.read(bench.at(3, 99)).await.unwrap(), Err(Unavailable::NotReached));
}

#[tokio::test]
async fn e13_nothing_is_served_before_the_log_is_re_applied() {
    let bench = bench();
    bench.ready.send_replace(false);
    bench.answers.add_permits(10);
    for freshness in [Freshness::Stale, bench.at(3, 1), Freshness::Linearizable] {
        assert_eq!(bench.read(freshness).await.unwrap(), Err(Unavailable::Recovering));
    }
    let waits = bench.read(Freshness::Stale);
    settle().await;
    bench.ready.send_replace(true);
    waits.await.unwrap().unwrap();
}
