//! Who is switched off on one node is refused on all, by every way in, no later than the bound after the
//! acknowledgement; and nobody else is.

use cluster_tests::application::Tokens;
use cluster_tests::browser::Browser;
use cluster_tests::check::{self, revocation::BOUND};
use cluster_tests::cluster::Cluster;
use cluster_tests::figures::{spread, tell};
use cluster_tests::watch::{Watch, Way};

/// How often each is switched off, on another node each time.
const ROUNDS: usize = 6;

/// Who is switched off: what `conclave disable` is told, and the ways that end and that stay.
struct Subject {
    words: [String; 2],
    end: &'static [&'static str],
    stay: &'static [&'static str],
}

impl Subject {
    fn new(what: &str, id: &str, end: &'static [&'static str], stay: &'static [&'static str]) -> Subject {
        Subject { words: [what.to_owned(), id.to_owned()], end, stay }
    }
}

/// Everything that a person and a service account have, each with its name and anew for each node.
async fn ways(cluster: &Cluster, names: &[&str]) -> Vec<(usize, &'static str, Way)> {
    let world = &cluster.world;
    let mut browser = world.signed_in(&cluster.public(1)).await;
    let mut ways = Vec::new();
    for number in cluster.all() {
        let node = cluster.public(number);
        let robot = world.service.client_credentials(&node, &world.service_scope).await.done("a token");
        let kept = tokens(cluster, &mut browser, number).await;
        let rotated = tokens(cluster, &mut browser, number).await;
        let all = [
            ("password", Way::Password),
            ("session", Way::Session(browser.clone())),
            ("refresh", Way::Refresh(rotated.refresh)),
            ("userinfo", Way::Userinfo(kept.access.clone())),
            ("introspection", Way::Introspection(kept.access)),
            ("credentials", Way::Credentials),
            ("robot's token", Way::Introspection(robot.access)),
        ];
        let wanted = all.into_iter().filter(|(name, _)| names.contains(name));
        ways.extend(wanted.map(|(name, way)| (number, name, way)));
    }
    ways
}

async fn tokens(cluster: &Cluster, browser: &mut Browser, number: usize) -> Tokens {
    let (node, web) = (cluster.public(number), &cluster.world.web);
    let code = browser.silently(&node, web).await.done("a code");
    web.redeem(&node, &code).await.done("tokens")
}

async fn switched_off(cluster: &mut Cluster, subject: &Subject) {
    let words = subject.words.each_ref().map(String::as_str);
    let mut latest = Vec::new();
    for round in 0..ROUNDS {
        let asked = 1 + round % 3;
        let ends = Watch::start(cluster, ways(cluster, subject.end).await);
        let stays = Watch::start(cluster, ways(cluster, subject.stay).await);
        ends.until_accepted().await;
        cluster.switch(asked, "disable", words).await.well();
        let acknowledged = cluster.clock.now();
        tokio::time::sleep(2 * BOUND).await;
        ends.until_refused().await;
        stays.until_accepted().await;
        check::holds(ends.is_closed_after(acknowledged + BOUND));
        check::holds(stays.was_always_open());
        latest.push(ends.latest_accepted(acknowledged));
        drop((ends, stays));
        cluster.switch(asked, "enable", words).await.well();
        // A node may know it so much later.
        tokio::time::sleep(BOUND).await;
    }
    tell(&format!(
        "the {} {} was let in last, after the command had ended: {}",
        words[0],
        words[1],
        spread(&latest)
    ));
}

async fn judged(subjects: impl FnOnce(&Cluster) -> Vec<Subject>) {
    let mut cluster = Cluster::demo().await;
    for subject in subjects(&cluster) {
        switched_off(&mut cluster, &subject).await;
    }
    check::everything(&mut cluster, &[]).await;
}

const PERSON: &[&str] = &["password", "session", "refresh", "userinfo", "introspection"];
const ROBOT: &[&str] = &["credentials", "robot's token"];

#[tokio::test(flavor = "multi_thread")]
async fn a10_a_user_who_is_switched_off_is_refused_on_every_node() {
    judged(|cluster| vec![Subject::new("user", &cluster.world.person.username, PERSON, ROBOT)]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a10_a_client_that_is_switched_off_is_refused_on_every_node() {
    judged(|cluster| {
        let api = cluster.world.api.as_ref().expect("the demo has a resource server");
        vec![
            Subject::new("application", &cluster.world.web.client_id, PERSON, ROBOT),
            Subject::new("application", &api.client_id, &["introspection"], &["userinfo", "credentials"]),
            Subject::new("user", &cluster.world.service.client_id, ROBOT, &["userinfo", "refresh"]),
        ]
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a10_an_organization_that_is_switched_off_is_refused_on_every_node() {
    const ALL: &[&str] =
        &["password", "session", "refresh", "userinfo", "introspection", "credentials", "robot's token"];
    judged(|_| vec![Subject::new("organization", "acme", ALL, &[])]).await;
}
