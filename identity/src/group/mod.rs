//! Groups of an organization's users.

pub mod member;

use crate::encoding::Stored;
use crate::id::Id;
use crate::label::{Label, labels};
use crate::name::{Name, fold};
use crate::organization::Organization;
use crate::permission::Area;
use crate::reader::{Names, Run};
use crate::record::Kind;
use crate::resource::{Indexes, Resource};
use crate::tx::Tx;
use minicbor::{Decode, Encode};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// A group of an organization.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Group {
    /// Shown to administrators; unique in the organization without regard to ASCII case.
    #[n(0)]
    pub name: Name<200>,
    /// What it is for.
    #[n(1)]
    #[serde(default)]
    pub description: Option<Name<500>>,
}

impl Stored for Group {}

impl Resource for Group {
    const KIND: Kind = Kind::Group;
    const AREA: Area = Area::Group;
    const SEARCH: &'static [&'static str] = &["name"];
    const FIELDS: &'static [Label] = labels![Group: name, description];
    type Parent = Organization;
    type Birth = ();

    fn indexes(&self, to: &mut Indexes<'_>) {
        to.unique_in_parent(Names::Group, &fold(self.name.as_str()));
        to.search("name", self.name.as_str());
    }

    fn gone(tx: &mut Tx<'_, '_>, id: &Id) -> Run<()> {
        member::forget_count(tx, id);
        Ok(())
    }
}
