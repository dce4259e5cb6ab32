//! The end of a process that must not go on: one line, then its exit code.
//!
//! Nothing is tidied up: after an error of the log's disk nobody knows what a tidy end would write. What is on disk
//! decides at the next start.

use crate::exit::{Class, storage_class};
use std::fmt::Display;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// Whether the end was said.
static ENDING: AtomicBool = AtomicBool::new(false);

/// What storage calls at its first failed write.
pub(crate) fn of_storage() -> storage::OnFatal {
    Arc::new(|error| end(storage_class(error), error))
}

/// What raft calls when it can't go on.
pub(crate) fn of_raft() -> raft::OnFatal {
    raft::OnFatal::new(|fatal| {
        let class = match fatal.cause {
            raft::Cause::Log => Class::Io,
            raft::Cause::State => Class::CorruptState,
            raft::Cause::Snapshot => Class::CorruptSnapshot,
            raft::Cause::Core => Class::Failed,
        };
        end(class, &fatal);
    })
}

/// Ends the process. Only the first caller says why; whoever comes meanwhile waits for the end.
fn end(class: Class, why: &dyn Display) {
    if ENDING.swap(true, Ordering::SeqCst) {
        loop {
            std::thread::park();
        }
    }
    if tracing::enabled!(tracing::Level::ERROR) {
        tracing::error!(exit_code = class as u8, "{why}");
    } else {
        eprintln!("conclave: {why}");
    }
    std::process::exit(i32::from(class as u8));
}
