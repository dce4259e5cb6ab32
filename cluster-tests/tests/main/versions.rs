//! Nodes of two versions in one cluster, and the step to the newer.

use cluster_tests::binary;
use cluster_tests::check;
use cluster_tests::cluster::Cluster;
use cluster_tests::load::Load;
use std::time::Duration;

const HANG: Duration = Duration::from_secs(60);

#[tokio::test(flavor = "multi_thread")]
async fn e25_a_cluster_is_upgraded_node_by_node_and_its_level_is_raised_at_the_end() {
    let next = binary::next_level();
    let mut cluster = Cluster::demo().await;
    let load = Load::start(&cluster).await;
    for node in cluster.all() {
        let refused = cluster.ask(node, &["raise-level", "2"]).await;
        assert_eq!(refused.code, 20, "an older node is still a member: {refused:?}");
        assert_eq!(cluster.stop(node).await, 0);
        cluster.start_as(node, next, &[]);
        cluster.until_ready(&[node]).await;
        // It has recorded what it runs before it was ready.
    }
    cluster.ask(1, &["raise-level", "2"]).await.well();
    let history = load.stop().await;
    cluster.converged().await;
    // There is no way back: the older program stops at the first entry that it does not run.
    assert_eq!(cluster.stop(1).await, 0);
    cluster.start(1);
    assert_eq!(cluster.ended(1, HANG).await, 11, "it can't go on from this state");
    cluster.start_as(1, next, &[]);
    cluster.until_ready(&[1]).await;
    check::everything_but_folders(&mut cluster, &history.entries()).await;
}
