//! A cluster of real nodes, made by the commands of an operator or by the demo, and what happens to it.
//!
//! Nodes are named by their number, from 1 on. Whatever happens, nothing is left running when the cluster is dropped;
//! if the test has failed by then, it prints the last lines of every node's log.

mod make;
mod state;

pub use state::{Ready, Status};

use crate::binary;
use crate::history::Clock;
use crate::http::Http;
use crate::layout::Layout;
use crate::network::Network;
use crate::operator::{self, Done};
use crate::process::{Place, Process, code, tail};
use crate::turn::Turn;
use crate::wait;
use crate::world::World;
use identity::tables::{Read as _, Table};
use rustix::process::Signal;
use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use std::vec::IntoIter;
use storage::{NodeIdentity, Options, State};
use tempfile::TempDir;
use tokio::task::JoinHandle;

/// How long a node may take to be ready. Three seconds are expected.
pub const READY_MAX: Duration = Duration::from_secs(60);
/// How long an ordered stop may take.
const STOP_MAX: Duration = Duration::from_secs(60);
/// How long a cluster may be without a leader. Two seconds are expected.
const LEADER_MAX: Duration = Duration::from_secs(30);
/// How long nodes may take to become equal once nothing is written any more.
const CONVERGED_MAX: Duration = Duration::from_secs(60);
/// How long a distributor waits for /ready, and between two looks.
const EYE_MAX: Duration = Duration::from_millis(500);
const EYE_PAUSE: Duration = Duration::from_millis(100);
/// The rows of a demo.
const ROWS_MAX: usize = 10_000;
/// Lines of each log that a failed test shows.
const LOG_LINES: usize = 60;

/// A cluster.
#[derive(Debug)]
pub struct Cluster {
    nodes: Vec<Node>,
    /// Whose links can be cut, if it has a network of its own.
    pub network: Option<Network>,
    /// What is in it, as the outside world knows it.
    pub world: World,
    /// Since when this test counts its time.
    pub clock: Clock,
    /// Nodes that do not belong to it.
    outside: BTreeSet<usize>,
    folder: TempDir,
    _turn: Turn,
}

#[derive(Debug)]
struct Node {
    layout: Layout,
    place: Place,
    process: Option<Process>,
    public: Http,
    operations: Http,
}

impl Cluster {
    /// The numbers of all nodes that belong to the cluster.
    pub fn all(&self) -> IntoIter<usize> {
        let numbers = 1..=self.nodes.len();
        numbers.filter(|number| !self.outside.contains(number)).collect::<Vec<_>>().into_iter()
    }

    /// Counts a node as none of the cluster's any more.
    pub fn forget(&mut self, number: usize) {
        self.outside.insert(number);
    }

    /// The numbers of all nodes but these.
    pub fn but(&self, these: &[usize]) -> Vec<usize> {
        self.all().filter(|node| !these.contains(node)).collect()
    }

    /// The public side of a node.
    pub fn public(&self, node: usize) -> Http {
        self.node(node).public.clone()
    }

    /// The public sides of all nodes, in their order.
    pub fn publics(&self) -> Vec<Http> {
        self.all().map(|number| self.public(number)).collect()
    }

    /// Where a node lies.
    pub fn layout(&self, node: usize) -> &Layout {
        &self.node(node).layout
    }

    /// Where a node lives.
    pub fn place(&self, node: usize) -> &Place {
        &self.node(node).place
    }

    /// The links between the nodes.
    ///
    /// # Panics
    /// When the cluster has no network of its own.
    pub fn links(&mut self) -> &mut Network {
        self.network.as_mut().expect("the cluster was made with a network of its own")
    }

    /// Starts a node; it need not be ready yet.
    pub fn start(&mut self, number: usize) {
        self.start_as(number, binary::conclave(), &[]);
    }

