//! Sign-ins by password fill every processor, and agreement goes on beside them.

use cluster_tests::browser::Browser;
use cluster_tests::check;
use cluster_tests::cluster::Cluster;
use cluster_tests::figures::{spread, tell};
use cluster_tests::load::Load;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use tokio::task::JoinHandle;

/// Browsers that sign in at once, again and again: many more than there are processors.
const BROWSERS: usize = 48;
/// How long. An election needs less than a second without heartbeats.
const STORM: Duration = Duration::from_secs(20);
/// Between two looks at the nodes.
const PAUSE: Duration = Duration::from_millis(50);

/// How many sign-ins were done, and how many had no answer but "later".
type Counts = (usize, usize);

struct Storm {
    stop: Arc<AtomicBool>,
    browsers: Vec<JoinHandle<Counts>>,
}

impl Storm {
    fn start(cluster: &Cluster) -> Storm {
        let stop = Arc::new(AtomicBool::new(false));
        let nodes = cluster.publics();
        let browser = |number: usize| {
            let (node, world) = (nodes[number % nodes.len()].clone(), cluster.world.clone());
            let stop = Arc::clone(&stop);
            tokio::spawn(async move {
                let (mut done, mut put_off) = (0, 0);
                while !stop.load(Ordering::Relaxed) {
                    let outcome = Browser::default().sign_in(&node, &world.web, &world.person).await;
                    if outcome.is_done() {
                        done += 1;
                    } else {
                        assert!(!outcome.is_definite(), "{outcome:?}");
                        put_off += 1;
                    }
                }
                (done, put_off)
            })
        };
        let browsers = (0..BROWSERS).map(browser).collect();
        Storm { stop, browsers }
    }

    async fn stop(self) -> Counts {
        self.stop.store(true, Ordering::Relaxed);
        let (mut done, mut put_off) = (0, 0);
        for browser in self.browsers {
            let counts = browser.await.expect("a browser does not fail");
            done += counts.0;
            put_off += counts.1;
        }
        (done, put_off)
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn e30_a_storm_of_sign_ins_costs_no_leader_his_place() {
    let mut cluster = Cluster::demo().await;
    let leader = cluster.leader().await;
    let term = cluster.status(leader).await.expect("the leader answers").term;
    let load = Load::start(&cluster).await;
    let storm = Storm::start(&cluster);
    let begun = cluster.clock.now();
    // How old each node's proof is that a majority follows: a heartbeat that is late makes it older.
    let (mut proofs, mut silent) = (Vec::new(), 0);
    while cluster.clock.now() - begun < STORM {
        for node in cluster.all() {
            let Some(status) = cluster.status(node).await else {
                silent += 1;
                continue;
            };
            assert_eq!(status.term, term, "node {node} has seen an election: {}", status.whole);
            assert!(status.leader.is_none_or(|seen| seen == leader as u64), "{}", status.whole);
            proofs.extend(status.whole["proven_ms_ago"].as_u64().map(Duration::from_millis));
        }
        tokio::time::sleep(PAUSE).await;
    }
    let writes = load.history.writes_since(begun);
    let gap = load.history.longest_gap(begun, cluster.clock.now());
    let (done, put_off) = storm.stop().await;
    let history = load.stop().await;
    tell(&format!("{done} sign-ins, {put_off} put off; {writes} writes, {} ms without any", gap.as_millis()));
    tell(&format!("proof of a majority: {}; {silent} looks without an answer", spread(&proofs)));
    assert!(done > 0 && writes > 0, "the storm stopped everything");
    let status = cluster.status(leader).await.expect("the leader answers");
    assert_eq!((status.role.as_str(), status.term), ("leader", term));
    check::everything(&mut cluster, &history.entries()).await;
}
