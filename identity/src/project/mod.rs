//! Projects: what applications, roles and grants hang under.

pub mod grant;
pub mod lapse;
pub mod role;

use crate::administrator;
use crate::application::Application;
use crate::encoding::Stored;
use crate::envelope::Subject;
use crate::id::Id;
use crate::label::{Label, labels};
use crate::name::Name;
use crate::organization::Organization;
use crate::permission::{AdministratorRole, Area, Within};
use crate::reader::Run;
use crate::record::{Kind, Record};
use crate::refusal::Refusal;
use crate::resource::{Change, Indexes, Resource};
use crate::tx::Tx;
use minicbor::{Decode, Encode};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// A project of an organization.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Project {
    /// Shown to administrators.
    #[n(0)]
    pub name: Name<200>,
    /// Puts the user's roles into tokens without being asked by scope.
    #[n(1)]
    #[serde(default)]
    pub role_assertion: bool,
    /// Refuses sign-in to users who hold no role here.
    #[n(2)]
    #[serde(default)]
    pub role_check: bool,
    /// Refuses sign-in to users whose organization neither owns nor was granted the project.
    #[n(3)]
    #[serde(default)]
    pub has_project_check: bool,
}

/// The id of the instance's own project: only its applications get tokens that open the management API, and only the
/// system makes it.
pub const OWN_PROJECT: &str = "conclave";

/// [`OWN_PROJECT`] as an id.
pub fn own_project() -> Run<Id> {
    Ok(Id::parse(OWN_PROJECT).map_err(|_| Refusal::Internal)?)
}

impl Stored for Project {}

impl Resource for Project {
    const KIND: Kind = Kind::Project;
    const AREA: Area = Area::Project;
    const SEARCH: &'static [&'static str] = &["name"];
    const FIELDS: &'static [Label] = labels![Project: name, role_assertion, role_check, has_project_check];
    type Parent = Organization;
    type Birth = ();
    fn indexes(&self, to: &mut Indexes<'_>) {
        to.search("name", self.name.as_str());
    }
    fn check(change: &Change<'_, Self>) -> Run<()> {
        let is_new = !change.reader.is_taken::<Project>(change.id)?;
        // Audiences name both: under an application's id, a token for this would pass for one for that.
        if is_new && change.reader.is_taken::<Application>(change.id)? {
            return Err(Refusal::AlreadyExists.into());
        }
        if change.id.as_str() != OWN_PROJECT || change.caller.subject == Subject::System {
            return Ok(());
        }
        // Without it nobody could sign in to manage anything, and nobody could take that back.
        let shuts_out = change.after.is_none_or(|after| after.role_check || after.has_project_check);
        if is_new || shuts_out {
            return Err(Refusal::NotPermitted.into());
        }
        Ok(())
    }
    fn made(tx: &mut Tx<'_, '_>, record: &Record<Self>) -> Run<()> {
        let within = Within::Project(record.id.clone());
        administrator::own(tx, Area::Project, within, AdministratorRole::ProjectOwner)
    }
    fn own_place(id: &Id) -> Option<Within> {
        Some(Within::Project(id.clone()))
    }
}
