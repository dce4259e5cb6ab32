//! Administrators: who may govern what. One entry a user and place.

use crate::encoding::Stored;
use crate::envelope::Caller;
use crate::id::Id;
use crate::permission::{AdministratorRole, Area, ENTRIES_MAX, Verb, Within, entries, holds};
use crate::reader::{Names, No, Reader, Run, optional};
use crate::record::{Kind, Record, State};
use crate::refusal::Refusal;
use crate::resource::{Change, Indexes, Resource, Root};
use crate::user::User;
use minicbor::{Decode, Encode};
use serde::{Deserialize, Serialize};

/// A user's administrator roles at one place.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Administrator {
    /// Who.
    #[n(0)]
    pub user: Id,
    /// Where.
    #[n(1)]
    pub within: Within,
    /// Which roles: those that fit the place.
    #[n(2)]
    pub roles: Vec<AdministratorRole>,
}

impl Stored for Administrator {}

impl Administrator {
    fn owns_instance(&self) -> bool {
        self.within == Within::Instance && self.roles.contains(&AdministratorRole::IamOwner)
    }
}

impl Resource for Administrator {
    const KIND: Kind = Kind::Administrator;
    const AREA: Area = Area::Administrator;
    const LEAF: bool = true;
    type Parent = Root;
    type Birth = ();

    fn indexes(&self, to: &mut Indexes<'_>) {
        let place = match &self.within {
            Within::Instance => {
                to.refers(Kind::Instance, &Id::from_number(0));
                "instance".to_owned()
            }
            Within::Organization(id) => {
                to.refers(Kind::Organization, id);
                format!("organization {id}")
            }
            Within::Project(id) => {
                to.refers(Kind::Project, id);
                format!("project {id}")
            }
        };
        to.unique(Names::Administrator, &format!("{place} {}", self.user));
        to.refers(Kind::User, &self.user);
    }

    fn under(&self, _: &Reader<'_>, _: &Id) -> Run<Within> {
        Ok(self.within.clone())
    }

    fn check(change: &Change<'_, Self>) -> Run<()> {
        if let Some(after) = change.after {
            let mut distinct = after.roles.clone();
            distinct.sort_unstable();
            distinct.dedup();
            let fit = after.roles.iter().all(|role| role.fits(&after.within));
            if after.roles.is_empty() || distinct.len() != after.roles.len() || !fit {
                return Err(Refusal::InvalidSpec.into());
            }
            let moved = change
                .before
                .is_some_and(|before| before.user != after.user || before.within != after.within);
            let user = optional(change.reader.existing::<User>(&after.user))?;
            if moved || user.is_none_or(|user| user.state != State::Active) {
                return Err(Refusal::InvalidSpec.into());
            }
            // Those that are switched off count too: `entries` looks at so many, and must see every one that serves.
            let is_new = !change.reader.is_taken::<Administrator>(change.id)?;
            let had = change.reader.referring(Kind::User, &after.user, Kind::Administrator, ENTRIES_MAX)?;
            if is_new && had.len() >= ENTRIES_MAX {
                return Err(Refusal::LimitReached.into());
            }
            require_all_of(&change.reader, change.caller, after)?;
        }
        let was = change.before.is_some_and(Administrator::owns_instance);
        let stays = change.after.is_some_and(Administrator::owns_instance);
        let is_his = |user: &Record<User>| change.before.is_some_and(|before| before.user == user.id);
        if was && !stays && !is_owned_without(&change.reader, is_his)? {
            return Err(Refusal::LastOwner.into());
        }
        Ok(())
    }
}

/// Refuses a caller who lacks any permission that the entry gives.
fn require_all_of(reader: &Reader<'_>, caller: &Caller, entry: &Administrator) -> Run<()> {
    for role in &entry.roles {
        for area in Area::ALL {
            for verb in [Verb::Read, Verb::Write, Verb::Delete] {
                if role.allows(area, verb) && !holds(reader, caller, area, verb, &entry.within)? {
                    return Err(Refusal::ExceedsOwn.into());
                }
            }
        }
    }
    Ok(())
}

/// Refuses a caller who lacks any permission that a user holds: who sets his password or secret can act as him.
pub fn require_all_of_user(reader: &Reader<'_>, caller: &Caller, user: &Id) -> Run<()> {
    for entry in entries(reader, user)? {
        // What governs a deleted place governs nothing.
        match require_all_of(reader, caller, &entry) {
            Err(No::Refused(Refusal::NotFound)) => {}
            other => other?,
        }
    }
    Ok(())
}

/// Entries that are looked at for an owner of the instance.
const OWNERS_MAX: usize = 10_000;

/// Whether anybody was named as an owner of the instance, even one who is switched off by now.
pub fn has_owner(reader: &Reader<'_>) -> Run<bool> {
    for id in reader.referring(Kind::Instance, &Id::from_number(0), Kind::Administrator, OWNERS_MAX)? {
        if reader.find::<Administrator>(&id)?.is_some_and(|entry| entry.spec.owns_instance()) {
            return Ok(true);
        }
    }
    Ok(false)
}

/// Whether anybody but those set apart owns the instance and can sign in.
pub fn is_owned_without(reader: &Reader<'_>, apart: impl Fn(&Record<User>) -> bool) -> Run<bool> {
    for id in reader.referring(Kind::Instance, &Id::from_number(0), Kind::Administrator, OWNERS_MAX)? {
        if let Some(entry) = reader.find::<Administrator>(&id)?
            && entry.state == State::Active
            && entry.spec.owns_instance()
            && optional(reader.live::<User>(&entry.spec.user))?.is_some_and(|user| !apart(&user))
        {
            return Ok(true);
        }
    }
    Ok(false)
}
