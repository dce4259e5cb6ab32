//! What an operator should know about the cluster, read from what one node knows: each alarm one sentence.

use raft::{About, CLOCK_OFF_MAX_MS, Neighbour, Status};
use std::time::Duration;

/// A member that was not heard of for this long does not answer.
pub(crate) const SILENT_AFTER: Duration = Duration::from_secs(3);
/// Less time of a certificate than this is an alarm: it is renewed when two days are left.
const CERTIFICATE_SECS_MIN: u64 = 86_400;
/// Less free space than this is an alarm.
const FREE_BYTES_MIN: u64 = 1 << 30;
/// A clock that differs more than this is worth a word.
const CLOCK_OFF_MS: u64 = 500;
/// A node further behind than this is worth a word.
const LAG_ENTRIES: u64 = 10_000;

/// Whether a member answers.
pub(crate) fn answers(neighbour: &Neighbour, status: &Status) -> bool {
    status.now.saturating_sub(neighbour.heard_at) <= SILENT_AFTER
}

/// How many voters can fail from now on before writes stop; `None` if they have stopped already.
pub(crate) fn may_fail(status: &Status) -> Option<usize> {
    if status.withdrawn.is_some() {
        return None;
    }
    let up = |voter: &&u64| {
        if **voter == status.node {
            return true;
        }
        let neighbour = status.neighbours.get(*voter);
        neighbour.is_some_and(|neighbour| answers(neighbour, status) && neighbour.withdrawn.is_none())
    };
    let quorum = status.voters.len() / 2 + 1;
    status.voters.iter().filter(up).count().checked_sub(quorum)
}

/// Every alarm, the gravest first; none when all is well. A node that has withdrawn asks the others nothing any more,
/// so it speaks of itself alone.
pub(crate) fn alarms(status: &Status, now_secs: u64) -> Vec<String> {
    if let Some(why) = &status.withdrawn {
        let advice = if status.removed {
            "stop it and wipe its data folder"
        } else {
            "its data is kept for study, replace the node"
        };
        return vec![format!("this node has withdrawn: {why}; {advice}")];
    }
    let mut alarms = Vec::new();
    match may_fail(status) {
        None if status.voters.len() > 1 => {
            alarms
                .push("this node sees no majority of the voters: it serves nobody until it does".to_owned());
        }
        Some(0) if status.voters.len() > 1 => {
            alarms
                .push("no further voter may fail: bring back or replace those that do not answer".to_owned());
        }
        None | Some(_) => {}
    }
    if let Some(ahead_ms) = status.clock_ahead_ms.filter(|ahead_ms| ahead_ms.unsigned_abs() > CLOCK_OFF_MS) {
        let grave = if ahead_ms.unsigned_abs() > CLOCK_OFF_MAX_MS {
            ": it is not ready and does not lead"
        } else {
            ""
        };
        alarms.push(format!(
            "the clock of this node is {} ms {} the cluster's{grave}; set it",
            ahead_ms.unsigned_abs(),
            if ahead_ms > 0 { "ahead of" } else { "behind" }
        ));
    }
    of_what_it_tells("this node", &status.about, now_secs, &mut alarms);
    for node in status.members.keys().filter(|node| **node != status.node) {
        match status.neighbours.get(node) {
            None => alarms.push(format!("node {node} has not answered since this node started")),
            Some(neighbour) => of_member(*node, neighbour, status, now_secs, &mut alarms),
        }
    }
    alarms
}

fn of_member(node: u64, neighbour: &Neighbour, status: &Status, now_secs: u64, alarms: &mut Vec<String>) {
    if !answers(neighbour, status) {
        let secs = status.now.saturating_sub(neighbour.heard_at).as_secs();
        alarms.push(format!("node {node} has not answered for {secs} s"));
        return;
    }
    if let Some(why) = &neighbour.withdrawn {
        alarms.push(format!("node {node} has withdrawn: {why}"));
    }
    if neighbour.agrees == Some(false) {
        alarms.push(format!("the state of node {node} differs from this node's at an equal position"));
    }
    if neighbour.clock_offset_ms.unsigned_abs() > CLOCK_OFF_MS {
        alarms.push(format!("the clock of node {node} differs by {} ms", neighbour.clock_offset_ms));
    }
    let lag = status.applied.unwrap_or_default().saturating_sub(neighbour.applied.unwrap_or_default());
    if lag > LAG_ENTRIES {
        alarms.push(format!("node {node} is {lag} entries behind"));
    }
    of_what_it_tells(&format!("node {node}"), &neighbour.about, now_secs, alarms);
}

/// What a node tells of itself, be it this one or another.
fn of_what_it_tells(who: &str, about: &About, now_secs: u64, alarms: &mut Vec<String>) {
    let ends = about.certificate_ends;
    if ends > 0 && ends.saturating_sub(now_secs) < CERTIFICATE_SECS_MIN {
        alarms.push(format!("the certificate of {who} ends within a day and was not renewed"));
    }
    if about.disk_free < FREE_BYTES_MIN {
        alarms.push(format!("{who} has {} MiB of disk left", about.disk_free >> 20));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use raft::Peer;

    const NOW: Duration = Duration::from_secs(100);

    fn well() -> Neighbour {
        Neighbour {
            about: About { certificate_ends: 1_000_000, disk_free: 1 << 40, ..About::default() },
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
        let neighbours =
            [(2, second), (3, third)].into_iter().filter_map(|(node, known)| Some((node, known?)));
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
        alarms(status, 0).join("\n")
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
            told(&one).contains("no further voter may fail")
                && told(&one).contains("node 2 has not answered")
        );
        let two = status(Some(silent), None);
        assert_eq!(may_fail(&two), None);
        assert!(told(&two).contains("no majority"), "{}", told(&two));
    }

    #[test]
    fn a_node_that_has_withdrawn_speaks_of_itself_alone() {
        let long_ago = Neighbour { heard_at: Duration::ZERO, ..well() };
        let differs =
            Status { withdrawn: Some("it differs".to_owned()), ..status(Some(long_ago.clone()), None) };
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
        let about = About { certificate_ends: 5, disk_free: 3 << 20, ..well().about };
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
                Neighbour { about: About { certificate_ends: 5, ..well().about }, ..well() },
                "the certificate of node 2",
            ),
            (Neighbour { about: About { disk_free: 1 << 20, ..well().about }, ..well() }, "node 2 has 1 MiB"),
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
}
