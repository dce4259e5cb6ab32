//! Durable commands per second through the log, beside fdatasync on a preallocated file of the same disk.

use crate::Error;
use crate::disk::fdatasync;
use crate::report::{Report, median};
use crypto::{ClusterKey, Secret};
use identity::change::Create;
use identity::command::Command;
use identity::encoding::encode;
use identity::envelope::{Caller, Envelope, Remember};
use identity::execute::Machine;
use identity::id::{Fixed, Id, InstanceId, SYSTEM};
use identity::instance::CreateInstance;
use identity::keyring::Keyring;
use identity::name::{HostName, Name};
use identity::organization::Organization;
use identity::time::Timestamp;
use raft::{Clock, Cluster, Config, OnFatal, Peer, Ports, Retention, Submitted, Timing};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};
use storage::{Log, NodeIdentity, Options, State};

const RUNS: usize = 3;
const CLIENTS: [usize; 3] = [1, 16, 128];

pub(crate) async fn measure(run: Duration, report: &mut Report) -> Result<(), Error> {
    // Beside the build, so that it is the disk that holds data and not a tmpfs.
    let folder = tempfile::tempdir_in("target")?;
    let cluster = Arc::new(open(&folder.path().join("node")).await?);
    let next = Arc::new(AtomicU64::new(1));
    let mut rates: [Vec<f64>; 3] = Default::default();
    let mut syncs = Vec::new();
    for _ in 0..RUNS {
        syncs.push(fdatasync(&folder.path().join("sync"), run)?.rate);
        for (clients, rates) in CLIENTS.into_iter().zip(&mut rates) {
            rates.push(load(&cluster, &next, clients, run).await?);
        }
    }
    report.add("fdatasync of 4 KiB, preallocated", median(syncs), "1/s", None);
    for (clients, rates) in CLIENTS.into_iter().zip(rates) {
        report.add(format!("durable commands, {clients} clients"), median(rates), "1/s", None);
    }
    cluster.shutdown().await?;
    Ok(())
}

struct System(Instant);

impl Clock for System {
    fn wall_ms(&self) -> u64 {
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
    }
    fn monotonic(&self) -> Duration {
        self.0.elapsed()
    }
}

async fn open(folder: &Path) -> Result<Cluster, Error> {
    let identity = NodeIdentity { cluster: [1; 16], node: 1, lineage: 1 };
    storage::create(folder, &identity)?;
    let options = Options::new(storage::MEMORY_BYTES);
    let keyring = Keyring::new(ClusterKey::new(Secret::new([7; 32])));
    let data_key = keyring.wrap_instance(InstanceId(1), &Secret::new([3; 32]), [0; 12]);
    let ports = Ports {
        log: Arc::new(Log::open(folder, &identity, &options)?),
        state: Arc::new(State::open(folder, &identity, &options)?),
        machine: Arc::new(Machine::new(keyring)),
        clock: Arc::new(System(Instant::now())),
        on_fatal: OnFatal::new(|fatal| panic!("{fatal:?}")),
        runtime: tokio::runtime::Handle::current(),
    };
    let peer = Peer { address: String::new() };
    let config = Config { identity, peer, timing: Timing::LAN, retention: Retention::default() };
    let cluster = Cluster::start(config, ports).await?;
    cluster.initialize().await?;
    cluster.ready().await?;
    let create = CreateInstance {
        number: InstanceId(1),
        name: Name::parse("bench")?,
        host: HostName::parse("localhost")?,
        data_key,
    };
    submit(&cluster, SYSTEM, 0, &create).await?;
    Ok(cluster)
}

async fn submit<C: Command>(
    cluster: &Cluster,
    instance: InstanceId,
    number: u64,
    command: &C,
) -> Result<(), Error> {
    let mut request = [0; 16];
    request[..8].copy_from_slice(&number.to_be_bytes());
    let now = SystemTime::now().duration_since(UNIX_EPOCH)?.as_millis();
    let envelope = Envelope {
        request: Fixed(request),
        not_after: Timestamp(u64::try_from(now)?).plus_secs(20),
        instance,
        caller: Caller::system(),
        remember: Remember::Retry,
        number: C::NUMBER,
        body: encode(command),
    };
    match cluster.submit(encode(&envelope).into(), Duration::from_secs(10)).await {
        Submitted::Applied { .. } => Ok(()),
        other => Err(format!("a command was not applied: {other:?}").into()),
    }
}

/// New organizations per second, each acknowledged after its sync.
async fn load(
    cluster: &Arc<Cluster>,
    next: &Arc<AtomicU64>,
    clients: usize,
    run: Duration,
) -> Result<f64, Error> {
    let count = Arc::new(AtomicU64::new(0));
    let begun = Instant::now();
    let mut tasks = Vec::new();
    for _ in 0..clients {
        let (cluster, next, count) = (Arc::clone(cluster), Arc::clone(next), Arc::clone(&count));
        tasks.push(tokio::spawn(async move {
            while begun.elapsed() < run {
                let number = next.fetch_add(1, Ordering::Relaxed);
                let domain = HostName::parse(&format!("o{number}.example"))?;
                let spec = Organization { name: Name::parse("Bench")?, domain };
                let command =
                    Create { id: Id::from_number(number), parent: Id::from_number(1), spec, birth: () };
                submit(&cluster, InstanceId(1), number, &command).await?;
                count.fetch_add(1, Ordering::Relaxed);
            }
            Ok::<(), Error>(())
        }));
    }
    for task in tasks {
        task.await??;
    }
    #[allow(clippy::cast_precision_loss)]
    Ok(count.load(Ordering::Relaxed) as f64 / begun.elapsed().as_secs_f64())
}