    /// The same with a wall clock that is off by so many seconds.
    pub fn start_with_clock_off(&mut self, number: usize, secs: i64) {
        let offset = format!("{secs:+}s");
        let variables = [
            ("LD_PRELOAD", "/usr/$LIB/faketime/libfaketime.so.1"),
            ("FAKETIME", offset.as_str()),
            ("FAKETIME_DONT_FAKE_MONOTONIC", "1"),
        ];
        self.start_as(number, binary::conclave(), &variables);
    }

    /// The same with another program, and with variables.
    pub fn start_as(&mut self, number: usize, program: &Path, variables: &[(&str, &str)]) {
        let node = self.node_mut(number);
        assert!(node.process.is_none(), "node {number} runs already");
        let mut command = node.place.command(program.as_os_str());
        command.args(["serve", "--config"]).arg(&node.layout.config).envs(variables.iter().copied());
        node.process = Some(Process::start(&mut command, &node.layout.log));
    }

    /// Keeps an eye on every node's `/ready`, as who distributes requests does, until `stop`.
    pub fn watch_readiness(&self, live: Arc<Vec<AtomicBool>>, stop: Arc<AtomicBool>) -> JoinHandle<()> {
        let sides: Vec<Http> = self.nodes.iter().map(|node| node.operations.waiting(EYE_MAX)).collect();
        tokio::spawn(async move {
            while !stop.load(Ordering::SeqCst) {
                for (side, live) in sides.iter().zip(live.iter()) {
                    let answer = side.get("/ready", &[]).await;
                    live.store(answer.is_ok_and(|answer| answer.status == 200), Ordering::SeqCst);
                }
                tokio::time::sleep(EYE_PAUSE).await;
            }
        })
    }

    /// Changes one letter of a row of a stopped node, as a bad disk does which forgets to say so.
    pub fn flip_a_row(&self, number: usize) {
        const FOUND: &[u8] = b"Portal administrator";
        let dir = &self.layout(number).data;
        let identity = NodeIdentity::read(dir).expect("node.json can be read").expect("the node has joined");
        let state = State::open(dir, &identity, &Options::new(32 << 20)).expect("the node is stopped");
        let rows = state.view().scan(Table::State, &[], &[u8::MAX], ROWS_MAX).expect("the state can be read");
        let holds = |value: &[u8]| value.windows(FOUND.len()).position(|window| window == FOUND);
        let found = rows.into_iter().find_map(|(key, value)| Some((key, holds(&value)?, value)));
        let (key, at, mut value) = found.expect("the demo has this role");
        value[at] ^= 0x20;
        let changes = [((Table::State, key), Some(value))].into();
        state.write(changes, state.applied()).and_then(|()| state.flush()).expect("the state can be written");
    }

    /// Starts these nodes and waits until they are ready.
    pub async fn start_and_wait(&mut self, numbers: &[usize]) {
        for number in numbers {
            self.start(*number);
        }
        self.until_ready(numbers).await;
    }

    /// Ends a node without a word.
    pub fn kill(&mut self, number: usize) {
        self.take(number).kill();
    }

    /// Stops a node as a service manager does. Its exit code.
    pub async fn stop(&mut self, number: usize) -> i32 {
        let process = self.take(number);
        process.signal(Signal::TERM);
        code(process.ended(STOP_MAX).await)
    }

    /// Stops every node that runs, the leader last: nobody need take over from him.
    pub async fn stop_all(&mut self) {
        let mut numbers = self.running();
        if let [_, _, ..] = numbers[..] {
            let leader = self.leader().await;
            numbers.sort_by_key(|number| *number == leader);
        }
        for number in numbers {
            let code = self.stop(number).await;
            assert_eq!(code, 0, "node {number}: {}", tail(&self.layout(number).log, LOG_LINES));
        }
    }

    /// Waits for a node to end by itself. Its exit code.
    pub async fn ended(&mut self, number: usize, max: Duration) -> i32 {
        code(self.take(number).ended(max).await)
    }

