//! Plain resources: the trait that a noun implements. `change` has the four commands that it gets for it.
//!
//! `docs/add-a-resource.md` says how to add one. Rules that only one noun has stand in its `check`; everything else
//! (revisions, parents, uniqueness, references, events with what changed, tombstones) stands in `change` once.

use crate::encoding::Stored;
use crate::envelope::{Caller, Subject};
use crate::id::{Id, SYSTEM};
use crate::label::Label;
use crate::permission::{Area, Within};
use crate::reader::{Names, Reader, Run};
use crate::record::{Kind, Record};
use crate::refusal::Refusal;
use crate::tx::Tx;
use minicbor::{Decode, Encode};
use std::collections::BTreeSet;

/// A plain resource.
pub trait Resource: Stored + Clone + PartialEq + Send + 'static {
    /// Its kind.
    const KIND: Kind;
    /// Which permissions it needs.
    const AREA: Area;
    /// All that [`Resource::area`] may name: where none of them may be read, nobody looks.
    const AREAS: &'static [Area] = &[Self::AREA];
    /// The fields that it declares search terms for, in order.
    const SEARCH: &'static [&'static str] = &[];
    /// The kinds that it refers to, besides its parent.
    const REFERS: &'static [Kind] = &[];
    /// Where its key is unique, if it is known under its parent by a key and not by its id.
    const KEYED: Option<Names> = None;
    /// Whether it is known under its parent and not by itself.
    const UNDER: bool = Self::KEYED.is_some();
    /// The field that names where it is, if that is not what it hangs under.
    const PLACED_BY: Option<&'static str> = None;
    /// Whether it is a record of the system and not of an instance.
    const OF_SYSTEM: bool = false;
    /// Numbers of the fields that are personal data of [`Resource::person`]: sealed in events.
    const PERSONAL: &'static [u16] = &[];
    /// Whether nothing hangs under it and nothing refers to it: it is removed at once instead of waiting for a sweep.
    const LEAF: bool = false;
    /// Its values in the order of their numbers: events name what changed by them, and tell it as the API does.
    const FIELDS: &'static [Label];
    /// What is told of it besides its values, because it follows from other records: names, and their JSON schemas.
    const DERIVED: &'static [(&'static str, &'static str)] = &[];
    /// What it hangs under.
    type Parent: Parent;
    /// What only its creation carries.
    type Birth: Encode<()> + for<'b> Decode<'b, ()> + Send + 'static;

    /// Which permissions this one needs, where that depends on its values.
    fn area(&self) -> Area {
        Self::AREA
    }

    /// The key by which it is known under its parent.
    fn key(&self) -> Option<&str> {
        None
    }

    /// The user whose own it is: he may delete it where a role lets him.
    fn owner(_id: &Id) -> Option<&Id> {
        None
    }

    /// The user whose personal data its fields are; see [`Resource::PERSONAL`].
    fn person<'i>(id: &'i Id, _parent: &'i Id) -> &'i Id {
        id
    }

    /// A second place whose readers may read it.
    fn also_read_in(&self) -> Option<Within> {
        None
    }

    /// Declares its unique names, references and search terms.
    fn indexes(&self, to: &mut Indexes<'_>);

    /// What [`Resource::DERIVED`] names, in that order.
    fn derived(_reader: &Reader<'_>, _record: &Record<Self>) -> Run<Vec<serde_json::Value>> {
        Ok(Vec::new())
    }

    /// Whether writing the same values again means more than to leave them.
    fn is_renewed(_reader: &Reader<'_>, _before: &Record<Self>) -> Run<bool> {
        Ok(false)
    }

    /// Rules that only this noun has.
    fn check(_change: &Change<'_, Self>) -> Run<()> {
        Ok(())
    }

    /// Where it is created; permissions are asked there.
    fn under(&self, reader: &Reader<'_>, parent: &Id) -> Run<Within> {
        Self::Parent::within(reader, parent)
    }

    /// The place that it makes, if it makes one.
    fn own_place(_id: &Id) -> Option<Within> {
        None
    }

    /// Writes what belongs to it from the beginning.
    fn born(_tx: &mut Tx<'_, '_>, _id: &Id, _birth: Self::Birth) -> Run<()> {
        Ok(())
    }

    /// Does what follows from its creation, once it is there.
    fn made(_tx: &mut Tx<'_, '_>, _record: &Record<Self>) -> Run<()> {
        Ok(())
    }

    /// Does what follows from a change of its values, once they are written.
    fn changed(_tx: &mut Tx<'_, '_>, _record: &Record<Self>) -> Run<()> {
        Ok(())
    }

    /// Removes what must not outlive its deletion: secrets, keys of persons.
    fn gone(_tx: &mut Tx<'_, '_>, _id: &Id) -> Run<()> {
        Ok(())
    }
}

/// Whether a noun is a part of what it hangs under, because both need the same permissions: then who may write the one
/// makes and deletes the other, and who may only create or delete the one does nothing to others' parts.
pub fn is_part<T: Resource>() -> bool {
    T::Parent::AREA == Some(T::AREA)
}

