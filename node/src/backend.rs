//! The port `api_core::Backend` over the cluster: envelopes in, typed outcomes out. No rule stands here.

use api_core::{Applied, Backend, BoxFuture, Freshness, Position, Proposal, SubmitError, Unavailable, View};
use identity::encoding::encode;
use identity::envelope::Envelope;
use identity::execute::look_up;
use identity::time::Timestamp;
use raft::{Clock, Cluster, NotApplied, Submitted};
use std::sync::Arc;
use std::time::Duration;
use storage::State;

/// How far away an envelope's deadline lies, in seconds of log time: below the 30 that `execute` allows, so that the
/// clocks of two nodes may differ.
const NOT_AFTER_SECS: u64 = 20;
/// How long a command is waited for. Twice this and twice a look fit into the 30 seconds of a request.
const WAIT: Duration = Duration::from_secs(8);

/// The cluster as the API knows it.
pub(crate) struct ClusterBackend {
    /// This node's part in the cluster.
    pub(crate) cluster: Cluster,
    /// Its state, for log time.
    pub(crate) state: Arc<State>,
    /// The clocks.
    pub(crate) clock: Arc<dyn Clock>,
}

impl ClusterBackend {
    fn now(&self, log_time_ms: u64) -> Timestamp {
        Timestamp(self.clock.wall_ms().max(log_time_ms))
    }

    async fn propose(&self, proposal: Proposal) -> Result<Applied, SubmitError> {
        let envelope = Envelope {
            request: proposal.request,
            not_after: self.now(self.state.applied().time_ms).plus_secs(NOT_AFTER_SECS),
            instance: proposal.instance,
            caller: proposal.caller,
            remember: proposal.remember,
            number: proposal.number,
            body: proposal.body,
        };
        // The cluster refuses what not every replica can read (`Machine::readable`).
        match self.cluster.submit(encode(&envelope).into(), WAIT).await {
            Submitted::Applied { reply, position } => {
                metrics::counter!(COMMANDS, "outcome" => "applied").increment(1);
                Ok(Applied { reply: reply.to_vec(), position: outward(position) })
            }
            Submitted::Refused { refusal, .. } => {
                metrics::counter!(COMMANDS, "outcome" => "refused").increment(1);
                Err(SubmitError::Refused(refusal))
            }
            Submitted::NotApplied(why) => {
                metrics::counter!(COMMANDS, "outcome" => "not_applied").increment(1);
                if why == NotApplied::Withdrawn {
                    tracing::debug!(%why, number = envelope.number, "a command was not applied");
                } else {
                    tracing::warn!(%why, number = envelope.number, "a command was not applied");
                }
                Err(SubmitError::NotApplied("the cluster did not take the command"))
            }
            Submitted::Unknown => {
                metrics::counter!(COMMANDS, "outcome" => "unknown").increment(1);
                self.resolve(&envelope).await
            }
        }
    }

    /// Looks whether a command of unknown outcome was applied. A miss proves nothing while its entry may still be
    /// committed, so that it stays unknown: whoever asks again under the same request id comes behind it in the log.
    async fn resolve(&self, envelope: &Envelope) -> Result<Applied, SubmitError> {
        let unknown = SubmitError::Unknown(envelope.request);
        let Ok(view) = self.cluster.view(raft::Freshness::Linearizable).await else { return Err(unknown) };
        match look_up(&view, envelope.instance, &envelope.request) {
            Ok(Some(seen)) => {
                Ok(Applied { reply: seen.reply, position: outward(self.cluster.position(seen.index)) })
            }
            Ok(None) => Err(unknown),
            Err(fault) => {
                tracing::error!(%fault, "the state can't be read");
                Err(unknown)
            }
        }
    }

    async fn look(&self, freshness: Freshness) -> Result<View, Unavailable> {
        let view = self.cluster.view(inward(freshness)).await.map_err(|why| {
            // One that has withdrawn said so when it did.
            if why == raft::Unavailable::Withdrawn {
                tracing::debug!(%why, "a view was not given");
            } else {
                tracing::warn!(%why, "a view was not given");
            }
            Unavailable
        })?;
        let applied = view.applied().map_err(|error| {
            tracing::error!(%error, "the state can't be read");
            Unavailable
        })?;
        let position = outward(self.cluster.position(applied.log.map_or(0, |id| id.index)));
        Ok(View { read: Arc::new(view), position, now: self.now(applied.time_ms) })
    }
}

/// Counts commands proposed here by what became of them.
pub(crate) const COMMANDS: &str = "conclave_commands_total";

fn outward(position: raft::Position) -> Position {
    let raft::Position { shard, lineage, index } = position;
    Position { shard, lineage, index }
}

fn inward(freshness: Freshness) -> raft::Freshness {
    match freshness {
        Freshness::Stale => raft::Freshness::Stale,
        Freshness::AtLeast(Position { shard, lineage, index }) => {
            raft::Freshness::AtLeast(raft::Position { shard, lineage, index })
        }
        Freshness::Bounded(bound) => raft::Freshness::Bounded(bound),
        Freshness::Linearizable => raft::Freshness::Linearizable,
    }
}

impl Backend for ClusterBackend {
    fn submit(&self, proposal: Proposal) -> BoxFuture<'_, Result<Applied, SubmitError>> {
        Box::pin(self.propose(proposal))
    }

    fn view(&self, freshness: Freshness) -> BoxFuture<'_, Result<View, Unavailable>> {
        Box::pin(self.look(freshness))
    }
}
