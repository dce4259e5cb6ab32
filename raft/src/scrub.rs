//! What the tables really hold, hashed now and then at the same entry on every node.
//!
//! The replica digest says that all nodes wrote the same; only this says that it is still there. A node hashes its
//! tables after the first entry of each period of log time, which is the same entry everywhere, on a thread of its own
//! and over a view, so that nobody waits for it. The others' hashes of that entry come with their greetings.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use storage::{State, View};

use crate::digests::Digests;
use crate::fatal::{Cause, OnFatal};

/// The hashes of this node, and whether one is being made.
pub(crate) struct Scrub {
    /// The period in milliseconds of log time.
    every_ms: u64,
    fatal: OnFatal,
    /// What was found.
    pub(crate) hashes: Arc<Digests>,
    busy: Arc<AtomicBool>,
}

impl Scrub {
    pub(crate) fn new(every_ms: u64, fatal: OnFatal) -> Self {
        Scrub { every_ms: every_ms.max(1), fatal, hashes: Arc::default(), busy: Arc::default() }
    }

    /// Whether an entry that brings log time from one moment to another is the first of its period.
    pub(crate) fn is_due(&self, from_ms: u64, to_ms: u64) -> bool {
        from_ms > 0 && from_ms.checked_div(self.every_ms) != to_ms.checked_div(self.every_ms)
    }

    /// Hashes the tables as they are after the entry at `index`. While an earlier hash is still being made, this one is
    /// left out: then there is nothing to compare at this entry.
    pub(crate) fn begin(&self, index: u64, state: &State) {
        if self.busy.swap(true, Ordering::SeqCst) {
            return;
        }
        let (view, hashes, busy) = (state.view(), Arc::clone(&self.hashes), Arc::clone(&self.busy));
        let fatal = self.fatal.clone();
        tokio::task::spawn_blocking(move || {
            match View::logical_hash(&view) {
                Ok(hash) => hashes.add(index, hash),
                // A table that can't be read is found here rather than by somebody who signs in.
                Err(error) => {
                    fatal.end(Cause::State, &error);
                }
            }
            busy.store(false, Ordering::SeqCst);
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_entry_of_a_period_is_due_on_every_node() {
        let scrub = Scrub::new(1000, OnFatal::new(|_| {}));
        assert!(scrub.is_due(1999, 2000));
        assert!(scrub.is_due(1500, 9000));
        assert!(!scrub.is_due(2000, 2999));
        assert!(!scrub.is_due(2000, 2000));
        // The very first entry has nothing before it that could have rotted.
        assert!(!scrub.is_due(0, 2000));
    }
}
