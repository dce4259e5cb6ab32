//! A node whose clock is off neither leads nor serves, and takes nobody with it.

use cluster_tests::check;
use cluster_tests::cluster::Cluster;
use cluster_tests::load::Load;
use cluster_tests::wait;
use std::time::Duration;

const HANG: Duration = Duration::from_secs(60);

async fn clock_off(secs: i64) {
    let mut cluster = Cluster::demo().await;
    // The one that leads is the one that would do harm.
    let wrong = cluster.leader().await;
    let well = cluster.but(&[wrong]);
    let before = cluster.status(well[0]).await.expect("it answers").whole["log"]["time_ms"].as_u64();
    assert_eq!(cluster.stop(wrong).await, 0);
    cluster.start_with_clock_off(wrong, secs);
    let ready = wait::until("it says that its clock is off", HANG, async || {
        let ready = cluster.ready(wrong).await?;
        ready.reasons.iter().any(|reason| reason.contains("the clock is")).then_some(ready)
    })
    .await;
    assert!(!ready.is);
    let load = Load::start_on(&cluster, &well).await;
    tokio::time::sleep(Duration::from_secs(3)).await;
    let history = load.stop().await;
    let leader = cluster.leader().await;
    assert_ne!(leader, wrong);
    let status = cluster.status(well[0]).await.expect("it answers");
    assert!(status.whole["alarms"].to_string().contains(&format!("the clock of node {wrong} differs")));
    // Log time went on at its own pace.
    let passed =
        status.whole["log"]["time_ms"].as_u64().zip(before).map_or(u64::MAX, |(now, then)| now - then);
    assert!(passed < 60_000, "{passed} ms of log time");
    // With its clock set it is a member as before.
    assert_eq!(cluster.stop(wrong).await, 0);
    cluster.start_and_wait(&[wrong]).await;
    check::everything(&mut cluster, &history.entries()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn e17_a_clock_five_seconds_ahead_is_kept_out() {
    clock_off(5).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn e17_a_clock_an_hour_behind_is_kept_out() {
    clock_off(-3600).await;
}
