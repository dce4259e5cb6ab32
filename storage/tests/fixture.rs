//! Data folders, entries and completions for the tests.

use std::path::{Path, PathBuf};
use std::sync::mpsc;

use bytes::Bytes;
use identity::tables::{Changes, Table};
use storage::{Applied, Completion, Entry, Error, Log, LogBackend, LogId, NodeIdentity, Options, State};

pub(crate) const IDENTITY: NodeIdentity = NodeIdentity { cluster: [7; 16], node: 1, lineage: 0 };

/// A data folder that goes with the test.
pub(crate) struct Folder {
    _keep: tempfile::TempDir,
    pub(crate) dir: PathBuf,
}

pub(crate) fn folder() -> Folder {
    folder_of(&IDENTITY)
}

pub(crate) fn folder_of(identity: &NodeIdentity) -> Folder {
    let keep = tempfile::tempdir().unwrap();
    let dir = keep.path().join("data");
    storage::create(&dir, identity).unwrap();
    Folder { _keep: keep, dir }
}

impl Folder {
    pub(crate) fn log(&self) -> Log {
        self.try_log().unwrap()
    }

    pub(crate) fn try_log(&self) -> Result<Log, Error> {
        Log::open(&self.dir, &IDENTITY, &quiet())
    }

    pub(crate) fn state(&self) -> State {
        self.try_state().unwrap()
    }

    pub(crate) fn try_state(&self) -> Result<State, Error> {
        State::open(&self.dir, &IDENTITY, &quiet())
    }

    /// A copy of the folder as it is on disk this moment: what a killed process would leave.
    pub(crate) fn image(&self) -> Folder {
        let keep = tempfile::tempdir().unwrap();
        let dir = keep.path().join("data");
        copy(&self.dir, &dir);
        Folder { _keep: keep, dir }
    }
}

/// Options whose fatal hook says nothing; a small budget, so that flushes and evictions happen.
pub(crate) fn quiet() -> Options {
    Options::new(32 << 20).with_on_fatal(std::sync::Arc::new(|_| {}))
}

/// Files may go while they are copied: the copy is then of a moment without them, but for the newest log file.
pub(crate) fn copy(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    let mut entries: Vec<PathBuf> =
        std::fs::read_dir(from).unwrap().map(|entry| entry.unwrap().path()).collect();
    entries.sort();
    for path in entries {
        let target = to.join(path.file_name().unwrap());
        if path.is_dir() {
            copy(&path, &target);
        } else {
            std::fs::copy(&path, &target).unwrap();
        }
    }
}

pub(crate) fn id(term: u64, index: u64) -> LogId {
    LogId { term, node: 1, index }
}

pub(crate) fn entry(term: u64, index: u64) -> Entry {
    sized(term, index, 20)
}

/// An entry whose payload tells its term and index.
pub(crate) fn sized(term: u64, index: u64, size: usize) -> Entry {
    let mut payload = format!("{term}.{index};").into_bytes();
    payload.resize(size.max(payload.len()), b'.');
    Entry { id: id(term, index), payload: Bytes::from(payload) }
}

pub(crate) fn entries(term: u64, range: std::ops::Range<u64>) -> Vec<Entry> {
    range.map(|index| entry(term, index)).collect()
}

/// A completion, and where its result arrives.
pub(crate) fn completion() -> (Completion, mpsc::Receiver<Result<(), Error>>) {
    let (sender, receiver) = mpsc::channel();
    (Box::new(move |result| drop(sender.send(result))), receiver)
}

/// Runs an operation and waits until it is on disk.
pub(crate) fn wait(operation: impl FnOnce(Completion) -> Result<(), Error>) -> Result<(), Error> {
    let (done, result) = completion();
    operation(done)?;
    result.recv().expect("a completion is always called")
}

pub(crate) fn append(log: &dyn LogBackend, entries: Vec<Entry>) {
    wait(|done| log.append(entries, done)).unwrap();
}

pub(crate) fn read_all(log: &dyn LogBackend) -> Vec<Entry> {
    log.read(0..u64::MAX, usize::MAX, usize::MAX).unwrap()
}

pub(crate) fn indexes(entries: &[Entry]) -> Vec<u64> {
    entries.iter().map(|entry| entry.id.index).collect()
}

pub(crate) fn applied(index: u64) -> Applied {
    Applied {
        log: Some(id(1, index)),
        membership: Bytes::from_static(b"members"),
        time_ms: index * 10,
        digest: [u8::try_from(index % 251).unwrap(); 32],
        log_synced: 0,
    }
}

pub(crate) fn put(table: Table, key: &str, value: &str) -> Changes {
    Changes::from([((table, key.as_bytes().to_vec()), Some(value.as_bytes().to_vec()))])
}

/// Flips the bits of `mask` in one byte of a file.
pub(crate) fn flip(path: &Path, at: usize, mask: u8) {
    let mut bytes = std::fs::read(path).unwrap();
    bytes[at] ^= mask;
    std::fs::write(path, bytes).unwrap();
}

/// The newest write-ahead log file of the log.
pub(crate) fn newest_wal(dir: &Path) -> PathBuf {
    let mut files: Vec<PathBuf> =
        std::fs::read_dir(dir.join("log")).unwrap().map(|e| e.unwrap().path()).collect();
    files.retain(|path| path.extension().is_some_and(|ext| ext == "log"));
    files.sort();
    files.pop().unwrap()
}

/// A generator of numbers from a seed: splitmix64.
pub(crate) struct Random(pub(crate) u64);

impl Random {
    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    pub(crate) fn below(&mut self, bound: u64) -> u64 {
        self.next() % bound
    }
}
