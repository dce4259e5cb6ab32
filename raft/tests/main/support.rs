//! A node in a folder, and a machine of a few lines.

use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use identity::execute::{Head, Outcome};
use identity::refusal::Refusal;
use identity::tables::{Fault, Overlay, Read, Table};
use raft::{
    About, Clock, Cluster, Config, Fatal, Freshness, Machine, ManualClock, OnFatal, Peer, Ports, Position,
    Ran, Retention, Step, Submitted, Timing,
};
use storage::{Completion, Entry, Error, LogBackend, LogId, LogState, NodeIdentity, Options, State, Vote};

pub(crate) const IDENTITY: NodeIdentity = NodeIdentity { cluster: [9; 16], node: 1, lineage: 4 };
/// How long a test waits for what must come.
pub(crate) const PATIENCE: Duration = Duration::from_secs(20);
/// A day in 2026.
pub(crate) const NOW_MS: u64 = 1_790_000_000_000;

/// `put key=value` writes a row, `refuse key=value` writes one and is refused, `fault` stops the node.
pub(crate) struct Register;

impl Machine for Register {
    fn readable(&self, command: &[u8]) -> bool {
        std::str::from_utf8(command).is_ok()
    }

    fn level(&self, _base: &dyn Read) -> Result<u32, Fault> {
        Ok(1)
    }

    fn run(&self, base: &dyn Read, mut head: Head, steps: &[Step<'_>]) -> Result<Ran, Fault> {
        let mut tables = Overlay::new(base);
        let (mut outcomes, mut digests) = (Vec::new(), Vec::new());
        for step in steps {
            head.time = head.time.max(step.time.unwrap_or_default());
            let mut of_step = Vec::new();
            for (ordinal, command) in (0..).zip(step.commands) {
                let text = String::from_utf8(command.to_vec()).unwrap();
                let (verb, assignment) = text.split_once(' ').unwrap_or((&text, ""));
                let (key, value) = assignment.split_once('=').unwrap_or((assignment, ""));
                if verb == "fault" {
                    return Err(Fault("a fault was asked for".to_owned()));
                }
                tables.put(Table::State, key.into(), value.into());
                let outcome = if verb == "refuse" {
                    tables.drop_command();
                    Outcome::Refused(Refusal::NotPermitted)
                } else {
                    Outcome::Applied(value.into())
                };
                head.digest =
                    identity::digest::advance(head.digest, step.index, ordinal, command, tables.written());
                tables.keep();
                of_step.push(outcome);
            }
            outcomes.push(of_step);
            digests.push(head.digest);
        }
        Ok(Ran { outcomes, digests, changes: tables.into_changes(), head })
    }
}

/// A log whose completions a test can hold back.
pub(crate) struct Held {
    pub(crate) log: Arc<dyn LogBackend>,
    pub(crate) holding: AtomicBool,
    kept: Mutex<Vec<Completion>>,
}

impl Held {
    pub(crate) fn new(log: Arc<dyn LogBackend>) -> Arc<Held> {
        Arc::new(Held { log, holding: AtomicBool::new(false), kept: Mutex::default() })
    }

    pub(crate) fn hold(&self) {
        self.holding.store(true, Ordering::SeqCst);
    }

    pub(crate) fn release(&self) {
        self.holding.store(false, Ordering::SeqCst);
        for done in self.kept.lock().unwrap().drain(..) {
            done(Ok(()));
        }
    }

    pub(crate) fn fail(&self) {
        self.holding.store(false, Ordering::SeqCst);
        let path = "log".into();
        for done in self.kept.lock().unwrap().drain(..) {
            done(Err(Error::Closed { path: std::path::PathBuf::clone(&path) }));
        }
    }
}

impl LogBackend for Held {
    fn append(&self, entries: Vec<Entry>, done: Completion) -> Result<(), Error> {
        if self.holding.load(Ordering::SeqCst) {
            self.kept.lock().unwrap().push(done);
            return self.log.append(entries, Box::new(|_| {}));
        }
        self.log.append(entries, done)
    }
    fn save_vote(&self, vote: Vote, done: Completion) -> Result<(), Error> {
        self.log.save_vote(vote, done)
    }
    fn save_committed(&self, id: Option<LogId>) -> Result<(), Error> {
        self.log.save_committed(id)
    }
    fn truncate_after(&self, index: Option<u64>, done: Completion) -> Result<(), Error> {
        self.log.truncate_after(index, done)
    }
    fn purge(&self, upto: LogId, done: Completion) -> Result<(), Error> {
        self.log.purge(upto, done)
    }
    fn read(
        &self,
        range: std::ops::Range<u64>,
        max_bytes: usize,
        max_entries: usize,
    ) -> Result<Vec<Entry>, Error> {
        self.log.read(range, max_bytes, max_entries)
    }
    fn bytes_upto(&self, index: u64) -> Result<Option<u64>, Error> {
        self.log.bytes_upto(index)
    }
    fn state(&self) -> LogState {
        self.log.state()
    }
}

/// A running node.
pub(crate) struct Node {
    pub(crate) cluster: Cluster,
    pub(crate) state: Arc<State>,
    pub(crate) log: Arc<Held>,
    pub(crate) fatals: Arc<Mutex<Vec<Fatal>>>,
    runtime: Option<tokio::runtime::Runtime>,
}

pub(crate) struct Setup {
    pub(crate) identity: NodeIdentity,
    pub(crate) machine: Arc<dyn Machine>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) retention: Retention,
    pub(crate) timing: Timing,
}

