//! What the log is, in memory: the effects of every operation that was submitted, written yet or not.
//!
//! The I/O thread only tells it how far the disk has come. All rules about which operation is allowed stand here.

use crate::log::tail::Tail;
use crate::{Entry, Error, LogId, LogState, Vote};

/// The log's state with its newest entries.
pub(crate) struct Ledger {
    pub(crate) tail: Tail,
    pub(crate) vote: Option<Vote>,
    pub(crate) committed: Option<LogId>,
    pub(crate) purged: Option<LogId>,
    /// Where the purged entries' payload ends.
    pub(crate) purged_end: u64,
    /// The index of the first entry, if there is any.
    pub(crate) first: u64,
    /// The first failed write: nothing is done after it.
    pub(crate) failed: Option<Error>,
    /// The newest operation submitted, and the newest that is synced.
    pub(crate) submitted: u64,
    pub(crate) synced: u64,
}

impl Ledger {
    /// Starts an operation: its number, unless the log has failed.
    pub(crate) fn begin(&mut self) -> Result<u64, Error> {
        match &self.failed {
            Some(error) => Err(error.clone()),
            None => {
                self.submitted = self.submitted.saturating_add(1);
                Ok(self.submitted)
            }
        }
    }

    /// Refuses entries that do not continue the log.
    pub(crate) fn check_follows(&self, entries: &[Entry]) -> Result<(), Error> {
        let mut last = self.tail.last();
        for entry in entries {
            let follows = match last {
                Some(last) => entry.id.index == last.index.saturating_add(1) && entry.id > last,
                None => true,
            };
            if !follows {
                return Err(Error::OutOfOrder { last, found: entry.id });
            }
            last = Some(entry.id);
        }
        Ok(())
    }

    /// Adds entries that follow; returns where each one's payload ends.
    pub(crate) fn append(&mut self, entries: &[Entry], operation: u64) -> Vec<u64> {
        if self.is_empty() {
            self.first = entries.first().map_or(self.first, |entry| entry.id.index);
        }
        entries.iter().map(|entry| self.tail.push(entry.clone(), operation)).collect()
    }

    /// Forgets the entries after `keep`, which stands in the tail or was looked up with its end.
    pub(crate) fn truncate(&mut self, keep: Keep) {
        match keep {
            Keep::Everything => {}
            Keep::InTail(index) => self.tail.truncate_after(index),
            Keep::Older(id, end) => self.tail.restart(Some(id), end),
            Keep::Nothing => self.tail.restart(self.purged, self.purged_end),
        }
    }

    /// What `truncate_after(index)` keeps; `None` if that entry must be looked up on disk.
    pub(crate) fn keep(&self, index: Option<u64>) -> Option<Keep> {
        let Some(index) = index else { return Some(Keep::Nothing) };
        let Some(last) = self.tail.last().filter(|_| !self.is_empty()) else { return Some(Keep::Everything) };
        match index {
            index if index >= last.index => Some(Keep::Everything),
            index if index < self.first => Some(Keep::Nothing),
            index if self.tail.get(index).is_some() => Some(Keep::InTail(index)),
            _ => None,
        }
    }

    /// Forgets the entries up to `upto`, whose payload ends at `end`.
    pub(crate) fn purge(&mut self, upto: LogId, end: u64) {
        self.tail.purge(upto);
        self.purged = Some(upto);
        self.purged_end = end;
        self.first = upto.index.saturating_add(1);
    }

    /// Notes that the disk has come to `operation`.
    pub(crate) fn sync(&mut self, operation: u64) {
        self.synced = self.synced.max(operation);
        self.tail.evict(self.synced);
    }

    /// Whether no entry is here.
    pub(crate) fn is_empty(&self) -> bool {
        self.tail.last() == self.purged
    }

    pub(crate) fn state(&self) -> LogState {
        LogState {
            purged: self.purged,
            last: self.tail.last(),
            synced: self.tail.synced(self.synced),
            vote: self.vote,
            committed: self.committed,
            bytes: self.tail.end().saturating_sub(self.purged_end),
        }
    }
}

/// What a truncation leaves.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Keep {
    Everything,
    InTail(u64),
    Older(LogId, u64),
    Nothing,
}
