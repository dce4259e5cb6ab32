//! Several nodes in one process, over real connections on loopback.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, LazyLock, Mutex};
use std::time::Duration;

use bytes::Bytes;
use crypto::certificate::{Authority, Validity};
use futures_util::future::BoxFuture;
use identity::tables::{Read as _, Table};
use raft::{
    About, Cluster, Config, Credentials, Door, Fatal, Freshness, ManualClock, OnFatal, Peer, PeerSide, Ports,
    Retention, Status, Submitted, Timing, Tls, Wanted,
};
use storage::{NodeIdentity, Options, State};
use tempfile::TempDir;
use tokio::net::TcpListener;
use tokio::sync::Notify;

use crate::support::{NOW_MS, PATIENCE, Register, eventually};

pub(crate) const CLUSTER: [u8; 16] = [5; 16];
const LONG: Validity = Validity { not_before: 1_500_000_000, not_after: 4_000_000_000 };

pub(crate) fn identity(node: u64) -> NodeIdentity {
    NodeIdentity { cluster: CLUSTER, node, lineage: 1 }
}

/// Credentials of a node under an authority.
pub(crate) fn credentials(authority: &Authority, identity: &NodeIdentity) -> Credentials {
    let issued = authority.issue(&raft::names(identity), LONG, &[9; 16]).unwrap();
    Credentials {
        authority: authority.certificate().to_vec(),
        certificate: issued.certificate,
        pkcs8: issued.pkcs8,
    }
}

pub(crate) fn authority() -> Authority {
    Authority::generate("test", LONG, &[1; 16]).unwrap()
}

/// Lets nobody in but those who ask nicely, and knows who was removed.
#[derive(Default)]
pub(crate) struct Doorkeeper {
    pub(crate) removed: Mutex<Vec<u64>>,
    /// Whether somebody waits.
    pub(crate) asked: Arc<AtomicBool>,
    /// Told when who waits may come in.
    pub(crate) open: Arc<Notify>,
}

impl Door for Doorkeeper {
    fn join(&self, question: Bytes) -> BoxFuture<'static, Result<Bytes, String>> {
        let (asked, open) = (Arc::clone(&self.asked), Arc::clone(&self.open));
        Box::pin(async move {
            if question == "may I wait" {
                asked.store(true, Ordering::SeqCst);
                open.notified().await;
            } else if question != "please" {
                return Err("no".to_owned());
            }
            Ok(Bytes::from_static(b"come in"))
        })
    }

    fn is_removed(&self, node: u64) -> bool {
        self.removed.lock().unwrap().contains(&node)
    }
}

/// A node of the group, running.
pub(crate) struct Member {
    pub(crate) cluster: Cluster,
    pub(crate) state: Arc<State>,
    pub(crate) log: Arc<storage::Log>,
    pub(crate) clock: Arc<ManualClock>,
    pub(crate) door: Arc<Doorkeeper>,
    pub(crate) fatals: Arc<Mutex<Vec<Fatal>>>,
    ticking: Arc<AtomicBool>,
    runtime: Option<tokio::runtime::Runtime>,
}

impl Member {
    /// Ends it as a power cut of the process would: nothing is told to anybody.
    pub(crate) fn kill(&mut self) {
        self.ticking.store(false, Ordering::SeqCst);
        if let Some(runtime) = self.runtime.take() {
            std::thread::spawn(move || runtime.shutdown_timeout(Duration::from_secs(10))).join().unwrap();
        }
    }

    pub(crate) async fn put(&self, key: &str, value: &str) -> Submitted {
        self.cluster.submit(Bytes::from(format!("put {key}={value}")), PATIENCE).await
    }

    pub(crate) async fn get(&self, key: &str, freshness: Freshness) -> Option<String> {
        let view = self.cluster.view(freshness).await.unwrap();
        let value = view.get(Table::State, key.as_bytes()).unwrap();
        value.map(|value| String::from_utf8(value).unwrap())
    }
}

impl Drop for Member {
    fn drop(&mut self) {
        self.kill();
    }
}

/// A cluster in folders.
pub(crate) struct Group {
    pub(crate) folder: TempDir,
    pub(crate) authority: Authority,
    pub(crate) addresses: BTreeMap<u64, SocketAddr>,
    pub(crate) nodes: BTreeMap<u64, Member>,
    pub(crate) retention: Retention,
    pub(crate) verify_every: Duration,
}

