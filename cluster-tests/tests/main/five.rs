//! Five nodes survive two: killed, or cut off together.

use cluster_tests::application::{Application, Outcome};
use cluster_tests::check;
use cluster_tests::cluster::Cluster;
use cluster_tests::figures::tell;
use cluster_tests::load::Load;
use cluster_tests::wait;
use cluster_tests::watch::{Watch, Way};
use std::time::Duration;

const WRITES: usize = 30;
const HANG: Duration = Duration::from_secs(60);

async fn writes(load: &Load, since: Duration, count: usize) {
    wait::until("writes go on", HANG, async || (load.history.writes_since(since) >= count).then_some(()))
        .await;
}

/// Waits until somebody could sign in with his password on each of these nodes, begun from now on.
async fn sign_ins(cluster: &Cluster, numbers: &[usize]) {
    let ways = numbers.iter().map(|number| (*number, "password", Way::Password)).collect();
    Watch::start(cluster, ways).until_accepted().await;
}

/// In even rounds the leader with another one, in odd ones two that only follow.
fn two_with(cluster: &Cluster, leader: usize, round: usize) -> [usize; 2] {
    let others = cluster.but(&[leader]);
    if round.is_multiple_of(2) { [leader, others[round % others.len()]] } else { [others[0], others[2]] }
}

#[tokio::test(flavor = "multi_thread")]
async fn a02_two_of_five_that_are_killed_stop_nobody() {
    let mut cluster = Cluster::demo_of(5).await;
    let load = Load::start(&cluster).await;
    for round in 0..4 {
        let begun = cluster.clock.now();
        writes(&load, begun, WRITES).await;
        let leader = cluster.leader().await;
        let two = two_with(&cluster, leader, round);
        let rest = cluster.but(&two);
        let killed = cluster.clock.now();
        for node in two {
            cluster.kill(node);
        }
        writes(&load, killed, WRITES).await;
        sign_ins(&cluster, &rest).await;
        let gap = load.history.longest_gap(killed, cluster.clock.now());
        let who = if two.contains(&leader) { "the leader and a follower" } else { "two followers" };
        tell(&format!("without writes after the death of {who}: {} ms", gap.as_millis()));
        let leader = cluster.leader_among(&rest).await;
        let status = cluster.status(leader).await.expect("the leader answers");
        wait::until("the operator is told that no third may fail", HANG, async || {
            let status = cluster.status(leader).await?;
            (status.whole["may_fail"] == 0).then_some(())
        })
        .await;
        assert_eq!(status.voters.len(), 5);
        cluster.start_and_wait(&two).await;
    }
    let history = load.stop().await;
    tell(&history.summary());
    check::everything(&mut cluster, &history.entries()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a09_two_of_five_that_are_cut_off_fall_silent_and_three_go_on() {
    let mut cluster = Cluster::in_network_of(5).await;
    let mut browser = cluster.world.signed_in(&cluster.public(1)).await;
    let code = browser.silently(&cluster.public(1), &cluster.world.web).await.done("a code");
    let tokens = cluster.world.web.redeem(&cluster.public(1), &code).await.done("tokens");
    let load = Load::start(&cluster).await;
    for round in 0..2 {
        let leader = cluster.leader().await;
        let two = two_with(&cluster, leader, round);
        let rest = cluster.but(&two);
        cluster.links().part(&two);
        let cut = cluster.clock.now();
        for lonely in two {
            wait::until("the smaller side says that it is not ready", HANG, async || {
                cluster.ready(lonely).await.filter(|ready| !ready.is)
            })
            .await;
        }
        let silent = cluster.clock.now() - cut;
        cluster.leader_among(&rest).await;
        writes(&load, cut, WRITES).await;
        sign_ins(&cluster, &rest).await;
        for lonely in two {
            // They see each other, and still do not know.
            let asked = Application::userinfo(&cluster.public(lonely), &tokens.access).await;
            assert!(matches!(asked, Outcome::Unknown(_)), "{asked:?}");
        }
        for node in &rest {
            let known = Application::userinfo(&cluster.public(*node), &tokens.access).await;
            assert_eq!(known, Outcome::Done(true));
        }
        let gap = load.history.longest_gap(cut, cluster.clock.now());
        let who = if two.contains(&leader) { "the leader and a follower" } else { "two followers" };
        tell(&format!(
            "cut off: {who}; /ready turned after {} ms, writers who ask all in turn had to wait for {} ms",
            silent.as_millis(),
            gap.as_millis()
        ));
        cluster.links().heal();
        let all: Vec<usize> = cluster.all().collect();
        cluster.until_ready(&all).await;
    }
    let history = load.stop().await;
    tell(&history.summary());
    check::everything(&mut cluster, &history.entries()).await;
}
