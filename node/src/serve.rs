//! The life of a node: take the addresses, open the folder, start, serve, stop.

use crate::admin::{self, Admin};
use crate::clock::SystemClock;
use crate::config::Config;
use crate::exit::{Failure, Outcome};
use crate::operations::Operations;
use crate::wire::Node;
use crate::{alarms, folder, jobs, listener, routes, telemetry, wire};
use axum::Router;
use identity::cluster::node::FOUNDER;
use raft::Clock;
use std::net::SocketAddr;
use std::sync::{Arc, OnceLock};
use std::time::Duration;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::watch;
use tokio::task::JoinHandle;

/// How long a stopping node still answers everybody while /ready says that it does not want to: distributors look
/// several times a second.
const NOTICE: Duration = Duration::from_millis(600);

/// A node that has re-applied its log and serves nobody yet.
pub(crate) struct Open {
    /// Its parts.
    pub(crate) node: Node,
    /// What was made on the way.
    pub(crate) made: folder::Made,
    public: Arc<OnceLock<Router>>,
    addresses: Addresses,
    stop: watch::Sender<bool>,
    serving: watch::Sender<bool>,
    drained: watch::Sender<bool>,
    sides: Vec<JoinHandle<()>>,
    begun: Duration,
}

/// Where a node really listens: a port of 0 was chosen by the system.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Addresses {
    /// The public side.
    pub(crate) public: SocketAddr,
    /// The operations side.
    pub(crate) operations: SocketAddr,
    /// Where the other nodes come in.
    pub(crate) peers: SocketAddr,
}

/// A node that serves.
pub(crate) struct Serving {
    /// Where.
    pub(crate) addresses: Addresses,
    /// Its parts.
    pub(crate) node: Node,
    stop: watch::Sender<bool>,
    drained: watch::Sender<bool>,
    tasks: Vec<JoinHandle<()>>,
}

/// Takes the addresses, opens or makes the data folder and starts agreement. The operations side answers from the
/// beginning, so that a long recovery can be watched; the public side says meanwhile that it does not serve yet.
pub(crate) async fn open(config: &mut Config) -> Outcome<Open> {
    let begun = SystemClock.monotonic();
    listener::raise_descriptors();
    let metrics = telemetry::start_metrics();
    let public = listener::bind("public.listen", config.public_listen).await?;
    let operations = listener::bind("operations.listen", config.operations_listen).await?;
    let peers = listener::bind("peers.listen", config.peers_listen).await?;
    let addresses = Addresses {
        peers: peers.local_addr().map_err(Failure::other)?,
        public: public.local_addr().map_err(Failure::other)?,
        operations: operations.local_addr().map_err(Failure::other)?,
    };
    if config.public_url.port == Some(0) {
        config.public_url.port = Some(addresses.public.port());
    }
    let (opened, made) = folder::prepare(config).await?;
    let (stop, stopping) = watch::channel(false);
    let (serving, is_serving) = watch::channel(false);
    let (drained, is_drained) = watch::channel(false);
    let cluster = Arc::new(OnceLock::new());
    let side = Operations {
        cluster: Arc::clone(&cluster),
        serving: is_serving.clone(),
        drained: is_drained.clone(),
        stop: stopping.clone(),
        clock: Arc::new(SystemClock),
        metrics,
    };
    let operations = tokio::spawn(listener::serve(operations, side.clone().router(), stopping.clone()));
    let routes = Arc::new(OnceLock::new());
    let early = routes::once_there(Arc::clone(&routes));
    let public = tokio::spawn(listener::serve(public, early, stopping.clone()));
    let told = tokio::spawn(alarms::told::run(side.clone()));
    let hands = Arc::new(OnceLock::new());
    let admin = Admin { hands: Arc::clone(&hands), operations: side.clone(), drained: drained.clone() };
    let admin = tokio::spawn(admin::serve(admin::bind(&config.data_dir)?, admin, stopping));
    let prepared = SystemClock.monotonic();
    let takes_work = move || *is_serving.borrow() && !*is_drained.borrow();
    let node = wire::start(config, opened, peers, takes_work, |started| {
        let _ = cluster.set(started.clone());
    })
    .await?;
    tracing::info!(
        folder_ms = millis(prepared.saturating_sub(begun)),
        recovery_ms = millis(SystemClock.monotonic().saturating_sub(prepared)),
        "the log is re-applied"
    );
    let _ = hands.set(admin::Hands {
        service: node.service.clone(),
        cluster: node.cluster.clone(),
        place: Arc::clone(&node.place),
        operations: side,
    });
    let sides = vec![operations, admin, public, told];
    Ok(Open { node, made, public: routes, addresses, stop, serving, drained, sides, begun })
}

impl Open {
    /// Whether this node began the cluster.
    pub(crate) fn is_founder(&self) -> bool {
        self.node.identity.node == FOUNDER
    }

