//! What only tests have: a resource with an older shape, and a command that panics.
//!
//! They stand in tables of their own, beside all real lines, so that no running node knows their numbers.

use crate::command::{Access, COMMANDS, Line, RESOURCES, command, line, of_resource};
use crate::encoding::{Stored, decode};
use crate::event::What;
use crate::id::Id;
use crate::label::Label;
use crate::name::Name;
use crate::permission::Area;
use crate::reader::Names;
use crate::record::Kind;
use crate::resource::{Indexes, Resource, Root};
use crate::tables::{Fault, Table};
use minicbor::{Decode, Encode};
use std::sync::LazyLock;

/// All plain resources, and the probe.
pub static TESTING_RESOURCES: LazyLock<Vec<[Line; 4]>> =
    LazyLock::new(|| [RESOURCES, &[of_resource::<Probe>()]].concat());

/// All other commands, and the poison.
pub static TESTING_COMMANDS: LazyLock<Vec<Line>> = LazyLock::new(|| [COMMANDS, &[line::<Poison>()]].concat());

/// A resource in its second version: its name, and a weight that the first had not.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct Probe {
    /// Unique in the instance.
    #[n(0)]
    pub name: Name<200>,
    /// In grams. The first version knew none: 1.
    #[n(1)]
    pub weight: u32,
}

/// The probe as it was written first.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct ProbeV1 {
    /// Unique in the instance.
    #[n(0)]
    pub name: Name<200>,
}

impl Stored for ProbeV1 {}

impl Stored for Probe {
    const VERSION: u8 = 2;

    fn upgrade(version: u8, body: &[u8]) -> Option<Result<Probe, Fault>> {
        match version {
            1 => Some(decode::<ProbeV1>(body).map(|old| Probe { name: old.name, weight: 1 })),
            _ => None,
        }
    }
}

impl Resource for Probe {
    const KIND: Kind = Kind::Probe;
    const AREA: Area = Area::Settings;
    const LEAF: bool = true;
    const FIELDS: &'static [Label] = &[Label::plain("name"), Label::plain("weight")];
    type Parent = Root;
    type Birth = ();
    fn indexes(&self, to: &mut Indexes<'_>) {
        to.unique(Names::Probe, self.name.as_str());
        to.search("name", self.name.as_str());
    }
}

/// Writes a row and an event, then panics.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct Poison {
    /// The key of the row that must not stay.
    #[n(0)]
    pub target: Id,
}

command!(241 Poison -> (), |_, _| Ok(Access::System), |self, tx| {
    tx.tables.put(Table::State, self.target.as_str().as_bytes().to_vec(), b"poison".to_vec());
    tx.tell(What::Changed, Kind::Probe, &self.target, None, Vec::new())?;
    panic!("this command panics on every replica");
});
