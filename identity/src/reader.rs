//! Typed reads of one instance: what commands decide by and queries answer from.

use crate::encoding::decode_row;
use crate::id::{Id, InstanceId, SYSTEM};
use crate::instance::Instance;
use crate::keys::{Key, Parts, Space};
use crate::record::{Kind, Record, Row, State};
use crate::refusal::Refusal;
use crate::resource::{Parent, Resource};
use crate::tables::{Fault, Read, Table};
use crate::time::Timestamp;

/// Why a command or query ends early: a no for the caller, or a fault that stops the node.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum No {
    /// The domain's no.
    #[error(transparent)]
    Refused(#[from] Refusal),
    /// The storage engine's fault.
    #[error(transparent)]
    Fault(#[from] Fault),
}

/// What a command's or query's step returns.
pub type Run<T> = Result<T, No>;

/// The unique name spaces.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u16)]
pub enum Names {
    /// Host names of the whole system.
    Host = 1,
    /// Usernames of an instance, folded.
    Username = 2,
    /// Primary domains of organizations.
    OrganizationDomain = 3,
    /// Role keys of a project.
    RoleKey = 4,
    /// One authorization a user and project.
    Authorization = 5,
    /// One administrator entry a user and level.
    Administrator = 6,
    /// One grant a project and organization.
    ProjectGrant = 7,
    /// Groups of an organization, folded.
    Group = 8,
    /// One membership a group and user.
    GroupMember = 9,
    /// Keys of a user's metadata.
    UserMetadata = 10,
    /// Keys of an organization's metadata.
    OrganizationMetadata = 11,
    /// Test-only.
    Probe = 240,
}

impl Names {
    /// What is said of a name that is taken.
    pub fn taken(self) -> Refusal {
        match self {
            Names::Username => Refusal::UsernameTaken,
            Names::OrganizationDomain => Refusal::DomainTaken,
            Names::RoleKey | Names::UserMetadata | Names::OrganizationMetadata => Refusal::KeyTaken,
            Names::Authorization => Refusal::AlreadyAuthorized,
            Names::Administrator => Refusal::AlreadyAdministrator,
            Names::ProjectGrant => Refusal::AlreadyGranted,
            Names::Group => Refusal::NameTaken,
            Names::GroupMember => Refusal::AlreadyMember,
            Names::Host => Refusal::HostTaken,
            Names::Probe => Refusal::AlreadyExists,
        }
    }
}

/// A snapshot seen as one instance at one moment.
#[derive(Clone, Copy)]
pub struct Reader<'a> {
    /// The rows.
    pub read: &'a dyn Read,
    /// Whose rows.
    pub instance: InstanceId,
    /// Log time for commands; the later of the node's clock and log time for queries.
    pub now: Timestamp,
}

