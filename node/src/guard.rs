//! Whether the cluster can spare a voter: what is asked before one is removed, demoted or replaced.

use raft::Status;
use std::collections::BTreeSet;
use std::time::Duration;

/// Whoever was heard of longer ago may be dead.
const HEARD_WITHIN: Duration = Duration::from_secs(3);
/// A spare that lacks no more entries than this is a voter in a moment.
const CAUGHT_UP: u64 = 64;

/// Why a voter can't be spared, with what to do.
///
/// # Errors
/// When the voters that are left could not lose another one: the dead among them count for nothing. `come` is who takes
/// its place; without it, a spare may.
pub(crate) fn spares(status: &Status, gone: u64, come: Option<u64>) -> Result<(), String> {
    let voters: BTreeSet<u64> = status.voters.iter().copied().collect();
    if !voters.contains(&gone) || voters.len() < 3 {
        return Ok(());
    }
    let spare = status.members.keys().copied().find(|node| {
        !voters.contains(node) && come.is_none_or(|come| come == *node) && has_caught_up(status, *node)
    });
    let left: BTreeSet<u64> = voters.into_iter().filter(|voter| *voter != gone).chain(spare).collect();
    let alive = left.iter().filter(|node| is_alive(status, **node)).count();
    if alive > left.len() / 2 + 1 {
        return Ok(());
    }
    Err(format!(
        "without node {gone} {alive} of {} voters answer, and the cluster could not lose another; let a node join first \
         and use `conclave cluster replace` when it has caught up, or say --force",
        left.len()
    ))
}

fn is_alive(status: &Status, node: u64) -> bool {
    node == status.node
        || status.neighbours.get(&node).is_some_and(|neighbour| {
            neighbour.withdrawn.is_none() && status.now.saturating_sub(neighbour.heard_at) <= HEARD_WITHIN
        })
}

fn has_caught_up(status: &Status, node: u64) -> bool {
    let applied = match status.neighbours.get(&node) {
        Some(neighbour) => neighbour.applied.filter(|_| neighbour.ready),
        None => status.applied.filter(|_| node == status.node),
    };
    is_alive(status, node)
        && applied
            .is_some_and(|applied| applied.saturating_add(CAUGHT_UP) >= status.applied.unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;
    use raft::{Neighbour, Peer};

    const NOW: Duration = Duration::from_secs(100);

    /// Node 1 asks; all members answer but these.
    fn cluster(voters: &[u64], learners: &[u64], dead: &[u64]) -> Status {
        let neighbour = |node: &u64| Neighbour {
            about: raft::About::default(),
            applied: Some(1000),
            ready: true,
            withdrawn: None,
            round_trip: Duration::ZERO,
            clock_offset_ms: 0,
            heard_at: if dead.contains(node) { Duration::ZERO } else { NOW },
            agrees: None,
        };
        let all = || voters.iter().chain(learners);
        Status {
            node: 1,
            voters: voters.to_vec(),
            members: all().map(|node| (*node, Peer::default())).collect(),
            neighbours: all().filter(|node| **node != 1).map(|node| (*node, neighbour(node))).collect(),
            applied: Some(1000),
            now: NOW,
            ..Status::default()
        }
    }

    #[test]
    fn a_voter_is_spared_where_the_others_could_lose_one_more() {
        assert_eq!(spares(&cluster(&[1, 2, 3, 4, 5], &[], &[]), 3, None), Ok(()));
        assert_eq!(spares(&cluster(&[1, 2, 3], &[4], &[]), 1, Some(4)), Ok(()));
        assert_eq!(spares(&cluster(&[1, 2, 3], &[4], &[3]), 3, None), Ok(()));
    }

    #[test]
    fn none_of_three_is_spared_without_a_living_spare() {
        for (learners, dead, come) in [(&[][..], &[][..], None), (&[4], &[4], None), (&[4], &[4], Some(4))] {
            let refused = spares(&cluster(&[1, 2, 3], learners, dead), 3, come).unwrap_err();
            assert!(refused.contains("--force"), "{refused}");
        }
    }

    #[test]
    fn the_dead_among_the_voters_do_not_count() {
        let refused = spares(&cluster(&[1, 2, 3, 4, 5], &[], &[4, 5]), 3, None).unwrap_err();
        assert!(refused.contains("2 of 4 voters answer"), "{refused}");
    }

    #[test]
    fn a_spare_that_lacks_entries_takes_nobodys_place() {
        let mut status = cluster(&[1, 2, 3], &[4], &[]);
        status.neighbours.get_mut(&4).unwrap().applied = Some(1000 - CAUGHT_UP - 1);
        assert!(spares(&status, 3, Some(4)).is_err());
    }

    #[test]
    fn who_has_no_vote_and_the_last_two_may_go() {
        assert_eq!(spares(&cluster(&[1, 2, 3], &[4], &[]), 4, None), Ok(()));
        assert_eq!(spares(&cluster(&[1, 2], &[], &[]), 2, None), Ok(()));
    }
}
