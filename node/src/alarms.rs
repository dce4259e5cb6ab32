//! What an operator should know about the cluster, read from what one node knows: each alarm one sentence. Which of
//! them come and go is written to the log by [`told`].

pub(crate) mod told;

use raft::{CLOCK_OFF_MAX_MS, Neighbour, Status};
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

/// What an alarm is about. While it stands its text may change, as the seconds of a silence do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum About {
    /// This node takes no part any more.
    Withdrawn,
    /// Another one does not.
    MemberWithdrawn,
    /// Too few voters answer.
    NoMajority,
    /// Just enough voters answer.
    NoneMayFail,
    /// A clock is off.
    Clock,
    /// A member was never heard of.
    Unheard,
    /// A member does not answer any more.
    Silent,
    /// A state is another one.
    State,
    /// A member lacks much of the log.
    Lag,
    /// A certificate ends.
    Certificate,
    /// A disk is nearly full.
    Disk,
}

/// Something that an operator should know.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Alarm {
    /// What it is about.
    pub(crate) about: About,
    /// Which node; this one too for what is about the whole cluster.
    pub(crate) node: u64,
    /// One sentence.
    pub(crate) text: String,
}

/// Gathers alarms about one node.
struct Gathered<'a> {
    alarms: &'a mut Vec<Alarm>,
    node: u64,
}

impl Gathered<'_> {
    fn add(&mut self, about: About, text: impl Into<String>) {
        self.alarms.push(Alarm { about, node: self.node, text: text.into() });
    }
}

/// Every alarm, the gravest first; none when all is well. A node that has withdrawn asks the others nothing any more,
/// so it speaks of itself alone.
pub(crate) fn alarms(status: &Status, now_secs: u64) -> Vec<Alarm> {
    let mut alarms = Vec::new();
    let mut own = Gathered { alarms: &mut alarms, node: status.node };
    if let Some(why) = &status.withdrawn {
        let advice = if status.removed {
            "stop it and wipe its data folder"
        } else {
            "its data is kept for study, replace the node"
        };
        own.add(About::Withdrawn, format!("this node has withdrawn: {why}; {advice}"));
        return alarms;
    }
    of_this_node(status, now_secs, &mut own);
    for node in status.members.keys().filter(|node| **node != status.node) {
        let mut of = Gathered { alarms: &mut alarms, node: *node };
        match status.neighbours.get(node) {
            None => {
                of.add(About::Unheard, format!("node {node} has not answered since this node started"));
            }
            Some(neighbour) => of_member(neighbour, status, now_secs, &mut of),
        }
    }
    alarms
}

fn of_this_node(status: &Status, now_secs: u64, own: &mut Gathered<'_>) {
    match may_fail(status) {
        None if status.voters.len() > 1 => own.add(
            About::NoMajority,
            "this node sees no majority of the voters: it serves nobody until it does",
        ),
        Some(0) if status.voters.len() > 1 => own.add(
            About::NoneMayFail,
            "no further voter may fail: bring back or replace those that do not answer",
        ),
        None | Some(_) => {}
    }
    if let Some(ahead_ms) = status.clock_ahead_ms.filter(|ahead_ms| ahead_ms.unsigned_abs() > CLOCK_OFF_MS) {
        let grave = if ahead_ms.unsigned_abs() > CLOCK_OFF_MAX_MS {
            ": it is not ready and does not lead"
        } else {
            ""
        };
        let text = format!(
            "the clock of this node is {} ms {} the cluster's{grave}; set it",
            ahead_ms.unsigned_abs(),
            if ahead_ms > 0 { "ahead of" } else { "behind" }
        );
        own.add(About::Clock, text);
    }
    of_what_it_tells("this node", &status.about, now_secs, own);
}

fn of_member(neighbour: &Neighbour, status: &Status, now_secs: u64, of: &mut Gathered<'_>) {
    let node = of.node;
    if !answers(neighbour, status) {
        let secs = status.now.saturating_sub(neighbour.heard_at).as_secs();
        of.add(About::Silent, format!("node {node} has not answered for {secs} s"));
        return;
    }
    if let Some(why) = &neighbour.withdrawn {
        of.add(About::MemberWithdrawn, format!("node {node} has withdrawn: {why}"));
    }
    if neighbour.agrees == Some(false) {
        let text = format!("the state of node {node} differs from this node's at an equal position");
        of.add(About::State, text);
    }
    if neighbour.clock_offset_ms.unsigned_abs() > CLOCK_OFF_MS {
        let text = format!("the clock of node {node} differs by {} ms", neighbour.clock_offset_ms);
        of.add(About::Clock, text);
    }
    let lag = status.applied.unwrap_or_default().saturating_sub(neighbour.applied.unwrap_or_default());
    if lag > LAG_ENTRIES {
        of.add(About::Lag, format!("node {node} is {lag} entries behind"));
    }
    of_what_it_tells(&format!("node {node}"), &neighbour.about, now_secs, of);
}

/// What a node tells of itself, be it this one or another.
fn of_what_it_tells(who: &str, about: &raft::About, now_secs: u64, of: &mut Gathered<'_>) {
    let ends = about.certificate_ends;
    if ends > 0 && ends.saturating_sub(now_secs) < CERTIFICATE_SECS_MIN {
        let text = format!("the certificate of {who} ends within a day and was not renewed");
        of.add(About::Certificate, text);
    }
    if about.disk_free < FREE_BYTES_MIN {
        of.add(About::Disk, format!("{who} has {} MiB of disk left", about.disk_free >> 20));
    }
}

#[cfg(test)]
mod tests;