impl<'a> Reader<'a> {
    /// The same snapshot, seen as another instance.
    #[must_use]
    pub fn of(self, instance: InstanceId) -> Reader<'a> {
        Reader { instance, ..self }
    }

    /// A row by its id.
    pub fn row<T: Row>(&self, id: &Id) -> Result<Option<T>, Fault> {
        let key = record_key(self.instance, T::KIND, id);
        self.read.get(Table::State, &key)?.map(|bytes| decode_row(&bytes)).transpose()
    }

    /// A resource by its id, whether it serves or not; `None` when it is deleted.
    pub fn find<T: Resource>(&self, id: &Id) -> Result<Option<Record<T>>, Fault> {
        let key = record_key(self.instance, T::KIND, id);
        let Some(bytes) = self.read.get(Table::State, &key)? else { return Ok(None) };
        let record: Record<T> = decode_row(&bytes)?;
        Ok((record.state != State::Deleted).then_some(record))
    }

    /// Whether an id stands for a resource, be it deleted and not yet swept.
    pub fn is_taken<T: Resource>(&self, id: &Id) -> Result<bool, Fault> {
        Ok(self.read.get(Table::State, &record_key(self.instance, T::KIND, id))?.is_some())
    }

    /// A resource that exists, whether it serves or not, and whose parents are not deleted.
    pub fn existing<T: Resource>(&self, id: &Id) -> Run<Record<T>> {
        let record = self.find::<T>(id)?.ok_or(Refusal::NotFound)?;
        T::Parent::exists(self, &record.parent)?;
        Ok(record)
    }

    /// A resource that serves, as do its parents up to the instance.
    pub fn live<T: Resource>(&self, id: &Id) -> Run<Record<T>> {
        let record = self.find::<T>(id)?.ok_or(Refusal::NotFound)?;
        if record.state != State::Active {
            return Err(Refusal::NotActive.into());
        }
        T::Parent::live(self, &record.parent).map_err(|no| match no {
            No::Refused(Refusal::NotFound | Refusal::NotActive) => Refusal::ParentNotActive.into(),
            other => other,
        })?;
        Ok(record)
    }

    /// This instance, if it is active.
    pub fn live_instance(&self) -> Run<Record<Instance>> {
        let id = Id::from_number(self.instance.0);
        match self.of(SYSTEM).find::<Instance>(&id)? {
            Some(record) if record.state == State::Active => Ok(record),
            Some(_) | None => Err(Refusal::InstanceNotActive.into()),
        }
    }

    /// The id that holds a unique name.
    pub fn named(&self, names: Names, name: &str) -> Result<Option<Id>, Fault> {
        let key = unique_key(self.instance, names, name);
        let Some(bytes) = self.read.get(Table::State, &key)? else { return Ok(None) };
        let text = std::str::from_utf8(&bytes).ok().and_then(|text| Id::parse(text).ok());
        text.map(Some).ok_or_else(|| Fault(format!("the index of {names:?} holds no id")))
    }

    /// Ids of `kind` that refer to `to`, in order, at most `limit`.
    pub fn referring(&self, to: Kind, id: &Id, kind: Kind, limit: usize) -> Result<Vec<Id>, Fault> {
        self.referring_after((to, id), kind, None, limit)
    }

    /// The same behind one of them, be it still there or not.
    pub fn referring_after(
        &self,
        (to, id): (Kind, &Id),
        kind: Kind,
        after: Option<&Id>,
        limit: usize,
    ) -> Result<Vec<Id>, Fault> {
        let prefix = Key::new(self.instance, Space::Reference).u16(to.number()).id(id).u16(kind.number());
        self.ids_under(prefix, after, limit)
    }

    /// Ids of `kind` that hang under a parent, in order, at most `limit`.
    pub fn children(&self, parent: Kind, id: &Id, kind: Kind, limit: usize) -> Result<Vec<Id>, Fault> {
        let prefix = Key::new(self.instance, Space::Child).u16(parent.number()).id(id).u16(kind.number());
        self.ids_under(prefix, None, limit)
    }

    fn ids_under(&self, prefix: Key, after: Option<&Id>, limit: usize) -> Result<Vec<Id>, Fault> {
        let skip = prefix.clone().into_bytes().len();
        let behind = after.map(|id| prefix.clone().id(id).bytes(&[0]).into_bytes());
        let (from, to) = prefix.range();
        let from = behind.unwrap_or(from);
        let rows = self.read.scan(Table::State, &from, &to, limit)?;
        rows.iter().map(|(key, _)| id_at(key, skip)).collect()
    }

    /// Every row of a kind in the order of ids, at most `limit`.
    pub fn rows<T: Row>(&self, limit: usize) -> Result<Vec<T>, Fault> {
        let (from, to) = Key::new(self.instance, Space::Record).u16(T::KIND.number()).range();
        let rows = self.read.scan(Table::State, &from, &to, limit)?;
        rows.iter().map(|(_, value)| decode_row(value)).collect()
    }
}

/// The key of a record.
pub fn record_key(instance: InstanceId, kind: Kind, id: &Id) -> Vec<u8> {
    Key::new(instance, Space::Record).u16(kind.number()).id(id).into_bytes()
}

/// The key of a unique name.
pub fn unique_key(instance: InstanceId, names: Names, name: &str) -> Vec<u8> {
    Key::new(instance, Space::Unique).u16(names as u16).text(name).into_bytes()
}

/// The id that stands at `skip` in a key.
pub fn id_at(key: &[u8], skip: usize) -> Result<Id, Fault> {
    let id = key.get(skip.saturating_sub(9)..).and_then(|rest| Parts::of(rest)?.id());
    id.ok_or_else(|| Fault("an index row holds no id".into()))
}

/// What was found, or nothing if it was refused. A fault stays one: taken for a no, it would let replicas differ.
pub fn optional<T>(found: Run<T>) -> Result<Option<T>, Fault> {
    match found {
        Ok(found) => Ok(Some(found)),
        Err(No::Refused(_)) => Ok(None),
        Err(No::Fault(fault)) => Err(fault),
    }
}

impl No {
    /// The same fault, or this refusal instead of whichever it was.
    #[must_use]
    pub fn or(self, refusal: Refusal) -> No {
        match self {
            No::Refused(_) => No::Refused(refusal),
            No::Fault(fault) => No::Fault(fault),
        }
    }
}
