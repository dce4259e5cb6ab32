//! Who belongs to the cluster, and how Raft's membership is led to what is wanted, one step at a time.
//!
//! What is wanted stands in the log, as records that this crate does not know; the leader's node reads them and calls
//! [`Cluster::lead_members_to`](crate::Cluster::lead_members_to) again and again. Each step is guarded by the
//! membership that it was planned on, so that two leaders can't both take it.
//!
//! Voters are made of learners that have caught up, and their number stays odd while it can: a fourth voter would
//! cost every write and save nobody. So a cluster of one becomes one of three in a single step, never one of two,
//! which could not lose either.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use openraft::ChangeMembers;
use openraft::async_runtime::watch::WatchReceiver;
use openraft::raft::Precondition;

use crate::cluster::Error;
use crate::types::{LogId, Peer, Raft, TypeConfig};

/// A learner that lacks no more than this many entries has caught up.
const CAUGHT_UP: u64 = 64;
/// How long a step may take to be committed.
const STEP_MAX: Duration = Duration::from_secs(10);

/// What a member is wanted to be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wanted {
    /// Where it is reached.
    pub peer: Peer,
    /// Whether it is to vote; else it only follows.
    pub voter: bool,
}

/// Raft's membership as it is.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Members {
    /// Who votes.
    pub voters: BTreeSet<u64>,
    /// Everybody, with his address.
    pub all: BTreeMap<u64, Peer>,
}

/// A step that was taken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step {
    /// Members that follow from now on.
    Added(BTreeSet<u64>),
    /// Members whose address has changed.
    Moved(BTreeSet<u64>),
    /// Who votes from now on.
    Voters(BTreeSet<u64>),
    /// Who is no member any more.
    Removed(BTreeSet<u64>),
}

/// The next step from what is to what is wanted; `None` when nothing is left to do, or while learners catch up.
fn next(members: &Members, wanted: &BTreeMap<u64, Wanted>, caught_up: &BTreeSet<u64>) -> Option<Step> {
    let added: BTreeSet<u64> =
        wanted.keys().filter(|node| !members.all.contains_key(node)).copied().collect();
    if !added.is_empty() {
        return Some(Step::Added(added));
    }
    let has_moved =
        |(node, wanted): &(&u64, &Wanted)| members.all.get(node).is_some_and(|peer| *peer != wanted.peer);
    let moved: BTreeSet<u64> = wanted.iter().filter(has_moved).map(|(node, _)| *node).collect();
    if !moved.is_empty() {
        return Some(Step::Moved(moved));
    }
    let may_vote = |node: &u64| members.voters.contains(node) || caught_up.contains(node);
    let mut voters: BTreeSet<u64> = wanted
        .iter()
        .filter(|(node, wanted)| wanted.voter && may_vote(node))
        .map(|(node, _)| *node)
        .collect();
    if let Some(spare) = spare(&voters, &members.voters) {
        voters.remove(&spare);
    }
    if !voters.is_empty() && voters != members.voters {
        return Some(Step::Voters(voters));
    }
    let gone = members.all.keys().filter(|node| !wanted.contains_key(node) && !members.voters.contains(node));
    let gone: BTreeSet<u64> = gone.copied().collect();
    (!gone.is_empty()).then_some(Step::Removed(gone))
}

/// Of those that may vote, the one that has to wait because their number would be even: the newest that does not vote
/// yet.
pub fn spare(may_vote: &BTreeSet<u64>, voters: &BTreeSet<u64>) -> Option<u64> {
    let even = may_vote.len().is_multiple_of(2);
    may_vote.iter().rev().find(|node| even && !voters.contains(node)).copied()
}

/// Raft's membership, and the log id that set it.
pub(crate) fn current(raft: &Raft) -> (Members, Option<LogId>) {
    let stored = raft.metrics().borrow_watched().membership_config.clone();
    let all = stored.nodes().map(|(node, peer)| (*node, peer.clone())).collect();
    (Members { voters: stored.voter_ids().collect(), all }, *stored.log_id())
}

/// Whether a node is a member, with or without a vote. One that is to go takes part until then: its vote may be needed
/// to let it go. When it is missing here, a membership without its vote is committed already.
pub(crate) fn is_member(raft: &Raft, node: u64) -> bool {
    raft.metrics().borrow_watched().membership_config.membership().get_node(&node).is_some()
}

/// Takes the next step towards what is wanted, if this node leads and there is one.
pub(crate) async fn lead_to(raft: &Raft, wanted: &BTreeMap<u64, Wanted>) -> Result<Option<Step>, Error> {
    let (members, set_by) = current(raft);
    let Some(step) = next(&members, wanted, &caught_up(raft)) else { return Ok(None) };
    let peers = |nodes: &BTreeSet<u64>| {
        let peers = nodes.iter().filter_map(|node| Some((*node, wanted.get(node)?.peer.clone())));
        peers.collect::<BTreeMap<u64, Peer>>()
    };
    let change = match &step {
        Step::Added(nodes) => ChangeMembers::AddNodes(peers(nodes)),
        Step::Moved(nodes) => ChangeMembers::SetNodes(peers(nodes)),
        Step::Voters(nodes) => ChangeMembers::ReplaceAllVoters(nodes.clone()),
        Step::Removed(nodes) => ChangeMembers::RemoveNodes(nodes.clone()),
    };
    let guard = Precondition::<TypeConfig>::LastMembershipLogId { last_membership_log_id: set_by };
    let changed = tokio::time::timeout(STEP_MAX, raft.change_membership_if(change, true, [guard])).await;
    match changed {
        Ok(Ok(_)) => Ok(Some(step)),
        Ok(Err(error)) => Err(Error::Membership(error.to_string())),
        Err(_) => Err(Error::Membership("no quorum agreed in time; it may still".to_owned())),
    }
}

