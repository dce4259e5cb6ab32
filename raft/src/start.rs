//! The start of a node: what stands on what, in which order, and how the only voter comes to lead at once.

use std::sync::{Arc, Mutex};

use openraft::ReadPolicy;
use openraft::async_runtime::watch::WatchReceiver;
use openraft::errors::Fatal as Ended;
use storage::NodeIdentity;
use tokio::sync::{broadcast, watch};

use crate::cluster::{Cluster, Config, Error, Inner, Ports};
use crate::fatal::{Cause, OnFatal};
use crate::freshness::{Gate, WAIT_MAX};
use crate::log_store::LogStore;
use crate::network::NoPeers;
use crate::pack::Packer;
use crate::prober::{Prober, ReadIndex};
use crate::propose::Proposer;
use crate::retention::Keeper;
use crate::state_machine::{Parts, StateMachine};
use crate::types::Raft;

/// How many announcements of changes a listener may be behind before it has to forget everything.
const CHANGES_KEPT: usize = 1024;
/// Starts everything, on the runtime that it will run on.
pub(crate) async fn start(config: Config, ports: Ports) -> Result<Cluster, Error> {
    let Ports { log, state, machine, clock, on_fatal, runtime } = ports;
    let NodeIdentity { node, lineage, .. } = config.identity;
    let shard = 0;
    let settings = config.timing.to_openraft(config.identity.to_string());
    let settings = settings.map_err(|error| Error::Settings(error.to_string()))?;

    // 1. Log and state belong together, and no end of the log is missing.
    let (checked_log, checked_state) = (Arc::clone(&log), Arc::clone(&state));
    let checked =
        tokio::task::spawn_blocking(move || storage::boot::check(&*checked_log, &checked_state)).await;
    checked.map_err(|error| Error::Start(error.to_string()))?.map_err(Error::Storage)?;

    // 2. Raft over the stores. It re-applies here what the log is known to have committed.
    let (applied, applied_seen) = watch::channel(None);
    let (changes, _) = broadcast::channel(CHANGES_KEPT);
    let state_machine = StateMachine::new(Parts {
        state: Arc::clone(&state),
        log: Arc::clone(&log),
        machine: Arc::clone(&machine),
        applied,
        changes: changes.clone(),
        fatal: on_fatal.clone(),
    });
    let log_store = LogStore::new(Arc::clone(&log), Arc::clone(&state), on_fatal.clone());
    let raft = Raft::new(node, Arc::new(settings), NoPeers, log_store, state_machine).await;
    let raft = raft.map_err(|error| Error::Start(error.to_string()))?;

    // 3. Recovery: until the log is re-applied nothing is served.
    let (ready, ready_seen) = watch::channel(false);
    let recovery = runtime.spawn(recover(raft.clone(), node, ready));
    let sentry = runtime.spawn(watch_core(raft.clone(), on_fatal.clone()));

    // 4. Reads and writes.
    let prober = Prober::new(Arc::clone(&clock));
    let probing = runtime.spawn(Arc::clone(&prober).run(read_index(raft.clone())));
    let packer = Packer {
        raft: raft.clone(),
        state: Arc::clone(&state),
        machine,
        fatal: on_fatal.clone(),
        clock: Arc::clone(&clock),
        shard,
        lineage,
    };
    let (proposer, packing) = Proposer::new(packer);
    let packing = runtime.spawn(packing);

    // 5. What keeps the disk in order.
    let keeper = Keeper {
        raft: raft.clone(),
        log: Arc::clone(&log),
        state: Arc::clone(&state),
        clock: Arc::clone(&clock),
        applied: applied_seen.clone(),
        fatal: on_fatal.clone(),
    };
    let keeping = runtime.spawn(keeper.run(config.retention));

    let tasks = [recovery, sentry, probing, packing, keeping].map(|task| task.abort_handle());
    let gate =
        Gate { shard, lineage, clock, ready: ready_seen, applied: applied_seen, prober, patience: WAIT_MAX };
    let inner = Inner {
        config,
        raft,
        log,
        state,
        proposer,
        gate,
        changes,
        on_fatal,
        tasks: Mutex::new(tasks.to_vec()),
    };
    Ok(Cluster { inner: Arc::new(inner) })
}

/// Lets the only voter elect itself without waiting for a silence, then says when the log is re-applied.
async fn recover(raft: Raft, node: u64, ready: watch::Sender<bool>) {
    let alone = raft
        .with_raft_state(move |state| {
            let voters = state.membership_state.effective().voter_ids();
            voters.collect::<Vec<_>>() == [node]
        })
        .await;
    if let Ok(true) = alone
        && let Err(ended) = raft.trigger().elect(false).await
    {
        tracing::warn!(%ended, "the node could not elect itself");
        return;
    }
    match raft.wait_for_recovery(None).await {
        Ok(_) => {
            ready.send_replace(true);
            // Kept open: a closed channel means that the node stops.
            ready.closed().await;
        }
        Err(error) => tracing::warn!(%error, "the log was not re-applied"),
    }
}

/// Ends the node when the core has ended by itself.
async fn watch_core(raft: Raft, fatal: OnFatal) {
    let mut metrics = raft.metrics();
    loop {
        let open = metrics.changed().await.is_ok();
        let running = metrics.borrow_watched().running_state.clone();
        match running {
            Ok(()) if open => {}
            Ok(()) | Err(Ended::Stopped) => return,
            Err(ended @ (Ended::StorageError(_) | Ended::Panicked)) => {
                fatal.end(Cause::Core, &ended);
                return;
            }
        }
    }
}

/// A round of ReadIndex, asked of this node's own core while it leads.
fn read_index(raft: Raft) -> ReadIndex {
    Box::new(move || {
        let raft = raft.clone();
        Box::pin(async move {
            let linearizer = raft.get_read_linearizer(ReadPolicy::ReadIndex).await;
            linearizer.map(|linearizer| linearizer.read_log_id().index()).map_err(|error| error.to_string())
        })
    })
}
