//! Three processes that agree, whichever system they are of, as the loads see them.

use super::client::{Getter, Keys, Node, Putter};
use super::messages::StatusResponse;
use crate::Error;
use crate::load::{self, Figures};
use crate::process::Process;
use std::time::{Duration, Instant};

/// How long three processes may take until they have a leader; only a hang takes so long.
const HANG: Duration = Duration::from_secs(60);
/// Connections to each node; beyond them clients share.
const CONNECTIONS_MAX: usize = 16;

/// To which nodes clients turn.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Spread {
    /// The first to the leader, the others to all in turn, as clients do that do not know who leads.
    All,
    /// All to the leader: the difference is what the way to it costs.
    Leader,
}

/// Three running nodes.
pub(crate) struct Trio {
    urls: Vec<String>,
    keys: Keys,
    processes: Vec<Process>,
}

impl Trio {
    /// Waits until all of them name the same leader.
    pub(crate) async fn of(processes: Vec<Process>, urls: Vec<String>) -> Result<Trio, Error> {
        let trio = Trio { urls, keys: Keys::default(), processes };
        let begun = Instant::now();
        while begun.elapsed() < HANG {
            if trio.leader().await.is_ok() {
                return Ok(trio);
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        Err(format!("{} and its two peers had no leader within {} s", trio.urls[0], HANG.as_secs()).into())
    }

    /// Which of the three leads, and what it says of itself.
    pub(crate) async fn leader(&self) -> Result<(usize, StatusResponse), Error> {
        let mut answers = Vec::new();
        for url in &self.urls {
            answers.push(Node::new(url)?.status().await?);
        }
        let leads = |answer: &StatusResponse| {
            let id = answer.header.as_ref().map_or(0, |header| header.member_id);
            id != 0 && answers.iter().all(|other| other.leader == id)
        };
        let at = answers.iter().position(leads).ok_or("they do not agree on a leader")?;
        Ok((at, answers.swap_remove(at)))
    }

    /// New keys, one with each request.
    pub(crate) async fn writes(
        &self,
        spread: Spread,
        clients: usize,
        run: Duration,
    ) -> Result<Figures, Error> {
        let nodes = self.connect(spread, clients).await?;
        let putters = nodes.into_iter().map(|node| Putter { node, keys: self.keys.clone() });
        load::watched(putters.collect(), run, || self.cpu_micros()).await
    }

    /// Linearizable reads of keys written before.
    pub(crate) async fn reads(&self, clients: usize, run: Duration) -> Result<Figures, Error> {
        let (nodes, step) = (self.connect(Spread::All, clients).await?, u64::try_from(clients)?);
        // The last keys may belong to requests that were still under way when their load ended.
        let end = self.keys.count().saturating_sub(1000).max(1);
        let getters = (0..).zip(nodes).map(|(next, node)| Getter { node, next, step, end });
        load::watched(getters.collect(), run, || self.cpu_micros()).await
    }

    /// A connection for each client, up to so many to each node.
    async fn connect(&self, spread: Spread, clients: usize) -> Result<Vec<Node>, Error> {
        let (leader, _) = self.leader().await?;
        let urls: Vec<&str> = match spread {
            Spread::All => {
                (0..self.urls.len()).map(|at| &*self.urls[(leader + at) % self.urls.len()]).collect()
            }
            Spread::Leader => vec![&self.urls[leader]],
        };
        let mut nodes: Vec<Node> = Vec::with_capacity(clients);
        for at in 0..clients {
            let node = match nodes.get(at % (urls.len() * CONNECTIONS_MAX)) {
                Some(shared) => shared.clone(),
                None => Node::new(urls[at % urls.len()])?,
            };
            nodes.push(node);
        }
        Ok(nodes)
    }

    /// CPU time that all three have used.
    fn cpu_micros(&self) -> Result<f64, Error> {
        self.processes.iter().map(Process::cpu_micros).sum()
    }

    /// Stops all three and waits for their end.
    pub(crate) fn stop(self) -> Result<(), Error> {
        for process in self.processes {
            process.end()?;
        }
        Ok(())
    }
}
