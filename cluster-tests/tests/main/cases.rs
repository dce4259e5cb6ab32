//! Attacks that come to another node than the one that knows, or after the one that knew is gone.

use cluster_tests::application::{Application, Code, Outcome, Tokens};
use cluster_tests::browser::Browser;
use cluster_tests::check::{self, revocation::BOUND};
use cluster_tests::cluster::Cluster;
use cluster_tests::figures::tell;
use cluster_tests::watch::{Watch, Way};
use std::time::Duration;

/// A lost answer is given again for ten seconds; this is over then.
const AFTER_GRACE: Duration = Duration::from_secs(11);

/// What happens between the honest use and the attack.
#[derive(Clone, Copy, Debug)]
enum Between {
    Nothing,
    /// The leader is killed and comes back after the attack.
    AnotherLeader,
    /// All nodes stop and start.
    Restart,
}

const BETWEEN: [Between; 3] = [Between::Nothing, Between::AnotherLeader, Between::Restart];

/// Lets it happen; the two nodes that the attack goes to, and the one that is missing meanwhile.
async fn happens(cluster: &mut Cluster, between: Between) -> ([usize; 2], Option<usize>) {
    match between {
        Between::Nothing => ([2, 3], None),
        Between::AnotherLeader => {
            let leader = cluster.leader().await;
            cluster.kill(leader);
            let rest = cluster.but(&[leader]);
            cluster.leader_among(&rest).await;
            cluster.until_ready(&rest).await;
            ([rest[0], rest[1]], Some(leader))
        }
        Between::Restart => {
            cluster.stop_all().await;
            let all: Vec<usize> = cluster.all().collect();
            cluster.start_and_wait(&all).await;
            ([3, 1], None)
        }
    }
}

/// Ends what `happens` has begun: nothing of these tokens counts on any node any more.
async fn dead_everywhere(cluster: &mut Cluster, missing: Option<usize>, tokens: &Tokens) {
    if let Some(node) = missing {
        cluster.start_and_wait(&[node]).await;
    }
    for node in cluster.publics() {
        assert_eq!(cluster.world.is_alive(&node, &tokens.access).await, Outcome::Done(false));
        assert_eq!(Application::userinfo(&node, &tokens.access).await, Outcome::Done(false));
        assert_eq!(cluster.world.web.refresh(&node, &tokens.refresh).await.map(|_| ()), invalid_grant());
    }
}

fn invalid_grant<T>() -> Outcome<T> {
    Outcome::Refused("invalid_grant".to_owned())
}

/// A code and its tokens, of a new session.
async fn redeemed(cluster: &Cluster, browser: &mut Browser) -> (Code, Tokens) {
    let (node, web) = (cluster.public(1), &cluster.world.web);
    let code = browser.silently(&node, web).await.done("a code");
    let tokens = web.redeem(&node, &code).await.done("tokens");
    (code, tokens)
}

/// Looks at an access token in both ways on these nodes.
fn looking(cluster: &Cluster, nodes: [usize; 2], token: &str) -> Watch {
    let both = |node| {
        [
            (node, "introspection", Way::Introspection(token.to_owned())),
            (node, "userinfo", Way::Userinfo(token.to_owned())),
        ]
    };
    Watch::start(cluster, nodes.into_iter().flat_map(both).collect())
}

/// The attack itself, on the first of two nodes: refused, and within the bound the other refuses the tokens too.
async fn attacked(
    cluster: &Cluster,
    nodes: [usize; 2],
    access: &str,
    attack: impl Future<Output = Outcome<Tokens>>,
    what: &str,
) {
    let watch = looking(cluster, nodes, access);
    watch.until_accepted().await;
    assert_eq!(attack.await.map(|_| ()), invalid_grant(), "{what}");
    let refused = cluster.clock.now();
    tokio::time::sleep(2 * BOUND).await;
    watch.until_refused().await;
    check::holds(watch.is_closed_after(refused + BOUND));
    tell(&format!("{what}: let in last after {} ms", watch.latest_accepted(refused).as_millis()));
}

