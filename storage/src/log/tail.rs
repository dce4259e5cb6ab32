//! The newest entries in memory: replication and apply read them here and never from RocksDB.
//!
//! A bounded number of bytes, except that entries which are not yet synced are always kept: they are nowhere else.

use std::collections::VecDeque;

use crate::{Entry, LogId};

/// An entry with the place where its payload ends and the operation that brought it.
struct Slot {
    entry: Entry,
    end: u64,
    operation: u64,
}

/// A contiguous run of entries up to the log's last.
pub(crate) struct Tail {
    /// What stands before the first slot: an older entry (on disk), the purged position, or nothing.
    before: Option<LogId>,
    before_end: u64,
    slots: VecDeque<Slot>,
    bytes: usize,
    limit: usize,
}

impl Tail {
    /// An empty run after `before`, whose payload ends at `end`.
    pub(crate) fn new(limit: usize, before: Option<LogId>, end: u64) -> Tail {
        Tail { before, before_end: end, slots: VecDeque::new(), bytes: 0, limit }
    }

    /// The last entry, or what stands before the run.
    pub(crate) fn last(&self) -> Option<LogId> {
        self.slots.back().map_or(self.before, |slot| Some(slot.entry.id))
    }

    /// Where the last entry's payload ends.
    pub(crate) fn end(&self) -> u64 {
        self.slots.back().map_or(self.before_end, |slot| slot.end)
    }

    /// The index of the first entry here, if there is one.
    pub(crate) fn first_index(&self) -> Option<u64> {
        self.slots.front().map(|slot| slot.entry.id.index)
    }

    /// The entry at `index` with its end, if it is here.
    pub(crate) fn get(&self, index: u64) -> Option<(&Entry, u64)> {
        let place = index.checked_sub(self.first_index()?)?;
        let slot = self.slots.get(usize::try_from(place).ok()?)?;
        Some((&slot.entry, slot.end))
    }

    /// Adds the entry that follows the last one.
    pub(crate) fn push(&mut self, entry: Entry, operation: u64) -> u64 {
        let end = self.end().saturating_add(size(&entry));
        self.bytes = self.bytes.saturating_add(entry.payload.len());
        self.slots.push_back(Slot { entry, end, operation });
        end
    }

    /// Forgets the entries after `index`, which is here or just before the run.
    pub(crate) fn truncate_after(&mut self, index: u64) {
        while self.slots.back().is_some_and(|slot| slot.entry.id.index > index) {
            if let Some(slot) = self.slots.pop_back() {
                self.bytes = self.bytes.saturating_sub(slot.entry.payload.len());
            }
        }
    }

    /// Forgets everything and starts after `before`.
    pub(crate) fn restart(&mut self, before: Option<LogId>, end: u64) {
        *self = Tail::new(self.limit, before, end);
    }

    /// Forgets the entries up to `upto`, synced or not.
    pub(crate) fn purge(&mut self, upto: LogId) {
        while self.slots.front().is_some_and(|slot| slot.entry.id.index <= upto.index) {
            self.drop_first();
        }
        if self.before.is_none_or(|before| before.index <= upto.index) {
            self.before = Some(upto);
        }
    }

    /// Forgets the oldest entries beyond the limit, as far as operation `synced` brought them.
    pub(crate) fn evict(&mut self, synced: u64) {
        while self.bytes > self.limit && self.slots.front().is_some_and(|slot| slot.operation <= synced) {
            self.drop_first();
        }
    }

    /// The last entry that operation `synced` or an earlier one brought: everything before the run is on disk.
    pub(crate) fn synced(&self, synced: u64) -> Option<LogId> {
        // Operations only grow from front to back.
        let count = self.slots.partition_point(|slot| slot.operation <= synced);
        match count.checked_sub(1).and_then(|last| self.slots.get(last)) {
            Some(slot) => Some(slot.entry.id),
            None => self.before,
        }
    }

    fn drop_first(&mut self) {
        if let Some(slot) = self.slots.pop_front() {
            self.bytes = self.bytes.saturating_sub(slot.entry.payload.len());
            self.before = Some(slot.entry.id);
            self.before_end = slot.end;
        }
    }
}

fn size(entry: &Entry) -> u64 {
    u64::try_from(entry.payload.len()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use bytes::Bytes;

    fn entry(index: u64) -> Entry {
        Entry { id: LogId { term: 1, node: 1, index }, payload: Bytes::from_static(&[0; 10]) }
    }

    fn tail(limit: usize) -> Tail {
        let mut tail = Tail::new(limit, None, 0);
        for index in 0..10 {
            tail.push(entry(index), index / 2);
        }
        tail
    }

    #[test]
    fn what_is_not_synced_is_never_evicted() {
        let mut tail = tail(30);
        tail.evict(1);
        assert_eq!(tail.first_index(), Some(4));
        tail.evict(4);
        assert_eq!(tail.first_index(), Some(7));
        assert_eq!(tail.get(7).map(|(entry, end)| (entry.id.index, end)), Some((7, 80)));
        assert!(tail.get(6).is_none() && tail.get(10).is_none());
    }

    #[test]
    fn e02_synced_ends_before_the_first_entry_of_a_later_operation() {
        let mut tail = tail(1000);
        assert_eq!(tail.synced(2).map(|id| id.index), Some(5));
        tail.truncate_after(4);
        assert_eq!(tail.synced(2).map(|id| id.index), Some(4));
        tail.push(entry(5), 9);
        assert_eq!(tail.synced(8).map(|id| id.index), Some(4));
        assert_eq!(tail.last().map(|id| id.index), Some(5));
    }

    #[test]
    fn purging_beyond_the_end_leaves_the_position_and_keeps_the_count_of_bytes() {
        let mut tail = tail(1000);
        tail.purge(LogId { term: 2, node: 1, index: 30 });
        assert_eq!((tail.last().map(|id| id.index), tail.end()), (Some(30), 100));
        assert_eq!(tail.push(entry(31), 1), 110);
    }
}
