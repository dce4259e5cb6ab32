//! Authorizations: which roles of a project a user holds.

use crate::encoding::Stored;
use crate::id::Id;
use crate::permission::Area;
use crate::project::{Project, role::RoleKey};
use crate::reader::{Names, Reader, Run};
use crate::record::{Kind, State};
use crate::refusal::Refusal;
use crate::resource::{Change, Indexes, Resource};
use crate::user::User;
use minicbor::{Decode, Encode};
use serde::{Deserialize, Serialize};

/// The roles of one user in one project. The user may belong to another organization.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Authorization {
    /// Who.
    #[n(0)]
    pub user: Id,
    /// Which roles: 1 to 100 keys of the project.
    #[n(1)]
    pub roles: Vec<RoleKey>,
}

impl Stored for Authorization {}

impl Resource for Authorization {
    const KIND: Kind = Kind::Authorization;
    const AREA: Area = Area::Authorization;
    const LEAF: bool = true;
    type Parent = Project;
    type Birth = ();
    fn indexes(&self, to: &mut Indexes<'_>) {
        to.unique_in_parent(Names::Authorization, self.user.as_str());
        to.refers(Kind::User, &self.user);
    }
    fn check(change: &Change<'_, Self>) -> Run<()> {
        let Some(after) = change.after else { return Ok(()) };
        if after.roles.is_empty() || after.roles.len() > 100 {
            return Err(Refusal::InvalidSpec.into());
        }
        if change.before.is_some_and(|before| before.user != after.user) {
            return Err(Refusal::InvalidSpec.into());
        }
        change.reader.existing::<User>(&after.user)?;
        for role in &after.roles {
            if !has_role(&change.reader, change.parent, role)? {
                return Err(Refusal::NoSuchRole.into());
            }
        }
        Ok(())
    }
}

fn has_role(reader: &Reader<'_>, project: &Id, role: &RoleKey) -> Run<bool> {
    Ok(reader.named(Names::RoleKey, &format!("{project} {role}"))?.is_some())
}

/// The roles that a user holds in a project, as they stand: a deleted role is held by nobody.
pub fn roles(reader: &Reader<'_>, project: &Id, user: &Id) -> Run<Vec<RoleKey>> {
    let Some(id) = reader.named(Names::Authorization, &format!("{project} {user}"))? else {
        return Ok(Vec::new());
    };
    let Some(record) = reader.find::<Authorization>(&id)? else { return Ok(Vec::new()) };
    if record.state != State::Active {
        return Ok(Vec::new());
    }
    let mut held = Vec::new();
    for role in record.spec.roles {
        if has_role(reader, project, &role)? {
            held.push(role);
        }
    }
    Ok(held)
}
