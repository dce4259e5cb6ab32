//! Project grants: a project and some of its roles, handed to another organization, which gives them to its own users.

use crate::encoding::Stored;
use crate::id::Id;
use crate::label::{Label, labels};
use crate::organization::Organization;
use crate::permission::{Area, Within};
use crate::project::Project;
use crate::project::lapse::{LAPSED, has_role, lapsed, told};
use crate::project::role::RoleKey;
use crate::reader::{Names, Reader, Run, optional};
use crate::record::{Kind, Record};
use crate::refusal::Refusal;
use crate::resource::{Change, Indexes, Resource};
use crate::several::Several;
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
        let ProjectGrant { roles, .. } = &record.spec;
        Ok(vec![told(&lapsed(reader, &record.parent, roles, record.changed)?)])
    }

    fn is_renewed(reader: &Reader<'_>, before: &Record<Self>) -> Run<bool> {
        Ok(!lapsed(reader, &before.parent, &before.spec.roles, before.changed)?.is_empty())
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

/// The grant of a project to an organization.
pub fn of(reader: &Reader<'_>, project: &Id, organization: &Id) -> Run<Option<Id>> {
    Ok(reader.named(Names::ProjectGrant, &format!("{project} {organization}"))?)
}
