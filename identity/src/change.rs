//! The four commands that every plain resource has: create, update, switch its state, delete.

use crate::command::{Access, Command};
use crate::encoding::encode;
use crate::event::{Field, Fields, STATE, Value, What};
use crate::id::Id;
use crate::keys::{Key, Space};
use crate::permission::Verb;
use crate::reader::{No, Reader, Run};
use crate::record::{Kind, Record, State};
use crate::refusal::Refusal;
use crate::resource::{Change, Indexes, Parent, Resource, is_part, place};
use crate::search;
use crate::tables::Table;
use crate::tx::{Presence, Tx};
use crate::user::person;
use minicbor::{Decode, Decoder, Encode, Encoder, decode, encode as write};

/// The number of a generic command: its kind and its verb.
const fn number(kind: Kind, verb: u16) -> u16 {
    0x1000 + (kind as u16) * 8 + verb
}

/// What a change of a resource returns.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct Saved {
    /// Its id.
    #[n(0)]
    pub id: Id,
    /// Its revision after the change.
    #[n(1)]
    pub revision: u64,
}

/// Creates a resource under a parent that serves. Refused: id or name taken, parent not serving, the noun's rules.
pub struct Create<T: Resource> {
    /// Its id: the caller's choice, or drawn by the node.
    pub id: Id,
    /// What it hangs under; the instance's number for what hangs under nothing.
    pub parent: Id,
    /// Its values.
    pub spec: T,
    /// What only its creation carries.
    pub birth: T::Birth,
}

/// Replaces the values of a resource. Refused: another revision than expected, a name taken, the noun's rules.
pub struct Update<T: Resource> {
    /// Which.
    pub id: Id,
    /// The revision that the caller has read; `None` to overwrite whatever is there.
    pub revision: Option<u64>,
    /// Its new values.
    pub spec: T,
}

/// Switches a resource on or off.
pub struct SetState<T: Resource> {
    /// Which.
    pub id: Id,
    /// On or off; [`State::Deleted`] is refused, [`Delete`] does that.
    pub state: State,
    /// The revision that the caller has read, if he cares. What is as it is asked to be was switched before, perhaps by
    /// this request, and is not refused (RFC 9110 §13.1.1).
    pub revision: Option<u64>,
    /// The kind.
    pub of: std::marker::PhantomData<T>,
}

/// Deletes a resource: gone for everyone at once, its rows in bounded sweeps.
pub struct Delete<T: Resource> {
    /// Which.
    pub id: Id,
    /// The revision that the caller has read, if he cares.
    pub revision: Option<u64>,
    /// The kind.
    pub of: std::marker::PhantomData<T>,
}

// The derive can't see through `T::Birth` and phantom kinds: the four bodies are written out.
macro_rules! body {
    ($name:ident [$count:literal] $($field:ident),* ; $($rest:ident = $value:expr)?) => {
        impl<T: Resource> Encode<()> for $name<T> {
            fn encode<W: write::Write>(&self, e: &mut Encoder<W>, c: &mut ()) -> Result<(), write::Error<W::Error>> {
                e.array($count)?;
                $(self.$field.encode(e, c)?;)*
                Ok(())
            }
        }
        impl<'b, T: Resource> Decode<'b, ()> for $name<T> {
            fn decode(d: &mut Decoder<'b>, c: &mut ()) -> Result<Self, decode::Error> {
                if d.array()? != Some($count) {
                    return Err(decode::Error::message("another number of members"));
                }
                Ok($name { $($field: Decode::decode(d, c)?,)* $($rest: $value)? })
            }
        }
    };
}
body!(Create [4] id, parent, spec, birth;);
body!(Update [3] id, revision, spec;);
body!(SetState [3] id, state, revision; of = std::marker::PhantomData);
body!(Delete [2] id, revision; of = std::marker::PhantomData);

fn access_to<T: Resource>(reader: &Reader<'_>, id: &Id, verb: Verb) -> Run<Access> {
    let record = reader.existing::<T>(id)?;
    Ok(Access::Permission(record.spec.area(), verb, place(reader, &record)?))
}

impl<T: Resource> Command for Create<T> {
    const NUMBER: u16 = number(T::KIND, 0);
    const NAME: &'static str = "Create";
    type Reply = Saved;

