//! Who takes part, and as what. These commands say what is wanted, at once and whoever is up; whether and when Raft's
//! membership can follow is for the leader to find out.
//!
//! One rule stands above all: some node that belongs to the cluster is wanted as a voter. Whoever is removed stays so.

use crate::cluster::node::{Node, NodeState, Wanted, active, nodes, save};
use crate::cluster::require_system;
use crate::command::{Access, command};
use crate::event::What;
use crate::reader::{Reader, Run};
use crate::refusal::Refusal;
use minicbor::{Decode, Encode};

/// Wants a node as a voter or as a learner. Writes nothing if it is wanted so already.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct SetNodeRole {
    /// Which node.
    #[n(0)]
    pub node: u64,
    /// As what.
    #[n(1)]
    pub wanted: Wanted,
}

command!(36 SetNodeRole -> (), |_, _| Ok(Access::System), |self, tx| {
    require_system(tx)?;
    let before = active(&tx.reader(), self.node)?;
    match self.wanted {
        Wanted::Voter => {}
        Wanted::Learner => require_another_voter(&tx.reader(), self.node)?,
    }
    if before.wanted != self.wanted {
        let node = Node { wanted: self.wanted, ..before.clone() };
        save(tx, What::NodeRoleSet, Some(&before), &node)?;
    }
    Ok(())
});

/// Removes a node and wants another as a voter, in one step: at no position of the log is neither there.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct ReplaceNode {
    /// Which node goes, for ever.
    #[n(0)]
    pub old: u64,
    /// Which one votes from now on; it was admitted before.
    #[n(1)]
    pub new: u64,
}

command!(37 ReplaceNode -> (), |_, _| Ok(Access::System), |self, tx| {
    require_system(tx)?;
    let old = active(&tx.reader(), self.old)?;
    let new = active(&tx.reader(), self.new)?;
    if old.number == new.number {
        return Err(Refusal::InvalidSpec.into());
    }
    if new.wanted != Wanted::Voter {
        let voter = Node { wanted: Wanted::Voter, ..new.clone() };
        save(tx, What::NodeRoleSet, Some(&new), &voter)?;
    }
    save(tx, What::NodeRemoved, Some(&old), &removed(&old))
});

/// Removes a node for ever. Refused for the last one that is wanted as a voter.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct RemoveNode {
    /// Which node.
    #[n(0)]
    pub node: u64,
}

command!(38 RemoveNode -> (), |_, _| Ok(Access::System), |self, tx| {
    require_system(tx)?;
    let before = active(&tx.reader(), self.node)?;
    require_another_voter(&tx.reader(), self.node)?;
    save(tx, What::NodeRemoved, Some(&before), &removed(&before))
});

fn removed(node: &Node) -> Node {
    Node { state: NodeState::Removed, ..node.clone() }
}

/// Refuses what would leave no voter but this node.
fn require_another_voter(reader: &Reader<'_>, but: u64) -> Run<()> {
    let votes = |node: &Node| node.is_active() && node.wanted == Wanted::Voter && node.number != but;
    if nodes(reader)?.iter().any(votes) { Ok(()) } else { Err(Refusal::LastVoter.into()) }
}
