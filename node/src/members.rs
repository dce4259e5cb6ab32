//! Who belongs to the cluster: this node reports itself, and while it leads, Raft's membership follows the records.

use crate::alarms;
use api_core::{Freshness, Service, SubmitError};
use identity::cluster::address::PeerAddress;
use identity::cluster::node::{self, FOUNDER, FoundCluster, Node, RecordNode, Wanted};
use identity::cluster::version::ProgramVersion;
use identity::envelope::Caller;
use identity::id::SYSTEM;
use identity::level;
use identity::refusal::Refusal;
use raft::{CLOCK_OFF_MAX_MS, Cluster, MemberStep, Peer, Role, Status};
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;
use tokio::sync::watch;

/// How often the records are looked at.
const EVERY: Duration = Duration::from_millis(300);

/// This program's version.
pub(crate) const VERSION: &str = env!("CARGO_PKG_VERSION");

/// What looks after this node's membership and, while it leads, everybody's.
pub(crate) struct Membership {
    /// The hands.
    pub(crate) service: Service,
    /// This node's part in the cluster.
    pub(crate) cluster: Cluster,
    /// Its number.
    pub(crate) me: u64,
    /// Where the others reach it.
    pub(crate) address: PeerAddress,
    /// Whether its record is right.
    pub(crate) reported: bool,
}

impl Membership {
    /// Looks again and again until `stop` says so.
    pub(crate) async fn run(mut self, mut stop: watch::Receiver<bool>) {
        loop {
            tokio::select! {
                () = tokio::time::sleep(EVERY) => {}
                _ = stop.wait_for(|stop| *stop) => return,
            }
            tokio::select! {
                () = self.look_once() => {}
                _ = stop.wait_for(|stop| *stop) => return,
            }
        }
    }

    /// Does what is due. What fails is tried again at the next look.
    pub(crate) async fn look_once(&mut self) {
        if let Err(why) = self.look().await {
            tracing::debug!(%why, "the members were not looked after");
        }
    }

    async fn look(&mut self) -> Result<(), String> {
        let Membership { service, cluster, me, address, .. } = self;
        if cluster.status().withdrawn.is_some() {
            return Ok(());
        }
        let view = service.backend.view(Freshness::Stale).await.map_err(|error| error.to_string())?;
        let nodes = node::nodes(&view.reader(SYSTEM)).map_err(|fault| fault.0)?;
        let mine = nodes.iter().find(|node| node.number == *me);
        let status = cluster.status();
        let is_removed = mine.is_some_and(|node| !node.is_active());
        // Until the others agree without its vote it goes on: they may not be enough to agree on that.
        if is_removed && !status.members.contains_key(me) {
            cluster.withdraw_as_removed("this node was removed from the cluster").await;
            return Ok(());
        }
        if !is_removed && !self.reported {
            report(service, *me, address, mine).await?;
            self.reported = true;
        }
        if status.role != Role::Leader {
            return Ok(());
        }
        if status.clock_ahead_ms.is_some_and(|ms| ms.unsigned_abs() > CLOCK_OFF_MAX_MS) {
            // One bad clock must not end every session of the cluster: another stamps from here on.
            return cluster.hand_over(None).await.map(|_| ()).map_err(|error| error.to_string());
        }
        let step = cluster.lead_members_to(&wanted(&nodes)).await.map_err(|error| error.to_string())?;
        step.iter().for_each(tell);
        Ok(())
    }
}

/// Writes this node's record if it differs from what is so.
async fn report(
    service: &Service,
    me: u64,
    address: &PeerAddress,
    known: Option<&Node>,
) -> Result<(), String> {
    let say = |error: SubmitError| error.to_string();
    if known.is_none() && me == FOUNDER {
        let command = FoundCluster { address: address.clone() };
        match service.submit(SYSTEM, Caller::system(), &command).await {
            // Its address was another one when it was founded; the report below corrects that.
            Ok(_) | Err(SubmitError::Refused(Refusal::AlreadyExists)) => {}
            Err(error) => return Err(say(error)),
        }
    }
    let version = ProgramVersion::parse(VERSION).map_err(|error| error.to_string())?;
    let command = RecordNode {
        node: me,
        address: address.clone(),
        version,
        level_min: level::MIN,
        level_max: level::MAX,
    };
    let same = |node: &Node| {
        node.address == command.address
            && node.version == command.version
            && (node.level_min, node.level_max) == (command.level_min, command.level_max)
    };
    if known.is_some_and(same) {
        return Ok(());
    }
    let submitted = service.submit(SYSTEM, Caller::system(), &command).await.map_err(say)?;
    tracing::info!(node = me, index = submitted.position.index, "this node is recorded");
    Ok(())
}

