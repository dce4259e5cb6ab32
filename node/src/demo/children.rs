//! The nodes as processes: started, started again when they end by themselves, stopped in order.
//!
//! They are in the demo's own process group, so that a signal to the group reaches all of them, and each stops when
//! its standard input closes: however the demo ends, it leaves no node behind.

use super::log;
use super::plan::{Node, Plan};
use crate::clock::SystemClock;
use crate::exit::{Class, Failure, Outcome, io};
use raft::Clock;
use rustix::process::Signal;
use std::fs::OpenOptions;
use std::os::unix::process::ExitStatusExt;
use std::process::{ExitStatus, Stdio};
use std::time::Duration;
use tokio::process::{Child, ChildStdin, Command};
use tokio::sync::{mpsc, watch};
use tokio::task::JoinHandle;

/// The pause before a node that has ended is started again. It grows while the node keeps ending by itself.
const PAUSE: Duration = Duration::from_secs(10);
/// The longest pause.
const PAUSE_MAX: Duration = Duration::from_secs(60);
/// The pause if the node found its port or folder taken: by the one before it, which is about to end.
const PAUSE_TAKEN: Duration = Duration::from_secs(1);
/// Who has run for so long doesn't keep ending.
const STEADY: Duration = Duration::from_secs(60);
/// How long nodes may take to stop.
const STOP_MAX: Duration = Duration::from_secs(20);
/// Events that wait to be told; each node has few.
const EVENTS_MAX: usize = 64;

/// The processes.
pub(super) struct Children {
    order: watch::Sender<Order>,
    tasks: Vec<JoinHandle<()>>,
}

/// What the processes are there for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Order {
    Run,
    Stop,
    Kill,
}

/// What happened to a node.
#[derive(Clone, Debug)]
pub(super) enum Event {
    /// It runs, as this process.
    Started { node: u64, pid: u32 },
    /// It has ended by itself or was killed, or could not be started.
    Ended(Ended),
}

/// The end of a node.
#[derive(Clone, Debug)]
pub(super) struct Ended {
    /// Which one.
    pub(super) node: u64,
    /// How, as the end of a sentence.
    pub(super) how: String,
    /// Its exit code, if it had one.
    pub(super) code: Option<i32>,
    /// When it starts again.
    pub(super) pause: Duration,
}

impl Ended {
    /// Whether it found something taken that will be free soon.
    pub(super) fn is_taken(&self) -> bool {
        is_taken(self.code)
    }
}

/// Starts the processes.
pub(super) fn start(plan: &Plan) -> Outcome<(Children, mpsc::Receiver<Event>)> {
    let (order, ordered) = watch::channel(Order::Run);
    let (events, told) = mpsc::channel(EVENTS_MAX);
    for node in &plan.nodes {
        log::begin(&node.log)?;
    }
    let supervised = |node: &Node| {
        let supervisor = Supervisor { node: node.clone(), events: events.clone(), order: ordered.clone() };
        tokio::spawn(supervisor.run())
    };
    Ok((Children { order, tasks: plan.nodes.iter().map(supervised).collect() }, told))
}

impl Children {
    /// Asks all to stop, and waits; what then still runs is killed.
    pub(super) async fn stop(&mut self) -> Outcome<()> {
        self.order.send_replace(Order::Stop);
        let all = async {
            for task in &mut self.tasks {
                let _ = task.await;
            }
        };
        if tokio::time::timeout(STOP_MAX, all).await.is_ok() {
            self.tasks.clear();
            return Ok(());
        }
        self.kill().await;
        let text = format!("a node did not stop within {} s and was killed", STOP_MAX.as_secs());
        Err(Failure::other(text))
    }

    /// Ends all without a word.
    pub(super) async fn kill(&mut self) {
        self.order.send_replace(Order::Kill);
        for task in self.tasks.drain(..).filter(|task| !task.is_finished()) {
            let _ = task.await;
        }
    }
}

/// One node's.
struct Supervisor {
    node: Node,
    events: mpsc::Sender<Event>,
    order: watch::Receiver<Order>,
}

impl Supervisor {
    async fn run(mut self) {
        let mut pause = PAUSE;
        while *self.order.borrow() == Order::Run {
            let begun = SystemClock.monotonic();
            let (how, code, keeps_ending) = match self.one_life().await {
                Ok(Some(status)) => {
                    let how = described(status, &log::last_words(&self.node.log));
                    (how, status.code(), !is_asked(status))
                }
                Ok(None) => return,
                Err(failure) => (format!("could not be started: {}", failure.text), None, true),
            };
            if !keeps_ending || SystemClock.monotonic().saturating_sub(begun) >= STEADY {
                pause = PAUSE;
            }
            let this = if is_taken(code) { PAUSE_TAKEN } else { pause };
            let ended = Ended { node: self.node.number, how, code, pause: this };
            let _ = self.events.send(Event::Ended(ended)).await;
            if tokio::time::timeout(this, self.order.wait_for(|order| *order != Order::Run)).await.is_ok() {
                return;
            }
            if keeps_ending {
                pause = (pause * 2).min(PAUSE_MAX);
            }
        }
    }

