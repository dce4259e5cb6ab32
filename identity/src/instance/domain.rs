//! Host names of instances: records of the system, so that no two instances share one.

use crate::encoding::Stored;
use crate::instance::Instance;
use crate::label::{Label, labels};
use crate::name::HostName;
use crate::permission::Area;
use crate::reader::Names;
use crate::record::Kind;
use crate::resource::{Indexes, Resource};
use minicbor::{Decode, Encode};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// A host name of an instance.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Domain {
    /// The name, without scheme and port.
    #[n(0)]
    pub host: HostName,
}

impl Stored for Domain {}

impl Resource for Domain {
    const KIND: Kind = Kind::Domain;
    const AREA: Area = Area::System;
    const OF_SYSTEM: bool = true;
    const LEAF: bool = true;
    const FIELDS: &'static [Label] = labels![Domain: host];
    type Parent = Instance;
    type Birth = ();
    fn indexes(&self, to: &mut Indexes<'_>) {
        to.unique(Names::Host, self.host.as_str());
    }
}