impl Group {
    /// Nodes 1 to `size`, of which node 1 begins alone.
    pub(crate) async fn new(size: u64) -> Group {
        Group::with(size, Retention::default()).await
    }

    pub(crate) async fn with(size: u64, retention: Retention) -> Group {
        let mut group = Group {
            folder: tempfile::tempdir().unwrap(),
            authority: authority(),
            addresses: BTreeMap::new(),
            nodes: BTreeMap::new(),
            retention,
            verify_every: Duration::from_secs(3600),
        };
        for node in 1..=size {
            group.start(node).await;
        }
        group.nodes[&1].cluster.initialize().await.unwrap();
        group
    }

    /// A group whose nodes all vote.
    pub(crate) async fn voting(size: u64) -> Group {
        let group = Group::new(size).await;
        group.lead_to(1..=size).await;
        group
    }

    pub(crate) fn path(&self, node: u64) -> PathBuf {
        self.folder.path().join(node.to_string())
    }

    pub(crate) fn wanted(&self, nodes: impl IntoIterator<Item = u64>) -> BTreeMap<u64, Wanted> {
        let wanted = nodes.into_iter().map(|node| {
            let peer = Peer { address: self.addresses[&node].to_string() };
            (node, Wanted { peer, voter: true })
        });
        wanted.collect()
    }

