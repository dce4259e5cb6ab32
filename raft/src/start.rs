//! The start of a node: what stands on what, in which order, and how the only voter comes to lead at once.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use openraft::ReadPolicy;
use openraft::async_runtime::watch::WatchReceiver;
use openraft::errors::Fatal as Ended;
use storage::NodeIdentity;
use tokio::sync::{broadcast, watch};

use crate::carrier::Carrier;
use crate::cluster::{Cluster, Config, Error, Inner, PeerSide, Ports};
use crate::digests::Digests;
use crate::fatal::{Cause, OnFatal};
use crate::forward::Forwarder;
use crate::frames;
use crate::freshness::{Gate, WAIT_MAX};
use crate::log_store::LogStore;
use crate::neighbours::{self, Asking, ClockState, Herald, Neighbours};
use crate::network::{Network, said};
use crate::pack::Packer;
use crate::peers::dial::Dialer;
use crate::peers::server::{self, Desk};
use crate::peers::wire::ReadIndexRequest;
use crate::pool::Pool;
use crate::prober::{Prober, ReadIndex};
use crate::propose::Proposer;
use crate::retention::Keeper;
use crate::scrub::Scrub;
use crate::standing::Standing;
use crate::state_machine::{Parts, StateMachine};
use crate::types::Raft;

/// How many announcements of changes a listener may be behind before it has to forget everything.
const CHANGES_KEPT: usize = 1024;
/// How long a read round is waited for before another is begun, perhaps with another leader.
const ROUND_MAX: Duration = Duration::from_secs(1);
/// How often a node proves to itself that it is not cut off.
const PULSE: Duration = Duration::from_millis(500);

