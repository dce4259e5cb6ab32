//! The demo's ports: all are taken before anything is made, so that one that is in use is named at once.

use super::plan::Node;
use crate::entropy::SystemEntropy;
use crate::exit::{Class, Failure, Outcome};
use crate::output::say;
use crypto::draw;
use std::io::ErrorKind;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::path::Path;
use std::time::Duration;

/// How far the ports of one node are from those of the next.
const STEP: u16 = 10;
/// A port base of 0 takes one from here …
const BASE_MIN: u16 = 10_000;
/// … to here, below the ports that systems give to outgoing connections, which come and go: …
const BASES: u16 = 220;
/// … so far apart that two demos never share a port. Whoever has the edge's has all, also while its nodes start.
const APART: u16 = 100;
/// How many bases are tried.
const TRIES: usize = 200;
/// How long nodes of an earlier demo may take to end when their demo was killed, …
const LEFT_BEHIND_SECS_MAX: u64 = 15;
/// … and how often is looked.
const LOOKS_PER_SEC: u64 = 5;

/// Taken ports. Each is given back right before its user takes it.
pub(super) struct Ports {
    /// The edge's.
    pub(super) edge: TcpListener,
    of_nodes: Vec<[TcpListener; 3]>,
}

impl Ports {
    /// Takes the ports from `base` on, or free ones if it is 0.
    pub(super) fn take(base: u16, nodes: u64) -> Outcome<Ports> {
        if base != 0 {
            return Ports::from(base, nodes);
        }
        for _ in 0..TRIES {
            let base = BASE_MIN + u16::from_le_bytes(draw(&SystemEntropy)) % BASES * APART;
            if let Ok(ports) = Ports::from(base, nodes) {
                return Ok(ports);
            }
        }
        Err(Failure::new(Class::PortInUse, "no ports are free: name a base with --port-base"))
    }

    /// The same, but waits for nodes that an earlier demo has left behind: they end by themselves.
    pub(super) async fn take_again(base: u16, nodes: u64) -> Outcome<Ports> {
        let mut taken = Ports::take(base, nodes);
        if let Err(failure) = &taken {
            // Nobody is left behind at the edge's port: it ends with its demo.
            bind(base, 0, "the edge")?;
            say(format_args!("{}; waiting whether it is of an earlier demo and ends …", failure.text));
        }
        for _ in 0..LEFT_BEHIND_SECS_MAX * LOOKS_PER_SEC {
            if taken.is_ok() {
                break;
            }
            tokio::time::sleep(Duration::from_millis(1000 / LOOKS_PER_SEC)).await;
            taken = Ports::take(base, nodes);
        }
        taken
    }

    fn from(base: u16, nodes: u64) -> Outcome<Ports> {
        let edge = bind(base, 0, "the edge")?;
        let mut of_nodes = Vec::new();
        for number in 1..=nodes {
            let first = u16::try_from(number).unwrap_or(u16::MAX).saturating_mul(STEP);
            let name = format!("node {number}");
            of_nodes.push([
                bind(base, first, &name)?,
                bind(base, first + 1, &name)?,
                bind(base, first + 2, &name)?,
            ]);
        }
        Ok(Ports { edge, of_nodes })
    }

    /// The nodes that have these ports.
    pub(super) fn nodes(&self, dir: &Path) -> Outcome<Vec<Node>> {
        let mut nodes = Vec::new();
        for (number, [public, peers, operations]) in (1..).zip(&self.of_nodes) {
            let addresses = [address(public)?, address(peers)?, address(operations)?];
            nodes.push(Node::new(dir, number, addresses));
        }
        Ok(nodes)
    }

    /// Gives the nodes' ports back, for the nodes to take.
    pub(super) fn release(self) -> TcpListener {
        self.edge
    }
}

/// Where a listener listens.
pub(super) fn address(listener: &TcpListener) -> Outcome<SocketAddr> {
    listener.local_addr().map_err(Failure::other)
}

fn bind(base: u16, offset: u16, whose: &str) -> Outcome<TcpListener> {
    let port = base.checked_add(offset).ok_or_else(|| {
        Failure::new(Class::Usage, format_args!("--port-base {base}: there are no ports after 65535"))
    })?;
    TcpListener::bind((Ipv4Addr::LOCALHOST, port)).map_err(|error| {
        let text = match error.kind() {
            ErrorKind::AddrInUse => format!(
                "port {port} of {whose} is in use by another process: stop that one, or choose other ports with \
                 --port-base"
            ),
            _ => format!("port {port} of {whose} can't be listened on: {error}"),
        };
        Failure::new(Class::PortInUse, text)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ports_follow_the_base() {
        let ports = Ports::take(0, 3).unwrap();
        let base = address(&ports.edge).unwrap().port();
        let nodes = ports.nodes(Path::new("x")).unwrap();
        let of = |node: &Node| {
            [node.public.port(), node.peers.port(), node.operations.port()].map(|port| port - base)
        };
        assert_eq!(nodes.iter().map(of).collect::<Vec<_>>(), [[10, 11, 12], [20, 21, 22], [30, 31, 32]]);
        let failure = Ports::take(base, 1).err().unwrap();
        assert_eq!(failure.class, Class::PortInUse);
        assert!(failure.text.starts_with(&format!("port {base} of the edge is in use")), "{}", failure.text);
    }

    #[test]
    fn there_are_no_ports_after_the_last() {
        assert_eq!(Ports::take(65_530, 1).err().unwrap().class, Class::Usage);
    }
}
