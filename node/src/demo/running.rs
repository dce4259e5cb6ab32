//! A demo that runs: what its parts tell is said, until somebody stops it.

use super::children::{self, Children, Ended, Event};
use super::credentials::Credentials;
use super::edge::Edge;
use super::explain::explain;
use super::log::Follower;
use super::plan::Plan;
use super::watch::{self as watching, Teller, View};
use crate::exit::{Class, Failure, Outcome};
use crate::output::say;
use crate::serve::Signals;
use std::path::PathBuf;
use std::time::Duration;
use tokio::net::TcpListener;
use tokio::sync::{mpsc, watch};
use tokio::task::JoinHandle;

/// How long the nodes may take until all are ready.
const START_MAX: Duration = Duration::from_secs(300);
/// How often is told what is waited for.
const PROGRESS: Duration = Duration::from_secs(3);
/// So often a node may find its port or folder taken while an earlier demo ends.
const TAKEN_MAX: usize = 15;

/// The parts of a demo that runs.
pub(super) struct Running {
    plan: Plan,
    credentials: Credentials,
    path: PathBuf,
    children: Children,
    events: mpsc::Receiver<Event>,
    view: watch::Receiver<View>,
    teller: Teller,
    logs: Vec<Follower>,
    edge: Edge,
    serving: JoinHandle<()>,
    stop: watch::Sender<bool>,
    is_ready: bool,
    taken: usize,
}

impl Running {
    /// Starts the nodes and the edge.
    pub(super) fn start(
        plan: Plan,
        credentials: Credentials,
        path: PathBuf,
        edge: std::net::TcpListener,
    ) -> Outcome<Running> {
        edge.set_nonblocking(true).map_err(Failure::other)?;
        let listener = TcpListener::from_std(edge).map_err(Failure::other)?;
        let (stop, stopping) = watch::channel(false);
        let edge = Edge::new(&plan.nodes);
        let serving = tokio::spawn(edge.clone().serve(listener, stopping));
        let (children, events) = children::start(&plan)?;
        Ok(Running {
            view: watching::start(&plan.nodes),
            teller: Teller::new(plan.nodes.len()),
            logs: plan.nodes.iter().map(|node| Follower::new(&node.log)).collect(),
            plan,
            credentials,
            path,
            children,
            events,
            edge,
            serving,
            stop,
            is_ready: false,
            taken: 0,
        })
    }

    /// Waits for a signal, then stops in order. A second signal ends all nodes at once.
    pub(super) async fn until(mut self, mut signals: Signals) -> Outcome<()> {
        let result = self.run(&mut signals).await;
        if result.is_ok() {
            say("Stopping: the nodes finish what they have begun …");
        }
        self.stop.send_replace(true);
        let stopped = tokio::select! {
            (stopped, _) = async { tokio::join!(self.children.stop(), &mut self.serving) } => stopped,
            name = signals.next() => {
                Err(Failure::other(format_args!("stopped at once by {name}; nothing acknowledged is lost")))
            }
        };
        self.children.kill().await;
        result?;
        stopped?;
        say("Stopped; the data is kept");
        Ok(())
    }

    async fn run(&mut self, signals: &mut Signals) -> Outcome<()> {
        let deadline = tokio::time::sleep(START_MAX);
        tokio::pin!(deadline);
        let mut progress = tokio::time::interval(PROGRESS);
        progress.tick().await;
        loop {
            tokio::select! {
                _ = signals.next() => return Ok(()),
                Some(event) = self.events.recv() => self.take(event)?,
                Ok(()) = self.view.changed() => self.look(),
                _ = progress.tick(), if !self.is_ready => {
                    for line in self.waited_for() {
                        say(line);
                    }
                }
                () = &mut deadline, if !self.is_ready => {
                    let text = format!("not ready: {}; look into {}", self.waited_for().join("; "), self.plan.data.display());
                    return Err(Failure::other(text));
                }
            }
        }
    }

    /// Says what happened to a node. Before the demo is ready, a node that can't run ends it.
    fn take(&mut self, event: Event) -> Outcome<()> {
        match event {
            Event::Started { node, pid } => self.note(node, Some(pid)),
            Event::Ended(ended) => {
                self.note(ended.node, None);
                if !self.is_ready {
                    self.taken += 1;
                    if !ended.is_taken() || self.taken > TAKEN_MAX {
                        return Err(before_ready(&ended));
                    }
                }
                let others = if self.plan.nodes.len() > 1 { "; the others go on" } else { "" };
                say(format_args!(
                    "node {} {}{others}. It starts again in {} s",
                    ended.node,
                    ended.how,
                    ended.pause.as_secs()
                ));
            }
        }
        Ok(())
    }

    /// Keeps the process of a node where programs look for it.
    fn note(&mut self, node: u64, pid: Option<u32>) {
        let processes = self.credentials.nodes.iter_mut().flatten();
        for process in processes.filter(|process| process.node == node) {
            process.pid = pid;
        }
        if let Err(failure) = self.credentials.write(&self.path) {
            say(format_args!("The credentials file keeps what it had: {}", failure.text));
        }
    }

    fn look(&mut self) {
        let view = self.view.borrow_and_update().clone();
        for (node, log) in self.plan.nodes.iter().zip(&mut self.logs) {
            for line in log.errors() {
                say(format_args!("node {} | {line}", node.number));
            }
        }
        let processes = self.credentials.nodes.as_deref().unwrap_or_default();
        let runs = |node| processes.iter().any(|process| process.node == node && process.pid.is_some());
        for line in self.teller.tell(&view, runs) {
            say(line);
        }
        if !self.is_ready && self.edge.is_ready() && view.iter().all(|seen| seen.ready) {
            self.is_ready = true;
            say(explain(&self.plan, &self.credentials, &self.path));
            say("Conclave is ready");
        }
    }

    fn waited_for(&self) -> Vec<String> {
        let view = self.view.borrow();
        let waits = self.plan.nodes.iter().zip(view.iter()).filter(|(_, seen)| !seen.ready);
        let line = |(node, seen): (&super::plan::Node, &watching::Seen)| match seen.answers {
            true => format!("node {} is not ready yet: {}", node.number, seen.reasons.join(", ")),
            false => format!("node {} does not answer yet", node.number),
        };
        waits.map(line).collect()
    }
}

fn before_ready(ended: &Ended) -> Failure {
    let class = Class::ALL.iter().map(|(class, _)| *class).find(|class| ended.code == Some(*class as i32));
    let text = format!("node {} {} before it was ready", ended.node, ended.how);
    Failure::new(class.unwrap_or(Class::Failed), text)
}
