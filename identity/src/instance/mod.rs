//! Instances: virtual tenants with their own domains, issuer, keys and settings. They are records of the system.

pub mod domain;
pub mod lifetimes;

use crate::change::Create;
use crate::command::{Access, command};
use crate::encoding::Stored;
use crate::event::What;
use crate::id::{Id, InstanceId, SYSTEM};
use crate::keys::{Key, Parts, Space};
use crate::label::Label;
use crate::name::{HostName, Name};
use crate::permission::Area;
use crate::reader::{Reader, Run};
use crate::record::{Kind, Record, State};
use crate::refusal::Refusal;
use crate::resource::{Indexes, Resource, Root};
use crate::tables::{Fault, Table};
use domain::Domain;
use minicbor::{Decode, Encode};

/// An instance of the system.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct Instance {
    /// Shown to operators.
    #[n(0)]
    pub name: Name<200>,
    /// Its data key, wrapped by the cluster's key.
    #[n(1)]
    #[cbor(with = "minicbor::bytes")]
    pub data_key: Vec<u8>,
}

impl Stored for Instance {}

impl Resource for Instance {
    const KIND: Kind = Kind::Instance;
    const AREA: Area = Area::System;
    const FIELDS: &'static [Label] = &[Label::plain("name"), Label::plain("data_key")];
    type Parent = Root;
    type Birth = ();
    fn indexes(&self, _: &mut Indexes<'_>) {}
}

/// Creates an instance with its first domain.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct CreateInstance {
    /// The next free number, which the data key is bound to.
    #[n(0)]
    pub number: InstanceId,
    /// Its name.
    #[n(1)]
    pub name: Name<200>,
    /// Its first host name.
    #[n(2)]
    pub host: HostName,
    /// Its data key, wrapped by the cluster's key.
    #[n(3)]
    #[cbor(with = "minicbor::bytes")]
    pub data_key: Vec<u8>,
}

/// How many instances there may be.
pub const INSTANCES_MAX: usize = 100_000;

/// The number that the next instance gets.
pub fn next_number(reader: &Reader<'_>) -> Result<InstanceId, Fault> {
    Ok(InstanceId(numbers(reader)?.last().map_or(1, |last| last.0.saturating_add(1))))
}

/// The numbers of all instances, in order, deleted ones apart.
pub fn numbers(reader: &Reader<'_>) -> Result<Vec<InstanceId>, Fault> {
    let (from, to) = Key::new(SYSTEM, Space::Record).u16(Kind::Instance.number()).range();
    let mut numbers = Vec::new();
    for (key, _) in reader.read.scan(Table::State, &from, &to, INSTANCES_MAX)? {
        let id = Parts::of(&key).and_then(|mut parts| {
            parts.u16()?;
            parts.text()?.parse::<u64>().ok()
        });
        numbers.push(InstanceId(id.ok_or_else(|| Fault("an instance's key holds no number".into()))?));
    }
    numbers.sort_unstable();
    Ok(numbers)
}

command!(1 CreateInstance -> InstanceId, |_, _| Ok(Access::System), |self, tx| {
    if tx.instance != SYSTEM || self.number != next_number(&tx.reader())? {
        return Err(Refusal::AlreadyExists.into());
    }
    // A key that does not open would stop every node at the instance's first user.
    tx.keyring.instance(self.number, &self.data_key).map_err(|_| Refusal::InvalidSpec)?;
    let id = Id::from_number(self.number.0);
    let record = Record {
        id: id.clone(),
        parent: Id::from_number(SYSTEM.0),
        revision: 1,
        created: tx.now,
        changed: tx.now,
        state: State::Active,
        spec: Instance { name: self.name, data_key: self.data_key },
    };
    tx.put(&record);
    tx.tell(What::Created, Kind::Instance, &id, None, Vec::new())?;
    let host = Id::parse(self.host.as_str()).map_err(|_| Refusal::InvalidSpec)?;
    Create { id: host, parent: id, spec: Domain { host: self.host }, birth: () }.run(tx)?;
    Ok(self.number)
});

/// Switches a whole instance on or off.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct SetInstanceState {
    /// Which.
    #[n(0)]
    pub number: InstanceId,
    /// On or off.
    #[n(1)]
    pub state: State,
}

command!(2 SetInstanceState -> (), |_, _| Ok(Access::System), |self, tx| {
    let mut record = tx.reader().of(SYSTEM).find::<Instance>(&Id::from_number(self.number.0))?.ok_or(Refusal::NotFound)?;
    if tx.instance != SYSTEM || self.state == State::Deleted {
        return Err(Refusal::InvalidSpec.into());
    }
    record.state = self.state;
    record.revision = record.revision.saturating_add(1);
    record.changed = tx.now;
    tx.put(&record);
    tx.tell(What::StateSet, Kind::Instance, &record.id, None, Vec::new())?;
    Ok(())
});

/// The instance that a host name belongs to, whatever a stranger claims in other headers.
pub fn by_host(reader: &Reader<'_>, host: &str) -> Run<Option<InstanceId>> {
    let system = reader.of(SYSTEM);
    let Some(id) = system.named(crate::reader::Names::Host, host)? else { return Ok(None) };
    let domain = system.find::<Domain>(&id)?.filter(|domain| domain.state == State::Active);
    let Some(domain) = domain else { return Ok(None) };
    Ok(domain.parent.as_str().parse().ok().map(InstanceId))
}
