//! How a cluster comes to be.

use super::{Cluster, Node, READY_MAX};
use crate::binary;
use crate::history::Clock;
use crate::http::Http;
use crate::layout::{self, Layout, NODES_MAX};
use crate::network::{Dialer, Network};
use crate::operator;
use crate::process::{Place, Process, code, tail};
use crate::turn::Turn;
use crate::wait;
use crate::world::World;
use rustix::process::Signal;
use std::collections::BTreeSet;
use std::net::Ipv4Addr;
use std::path::Path;
use std::time::Duration;
use tempfile::TempDir;

/// How long the demo may take to make its data and to be ready.
const DEMO_MAX: Duration = Duration::from_secs(120);
/// How long a new node may take to be a voter.
const VOTER_MAX: Duration = Duration::from_secs(60);

impl Cluster {
    /// The demo's three nodes with its organization, applications and people; each now runs by itself, and there is no
    /// edge before them.
    pub async fn demo() -> Cluster {
        Cluster::demo_of(3).await
    }

    /// The same with more in every node's configuration.
    pub async fn demo_with(more: &str) -> Cluster {
        Cluster::demo_as(3, more).await
    }

    /// The same with another number of nodes.
    pub async fn demo_of(count: usize) -> Cluster {
        Cluster::demo_as(count, "").await
    }

    async fn demo_as(count: usize, more: &str) -> Cluster {
        let turn = Turn::wait();
        let folder = tempfile::tempdir().expect("the system has a place for temporary files");
        let base = layout::free_base();
        seed(folder.path(), base, count).await;
        let world = World::of_demo(&folder.path().join("credentials"));
        let mut cluster = Cluster::over(folder, base, count, None, world, turn);
        let all: Vec<usize> = cluster.all().collect();
        for number in &all {
            let file = &cluster.layout(*number).config;
            let text = std::fs::read_to_string(file).expect("the demo has written it");
            std::fs::write(file, format!("{text}{more}")).expect("the test's folder can be written to");
        }
        cluster.start_and_wait(&all).await;
        cluster.until_voting(&all).await;
        cluster.leader().await;
        cluster
    }

    /// Three nodes that an operator has set up one after the other, each in a network namespace of its own.
    pub async fn in_network() -> Cluster {
        Cluster::in_network_of(3).await
    }

    /// The same with another number of nodes.
    pub async fn in_network_of(count: usize) -> Cluster {
        let turn = Turn::wait();
        Cluster::by_hand(count, count, Some(Network::new(count)), turn).await
    }

    /// So many on this machine's loopback, and the places for some more, which have not joined.
    pub async fn joined_of(count: usize, places: usize) -> Cluster {
        let turn = Turn::wait();
        Cluster::by_hand(count, places, None, turn).await
    }

    async fn by_hand(count: usize, places: usize, network: Option<Network>, turn: Turn) -> Cluster {
        assert!(places <= NODES_MAX, "a cluster of tests has at most {NODES_MAX} nodes");
        let folder = tempfile::tempdir().expect("the system has a place for temporary files");
        let (base, key) = (layout::free_base(), folder.path().join("master.key"));
        let (password, secret) = (folder.path().join("admin.password"), folder.path().join("bootstrap.json"));
        layout::make_master_key(&key);
        std::fs::write(&password, "correct horse battery staple\n").expect("the folder is ours");
        let issuer = format!("http://localhost:{base}");
        for number in 1..=places {
            let address = network.as_ref().map_or(Ipv4Addr::LOCALHOST, |_| Network::address(number));
            Layout::new(folder.path(), number, base).write(address, &issuer, &key);
        }
        let first = Layout::new(folder.path(), 1, base);
        let place = network.as_ref().map_or(Place::Here, |network| network.place(1));
        operator::init(&place, &first.config, &password, &secret).await;
        let world = World::of_init(&issuer, &password, &secret);
        let mut cluster = Cluster::over(folder, base, places, network, world, turn);
        cluster.start_and_wait(&[1]).await;
        for number in 2..=count {
            cluster.join(number).await.well();
            cluster.start(number);
        }
        let all: Vec<usize> = (1..=count).collect();
        cluster.until_ready(&all).await;
        cluster.until_voting(&all).await;
        cluster
    }

    /// Makes the folder of a further node, with a token that is made for it.
    pub async fn join(&self, number: usize) -> operator::Done {
        let token = operator::create_token(self.place(1), &self.layout(1).data).await;
        operator::join(self.place(number), &token, &self.layout(number).config).await
    }

    /// Waits until just these nodes vote, as all running ones see it.
    pub async fn until_voting(&self, numbers: &[usize]) {
        self.until_voting_among(numbers, &self.running()).await;
    }

    /// The same, as these nodes see it.
    pub async fn until_voting_among(&self, numbers: &[usize], seen_by: &[usize]) {
        let mut expected: Vec<u64> =
            numbers.iter().filter_map(|number| u64::try_from(*number).ok()).collect();
        expected.sort_unstable();
        wait::until(&format!("the voters are {expected:?}"), VOTER_MAX, async || {
            for number in seen_by {
                let mut voters = self.status(*number).await?.voters;
                voters.sort_unstable();
                if voters != expected {
                    return None;
                }
            }
            Some(())
        })
        .await;
    }

    fn over(
        folder: TempDir,
        base: u16,
        count: usize,
        network: Option<Network>,
        world: World,
        turn: Turn,
    ) -> Cluster {
        let node = |number| {
            let layout = Layout::new(folder.path(), number, base);
            let place = network.as_ref().map_or(Place::Here, |network| network.place(number));
            let dialer = network.as_ref().map_or(Dialer::Here, |network| network.dialer(number));
            let public = Http::new(dialer.clone(), layout.public, &world.issuer);
            let operations = Http::new(dialer, layout.operations, "http://localhost");
            Node { layout, place, process: None, public, operations }
        };
        let nodes = (1..=count).map(node).collect();
        Cluster {
            nodes,
            network,
            world,
            clock: Clock::start(),
            outside: BTreeSet::new(),
            folder,
            _turn: turn,
        }
    }
}

/// Lets the demo make its data, and stops it.
async fn seed(folder: &Path, base: u16, count: usize) {
    let log = folder.join("demo.log");
    let (base, count) = (base.to_string(), count.to_string());
    let mut command = Place::Here.command(binary::conclave().as_os_str());
    command
        .args(["demo", "--nodes", &count, "--port-base", &base, "--log-level", "info", "--data"])
        .arg(folder);
    let mut demo = Process::start(&mut command, &log);
    wait::until("the demo is ready", DEMO_MAX, async || {
        if let Some(status) = demo.has_ended() {
            panic!("the demo has ended with {}:\n{}", code(status), tail(&log, 40));
        }
        std::fs::read_to_string(&log).ok().filter(|text| text.contains("Conclave is ready"))
    })
    .await;
    demo.signal(Signal::INT);
    let status = demo.ended(READY_MAX).await;
    assert_eq!(code(status), 0, "{}", tail(&log, 40));
}
