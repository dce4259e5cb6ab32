//! Nodes: members of the cluster by number, from the first one to those removed long ago.
//!
//! ```text
//! (none) ─FoundCluster, AdmitNode→ Active ─RemoveNode, ReplaceNode→ Removed, for ever
//! ```
//! The record of a removed node stays. A machine that comes back with an old disk believes that it belongs here and
//! has votes to give; by its number every other node knows better, and its number never becomes another's.

use crate::change::members;
use crate::cluster::address::PeerAddress;
use crate::cluster::require_system;
use crate::cluster::version::ProgramVersion;
use crate::command::{Access, command};
use crate::encoding::{Stored, decode_row};
use crate::event::{Field, Value, What};
use crate::id::{Id, SYSTEM};
use crate::keys::{Key, Space};
use crate::label::Label;
use crate::reader::{Reader, Run};
use crate::record::{Kind, Row};
use crate::refusal::Refusal;
use crate::tables::{Fault, Table};
use crate::tx::Tx;
use minicbor::{Decode, Encode};

/// A node of the cluster, under its number.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct Node {
    /// From the log's counter; never given twice.
    #[n(0)]
    pub number: u64,
    /// Where the other nodes reach it. Two nodes may name the same: the one that replaces a lost machine often has its
    /// name, and the certificate tells them apart.
    #[n(1)]
    pub address: PeerAddress,
    /// What it is wanted as. Raft's membership follows.
    #[n(2)]
    pub wanted: Wanted,
    /// The version of its program.
    #[n(3)]
    pub version: ProgramVersion,
    /// The lowest level that it runs; 0 until it has reported.
    #[n(4)]
    pub level_min: u32,
    /// The highest level that it runs; 0 until it has reported.
    #[n(5)]
    pub level_max: u32,
    /// Whether it belongs to the cluster.
    #[n(6)]
    pub state: NodeState,
}

/// What a node is wanted as.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(index_only)]
pub enum Wanted {
    /// It votes.
    #[n(0)]
    Voter,
    /// It follows and serves, and does not vote.
    #[n(1)]
    Learner,
}

/// Whether a node belongs to the cluster.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(index_only)]
pub enum NodeState {
    /// It does.
    #[n(0)]
    Active,
    /// It did once, and never will again.
    #[n(1)]
    Removed,
}

impl Node {
    /// The names of its fields, in the order of their numbers: events name what changed by them.
    pub const FIELDS: &'static [Label] = &[
        Label::plain("number"),
        Label::plain("address"),
        Label::plain("wanted"),
        Label::plain("version"),
        Label::plain("level_min"),
        Label::plain("level_max"),
        Label::plain("state"),
    ];
}

impl Stored for Node {}
impl Row for Node {
    const KIND: Kind = Kind::Node;
}

impl Node {
    /// Whether it runs a level. One that has not reported runs none.
    pub fn runs(&self, level: u32) -> bool {
        (self.level_min..=self.level_max).contains(&level)
    }

    /// Whether it belongs to the cluster.
    pub fn is_active(&self) -> bool {
        self.state == NodeState::Active
    }

    /// One that has not reported yet.
    pub(crate) fn unreported(number: u64, address: PeerAddress, wanted: Wanted) -> Node {
        let (version, state) = (ProgramVersion::unknown(), NodeState::Active);
        Node { number, address, wanted, version, level_min: 0, level_max: 0, state }
    }
}

/// The number of the node that founded the cluster.
pub const FOUNDER: u64 = 1;

/// How many nodes a cluster may have had in its whole life, removed ones included.
pub const NODES_MAX: usize = 10_000;

/// How many nodes may belong to a cluster at once.
pub const ACTIVE_MAX: usize = 100;

/// Every node there ever was, in the order of numbers, removed ones included.
pub fn nodes(reader: &Reader<'_>) -> Result<Vec<Node>, Fault> {
    reader.of(SYSTEM).rows::<Node>(NODES_MAX)
}

/// A node by its number, whether it belongs to the cluster or did once.
pub fn node(reader: &Reader<'_>, number: u64) -> Result<Option<Node>, Fault> {
    reader.of(SYSTEM).row::<Node>(&Id::from_number(number))
}

