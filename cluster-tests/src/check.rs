//! What must hold, whatever has happened: one property a file. Each check says what is wrong, and with which request.

pub mod acknowledged;
pub mod codes;
pub mod folders;
pub mod refresh;
pub mod revocation;

use crate::cluster::Cluster;
use crate::history::Entry;

/// Everything that is true after any fault: once every node is ready again, and nobody writes any more.
///
/// # Panics
/// With what is wrong.
pub async fn everything(cluster: &mut Cluster, history: &[Entry]) {
    everything_but_folders(cluster, history).await;
    cluster.stop_all().await;
    holds(folders::are_equal(cluster).await);
}

/// The same for nodes whose folders another program than the usual one has written last.
///
/// # Panics
/// With what is wrong.
pub async fn everything_but_folders(cluster: &mut Cluster, history: &[Entry]) {
    cluster.converged().await;
    holds(codes::redeemed_once(history));
    holds(refresh::has_no_forks(history));
    holds(refresh::was_never_lost(history));
    holds(acknowledged::is_present(cluster, history).await);
    cluster.converged().await;
}

/// What is wrong, or nothing.
pub type Verdict = Result<(), String>;

/// Fails the test unless it holds.
///
/// # Panics
/// With what is wrong.
#[track_caller]
pub fn holds(verdict: Verdict) {
    if let Err(wrong) = verdict {
        panic!("{wrong}");
    }
}

/// What the checks' own tests are made of.
#[cfg(test)]
mod testing {
    use crate::application::Outcome;
    use crate::history::{Act, Entry};
    use std::time::Duration;

    /// A request of one millisecond.
    pub(super) fn entry(act: Act, from: u64, outcome: Outcome<String>) -> Entry {
        let from = Duration::from_millis(from);
        Entry { writer: 0, node: 1, act, from, to: from + Duration::from_millis(1), outcome }
    }
}
