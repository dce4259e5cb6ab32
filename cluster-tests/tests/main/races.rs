//! The same thing asked of two nodes at once is done once.

use cluster_tests::application::{Code, Outcome};
use cluster_tests::check;
use cluster_tests::cluster::Cluster;
use cluster_tests::figures::tell;

/// Codes that are redeemed on two nodes at once.
const PAIRS: usize = 2000;
/// Pairs under way at once.
const AT_ONCE: usize = 8;
/// Refresh tokens that are presented on two nodes at once.
const TOKENS: usize = 100;

#[tokio::test(flavor = "multi_thread")]
async fn a08_of_two_redemptions_on_two_nodes_one_wins_two_thousand_times() {
    let mut cluster = Cluster::demo().await;
    let browser = cluster.world.signed_in(&cluster.public(1)).await;
    let nodes = cluster.publics();
    let begun = cluster.clock.now();
    let mut tasks = Vec::new();
    for task in 0..AT_ONCE {
        let (mut browser, nodes, web) = (browser.clone(), nodes.clone(), cluster.world.web.clone());
        tasks.push(tokio::spawn(async move {
            let (mut winners, mut nobody) = ([0_usize; 3], 0_usize);
            for pair in (task..PAIRS).step_by(AT_ONCE) {
                let code: Code = browser.silently(&nodes[pair % 3], &web).await.done("a code");
                let (one, other) = (pair % 3, (pair + 1) % 3);
                let (first, second) =
                    tokio::join!(web.redeem(&nodes[one], &code), web.redeem(&nodes[other], &code));
                match (&first, &second) {
                    (Outcome::Done(_), Outcome::Refused(_)) => winners[one] += 1,
                    (Outcome::Refused(_), Outcome::Done(_)) => winners[other] += 1,
                    // The loser may come between the winner's command and his answer: then both are refused, because a
                    // replayed code takes its tokens with it.
                    (Outcome::Refused(_), Outcome::Refused(_)) => nobody += 1,
                    _ => panic!("pair {pair}: {first:?} and {second:?}"),
                }
                // A code that was presented twice has no tokens that live.
                for tokens in [first, second].into_iter().filter_map(|outcome| match outcome {
                    Outcome::Done(tokens) => Some(tokens),
                    _ => None,
                }) {
                    let again = web.refresh(&nodes[pair % 3], &tokens.refresh).await;
                    assert!(matches!(again, Outcome::Refused(_)), "{again:?}");
                }
            }
            (winners, nobody)
        }));
    }
    let (mut winners, mut nobody) = ([0; 3], 0);
    for task in tasks {
        let (won, lost) = task.await.expect("a task does not fail");
        winners.iter_mut().zip(won).for_each(|(sum, won)| *sum += won);
        nobody += lost;
    }
    let took = cluster.clock.now() - begun;
    let won: usize = winners.iter().sum();
    tell(&format!(
        "{PAIRS} pairs in {} s, won by nodes 1, 2 and 3: {winners:?}, by nobody: {nobody}",
        took.as_secs()
    ));
    assert_eq!(won + nobody, PAIRS);
    assert!(winners.iter().all(|won| *won > 0), "each node wins some: {winners:?}");
    check::everything(&mut cluster, &[]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a08_a_refresh_token_on_two_nodes_at_once_has_one_successor() {
    let mut cluster = Cluster::demo().await;
    let mut browser = cluster.world.signed_in(&cluster.public(1)).await;
    let nodes = cluster.publics();
    let web = cluster.world.web.clone();
    for round in 0..TOKENS {
        let node = |offset: usize| &nodes[(round + offset) % 3];
        let code = browser.silently(node(0), &web).await.done("a code");
        let tokens = web.redeem(node(0), &code).await.done("tokens");
        let (one, other) =
            tokio::join!(web.refresh(node(1), &tokens.refresh), web.refresh(node(2), &tokens.refresh));
        // The second of two honest tries gets the same successor once: a lost answer is given again.
        let (one, other) = (one.done("a refresh"), other.done("its repetition"));
        assert_eq!(one.refresh, other.refresh, "round {round}");
        // Whoever comes a third time is a thief, and takes the family with him.
        let third = web.refresh(node(0), &tokens.refresh).await;
        assert_eq!(third, Outcome::Refused("invalid_grant".to_owned()));
        let successor = web.refresh(node(1), &one.refresh).await;
        assert_eq!(successor, Outcome::Refused("invalid_grant".to_owned()));
    }
    check::everything(&mut cluster, &[]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a08_a_refresh_family_does_not_fork_across_a_change_of_leader() {
    let mut cluster = Cluster::demo().await;
    let mut browser = cluster.world.signed_in(&cluster.public(1)).await;
    let web = cluster.world.web.clone();
    for _ in 0..3 {
        let leader = cluster.leader().await;
        let [one, other] = cluster.but(&[leader])[..] else { panic!("there are three nodes") };
        let code = browser.silently(&cluster.public(one), &web).await.done("a code");
        let tokens = web.redeem(&cluster.public(one), &code).await.done("tokens");
        let (one_side, other_side) = (cluster.public(one), cluster.public(other));
        cluster.kill(leader);
        let (first, second) =
            tokio::join!(web.refresh(&one_side, &tokens.refresh), web.refresh(&other_side, &tokens.refresh));
        let successors: Vec<String> = [first, second]
            .into_iter()
            .filter_map(|outcome| match outcome {
                Outcome::Done(tokens) => Some(tokens.refresh),
                _ => None,
            })
            .collect();
        assert!(successors.windows(2).all(|pair| pair[0] == pair[1]), "{successors:?}");
        assert!(!successors.is_empty(), "both waited out the election");
        cluster.start_and_wait(&[leader]).await;
    }
    check::everything(&mut cluster, &[]).await;
}