    fn access(&self, reader: &Reader<'_>) -> Run<Access> {
        let verb = if is_part::<T>() { Verb::Write } else { Verb::Create };
        Ok(Access::Permission(self.spec.area(), verb, self.spec.under(reader, &self.parent)?))
    }

    fn run(self, tx: &mut Tx<'_, '_>) -> Run<Saved> {
        let Create { id, parent, spec, birth } = self;
        // The row of a deleted resource keeps its id until the sweep has passed.
        if tx.reader().is_taken::<T>(&id)? {
            return Err(Refusal::AlreadyExists.into());
        }
        T::Parent::live(&tx.reader(), &parent).map_err(|no| match no {
            No::Refused(_) => Refusal::ParentNotActive.into(),
            fault @ No::Fault(_) => fault,
        })?;
        let caller = tx.caller.clone();
        let change = Change {
            reader: tx.reader(),
            caller: &caller,
            id: &id,
            parent: &parent,
            before: None,
            after: Some(&spec),
        };
        T::check(&change)?;
        T::born(tx, &id, birth)?;
        let record =
            Record { id, parent, revision: 1, created: tx.now, changed: tx.now, state: State::Active, spec };
        put_new(tx, &record)?;
        T::made(tx, &record)?;
        Ok(Saved { id: record.id, revision: 1 })
    }
}

impl<T: Resource> Command for Update<T> {
    const NUMBER: u16 = number(T::KIND, 1);
    const NAME: &'static str = "Update";
    type Reply = Saved;

    fn access(&self, reader: &Reader<'_>) -> Run<Access> {
        access_to::<T>(reader, &self.id, Verb::Write)
    }

    fn run(self, tx: &mut Tx<'_, '_>) -> Run<Saved> {
        let before = at_revision::<T>(tx, &self.id, self.revision)?;
        if before.spec == self.spec && !T::is_renewed(&tx.reader(), &before)? {
            return Ok(Saved { id: before.id, revision: before.revision });
        }
        // A change may move it to where the caller may not write.
        let caller = tx.caller.clone();
        let within = self.spec.under(&tx.reader(), &before.parent)?;
        if T::own_place(&self.id).is_none() {
            crate::permission::require(&tx.reader(), &caller, self.spec.area(), Verb::Write, &within)?;
        }
        // Checked even while it does not serve: otherwise what was switched off, changed and switched on again would
        // have escaped the rules about changes.
        let change = Change {
            reader: tx.reader(),
            caller: &caller,
            id: &before.id,
            parent: &before.parent,
            before: Some(&before.spec),
            after: Some(&self.spec),
        };
        T::check(&change)?;
        let after = Record {
            revision: before.revision.saturating_add(1),
            changed: tx.now,
            spec: self.spec,
            ..before.clone()
        };
        write_indexes(tx, &after, Some(&before.spec))?;
        tx.put(&after);
        let fields = diff::<T>(tx, (&after.id, &after.parent), Some(&before.spec), Some(&after.spec))?;
        tell(tx, What::Changed, &after, fields)?;
        T::changed(tx, &after)?;
        Ok(Saved { id: after.id, revision: after.revision })
    }
}

impl<T: Resource> Command for SetState<T> {
    const NUMBER: u16 = number(T::KIND, 2);
    const NAME: &'static str = "SetState";
    type Reply = Saved;

    fn access(&self, reader: &Reader<'_>) -> Run<Access> {
        access_to::<T>(reader, &self.id, Verb::Write)
    }

    fn run(self, tx: &mut Tx<'_, '_>) -> Run<Saved> {
        let mut record = tx.reader().existing::<T>(&self.id)?;
        if self.state == State::Deleted {
            return Err(Refusal::InvalidSpec.into());
        }
        if record.state == self.state {
            return Ok(Saved { id: record.id, revision: record.revision });
        }
        require_revision(&record, self.revision)?;
        let caller = tx.caller.clone();
        let on = |state: State| (state == State::Active).then_some(&record.spec);
        let change = Change {
            reader: tx.reader(),
            caller: &caller,
            id: &record.id,
            parent: &record.parent,
            before: on(record.state),
            after: on(self.state),
        };
        T::check(&change)?;
        let before = record.state;
        record.state = self.state;
        record.revision = record.revision.saturating_add(1);
        record.changed = tx.now;
        tx.put(&record);
        let value = |state: State| Some(Value::plain(&encode(&state)));
        let field = Field { number: STATE, before: value(before), after: value(record.state) };
        tell(tx, What::StateSet, &record, vec![field].into())?;
        Ok(Saved { id: record.id, revision: record.revision })
    }
}

