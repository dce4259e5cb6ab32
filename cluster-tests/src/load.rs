//! Writers that work while something breaks: some rotate refresh tokens, some sign in, some revoke.
//!
//! Each asks one node after the other. Whoever gets no answer asks the next node for the same thing, as an application
//! would, until somebody decides.

use crate::application::{Code, Outcome, Tokens};
use crate::browser::Browser;
use crate::cluster::Cluster;
use crate::history::{Act, Clock, Entry, History};
use crate::http::Http;
use crate::world::World;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use tokio::task::JoinHandle;

/// Writers of each kind. Eight in all.
const ROTATORS: usize = 4;
const SIGNERS: usize = 2;
const REVOKERS: usize = 2;
/// Between two requests of a writer, so that a small machine has time for the nodes too.
const PAUSE: Duration = Duration::from_millis(10);
/// How long a writer waits for one answer.
const PATIENCE: Duration = Duration::from_secs(10);

/// Writers at work.
#[derive(Debug)]
pub struct Load {
    stop: Arc<AtomicBool>,
    writers: Vec<JoinHandle<()>>,
    /// What they have done.
    pub history: History,
}

impl Load {
    /// Lets eight writers begin, on all nodes of the cluster.
    pub async fn start(cluster: &Cluster) -> Load {
        Load::start_on(cluster, &cluster.running()).await
    }

    /// The same on these nodes.
    pub async fn start_on(cluster: &Cluster, numbers: &[usize]) -> Load {
        let nodes: Vec<Http> =
            numbers.iter().map(|number| cluster.public(*number).waiting(PATIENCE)).collect();
        let browser = cluster.world.signed_in(&nodes[0]).await;
        let (stop, history) = (Arc::new(AtomicBool::new(false)), History::default());
        let writer = |number: usize| Writer {
            number,
            turn: number,
            nodes: nodes.clone(),
            world: cluster.world.clone(),
            browser: browser.clone(),
            issued: None,
            clock: cluster.clock,
            history: history.clone(),
            stop: Arc::clone(&stop),
        };
        let mut writers = Vec::new();
        for number in 0..ROTATORS + SIGNERS + REVOKERS {
            let writer = writer(number);
            writers.push(match number {
                0..ROTATORS => tokio::spawn(writer.rotate()),
                number if number < ROTATORS + SIGNERS => tokio::spawn(writer.sign_in()),
                _ => tokio::spawn(writer.revoke()),
            });
        }
        Load { stop, writers, history }
    }

    /// Lets them come to their end.
    pub async fn stop(self) -> History {
        self.stop.store(true, Ordering::Relaxed);
        for writer in self.writers {
            writer.await.expect("a writer does not fail");
        }
        self.history
    }
}

struct Writer {
    number: usize,
    turn: usize,
    nodes: Vec<Http>,
    world: World,
    browser: Browser,
    /// The code that came back last, with its verifier.
    issued: Option<Code>,
    clock: Clock,
    history: History,
    stop: Arc<AtomicBool>,
}

impl Writer {
    async fn rotate(mut self) {
        while let Some(code) = self.until_done(Act::Issue).await {
            let mut token = self.until_decided(Act::Redeem(code)).await;
            while let Some(current) = token {
                token = self.until_decided(Act::Refresh(current)).await;
            }
        }
    }

    async fn sign_in(mut self) {
        while let Some(code) = self.until_done(Act::Issue).await {
            self.until_decided(Act::Redeem(code)).await;
        }
    }

    async fn revoke(mut self) {
        while self.goes_on() {
            let (_, node) = self.next_node();
            let tokens = self.world.service.client_credentials(&node, &self.world.service_scope).await;
            if let Outcome::Done(tokens) = tokens {
                self.until_decided(Act::Revoke(tokens.access)).await;
            }
            tokio::time::sleep(PAUSE).await;
        }
    }

    /// Asks until it was done; `None` when it is time to stop.
    async fn until_done(&mut self, act: Act) -> Option<String> {
        while self.goes_on() {
            if let Outcome::Done(given) = self.once(&act).await {
                return Some(given);
            }
        }
        None
    }

    /// Asks until it was done or refused; `None` when it was refused, or when it is time to stop.
    async fn until_decided(&mut self, act: Act) -> Option<String> {
        while self.goes_on() {
            match self.once(&act).await {
                Outcome::Done(given) => return Some(given),
                Outcome::Refused(_) => return None,
                Outcome::Unknown(_) | Outcome::NotSent(_) => {}
            }
        }
        None
    }

    /// Asks the next node, and writes down what came of it.
    async fn once(&mut self, act: &Act) -> Outcome<String> {
        let (number, node) = self.next_node();
        let from = self.clock.now();
        let outcome = self.perform(&node, act).await;
        let entry = Entry {
            writer: self.number,
            node: number,
            act: act.clone(),
            from,
            to: self.clock.now(),
            outcome: outcome.clone(),
        };
        self.history.add(entry);
        tokio::time::sleep(PAUSE).await;
        outcome
    }

    async fn perform(&mut self, node: &Http, act: &Act) -> Outcome<String> {
        let refresh = |outcome: Outcome<Tokens>| outcome.map(|tokens| tokens.refresh);
        let world = &self.world;
        match act {
            Act::Issue => {
                let outcome = self.browser.silently(node, &world.web).await;
                if let Outcome::Done(code) = &outcome {
                    self.issued = Some(code.clone());
                }
                outcome.map(|code| code.code)
            }
            Act::Redeem(code) => {
                let verifier = self.issued.as_ref().map(|issued| issued.verifier.clone()).unwrap_or_default();
                refresh(world.web.redeem(node, &Code { code: code.clone(), verifier }).await)
            }
            Act::Refresh(token) => refresh(world.web.refresh(node, token).await),
            Act::Revoke(token) => world.service.revoke(node, token).await.map(|()| String::new()),
            Act::Look(token) => world.is_alive(node, token).await.map(found),
        }
    }

    fn next_node(&mut self) -> (usize, Http) {
        self.turn = (self.turn + 1) % self.nodes.len();
        (self.turn + 1, self.nodes[self.turn].clone())
    }

    fn goes_on(&self) -> bool {
        !self.stop.load(Ordering::Relaxed)
    }
}

/// How a history writes whether a token counts.
pub fn found(alive: bool) -> String {
    if alive { "active" } else { "inactive" }.to_owned()
}