/// Who is wanted as a voter.
pub(crate) fn wanted_voters(nodes: &[Node]) -> BTreeSet<u64> {
    let voters = nodes.iter().filter(|node| node.is_active() && node.wanted == Wanted::Voter);
    voters.map(|node| node.number).collect()
}

/// Whether a member has nearly all of the log and serves, as far as this node knows.
pub(crate) fn has_caught_up(node: u64, status: &Status) -> bool {
    match status.neighbours.get(&node) {
        _ if node == status.node => status.ready,
        Some(neighbour) => neighbour.ready && alarms::answers(neighbour, status),
        None => false,
    }
}

/// Those of the wanted voters that vote or could.
pub(crate) fn may_vote(status: &Status, wanted: &BTreeSet<u64>) -> BTreeSet<u64> {
    let may = |node: &&u64| status.voters.contains(node) || has_caught_up(**node, status);
    wanted.iter().filter(may).copied().collect()
}

/// The node that is wanted as a voter and could be one, but would make their number even.
pub(crate) fn spare(status: &Status, wanted: &BTreeSet<u64>) -> Option<u64> {
    raft::spare(&may_vote(status, wanted), &status.voters.iter().copied().collect())
}

fn wanted(nodes: &[Node]) -> BTreeMap<u64, raft::Wanted> {
    let active = nodes.iter().filter(|node| node.is_active());
    let wanted = active.map(|node| {
        let peer = Peer { address: node.address.to_string() };
        (node.number, raft::Wanted { peer, voter: node.wanted == Wanted::Voter })
    });
    wanted.collect()
}

fn tell(step: &MemberStep) {
    match step {
        MemberStep::Added(nodes) => tracing::info!(?nodes, "nodes follow from now on"),
        MemberStep::Moved(nodes) => tracing::info!(?nodes, "addresses of nodes have changed"),
        MemberStep::Voters(nodes) => tracing::info!(?nodes, "these nodes vote from now on"),
        MemberStep::Removed(nodes) => tracing::info!(?nodes, "nodes are members no more"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use raft::Neighbour;
    use std::time::Duration;

    /// Node 1 of these voters, which has heard of these members that they are ready.
    fn status(voters: &[u64], ready: &[u64]) -> Status {
        let ready_one = Neighbour {
            about: raft::About::default(),
            applied: Some(7),
            ready: true,
            withdrawn: None,
            round_trip: Duration::ZERO,
            clock_offset_ms: 0,
            heard_at: Duration::ZERO,
            agrees: None,
        };
        Status {
            node: 1,
            ready: true,
            voters: voters.to_vec(),
            neighbours: ready.iter().map(|node| (*node, ready_one.clone())).collect(),
            ..Status::default()
        }
    }

    #[test]
    fn the_newest_that_would_make_the_voters_even_is_a_spare() {
        let set = |nodes: &[u64]| nodes.iter().copied().collect();
        let check = |voters: &[u64], ready: &[u64], wanted: &[u64], expected: Option<u64>| {
            assert_eq!(
                spare(&status(voters, ready), &set(wanted)),
                expected,
                "{voters:?} {ready:?} {wanted:?}"
            );
        };
        check(&[1], &[2], &[1, 2], Some(2));
        check(&[1, 2, 3], &[2, 3, 4], &[1, 2, 3, 4], Some(4));
        // It has not caught up, is to follow only, or votes in a moment.
        check(&[1, 2, 3], &[2, 3], &[1, 2, 3, 4], None);
        check(&[1, 2, 3], &[2, 3, 4], &[1, 2, 3], None);
        check(&[1, 2, 3], &[2, 3, 4, 5], &[1, 2, 3, 4, 5], None);
        check(&[1, 2, 3], &[2, 4], &[1, 2, 4], None);
    }
}
