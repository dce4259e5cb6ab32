//! Whether this node still takes part. It withdraws when its state differs from that of the others, or when it was
//! removed: then it neither serves nor votes, and keeps its data.

use std::sync::OnceLock;

/// What makes a node withdraw.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ground {
    /// Somebody removed it, and nothing is wrong with it.
    Removed,
    /// Its state is another one than that of the others.
    Differs,
}

/// Set once, for as long as the process lives.
#[derive(Debug, Default)]
pub(crate) struct Standing {
    why: OnceLock<(Ground, String)>,
}

impl Standing {
    /// Why this node has withdrawn; `None` while it takes part.
    pub(crate) fn withdrawn(&self) -> Option<&str> {
        self.why.get().map(|(_, why)| why.as_str())
    }

    /// Whether it has withdrawn because it was removed.
    pub(crate) fn is_removed(&self) -> bool {
        matches!(self.why.get(), Some((Ground::Removed, _)))
    }

    /// Withdraws. Only the first reason is kept.
    pub(crate) fn withdraw(&self, ground: Ground, why: &str) {
        if self.why.set((ground, why.to_owned())).is_ok() {
            tracing::error!(
                why,
                "this node has withdrawn: it serves nobody and does not vote; its data is kept"
            );
        }
    }
}
