//! Positions: where in which log something became true.

use std::fmt;

/// A place in the log that an answer belongs to. Its text, which callers carry, is made by the api.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Position {
    /// Which Raft group; 0 until there are several.
    pub shard: u16,
    /// Which history of that group: a restore begins a new one, and positions of another say nothing about it.
    pub lineage: u32,
    /// The index of the log entry.
    pub index: u64,
}

impl fmt::Display for Position {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}/{}", self.shard, self.lineage, self.index)
    }
}