    /// Runs the node; how it ended by itself, or nothing if it was asked to.
    async fn one_life(&mut self) -> Outcome<Option<ExitStatus>> {
        let (mut child, stdin) = spawn(&self.node)?;
        if let Some(pid) = child.id() {
            let _ = self.events.send(Event::Started { node: self.node.number, pid }).await;
        }
        tokio::select! {
            status = child.wait() => return status.map(Some).map_err(Failure::other),
            _ = self.order.wait_for(|order| *order != Order::Run) => {}
        }
        drop(stdin);
        let killed = tokio::select! {
            _ = child.wait() => false,
            ordered = self.order.wait_for(|order| *order == Order::Kill) => ordered.is_ok(),
        };
        if killed {
            // It may have ended just now.
            let _ = child.kill().await;
        }
        Ok(None)
    }
}

/// Starts a node's process. It stops when the input that is returned is dropped.
fn spawn(node: &Node) -> Outcome<(Child, Option<ChildStdin>)> {
    let program = std::env::current_exe().map_err(Failure::other)?;
    let opened = OpenOptions::new().append(true).create(true).open(&node.log);
    let log = opened.map_err(|error| io("opening", &node.log, &error))?;
    let again = log.try_clone().map_err(|error| io("opening", &node.log, &error))?;
    let mut command = Command::new(program);
    command.arg("serve").arg("--config").arg(&node.config).arg("--stop-with-stdin");
    // What the environment says is for nodes that somebody configures himself.
    command.env_clear().stdin(Stdio::piped()).stdout(log).stderr(again).kill_on_drop(true);
    let mut child = command.spawn().map_err(Failure::other)?;
    let stdin = child.stdin.take();
    Ok((child, stdin))
}

fn is_taken(code: Option<i32>) -> bool {
    [Class::Locked, Class::PortInUse].iter().any(|class| code == Some(*class as i32))
}

/// Whether somebody asked for the end, by an order or by a signal: the next life need not end the same way.
fn is_asked(status: ExitStatus) -> bool {
    let of_people = [Signal::KILL, Signal::TERM, Signal::INT, Signal::HUP, Signal::QUIT];
    status.success() || of_people.iter().any(|signal| status.signal() == Some(signal.as_raw()))
}

/// Signals that end processes.
const NAMES: [(Signal, &str); 8] = [
    (Signal::KILL, "SIGKILL"),
    (Signal::TERM, "SIGTERM"),
    (Signal::INT, "SIGINT"),
    (Signal::HUP, "SIGHUP"),
    (Signal::QUIT, "SIGQUIT"),
    (Signal::ABORT, "SIGABRT"),
    (Signal::BUS, "SIGBUS"),
    (Signal::SEGV, "SIGSEGV"),
];

/// How a process ended, as the end of a sentence.
fn described(status: ExitStatus, last_words: &str) -> String {
    if let Some(signal) = status.signal() {
        let name = NAMES.iter().find(|(known, _)| known.as_raw() == signal);
        return match name {
            Some((_, name)) => format!("was killed ({name})"),
            None => format!("was killed (signal {signal})"),
        };
    }
    match status.code() {
        Some(0) | None => "was stopped".to_owned(),
        Some(code) if last_words.is_empty() => format!("ended with exit code {code}"),
        Some(code) => format!("ended with exit code {code}: {last_words}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_end_is_told_in_plain_words() {
        for (raw, last_words, expected) in [
            (9, "", "was killed (SIGKILL)"),
            (34, "", "was killed (signal 34)"),
            (0, "conclave: x", "was stopped"),
            (8 << 8, "", "ended with exit code 8"),
            (8 << 8, "conclave: no space left", "ended with exit code 8: conclave: no space left"),
        ] {
            assert_eq!(described(ExitStatus::from_raw(raw), last_words), expected);
        }
    }

    #[test]
    fn who_kills_a_node_again_does_not_wait_longer() {
        let asked = |raw| is_asked(ExitStatus::from_raw(raw));
        assert!(asked(0) && asked(9) && asked(15));
        assert!(!asked(8 << 8) && !asked(6) && !asked(11));
    }

    #[test]
    fn what_is_taken_is_told_from_what_is_broken() {
        assert!(is_taken(Some(6)) && is_taken(Some(7)));
        assert!(!is_taken(Some(8)) && !is_taken(Some(0)) && !is_taken(None));
    }
}
