//! Leadership handed from one node to another on purpose: about a round trip instead of a silence and an election.

use std::collections::BTreeSet;
use std::time::Duration;

use openraft::async_runtime::watch::WatchReceiver;

use crate::cluster::{Cluster, Error};
use crate::types::LogId;

/// How long another node may take to be elected.
const TAKEN_WITHIN: Duration = Duration::from_secs(3);
/// Who was heard of longer ago is not asked to lead.
const HEARD_WITHIN: Duration = Duration::from_secs(3);

/// See [`Cluster::hand_over`].
pub(crate) async fn hand_over(cluster: &Cluster, to: Option<u64>) -> Result<Option<u64>, Error> {
    let inner = &cluster.inner;
    let node = inner.config.identity.node;
    let mut metrics = inner.raft.metrics();
    let now = metrics.borrow_watched().clone();
    if now.current_leader != Some(node) {
        return Ok(now.current_leader);
    }
    let voters: BTreeSet<u64> = now.membership_config.voter_ids().filter(|voter| *voter != node).collect();
    let to = match to {
        Some(to) if to == node => return Ok(Some(node)),
        Some(to) if !voters.contains(&to) => {
            return Err(Error::Transfer(format!("node {to} has no vote")));
        }
        Some(to) => to,
        None => {
            let matching = now.replication.unwrap_or_default();
            let heard = heard(cluster);
            let has = |voter: &&u64| matching.get(*voter).copied().flatten().map(|id: LogId| id.index);
            // Right after a start nobody was heard yet; then the log alone decides.
            let best = voters.iter().max_by_key(|voter| (heard.contains(voter), has(voter)));
            *best.ok_or_else(|| Error::Transfer("there is no other voter".to_owned()))?
        }
    };
    let stopped =
        |error: openraft::errors::Fatal<crate::types::TypeConfig>| Error::Stopped(error.to_string());
    inner.raft.trigger().transfer_leader(to).await.map_err(stopped)?;
    let taken = tokio::time::timeout(TAKEN_WITHIN, async {
        loop {
            if let Some(leader) = metrics.borrow_watched().current_leader.filter(|leader| *leader != node) {
                return Ok(leader);
            }
            metrics.changed().await.map_err(|error| Error::Stopped(error.to_string()))?;
        }
    });
    match taken.await {
        Ok(leader) => leader.map(Some),
        Err(_) => Err(Error::Transfer(format!("node {to} did not take it in time"))),
    }
}

/// Who answers and is well enough to lead.
fn heard(cluster: &Cluster) -> BTreeSet<u64> {
    let inner = &cluster.inner;
    let now = inner.gate.clock.monotonic();
    let neighbours = inner.neighbours.all().into_iter();
    let well = neighbours.filter(|(_, neighbour)| {
        neighbour.ready
            && neighbour.withdrawn.is_none()
            && now.saturating_sub(neighbour.heard_at) <= HEARD_WITHIN
    });
    well.map(|(node, _)| node).collect()
}
