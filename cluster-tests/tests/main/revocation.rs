//! What ends on one node has ended on all, no later than the bound after the acknowledgement.

use cluster_tests::application::Outcome;
use cluster_tests::check::{self, revocation};
use cluster_tests::cluster::Cluster;
use cluster_tests::figures::tell;
use cluster_tests::history::{Act, Entry, History};
use cluster_tests::load::found;

/// Tokens that are revoked, a different node each time.
const TOKENS: usize = 60;
/// Looks at each token on each node.
const LOOKS: usize = 20;

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
        let mut tasks = Vec::new();
        for (number, node) in nodes.iter().enumerate() {
            let (node, world, history, token) =
                (node.clone(), world.clone(), history.clone(), tokens.access.clone());
            tasks.push(tokio::spawn(async move {
                for _ in 0..LOOKS {
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
                }
            }));
        }
        let from = clock.now();
        let outcome = world.service.revoke(&nodes[revoker], &tokens.access).await.map(|()| String::new());
        assert!(outcome.is_done(), "{outcome:?}");
        let act = Act::Revoke(tokens.access.clone());
        history.add(Entry { writer: 9, node: revoker + 1, act, from, to: clock.now(), outcome });
        for task in tasks {
            task.await.expect("a look does not fail");
        }
        for node in &nodes {
            tokio::time::sleep(revocation::BOUND).await;
            assert_eq!(world.is_alive(node, &tokens.access).await, Outcome::Done(false));
        }
    }
    let entries = history.entries();
    check::holds(revocation::is_bounded(&entries));
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
