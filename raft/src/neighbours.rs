//! What the members tell each other once a second: how they are, what their clocks say, where their state stands.
//!
//! From this come the alarms and `cluster status`, the judgement of this node's clock by the median of a quorum, and
//! the comparison of replica digests. Nothing here is needed to agree or to serve; it is needed to be trusted.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use futures_util::future::join_all;
use openraft::async_runtime::watch::WatchReceiver;
use storage::{LogBackend, State};
use tokio::sync::watch;
use tonic::{Code, Request};

use crate::clock::Clock;
use crate::digests::Digests;
use crate::network::said;
use crate::peers::wire::Greeting;
use crate::pool::Pool;
use crate::standing::{Ground, Standing};
use crate::types::{LogId, Peer, Raft};

/// How often each member is asked.
const EVERY: Duration = Duration::from_secs(1);
/// The same while too few clocks are known to judge one's own.
const SOON: Duration = Duration::from_millis(100);
/// How long an answer may take.
const WAIT_MAX: Duration = Duration::from_secs(1);
/// How long a node that starts waits for the others' memory of it.
const RECALL_MAX: Duration = Duration::from_millis(700);
/// What was heard longer ago says nothing about a clock.
const CLOCK_AGE_MAX: Duration = Duration::from_secs(10);
/// A clock further off the median than this stamps nothing.
pub const CLOCK_OFF_MAX_MS: u64 = 2000;
/// How many positions of a neighbour wait for this node to reach them.
const PENDING_MAX: usize = 8;

/// What the node tells of itself besides what this crate knows.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct About {
    /// The program's version.
    pub version: String,
    /// The levels that it can run.
    pub levels: (u32, u32),
    /// When its certificate ends, in seconds since the Unix epoch; 0 if it has none.
    pub certificate_ends: u64,
    /// Bytes that are free where its data is.
    pub disk_free: u64,
    /// Whether it takes requests, as far as that is for the node to say.
    pub serving: bool,
}

/// What is known of another member.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Neighbour {
    /// What it told of itself.
    pub about: About,
    /// Up to where it has applied the log.
    pub applied: Option<u64>,
    /// Whether it serves.
    pub ready: bool,
    /// Why it has withdrawn.
    pub withdrawn: Option<String>,
    /// The time of a question and its answer.
    pub round_trip: Duration,
    /// Its wall clock less this node's, in milliseconds.
    pub clock_offset_ms: i64,
    /// When it answered last, by this node's monotonic clock.
    pub heard_at: Duration,
    /// Whether its state was the same at the last position where both were known; `None` where none was yet.
    pub agrees: Option<bool>,
}

/// Makes this node's own greeting.
pub(crate) struct Herald {
    pub(crate) state: Arc<State>,
    pub(crate) log: Arc<dyn LogBackend>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) ready: watch::Receiver<bool>,
    pub(crate) standing: Arc<Standing>,
    pub(crate) clock_state: watch::Receiver<ClockState>,
    pub(crate) hashes: Arc<Digests>,
    pub(crate) about: Arc<dyn Fn() -> About + Send + Sync>,
}

impl Herald {
    /// How this node is now.
    pub(crate) fn greeting(&self) -> Greeting {
        let applied = self.state.applied();
        let synced = self.log.state().synced;
        let (hashed, hash) = self.hashes.newest().unwrap_or_default();
        let About { version, levels, certificate_ends, disk_free, serving } = (self.about)();
        Greeting {
            wall_ms: self.clock.wall_ms(),
            applied: applied.log.map(|id| id.index),
            digest: applied.digest.to_vec().into(),
            // One whose clock is off answers nothing that depends on the time, whatever else it could.
            ready: *self.ready.borrow() && serving && !self.clock_state.borrow().is_off(),
            withdrawn: self.standing.withdrawn().unwrap_or_default().to_owned(),
            version,
            level_min: levels.0,
            level_max: levels.1,
            certificate_ends,
            disk_free,
            kept: applied.log.min(synced).map_or(0, |id| id.index),
            remembered: 0,
            hashed,
            hash: hash.to_vec().into(),
        }
    }
}

/// How much of the log another node has on its disk and will never truncate, as this node knows while it leads.
pub(crate) fn replicated(raft: &Raft, node: u64) -> u64 {
    let metrics = raft.metrics().borrow_watched().clone();
    let matching = metrics.replication.and_then(|replication| replication.get(&node).copied().flatten());
    matching.min(metrics.cluster_committed).map_or(0, |id| id.index)
}