impl<T: Resource> Command for Delete<T> {
    const NUMBER: u16 = number(T::KIND, 3);
    const NAME: &'static str = "Delete";
    type Reply = Saved;

    fn access(&self, reader: &Reader<'_>) -> Run<Access> {
        let verb = if is_part::<T>() { Verb::Write } else { Verb::Delete };
        let access = access_to::<T>(reader, &self.id, verb)?;
        match (T::owner(&self.id), access) {
            (Some(owner), Access::Permission(area, verb, within)) => {
                Ok(Access::OwnOr(owner.clone(), area, verb, within))
            }
            (_, access) => Ok(access),
        }
    }

    fn run(self, tx: &mut Tx<'_, '_>) -> Run<Saved> {
        let mut record = at_revision::<T>(tx, &self.id, self.revision)?;
        let caller = tx.caller.clone();
        let serves = record.state == State::Active;
        let change = Change {
            reader: tx.reader(),
            caller: &caller,
            id: &record.id,
            parent: &record.parent,
            before: serves.then_some(&record.spec),
            after: None,
        };
        T::check(&change)?;
        let fields = diff::<T>(tx, (&record.id, &record.parent), Some(&record.spec), None)?;
        tell(tx, What::Deleted, &record, fields)?;
        T::gone(tx, &record.id)?;
        record.revision = record.revision.saturating_add(1);
        record.changed = tx.now;
        record.state = State::Deleted;
        let saved = Saved { id: record.id.clone(), revision: record.revision };
        if T::LEAF {
            remove(tx, &record)?;
        } else {
            tx.put(&record);
            let key = Key::new(tx.instance, Space::Tombstone).u16(T::KIND.number()).id(&record.id);
            tx.tables.put(Table::State, key.into_bytes(), Vec::new());
        }
        Ok(saved)
    }
}

/// Writes a resource that was not there before, with its indexes and its event.
pub(crate) fn put_new<T: Resource>(tx: &mut Tx<'_, '_>, record: &Record<T>) -> Run<()> {
    write_indexes(tx, record, None)?;
    tx.hang((T::Parent::KIND, &record.parent), (T::KIND, &record.id), Presence::Present);
    tx.put(record);
    let fields = diff::<T>(tx, (&record.id, &record.parent), None, Some(&record.spec))?;
    tell(tx, What::Created, record, fields)
}

/// Removes the last rows of a deleted resource: its indexes, names and record.
pub(crate) fn remove<T: Resource>(tx: &mut Tx<'_, '_>, record: &Record<T>) -> Run<()> {
    let indexes = Indexes::of(&record.spec, &record.parent);
    for (names, name) in &indexes.unique {
        let key = Key::new(tx.instance, Space::Unique).u16(*names).text(name).into_bytes();
        tx.tables.remove(Table::State, key);
    }
    for (kind, id) in &indexes.references {
        tx.refer((*kind, id), (T::KIND, &record.id), Presence::Absent);
    }
    for row in search::rows(tx.instance, T::KIND, &indexes, &record.id) {
        tx.tables.remove(Table::Search, row);
    }
    tx.hang((T::Parent::KIND, &record.parent), (T::KIND, &record.id), Presence::Absent);
    tx.remove(T::KIND, &record.id);
    Ok(())
}

fn at_revision<T: Resource>(tx: &Tx<'_, '_>, id: &Id, revision: Option<u64>) -> Run<Record<T>> {
    let record = tx.reader().existing::<T>(id)?;
    require_revision(&record, revision)?;
    Ok(record)
}

fn require_revision<T>(record: &Record<T>, revision: Option<u64>) -> Result<(), Refusal> {
    match revision {
        Some(expected) if expected != record.revision => Err(Refusal::RevisionChanged),
        Some(_) | None => Ok(()),
    }
}

