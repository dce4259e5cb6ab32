//! What ends on one node has ended on all, no later than the bound after the acknowledgement.

use cluster_tests::application::Outcome;
use cluster_tests::check;
use cluster_tests::check::revocation::{self, LOOKED_FOR, PACE};
use cluster_tests::cluster::Cluster;
use cluster_tests::figures::tell;
use cluster_tests::history::{Act, Entry, History};
use cluster_tests::load::found;
use std::time::Duration;
use tokio::sync::watch;

/// Tokens that are revoked, a different node each time.
const TOKENS: usize = 24;

#[tokio::test(flavor = "multi_thread")]
async fn a09_no_node_calls_a_revoked_token_active_later_than_the_bound() {
    let mut cluster = Cluster::demo().await;
    let history = History::default();
    for round in 0..TOKENS {
        let revoker = round % 3;
        let nodes = cluster.publics();
        let (world, clock) = (cluster.world.clone(), cluster.clock);
        let tokens =
            world.service.client_credentials(&nodes[revoker], &world.service_scope).await.done("a token");
        let (acknowledge, acknowledged) = watch::channel(None::<Duration>);
        let mut tasks = Vec::new();
        for (number, node) in nodes.iter().enumerate() {
            let (node, world, history, token) =
                (node.clone(), world.clone(), history.clone(), tokens.access.clone());
            let acknowledged = acknowledged.clone();
            tasks.push(tokio::spawn(async move {
                let is_over = || acknowledged.borrow().is_some_and(|at| clock.now() > at + LOOKED_FOR);
                while !is_over() {
                    let from = clock.now();
                    let outcome = world.is_alive(&node, &token).await.map(found);
                    let act = Act::Look(token.clone());
                    history.add(Entry {
                        writer: number,
                        node: number + 1,
                        act,
                        from,
                        to: clock.now(),
                        outcome,
                    });
                    tokio::time::sleep(PACE).await;
                }
            }));
        }
        let from = clock.now();
        let outcome = world.service.revoke(&nodes[revoker], &tokens.access).await.map(|()| String::new());
        assert!(outcome.is_done(), "{outcome:?}");
        let act = Act::Revoke(tokens.access.clone());
        let to = clock.now();
        history.add(Entry { writer: 9, node: revoker + 1, act, from, to, outcome });
        acknowledge.send_replace(Some(to));
        for task in tasks {
            task.await.expect("a look does not fail");
        }
    }
    let entries = history.entries();
    check::holds(revocation::is_bounded(&entries));
    check::holds(revocation::was_looked_for(&entries, &[1, 2, 3]));
    tell(&format!(
        "latest look that found it active: {} ms",
        revocation::latest_active(&entries).as_millis()
    ));
    check::everything(&mut cluster, &[]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a09_a_family_that_a_replayed_code_has_ended_is_dead_on_every_node() {
    let mut cluster = Cluster::demo().await;
    let web = cluster.world.web.clone();
    for round in 0..6 {
        let mut browser = cluster.world.signed_in(&cluster.public(1 + round % 3)).await;
        let code = browser.silently(&cluster.public(1), &web).await.done("a code");
        let tokens = web.redeem(&cluster.public(2), &code).await.done("tokens");
        // A replayed code ends its family.
        let replayed = web.redeem(&cluster.public(3), &code).await;
        assert!(matches!(replayed, Outcome::Refused(_)), "{replayed:?}");
        tokio::time::sleep(revocation::BOUND).await;
        for node in cluster.publics() {
            let alive = cluster.world.is_alive(&node, &tokens.access).await;
            assert_eq!(alive, Outcome::Done(false));
        }
    }
    check::everything(&mut cluster, &[]).await;
}