/// What a resource can hang under.
pub trait Parent {
    /// Its kind.
    const KIND: Kind;
    /// Which permissions it needs, if it is a resource.
    const AREA: Option<Area>;
    /// Refuses unless it and everything above it serves.
    fn live(reader: &Reader<'_>, id: &Id) -> Run<()>;
    /// Refuses unless it and everything above it exists.
    fn exists(reader: &Reader<'_>, id: &Id) -> Run<()>;
    /// The place that permissions are asked for.
    fn within(reader: &Reader<'_>, id: &Id) -> Run<Within>;
    /// The organization it is, or is in.
    fn organization(reader: &Reader<'_>, id: &Id) -> Run<Option<Id>>;
}

impl<T: Resource> Parent for T {
    const KIND: Kind = T::KIND;
    const AREA: Option<Area> = Some(T::AREA);
    fn live(reader: &Reader<'_>, id: &Id) -> Run<()> {
        reader.live::<T>(id).map(|_| ())
    }
    fn exists(reader: &Reader<'_>, id: &Id) -> Run<()> {
        reader.existing::<T>(id).map(|_| ())
    }
    fn within(reader: &Reader<'_>, id: &Id) -> Run<Within> {
        let record = reader.existing::<T>(id)?;
        place(reader, &record)
    }
    fn organization(reader: &Reader<'_>, id: &Id) -> Run<Option<Id>> {
        if T::KIND == Kind::Organization {
            return Ok(Some(id.clone()));
        }
        let record = reader.find::<T>(id)?.ok_or(Refusal::NotFound)?;
        T::Parent::organization(reader, &record.parent)
    }
}

/// The parent of what hangs directly under the instance.
pub struct Root;

impl Parent for Root {
    const KIND: Kind = Kind::Instance;
    const AREA: Option<Area> = None;
    fn live(reader: &Reader<'_>, id: &Id) -> Run<()> {
        Self::exists(reader, id)
    }
    fn exists(reader: &Reader<'_>, id: &Id) -> Run<()> {
        if *id != Id::from_number(reader.instance.0) {
            return Err(Refusal::NotFound.into());
        }
        // The system is a record of nothing, and always serves.
        if reader.instance == SYSTEM {
            return Ok(());
        }
        reader.live_instance().map(|_| ())
    }
    fn within(_: &Reader<'_>, _: &Id) -> Run<Within> {
        Ok(Within::Instance)
    }
    fn organization(_: &Reader<'_>, _: &Id) -> Run<Option<Id>> {
        Ok(None)
    }
}

/// Where permissions for an existing resource are asked.
pub fn place<T: Resource>(reader: &Reader<'_>, record: &Record<T>) -> Run<Within> {
    match T::own_place(&record.id) {
        Some(place) => Ok(place),
        None => record.spec.under(reader, &record.parent),
    }
}

/// What a resource declares about its indexes.
pub struct Indexes<'p> {
    /// What it hangs under: some names are unique only there.
    pub parent: &'p Id,
    pub(crate) unique: BTreeSet<(u16, String)>,
    names: Vec<(Names, String)>,
    pub(crate) references: BTreeSet<(Kind, Id)>,
    pub(crate) search: BTreeSet<(&'static str, String)>,
}

impl<'p> Indexes<'p> {
    /// What `spec` declares.
    pub fn of<T: Resource>(spec: &T, parent: &'p Id) -> Indexes<'p> {
        let mut to = Indexes {
            parent,
            unique: BTreeSet::new(),
            names: Vec::new(),
            references: BTreeSet::new(),
            search: BTreeSet::new(),
        };
        spec.indexes(&mut to);
        to
    }

    /// A name that nothing else in the instance may have.
    pub fn unique(&mut self, names: Names, name: &str) {
        if self.unique.insert((names as u16, name.to_owned())) {
            self.names.push((names, name.to_owned()));
        }
    }

    /// A name that nothing else under the same parent may have.
    pub fn unique_in_parent(&mut self, names: Names, name: &str) {
        // A parent's id has no space in it, so that two parents' names can't run into each other.
        let name = format!("{} {name}", self.parent);
        self.unique(names, &name);
    }

    /// Another resource without which this one has no meaning.
    pub fn refers(&mut self, kind: Kind, id: &Id) {
        self.references.insert((kind, id.clone()));
    }

    pub(crate) fn names(&self) -> &[(Names, String)] {
        &self.names
    }

    /// A value by which lists are searched and sorted.
    pub fn search(&mut self, field: &'static str, value: &str) {
        self.search.insert((field, value.to_owned()));
    }
}

/// A change under check: before and after, and who makes it.
pub struct Change<'c, T> {
    /// Reads, before the change.
    pub reader: Reader<'c>,
    /// Who makes it.
    pub caller: &'c Caller,
    /// The resource.
    pub id: &'c Id,
    /// What it hangs under.
    pub parent: &'c Id,
    /// Before; `None` when it is created or switched on.
    pub before: Option<&'c T>,
    /// After; `None` when it is deleted or switched off.
    pub after: Option<&'c T>,
}

impl<T> Change<'_, T> {
    /// Whether something ends that an owner of the instance must be left for. The operator needs none: he may stop the
    /// last owner, whose password was stolen, and switch him on again.
    pub fn needs_an_owner_left(&self) -> bool {
        self.before.is_some() && self.after.is_none() && self.caller.subject != Subject::Operator
    }
}