/// Asks the other members what they know of this node's log, before it takes part again. One that comes back with less
/// than it had has lost acknowledged entries, whatever its disk says: it is an older copy.
///
/// # Errors
/// `LogTailLost` if a member remembers more than there is. Members that don't answer say nothing.
pub(crate) async fn recall(
    pool: &Pool,
    members: &BTreeMap<u64, Peer>,
    node: u64,
    last: u64,
) -> Result<(), storage::Error> {
    let ask = |(id, peer): (u64, Peer)| async move {
        let mut client = pool.client(id, &peer.address).ok()?;
        let mut request = Request::new(Greeting { kept: 0, ..Greeting::default() });
        request.set_timeout(RECALL_MAX);
        let answer = tokio::time::timeout(RECALL_MAX, client.greet(request)).await;
        answer.ok()?.ok().map(|greeting| greeting.into_inner().remembered)
    };
    let others = members.iter().filter(|(id, _)| **id != node).map(|(id, peer)| (*id, peer.clone()));
    let remembered = join_all(others.map(ask)).await.into_iter().flatten().max().unwrap_or_default();
    if remembered > last { Err(storage::Error::LogTailLost { last, synced: remembered }) } else { Ok(()) }
}

/// One that was asked, and the positions it told that are not reached here yet.
struct Known {
    neighbour: Neighbour,
    /// Its wall clock, as [`base_ms`] of this node's monotonic one.
    base_ms: i64,
    pending: Vec<(u64, bytes::Bytes)>,
    /// The newest hash of its tables.
    hash: (u64, bytes::Bytes),
}

/// All that is known of the others.
#[derive(Default)]
pub(crate) struct Neighbours {
    known: Mutex<BTreeMap<u64, Known>>,
    /// What each told last of how much of its log it keeps.
    kept: Mutex<BTreeMap<u64, u64>>,
}

impl Neighbours {
    /// What is known now.
    pub(crate) fn all(&self) -> BTreeMap<u64, Neighbour> {
        let known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        known.iter().map(|(node, known)| (*node, known.neighbour.clone())).collect()
    }

    /// Takes notice of how much a node says it keeps of its log, and returns what it said before.
    pub(crate) fn told(&self, node: u64, kept: u64) -> u64 {
        let mut known = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        let before = known.get(&node).copied().unwrap_or_default();
        known.insert(node, kept.max(before));
        before
    }

    /// Takes an answer in.
    fn heard(&self, node: u64, greeting: Greeting, asked: Asked) {
        let round_trip = asked.until.saturating_sub(asked.from);
        let then = asked.from.saturating_add(round_trip / 2);
        let then_ms = asked.wall_ms.saturating_add(millis(round_trip / 2));
        let base_ms = base_ms(greeting.wall_ms, then);
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        let before = known.remove(&node);
        let agrees = before.as_ref().and_then(|known| known.neighbour.agrees);
        let mut pending = before.map(|known| known.pending).unwrap_or_default();
        if let Some(applied) = greeting.applied {
            pending.push((applied, greeting.digest.clone()));
            let surplus = pending.len().saturating_sub(PENDING_MAX);
            pending.drain(..surplus);
        }
        let neighbour = Neighbour {
            about: About {
                version: greeting.version,
                levels: (greeting.level_min, greeting.level_max),
                certificate_ends: greeting.certificate_ends,
                disk_free: greeting.disk_free,
                serving: greeting.ready,
            },
            applied: greeting.applied,
            ready: greeting.ready,
            withdrawn: Some(greeting.withdrawn).filter(|why| !why.is_empty()),
            round_trip,
            clock_offset_ms: difference_ms(greeting.wall_ms, then_ms),
            heard_at: asked.until,
            agrees,
        };
        let hash = (greeting.hashed, greeting.hash);
        known.insert(node, Known { neighbour, base_ms, pending, hash });
    }

    /// Who answered within this time.
    pub(crate) fn heard_within(&self, now: Duration, limit: Duration) -> BTreeSet<u64> {
        let known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        let heard = known.iter().filter(|(_, known)| now.saturating_sub(known.neighbour.heard_at) <= limit);
        heard.map(|(node, _)| *node).collect()
    }

