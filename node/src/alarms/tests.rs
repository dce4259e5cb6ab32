//! Alarms as one node tells them.

use super::*;
use raft::Peer;

const NOW: Duration = Duration::from_secs(100);

fn well() -> Neighbour {
    Neighbour {
        about: raft::About { certificate_ends: 1_000_000, disk_free: 1 << 40, ..raft::About::default() },
        applied: Some(7),
        ready: true,
        withdrawn: None,
        round_trip: Duration::from_millis(1),
        clock_offset_ms: 0,
        heard_at: NOW,
        agrees: Some(true),
    }
}

/// Node 1 of three, with these neighbours.
fn status(second: Option<Neighbour>, third: Option<Neighbour>) -> Status {
    let neighbours = [(2, second), (3, third)].into_iter().filter_map(|(node, known)| Some((node, known?)));
    Status {
        node: 1,
        voters: vec![1, 2, 3],
        members: (1..=3).map(|node| (node, Peer::default())).collect(),
        neighbours: neighbours.collect(),
        now: NOW,
        applied: Some(7),
        clock_ahead_ms: Some(0),
        about: well().about,
        ..Status::default()
    }
}

fn told(status: &Status) -> String {
    alarms(status, 0).into_iter().map(|alarm| alarm.text).collect::<Vec<_>>().join("\n")
}

#[test]
fn a_well_cluster_is_silent() {
    let status = status(Some(well()), Some(well()));
    assert_eq!((told(&status).as_str(), may_fail(&status)), ("", Some(1)));
}

#[test]
fn what_may_fail_next_is_said() {
    let silent = Neighbour { heard_at: NOW - SILENT_AFTER - Duration::from_millis(1), ..well() };
    let one = status(Some(silent.clone()), Some(well()));
    assert_eq!(may_fail(&one), Some(0));
    assert!(
        told(&one).contains("no further voter may fail") && told(&one).contains("node 2 has not answered")
    );
    let two = status(Some(silent), None);
    assert_eq!(may_fail(&two), None);
    assert!(told(&two).contains("no majority"), "{}", told(&two));
}

#[test]
fn a_node_that_has_withdrawn_speaks_of_itself_alone() {
    let long_ago = Neighbour { heard_at: Duration::ZERO, ..well() };
    let differs = Status { withdrawn: Some("it differs".to_owned()), ..status(Some(long_ago.clone()), None) };
    assert_eq!(may_fail(&differs), None);
    assert_eq!(
        told(&differs),
        "this node has withdrawn: it differs; its data is kept for study, replace the node"
    );
    let removed = Status { removed: true, ..differs };
    assert_eq!(told(&removed), "this node has withdrawn: it differs; stop it and wipe its data folder");
}

#[test]
fn a_node_speaks_of_its_own_disk_and_certificate() {
    let about = raft::About { certificate_ends: 5, disk_free: 3 << 20, ..well().about };
    let low = Status { about, ..status(Some(well()), Some(well())) };
    assert_eq!(
        told(&low),
        "the certificate of this node ends within a day and was not renewed\n\
         this node has 3 MiB of disk left"
    );
}

#[test]
fn each_trouble_has_its_sentence() {
    let troubles = [
        (Neighbour { withdrawn: Some("why".to_owned()), ..well() }, "node 2 has withdrawn: why"),
        (Neighbour { agrees: Some(false), ..well() }, "the state of node 2 differs"),
        (Neighbour { clock_offset_ms: -5000, ..well() }, "the clock of node 2 differs by -5000 ms"),
        (
            Neighbour { about: raft::About { certificate_ends: 5, ..well().about }, ..well() },
            "the certificate of node 2",
        ),
        (
            Neighbour { about: raft::About { disk_free: 1 << 20, ..well().about }, ..well() },
            "node 2 has 1 MiB",
        ),
    ];
    for (neighbour, sentence) in troubles {
        let told = told(&status(Some(neighbour), Some(well())));
        assert!(told.contains(sentence), "{told}");
    }
    let late = Status { applied: Some(20_000), ..status(Some(well()), Some(well())) };
    assert!(told(&late).contains("node 2 is 19993 entries behind"));
    let off = Status { clock_ahead_ms: Some(-3000), ..status(Some(well()), Some(well())) };
    assert!(told(&off).contains("3000 ms behind the cluster's: it is not ready"), "{}", told(&off));
}