    /// Records this node as it is now, opens the public side and begins the leader's jobs.
    pub(crate) async fn serve(self) -> Serving {
        let Open { node, public, addresses, stop, serving, drained, sides: mut tasks, begun, .. } = self;
        let router = routes::public(
            node.service.clone(),
            Arc::clone(&node.clock),
            node.identity.node,
            drained.subscribe(),
        );
        let stopping = stop.subscribe();
        let (service, cluster) = (node.service.clone(), node.cluster.clone());
        let mut membership = node.membership();
        membership.look_once().await;
        let _ = public.set(router);
        tasks.push(tokio::spawn(jobs::run(service, cluster, stopping.clone())));
        tasks.push(tokio::spawn(membership.run(stopping)));
        serving.send_replace(true);
        tracing::info!(
            public = %addresses.public,
            operations = %addresses.operations,
            peers = %addresses.peers,
            start_ms = millis(SystemClock.monotonic().saturating_sub(begun)),
            "the node serves"
        );
        Serving { addresses, node, stop, drained, tasks }
    }

    /// Stops a node that never served.
    pub(crate) async fn stop(self) -> Outcome<()> {
        self.stop.send_replace(true);
        for side in self.sides {
            let _ = side.await;
        }
        self.node.stop().await
    }
}

impl Serving {
    /// Waits for a signal, then stops in order. A second signal ends the process at once.
    pub(crate) async fn until(self, mut signals: Signals) -> Outcome<()> {
        let name = signals.next().await;
        tracing::info!(signal = name, "stopping");
        tokio::select! {
            stopped = self.stop() => stopped,
            name = signals.again() => {
                Err(Failure::other(format_args!("stopped at once by {name}; nothing acknowledged is lost")))
            }
        }
    }

    async fn stop(self) -> Outcome<()> {
        let begun = SystemClock.monotonic();
        self.hand_over().await;
        self.stop.send_replace(true);
        for task in self.tasks {
            let _ = task.await;
        }
        self.node.stop().await?;
        tracing::info!(stop_ms = millis(SystemClock.monotonic().saturating_sub(begun)), "stopped");
        Ok(())
    }
}

impl Serving {
    /// Where others can take over, lets them, and lets whoever distributes requests notice.
    async fn hand_over(&self) {
        self.drained.send_replace(true);
        let cluster = &self.node.cluster;
        cluster.may_lead(false);
        if cluster.status().voters.len() < 2 {
            return;
        }
        if let Err(error) = cluster.hand_over(None).await {
            tracing::warn!(%error, "another leader has to be elected");
        }
        tokio::time::sleep(NOTICE).await;
    }
}

/// What stops a node besides a signal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum StopBy {
    /// Nothing.
    SignalsOnly,
    /// The end of standard input: who holds its other end can't go without the node.
    Stdin,
}

/// What stops a node. From their making on none is missed, whenever it comes.
pub(crate) struct Signals {
    interrupt: Signal,
    terminate: Signal,
    input: Option<watch::Receiver<bool>>,
}

impl Signals {
    /// Takes them from the system.
    pub(crate) fn take(by: StopBy) -> Outcome<Signals> {
        let take = |kind| signal(kind).map_err(Failure::other);
        Ok(Signals {
            interrupt: take(SignalKind::interrupt())?,
            terminate: take(SignalKind::terminate())?,
            input: (by == StopBy::Stdin).then(end_of_input),
        })
    }

    /// Waits for the next one; its name.
    pub(crate) async fn next(&mut self) -> &'static str {
        let ended = async {
            match &mut self.input {
                Some(input) => drop(input.wait_for(|ended| *ended).await),
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            _ = self.interrupt.recv() => "SIGINT",
            _ = self.terminate.recv() => "SIGTERM",
            () = ended => "the end of standard input",
        }
    }

    /// Waits for a signal that means "at once", after a first one. Where the end of standard input stops a node too,
    /// Ctrl-C says the same thing twice: to the node, and to who holds its input. One signal more is needed there.
    async fn again(&mut self) -> &'static str {
        if self.input.take().is_some() {
            self.next().await;
        }
        self.next().await
    }

    /// Does something unless a signal comes first.
    pub(crate) async fn unless<T>(&mut self, work: impl Future<Output = T>) -> Option<T> {
        tokio::select! {
            done = work => Some(done),
            name = self.next() => {
                tracing::info!(signal = name, "stopped before it served");
                None
            }
        }
    }
}

/// Becomes true when standard input ends. A thread of its own reads it, which the end of the process ends.
fn end_of_input() -> watch::Receiver<bool> {
    let (ended, input) = watch::channel(false);
    std::thread::spawn(move || {
        let _ = std::io::copy(&mut std::io::stdin(), &mut std::io::sink());
        ended.send_replace(true);
    });
    input
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}
