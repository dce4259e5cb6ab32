//! Processes that a test starts: where they live, what they write, and how they end. Each is ended by its pid.

use crate::wait;
use rustix::process::{Pid, Signal, kill_process};
use std::ffi::OsStr;
use std::fs::{File, OpenOptions};
use std::os::unix::process::ExitStatusExt;
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::Duration;

/// Where a process lives.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Place {
    /// Beside the test.
    Here,
    /// In the network namespace of this name.
    Namespace(String),
}

impl Place {
    /// A program there, without what the tester's own environment would say to it.
    pub fn command(&self, program: &OsStr) -> Command {
        let mut command = match self {
            Place::Here => Command::new(program),
            Place::Namespace(name) => {
                let mut command = Command::new("ip");
                command.args(["netns", "exec", name]).arg(program);
                command
            }
        };
        command.env_clear().env("PATH", PATH).stdin(Stdio::null());
        command
    }
}

/// `ip` and `nft` may stand where only root looks.
pub(crate) const PATH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/// A process that runs until it is told otherwise, and at the latest until this is dropped.
#[derive(Debug)]
pub struct Process {
    child: Child,
}

impl Process {
    /// Starts it; what it writes is added to `log`.
    pub fn start(command: &mut Command, log: &Path) -> Process {
        let out = append(log);
        let err = out.try_clone().expect("a descriptor is free");
        let child = command.stdout(out).stderr(err).spawn();
        Process { child: child.unwrap_or_else(|error| panic!("{command:?} can't be started: {error}")) }
    }

    /// Its process id.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Sends a signal.
    pub fn signal(&self, signal: Signal) {
        kill_process(Pid::from_child(&self.child), signal)
            .expect("the process is ours and not yet waited for");
    }

    /// How it ended, if it has.
    pub fn has_ended(&mut self) -> Option<ExitStatus> {
        self.child.try_wait().expect("the process is ours")
    }

    /// Waits for its end.
    pub async fn ended(mut self, max: Duration) -> ExitStatus {
        wait::until("the end of a process", max, async || self.has_ended()).await
    }

    /// Ends it without a word.
    pub fn kill(mut self) {
        self.child.kill().expect("the process is ours");
        self.child.wait().expect("the process is ours");
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // One that has ended already refuses both.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The exit code, or the number of the signal that ended it, negative.
pub fn code(status: ExitStatus) -> i32 {
    status.code().or_else(|| status.signal().map(|signal| -signal)).unwrap_or(i32::MIN)
}

fn append(path: &Path) -> File {
    let file = OpenOptions::new().create(true).append(true).open(path);
    file.unwrap_or_else(|error| panic!("{} can't be written: {error}", path.display()))
}

/// The last lines of a log.
pub fn tail(path: &Path, lines: usize) -> String {
    let text = std::fs::read(path).unwrap_or_default();
    let text = String::from_utf8_lossy(&text);
    let all: Vec<&str> = text.lines().collect();
    all[all.len().saturating_sub(lines)..].join("\n")
}
