//! openraft's own suite for storage, over both logs.

use identity::execute::Head;
use identity::tables::{Changes, Fault, Read};
use openraft::StorageError;
use openraft::testing::log::{StoreBuilder, Suite};
use storage::testing::MemoryLog;
use storage::{NodeIdentity, Options};
use tokio::sync::{broadcast, watch};

use super::*;
use crate::machine::{Machine, Ran, Step};
use crate::state_machine::{Parts, StateMachine};

const IDENTITY: NodeIdentity = NodeIdentity { cluster: [7; 16], node: 0, lineage: 1 };

/// A machine without commands: the suite has blank and membership entries only.
struct Nothing;

impl Machine for Nothing {
    fn readable(&self, _command: &[u8]) -> bool {
        false
    }

    fn level(&self, _base: &dyn Read) -> Result<u32, Fault> {
        Ok(1)
    }

    fn run(&self, _base: &dyn Read, head: Head, steps: &[Step<'_>]) -> Result<Ran, Fault> {
        let digests = steps.iter().map(|_| head.digest).collect();
        Ok(Ran {
            outcomes: steps.iter().map(|_| Vec::new()).collect(),
            digests,
            changes: Changes::new(),
            head,
        })
    }
}

/// Builds empty stores, each in a folder of its own.
struct Builder {
    log: fn(&std::path::Path) -> Arc<dyn LogBackend>,
}

impl StoreBuilder<TypeConfig, LogStore, StateMachine, tempfile::TempDir> for Builder {
    async fn build(&self) -> Result<(tempfile::TempDir, LogStore, StateMachine), StorageError<TypeConfig>> {
        let folder = tempfile::tempdir().unwrap();
        storage::create(folder.path(), &IDENTITY).unwrap();
        let state = Arc::new(State::open(folder.path(), &IDENTITY, &Options::new(16 << 20)).unwrap());
        let log = (self.log)(folder.path());
        let fatal = OnFatal::new(|_| {});
        let machine = StateMachine::new(Parts {
            state: Arc::clone(&state),
            log: Arc::clone(&log),
            machine: Arc::new(Nothing),
            applied: watch::Sender::default(),
            changes: broadcast::Sender::new(1),
            digests: Arc::default(),
            scrub: Arc::new(crate::scrub::Scrub::new(u64::MAX, OnFatal::new(|_| {}))),
            fatal: fatal.clone(),
        });
        Ok((folder, LogStore::new(log, state, fatal), machine))
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn openrafts_suite_holds_on_rocksdb() {
    let rocks = |folder: &std::path::Path| -> Arc<dyn LogBackend> {
        Arc::new(storage::Log::open(folder, &IDENTITY, &Options::new(16 << 20)).unwrap())
    };
    Suite::test_all(Builder { log: rocks }).await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn openrafts_suite_holds_in_memory() {
    Suite::test_all(Builder { log: |_| Arc::new(MemoryLog::new()) }).await.unwrap();
}

#[tokio::test]
async fn e10_an_entry_of_an_unknown_format_ends_the_node() {
    let called = Arc::new(std::sync::atomic::AtomicBool::new(false));
    let builder = Builder { log: |_| Arc::new(MemoryLog::new()) };
    let (_folder, mut store, _machine) = builder.build().await.unwrap();
    let seen = Arc::clone(&called);
    store.fatal = OnFatal::new(move |fatal| {
        assert_eq!(fatal.cause, Cause::Log);
        seen.store(true, std::sync::atomic::Ordering::SeqCst);
    });
    let id = storage::LogId { term: 1, node: 1, index: 0 };
    let payload = bytes::Bytes::from_static(&[frames::FORMAT + 1, 10, 0]);
    store.log.append(vec![storage::Entry { id, payload }], Box::new(|_| {})).unwrap();
    store.try_get_log_entries(0..1).await.unwrap_err();
    assert!(called.load(std::sync::atomic::Ordering::SeqCst));
}

#[test]
fn every_shape_of_range_is_understood() {
    assert_eq!(bounds(&(3..7)), 3..7);
    assert_eq!(bounds(&(3..=7)), 3..8);
    assert_eq!(bounds(&(..)), 0..u64::MAX);
    assert_eq!(bounds(&(Bound::Excluded(3), Bound::Unbounded)), 4..u64::MAX);
}
