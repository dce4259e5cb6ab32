//! A log in memory, for tests that need no disk. The conformance suite holds for it as for the one on disk.

use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::{Completion, Entry, Error, LogBackend, LogId, LogState, Vote};

/// A log in memory.
#[derive(Default)]
pub struct MemoryLog {
    inner: Mutex<Inner>,
}

#[derive(Default)]
struct Inner {
    entries: BTreeMap<u64, Entry>,
    purged: Option<LogId>,
    vote: Option<Vote>,
    committed: Option<LogId>,
}

impl Inner {
    fn last(&self) -> Option<LogId> {
        self.entries.values().next_back().map_or(self.purged, |entry| Some(entry.id))
    }
}

impl MemoryLog {
    /// An empty log.
    pub fn new() -> MemoryLog {
        MemoryLog::default()
    }

    fn inner(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl LogBackend for MemoryLog {
    fn append(&self, entries: Vec<Entry>, done: Completion) -> Result<(), Error> {
        let mut inner = self.inner();
        let mut last = inner.last();
        for entry in &entries {
            if last.is_some_and(|last| entry.id.index != last.index.saturating_add(1) || entry.id <= last) {
                return Err(Error::OutOfOrder { last, found: entry.id });
            }
            last = Some(entry.id);
        }
        inner.entries.extend(entries.into_iter().map(|entry| (entry.id.index, entry)));
        drop(inner);
        done(Ok(()));
        Ok(())
    }

    fn save_vote(&self, vote: Vote, done: Completion) -> Result<(), Error> {
        self.inner().vote = Some(vote);
        done(Ok(()));
        Ok(())
    }

    fn save_committed(&self, id: Option<LogId>) -> Result<(), Error> {
        self.inner().committed = id;
        Ok(())
    }

    fn truncate_after(&self, index: Option<u64>, done: Completion) -> Result<(), Error> {
        self.inner().entries.retain(|at, _| index.is_some_and(|index| *at <= index));
        done(Ok(()));
        Ok(())
    }

    fn purge(&self, upto: LogId, done: Completion) -> Result<(), Error> {
        let mut inner = self.inner();
        if inner.purged.is_none_or(|purged| purged.index < upto.index) {
            inner.purged = Some(upto);
            inner.entries.retain(|at, _| *at > upto.index);
        }
        drop(inner);
        done(Ok(()));
        Ok(())
    }

    fn read(&self, range: Range<u64>, max_bytes: usize, max_entries: usize) -> Result<Vec<Entry>, Error> {
        let mut read: Vec<Entry> = Vec::new();
        let mut bytes: usize = 0;
        if range.start >= range.end {
            return Ok(read);
        }
        for entry in self.inner().entries.range(range).map(|(_, entry)| entry) {
            bytes = bytes.saturating_add(entry.payload.len());
            if !read.is_empty() && (bytes > max_bytes || read.len() >= max_entries) {
                break;
            }
            read.push(entry.clone());
        }
        Ok(read)
    }

    fn bytes_upto(&self, index: u64) -> Result<Option<u64>, Error> {
        let inner = self.inner();
        if !inner.entries.contains_key(&index) {
            return Ok(None);
        }
        Ok(Some(inner.entries.range(..=index).map(|(_, entry)| size(entry)).sum()))
    }

    fn state(&self) -> LogState {
        let inner = self.inner();
        LogState {
            purged: inner.purged,
            last: inner.last(),
            synced: inner.last(),
            vote: inner.vote,
            committed: inner.committed,
            bytes: inner.entries.values().map(size).sum(),
        }
    }
}

fn size(entry: &Entry) -> u64 {
    u64::try_from(entry.payload.len()).unwrap_or(u64::MAX)
}
