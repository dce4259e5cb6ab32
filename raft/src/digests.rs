//! What a node has at the newest entries, replica digests or hashes, to be held against the others at equal positions.

use std::collections::VecDeque;
use std::sync::{Mutex, PoisonError};

use storage::Applied;

/// How many are kept: what is applied in some seconds at full speed, so that a node which is that far ahead of another
/// still knows what the other should have.
const KEPT: usize = 16_384;

/// The newest digests in the order of the log.
#[derive(Debug, Default)]
pub(crate) struct Digests {
    newest: Mutex<VecDeque<(u64, [u8; 32])>>,
}

impl Digests {
    /// Takes notice of the digest after the entry at `index`.
    pub(crate) fn add(&self, index: u64, digest: [u8; 32]) {
        let mut newest = self.newest.lock().unwrap_or_else(PoisonError::into_inner);
        if newest.len() >= KEPT {
            newest.pop_front();
        }
        newest.push_back((index, digest));
    }

    /// Begins anew with a state that was opened or installed.
    pub(crate) fn begin(&self, applied: &Applied) {
        self.newest.lock().unwrap_or_else(PoisonError::into_inner).clear();
        if let Some(id) = applied.log {
            self.add(id.index, applied.digest);
        }
    }

    /// The newest.
    pub(crate) fn newest(&self) -> Option<(u64, [u8; 32])> {
        self.newest.lock().unwrap_or_else(PoisonError::into_inner).back().copied()
    }

    /// Whether the digest at `index` is this one; `None` where it is not known here.
    pub(crate) fn agrees(&self, index: u64, digest: &[u8]) -> Option<bool> {
        let newest = self.newest.lock().unwrap_or_else(PoisonError::into_inner);
        let at = newest.binary_search_by_key(&index, |(index, _)| *index).ok()?;
        newest.get(at).map(|(_, ours)| ours.as_slice() == digest)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_known_positions_are_judged() {
        let digests = Digests::default();
        digests.add(4, [4; 32]);
        digests.add(7, [7; 32]);
        assert_eq!(digests.agrees(4, &[4; 32]), Some(true));
        assert_eq!(digests.agrees(7, &[4; 32]), Some(false));
        assert_eq!(digests.agrees(5, &[4; 32]), None);
        digests.begin(&Applied::default());
        assert_eq!(digests.agrees(4, &[4; 32]), None);
    }

    #[test]
    fn the_oldest_are_forgotten() {
        let digests = Digests::default();
        for index in 0..=KEPT as u64 {
            digests.add(index, [1; 32]);
        }
        assert_eq!(digests.agrees(0, &[1; 32]), None);
        assert_eq!(digests.agrees(KEPT as u64, &[1; 32]), Some(true));
    }
}
