//! What a running command has in its hands: typed reads and writes of one instance, log time, and the audit trail.

use crate::audit::{self, Place};
use crate::encoding::{Stored, encode_row};
use crate::envelope::{Caller, Subject, Via};
use crate::event::{Event, Fields, What};
use crate::id::{Id, InstanceId, RequestId};
use crate::keyring::Keyring;
use crate::keys::{Key, Space};
use crate::reader::{Names, Reader, Run, record_key, unique_key};
use crate::record::{Kind, Record, Row};
use crate::refusal::Refusal;
use crate::resource::Resource;
use crate::tables::{Fault, Overlay, Table};
use crate::time::Timestamp;
use std::sync::Arc;

/// A command's transaction: all its changes are kept, or none.
pub struct Tx<'t, 'a> {
    pub(crate) tables: &'t mut Overlay<'a>,
    pub(crate) keyring: &'t Keyring,
    /// Whose rows.
    pub instance: InstanceId,
    /// Log time.
    pub now: Timestamp,
    /// Who asks; his credential was alive and allowed when the command began.
    pub caller: Caller,
    /// The request.
    pub request: RequestId,
    pub(crate) place: Place,
    pub(crate) level: u32,
}

impl<'a> Tx<'_, 'a> {
    /// Typed reads, over what this command has already written.
    pub fn reader(&self) -> Reader<'_> {
        Reader { read: self.tables as &Overlay<'a>, instance: self.instance, now: self.now }
    }

    /// The level of the cluster: which behaviours are on.
    pub fn level(&self) -> u32 {
        self.level
    }

    /// Writes a row.
    pub fn put_row<T: Row>(&mut self, id: &Id, row: &T) {
        let key = record_key(self.instance, T::KIND, id);
        self.tables.put(Table::State, key, encode_row(row));
    }

    /// Writes a resource's record.
    pub fn put<T: Resource>(&mut self, record: &Record<T>) {
        let key = record_key(self.instance, T::KIND, &record.id);
        self.tables.put(Table::State, key, encode_row(record));
    }

    /// Removes a row or a record.
    pub fn remove(&mut self, kind: Kind, id: &Id) {
        self.tables.remove(Table::State, record_key(self.instance, kind, id));
    }

    /// Lets `id` end at a time: a later sweep removes it.
    pub fn expire(&mut self, kind: Kind, id: &Id, at: Timestamp) {
        let key = Key::new(self.instance, Space::Expiry).u64(at.0).u16(kind.number()).id(id);
        self.tables.put(Table::State, key.into_bytes(), Vec::new());
    }

    /// Takes a unique name for `id`; refused if another holds it.
    pub fn claim(&mut self, names: Names, name: &str, id: &Id) -> Run<()> {
        match self.reader().named(names, name)? {
            Some(holder) if holder != *id => return Err(names.taken().into()),
            Some(_) | None => {}
        }
        let key = unique_key(self.instance, names, name);
        self.tables.put(Table::State, key, id.as_str().as_bytes().to_vec());
        Ok(())
    }

    /// Gives a unique name back.
    pub fn release(&mut self, names: Names, name: &str) {
        self.tables.remove(Table::State, unique_key(self.instance, names, name));
    }

    /// Writes or removes the index row which says that `who` refers to `to`.
    pub fn refer(&mut self, to: (Kind, &Id), who: (Kind, &Id), present: Presence) {
        let key = Key::new(self.instance, Space::Reference).u16(to.0.number()).id(to.1);
        let key = key.u16(who.0.number()).id(who.1).into_bytes();
        self.present(key, present);
    }

    /// Writes or removes the index row which says that `child` hangs under `parent`.
    pub fn hang(&mut self, parent: (Kind, &Id), child: (Kind, &Id), present: Presence) {
        let key = Key::new(self.instance, Space::Child).u16(parent.0.number()).id(parent.1);
        let key = key.u16(child.0.number()).id(child.1).into_bytes();
        self.present(key, present);
    }

    fn present(&mut self, key: Vec<u8>, present: Presence) {
        match present {
            Presence::Present => self.tables.put(Table::State, key, Vec::new()),
            Presence::Absent => self.tables.remove(Table::State, key),
        }
    }

    /// A row of no kind: counters and heads.
    pub(crate) fn put_raw<T: Stored>(&mut self, key: Vec<u8>, value: &T) {
        self.tables.put(Table::State, key, encode_row(value));
    }

    /// The data key of this instance.
    pub fn instance_key(&self) -> Run<Arc<crypto::InstanceKey>> {
        let instance = self.reader().live_instance()?;
        Ok(self.keyring.instance(self.instance, &instance.spec.data_key)?)
    }

    /// Writes an event of this command.
    pub fn tell(
        &mut self,
        what: What,
        kind: Kind,
        target: &Id,
        organization: Option<&Id>,
        fields: impl Into<Fields>,
    ) -> Result<(), Fault> {
        let Fields { fields, person } = fields.into();
        let event = Event {
            what: what as u16,
            time: self.now,
            request: self.request,
            actor: self.caller.subject.clone(),
            kind: kind.number(),
            target: target.clone(),
            organization: organization.cloned(),
            fields,
            person,
        };
        audit::append(self.tables, self.instance, what.class(), self.place, &event)?;
        self.place.number = self.place.number.saturating_add(1);
        Ok(())
    }

    /// The application that calls.
    pub fn client(&self) -> Run<&Id> {
        match &self.caller.subject {
            Subject::Client(id) => Ok(id),
            Subject::System | Subject::Operator | Subject::Nobody | Subject::User(_) => {
                Err(Refusal::NotPermitted.into())
            }
        }
    }

    /// The generation of the secret by which the calling application has proven itself; `None` for public ones.
    pub fn client_generation(&self) -> Option<u32> {
        match &self.caller.via {
            Via::Client { generation, .. } => *generation,
            Via::System
            | Via::Login
            | Via::Session(_)
            | Via::Access { .. }
            | Via::Service { .. }
            | Via::PersonalToken(_) => None,
        }
    }

    /// See [`audit::seal_context`]: for the next event of this command.
    pub(crate) fn seal_context(&self, field: u16, side: u8) -> Vec<u8> {
        audit::seal_context(self.instance, self.place, field, side)
    }
}

/// Whether an index row stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Presence {
    /// It stands.
    Present,
    /// It does not.
    Absent,
}
