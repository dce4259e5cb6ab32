//! Links are cut: the smaller side falls silent, the larger one goes on, and nobody answers with what is old.

use cluster_tests::application::{Application, Outcome};
use cluster_tests::check;
use cluster_tests::cluster::Cluster;
use cluster_tests::figures::tell;
use cluster_tests::http::Http;
use cluster_tests::load::Load;
use cluster_tests::wait;
use std::time::Duration;

const WRITES: usize = 20;
const HANG: Duration = Duration::from_secs(60);

async fn writes(load: &Load, since: Duration, count: usize) {
    wait::until("writes go on", HANG, async || (load.history.writes_since(since) >= count).then_some(()))
        .await;
}

/// What userinfo says of a token on a node; userinfo must know whether it was revoked.
async fn userinfo(node: &Http, token: &str) -> Outcome<bool> {
    Application::userinfo(node, token).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a09_the_smaller_side_of_a_partition_answers_503_and_the_larger_goes_on() {
    let mut cluster = Cluster::in_network().await;
    let mut browser = cluster.world.signed_in(&cluster.public(1)).await;
    let code = browser.silently(&cluster.public(1), &cluster.world.web).await.done("a code");
    let tokens = cluster.world.web.redeem(&cluster.public(1), &code).await.done("tokens");
    let load = Load::start(&cluster).await;
    for round in 0..2 {
        // Once the leader is alone, once a follower.
        let leader = cluster.leader().await;
        let alone = if round == 0 { leader } else { cluster.but(&[leader])[0] };
        let others = cluster.but(&[alone]);
        cluster.links().part(&[alone]);
        let cut = cluster.clock.now();
        wait::until("the lonely node says that it is not ready", HANG, async || {
            cluster.ready(alone).await.filter(|ready| !ready.is)
        })
        .await;
        let silent = cluster.clock.now() - cut;
        tell(&format!(
            "/ready of the lonely {} turned after {} ms",
            if round == 0 { "leader" } else { "follower" },
            silent.as_millis()
        ));
        cluster.leader_among(&others).await;
        // Neither true nor false: it does not know.
        let asked = userinfo(&cluster.public(alone), &tokens.access).await;
        assert!(matches!(asked, Outcome::Unknown(_)), "{asked:?}");
        let known = userinfo(&cluster.public(others[0]), &tokens.access).await;
        assert_eq!(known, Outcome::Done(true));
        let status = cluster.status(alone).await.expect("the operations side answers");
        assert!(status.whole["alarms"].to_string().contains("no majority"), "{}", status.whole);
        writes(&load, cut, WRITES).await;
        cluster.links().heal();
        let all: Vec<usize> = cluster.all().collect();
        cluster.until_ready(&all).await;
    }
    let history = load.stop().await;
    tell(&history.summary());
    check::everything(&mut cluster, &history.entries()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn links_that_work_in_one_direction_only_stop_nobody_for_long() {
    let mut cluster = Cluster::in_network().await;
    let load = Load::start(&cluster).await;
    for deaf in [true, false] {
        let begun = cluster.clock.now();
        writes(&load, begun, WRITES).await;
        let leader = cluster.leader().await;
        for other in cluster.but(&[leader]) {
            let (from, to) = if deaf { (other, leader) } else { (leader, other) };
            cluster.links().cut_one_way(from, to);
        }
        let cut = cluster.clock.now();
        cluster.leader_among(&cluster.but(&[leader])).await;
        writes(&load, cut, WRITES).await;
        let gap = load.history.longest_gap(cut, cluster.clock.now());
        tell(&format!(
            "a {} leader: {} ms without writes",
            if deaf { "deaf" } else { "dumb" },
            gap.as_millis()
        ));
        cluster.links().heal();
        let all: Vec<usize> = cluster.all().collect();
        cluster.until_ready(&all).await;
    }
    let history = load.stop().await;
    check::everything(&mut cluster, &history.entries()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cut_between_two_of_three_leaves_a_leader() {
    let mut cluster = Cluster::in_network().await;
    let load = Load::start(&cluster).await;
    let leader = cluster.leader().await;
    let other = cluster.but(&[leader])[0];
    // The bridge: the third sees both.
    cluster.links().cut(leader, other);
    let cut = cluster.clock.now();
    writes(&load, cut, 3 * WRITES).await;
    cluster.links().heal();
    let all: Vec<usize> = cluster.all().collect();
    cluster.until_ready(&all).await;
    let history = load.stop().await;
    check::everything(&mut cluster, &history.entries()).await;
}
