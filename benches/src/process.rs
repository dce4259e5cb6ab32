//! Processes under measurement: started on free ports, stopped by their pid, their CPU and memory read from /proc.

use crate::Error;
use crate::http::Client;
use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

/// How long a process may take to be ready; only a hang takes so long.
const HANG: Duration = Duration::from_secs(60);

/// A process that this bench has started.
pub(crate) struct Process(Child);

impl Process {
    pub(crate) fn start(command: &mut Command) -> Result<Process, Error> {
        Ok(Process(command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn()?))
    }

    /// A process whose standard input stays open: it is to end when that ends, and so with this bench, however it ends.
    pub(crate) fn start_held(command: &mut Command) -> Result<Process, Error> {
        Ok(Process(command.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::inherit()).spawn()?))
    }

    /// One node with the demo's data in `data`, which listens for everybody on `port`: no edge stands before it, so
    /// that what is measured is the node's. It is ready when [`node_ready`] answers.
    pub(crate) async fn node(conclave: &Path, data: &Path, port: u16) -> Result<Process, Error> {
        let config = data.join("bench.toml");
        if !config.exists() {
            let mut command = Command::new(conclave);
            command.args(["demo", "--nodes", "1", "--port-base", &port.to_string(), "--data"]).arg(data);
            let demo = Self::start(&mut command)?;
            ready(&node_ready(port)).await?;
            demo.stop()?;
            let text = std::fs::read_to_string(data.join("node-1.toml"))?;
            let (behind, before) = (format!("127.0.0.1:{}", port + 10), format!("127.0.0.1:{port}"));
            std::fs::write(&config, text.replace(&behind, &before))?;
        }
        Self::start(Command::new(conclave).args(["serve", "--config"]).arg(&config))
    }

    /// CPU time that it has used, in microseconds.
    pub(crate) fn cpu_micros(&self) -> Result<f64, Error> {
        let stat = std::fs::read_to_string(format!("/proc/{}/stat", self.0.id()))?;
        // The name in parentheses may hold anything: fields are counted behind it.
        let fields: Vec<&str> = stat.rsplit(')').next().unwrap_or_default().split_whitespace().collect();
        let ticks = |at: usize| fields.get(at).and_then(|text| text.parse::<f64>().ok()).unwrap_or_default();
        const MICROS_PER_TICK: f64 = 10_000.0;
        Ok((ticks(11) + ticks(12)) * MICROS_PER_TICK)
    }

    /// Resident memory, in MB.
    pub(crate) fn resident_mb(&self) -> Result<f64, Error> {
        resident_mb(self.0.id())
    }

    /// Stops it as Ctrl-C does and waits; it has to end without an error.
    pub(crate) fn stop(mut self) -> Result<(), Error> {
        let status = self.interrupt()?;
        if status.success() { Ok(()) } else { Err(format!("a stopped process ended with {status}").into()) }
    }

    /// Stops it as Ctrl-C does and waits, for programs that then end by the signal itself.
    pub(crate) fn end(mut self) -> Result<(), Error> {
        self.interrupt().map(|_| ())
    }

    fn interrupt(&mut self) -> Result<ExitStatus, Error> {
        signal(self.0.id(), Signal::INT)?;
        Ok(self.0.wait()?)
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // Already stopped ones refuse both.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Where the node of [`Process::node`] says that it is ready: the demo gives its first node this port.
pub(crate) fn node_ready(port: u16) -> String {
    format!("http://127.0.0.1:{}/ready", port + 12)
}

/// Sends a signal to a process that this bench or its demo has started.
pub(crate) fn signal(pid: u32, signal: Signal) -> Result<(), Error> {
    let pid = Pid::from_raw(i32::try_from(pid)?).ok_or("no pid")?;
    Ok(kill_process(pid, signal)?)
}

/// Resident memory of a process, in MB.
pub(crate) fn resident_mb(pid: u32) -> Result<f64, Error> {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status"))?;
    let line = status.lines().find(|line| line.starts_with("VmRSS:")).unwrap_or_default();
    let kb: f64 = line.split_whitespace().nth(1).and_then(|text| text.parse().ok()).unwrap_or(f64::NAN);
    Ok(kb / 1000.0)
}

/// Waits until a URL answers 200; returns how long it took, in milliseconds.
pub(crate) async fn ready(url: &str) -> Result<f64, Error> {
    let begun = Instant::now();
    let client = Client::new();
    while begun.elapsed() < HANG {
        if client.get(url).await.is_ok_and(|answer| answer.status == 200) {
            return Ok(begun.elapsed().as_secs_f64() * 1000.0);
        }
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    Err(format!("{url} was not ready within {} s", HANG.as_secs()).into())
}

/// The demo's credentials file.
pub(crate) fn credentials(data: &Path) -> Result<Value, Error> {
    Ok(serde_json::from_str(&std::fs::read_to_string(data.join("credentials"))?)?)
}