impl Default for Setup {
    fn default() -> Setup {
        Setup {
            identity: IDENTITY,
            machine: Arc::new(Register),
            clock: Arc::new(ManualClock::new(NOW_MS)),
            retention: Retention::default(),
            timing: Timing::LAN,
        }
    }
}

impl Node {
    /// Opens the folder, and starts and initialises what is there.
    pub(crate) async fn start(folder: &Path) -> Node {
        Node::with(folder, Setup::default()).await
    }

    pub(crate) async fn with(folder: &Path, setup: Setup) -> Node {
        let Setup { identity, machine, clock, retention, timing } = setup;
        let options = Options::new(32 << 20);
        storage::create(folder, &identity).unwrap();
        let log = Held::new(Arc::new(storage::Log::open(folder, &identity, &options).unwrap()));
        let state = Arc::new(State::open(folder, &identity, &options).unwrap());
        let fatals: Arc<Mutex<Vec<Fatal>>> = Arc::default();
        let runtime =
            tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
        let ports = Ports {
            log: log.clone(),
            state: state.clone(),
            machine,
            clock,
            on_fatal: OnFatal::new({
                let fatals = fatals.clone();
                move |fatal| fatals.lock().unwrap().push(fatal)
            }),
            runtime: runtime.handle().clone(),
            peers: None,
            about: Arc::new(About::default),
        };
        let config = Config {
            identity,
            peer: Peer::default(),
            timing,
            retention,
            verify_every: Duration::from_secs(3600),
        };
        let cluster = Cluster::start(config, ports).await.unwrap();
        if !cluster.is_initialized().await.unwrap() {
            cluster.initialize().await.unwrap();
        }
        tokio::time::timeout(PATIENCE, cluster.ready()).await.expect("it is ready in time").unwrap();
        Node { cluster, state, log, fatals, runtime: Some(runtime) }
    }

    pub(crate) async fn submit(&self, command: impl Into<String>) -> Submitted {
        self.cluster.submit(Bytes::from(command.into()), PATIENCE).await
    }

    /// Has `put key=value` applied.
    pub(crate) async fn put(&self, key: &str, value: &str) -> Position {
        match self.submit(format!("put {key}={value}")).await {
            Submitted::Applied { reply, position } => {
                assert_eq!(reply, value.as_bytes());
                position
            }
            other => panic!("{other:?}"),
        }
    }

    pub(crate) async fn get(&self, key: &str, freshness: Freshness) -> Option<String> {
        let view = self.cluster.view(freshness).await.unwrap();
        view.get(Table::State, key.as_bytes()).unwrap().map(|value| String::from_utf8(value).unwrap())
    }

    /// Stops in order and frees the folder.
    pub(crate) async fn stop(mut self) {
        self.cluster.shutdown().await.unwrap();
        self.end();
    }

    fn end(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            // On a thread of its own, because a runtime may not be ended from within another. It waits for what still
            // runs, so that the folder is free afterwards.
            std::thread::spawn(move || runtime.shutdown_timeout(Duration::from_secs(10))).join().unwrap();
        }
    }
}

impl Drop for Node {
    fn drop(&mut self) {
        self.end();
    }
}

/// Waits until `holds`.
pub(crate) async fn eventually(what: &str, mut holds: impl FnMut() -> bool) {
    let waited = tokio::time::timeout(PATIENCE, async {
        while !holds() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    });
    waited.await.unwrap_or_else(|_| panic!("{what}: it did not come true"));
}
