//! What an operator chooses about agreement, and openraft's own configuration made of it.

use std::time::Duration;

use openraft::SnapshotPolicy;

use crate::log_store::READ_ENTRIES_MAX;

/// How fast members notice each other's absence. It follows from the longest round trip between them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Timing {
    /// How often the leader shows that it is there; longer than any round trip, because it is also an RPC's budget.
    pub heartbeat: Duration,
    /// The shortest silence after which a member asks for an election.
    pub election_min: Duration,
    /// The longest such silence; also how long a leader is trusted.
    pub election_max: Duration,
    /// How old the state behind an everyday check may be (`d` of the documentation).
    pub bound: Duration,
}

/// How many threads agreement is to have for itself, so that no storm of sign-ins can starve a heartbeat: half of the
/// cores, two at most. Each hand-over between threads costs a wake-up, and a write is handed over some twenty times.
pub fn threads() -> usize {
    let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    (cores / 2).clamp(1, 2)
}

impl Timing {
    /// Members in one place, or a cluster of one.
    pub const LAN: Timing = Timing {
        heartbeat: Duration::from_millis(100),
        election_min: Duration::from_millis(500),
        election_max: Duration::from_millis(800),
        bound: Duration::from_millis(250),
    };

    /// openraft's configuration, validated.
    pub(crate) fn to_openraft(self, cluster: String) -> Result<openraft::Config, openraft::ConfigError> {
        let config = openraft::Config {
            cluster_name: cluster,
            heartbeat_interval: millis(self.heartbeat),
            election_timeout_min: millis(self.election_min),
            election_timeout_max: millis(self.election_max),
            heartbeat_min_interval: Some(0),
            // Twice the longest election: a leader without a quorum falls silent for that long, so that a bridge
            // between two halves does not keep both from electing (openraft#2080).
            quorum_loss_probe_interval: Some(millis(self.election_max).saturating_mul(2)),
            enable_pre_vote: Some(true),
            // State is not synced when it is applied, so a leader that comes back must be elected again.
            enable_leader_restore: Some(false),
            // Snapshots and purges have a schedule of our own, by bytes and age (`retention`).
            snapshot_policy: SnapshotPolicy::Never,
            max_in_snapshot_log_to_keep: u64::MAX,
            replication_lag_threshold: 1_000_000,
            max_payload_entries: READ_ENTRIES_MAX as u64,
            api_channel_size: Some(4096),
            api_batch_linger_ms: 0,
            ..openraft::Config::default()
        };
        config.validate()
    }
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}