/// Brings the indexes from what `before` declares to what the record declares now.
fn write_indexes<T: Resource>(tx: &mut Tx<'_, '_>, record: &Record<T>, before: Option<&T>) -> Run<()> {
    let new = Indexes::of(&record.spec, &record.parent);
    let old = before.map(|spec| Indexes::of(spec, &record.parent));
    if let Some(old) = &old {
        for (names, name) in old.unique.difference(&new.unique) {
            let key = Key::new(tx.instance, Space::Unique).u16(*names).text(name).into_bytes();
            tx.tables.remove(Table::State, key);
        }
        for (kind, id) in old.references.difference(&new.references) {
            tx.refer((*kind, id), (T::KIND, &record.id), Presence::Absent);
        }
    }
    for (names, name) in new.names() {
        tx.claim(*names, name, &record.id)?;
    }
    for (kind, id) in &new.references {
        tx.refer((*kind, id), (T::KIND, &record.id), Presence::Present);
    }
    let rows = |indexes: &Indexes<'_>| search::rows(tx.instance, T::KIND, indexes, &record.id);
    let (had, has) = (old.as_ref().map(rows).unwrap_or_default(), rows(&new));
    for row in had.difference(&has) {
        tx.tables.remove(Table::Search, row.clone());
    }
    for row in has.difference(&had) {
        tx.tables.put(Table::Search, row.clone(), Vec::new());
    }
    Ok(())
}

fn tell<T: Resource>(tx: &mut Tx<'_, '_>, what: What, record: &Record<T>, fields: Fields) -> Run<()> {
    let organization = if T::KIND == Kind::Organization {
        Some(record.id.clone())
    } else {
        // Where it is governed is where it is told of: by a grant that is with the receiver.
        record.spec.under(&tx.reader(), &record.parent)?.organization(&tx.reader())?
    };
    Ok(tx.tell(what, T::KIND, &record.id, organization.as_ref(), fields)?)
}

/// The longest personal value that an event keeps: longer than any profile. Of others it tells that they changed.
const SEALED_MAX: usize = 8 * 1024;

/// The fields that differ, each with its bytes before and after. Personal ones are sealed with the person's key.
fn diff<T: Resource>(
    tx: &Tx<'_, '_>,
    (id, parent): (&Id, &Id),
    before: Option<&T>,
    after: Option<&T>,
) -> Run<Fields> {
    let whose = T::person(id, parent);
    let key = if T::PERSONAL.is_empty() { None } else { person::key(tx, whose)? };
    let mut fields = Vec::new();
    for (number, before, after) in differing(before, after) {
        let value = |bytes: Option<Vec<u8>>, side: u8| {
            let bytes = bytes?;
            if !T::PERSONAL.contains(&number) {
                return Some(Value::plain(&bytes));
            }
            // Without a key there is nobody left whose data this would be.
            let key = key.as_ref()?;
            if bytes.len() > SEALED_MAX {
                return Some(Value::Secret);
            }
            Some(Value::Sealed(key.seal(&tx.seal_context(number, side), &bytes)))
        };
        fields.push(Field { number, before: value(before, 0), after: value(after, 1) });
    }
    Ok(Fields { fields, person: (key.is_some() && whose != id).then(|| whose.clone()) })
}

/// A member of a value: its number, and its bytes before and after.
pub(crate) type Differing = (u16, Option<Vec<u8>>, Option<Vec<u8>>);

/// The encoded members in which two values differ, in the order of their numbers.
pub(crate) fn differing<T: Encode<()>>(before: Option<&T>, after: Option<&T>) -> Vec<Differing> {
    let before = before.map(members).unwrap_or_default();
    let after = after.map(members).unwrap_or_default();
    // An empty member tells nothing: 0xf6 is CBOR's null.
    let told = |bytes: Option<&Vec<u8>>| bytes.filter(|bytes| bytes.as_slice() != [0xf6]).cloned();
    let mut differing = Vec::new();
    for at in 0..before.len().max(after.len()) {
        let (old, new) = (before.get(at), after.get(at));
        if old != new {
            differing.push((u16::try_from(at).unwrap_or(u16::MAX), told(old), told(new)));
        }
    }
    differing
}

/// The encoded members of a value, in the order of their numbers.
pub(crate) fn members<T: Encode<()>>(spec: &T) -> Vec<Vec<u8>> {
    let bytes = encode(spec);
    let mut d = Decoder::new(&bytes);
    let mut members = Vec::new();
    let count = d.array().ok().flatten().unwrap_or_default();
    for _ in 0..count {
        let from = d.position();
        if d.skip().is_err() {
            break;
        }
        members.push(bytes.get(from..d.position()).unwrap_or_default().to_vec());
    }
    members
}
