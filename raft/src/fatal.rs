//! The end of a node that must not go on.
//!
//! After an error of the log's disk nobody knows what the disk holds, and after a fault in apply going on would let
//! replicas differ. The node's hook ends the process; what is on disk decides at the next start.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// What ended the node. Each has its own exit code in `node`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cause {
    /// The log could not be written, read or synced.
    Log,
    /// A command could not be applied, or the state could not be written.
    State,
    /// A snapshot could not be built or installed.
    Snapshot,
    /// The consensus core stopped by itself.
    Core,
}

/// The reason, for the operator.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{cause:?}: {detail}")]
pub struct Fatal {
    /// Which part failed.
    pub cause: Cause,
    /// What it said.
    pub detail: String,
}

/// The hook that `node` gives: called at most once, from any thread. It is expected to end the process.
#[derive(Clone)]
pub struct OnFatal {
    hook: Arc<dyn Fn(Fatal) + Send + Sync>,
    called: Arc<AtomicBool>,
}

impl OnFatal {
    /// A hook that runs `hook`.
    pub fn new(hook: impl Fn(Fatal) + Send + Sync + 'static) -> Self {
        OnFatal { hook: Arc::new(hook), called: Arc::new(AtomicBool::new(false)) }
    }

    /// Ends the node, and gives the error back in the shape that openraft's traits want.
    pub(crate) fn end(&self, cause: Cause, error: &dyn fmt::Display) -> std::io::Error {
        let detail = error.to_string();
        tracing::error!(?cause, %detail, "the node can't go on");
        if !self.called.swap(true, Ordering::SeqCst) {
            (self.hook)(Fatal { cause, detail: detail.clone() });
        }
        std::io::Error::other(detail)
    }
}

impl fmt::Debug for OnFatal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("OnFatal")
    }
}