    /// Leads the membership until these nodes vote and nobody else belongs to it.
    pub(crate) async fn lead_to(&self, nodes: impl IntoIterator<Item = u64>) {
        let wanted = self.wanted(nodes);
        let voters: Vec<u64> = wanted.keys().copied().collect();
        let done = tokio::time::timeout(PATIENCE, async {
            loop {
                let leader = self.leader().await;
                // Refused steps are tried again: another leader may have taken them.
                let _ = leader.cluster.lead_members_to(&wanted).await;
                let status = leader.cluster.status();
                if status.voters == voters && status.members.len() == voters.len() {
                    return;
                }
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        });
        done.await.expect("the members become what is wanted");
    }

    pub(crate) async fn start(&mut self, node: u64) {
        let started = self.try_start(node).await;
        started.unwrap_or_else(|error| panic!("node {node}: {error}"));
    }

    pub(crate) async fn try_start(&mut self, node: u64) -> Result<(), raft::Error> {
        let identity = identity(node);
        let tls = Tls::new(&credentials(&self.authority, &identity)).unwrap();
        self.try_start_as(identity, tls).await
    }

    pub(crate) async fn try_start_as(&mut self, identity: NodeIdentity, tls: Tls) -> Result<(), raft::Error> {
        let node = identity.node;
        let path = self.path(node);
        let options = Options::new(32 << 20);
        storage::create(&path, &identity).unwrap();
        let log = Arc::new(storage::Log::open(&path, &identity, &options).unwrap());
        let state = Arc::new(State::open(&path, &identity, &options).unwrap());
        let runtime =
            tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
        let address = self.addresses.get(&node).copied().unwrap_or(SocketAddr::from(([127, 0, 0, 1], 0)));
        let listener = runtime.spawn(TcpListener::bind(address)).await.unwrap().unwrap();
        let address = *self.addresses.entry(node).or_insert(listener.local_addr().unwrap());
        let (clock, ticking) = ticking_clock();
        let door = Arc::new(Doorkeeper::default());
        let fatals: Arc<Mutex<Vec<Fatal>>> = Arc::default();
        let ports = Ports {
            log: log.clone(),
            state: state.clone(),
            machine: Arc::new(Register),
            clock: clock.clone(),
            on_fatal: OnFatal::new({
                let fatals = fatals.clone();
                move |fatal| fatals.lock().unwrap().push(fatal)
            }),
            runtime: runtime.handle().clone(),
            peers: Some(PeerSide { listener, tls: Arc::new(tls), door: door.clone() }),
            about: Arc::new(|| About { serving: true, ..About::default() }),
        };
        let peer = Peer { address: address.to_string() };
        let config = Config {
            identity,
            peer,
            timing: Timing::LAN,
            retention: self.retention,
            verify_every: self.verify_every,
        };
        let cluster = match Cluster::start(config, ports).await {
            Ok(cluster) => cluster,
            Err(error) => {
                ticking.store(false, Ordering::SeqCst);
                std::thread::spawn(move || runtime.shutdown_timeout(Duration::from_secs(10))).join().unwrap();
                return Err(error);
            }
        };
        let mut member = Member { cluster, state, log, clock, door, fatals, ticking, runtime: Some(runtime) };
        if self.nodes.contains_key(&node) {
            member.kill();
            panic!("node {node} runs already");
        }
        self.nodes.insert(node, member);
        Ok(())
    }

    /// Ends a node, and frees its folder.
    pub(crate) fn kill(&mut self, node: u64) {
        self.nodes.remove(&node).unwrap().kill();
    }

    /// Flips a byte of a row of a stopped node, as a bad disk does which forgets to say so.
    pub(crate) fn flip(&self, node: u64, key: &str) {
        let state = State::open(&self.path(node), &identity(node), &Options::new(32 << 20)).unwrap();
        let row = (Table::State, key.as_bytes().to_vec());
        state.write([(row, Some(b"flipped".to_vec()))].into(), state.applied()).unwrap();
        state.flush().unwrap();
    }

    /// Flips a bit of what a stopped node believes to have applied, and changes a row.
    pub(crate) fn spoil(&self, node: u64) {
        let state = State::open(&self.path(node), &identity(node), &Options::new(32 << 20)).unwrap();
        let mut applied = state.applied();
        applied.digest[0] ^= 1;
        let row = (Table::State, b"a".to_vec());
        state.write([(row, Some(b"2".to_vec()))].into(), applied).unwrap();
        state.flush().unwrap();
    }

    /// Who leads; waits for it.
    pub(crate) async fn leader(&self) -> &Member {
        let found = tokio::time::timeout(PATIENCE, async {
            loop {
                let leads = |member: &&Member| member.cluster.status().role == raft::Role::Leader;
                if let Some(leader) = self.nodes.values().find(leads) {
                    return leader;
                }
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        });
        found.await.expect("somebody leads")
    }

    pub(crate) async fn leader_id(&self) -> u64 {
        self.leader().await.cluster.status().node
    }

    pub(crate) async fn follower_id(&self) -> u64 {
        let leader = self.leader_id().await;
        *self.nodes.keys().find(|node| **node != leader).unwrap()
    }

    pub(crate) fn status(&self, node: u64) -> Status {
        self.nodes[&node].cluster.status()
    }

    /// Waits until all nodes are at one position, and asserts that they have one digest and one content there.
    pub(crate) async fn converged(&self) {
        eventually("all nodes are at one position", || {
            let applied: Vec<_> = self.nodes.values().map(|member| member.state.applied().log).collect();
            applied.iter().all(|log| log.is_some() && *log == applied[0])
        })
        .await;
        let contents: Vec<_> = self
            .nodes
            .values()
            .map(|member| (member.state.applied().digest, member.state.logical_hash().unwrap()))
            .collect();
        assert!(contents.iter().all(|content| *content == contents[0]), "the nodes differ");
    }
}

/// The clocks of all nodes that run, and how far they have come.
#[derive(Default)]
struct Clocks {
    passed: Duration,
    running: Vec<(Arc<ManualClock>, Arc<AtomicBool>)>,
}

/// A clock that shows what all others show, and goes on with them until it is told to stop. One thread moves all of
/// them: with one each, a starved one would fall behind, and its node would be refused for a clock that is off.
#[expect(clippy::disallowed_methods, reason = "this is the clock that the test goes by")]
fn ticking_clock() -> (Arc<ManualClock>, Arc<AtomicBool>) {
    static CLOCKS: LazyLock<Mutex<Clocks>> = LazyLock::new(|| {
        std::thread::spawn(|| {
            loop {
                std::thread::sleep(TICK);
                let mut clocks = CLOCKS.lock().unwrap();
                clocks.passed += TICK;
                clocks.running.retain(|(_, ticking)| ticking.load(Ordering::SeqCst));
                clocks.running.iter().for_each(|(clock, _)| clock.pass(TICK));
            }
        });
        Mutex::default()
    });
    const TICK: Duration = Duration::from_millis(5);
    let mut clocks = CLOCKS.lock().unwrap();
    let passed = u64::try_from(clocks.passed.as_millis()).unwrap();
    let (clock, ticking) = (Arc::new(ManualClock::new(NOW_MS + passed)), Arc::new(AtomicBool::new(true)));
    clocks.running.push((clock.clone(), ticking.clone()));
    (clock, ticking)
}

/// Copies a folder of files and folders.
pub(crate) fn copy(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let to = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            copy(&entry.path(), &to)
        } else {
            std::fs::copy(entry.path(), to).map(drop).unwrap()
        }
    }
}
