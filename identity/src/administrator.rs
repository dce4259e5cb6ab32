//! Administrators: who may govern what. One entry a user and place.

use crate::encoding::Stored;
use crate::id::Id;
use crate::permission::{AdministratorRole, Area, ENTRIES_MAX, Verb, Within, entries, holds};
use crate::reader::{Names, Reader, Run};
use crate::record::{Kind, State};
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
            if after.roles.is_empty() || !after.roles.iter().all(|role| role.fits(&after.within)) {
                return Err(Refusal::InvalidSpec.into());
            }
            let moved = change
                .before
                .is_some_and(|before| before.user != after.user || before.within != after.within);
            if moved
                || !change.reader.existing::<User>(&after.user).is_ok_and(|user| user.state == State::Active)
            {
                return Err(Refusal::InvalidSpec.into());
            }
            if change.before.is_none() && entries(&change.reader, &after.user)?.len() >= ENTRIES_MAX {
                return Err(Refusal::LimitReached.into());
            }
            for role in &after.roles {
                grants_what_he_has(change, *role, &after.within)?;
            }
        }
        let was = change.before.is_some_and(Administrator::owns_instance);
        let stays = change.after.is_some_and(Administrator::owns_instance);
        if was && !stays && others_own(&change.reader, change.before.map(|before| &before.user))? == 0 {
            return Err(Refusal::LastOwner.into());
        }
        Ok(())
    }
}

fn grants_what_he_has(
    change: &Change<'_, Administrator>,
    role: AdministratorRole,
    within: &Within,
) -> Run<()> {
    for area in Area::ALL {
        for verb in [Verb::Read, Verb::Write, Verb::Delete] {
            if role.allows(area, verb) && !holds(&change.reader, change.caller, area, verb, within)? {
                return Err(Refusal::ExceedsOwn.into());
            }
        }
    }
    Ok(())
}

/// How many users other than `apart` own the instance and can sign in.
pub fn others_own(reader: &Reader<'_>, apart: Option<&Id>) -> Run<usize> {
    let mut count = 0;
    for id in reader.referring(Kind::Instance, &Id::from_number(0), Kind::Administrator, 10_000)? {
        if let Some(entry) = reader.find::<Administrator>(&id)?
            && entry.state == State::Active
            && entry.spec.owns_instance()
            && Some(&entry.spec.user) != apart
            && reader.live::<User>(&entry.spec.user).is_ok()
        {
            count += 1;
        }
    }
    Ok(count)
}
