//! Where the parts of a cluster lie: folders, configuration files, ports.
//!
//! The demo's layout is used throughout: from a base N on, the edge has port N, and node K the ports N+10K (public),
//! N+10K+1 (peers) and N+10K+2 (operations). In a network of its own each node has loopback for itself, and all have
//! the same ports.

use std::net::{Ipv4Addr, TcpListener};
use std::path::{Path, PathBuf};

/// The most nodes of a cluster.
pub const NODES_MAX: usize = 5;
/// Below the ports that systems give to outgoing connections: nothing takes them between a kill and the next start.
const PORTS: std::ops::Range<u16> = 20_000..31_000;
/// How many ports a cluster may use from its base on.
const PORTS_EACH: u16 = 64;

/// Where one node lies.
#[derive(Clone, Debug)]
pub struct Layout {
    /// Its configuration file.
    pub config: PathBuf,
    /// Its data folder.
    pub data: PathBuf,
    /// What it has written to standard output and error.
    pub log: PathBuf,
    /// Port of the public side.
    pub public: u16,
    /// Port for the other nodes.
    pub peers: u16,
    /// Port of the operations side.
    pub operations: u16,
}

impl Layout {
    /// Node `number` under `folder`, with the ports of this base.
    pub fn new(folder: &Path, number: usize, base: u16) -> Layout {
        let first = base + 10 * u16::try_from(number).expect("there are few nodes");
        Layout {
            config: folder.join(format!("node-{number}.toml")),
            data: folder.join(format!("node-{number}")),
            log: folder.join(format!("node-{number}.log")),
            public: first,
            peers: first + 1,
            operations: first + 2,
        }
    }

    /// Writes the configuration file of a node that the others reach at `address`.
    pub fn write(&self, address: Ipv4Addr, issuer: &str, master_key: &Path) {
        let Layout { config, data, public, peers, operations, .. } = self;
        let text = format!(
            "data_dir = \"{data}\"\n\
             master_key_file = \"{key}\"\n\
             [public]\nlisten = \"127.0.0.1:{public}\"\nurl = \"{issuer}\"\n\
             [peers]\nlisten = \"{address}:{peers}\"\naddress = \"{address}:{peers}\"\n\
             [operations]\nlisten = \"127.0.0.1:{operations}\"\n\
             [log]\nlevel = \"info\"\nformat = \"text\"\n",
            data = data.display(),
            key = master_key.display(),
        );
        std::fs::write(config, text).expect("the test's folder can be written to");
    }
}

/// A base from which on nobody listens.
pub fn free_base() -> u16 {
    // Two tests that look at the same time begin at different places.
    let start = u16::try_from(std::process::id() % 170).unwrap_or_default() * PORTS_EACH;
    let count = (PORTS.end - PORTS.start) / PORTS_EACH * PORTS_EACH;
    let bases = (0..count).step_by(usize::from(PORTS_EACH)).map(|step| PORTS.start + (start + step) % count);
    let is_free = |port: u16| TcpListener::bind((Ipv4Addr::LOCALHOST, port)).is_ok();
    let mut free = bases.filter(|base| (*base..base + PORTS_EACH).all(is_free));
    free.next().expect("some ports are free")
}

/// A master key for a cluster; the operator gives it to each node.
pub fn make_master_key(path: &Path) {
    let mut bytes = [0; 32];
    rustix::rand::getrandom(&mut bytes, rustix::rand::GetRandomFlags::empty())
        .expect("the system has chance");
    std::fs::write(path, format!("{}\n", crypto::hex(&bytes))).expect("the test's folder can be written to");
}
