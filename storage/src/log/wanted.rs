//! How much a reader of the log wants at once.

use crate::Entry;

/// Entries gathered for a reader up to his bounds.
pub(crate) struct Wanted {
    pub(crate) entries: Vec<Entry>,
    bytes: usize,
    max_bytes: usize,
    max_entries: usize,
}

impl Wanted {
    pub(crate) fn new(max_bytes: usize, max_entries: usize) -> Wanted {
        Wanted { entries: Vec::new(), bytes: 0, max_bytes, max_entries }
    }

    /// Whether the bounds allow no more; one entry is always allowed, or a large one could never be read.
    pub(crate) fn full(&self) -> bool {
        !self.entries.is_empty() && (self.entries.len() >= self.max_entries || self.bytes >= self.max_bytes)
    }

    /// The index after the last entry taken; `start` if there is none.
    pub(crate) fn next(&self, start: u64) -> u64 {
        self.entries.last().map_or(start, |entry| entry.id.index.saturating_add(1))
    }

    /// Takes an entry unless it goes beyond the bounds; whether more may come.
    pub(crate) fn take(&mut self, entry: Entry) -> bool {
        let bytes = self.bytes.saturating_add(entry.payload.len());
        if self.full() {
            return false;
        }
        if !self.entries.is_empty() && bytes > self.max_bytes {
            // What does not fit ends the reading.
            self.bytes = self.max_bytes;
            return false;
        }
        self.bytes = bytes;
        self.entries.push(entry);
        !self.full()
    }
}