#[tokio::test(flavor = "multi_thread")]
async fn case_28_a_code_that_is_replayed_takes_its_tokens_with_it_on_every_node() {
    let mut cluster = Cluster::demo().await;
    let web = cluster.world.web.clone();
    let mut browser = cluster.world.signed_in(&cluster.public(1)).await;
    for between in BETWEEN {
        let (code, tokens) = redeemed(&cluster, &mut browser).await;
        let ([attacked_one, other], missing) = happens(&mut cluster, between).await;
        let node = cluster.public(attacked_one);
        let attack = web.redeem(&node, &code);
        attacked(&cluster, [attacked_one, other], &tokens.access, attack, &format!("{between:?}")).await;
        // Nor does it help to try elsewhere.
        let again = web.redeem(&cluster.public(other), &code).await;
        assert_eq!(again.map(|_| ()), invalid_grant());
        dead_everywhere(&mut cluster, missing, &tokens).await;
    }
    check::everything(&mut cluster, &[]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn case_33_what_is_not_the_clients_secret_proves_nothing_on_any_node() {
    let mut cluster = Cluster::demo().await;
    let (web, service) = (cluster.world.web.clone(), cluster.world.service.clone());
    let right = service.secret.clone().expect("a service account has a secret");
    let last = if right.ends_with('A') { 'B' } else { 'A' };
    let without_last = &right[..right.len() - 1];
    let wrong = [
        ("none at all", None),
        ("an empty one", Some(String::new())),
        ("another client's", web.secret.clone()),
        ("a shortened one", Some(without_last.to_owned())),
        ("a lengthened one", Some(format!("{right}A"))),
        ("an altered one", Some(format!("{without_last}{last}"))),
        ("another case", Some(right.to_uppercase())),
        ("one with a space", Some(format!("{right} "))),
    ];
    let all: Vec<_> = cluster.all().map(|node| (node, "credentials", Way::Credentials)).collect();
    let right_one = Watch::start(&cluster, all);
    for (what, secret) in wrong {
        let pretender = Application { secret, ..service.clone() };
        for node in cluster.publics() {
            let answer = pretender.client_credentials(&node, &cluster.world.service_scope).await;
            assert_eq!(answer.map(|_| ()), Outcome::Refused("invalid_client".to_owned()), "{what}");
        }
    }
    // Nobody locks a program out by guessing.
    right_one.until_accepted().await;
    check::holds(right_one.was_always_open());
    drop(right_one);
    check::everything(&mut cluster, &[]).await;
}

/// Presents a refresh token again that was used: `later` generations after it, and when so much time has passed.
async fn a_used_token_is_presented(later: usize, pause: Duration) {
    let mut cluster = Cluster::demo().await;
    let web = cluster.world.web.clone();
    let mut browser = cluster.world.signed_in(&cluster.public(1)).await;
    for between in BETWEEN {
        let (_, first) = redeemed(&cluster, &mut browser).await;
        let mut newest = first.clone();
        for node in [2, 3].into_iter().take(later) {
            newest = web.refresh(&cluster.public(node), &newest.refresh).await.done("a refresh");
        }
        let (nodes, missing) = happens(&mut cluster, between).await;
        tokio::time::sleep(pause).await;
        let node = cluster.public(nodes[0]);
        let attack = web.refresh(&node, &first.refresh);
        attacked(&cluster, nodes, &newest.access, attack, &format!("{between:?}")).await;
        dead_everywhere(&mut cluster, missing, &newest).await;
    }
    check::everything(&mut cluster, &[]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn case_36_a_used_refresh_token_ends_its_family_on_every_node() {
    a_used_token_is_presented(2, Duration::ZERO).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn case_36_the_grace_for_a_lost_answer_ends_on_every_node() {
    a_used_token_is_presented(1, AFTER_GRACE).await;
}