/// Which members have nearly all of the log, as the leader knows; nobody where this node does not lead.
fn caught_up(raft: &Raft) -> BTreeSet<u64> {
    let metrics = raft.metrics().borrow_watched().clone();
    let last = metrics.last_log_index.unwrap_or_default();
    let near =
        |matching: &Option<LogId>| matching.is_some_and(|id| id.index.saturating_add(CAUGHT_UP) >= last);
    let replication = metrics.replication.unwrap_or_default();
    replication.into_iter().filter(|(_, matching)| near(matching)).map(|(node, _)| node).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn peer(node: u64) -> Peer {
        Peer { address: format!("node-{node}:8081") }
    }

    fn members(voters: &[u64], learners: &[u64]) -> Members {
        let all = voters.iter().chain(learners).map(|node| (*node, peer(*node))).collect();
        Members { voters: voters.iter().copied().collect(), all }
    }

    fn wanted(voters: &[u64], learners: &[u64]) -> BTreeMap<u64, Wanted> {
        let with = |voter| move |node: &u64| (*node, Wanted { peer: peer(*node), voter });
        voters.iter().map(with(true)).chain(learners.iter().map(with(false))).collect()
    }

    fn set(nodes: &[u64]) -> BTreeSet<u64> {
        nodes.iter().copied().collect()
    }

    /// What is, what is wanted, who has caught up, and the step that follows.
    fn check(is: Members, want: BTreeMap<u64, Wanted>, caught_up: &[u64], step: Option<Step>) {
        assert_eq!(next(&is, &want, &set(caught_up)), step);
    }

    #[test]
    fn what_is_as_wanted_is_left_alone() {
        check(members(&[1, 2, 3], &[4]), wanted(&[1, 2, 3], &[4]), &[1, 2, 3, 4], None);
    }

    #[test]
    fn a_new_node_follows_before_it_votes() {
        check(members(&[1], &[]), wanted(&[1, 2], &[]), &[1], Some(Step::Added(set(&[2]))));
    }

    #[test]
    fn e24_one_voter_becomes_three_in_one_step_and_never_two() {
        check(members(&[1], &[2]), wanted(&[1, 2], &[]), &[1, 2], None);
        check(members(&[1], &[2, 3]), wanted(&[1, 2, 3], &[]), &[1, 2], None);
        check(
            members(&[1], &[2, 3]),
            wanted(&[1, 2, 3], &[]),
            &[1, 2, 3],
            Some(Step::Voters(set(&[1, 2, 3]))),
        );
    }

    #[test]
    fn a_fourth_voter_waits_as_a_spare() {
        check(members(&[1, 2, 3], &[4]), wanted(&[1, 2, 3, 4], &[]), &[1, 2, 3, 4], None);
        let five = Some(Step::Voters(set(&[1, 2, 3, 4, 5])));
        check(members(&[1, 2, 3], &[4, 5]), wanted(&[1, 2, 3, 4, 5], &[]), &[1, 2, 3, 4, 5], five);
    }

    #[test]
    fn a_spare_takes_the_place_of_one_that_is_removed_in_the_same_step() {
        let step = Some(Step::Voters(set(&[1, 2, 4])));
        check(members(&[1, 2, 3], &[4]), wanted(&[1, 2, 4], &[]), &[1, 2, 4], step);
        check(members(&[1, 2, 4], &[3]), wanted(&[1, 2, 4], &[]), &[], Some(Step::Removed(set(&[3]))));
    }

    #[test]
    fn one_that_has_not_caught_up_takes_nobodys_place_but_the_removed_one_goes() {
        check(members(&[1, 2, 3], &[4]), wanted(&[1, 2, 4], &[]), &[1, 2], Some(Step::Voters(set(&[1, 2]))));
    }

    #[test]
    fn a_voter_that_fell_behind_stays_a_voter() {
        check(members(&[1, 2, 3], &[]), wanted(&[1, 2, 3], &[]), &[1], None);
    }

    #[test]
    fn one_that_is_to_follow_only_loses_its_vote() {
        check(members(&[1, 2, 3], &[]), wanted(&[1, 2], &[3]), &[1, 2, 3], Some(Step::Voters(set(&[1, 2]))));
    }

    #[test]
    fn the_last_voter_is_never_taken_away() {
        check(members(&[1], &[2]), wanted(&[], &[2]), &[1, 2], None);
    }

    #[test]
    fn an_address_that_changed_is_told_to_all() {
        let mut want = wanted(&[1, 2, 3], &[]);
        want.insert(2, Wanted { peer: peer(22), voter: true });
        check(members(&[1, 2, 3], &[]), want, &[1, 2, 3], Some(Step::Moved(set(&[2]))));
    }
}