    /// Forgets who is no member any more.
    fn keep(&self, members: &BTreeMap<u64, Peer>) {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        known.retain(|node, _| members.contains_key(node));
    }

    /// Holds what the others told against this node's digests; how many voters differ from it.
    fn compare(&self, digests: &Digests, hashes: &Digests, voters: &[u64]) -> usize {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        for known in known.values_mut() {
            known.pending.retain(|(index, digest)| match digests.agrees(*index, digest) {
                Some(agrees) => {
                    known.neighbour.agrees = Some(agrees);
                    false
                }
                None => true,
            });
            // Equal digests say that the same was written, a hash that it is still there.
            let (index, hash) = &known.hash;
            if hashes.agrees(*index, hash) == Some(false) {
                known.neighbour.agrees = Some(false);
            }
        }
        let differs =
            |node: &&u64| known.get(*node).is_some_and(|known| known.neighbour.agrees == Some(false));
        voters.iter().filter(differs).count()
    }

    /// How far this node's wall clock is ahead of the median of a quorum; `None` where too few are known. What others
    /// said is held against this node's clock as it is now: it may have been set since.
    fn deviation_ms(&self, node: u64, voters: &[u64], wall_ms: u64, now: Duration) -> Option<i64> {
        let known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        let fresh = |known: &&Known| now.saturating_sub(known.neighbour.heard_at) <= CLOCK_AGE_MAX;
        let others = voters.iter().filter(|voter| **voter != node);
        let mut offsets: Vec<i64> = others
            .filter_map(|voter| known.get(voter).filter(fresh))
            .map(|known| known.base_ms.saturating_sub(base_ms(wall_ms, now)))
            .collect();
        offsets.push(0);
        // A node without a vote judges itself by the voters all the same.
        (offsets.len() > voters.len() / 2).then(|| lower_median(offsets).saturating_neg())
    }
}

/// When a question was asked and answered, by this node's clocks.
#[derive(Clone, Copy)]
struct Asked {
    wall_ms: u64,
    from: Duration,
    until: Duration,
}

fn difference_ms(a: u64, b: u64) -> i64 {
    let signed = |value: u64| i64::try_from(value).unwrap_or(i64::MAX);
    signed(a).saturating_sub(signed(b))
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

/// A wall clock by its distance from this node's monotonic one: that changes when a clock is set, and only then.
pub(crate) fn base_ms(wall_ms: u64, monotonic: Duration) -> i64 {
    difference_ms(wall_ms, millis(monotonic))
}

/// The median; of an even number the lower one. Where two clocks differ and no third is there to say which is right, the
/// earlier one stamps: log time never goes back, so what a clock stamps that is ahead can't be mended.
fn lower_median(mut values: Vec<i64>) -> i64 {
    values.sort_unstable();
    values.get(values.len().saturating_sub(1) / 2).copied().unwrap_or_default()
}

/// Whether this node's clock may stamp.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ClockState {
    /// Too few clocks are known yet.
    Unjudged,
    /// It may stamp.
    Well {
        /// How far it is ahead of the median, in milliseconds.
        ahead_ms: i64,
        /// Its [`base_ms`] when it was judged; `None` where it is nobody's but its own.
        base_ms: Option<i64>,
    },
    /// It may not, being so far ahead.
    Off(i64),
}

impl ClockState {
    /// Whether nothing that depends on the time may be said or written here.
    pub(crate) fn is_off(self) -> bool {
        matches!(self, ClockState::Off(_))
    }

    /// Whether this is a judgement of the clock as it is now. One that has been set since waits for the next.
    pub(crate) fn holds_for(self, now_base_ms: i64) -> bool {
        match self {
            ClockState::Unjudged => false,
            ClockState::Well { base_ms, .. } => {
                base_ms.is_none_or(|then| then.abs_diff(now_base_ms) <= CLOCK_OFF_MAX_MS)
            }
            ClockState::Off(_) => true,
        }
    }
}

/// The task that asks.
pub(crate) struct Asking {
    pub(crate) node: u64,
    pub(crate) raft: Raft,
    pub(crate) pool: Arc<Pool>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) herald: Arc<Herald>,
    pub(crate) neighbours: Arc<Neighbours>,
    pub(crate) digests: Arc<Digests>,
    pub(crate) standing: Arc<Standing>,
    pub(crate) clock_state: watch::Sender<ClockState>,
}

