//! Project grants: a project and some of its roles, handed to another organization, which gives them to its own users.

use crate::encoding::Stored;
use crate::id::Id;
use crate::label::{Label, labels};
use crate::organization::Organization;
use crate::permission::{Area, Within};
use crate::project::Project;
use crate::project::lapse::{LAPSED, has_had_role, has_role, told};
use crate::project::role::RoleKey;
use crate::reader::{Names, Reader, Run, optional};
use crate::record::{Kind, Record, Row};
use crate::refusal::Refusal;
use crate::resource::{Change, Indexes, Resource};
use crate::several::Several;
use crate::tables::Fault;
use crate::time::Timestamp;
use crate::tx::Tx;
use minicbor::{Decode, Encode};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What an organization received of another one's project. It can't change the project.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ProjectGrant {
    /// Who received it: fixed after creation, and not the project's own organization.
    #[n(0)]
    pub organization: Id,
    /// The keys of the roles that it may give: 0 to 100. What is taken away here, nobody holds by it any more.
    #[n(1)]
    #[serde(default)]
    pub roles: Several<RoleKey, 0, 100>,
}

/// Since when each role of a grant is in it: what was given by it before counts no more.
#[derive(Clone, Debug, Default, PartialEq, Eq, Encode, Decode)]
pub struct GrantedRoles {
    /// The roles, in their order in the grant.
    #[n(0)]
    pub since: Vec<GrantedRole>,
}

/// A role of a grant.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct GrantedRole {
    /// Which.
    #[n(0)]
    pub key: RoleKey,
    /// Since when.
    #[n(1)]
    pub since: Timestamp,
}

impl Stored for GrantedRoles {}
impl Row for GrantedRoles {
    const KIND: Kind = Kind::GrantedRoles;
}

impl GrantedRoles {
    /// Those of a grant.
    pub fn of(reader: &Reader<'_>, grant: &Id) -> Result<GrantedRoles, Fault> {
        Ok(reader.row::<GrantedRoles>(grant)?.unwrap_or_default())
    }

    /// Since when a role is in the grant, if the project has had this very one since then.
    pub fn since(&self, reader: &Reader<'_>, project: &Id, role: &RoleKey) -> Run<Option<Timestamp>> {
        let Some(granted) = self.since.iter().find(|granted| granted.key == *role) else { return Ok(None) };
        let stands = has_had_role(reader, project, role, granted.since)?;
        Ok(stands.then_some(granted.since))
    }
}

/// Writes since when the roles of a grant are in it: those that were and still stand for the same since then, the others
/// from now on.
fn keep(tx: &mut Tx<'_, '_>, grant: &Record<ProjectGrant>) -> Run<()> {
    let had = GrantedRoles::of(&tx.reader(), &grant.id)?;
    let mut since = Vec::new();
    for key in &grant.spec.roles {
        let before = had.since(&tx.reader(), &grant.parent, key)?;
        since.push(GrantedRole { key: key.clone(), since: before.unwrap_or(tx.now) });
    }
    tx.put_row(&grant.id, &GrantedRoles { since });
    Ok(())
}

impl Stored for ProjectGrant {}

impl Resource for ProjectGrant {
    const KIND: Kind = Kind::ProjectGrant;
    const AREA: Area = Area::ProjectGrant;
    const REFERS: &'static [Kind] = &[Kind::Organization];
    const FIELDS: &'static [Label] = labels![ProjectGrant: organization, roles];
    const DERIVED: &'static [(&'static str, &'static str)] = &[LAPSED];
    type Parent = Project;
    type Birth = ();

    fn indexes(&self, to: &mut Indexes<'_>) {
        to.unique_in_parent(Names::ProjectGrant, self.organization.as_str());
        to.refers(Kind::Organization, &self.organization);
    }

    fn also_read_in(&self) -> Option<Within> {
        Some(Within::Organization(self.organization.clone()))
    }

    fn derived(reader: &Reader<'_>, record: &Record<Self>) -> Run<Vec<serde_json::Value>> {
        Ok(vec![told(&lapsed(reader, record)?)])
    }

    fn is_renewed(reader: &Reader<'_>, before: &Record<Self>) -> Run<bool> {
        Ok(!lapsed(reader, before)?.is_empty())
    }

    fn made(tx: &mut Tx<'_, '_>, record: &Record<Self>) -> Run<()> {
        keep(tx, record)
    }

    fn changed(tx: &mut Tx<'_, '_>, record: &Record<Self>) -> Run<()> {
        keep(tx, record)
    }

    fn gone(tx: &mut Tx<'_, '_>, id: &Id) -> Run<()> {
        tx.remove(Kind::GrantedRoles, id);
        Ok(())
    }

    fn check(change: &Change<'_, Self>) -> Run<()> {
        let Some(after) = change.after else { return Ok(()) };
        if change.before.is_some_and(|before| before.organization != after.organization) {
            return Err(Refusal::OrganizationFixed.into());
        }
        if change.reader.existing::<Project>(change.parent)?.parent == after.organization {
            return Err(Refusal::GrantToOwner.into());
        }
        let receiver = optional(change.reader.existing::<Organization>(&after.organization))?;
        receiver.ok_or(Refusal::NoSuchOrganization)?;
        for role in &after.roles {
            if !has_role(&change.reader, change.parent, role)? {
                return Err(Refusal::NoSuchRole.into());
            }
        }
        Ok(())
    }
}

/// The roles of a grant that it gives to nobody: deleted since they came into it, or others under the same keys.
fn lapsed<'g>(reader: &Reader<'_>, grant: &'g Record<ProjectGrant>) -> Run<Vec<&'g RoleKey>> {
    let granted = GrantedRoles::of(reader, &grant.id)?;
    let mut lapsed = Vec::new();
    for role in &grant.spec.roles {
        if granted.since(reader, &grant.parent, role)?.is_none() {
            lapsed.push(role);
        }
    }
    Ok(lapsed)
}

/// The grant of a project to an organization.
pub fn of(reader: &Reader<'_>, project: &Id, organization: &Id) -> Run<Option<Id>> {
    Ok(reader.named(Names::ProjectGrant, &format!("{project} {organization}"))?)
}
