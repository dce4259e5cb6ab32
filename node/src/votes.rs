//! What a change of votes comes to, told before it is made: why an operator is refused it, or what it waits for.
//!
//! The log's commands know what is wanted and nothing of who answers; Raft's membership follows as far as it can. So
//! what would leave the voters without a majority, for ever, is found here, by the node that is asked. Two nodes that
//! are asked at once can both agree: this guards against mistakes, not against two operators.

use crate::alarms;
use crate::members::{has_caught_up, may_vote, wanted_voters};
use identity::cluster::node::Node;
use raft::Status;
use std::collections::BTreeSet;

/// Fewer voters than this can't lose one.
const VOTERS_ENOUGH: usize = 3;

/// Who votes, who is wanted to, and who answers.
pub(crate) struct Votes {
    /// How this node sees the cluster.
    pub(crate) status: Status,
    /// Every node, removed ones too.
    pub(crate) nodes: Vec<Node>,
}

/// A vote that is to be lost.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Loss {
    /// Whose.
    pub(crate) node: u64,
    /// How.
    pub(crate) way: Way,
    /// Whether the operator means it even if the voters that are left can't lose another.
    pub(crate) force: bool,
}

/// How a vote is lost.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Way {
    /// The node stays without it.
    Demoted,
    /// The node goes for ever.
    Removed,
    /// The same, and this one comes in its place.
    Replaced(u64),
}

/// Why not: a code for programs, a sentence for people.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct No(pub(crate) &'static str, pub(crate) String);

impl Votes {
    /// Refuses a node that is none, or none any more.
    pub(crate) fn known(&self, number: u64) -> Result<(), No> {
        match self.nodes.iter().find(|node| node.number == number) {
            Some(node) if node.is_active() => Ok(()),
            Some(_) => Err(No(
                "node_removed",
                format!(
                    "node {number} was removed from the cluster, and its number never comes back: wipe its data \
                     folder, and let it join anew by a token"
                ),
            )),
            None => Err(No(
                "unknown_node",
                format!("there is no node {number}: `conclave cluster status` lists the members"),
            )),
        }
    }

    /// Refuses to take a vote if the cluster could not agree on it, or, unless it is forced, could lose no other then.
    pub(crate) fn may_lose(&self, loss: Loss) -> Result<(), No> {
        let Loss { node, way, force } = loss;
        let status = &self.status;
        let before: BTreeSet<u64> = status.voters.iter().copied().collect();
        if let Way::Replaced(by) = way
            && by == node
        {
            return Err(No("same_node", format!("node {node} can't take its own place: name another")));
        }
        let wanted = self.wanted_after(loss);
        // Where nobody is wanted as a voter any more, the log's own rule says so.
        if !before.contains(&node) || wanted.is_empty() {
            return Ok(());
        }
        let mut after = may_vote(status, &wanted);
        if let Some(spare) = raft::spare(&after, &before) {
            after.remove(&spare);
        }
        let alive = self.alive(&after);
        if !after.is_empty() && alive <= after.len() / 2 {
            return Err(No(
                "no_majority_left",
                format!(
                    "too few of the voters that would be left ({}) answer: bring them back or replace them first",
                    after.iter().map(u64::to_string).collect::<Vec<_>>().join(", ")
                ),
            ));
        }
        if force || alive > after.len() / 2 + 1 || before.len() < VOTERS_ENOUGH {
            return Ok(());
        }
        if let Way::Replaced(by) = way
            && !has_caught_up(by, status)
        {
            let text = format!("{}, or say --force", self.lacks(by));
            return Err(No("not_caught_up", text));
        }
        Err(No(
            "too_few_voters",
            format!(
                "without node {node}, {alive} of {} voters would answer, and the cluster could not lose another; let \
                 a node join first and use `conclave cluster replace`, or say --force",
                after.len()
            ),
        ))
    }

    /// What comes of wanting a node as a voter.
    pub(crate) fn promoted(&self, node: u64) -> String {
        let voters: BTreeSet<u64> = self.status.voters.iter().copied().collect();
        if voters.contains(&node) {
            return format!("Node {node} has a vote already");
        }
        let mut wanted = wanted_voters(&self.nodes);
        wanted.insert(node);
        let mut all = may_vote(&self.status, &wanted);
        all.insert(node);
        let waits = raft::spare(&all, &voters) == Some(node);
        let number = all.len();
        let spare = format!(
            "waits as a spare: {number} voters would survive no more failures than {}; it votes once a voter is removed \
             or demoted, or one more node has joined and caught up",
            number.saturating_sub(1)
        );
        let lacks = if self.is_heard(node) { "has not caught up yet" } else { "does not answer: start it" };
        match (has_caught_up(node, &self.status), waits) {
            (true, true) => format!("Node {node} {spare}"),
            (true, false) => format!("Node {node} is wanted as a voter; it votes in a moment"),
            (false, true) => {
                format!("Node {node} is wanted as a voter, but {lacks}. Once it has caught up, it {spare}")
            }
            (false, false) => {
                format!("Node {node} is wanted as a voter, but {lacks}. It votes once it has caught up")
            }
        }
    }

    fn is_heard(&self, node: u64) -> bool {
        let neighbour = self.status.neighbours.get(&node);
        node == self.status.node || neighbour.is_some_and(|heard| alarms::answers(heard, &self.status))
    }

    /// Why a node can't take another's place, and what to do.
    fn lacks(&self, node: u64) -> String {
        let why = if self.is_heard(node) {
            "is not ready, because it has not caught up, is drained or has a wrong clock: wait"
        } else {
            "does not answer: start it, and wait"
        };
        format!("node {node} {why} until `conclave cluster status` shows it ready")
    }

    fn wanted_after(&self, loss: Loss) -> BTreeSet<u64> {
        let mut wanted = wanted_voters(&self.nodes);
        wanted.remove(&loss.node);
        match loss.way {
            Way::Replaced(by) => {
                wanted.insert(by);
            }
            Way::Demoted | Way::Removed => {}
        }
        wanted
    }

    /// How many of them answer.
    fn alive(&self, voters: &BTreeSet<u64>) -> usize {
        let answers = |voter: &&u64| {
            let neighbour = self.status.neighbours.get(*voter);
            **voter == self.status.node
                || neighbour.is_some_and(|neighbour| {
                    alarms::answers(neighbour, &self.status) && neighbour.withdrawn.is_none()
                })
        };
        voters.iter().filter(answers).count()
    }
}

#[cfg(test)]
mod tests;
