//! Nodes come and go while people work; and nodes that must not come back.

use cluster_tests::check;
use cluster_tests::cluster::Cluster;
use cluster_tests::figures::tell;
use cluster_tests::load::Load;
use cluster_tests::wait;
use std::path::Path;
use std::time::Duration;

const HANG: Duration = Duration::from_secs(60);

fn copy(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).expect("the test's folder can be written to");
    for entry in std::fs::read_dir(from).expect("a folder").flatten() {
        let target = to.join(entry.file_name());
        let kind = entry.file_type().expect("a file has a kind");
        if kind.is_dir() {
            copy(&entry.path(), &target);
        } else if kind.is_file() {
            std::fs::copy(entry.path(), target).expect("a file can be copied");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_node_joins_and_another_leaves_under_load() {
    // The fourth has its place and is not a member yet.
    let mut cluster = Cluster::joined_of(3, 4).await;
    let load = Load::start(&cluster).await;
    let begun = cluster.clock.now();
    cluster.join(4).await.well();
    cluster.start_and_wait(&[4]).await;
    tell(&format!("a fourth node is ready after {} ms", (cluster.clock.now() - begun).as_millis()));
    let leader = cluster.leader().await;
    let gone = cluster.but(&[leader, 4])[0];
    wait::until("the leader hears that it is ready", HANG, async || {
        let members = cluster.status(leader).await?.whole["members"].as_array()?.clone();
        members.iter().any(|member| member["node"] == 4 && member["ready"] == true).then_some(())
    })
    .await;
    cluster.ask(leader, &["replace", &gone.to_string(), "4"]).await.well();
    let rest = cluster.but(&[gone]);
    cluster.until_voting_among(&rest, &rest).await;
    wait::until("the removed node says so", HANG, async || {
        cluster
            .ready(gone)
            .await
            .filter(|ready| ready.reasons.iter().any(|reason| reason.contains("removed")))
    })
    .await;
    let history = load.stop().await;
    // It does not come back.
    assert_eq!(cluster.stop(gone).await, 0);
    cluster.start(gone);
    assert_eq!(cluster.ended(gone, HANG).await, 18);
    cluster.forget(gone);
    check::everything(&mut cluster, &history.entries()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_leader_itself_is_removed_until_one_node_is_left() {
    let mut cluster = Cluster::demo().await;
    for left in [2, 1] {
        let leader = cluster.leader().await;
        let rest = cluster.but(&[leader]);
        cluster.ask(leader, &["remove", &leader.to_string(), "--force"]).await.well();
        cluster.until_voting_among(&rest, &rest).await;
        assert_eq!(rest.len(), left);
        wait::until("the removed node says so", HANG, async || {
            let ready = cluster.ready(leader).await?;
            ready.reasons.iter().any(|reason| reason.contains("removed")).then_some(())
        })
        .await;
        assert_eq!(cluster.stop(leader).await, 0);
        cluster.start(leader);
        assert_eq!(cluster.ended(leader, HANG).await, 18, "it does not come back");
        cluster.forget(leader);
        cluster.world.signed_in(&cluster.public(rest[0])).await;
    }
    check::everything(&mut cluster, &[]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn e21_a_wiped_node_and_an_older_copy_of_one_do_not_start() {
    let mut cluster = Cluster::demo().await;
    let leader = cluster.leader().await;
    let [older, wiped] = cluster.but(&[leader])[..] else { panic!("there are three nodes") };
    // A copy is taken, and life goes on.
    assert_eq!(cluster.stop(older).await, 0);
    let data = cluster.layout(older).data.clone();
    let kept = data.with_extension("kept");
    copy(&data, &kept);
    cluster.start_and_wait(&[older]).await;
    for _ in 0..5 {
        cluster.world.signed_in(&cluster.public(older)).await;
    }
    cluster.converged().await;
    // The others hear once a second how much of the log it has.
    tokio::time::sleep(Duration::from_millis(1500)).await;
    cluster.kill(older);
    std::fs::remove_dir_all(&data).expect("the folder is ours");
    copy(&kept, &data);
    cluster.start(older);
    assert_eq!(cluster.ended(older, HANG).await, 12, "an older copy of the log");

    // Half of a folder is no node.
    cluster.kill(wiped);
    std::fs::remove_dir_all(cluster.layout(wiped).data.join("log")).expect("the folder is ours");
    cluster.start(wiped);
    assert_eq!(cluster.ended(wiped, HANG).await, 10, "there is no log to open");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_node_far_behind_is_fed_a_snapshot_while_people_work() {
    let mut cluster = Cluster::demo_with("retention.bytes = \"64KiB\"\n").await;
    let leader = cluster.leader().await;
    let behind = cluster.but(&[leader])[0];
    cluster.kill(behind);
    let load = Load::start(&cluster).await;
    let had = cluster.status(leader).await.expect("the leader answers").applied.unwrap_or_default();
    wait::until("the log is cut beyond what it has", HANG, async || {
        let status = cluster.status(leader).await?;
        (status.whole["log"]["purged"].as_u64() > Some(had)).then_some(())
    })
    .await;
    cluster.start_and_wait(&[behind]).await;
    let log = std::fs::read_to_string(&cluster.layout(behind).log).unwrap_or_default();
    assert!(log.contains("the snapshot is installed"), "it was fed entries");
    let history = load.stop().await;
    check::everything(&mut cluster, &history.entries()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn e09_a_row_that_changes_by_itself_makes_its_node_withdraw() {
    let mut cluster = Cluster::demo_with("verify.every = \"2s\"\n").await;
    let leader = cluster.leader().await;
    let wrong = cluster.but(&[leader])[0];
    assert_eq!(cluster.stop(wrong).await, 0);
    cluster.flip_a_row(wrong);
    cluster.start_and_wait(&[wrong]).await;
    let load = Load::start_on(&cluster, &cluster.but(&[wrong])).await;
    let found =
        wait::until("it finds out", HANG, async || cluster.ready(wrong).await.filter(|ready| !ready.is))
            .await;
    assert!(found.reasons[0].contains("withdrawn: its state differs"), "{found:?}");
    // The operator is told everywhere.
    let metric = cluster.metric(wrong, "conclave_withdrawn").await;
    assert_eq!(metric, Some(1.0));
    wait::until("the others say it", HANG, async || {
        let status = cluster.status(leader).await?;
        status.whole["alarms"].to_string().contains(&format!("node {wrong} has withdrawn")).then_some(())
    })
    .await;
    load.stop().await;
    cluster.kill(wrong);
    assert!(cluster.layout(wrong).data.join("state").exists(), "its data is kept");
}
