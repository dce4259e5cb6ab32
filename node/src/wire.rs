//! Connects the parts of a node: store, agreement, domain, API. It holds no logic of its own.

use crate::authority::Proof;
use crate::backend::ClusterBackend;
use crate::clock::SystemClock;
use crate::config::Config;
use crate::entropy::SystemEntropy;
use crate::exit::{Class, Failure, Outcome};
use crate::join::{self, Doorway, Place};
use crate::members::{self, Membership};
use crate::{fatal, folder};
use api_core::keys::Keys;
use api_core::limits::PASSWORD_BUFFERS;
use api_core::passwords::Passwords;
use api_core::{Service, Settings};
use identity::cluster::node::FOUNDER;
use identity::execute::Machine;
use identity::id::SYSTEM;
use identity::keyring::Keyring;
use identity::reader::Reader;
use identity::tables::Fault;
use identity::time::Timestamp;
use identity::{instance, level, search};
use raft::{About, Clock, Cluster, Peer, PeerSide, Ports, Retention, Timing};
use rustix::fs::statvfs;
use std::path::Path;
use std::sync::atomic::Ordering;
use std::sync::{Arc, OnceLock};
use std::time::Duration;
use storage::{Log, NodeIdentity, Options, State};
use tokio::net::TcpListener;
use tokio::runtime::{Builder, Runtime};
use tokio::task::AbortHandle;

/// How long agreement's threads may take to end.
const END_MAX: Duration = Duration::from_secs(5);

/// A node whose parts are connected and that has re-applied its log.
pub(crate) struct Node {
    /// What the API works with.
    pub(crate) service: Service,
    /// This node's part in the cluster.
    pub(crate) cluster: Cluster,
    /// The clocks.
    pub(crate) clock: Arc<dyn Clock>,
    /// Who it is.
    pub(crate) identity: NodeIdentity,
    /// Where the others reach it, and what it hands to those who join.
    pub(crate) place: Arc<Place>,
    log: Arc<Log>,
    renewal: AbortHandle,
    runtime: RaftRuntime,
}

/// Agreement's own threads.
struct RaftRuntime(Option<Runtime>);

impl RaftRuntime {
    fn start() -> Outcome<RaftRuntime> {
        let mut builder = Builder::new_multi_thread();
        builder.worker_threads(raft::threads()).max_blocking_threads(8).thread_name("raft").enable_all();
        let runtime = builder.build().map_err(Failure::other)?;
        Ok(RaftRuntime(Some(runtime)))
    }
}

impl Drop for RaftRuntime {
    /// Ends the threads and waits for it: the store must not be in use any more when the process ends, because its
    /// library tears itself down then. A runtime may not be ended on a thread of another one, so a plain one does it.
    fn drop(&mut self) {
        if let Some(runtime) = self.0.take() {
            let ending = std::thread::spawn(move || runtime.shutdown_timeout(END_MAX));
            let _ = ending.join();
        }
    }
}

/// Starts agreement over the data folder. `announce` gets the cluster as soon as its status can be asked; this
/// returns when the log is re-applied. `takes_work` says to the others whether this node takes requests.
pub(crate) async fn start(
    config: &Config,
    opened: folder::Opened,
    peers: TcpListener,
    takes_work: impl Fn() -> bool + Send + Sync + 'static,
    announce: impl FnOnce(&Cluster),
) -> Outcome<Node> {
    let folder::Opened { identity, cluster_key, authority } = opened;
    let clock: Arc<dyn Clock> = Arc::new(SystemClock);
    let address = config.peer_address(peers.local_addr().map_err(Failure::other)?)?;
    let peer = Peer { address: address.to_string() };
    let place = Arc::new(join::place(&config.data_dir, identity, address)?);
    let proof = Proof::new(authority, identity, Arc::clone(&clock))?;
    let (tls, certificate_ends) = (Arc::clone(&proof.tls), Arc::clone(&proof.ends));
    let machine = Arc::new(Machine::new(Keyring::new(cluster_key)));
    let (log, state) = open(config, identity).await?;
    let (log, state) = (Arc::new(log), Arc::new(state));
    let runtime = RaftRuntime::start()?;
    let handle = runtime.0.as_ref().map(|runtime| runtime.handle().clone());
    let handle = handle.ok_or_else(|| Failure::other("the runtime of agreement is gone"))?;
    // A listener belongs to the runtime that it was made on.
    let listener = peers.into_std().map_err(Failure::other)?;
    let listener = {
        let _on = handle.enter();
        TcpListener::from_std(listener).map_err(Failure::other)?
    };
    let hands = Arc::new(OnceLock::new());
    let door = Arc::new(Doorway {
        place: Arc::clone(&place),
        state: Arc::clone(&state),
        service: Arc::clone(&hands),
    });
    let data_dir = config.data_dir.clone();
    let about = move || About {
        version: members::VERSION.to_owned(),
        levels: (level::MIN, level::MAX),
        certificate_ends: certificate_ends.load(Ordering::Relaxed),
        disk_free: disk_free(&data_dir),
        serving: takes_work(),
    };
    let renewal = handle.spawn(proof.keep_new()).abort_handle();
    let ports = Ports {
        log: Arc::clone(&log) as _,
        state: Arc::clone(&state),
        machine: Arc::clone(&machine) as _,
        clock: Arc::clone(&clock),
        on_fatal: fatal::of_raft(),
        runtime: handle,
        peers: Some(PeerSide { listener, tls, door: Arc::clone(&door) as _ }),
        about: Arc::new(about),
    };
    let settings = raft::Config {
        identity,
        peer,
        timing: Timing::LAN,
        retention: Retention { policy: config.retention, ..Retention::default() },
        verify_every: config.verify_every,
    };
    let cluster = Cluster::start(settings, ports).await?;
    announce(&cluster);
    // A cluster is begun once, by the node that founds it; whoever joined waits for the others.
    if identity.node == FOUNDER && !cluster.is_initialized().await? {
        cluster.initialize().await?;
    }
    let removed =
        |why: &str| Failure::new(Class::Removed, format_args!("{why}: wipe {}", config.data_dir.display()));
    let is_member = cluster.status().members.contains_key(&identity.node);
    if raft::Door::is_removed(&*door, identity.node) && !is_member {
        return Err(removed("this node was removed from the cluster"));
    }
    // One that was removed while it was down learns that from the others, and never becomes ready.
    let ready = cluster.ready().await;
    if let Some(why) = cluster.status().withdrawn {
        return Err(removed(&why));
    }
    ready?;
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
    let _ = hands.set(service.clone());
    Ok(Node { service, cluster, clock, identity, place, log, renewal, runtime })
}

/// Bytes that are free where the data is; 0 where that can't be read.
fn disk_free(dir: &Path) -> u64 {
    statvfs(dir).map_or(0, |space| space.f_bavail.saturating_mul(space.f_frsize))
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
    /// What looks after this node's record and, while it leads, everybody's membership.
    pub(crate) fn membership(&self) -> Membership {
        Membership {
            service: self.service.clone(),
            cluster: self.cluster.clone(),
            me: self.identity.node,
            address: self.place.address.clone(),
            reported: false,
        }
    }

    /// Stops in order: what was asked is answered, the state is flushed, the log is closed.
    pub(crate) async fn stop(self) -> Outcome<()> {
        let Node { cluster, renewal, log, runtime, .. } = self;
        cluster.shutdown().await?;
        renewal.abort();
        tokio::task::spawn_blocking(move || log.close()).await.map_err(Failure::other)?;
        drop((cluster, runtime));
        Ok(())
    }
}
