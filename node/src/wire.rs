//! Connects the parts of a node: store, agreement, domain, API. It holds no logic of its own.

use crate::backend::ClusterBackend;
use crate::clock::SystemClock;
use crate::config::Config;
use crate::entropy::SystemEntropy;
use crate::exit::{Class, Failure, Outcome};
use crate::{fatal, folder};
use api_core::keys::Keys;
use api_core::limits::PASSWORD_BUFFERS;
use api_core::passwords::Passwords;
use api_core::{Service, Settings};
use identity::execute::Machine;
use identity::id::SYSTEM;
use identity::keyring::Keyring;
use identity::reader::Reader;
use identity::tables::Fault;
use identity::time::Timestamp;
use identity::{instance, search};
use raft::{Clock, Cluster, Peer, Ports, Retention, Timing};
use std::sync::Arc;
use storage::{Log, NodeIdentity, Options, State};
use tokio::runtime::{Builder, Runtime};

/// Threads that agreement has for itself: no storm of sign-ins can starve a heartbeat.
const RAFT_THREADS: usize = 2;

/// A node whose parts are connected and that has re-applied its log.
pub(crate) struct Node {
    /// What the API works with.
    pub(crate) service: Service,
    /// This node's part in the cluster.
    pub(crate) cluster: Cluster,
    /// The clocks.
    pub(crate) clock: Arc<dyn Clock>,
    log: Arc<Log>,
    _runtime: RaftRuntime,
}

/// Agreement's own threads. A runtime may not be dropped on a thread of another one, so they end in the background.
struct RaftRuntime(Option<Runtime>);

impl RaftRuntime {
    fn start() -> Outcome<RaftRuntime> {
        let mut builder = Builder::new_multi_thread();
        builder.worker_threads(RAFT_THREADS).max_blocking_threads(8).thread_name("raft").enable_all();
        let runtime = builder.build().map_err(Failure::other)?;
        Ok(RaftRuntime(Some(runtime)))
    }
}

impl Drop for RaftRuntime {
    fn drop(&mut self) {
        if let Some(runtime) = self.0.take() {
            runtime.shutdown_background();
        }
    }
}

/// Starts agreement over the data folder. `announce` gets the cluster as soon as its status can be asked; this
/// returns when the log is re-applied.
pub(crate) async fn start(
    config: &Config,
    opened: folder::Opened,
    announce: impl FnOnce(&Cluster),
) -> Outcome<Node> {
    let folder::Opened { identity, cluster_key } = opened;
    let clock: Arc<dyn Clock> = Arc::new(SystemClock);
    let machine = Arc::new(Machine::new(Keyring::new(cluster_key)));
    let (log, state) = open(config, identity).await?;
    let (log, state) = (Arc::new(log), Arc::new(state));
    let runtime = RaftRuntime::start()?;
    let handle = runtime.0.as_ref().map(|runtime| runtime.handle().clone());
    let handle = handle.ok_or_else(|| Failure::other("the runtime of agreement is gone"))?;
    let ports = Ports {
        log: Arc::clone(&log) as _,
        state: Arc::clone(&state),
        machine: Arc::clone(&machine) as _,
        clock: Arc::clone(&clock),
        on_fatal: fatal::of_raft(),
        runtime: handle,
    };
    let settings = raft::Config {
        identity,
        peer: Peer::default(),
        timing: Timing::LAN,
        retention: Retention { policy: config.retention, ..Retention::default() },
    };
    let cluster = Cluster::start(settings, ports).await?;
    announce(&cluster);
    if !cluster.is_initialized().await? {
        cluster.initialize().await?;
    }
    cluster.ready().await?;
    let backend = ClusterBackend { cluster: cluster.clone(), state, clock: Arc::clone(&clock) };
    let hasher = crypto::PasswordHasher::new(config.password, PASSWORD_BUFFERS);
    let hasher = hasher.map_err(|error| Failure::new(Class::Config, error))?;
    let service = Service {
        backend: Arc::new(backend),
        machine,
        entropy: Arc::new(SystemEntropy),
        passwords: Arc::new(Passwords::new(hasher)),
        keys: Arc::new(Keys::default()),
        memo: Arc::default(),
        settings: Arc::new(Settings {
            scheme: config.public_url.scheme,
            port: config.public_url.port,
            bounded: Timing::LAN.bound,
        }),
    };
    Ok(Node { service, cluster, clock, log, _runtime: runtime })
}

/// Opens log and state, both at once: each reads its files and checks its newest entries.
async fn open(config: &Config, identity: NodeIdentity) -> Outcome<(Log, State)> {
    let options = Options::new(config.memory).with_on_fatal(fatal::of_storage());
    let (log_dir, state_dir) = (config.data_dir.clone(), config.data_dir.clone());
    let log_options = options.clone();
    let log = tokio::task::spawn_blocking(move || Log::open(&log_dir, &identity, &log_options));
    let state = tokio::task::spawn_blocking(move || -> Outcome<State> {
        let state = State::open(&state_dir, &identity, &options)?;
        renew_search(&state)?;
        Ok(state)
    });
    let (log, state) = (log.await.map_err(Failure::other)?, state.await.map_err(Failure::other)?);
    Ok((log?, state?))
}

/// Writes the search index anew if it is of another schema than this program's.
fn renew_search(state: &State) -> Outcome<()> {
    let view = state.view();
    if !search::is_outdated(&view)? {
        return Ok(());
    }
    let system = Reader { read: &view, instance: SYSTEM, now: Timestamp::default() };
    let instances = instance::numbers(&system)?;
    let mut write = |changes| state.write(changes, state.applied()).map_err(|error| Fault(error.to_string()));
    search::rebuild(&view, &instances, &mut write)?;
    if !instances.is_empty() {
        tracing::info!(instances = instances.len(), "the search index was written anew");
    }
    Ok(())
}

impl Node {
    /// Stops in order: what was asked is answered, the state is flushed, the log is closed.
    pub(crate) async fn stop(self) -> Outcome<()> {
        self.cluster.shutdown().await?;
        let log = self.log;
        tokio::task::spawn_blocking(move || log.close()).await.map_err(Failure::other)
    }
}
