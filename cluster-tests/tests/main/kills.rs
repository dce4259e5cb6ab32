//! Nodes die without a word under eight writers: the leader, a follower, all at once; and nodes that stand still.

use cluster_tests::check;
use cluster_tests::cluster::Cluster;
use cluster_tests::figures::{spread, tell};
use cluster_tests::load::Load;
use cluster_tests::wait;
use std::time::Duration;

/// How often the leader is killed.
const ROUNDS: usize = 20;
/// What is written between two faults.
const WRITES: usize = 20;
/// A hang, where some seconds are expected.
const HANG: Duration = Duration::from_secs(60);

/// Waits until this many writes that began after `since` are done.
async fn writes(load: &Load, since: Duration, count: usize) {
    wait::until("writes go on", HANG, async || (load.history.writes_since(since) >= count).then_some(()))
        .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a02_a08_nothing_acknowledged_is_lost_when_the_leader_is_killed_again_and_again() {
    let mut cluster = Cluster::demo().await;
    let load = Load::start(&cluster).await;
    let mut gaps = Vec::new();
    for _ in 0..ROUNDS {
        let begun = cluster.clock.now();
        writes(&load, begun, WRITES).await;
        let leader = cluster.leader().await;
        let killed = cluster.clock.now();
        cluster.kill(leader);
        writes(&load, killed, WRITES).await;
        gaps.push(load.history.longest_gap(killed, cluster.clock.now()));
        cluster.start_and_wait(&[leader]).await;
    }
    let longest = load.history.longest_wait();
    let history = load.stop().await;
    tell(&format!("without writes after SIGKILL: {}", spread(&gaps)));
    tell(&format!("longest wait {} ms; {}", longest.as_millis(), history.summary()));
    check::everything(&mut cluster, &history.entries()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_killed_follower_is_hardly_noticed_and_catches_up() {
    let mut cluster = Cluster::demo().await;
    let load = Load::start(&cluster).await;
    let mut gaps = Vec::new();
    for _ in 0..3 {
        let leader = cluster.leader().await;
        let follower = cluster.but(&[leader])[0];
        let killed = cluster.clock.now();
        cluster.kill(follower);
        writes(&load, killed, 3 * WRITES).await;
        gaps.push(load.history.longest_gap(killed, cluster.clock.now()));
        cluster.start_and_wait(&[follower]).await;
    }
    let history = load.stop().await;
    tell(&format!("without writes after a follower's death: {}", spread(&gaps)));
    check::everything(&mut cluster, &history.entries()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn all_killed_at_once_come_back_with_everything() {
    let mut cluster = Cluster::demo().await;
    let load = Load::start(&cluster).await;
    for _ in 0..3 {
        let begun = cluster.clock.now();
        writes(&load, begun, 3 * WRITES).await;
        let all: Vec<usize> = cluster.all().collect();
        for node in &all {
            cluster.kill(*node);
        }
        let started = cluster.clock.now();
        cluster.start_and_wait(&all).await;
        tell(&format!("three nodes are ready after {} ms", (cluster.clock.now() - started).as_millis()));
    }
    let history = load.stop().await;
    check::everything(&mut cluster, &history.entries()).await;
}

/// The leader stands still for a while: another leads, and what it says when it goes on is not old.
async fn leader_paused(pause: Duration) {
    let mut cluster = Cluster::demo().await;
    let load = Load::start(&cluster).await;
    let begun = cluster.clock.now();
    writes(&load, begun, WRITES).await;
    let leader = cluster.leader().await;
    let paused = cluster.clock.now();
    cluster.pause(leader);
    let next = cluster.leader_among(&cluster.but(&[leader])).await;
    assert_ne!(next, leader);
    tokio::time::sleep(pause.saturating_sub(cluster.clock.now() - paused)).await;
    cluster.resume(leader);
    let resumed = cluster.clock.now();
    cluster.until_ready(&[leader]).await;
    writes(&load, resumed, WRITES).await;
    let gap = load.history.longest_gap(paused, resumed);
    let history = load.stop().await;
    tell(&format!(
        "without writes while the leader stood still: {} ms; {}",
        gap.as_millis(),
        history.summary()
    ));
    check::everything(&mut cluster, &history.entries()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_leader_that_stands_still_for_five_seconds_harms_nothing() {
    leader_paused(Duration::from_secs(5)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_leader_that_stands_still_for_thirty_seconds_harms_nothing() {
    leader_paused(Duration::from_secs(30)).await;
}
