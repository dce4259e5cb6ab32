//! Whether this node still takes part. It withdraws when its state differs from that of the others, or when it was
//! removed: then it neither serves nor votes, and keeps its data.

use std::sync::OnceLock;

/// Set once, for as long as the process lives.
#[derive(Debug, Default)]
pub(crate) struct Standing {
    why: OnceLock<String>,
}

impl Standing {
    /// Why this node has withdrawn; `None` while it takes part.
    pub(crate) fn withdrawn(&self) -> Option<&str> {
        self.why.get().map(String::as_str)
    }

    /// Withdraws. Only the first reason is kept.
    pub(crate) fn withdraw(&self, why: &str) {
        if self.why.set(why.to_owned()).is_ok() {
            tracing::error!(
                why,
                "this node has withdrawn: it serves nobody and does not vote; its data is kept"
            );
        }
    }
}
