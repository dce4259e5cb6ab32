//! What the leader does by itself: signing keys rotate on schedule, and what has expired is swept.

use api_core::{Freshness, Service};
use identity::application::TokenAlg;
use identity::envelope::Caller;
use identity::id::{InstanceId, SYSTEM};
use identity::instance::{self, lifetimes};
use identity::sweep::{self, Sweep};
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

/// Does the leader's jobs until `stop` says so.
pub(crate) async fn run(service: Service, cluster: Cluster, mut stop: watch::Receiver<bool>) {
    loop {
        let mut pause = PAUSE_MAX;
        let status = cluster.status();
        if status.role == Role::Leader && status.withdrawn.is_none() {
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
    let mut pause = sweep(service, SYSTEM).await?;
    for number in numbers {
        let reader = view.reader(number);
        if reader.live_instance().is_err() {
            continue;
        }
        let lifetimes = lifetimes::of(&reader).map_err(|fault| fault.0)?;
        pause = pause.min(pause_of(&lifetimes));
        // One instance's trouble must not keep the others from their turn.
        match of_instance(service, number).await {
            Ok(next) => pause = pause.min(next),
            Err(why) => tracing::warn!(instance = number.0, %why, "the jobs of an instance were interrupted"),
        }
    }
    Ok(pause)
}

/// Rotates the keys of one instance and sweeps it.
async fn of_instance(service: &Service, number: InstanceId) -> Result<Duration, String> {
    let rotated = rotate(service, number).await;
    // What was deleted, and whoever is to be erased with it, goes whatever becomes of the keys.
    let pause = sweep(service, number).await?;
    rotated.map(|()| pause)
}

async fn rotate(service: &Service, number: InstanceId) -> Result<(), String> {
    for alg in TokenAlg::ALL {
        if let Some(step) = service.rotate_keys(number, alg).await.map_err(|error| error.to_string())? {
            tracing::info!(instance = number.0, ?alg, ?step, "a signing key took a step");
        }
    }
    Ok(())
}

/// A quarter of the shortest time in which a key has to take a step.
fn pause_of(lifetimes: &lifetimes::Lifetimes) -> Duration {
    let shortest = lifetimes.key_active_secs.min(lifetimes.key_next_secs).min(lifetimes.key_verifies_secs);
    Duration::from_secs(u64::from(shortest / 4)).clamp(PAUSE_MIN, PAUSE_MAX)
}

/// Sweeps what has expired or lost its parent; says how soon to look again, which is soon if more is due.
async fn sweep(service: &Service, number: InstanceId) -> Result<Duration, String> {
    for _ in 0..SWEEPS_MAX {
        let view = service.backend.view(Freshness::Linearizable).await.map_err(|error| error.to_string())?;
        if !sweep::is_due(&view.reader(number)).map_err(|fault| fault.0)? {
            return Ok(PAUSE_MAX);
        }
        let command = Sweep { limit: SWEEP_ROWS };
        let swept =
            service.submit(number, Caller::system(), &command).await.map_err(|error| error.to_string())?;
        tracing::debug!(instance = number.0, rows = swept.reply.rows, "swept");
    }
    Ok(PAUSE_MIN)
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
