//! The Raft log: the port to it and the words it is spoken of with.
//!
//! `rocks` keeps it on disk, `testing::MemoryLog` in memory; one conformance suite (`storage/tests`) holds for both.
//! Deliberately absent: what an entry means. Next: `rocks` (the log itself), `writer` (its I/O thread), `tail`.

use std::fmt;
use std::ops::Range;

use bytes::Bytes;

use crate::Error;

pub mod rocks;

pub(crate) mod ledger;
pub(crate) mod open;
pub(crate) mod scan;
pub(crate) mod tail;
pub(crate) mod wal;
pub(crate) mod wanted;
pub(crate) mod writer;

/// The place of an entry in the log. Ordered by term, node and index in this order: the term and node of the leader
/// that wrote it decide before the index, as Raft compares logs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct LogId {
    /// The term of the leader that wrote the entry.
    pub term: u64,
    /// The number of that leader.
    pub node: u64,
    /// The entry's index.
    pub index: u64,
}

impl fmt::Display for LogId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}.{}", self.term, self.node, self.index)
    }
}

/// What this node has promised in elections.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Vote {
    /// The term.
    pub term: u64,
    /// The candidate or leader voted for.
    pub node: u64,
    /// Whether a quorum granted it.
    pub committed: bool,
}

/// An entry. Its payload is `raft`'s frame and opaque here; `Debug` does not print it, for commands hold secrets.
#[derive(Clone, PartialEq, Eq)]
pub struct Entry {
    /// Its place.
    pub id: LogId,
    /// Its bytes, equal on all nodes.
    pub payload: Bytes,
}

impl fmt::Debug for Entry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Entry({}, {} bytes)", self.id, self.payload.len())
    }
}

/// Called once when an operation is on disk, or failed. It runs on the log's I/O thread: it must be short and must
/// not call the log.
pub type Completion = Box<dyn FnOnce(Result<(), Error>) + Send>;

/// What the log holds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct LogState {
    /// The last entry that was purged.
    pub purged: Option<LogId>,
    /// The last entry, or the purged one if none is left.
    pub last: Option<LogId>,
    /// The last entry as of the newest sync: what a crash leaves at least.
    pub synced: Option<LogId>,
    /// The vote, as last submitted.
    pub vote: Option<Vote>,
    /// A hint of what was committed; may be older than the truth.
    pub committed: Option<LogId>,
    /// The payload bytes of the entries after `purged`.
    pub bytes: u64,
}

impl LogState {
    /// The index of the first entry that is or would be here.
    pub fn first_index(&self) -> u64 {
        self.purged.map_or(0, |id| id.index.saturating_add(1))
    }

    /// The index that the next entry has.
    pub fn next_index(&self) -> u64 {
        self.last.map_or(0, |id| id.index.saturating_add(1))
    }
}

/// A log of entries together with the vote.
///
/// Operations take effect in memory in the order of the calls and reach the disk in that order; completions fire in
/// that order, each after the sync that covers it. A returned error means that nothing was done and the completion is
/// dropped uncalled. After a failed write every operation fails with that error; only a restart helps.
///
/// Calls may block while the queue to the disk is full.
pub trait LogBackend: Send + Sync + 'static {
    /// Adds entries that continue the log. They can be read when this returns. An empty log takes any first index: after
    /// the install of a snapshot the log is purged to its position first.
    fn append(&self, entries: Vec<Entry>, done: Completion) -> Result<(), Error>;

    /// Replaces the vote.
    fn save_vote(&self, vote: Vote, done: Completion) -> Result<(), Error>;

    /// Notes what is committed; written with the next operation that is synced, so it may be lost.
    fn save_committed(&self, id: Option<LogId>) -> Result<(), Error>;

    /// Removes the entries after `index`; all of them when `None`. What is purged stays purged.
    fn truncate_after(&self, index: Option<u64>, done: Completion) -> Result<(), Error>;

    /// Removes the entries up to and including `upto`, which may lie beyond the last one.
    fn purge(&self, upto: LogId, done: Completion) -> Result<(), Error>;

    /// The entries of `range` that are here, in order and without a gap: at most `max_entries` of them and about
    /// `max_bytes` of payload, but at least one if there is one.
    fn read(&self, range: Range<u64>, max_bytes: usize, max_entries: usize) -> Result<Vec<Entry>, Error>;

    /// The payload bytes between `purged` and the end of the entry at `index`; `None` unless it is here. `retention` finds
    /// by it where a number of bytes begins.
    fn bytes_upto(&self, index: u64) -> Result<Option<u64>, Error>;

    /// What the log holds, from memory.
    fn state(&self) -> LogState;
}
