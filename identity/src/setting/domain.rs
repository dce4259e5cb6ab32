//! How usernames and the domains of organizations belong together.

use crate::encoding::Stored;
use crate::label::{Label, labels};
use crate::name::{HostName, Username};
use crate::record::{Kind, Row};
use crate::setting::{Setting, Unsound};
use minicbor::{Decode, Encode};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What the domain of an organization means for its users.
#[derive(Clone, Debug, Default, PartialEq, Eq, Encode, Decode, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct DomainSettings {
    /// A username ends with `@` and the organization's primary domain. Asked when a user is created or renamed: the names
    /// that there are stay, also when the domain changes.
    #[n(0)]
    pub usernames_end_with_domain: bool,
}

impl Stored for DomainSettings {}
impl Row for DomainSettings {
    const KIND: Kind = Kind::DomainSettings;
}

impl Setting for DomainSettings {
    const NAME: &'static str = "domain";
    const PER_ORGANIZATION: bool = true;
    // Names are unique in the instance: who may have which is not for one organization to say.
    const INSTANCE_DECIDES: bool = true;
    const FIELDS: &'static [Label] = labels![DomainSettings: usernames_end_with_domain];

    fn check(&self) -> Result<(), Unsound> {
        Ok(())
    }
}

impl DomainSettings {
    /// Whether a user of an organization with this primary domain may have this name.
    pub fn allows(&self, username: &Username, domain: &HostName) -> bool {
        if !self.usernames_end_with_domain {
            return true;
        }
        let folded = username.folded();
        let local = folded.strip_suffix(domain.as_str()).and_then(|rest| rest.strip_suffix('@'));
        local.is_some_and(|local| !local.is_empty())
    }
}
