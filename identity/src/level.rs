//! The level of the cluster: which shapes and behaviours every member has on. New ones appear only above it.

use crate::cluster::node::{Node, nodes};
use crate::command::{Access, command};
use crate::encoding::{Stored, decode_row};
use crate::event::What;
use crate::id::{Id, SYSTEM};
use crate::keys::{Key, Space};
use crate::record::Kind;
use crate::refusal::Refusal;
use crate::tables::{Fault, Read, Table};
use minicbor::{Decode, Encode};

/// The lowest level this program runs.
pub const MIN: u32 = 1;
/// The highest level this program runs. The feature `next-level` builds the program of the next release as far as tests
/// of mixed clusters need it: it runs one level more, and does nothing else differently.
pub const MAX: u32 = if cfg!(feature = "next-level") { 2 } else { 1 };

#[derive(Encode, Decode)]
struct Level(#[n(0)] u32);

impl Stored for Level {}

fn key() -> Vec<u8> {
    const LEVEL: u16 = 2;
    Key::new(SYSTEM, Space::Counter).u16(LEVEL).into_bytes()
}

/// The level that is on.
pub fn current(read: &dyn Read) -> Result<u32, Fault> {
    match read.get(Table::State, &key())? {
        Some(bytes) => decode_row::<Level>(&bytes).map(|level| level.0),
        None => Ok(MIN),
    }
}

/// Turns a higher level on, for ever. Refused unless every node that belongs to the cluster has recorded that it runs it.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct RaiseLevel {
    /// The new level.
    #[n(0)]
    pub level: u32,
}

command!(4 RaiseLevel -> u32, |_, _| Ok(Access::System), |self, tx| {
    if tx.instance != SYSTEM {
        return Err(Refusal::InvalidSpec.into());
    }
    let mut members = nodes(&tx.reader())?;
    members.retain(Node::is_active);
    // Judged on the records and never on what this program runs: builds differ in that, and replicas must not. Where
    // nobody has recorded anything, nobody has said that he runs a higher level.
    let unsaid = members.is_empty() && self.level > tx.level();
    if self.level < tx.level() || unsaid || !members.iter().all(|node| node.runs(self.level)) {
        return Err(Refusal::LevelNotSupported.into());
    }
    if self.level > MAX {
        return Err(Fault(format!("the cluster rises to level {}; run a version that knows it", self.level)).into());
    }
    if self.level > tx.level() {
        tx.put_raw(key(), &Level(self.level));
        tx.tell(What::LevelRaised, Kind::Cluster, &Id::from_number(u64::from(self.level)), None, Vec::new())?;
    }
    Ok(self.level)
});