/// Starts everything, on the runtime that it will run on.
pub(crate) async fn start(config: Config, ports: Ports) -> Result<Cluster, Error> {
    let Ports { log, state, machine, clock, on_fatal, runtime, peers, about } = ports;
    let NodeIdentity { node, lineage, .. } = config.identity;
    let shard = 0;
    let settings = config.timing.to_openraft(config.identity.to_string());
    let settings = settings.map_err(|error| Error::Settings(error.to_string()))?;

    // 1. Log and state belong together, and no end of the log is missing.
    let (checked_log, checked_state) = (Arc::clone(&log), Arc::clone(&state));
    let checked =
        tokio::task::spawn_blocking(move || storage::boot::check(&*checked_log, &checked_state)).await;
    checked.map_err(|error| Error::Start(error.to_string()))?.map_err(Error::Storage)?;

    let dialer = peers.as_ref().map(|peers| Dialer::new(config.identity, Arc::clone(&peers.tls)));
    let pool = Arc::new(Pool::new(dialer.clone()));
    let stored = frames::read_membership(&state.applied().membership);
    let stored = stored.map_err(|error| Error::Start(error.to_string()))?;
    let members = stored.nodes().map(|(id, peer)| (*id, peer.clone())).collect();
    let last = log.state().last.map_or(0, |id| id.index);
    neighbours::recall(&pool, &members, node, last).await.map_err(Error::Storage)?;

    // 2. Raft over the stores. It re-applies here what the log is known to have committed.
    let (applied, applied_seen) = watch::channel(None);
    let (changes, _) = broadcast::channel(CHANGES_KEPT);
    let digests = Arc::new(Digests::default());
    let every_ms = u64::try_from(config.verify_every.as_millis()).unwrap_or(u64::MAX);
    let scrub = Arc::new(Scrub::new(every_ms, on_fatal.clone()));
    let state_machine = StateMachine::new(Parts {
        state: Arc::clone(&state),
        log: Arc::clone(&log),
        machine: Arc::clone(&machine),
        applied,
        changes: changes.clone(),
        digests: Arc::clone(&digests),
        scrub: Arc::clone(&scrub),
        fatal: on_fatal.clone(),
    });
    let log_store = LogStore::new(Arc::clone(&log), Arc::clone(&state), on_fatal.clone());
    let network = Network::new(dialer);
    let raft = Raft::new(node, Arc::new(settings), network, log_store, state_machine).await;
    let raft = raft.map_err(|error| Error::Start(error.to_string()))?;

    // 3. Recovery: until the log is re-applied nothing is served.
    let standing = Arc::new(Standing::default());
    let (ready, ready_seen) = watch::channel(false);
    let recovery = runtime.spawn(recover(raft.clone(), node, ready));
    let sentry = runtime.spawn(watch_core(raft.clone(), on_fatal.clone()));

    // 4. The others: what they tell, and by whose clock it is judged whether this one's may stamp.
    let neighbours = Arc::new(Neighbours::default());
    let (clock_state, clock_judged) = watch::channel(ClockState::Unjudged);
    let herald = Arc::new(Herald {
        state: Arc::clone(&state),
        log: Arc::clone(&log),
        clock: Arc::clone(&clock),
        ready: ready_seen.clone(),
        standing: Arc::clone(&standing),
        clock_state: clock_judged.clone(),
        hashes: Arc::clone(&scrub.hashes),
        about,
    });
    let asking = Asking {
        node,
        raft: raft.clone(),
        pool: Arc::clone(&pool),
        clock: Arc::clone(&clock),
        herald: Arc::clone(&herald),
        neighbours: Arc::clone(&neighbours),
        digests,
        standing: Arc::clone(&standing),
        clock_state,
    };
    let asking = runtime.spawn(asking.run());

    // 5. Reads and writes.
    let prober = Prober::new(Arc::clone(&clock));
    let probing = runtime.spawn(Arc::clone(&prober).run(read_index(
        node,
        raft.clone(),
        Arc::clone(&pool),
        Arc::clone(&standing),
    )));
    let pulse = runtime.spawn(Arc::clone(&prober).pulse(PULSE));
    let packer = Packer {
        raft: raft.clone(),
        state: Arc::clone(&state),
        machine,
        fatal: on_fatal.clone(),
        clock: Arc::clone(&clock),
        shard,
        lineage,
        clock_state: clock_judged.clone(),
    };
    let (proposer, packing) = Proposer::new(packer);
    let (proposer, packing) = (Arc::new(proposer), runtime.spawn(packing));
    let carrier = Carrier { raft: raft.clone(), pool, shard, lineage };
    let (carrier, carrying) = carrier.begin();
    let carrying = runtime.spawn(carrying);
    let forwarder = Forwarder {
        node,
        raft: raft.clone(),
        proposer: Arc::clone(&proposer),
        carrier,
        ready: ready_seen.clone(),
        applied: applied_seen.clone(),
        standing: Arc::clone(&standing),
        clock_state: clock_judged.clone(),
    };

    // 6. What keeps the disk in order.
    let keeper = Keeper {
        raft: raft.clone(),
        log: Arc::clone(&log),
        state: Arc::clone(&state),
        clock: Arc::clone(&clock),
        neighbours: Arc::clone(&neighbours),
        applied: applied_seen.clone(),
        fatal: on_fatal.clone(),
    };
    let keeping = runtime.spawn(keeper.run(config.retention));

    // 7. The others may come in.
    let (stop, stopping) = watch::channel(false);
    let mut tasks: Vec<_> = [recovery, sentry, asking, probing, pulse, packing, carrying, keeping]
        .map(|task| task.abort_handle())
        .into();
    if let Some(PeerSide { listener, tls, door }) = peers {
        let desk = Desk {
            identity: config.identity,
            raft: raft.clone(),
            state: Arc::clone(&state),
            proposer: Arc::clone(&proposer),
            ready: ready_seen.clone(),
            standing: Arc::clone(&standing),
            herald: Arc::clone(&herald),
            neighbours: Arc::clone(&neighbours),
            door,
        };
        tasks.push(runtime.spawn(server::serve(listener, tls, desk, stopping)).abort_handle());
    }
    let gate = Gate {
        shard,
        lineage,
        clock,
        ready: ready_seen,
        applied: applied_seen,
        prober,
        standing: Arc::clone(&standing),
        clock_state: clock_judged.clone(),
        patience: WAIT_MAX,
    };
    let inner = Inner {
        config,
        raft,
        log,
        state,
        proposer,
        forwarder,
        gate,
        standing,
        herald,
        neighbours,
        clock_state: clock_judged,
        changes,
        on_fatal,
        stop,
        tasks: Mutex::new(tasks),
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

/// A round of ReadIndex: asked of this node's own core while it leads, else of the leader.
fn read_index(node: u64, raft: Raft, pool: Arc<Pool>, standing: Arc<Standing>) -> ReadIndex {
    Box::new(move || {
        let (raft, pool, standing) = (raft.clone(), Arc::clone(&pool), Arc::clone(&standing));
        Box::pin(async move {
            if let Some(why) = standing.withdrawn() {
                // Its core is gone, which would complain of each question.
                return Err(format!("this node takes no part any more: {why}"));
            }
            let metrics = raft.metrics().borrow_watched().clone();
            let leader = metrics.current_leader.ok_or_else(|| "no leader is known".to_owned())?;
            let round = async {
                if leader == node {
                    let linearizer = raft.get_read_linearizer(ReadPolicy::ReadIndex).await;
                    return linearizer
                        .map(|linearizer| linearizer.read_log_id().index())
                        .map_err(|error| error.to_string());
                }
                let peer = metrics.membership_config.get_node(&leader).cloned().unwrap_or_default();
                let mut client = pool.client(leader, &peer.address).map_err(|status| said(&status))?;
                let answer = client.read_index(ReadIndexRequest {}).await;
                answer.map(|answer| answer.into_inner().index).map_err(|status| said(&status))
            };
            let round = tokio::time::timeout(ROUND_MAX, round).await;
            round.map_err(|_| format!("node {leader} did not answer in time"))?
        })
    })
}