    /// Lets a node stand still.
    pub fn pause(&self, number: usize) {
        self.process(number).signal(Signal::STOP);
    }

    /// Lets it go on.
    pub fn resume(&self, number: usize) {
        self.process(number).signal(Signal::CONT);
    }

    /// The numbers of the nodes whose processes run, also of those that stand still.
    pub fn running(&self) -> Vec<usize> {
        self.all().filter(|number| self.node(*number).process.is_some()).collect()
    }

    /// A command of `conclave cluster`, asked of a running node.
    pub async fn ask(&self, number: usize, words: &[&str]) -> Done {
        let node = self.node(number);
        operator::cluster(&node.place, &node.layout.data, words).await
    }

    /// `conclave disable` or `enable`, asked of a running node: what, and its id.
    pub async fn switch(&self, number: usize, verb: &str, words: [&str; 2]) -> Done {
        let node = self.node(number);
        operator::switch(&node.place, &node.layout.data, verb, words).await
    }

    /// Waits until these nodes are ready, and fails early if one has ended.
    pub async fn until_ready(&mut self, numbers: &[usize]) {
        for number in numbers {
            wait::until(&format!("node {number} is ready"), READY_MAX, async || {
                let ended = self.node_mut(*number).process.as_mut().and_then(Process::has_ended);
                if let Some(status) = ended {
                    panic!("node {number} has ended with {} before it was ready", code(status));
                }
                self.ready(*number).await.filter(|ready| ready.is)
            })
            .await;
        }
    }

    /// The node that most of the running ones follow, once there is one that says so itself.
    pub async fn leader(&self) -> usize {
        let running = self.running();
        self.leader_among(&running).await
    }

    /// The same, seen from these nodes.
    pub async fn leader_among(&self, numbers: &[usize]) -> usize {
        let what = format!("one of {numbers:?} leads");
        wait::until(&what, LEADER_MAX, async || {
            let mut leading: Option<Status> = None;
            for number in numbers {
                let Some(status) = self.status(*number).await else { continue };
                if status.role == "leader" && leading.as_ref().is_none_or(|other| other.term < status.term) {
                    leading = Some(status);
                }
            }
            leading.map(|status| status.node)
        })
        .await
    }

    /// Waits until all running nodes have applied the same log; returns up to where, and its digest.
    ///
    /// # Panics
    /// When two of them have applied as much and are not equal.
    pub async fn converged(&self) -> (u64, String) {
        let numbers = self.running();
        wait::until("the nodes are equal", CONVERGED_MAX, async || {
            let mut seen = Vec::new();
            for number in &numbers {
                seen.push(self.status(*number).await?);
            }
            let first = seen.first()?;
            if seen.iter().any(|status| status.applied != first.applied) {
                return None;
            }
            for status in &seen {
                assert_eq!(
                    status.digest, first.digest,
                    "nodes {} and {} differ at {:?}",
                    status.node, first.node, first.applied
                );
            }
            Some((first.applied?, first.digest.clone()))
        })
        .await
    }

    fn node(&self, number: usize) -> &Node {
        &self.nodes[number - 1]
    }

    fn node_mut(&mut self, number: usize) -> &mut Node {
        &mut self.nodes[number - 1]
    }

    fn process(&self, number: usize) -> &Process {
        self.node(number).process.as_ref().unwrap_or_else(|| panic!("node {number} does not run"))
    }

    fn take(&mut self, number: usize) -> Process {
        self.node_mut(number).process.take().unwrap_or_else(|| panic!("node {number} does not run"))
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        for node in &mut self.nodes {
            node.process = None;
        }
        if std::thread::panicking() {
            for (number, node) in (1..).zip(&self.nodes) {
                eprintln!("--- node {number}\n{}", tail(&node.layout.log, LOG_LINES));
            }
            self.folder.disable_cleanup(true);
            eprintln!("--- everything is kept in {}", self.folder.path().display());
        }
    }
}