impl Asking {
    /// Asks until it is aborted or the node withdraws.
    pub(crate) async fn run(self) {
        loop {
            let membership = self.raft.metrics().borrow_watched().membership_config.clone();
            let members: BTreeMap<u64, Peer> =
                membership.nodes().map(|(id, peer)| (*id, peer.clone())).collect();
            let voters: Vec<u64> = membership.voter_ids().collect();
            let others = members.iter().filter(|(id, _)| **id != self.node);
            join_all(others.map(|(id, peer)| self.ask(*id, peer))).await;
            self.neighbours.keep(&members);
            self.judge(&voters);
            if self.standing.withdrawn().is_some() {
                // The core stops: no vote, no heartbeat. What is on disk stays as it is.
                let _ = self.raft.shutdown().await;
                return;
            }
            let judged = *self.clock_state.borrow() != ClockState::Unjudged;
            tokio::select! {
                () = tokio::time::sleep(if judged { EVERY } else { SOON }) => {}
                // Who has just come is asked at once.
                () = self.other_members_than(*membership.log_id()) => {}
            }
        }
    }

    async fn other_members_than(&self, set_by: Option<LogId>) {
        let mut metrics = self.raft.metrics();
        while *metrics.borrow_watched().membership_config.log_id() == set_by {
            if metrics.changed().await.is_err() {
                return std::future::pending().await;
            }
        }
    }

    async fn ask(&self, node: u64, peer: &Peer) {
        let Ok(mut client) = self.pool.client(node, &peer.address) else { return };
        let mut request = Request::new(self.herald.greeting());
        request.set_timeout(WAIT_MAX);
        let (wall_ms, from) = (self.clock.wall_ms(), self.clock.monotonic());
        let answer = tokio::time::timeout(WAIT_MAX, client.greet(request)).await;
        let asked = Asked { wall_ms, from, until: self.clock.monotonic() };
        match answer {
            Ok(Ok(greeting)) => {
                let greeting = greeting.into_inner();
                // Who did not answer when this node started may remember more than those who did.
                let last = self.herald.log.state().last.map_or(0, |id| id.index);
                if greeting.remembered > last {
                    let lost = storage::Error::LogTailLost { last, synced: greeting.remembered };
                    self.standing.withdraw(Ground::Differs, &lost.to_string());
                }
                self.neighbours.heard(node, greeting, asked);
            }
            Ok(Err(status)) if status.code() == Code::PermissionDenied => {
                self.standing
                    .withdraw(Ground::Removed, &format!("node {node} says that {}", status.message()));
            }
            Ok(Err(status)) => tracing::debug!(node, why = %said(&status), "a member does not answer"),
            Err(_) => tracing::debug!(node, "a member does not answer in time"),
        }
    }

    fn judge(&self, voters: &[u64]) {
        let differing = self.neighbours.compare(&self.digests, &self.herald.hashes, voters);
        // Who differs from a majority is the one that is wrong.
        if voters.len() > 1 && differing > voters.len() / 2 {
            let why = format!(
                "its state differs from that of {differing} other nodes at equal positions of the log"
            );
            self.standing.withdraw(Ground::Differs, &why);
        }
        let (wall_ms, now) = (self.clock.wall_ms(), self.clock.monotonic());
        let state = match self.neighbours.deviation_ms(self.node, voters, wall_ms, now) {
            None => ClockState::Unjudged,
            Some(ahead_ms) if ahead_ms.unsigned_abs() > CLOCK_OFF_MAX_MS => ClockState::Off(ahead_ms),
            Some(ahead_ms) => {
                let alone = voters.iter().all(|voter| *voter == self.node);
                ClockState::Well { ahead_ms, base_ms: (!alone).then(|| base_ms(wall_ms, now)) }
            }
        };
        let before = self.clock_state.send_replace(state);
        match (before, state) {
            (ClockState::Off(_), ClockState::Off(_)) => {}
            (_, ClockState::Off(ahead_ms)) => {
                tracing::error!(ahead_ms, "the wall clock is off the median of the cluster: set it");
            }
            (ClockState::Off(_), _) => tracing::info!("the wall clock agrees with the cluster again"),
            (ClockState::Unjudged | ClockState::Well { .. }, _) => {}
        }
    }
}

#[cfg(test)]
mod tests;
