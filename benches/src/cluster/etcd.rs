//! Three etcd processes on loopback, as Debian ships them: default durability, no tuning.

use super::trio::Trio;
use crate::Error;
use crate::process::Process;
use std::path::Path;
use std::process::Command;

const BINARY: &str = "/usr/bin/etcd";
const CLIENT_PORT: u16 = 28_200;
const PEER_PORT: u16 = 28_210;

/// What to say where it is not installed.
pub(crate) const MISSING: &str = "etcd is left out: /usr/bin/etcd is missing (apt-get install etcd-server)";

pub(crate) fn is_installed() -> bool {
    Path::new(BINARY).exists()
}

/// Starts three with their data under `folder`.
pub(crate) async fn start(folder: &Path) -> Result<Trio, Error> {
    let peers: Vec<String> = (0..3).map(|at| format!("n{at}={}", url(PEER_PORT + at))).collect();
    let peers = peers.join(",");
    let mut processes = Vec::new();
    for at in 0..3 {
        let (client, peer) = (url(CLIENT_PORT + at), url(PEER_PORT + at));
        let mut command = Command::new(BINARY);
        // It takes every option from the environment as well.
        command.env_clear();
        command.args(["--name", &format!("n{at}")]).arg("--data-dir").arg(folder.join(format!("etcd-{at}")));
        command.args(["--listen-client-urls", &client, "--advertise-client-urls", &client]);
        command.args(["--listen-peer-urls", &peer, "--initial-advertise-peer-urls", &peer]);
        command.args(["--initial-cluster", &peers, "--initial-cluster-state", "new"]);
        processes.push(Process::start(&mut command)?);
    }
    Trio::of(processes, (0..3).map(|at| url(CLIENT_PORT + at)).collect()).await
}

fn url(port: u16) -> String {
    format!("http://127.0.0.1:{port}")
}
