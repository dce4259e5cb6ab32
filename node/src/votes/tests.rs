//! Changes of votes as an operator asks for them, and what he is told.

use super::*;
use Is::{Behind, Removed, SilentVoter, Spare, Unheard, Voter};
use identity::cluster::address::PeerAddress;
use identity::cluster::node::{NodeState, Wanted};
use identity::cluster::version::ProgramVersion;
use raft::{About, Neighbour, Peer};
use std::time::Duration;

const NOW: Duration = Duration::from_secs(100);

/// How a member is, as node 1 sees it.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Is {
    Voter,
    SilentVoter,
    /// Wanted as a voter, has caught up.
    Spare,
    /// Wanted as a voter, has not caught up.
    Behind,
    /// Wanted as a voter, was never heard of.
    Unheard,
    Removed,
}

/// Node 1 of members that are so, counted from 1.
fn votes(members: &[Is]) -> Votes {
    let numbered = || (1..).zip(members.iter().copied());
    let neighbour = |is: Is| Neighbour {
        about: About::default(),
        applied: Some(7),
        ready: is != Behind,
        withdrawn: None,
        round_trip: Duration::ZERO,
        clock_offset_ms: 0,
        heard_at: if is == SilentVoter { Duration::ZERO } else { NOW },
        agrees: None,
    };
    let status = Status {
        node: 1,
        ready: true,
        now: NOW,
        voters: numbered()
            .filter(|(_, is)| matches!(is, Voter | SilentVoter))
            .map(|(node, _)| node)
            .collect(),
        members: numbered()
            .filter(|(_, is)| *is != Removed)
            .map(|(node, _)| (node, Peer::default()))
            .collect(),
        neighbours: numbered()
            .filter(|(node, is)| *node != 1 && !matches!(is, Unheard | Removed))
            .map(|(node, is)| (node, neighbour(is)))
            .collect(),
        ..Status::default()
    };
    let nodes = numbered().map(|(number, is)| Node {
        number,
        address: PeerAddress::parse("node.example.com:8081").unwrap(),
        wanted: Wanted::Voter,
        version: ProgramVersion::parse("1.2.3").unwrap(),
        level_min: 1,
        level_max: 1,
        state: if is == Removed { NodeState::Removed } else { NodeState::Active },
    });
    Votes { status, nodes: nodes.collect() }
}

/// The code of the refusal; empty where there is none.
fn code(members: &[Is], node: u64, way: Way, force: bool) -> &'static str {
    votes(members).may_lose(Loss { node, way, force }).err().map_or("", |no| no.0)
}

#[test]
fn a_node_that_is_none_and_one_that_was_are_told_apart() {
    let votes = votes(&[Voter, Removed]);
    assert_eq!(votes.known(1), Ok(()));
    assert!(votes.known(2).unwrap_err().1.contains("let it join anew by a token"));
    assert!(votes.known(9).unwrap_err().1.starts_with("there is no node 9"));
}

#[test]
fn three_voters_become_two_by_force_only() {
    let three = [Voter, Voter, Voter];
    for way in [Way::Demoted, Way::Removed] {
        assert_eq!(code(&three, 3, way, false), "too_few_voters");
        assert_eq!(code(&three, 3, way, true), "");
        assert_eq!(code(&[Voter, Voter, Voter, Spare], 3, way, false), "", "the spare votes then");
        assert_eq!(code(&[Voter; 5], 3, way, false), "");
    }
    assert_eq!(code(&[Voter, Voter, Voter, Spare], 4, Way::Removed, false), "", "it has no vote");
}

#[test]
fn one_of_the_last_two_may_go_and_votes_until_it_is_gone() {
    for way in [Way::Demoted, Way::Removed] {
        for members in [[Voter, Spare], [Voter, Behind], [Voter, Voter]] {
            assert_eq!(code(&members, 1, way, false), "");
        }
    }
}

#[test]
fn the_dead_among_the_voters_do_not_count() {
    let five = [Voter, Voter, Voter, Voter, SilentVoter];
    assert_eq!(code(&five, 3, Way::Removed, false), "too_few_voters");
    assert_eq!(code(&five, 3, Way::Removed, true), "");
    let five = [Voter, Voter, Voter, SilentVoter, SilentVoter];
    assert_eq!(code(&five, 3, Way::Removed, true), "no_majority_left");
}

#[test]
fn voters_that_do_not_answer_are_not_left_alone_with_the_vote() {
    for way in [Way::Demoted, Way::Removed] {
        assert_eq!(code(&[Voter, SilentVoter, Voter], 3, way, true), "no_majority_left");
    }
    assert_eq!(code(&[Voter, SilentVoter, Voter], 2, Way::Removed, true), "");
}

#[test]
fn the_last_voter_is_left_to_the_rule_of_the_log() {
    for way in [Way::Demoted, Way::Removed] {
        assert_eq!(code(&[Voter], 1, way, false), "");
    }
}

#[test]
fn whoever_takes_a_place_has_caught_up_or_is_forced_in() {
    let check = |new: Is, expected: &str| {
        let members = [Voter, Voter, SilentVoter, new];
        assert_eq!(code(&members, 3, Way::Replaced(4), false), expected);
        assert_eq!(code(&members, 3, Way::Replaced(4), true), "");
    };
    check(Spare, "");
    check(Behind, "not_caught_up");
    check(Unheard, "not_caught_up");
    assert_eq!(code(&[Voter], 1, Way::Replaced(1), true), "same_node");
}

#[test]
fn a_promoted_node_is_told_what_it_waits_for() {
    let check = |members: &[Is], expected: &str| {
        let told = votes(members).promoted(members.len() as u64);
        assert!(told.contains(expected), "{told}");
    };
    check(&[Voter, Voter, Voter], "has a vote already");
    check(&[Voter, Voter, Spare], "it votes in a moment");
    check(&[Voter, Spare], "waits as a spare: 2 voters would survive no more failures than 1;");
    check(&[Voter, Voter, Voter, Spare], "waits as a spare: 4 voters would survive no more failures than 3;");
    check(&[Voter, Voter, Voter, Spare, Spare], "it votes in a moment");
    check(&[Voter, Voter, Behind], "but has not caught up yet. It votes once it has caught up");
    check(&[Voter, Voter, Unheard], "does not answer: start it");
    check(&[Voter, Voter, Voter, Unheard], "Once it has caught up, it waits as a spare: 4 voters");
}
