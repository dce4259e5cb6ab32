//! Which nodes are live: each operations side is asked all the time, and who refuses is left out at once.

use super::super::ask::{self, Client, Silence};
use http::StatusCode;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::sync::watch;

/// How often a node is asked.
const PERIOD: Duration = Duration::from_millis(150);
/// How long it may take to answer.
const ANSWER_MAX: Duration = Duration::from_millis(500);

/// What is known of a node.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Health {
    /// It says that it serves.
    Ready,
    /// It was not asked yet, says that it does not serve, or takes too long: it may still answer.
    Doubtful,
    /// It refuses connections.
    Dead,
}

/// What is known of each node.
#[derive(Clone)]
pub(super) struct Live(Arc<Mutex<Vec<Health>>>);

impl Live {
    /// Nothing is known.
    pub(super) fn new(nodes: usize) -> Live {
        Live(Arc::new(Mutex::new(vec![Health::Doubtful; nodes])))
    }

    /// Learns something.
    pub(super) fn set(&self, at: usize, health: Health) {
        if let Some(known) = self.0.lock().unwrap_or_else(PoisonError::into_inner).get_mut(at) {
            *known = health;
        }
    }

    /// Whether all say that they serve.
    pub(super) fn are_ready(&self) -> bool {
        let known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        known.iter().all(|health| *health == Health::Ready)
    }

    /// Which nodes to try, in order.
    pub(super) fn order(&self, turn: usize) -> Vec<usize> {
        order(&self.0.lock().unwrap_or_else(PoisonError::into_inner), turn)
    }

    /// Asks one node until `stop` says so.
    pub(super) async fn watch(
        self,
        at: usize,
        operations: SocketAddr,
        client: Client,
        mut stop: watch::Receiver<bool>,
    ) {
        loop {
            let health = match ask::get(&client, operations, "/ready", ANSWER_MAX).await {
                Ok((StatusCode::OK, _)) => Health::Ready,
                Ok(_) | Err(Silence::Slow) => Health::Doubtful,
                Err(Silence::Refused) => Health::Dead,
            };
            self.set(at, health);
            tokio::select! {
                () = tokio::time::sleep(PERIOD) => {}
                _ = stop.wait_for(|stop| *stop) => return,
            }
        }
    }
}

/// The ready ones, beginning with another one at each turn; then the doubtful ones. A dead one is not tried.
fn order(known: &[Health], turn: usize) -> Vec<usize> {
    let of = |health| (0..known.len()).filter(move |at| known.get(*at) == Some(&health));
    let mut order: Vec<usize> = of(Health::Ready).collect();
    if !order.is_empty() {
        let first = turn % order.len();
        order.rotate_left(first);
    }
    order.extend(of(Health::Doubtful));
    order
}

#[cfg(test)]
mod tests {
    use super::*;
    use Health::{Dead, Doubtful, Ready};

    #[test]
    fn ready_nodes_take_turns() {
        assert_eq!(order(&[Ready, Ready, Ready], 0), [0, 1, 2]);
        assert_eq!(order(&[Ready, Ready, Ready], 1), [1, 2, 0]);
        assert_eq!(order(&[Ready, Dead, Ready], 3), [2, 0]);
        assert_eq!(order(&[Ready, Ready, Ready], usize::MAX), [0, 1, 2]);
    }

    #[test]
    fn doubtful_nodes_are_tried_last_and_dead_ones_never() {
        assert_eq!(order(&[Doubtful, Ready, Dead], 7), [1, 0]);
        assert_eq!(order(&[Doubtful, Doubtful, Dead], 1), [0, 1]);
        assert_eq!(order(&[Dead, Dead], 0), [0; 0]);
    }
}
