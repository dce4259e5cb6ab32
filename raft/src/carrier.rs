//! The carrier: takes this node's commands to the leader, all that have gathered in one call.
//!
//! What the packer does for entries, this does for the way there: it never waits for more to come, so with few callers
//! each command has a call of its own; with many, one call carries hundreds.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use openraft::async_runtime::watch::WatchReceiver;
use tokio::sync::{Semaphore, mpsc, oneshot};
use tonic::Request;

use crate::network::said;
use crate::peers::wire::ForwardRequest;
use crate::pool::Pool;
use crate::position::Position;
use crate::propose::Submitted;
use crate::types::Raft;

/// The most commands of one call, and from how many bytes on it takes no more.
const CALL_COMMANDS_MAX: usize = 256;
const CALL_BYTES: usize = 256 << 10;
/// The most calls that are not answered.
const CALLS_MAX: usize = 4;
/// How many commands may wait; more are refused.
const WAITING_MAX: usize = 4096;
/// How long a call is waited for: the leader may have fallen silent without another being known.
pub(crate) const CALL_MAX: Duration = Duration::from_secs(2);

/// A command on its way.
pub(crate) struct Passenger {
    pub(crate) leader: u64,
    pub(crate) command: Bytes,
    /// `None` says that it was not sent; dropped without an answer, it may have been.
    pub(crate) answer: oneshot::Sender<Option<Submitted>>,
}

/// What the carrying task needs.
#[derive(Clone)]
pub(crate) struct Carrier {
    pub(crate) raft: Raft,
    pub(crate) pool: Arc<Pool>,
    pub(crate) shard: u16,
    pub(crate) lineage: u32,
}

impl Carrier {
    /// Where commands are handed in, and the task that carries them.
    pub(crate) fn begin(self) -> (mpsc::Sender<Passenger>, impl Future<Output = ()> + Send + 'static) {
        let (queue, arrived) = mpsc::channel(WAITING_MAX);
        (queue, self.run(arrived))
    }

    async fn run(self, mut arrived: mpsc::Receiver<Passenger>) {
        let calls = Arc::new(Semaphore::new(CALLS_MAX));
        let mut held = None;
        loop {
            let first = match held.take() {
                Some(passenger) => passenger,
                None => match arrived.recv().await {
                    Some(passenger) => passenger,
                    None => return,
                },
            };
            // What arrives during this wait is what the call carries.
            let Ok(slot) = Arc::clone(&calls).acquire_owned().await else { return };
            let (leader, load);
            (leader, load, held) = gather(first, &mut arrived);
            let carrier = self.clone();
            tokio::spawn(async move {
                carrier.carry(leader, load).await;
                drop(slot);
            });
        }
    }

    async fn carry(&self, leader: u64, load: Vec<Passenger>) {
        let (commands, answers): (Vec<_>, Vec<_>) = load.into_iter().map(|p| (p.command, p.answer)).unzip();
        let Some(address) = self.address(leader) else { return not_sent(answers) };
        let mut client = match self.pool.client(leader, &address) {
            Ok(client) => client,
            Err(status) => {
                tracing::warn!(leader, why = %said(&status), "the leader can't be called");
                return not_sent(answers);
            }
        };
        let patience_ms = u64::try_from(CALL_MAX.as_millis()).unwrap_or(u64::MAX);
        let mut request = Request::new(ForwardRequest { commands, patience_ms });
        request.set_timeout(CALL_MAX);
        let answer = tokio::select! {
            answer = tokio::time::timeout(CALL_MAX, client.forward(request)) => answer,
            // There is no use in waiting for one who leads no more.
            () = self.another_leads(leader) => return,
        };
        let forwarded = match answer {
            Ok(Ok(answer)) => answer.into_inner().forwarded,
            Ok(Err(status)) => {
                tracing::debug!(leader, why = %said(&status), "commands were not forwarded");
                return;
            }
            Err(_) => return,
        };
        let (shard, lineage) = (self.shard, self.lineage);
        // Were there fewer answers than commands, nothing would be known of the rest.
        for (answer, forwarded) in answers.into_iter().zip(forwarded) {
            match forwarded.read(|index| Position { shard, lineage, index }) {
                // An error says that its caller has gone.
                Ok(submitted) => drop(answer.send(Some(submitted))),
                Err(error) => tracing::error!(leader, %error, "the leader's answer can't be read"),
            }
        }
    }

    fn address(&self, node: u64) -> Option<String> {
        let membership = self.raft.metrics().borrow_watched().membership_config.clone();
        membership.membership().get_node(&node).map(|peer| peer.address.clone())
    }

    /// Returns when this node knows of another leader.
    async fn another_leads(&self, leader: u64) {
        let mut metrics = self.raft.metrics();
        loop {
            let now = metrics.borrow_watched().current_leader;
            if now.is_some_and(|now| now != leader) {
                return;
            }
            if metrics.changed().await.is_err() {
                return std::future::pending().await;
            }
        }
    }
}

/// Takes those who want to the same leader as the first, up to the limits of a call; whoever does not fit comes back.
fn gather(
    first: Passenger,
    arrived: &mut mpsc::Receiver<Passenger>,
) -> (u64, Vec<Passenger>, Option<Passenger>) {
    let leader = first.leader;
    let mut bytes = first.command.len();
    let mut load = vec![first];
    while let Ok(passenger) = arrived.try_recv() {
        bytes += passenger.command.len();
        if passenger.leader != leader || load.len() >= CALL_COMMANDS_MAX || bytes > CALL_BYTES {
            return (leader, load, Some(passenger));
        }
        load.push(passenger);
    }
    (leader, load, None)
}

fn not_sent(answers: Vec<oneshot::Sender<Option<Submitted>>>) {
    for answer in answers {
        // An error says that its caller has gone.
        let _ = answer.send(None);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn passenger(leader: u64, bytes: usize) -> Passenger {
        Passenger { leader, command: vec![0; bytes].into(), answer: oneshot::channel().0 }
    }

    /// How many go with the first, and whether one comes back.
    fn carried(waiting: &[(u64, usize)]) -> (usize, bool) {
        let (queue, mut arrived) = mpsc::channel(WAITING_MAX);
        for (leader, bytes) in waiting {
            queue.try_send(passenger(*leader, *bytes)).unwrap();
        }
        let (leader, load, held) = gather(passenger(1, 1), &mut arrived);
        assert!(leader == 1 && load.iter().all(|passenger| passenger.leader == 1));
        (load.len(), held.is_some())
    }

    #[test]
    fn a_call_takes_what_waits_for_the_same_leader_up_to_its_limits() {
        assert_eq!(carried(&[]), (1, false));
        assert_eq!(carried(&[(1, 9), (1, 9)]), (3, false));
        assert_eq!(carried(&[(1, 9), (2, 9), (1, 9)]), (2, true));
        assert_eq!(carried(&vec![(1, 1); CALL_COMMANDS_MAX]), (CALL_COMMANDS_MAX, true));
        assert_eq!(carried(&[(1, CALL_BYTES - 1), (1, 1)]), (2, true));
    }
}
