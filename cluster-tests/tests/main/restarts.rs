//! Nodes are restarted on purpose, one after the other, and nobody outside notices.

use cluster_tests::check;
use cluster_tests::cluster::Cluster;
use cluster_tests::figures::{spread, tell};
use cluster_tests::load::Load;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;

/// Between two requests of a client.
const PAUSE: Duration = Duration::from_millis(5);

/// A client behind a distributor that looks at /ready several times a second, as the demo's edge does.
struct Clients {
    stop: Arc<AtomicBool>,
    asked: Arc<AtomicUsize>,
    tasks: Vec<tokio::task::JoinHandle<Vec<String>>>,
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rolling_restart_fails_no_request() {
    let mut cluster = Cluster::demo().await;
    let live: Arc<Vec<AtomicBool>> = Arc::new((0..3).map(|_| AtomicBool::new(true)).collect());
    let (stop, asked) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicUsize::new(0)));
    let browser = cluster.world.signed_in(&cluster.public(1)).await;
    let mut tasks = Vec::new();
    // The distributor's eyes.
    let watching = cluster.watch_readiness(Arc::clone(&live), Arc::clone(&stop));
    for client in 0..4_usize {
        let (mut browser, nodes, world) = (browser.clone(), cluster.publics(), cluster.world.clone());
        let (live, stop, asked) = (Arc::clone(&live), Arc::clone(&stop), Arc::clone(&asked));
        tasks.push(tokio::spawn(async move {
            let mut failed = Vec::new();
            let mut turn = client;
            let mut next = || {
                for _ in 0..3 {
                    turn = (turn + 1) % 3;
                    if live[turn].load(Ordering::SeqCst) {
                        break;
                    }
                }
                nodes[turn].clone()
            };
            while !stop.load(Ordering::SeqCst) {
                asked.fetch_add(1, Ordering::SeqCst);
                let done = if client % 2 == 0 {
                    let outcome = world.service.client_credentials(&next(), &world.service_scope).await;
                    outcome.map(|_| ())
                } else {
                    let code = browser.silently(&next(), &world.web).await;
                    match code {
                        cluster_tests::application::Outcome::Done(code) => {
                            world.web.redeem(&next(), &code).await.map(|_| ())
                        }
                        other => other.map(|_| ()),
                    }
                };
                if !done.is_done() {
                    failed.push(format!("{done:?}"));
                }
                tokio::time::sleep(PAUSE).await;
            }
            failed
        }));
    }
    let clients = Clients { stop, asked, tasks };
    let mut took = Vec::new();
    for node in cluster.all() {
        let begun = cluster.clock.now();
        assert_eq!(cluster.stop(node).await, 0);
        took.push(cluster.clock.now() - begun);
        cluster.start_and_wait(&[node]).await;
        // It is seen again before the next one goes.
        tokio::time::sleep(Duration::from_millis(500)).await;
    }
    clients.stop.store(true, Ordering::SeqCst);
    let mut failed = Vec::new();
    for task in clients.tasks {
        failed.extend(task.await.expect("a client does not fail"));
    }
    watching.await.expect("the watcher does not fail");
    let asked = clients.asked.load(Ordering::SeqCst);
    tell(&format!("{asked} requests, {} failed; a stop takes {}", failed.len(), spread(&took)));
    assert!(failed.is_empty(), "{failed:#?}");
    assert!(asked > 100, "the clients hardly asked");
    check::everything(&mut cluster, &[]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn leadership_that_is_handed_over_costs_little() {
    let mut cluster = Cluster::demo().await;
    let load = Load::start(&cluster).await;
    let mut gaps = Vec::new();
    for _ in 0..6 {
        let leader = cluster.leader().await;
        let begun = cluster.clock.now();
        cluster.ask(leader, &["transfer-leader"]).await.well();
        tokio::time::sleep(Duration::from_millis(700)).await;
        gaps.push(load.history.longest_gap(begun, cluster.clock.now()));
    }
    let history = load.stop().await;
    tell(&format!("without writes around a handover: {}", spread(&gaps)));
    check::everything(&mut cluster, &history.entries()).await;
}
