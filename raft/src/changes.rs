//! The announcement of what changed: how caches learn which of their entries have become old.

use identity::tables::{Changes, Table};

/// One announcement. A listener that misses one (the channel says so) or sees `Replaced` forgets everything.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Change {
    /// The rows with these keys were written or removed, up to and including `index`.
    Written {
        /// The index of the last entry.
        index: u64,
        /// The rows' keys; values are read from a view.
        keys: Vec<(Table, Vec<u8>)>,
    },
    /// The whole state was replaced by a snapshot.
    Replaced {
        /// The index that the snapshot had applied.
        index: u64,
    },
}

impl Change {
    pub(crate) fn written(index: u64, changes: &Changes) -> Self {
        Change::Written { index, keys: changes.keys().cloned().collect() }
    }
}
