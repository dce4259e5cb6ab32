//! Authorizations: which roles of a project a user holds.

use crate::encoding::Stored;
use crate::id::Id;
use crate::label::{Label, labels};
use crate::permission::{Area, Within};
use crate::project::grant::{self, GrantedRoles, ProjectGrant};
use crate::project::lapse::{LAPSED, has_had_role, has_role, told};
use crate::project::{Project, role::RoleKey};
use crate::reader::{Names, Reader, Run, optional};
use crate::record::{Kind, Record, State};
use crate::refusal::Refusal;
use crate::resource::{Change, Indexes, Parent, Resource};
use crate::several::Several;
use crate::user::User;
use minicbor::{Decode, Encode};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The roles of one user in one project. The user may belong to another organization.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Authorization {
    /// Who.
    #[n(0)]
    pub user: Id,
    /// Which roles: 1 to 100 keys of the project.
    #[n(1)]
    pub roles: Several<RoleKey, 1, 100>,
    /// The project grant by which they are given: to a user of the organization that received it, from among its roles.
    /// Fixed after creation. Without one, the project's own administrators give them.
    #[n(2)]
    #[serde(default)]
    pub grant: Option<Id>,
}

impl Stored for Authorization {}

impl Resource for Authorization {
    const KIND: Kind = Kind::Authorization;
    const AREA: Area = Area::Authorization;
    const REFERS: &'static [Kind] = &[Kind::User, Kind::ProjectGrant];
    const LEAF: bool = true;
    const FIELDS: &'static [Label] = labels![Authorization: user, roles, grant];
    const DERIVED: &'static [(&'static str, &'static str)] = &[LAPSED];
    const PLACED_BY: Option<&'static str> = Some("grant");
    type Parent = Project;
    type Birth = ();
    fn under(&self, reader: &Reader<'_>, project: &Id) -> Run<Within> {
        let Some(id) = &self.grant else { return Project::within(reader, project) };
        // Of another project it is no place for this authorization: what there is of others is nobody's to learn here.
        let grant = reader.find::<ProjectGrant>(id)?.filter(|grant| grant.parent == *project);
        grant.map(|grant| Within::ProjectGrant(grant.id)).ok_or(Refusal::NotFound.into())
    }
    fn indexes(&self, to: &mut Indexes<'_>) {
        let name = match &self.grant {
            // An id has no space in it.
            Some(grant) => format!("{} {grant}", self.user),
            None => self.user.to_string(),
        };
        to.unique_in_parent(Names::Authorization, &name);
        to.refers(Kind::User, &self.user);
        if let Some(grant) = &self.grant {
            to.refers(Kind::ProjectGrant, grant);
        }
    }
    fn derived(reader: &Reader<'_>, record: &Record<Self>) -> Run<Vec<serde_json::Value>> {
        Ok(vec![told(&lapsed(reader, record)?)])
    }
    fn is_renewed(reader: &Reader<'_>, before: &Record<Self>) -> Run<bool> {
        Ok(!lapsed(reader, before)?.is_empty())
    }
    fn check(change: &Change<'_, Self>) -> Run<()> {
        let Some(after) = change.after else { return Ok(()) };
        if change.before.is_some_and(|before| before.user != after.user) {
            return Err(Refusal::UserFixed.into());
        }
        if change.before.is_some_and(|before| before.grant != after.grant) {
            return Err(Refusal::GrantFixed.into());
        }
        let grant = match &after.grant {
            Some(id) => Some(change.reader.existing::<ProjectGrant>(id)?.spec),
            None => None,
        };
        // By a grant its receiver's own users are given roles: there are no others for him.
        let user = optional(change.reader.existing::<User>(&after.user))?;
        let is_his =
            |user: &Record<User>| grant.as_ref().is_none_or(|grant| grant.organization == user.parent);
        user.filter(is_his).ok_or(Refusal::NoSuchUser)?;
        for role in &after.roles {
            let is_granted = grant.as_ref().is_none_or(|grant| grant.roles.contains(role));
            if !is_granted || !has_role(&change.reader, change.parent, role)? {
                return Err(Refusal::NoSuchRole.into());
            }
        }
        Ok(())
    }
}

/// Whether a role counts that an authorization gives: the project has had this very one since it was given, and so have the
/// roles of the grant by which it was.
fn counts(
    reader: &Reader<'_>,
    given: &Record<Authorization>,
    by: Option<&GrantedRoles>,
    role: &RoleKey,
) -> Run<bool> {
    match by {
        None => Ok(has_had_role(reader, &given.parent, role, given.changed)?),
        Some(granted) => {
            Ok(granted.since(reader, &given.parent, role)?.is_some_and(|since| since <= given.changed))
        }
    }
}

/// The roles of an authorization that do not count.
fn lapsed<'g>(reader: &Reader<'_>, given: &'g Record<Authorization>) -> Run<Vec<&'g RoleKey>> {
    let by = match &given.spec.grant {
        None => None,
        Some(id) => match optional(reader.existing::<ProjectGrant>(id))? {
            Some(grant) => Some(GrantedRoles::of(reader, &grant.id)?),
            // By a grant that is gone nothing is given.
            None => Some(GrantedRoles::default()),
        },
    };
    let mut lapsed = Vec::new();
    for role in &given.spec.roles {
        if !counts(reader, given, by.as_ref(), role)? {
            lapsed.push(role);
        }
    }
    Ok(lapsed)
}

/// The roles that a user holds in a project, as they stand: each with the organization that gives it. A role that was
/// deleted, or taken out of a grant, is held by nobody, also when another one gets its key.
pub fn roles(reader: &Reader<'_>, project: &Record<Project>, user: &Record<User>) -> Run<Vec<(Id, RoleKey)>> {
    let mut held = Vec::new();
    if let Some(given) = given(reader, &format!("{} {}", project.id, user.id))? {
        for role in &given.spec.roles {
            if counts(reader, &given, None, role)? {
                held.push((project.parent.clone(), role.clone()));
            }
        }
    }
    let grant = match grant::of(reader, &project.id, &user.parent)? {
        Some(grant) => optional(reader.live::<ProjectGrant>(&grant))?,
        None => None,
    };
    let Some(grant) = grant else { return Ok(held) };
    if let Some(given) = given(reader, &format!("{} {} {}", project.id, user.id, grant.id))? {
        let granted = GrantedRoles::of(reader, &grant.id)?;
        for role in &given.spec.roles {
            if counts(reader, &given, Some(&granted), role)? {
                held.push((grant.spec.organization.clone(), role.clone()));
            }
        }
    }
    Ok(held)
}

/// The authorization of this name, if it serves.
fn given(reader: &Reader<'_>, name: &str) -> Run<Option<Record<Authorization>>> {
    let Some(id) = reader.named(Names::Authorization, name)? else { return Ok(None) };
    Ok(reader.find::<Authorization>(&id)?.filter(|record| record.state == State::Active))
}
