//! Clocks and digests of neighbours, as they are judged.

use super::*;

const NOW: Duration = Duration::from_secs(100);
const WALL_MS: u64 = 1_000_000;
const HOUR_MS: i64 = 3_600_000;

/// Neighbours that answered just now, each with the offset of its clock.
fn clocks(offsets: &[(u64, i64)]) -> Neighbours {
    let neighbours = Neighbours::default();
    for (node, offset) in offsets {
        let wall_ms = WALL_MS.saturating_add_signed(*offset);
        let asked = Asked { wall_ms: WALL_MS, from: NOW, until: NOW };
        neighbours.heard(*node, Greeting { wall_ms, ..Greeting::default() }, asked);
    }
    neighbours
}

#[test]
fn a_node_alone_is_its_own_median() {
    assert_eq!(clocks(&[]).deviation_ms(1, &[1], WALL_MS, NOW), Some(0));
}

#[test]
fn without_a_quorum_of_clocks_there_is_no_judgement() {
    assert_eq!(clocks(&[]).deviation_ms(1, &[1, 2, 3], WALL_MS, NOW), None);
    assert_eq!(clocks(&[(2, 5)]).deviation_ms(1, &[1, 2, 3, 4, 5], WALL_MS, NOW), None);
    let late = NOW + CLOCK_AGE_MAX + Duration::from_millis(1);
    assert_eq!(clocks(&[(2, 5), (3, 5)]).deviation_ms(1, &[1, 2, 3], WALL_MS, late), None);
}

#[test]
fn the_one_whose_clock_is_off_finds_itself() {
    // Node 1 is an hour behind the two others.
    assert_eq!(
        clocks(&[(2, HOUR_MS), (3, HOUR_MS + 3)]).deviation_ms(1, &[1, 2, 3], WALL_MS, NOW),
        Some(-HOUR_MS)
    );
    // Seen from node 2, only node 1 is off.
    assert_eq!(clocks(&[(1, -HOUR_MS), (3, 3)]).deviation_ms(2, &[1, 2, 3], WALL_MS, NOW), Some(0));
}

#[test]
fn of_two_clocks_the_earlier_one_stamps() {
    assert_eq!(clocks(&[(2, 9000)]).deviation_ms(1, &[1, 2, 3], WALL_MS, NOW), Some(0));
    assert_eq!(clocks(&[(1, -9000)]).deviation_ms(2, &[1, 2, 3], WALL_MS, NOW), Some(9000));
}

#[test]
fn a_clock_that_was_set_is_held_against_what_the_others_said_before() {
    let ahead_ms = WALL_MS.saturating_add_signed(HOUR_MS);
    let neighbours = clocks(&[(2, 0), (3, 0)]);
    assert_eq!(neighbours.deviation_ms(1, &[1, 2, 3], ahead_ms, NOW), Some(HOUR_MS));
    // Time that has passed on both clocks is no difference.
    let later = NOW + Duration::from_secs(5);
    assert_eq!(neighbours.deviation_ms(1, &[1, 2, 3], WALL_MS + 5000, later), Some(0));
}

#[test]
fn a_judgement_holds_until_the_clock_is_set() {
    let well = ClockState::Well { ahead_ms: 0, base_ms: Some(base_ms(WALL_MS, NOW)) };
    assert!(well.holds_for(base_ms(WALL_MS + 7000, NOW + Duration::from_secs(7))));
    assert!(well.holds_for(base_ms(WALL_MS + CLOCK_OFF_MAX_MS, NOW)));
    for set in [WALL_MS + CLOCK_OFF_MAX_MS + 1, WALL_MS - CLOCK_OFF_MAX_MS - 1] {
        assert!(!well.holds_for(base_ms(set, NOW)));
    }
    assert!(!ClockState::Unjudged.holds_for(0));
    assert!(ClockState::Off(9000).holds_for(0));
}

#[test]
fn half_the_round_trip_is_not_taken_for_an_offset() {
    let neighbours = Neighbours::default();
    let asked = Asked { wall_ms: 1_000_000, from: NOW, until: NOW + Duration::from_millis(400) };
    neighbours.heard(2, Greeting { wall_ms: 1_000_200, ..Greeting::default() }, asked);
    let known = neighbours.all();
    assert_eq!((known[&2].clock_offset_ms, known[&2].round_trip.as_millis()), (0, 400));
}

fn told(neighbours: &Neighbours, node: u64, index: u64, digest: u8) {
    let greeting = Greeting { applied: Some(index), digest: vec![digest; 32].into(), ..Greeting::default() };
    neighbours.heard(node, greeting, Asked { wall_ms: 0, from: NOW, until: NOW });
}

#[test]
fn states_are_compared_at_equal_positions_only() {
    let (neighbours, digests) = (Neighbours::default(), Digests::default());
    told(&neighbours, 2, 7, 7);
    assert_eq!(neighbours.compare(&digests, &Digests::default(), &[1, 2, 3]), 0);
    assert_eq!(neighbours.all()[&2].agrees, None);
    // This node comes there later.
    digests.add(7, [7; 32]);
    assert_eq!(neighbours.compare(&digests, &Digests::default(), &[1, 2, 3]), 0);
    assert_eq!(neighbours.all()[&2].agrees, Some(true));
}

#[test]
fn every_voter_that_differs_is_counted_and_no_other() {
    let (neighbours, digests) = (Neighbours::default(), Digests::default());
    digests.add(7, [7; 32]);
    for node in [2, 3, 4] {
        told(&neighbours, node, 7, 8);
    }
    assert_eq!(neighbours.compare(&digests, &Digests::default(), &[1, 2, 3]), 2);
    // Answers without a known position change nothing about that.
    told(&neighbours, 2, 9, 9);
    assert_eq!(neighbours.compare(&digests, &Digests::default(), &[1, 2, 3]), 2);
}

#[test]
fn who_left_is_forgotten() {
    let neighbours = clocks(&[(2, 0), (3, 0)]);
    neighbours.keep(&BTreeMap::from([(3, Peer::default())]));
    assert_eq!(neighbours.all().into_keys().collect::<Vec<_>>(), [3]);
}

#[test]
fn a_hash_that_differs_outweighs_digests_that_agree() {
    let (neighbours, digests, hashes) = (Neighbours::default(), Digests::default(), Digests::default());
    digests.add(9, [9; 32]);
    hashes.add(7, [7; 32]);
    let greeting = Greeting {
        applied: Some(9),
        digest: vec![9; 32].into(),
        hashed: 7,
        hash: vec![8; 32].into(),
        ..Greeting::default()
    };
    neighbours.heard(2, greeting, Asked { wall_ms: 0, from: NOW, until: NOW });
    assert_eq!(neighbours.compare(&digests, &hashes, &[1, 2, 3]), 1);
    assert_eq!(neighbours.all()[&2].agrees, Some(false));
}
