//! A node without HTTP and pages: storage, agreement, and `identity`'s machine behind them.

use crate::Error;
use bytes::Bytes;
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
use identity::reader::Reader;
use identity::time::Timestamp;
use raft::{
    About, Clock, Cluster, Config, Freshness, OnFatal, Peer, PeerSide, Ports, Retention, Submitted, Timing,
    Wanted,
};
use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};
use storage::{Log, NodeIdentity, Options, State};
use tokio::runtime::Handle;

/// How long a command is waited for; only a hang takes so long.
const HANG: Duration = Duration::from_secs(10);
/// No bench runs that long: what a comparison costs is not part of a command.
const VERIFY_EVERY: Duration = Duration::from_secs(86_400);
const CLUSTER_KEY: [u8; 32] = [7; 32];
pub(crate) const INSTANCE: InstanceId = InstanceId(1);
/// Below this, ids are for what a bench sets up.
pub(crate) const FIRST: u64 = 1000;

/// A running engine.
pub(crate) struct Engine {
    pub(crate) node: u64,
    pub(crate) cluster: Cluster,
}

impl Engine {
    /// Opens an empty folder as the only node of a new cluster, with an instance in it.
    pub(crate) async fn alone(folder: &Path) -> Result<Engine, Error> {
        let ports = ports(folder, &identity(1), Handle::current())?;
        let engine = Engine::start(1, Peer::default(), ports).await?;
        engine.cluster.initialize().await?;
        engine.submit(instance()?).await?;
        Ok(engine)
    }

    /// Opens an empty folder as one of several nodes that wait for a first one.
    pub(crate) async fn among(
        folder: &Path,
        node: u64,
        peer: Peer,
        side: PeerSide,
        runtime: Handle,
    ) -> Result<Engine, Error> {
        let ports = Ports { peers: Some(side), ..ports(folder, &identity(node), runtime)? };
        Engine::start(node, peer, ports).await
    }

    /// Begins a cluster here, brings the others in as voters, and makes an instance.
    pub(crate) async fn lead(&self, members: BTreeMap<u64, Wanted>) -> Result<(), Error> {
        self.cluster.initialize().await?;
        self.cluster.ready().await?;
        let begun = Instant::now();
        while !self.cluster.status().voters.iter().eq(members.keys()) {
            if begun.elapsed() > HANG {
                return Err("the nodes did not become a cluster".into());
            }
            // A step that is refused is taken again: the others may still be starting.
            let _ = self.cluster.lead_members_to(&members).await;
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        self.submit(instance()?).await
    }

    async fn start(node: u64, peer: Peer, ports: Ports) -> Result<Engine, Error> {
        let config = Config {
            identity: identity(node),
            peer,
            timing: Timing::LAN,
            retention: Retention::default(),
            verify_every: VERIFY_EVERY,
        };
        Ok(Engine { node, cluster: Cluster::start(config, ports).await? })
    }

    /// Has a command carried out; it is durable then.
    pub(crate) async fn submit(&self, command: Bytes) -> Result<(), Error> {
        match self.cluster.submit(command, HANG).await {
            Submitted::Applied { .. } => Ok(()),
            other => Err(format!("a command was not applied: {other:?}").into()),
        }
    }

    /// A view of this moment.
    pub(crate) async fn view(&self) -> Result<storage::View, Error> {
        Ok(self.cluster.view(Freshness::Linearizable).await?)
    }

    /// The name of the organization of a number, read after every write that was acknowledged before.
    pub(crate) async fn name(&self, number: u64) -> Result<Option<String>, Error> {
        let view = self.cluster.view(Freshness::Linearizable).await?;
        let reader = Reader { read: &view, instance: INSTANCE, now: Timestamp::default() };
        let found = reader.find::<Organization>(&Id::from_number(FIRST + number))?;
        Ok(found.map(|record| record.spec.name.as_str().to_owned()))
    }
}

/// The key of the bench's instance.
pub(crate) fn instance_key() -> Result<Arc<crypto::InstanceKey>, Error> {
    let keyring = keyring();
    let wrapped = keyring.wrap_instance(INSTANCE, &Secret::new([3; 32]), [0; 12]);
    keyring.instance(INSTANCE, &wrapped).map_err(|fault| fault.0.into())
}

/// A command of the bench's instance under a request id that no other has.
pub(crate) fn numbered<C: Command>(number: u64, of: &C) -> Result<Bytes, Error> {
    command(INSTANCE, number, of)
}

/// The command that makes the organization of a number, with its unique domain, search rows and audit entry.
pub(crate) fn organization(number: u64, name: &str) -> Result<Bytes, Error> {
    let domain = HostName::parse(&format!("o{number}.example"))?;
    let spec = Organization { name: Name::parse(name)?, domain };
    let create = Create { id: Id::from_number(FIRST + number), parent: Id::from_number(1), spec, birth: () };
    command(INSTANCE, FIRST + number, &create)
}

/// The command that makes the instance that organizations need.
fn instance() -> Result<Bytes, Error> {
    let data_key = keyring().wrap_instance(INSTANCE, &Secret::new([3; 32]), [0; 12]);
    let create = CreateInstance {
        number: INSTANCE,
        name: Name::parse("bench")?,
        host: HostName::parse("localhost")?,
        data_key,
    };
    command(SYSTEM, 0, &create)
}

fn command<C: Command>(instance: InstanceId, number: u64, command: &C) -> Result<Bytes, Error> {
    let mut request = [0; 16];
    request[..8].copy_from_slice(&number.to_be_bytes());
    let envelope = Envelope {
        request: Fixed(request),
        not_after: Timestamp(System::wall_ms()).plus_secs(20),
        instance,
        caller: Caller::system(),
        remember: Remember::Retry,
        number: C::NUMBER,
        body: encode(command),
    };
    Ok(encode(&envelope).into())
}

fn keyring() -> Keyring {
    Keyring::new(ClusterKey::new(Secret::new(CLUSTER_KEY)))
}

/// Who a node of the bench's cluster is.
pub(crate) fn identity(node: u64) -> NodeIdentity {
    NodeIdentity { cluster: [1; 16], node, lineage: 1 }
}

fn ports(folder: &Path, identity: &NodeIdentity, runtime: Handle) -> Result<Ports, Error> {
    storage::create(folder, identity)?;
    let options = Options::new(storage::MEMORY_BYTES);
    Ok(Ports {
        log: Arc::new(Log::open(folder, identity, &options)?),
        state: Arc::new(State::open(folder, identity, &options)?),
        machine: Arc::new(Machine::new(keyring())),
        clock: Arc::new(System(Instant::now())),
        on_fatal: OnFatal::new(|fatal| panic!("{fatal:?}")),
        runtime,
        peers: None,
        about: Arc::new(|| About { serving: true, ..About::default() }),
    })
}

struct System(Instant);

impl System {
    fn wall_ms() -> u64 {
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
    }
}

impl Clock for System {
    fn wall_ms(&self) -> u64 {
        System::wall_ms()
    }
    fn monotonic(&self) -> Duration {
        self.0.elapsed()
    }
}