/// Whether a number is one of a removed node. A number that was never given is not.
pub fn is_removed(reader: &Reader<'_>, number: u64) -> Result<bool, Fault> {
    Ok(node(reader, number)?.is_some_and(|node| !node.is_active()))
}

/// A node that belongs to the cluster.
pub(crate) fn active(reader: &Reader<'_>, number: u64) -> Run<Node> {
    let node = node(reader, number)?.ok_or(Refusal::NotFound)?;
    if node.is_active() { Ok(node) } else { Err(Refusal::NodeRemoved.into()) }
}

/// Writes a node and tells what is different about it.
pub(crate) fn save(tx: &mut Tx<'_, '_>, what: What, before: Option<&Node>, node: &Node) -> Run<()> {
    let old = before.map(members).unwrap_or_default();
    let mut fields = Vec::new();
    for (number, after) in (0..).zip(members(node)) {
        let before = old.get(usize::from(number));
        if before != Some(&after) {
            let before = before.map(|bytes| Value::plain(bytes));
            fields.push(Field { number, before, after: Some(Value::plain(&after)) });
        }
    }
    let id = Id::from_number(node.number);
    tx.put_row(&id, node);
    Ok(tx.tell(what, Kind::Node, &id, None, fields)?)
}

/// The last number that was given.
#[derive(Encode, Decode)]
struct LastNode(#[n(0)] u64);

impl Stored for LastNode {}

/// Gives a node the next number. Numbers come from a counter and not from the records, so that whatever may once become
/// of old records, no number is given twice.
pub(crate) fn next_number(tx: &mut Tx<'_, '_>) -> Run<u64> {
    const NODES: u16 = 4;
    let key = Key::new(SYSTEM, Space::Counter).u16(NODES).into_bytes();
    let last = tx.reader().read.get(Table::State, &key)?;
    let last = last.map(|bytes| decode_row::<LastNode>(&bytes)).transpose()?.map_or(0, |last| last.0);
    let next = last.checked_add(1).ok_or(Refusal::LimitReached)?;
    tx.put_raw(key, &LastNode(next));
    Ok(next)
}

/// Gives the founding node its record: number 1, a voter. A repetition with the same address changes nothing; any other
/// is refused.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct FoundCluster {
    /// Where the other nodes will reach it.
    #[n(0)]
    pub address: PeerAddress,
}

command!(31 FoundCluster -> u64, |_, _| Ok(Access::System), |self, tx| {
    require_system(tx)?;
    if let Some(founder) = node(&tx.reader(), FOUNDER)? {
        return match founder.state {
            NodeState::Removed => Err(Refusal::NodeRemoved.into()),
            NodeState::Active if founder.address == self.address => Ok(FOUNDER),
            NodeState::Active => Err(Refusal::AlreadyExists.into()),
        };
    }
    // No node is admitted before this one (see `CreateJoinToken`), so the counter begins here.
    let number = next_number(tx)?;
    if number != FOUNDER {
        return Err(Refusal::AlreadyExists.into());
    }
    save(tx, What::NodeFounded, None, &Node::unreported(number, self.address, Wanted::Voter))?;
    Ok(number)
});

/// Records what a node says of itself at each start. Writes nothing if nothing differs.
///
/// The range of levels is taken as it is said, also where the cluster's level is outside it: the node itself stops at the
/// first entry of a level that it does not run, and the record must not hide why.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct RecordNode {
    /// Which node.
    #[n(0)]
    pub node: u64,
    /// Where the other nodes reach it.
    #[n(1)]
    pub address: PeerAddress,
    /// The version of its program.
    #[n(2)]
    pub version: ProgramVersion,
    /// The lowest level that it runs, from 1.
    #[n(3)]
    pub level_min: u32,
    /// The highest level that it runs.
    #[n(4)]
    pub level_max: u32,
}

command!(35 RecordNode -> (), |_, _| Ok(Access::System), |self, tx| {
    require_system(tx)?;
    let before = active(&tx.reader(), self.node)?;
    if self.level_min == 0 || self.level_min > self.level_max {
        return Err(Refusal::InvalidSpec.into());
    }
    let RecordNode { node: _, address, version, level_min, level_max } = self;
    let node = Node { address, version, level_min, level_max, ..before.clone() };
    if node != before {
        save(tx, What::NodeReported, Some(&before), &node)?;
    }
    Ok(())
});
