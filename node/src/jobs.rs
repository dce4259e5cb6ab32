//! What the leader does by itself: signing keys rotate on schedule, and what has expired is swept.

use api_core::{Freshness, Service};
use identity::application::TokenAlg;
use identity::envelope::Caller;
use identity::id::{InstanceId, SYSTEM};
use identity::instance::{self, lifetimes};
use identity::reader::Reader;
use identity::sweep::{self, Sweep};
use identity::time::Timestamp;
use raft::{Cluster, Role};
use std::time::Duration;
use tokio::sync::watch;

/// The longest pause between two looks.
const PAUSE_MAX: Duration = Duration::from_secs(60);
/// The shortest.
const PAUSE_MIN: Duration = Duration::from_secs(1);
/// How much one sweep looks at.
const SWEEP_ROWS: u32 = 1000;
/// How many sweeps follow each other in one look at one instance.
const SWEEPS_MAX: usize = 100;

/// How long what has expired may lie: a sweep is a command that leaves a row which expires, so that sweeping at once
/// would never end. Nobody sees what lies there.
const LIE_MAX: Duration = Duration::from_secs(300);

/// Does the leader's jobs until `stop` says so.
pub(crate) async fn run(service: Service, cluster: Cluster, mut stop: watch::Receiver<bool>) {
    loop {
        let mut pause = PAUSE_MAX;
        if cluster.status().role == Role::Leader {
            let looked = tokio::select! {
                looked = look(&service) => looked,
                _ = stop.wait_for(|stop| *stop) => return,
            };
            match looked {
                Ok(next) => pause = next,
                Err(why) => {
                    tracing::warn!(%why, "the leader's jobs were interrupted");
                    pause = PAUSE_MIN * 5;
                }
            }
        }
        tokio::select! {
            () = tokio::time::sleep(pause) => {}
            _ = stop.wait_for(|stop| *stop) => return,
        }
    }
}

/// Does what is due, and says when to look again.
async fn look(service: &Service) -> Result<Duration, String> {
    let view = service.backend.view(Freshness::Linearizable).await.map_err(|error| error.to_string())?;
    let numbers = instance::numbers(&view.reader(SYSTEM)).map_err(|fault| fault.0)?;
    let mut pause = PAUSE_MAX;
    sweep(service, SYSTEM, LIE_MAX).await?;
    for number in numbers {
        let reader = view.reader(number);
        if reader.live_instance().is_err() {
            continue;
        }
        let lifetimes = lifetimes::of(&reader).map_err(|fault| fault.0)?;
        let own_pause = pause_of(&lifetimes);
        pause = pause.min(own_pause);
        for alg in TokenAlg::ALL {
            match service.rotate_keys(number, alg).await {
                Ok(None) => {}
                Ok(Some(step)) => {
                    tracing::info!(instance = number.0, ?alg, ?step, "a signing key took a step")
                }
                Err(error) => return Err(error.to_string()),
            }
        }
        // Keys that live for seconds must not gather: there may be a hundred of them.
        sweep(service, number, if own_pause < PAUSE_MAX { Duration::ZERO } else { LIE_MAX }).await?;
    }
    Ok(pause)
}

/// A quarter of the shortest time in which a key has to take a step.
fn pause_of(lifetimes: &lifetimes::Lifetimes) -> Duration {
    let shortest = lifetimes.key_active_secs.min(lifetimes.key_next_secs).min(lifetimes.key_verifies_secs);
    Duration::from_secs(u64::from(shortest / 4)).clamp(PAUSE_MIN, PAUSE_MAX)
}

/// Sweeps what has lain for longer than `lie`, and with it everything that has expired.
async fn sweep(service: &Service, number: InstanceId, lie: Duration) -> Result<(), String> {
    let lie_ms = u64::try_from(lie.as_millis()).unwrap_or(u64::MAX);
    for _ in 0..SWEEPS_MAX {
        let view = service.backend.view(Freshness::Linearizable).await.map_err(|error| error.to_string())?;
        let now = view.reader(number);
        let reader = Reader { now: Timestamp(now.now.0.saturating_sub(lie_ms)), ..now };
        if !sweep::is_due(&reader).map_err(|fault| fault.0)? {
            return Ok(());
        }
        let command = Sweep { limit: SWEEP_ROWS };
        let swept =
            service.submit(number, Caller::system(), &command).await.map_err(|error| error.to_string())?;
        tracing::debug!(instance = number.0, rows = swept.reply.rows, "swept");
        if swept.reply.rows < SWEEP_ROWS {
            return Ok(());
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_pause_follows_the_shortest_lifetime_of_a_key() {
        let usual = lifetimes::Lifetimes::default();
        assert_eq!(pause_of(&usual), PAUSE_MAX);
        assert_eq!(
            pause_of(&lifetimes::Lifetimes { key_next_secs: 40, ..usual.clone() }),
            Duration::from_secs(10)
        );
        assert_eq!(pause_of(&lifetimes::Lifetimes { key_active_secs: 2, ..usual }), PAUSE_MIN);
    }
}
