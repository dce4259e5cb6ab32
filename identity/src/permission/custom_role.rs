//! Roles of administrators that an instance has made itself, beside the built-in ones.

use crate::encoding::Stored;
use crate::label::{Label, labels};
use crate::name::Name;
use crate::permission::{AdministratorRole, Area, Permission, Verb, Within, holds};
use crate::reader::{Reader, Run};
use crate::record::Kind;
use crate::refusal::Refusal;
use crate::resource::{Change, Indexes, Resource, Root};
use crate::several::Several;
use minicbor::{Decode, Encode};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// A role of administrators. Its id stands in their entries, and may be held at any place.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct CustomRole {
    /// Shown to administrators.
    #[n(0)]
    pub name: Name<200>,
    /// What it may do: 1 to 100 permissions, none twice.
    #[n(1)]
    pub permissions: Several<Permission, 1, 100>,
}

impl CustomRole {
    /// Whether the role may do this.
    pub fn allows(&self, area: Area, verb: Verb) -> bool {
        self.permissions.contains(&Permission { area, verb })
    }
}

impl Stored for CustomRole {}

impl Resource for CustomRole {
    const KIND: Kind = Kind::CustomRole;
    const AREA: Area = Area::CustomRole;
    const SEARCH: &'static [&'static str] = &["name"];
    const FIELDS: &'static [Label] = labels![CustomRole: name, permissions];
    type Parent = Root;
    type Birth = ();

    fn indexes(&self, to: &mut Indexes<'_>) {
        to.search("name", self.name.as_str());
    }

    fn check(change: &Change<'_, Self>) -> Run<()> {
        let Some(after) = change.after else { return unused(change) };
        // A name of the built-in roles would be read as one of them.
        if AdministratorRole::from_name(change.id.as_str()).is_some() {
            return Err(Refusal::IdReserved.into());
        }
        // Its holders get what is added here: nobody gives what he lacks. Nor does he take it away: a holder who is
        // weaker for a while is one whose password he might set.
        let before = change.before.map(|before| before.permissions.iter()).into_iter().flatten();
        for Permission { area, verb } in after.permissions.iter().chain(before) {
            if !holds(&change.reader, change.caller, *area, *verb, &Within::Instance)? {
                return Err(Refusal::ExceedsOwn.into());
            }
        }
        Ok(())
    }
}

/// Refuses to delete or switch off a role that somebody holds.
fn unused(change: &Change<'_, CustomRole>) -> Run<()> {
    let holders = change.reader.referring(Kind::CustomRole, change.id, Kind::Administrator, 1)?;
    if holders.is_empty() { Ok(()) } else { Err(Refusal::InUse.into()) }
}

/// Whether a role of this id serves.
pub fn serves(reader: &Reader<'_>, id: &crate::id::Id) -> Run<bool> {
    Ok(crate::reader::optional(reader.live::<CustomRole>(id))?.is_some())
}
