//! Roles of projects.

use crate::encoding::{Invalid, Stored};
use crate::label::{Label, labels};
use crate::name::{Name, described, text};
use crate::permission::Area;
use crate::project::Project;
use crate::reader::{Names, Run};
use crate::record::Kind;
use crate::refusal::Refusal;
use crate::resource::{Change, Indexes, Resource};
use minicbor::{Decode, Decoder, Encode, Encoder, decode, encode};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

text! {
    /// A role's key as it stands in tokens: 1 to 200 visible ASCII characters.
    RoleKey [described(1, 200, "^[!-~]+$")]
}

impl RoleKey {
    /// Parses a key.
    pub fn parse(text: &str) -> Result<Self, Invalid> {
        if text.is_empty() || text.len() > 200 || !text.bytes().all(|byte| byte.is_ascii_graphic()) {
            return Err(Invalid("a role key is 1 to 200 visible ASCII characters"));
        }
        Ok(RoleKey(text.into()))
    }
}

/// A role of a project.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Role {
    /// Unique in the project, and fixed after creation: tokens and authorizations hold it.
    #[n(0)]
    pub key: RoleKey,
    /// Shown to administrators.
    #[n(1)]
    pub display_name: Name<200>,
    /// A label by which lists are grouped, nothing more.
    #[n(2)]
    pub group: Option<Name<200>>,
}

impl Stored for Role {}

impl Resource for Role {
    const KIND: Kind = Kind::Role;
    const AREA: Area = Area::Role;
    const KEYED: Option<Names> = Some(Names::RoleKey);
    const LEAF: bool = true;
    const FIELDS: &'static [Label] = labels![Role: key, display_name, group];
    type Parent = Project;
    type Birth = ();
    fn key(&self) -> Option<&str> {
        Some(self.key.as_str())
    }
    fn indexes(&self, to: &mut Indexes<'_>) {
        to.unique_in_parent(Names::RoleKey, self.key.as_str());
    }
    fn check(change: &Change<'_, Self>) -> Run<()> {
        match (change.before, change.after) {
            (Some(before), Some(after)) if before.key != after.key => Err(Refusal::RoleKeyFixed.into()),
            _ => Ok(()),
        }
    }
}
