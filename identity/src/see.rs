//! Who may see what: asked by queries before anything is shown. What a caller may not see does not exist for him.

use crate::envelope::{Caller, Subject};
use crate::id::Id;
use crate::permission::{Area, Governor, Verb, Within, entries, governor, holds};
use crate::reader::{No, Reader, Run};
use crate::record::{Kind, Record};
use crate::refusal::Refusal;
use crate::resource::{Parent, Resource, place};
use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};

/// The eyes of one caller over one view; remembers what it has looked up.
pub struct Eyes<'a> {
    reader: Reader<'a>,
    caller: &'a Caller,
    seen: RefCell<BTreeMap<(Area, Within), bool>>,
}

impl<'a> Eyes<'a> {
    /// The eyes of a caller whose credential is alive.
    pub fn new(reader: Reader<'a>, caller: &'a Caller) -> Eyes<'a> {
        Eyes { reader, caller, seen: RefCell::default() }
    }

    /// Whether he may read in an area at a place.
    pub fn may_read(&self, area: Area, within: &Within) -> Run<bool> {
        let asked = (area, within.clone());
        if let Some(known) = self.seen.borrow().get(&asked) {
            return Ok(*known);
        }
        let may = match holds(&self.reader, self.caller, area, Verb::Read, within) {
            // A place that is deleted is nobody's to see.
            Err(No::Refused(_)) => false,
            other => other?,
        };
        self.seen.borrow_mut().insert(asked, may);
        Ok(may)
    }

    /// Whether he sees a resource: by a role where it is, or because it is his own account.
    pub fn sees<T: Resource>(&self, record: &Record<T>) -> Run<bool> {
        if let (Some(owner), Subject::User(user)) = (T::owner(&record.id), &self.caller.subject)
            && owner == user
            && governor(self.caller) != Governor::Nobody
        {
            return Ok(true);
        }
        let area = record.spec.area();
        debug_assert!(T::AREAS.contains(&area), "lists look where one of AREAS may be read");
        let within = match place(&self.reader, record) {
            Err(No::Refused(_)) => return Ok(false),
            other => other?,
        };
        if self.may_read(area, &within)? {
            return Ok(true);
        }
        match record.spec.also_read_in() {
            Some(within) => self.may_read(area, &within),
            None => Ok(false),
        }
    }

    /// A resource that he sees. Refused as not found: deleted, under something deleted, or not his to see.
    pub fn find<T: Resource>(&self, id: &Id) -> Run<Record<T>> {
        let record = self.reader.existing::<T>(id)?;
        if self.sees(&record)? { Ok(record) } else { Err(Refusal::NotFound.into()) }
    }

    /// The organizations in which he may read in an area; `None` if he may in the whole instance.
    pub fn organizations(&self, area: Area) -> Run<Option<Vec<Id>>> {
        if self.may_read(area, &Within::Instance)? {
            return Ok(None);
        }
        let user = match governor(self.caller) {
            Governor::User(user) => user,
            Governor::Anyone | Governor::Nobody => return Ok(Some(Vec::new())),
        };
        let mut organizations = BTreeSet::new();
        for entry in entries(&self.reader, user)? {
            if let Within::Organization(id) = &entry.within
                && self.may_read(area, &entry.within)?
            {
                organizations.insert(id.clone());
            }
        }
        Ok(Some(organizations.into_iter().collect()))
    }

    /// Where the resources lie that he may see; `None` if they may lie anywhere. It is where to look, not yet a right.
    pub fn reach<T: Resource>(&self) -> Run<Option<Vec<Reach>>> {
        let user = match governor(self.caller) {
            Governor::Anyone => return Ok(None),
            Governor::Nobody => return Ok(Some(Vec::new())),
            Governor::User(user) => user,
        };
        // What hangs deeper than places do (tokens of users) is asked for by what it hangs under, and looked at there.
        if ![Kind::Instance, Kind::Organization, Kind::Project].contains(&T::Parent::KIND) {
            return Ok(None);
        }
        let mut reach = Vec::new();
        if T::KIND == Kind::User {
            reach.push(Reach::One(user.clone()));
        }
        for entry in entries(&self.reader, user)? {
            // Where a role lets him read none of them, there is nothing of his to walk past.
            if !self.may_read_some::<T>(&entry.within)? {
                continue;
            }
            match entry.within {
                Within::Instance => return Ok(None),
                Within::Organization(id) => {
                    if self.of_organization::<T>(&id, &mut reach)?.is_none() {
                        return Ok(None);
                    }
                }
                Within::Project(id) => of_project::<T>(&id, &mut reach),
                Within::ProjectGrant(id) => of_grant::<T>(&id, &mut reach),
            }
        }
        Ok((reach.len() <= REACH_MAX).then_some(reach))
    }

    /// Whether he may read resources of a kind at a place, if only some.
    fn may_read_some<T: Resource>(&self, within: &Within) -> Run<bool> {
        for area in T::AREAS {
            if self.may_read(*area, within)? {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Adds what lies in an organization; `None` if that is in more places than are looked at one by one.
    fn of_organization<T: Resource>(&self, id: &Id, reach: &mut Vec<Reach>) -> Run<Option<()>> {
        if T::KIND == Kind::Organization {
            reach.push(Reach::One(id.clone()));
        }
        if T::Parent::KIND == Kind::Organization {
            reach.push(Reach::Under(id.clone()));
        }
        if T::REFERS.contains(&Kind::Organization) {
            reach.push(Reach::To(Kind::Organization, id.clone()));
        }
        if T::Parent::KIND == Kind::Project || T::REFERS.contains(&Kind::Project) {
            let projects = self.reader.children(Kind::Organization, id, Kind::Project, REACH_MAX)?;
            if projects.len() == REACH_MAX {
                return Ok(None);
            }
            for project in projects {
                of_project::<T>(&project, reach);
            }
        }
        if T::REFERS.contains(&Kind::ProjectGrant) {
            let grants = self.reader.referring(Kind::Organization, id, Kind::ProjectGrant, REACH_MAX)?;
            if grants.len() == REACH_MAX {
                return Ok(None);
            }
            for grant in grants {
                of_grant::<T>(&grant, reach);
            }
        }
        Ok(Some(()))
    }
}

/// In how many parts of the state a list looks one by one. Whose resources lie in more is shown what he sees of all:
/// slower, but whole.
const REACH_MAX: usize = 500;

fn of_project<T: Resource>(id: &Id, reach: &mut Vec<Reach>) {
    if T::KIND == Kind::Project {
        reach.push(Reach::One(id.clone()));
    }
    if T::Parent::KIND == Kind::Project {
        reach.push(Reach::Under(id.clone()));
    }
    if T::REFERS.contains(&Kind::Project) {
        reach.push(Reach::To(Kind::Project, id.clone()));
    }
}

fn of_grant<T: Resource>(id: &Id, reach: &mut Vec<Reach>) {
    if T::KIND == Kind::ProjectGrant {
        reach.push(Reach::One(id.clone()));
    }
    if T::REFERS.contains(&Kind::ProjectGrant) {
        reach.push(Reach::To(Kind::ProjectGrant, id.clone()));
    }
}

/// A part of the state in which resources of one kind lie.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reach {
    /// This one.
    One(Id),
    /// What hangs under this.
    Under(Id),
    /// What refers to this.
    To(Kind, Id),
}
