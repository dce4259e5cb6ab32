//! A network of the test's own: a namespace for each node, all on one bridge, and links that can be cut.
//!
//! Node K has the address 10.201.0.K and a loopback that nobody else reaches; the test gets into it by a thread of its
//! own ([`Dialer`]). A link is cut by the receiver: it drops what comes from the other one, so that a cut may have one
//! direction. Namespaces go with the network; those of a test that was killed go when the next one begins.

mod dialer;

pub use dialer::Dialer;

use crate::process::{PATH, Place};
use std::collections::BTreeSet;
use std::io::Write;
use std::net::Ipv4Addr;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};

/// What the names of our namespaces begin with; the process id of their test follows.
const PREFIX: &str = "conclave-test-";

/// Namespaces 1 to N, each reaches each until it is cut off.
#[derive(Debug)]
pub struct Network {
    hub: String,
    nodes: Vec<Member>,
    /// Who drops whose packets, as (from, to).
    cut: BTreeSet<(usize, usize)>,
}

#[derive(Debug)]
struct Member {
    name: String,
    dialer: Dialer,
}

impl Network {
    /// Makes a network of `count` nodes.
    ///
    /// # Panics
    /// When this machine does not allow it: it takes root, `ip` and `nft`.
    pub fn new(count: usize) -> Network {
        assert!(
            rustix::process::geteuid().is_root(),
            "network namespaces take root: run the tests as root, or in a container that has it"
        );
        sweep();
        static MADE: AtomicUsize = AtomicUsize::new(0);
        let own = format!("{PREFIX}{}-{}", std::process::id(), MADE.fetch_add(1, Ordering::Relaxed));
        let hub = format!("{own}-0");
        let mut network = Network { hub, nodes: Vec::new(), cut: BTreeSet::new() };
        let hub = network.hub.clone();
        ip(&["netns", "add", &hub]);
        ip(&["-n", &hub, "link", "add", "bridge", "type", "bridge"]);
        ip(&["-n", &hub, "link", "set", "bridge", "up"]);
        for node in 1..=count {
            let name = format!("{own}-{node}");
            let port = format!("port{node}");
            ip(&["netns", "add", &name]);
            let dialer = Dialer::into(Path::new("/run/netns").join(&name));
            network.nodes.push(Member { name: name.clone(), dialer });
            ip(&[
                "link", "add", "uplink", "netns", &name, "type", "veth", "peer", "name", &port, "netns", &hub,
            ]);
            ip(&["-n", &hub, "link", "set", &port, "master", "bridge", "up"]);
            let address = format!("{}/24", Network::address(node));
            ip(&["-n", &name, "address", "add", &address, "dev", "uplink"]);
            ip(&["-n", &name, "link", "set", "uplink", "up"]);
            ip(&["-n", &name, "link", "set", "lo", "up"]);
        }
        network
    }

    /// The address of a node.
    pub fn address(node: usize) -> Ipv4Addr {
        let last = u8::try_from(node).expect("there are few nodes");
        Ipv4Addr::new(10, 201, 0, last)
    }

    /// Where the processes of a node live.
    pub fn place(&self, node: usize) -> Place {
        Place::Namespace(self.nodes[node - 1].name.clone())
    }

    /// A way to the loopback of a node.
    pub fn dialer(&self, node: usize) -> Dialer {
        self.nodes[node - 1].dialer.clone()
    }

    /// Nothing that `from` sends reaches `to` any more; the other direction stays.
    pub fn cut_one_way(&mut self, from: usize, to: usize) {
        self.cut.insert((from, to));
        self.enforce(to);
    }

    /// The two hear nothing of each other any more.
    pub fn cut(&mut self, one: usize, other: usize) {
        self.cut_one_way(one, other);
        self.cut_one_way(other, one);
    }

    /// Cuts every link between the nodes of `side` and the others.
    pub fn part(&mut self, side: &[usize]) {
        for node in (1..=self.nodes.len()).filter(|node| !side.contains(node)) {
            for one in side {
                self.cut(*one, node);
            }
        }
    }

    /// Mends everything.
    pub fn heal(&mut self) {
        self.cut.clear();
        for node in 1..=self.nodes.len() {
            self.enforce(node);
        }
    }

    /// Tells a node's namespace, in one step, what it drops.
    fn enforce(&self, node: usize) {
        let mut rules = String::from(
            "flush ruleset\ntable inet cut {\nchain input {\ntype filter hook input priority 0; policy accept;\n",
        );
        for (from, _) in self.cut.iter().filter(|(_, to)| *to == node) {
            rules += &format!("ip saddr {} drop\n", Network::address(*from));
        }
        rules += "}\n}\n";
        let mut command = self.place(node).command("nft".as_ref());
        feed(command.args(["-f", "-"]), &rules);
    }
}

impl Drop for Network {
    fn drop(&mut self) {
        for name in self.nodes.iter().map(|node| &node.name).chain([&self.hub]) {
            remove(name);
        }
    }
}

/// Removes what tests have left that did not come to their end.
fn sweep() {
    for entry in std::fs::read_dir("/run/netns").into_iter().flatten().flatten() {
        let name = entry.file_name().to_string_lossy().into_owned();
        let pid = name.strip_prefix(PREFIX).and_then(|rest| rest.split('-').next());
        if pid.is_some_and(|pid| !Path::new("/proc").join(pid).exists()) {
            remove(&name);
        }
    }
}

fn remove(name: &str) {
    let mut command = Command::new("ip");
    // It may be half made, and somebody else may have removed it.
    let _ = command.args(["netns", "delete", name]).env("PATH", PATH).stderr(Stdio::null()).status();
}

fn ip(arguments: &[&str]) {
    let output = Command::new("ip").args(arguments).env("PATH", PATH).stdin(Stdio::null()).output();
    let output = output.unwrap_or_else(|error| panic!("ip can't be run: {error}"));
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "ip {}: {said}", arguments.join(" "));
}

fn feed(command: &mut Command, text: &str) {
    let child = command.stdin(Stdio::piped()).stderr(Stdio::piped()).spawn();
    let mut child = child.unwrap_or_else(|error| panic!("{command:?} can't be run: {error}"));
    let mut input = child.stdin.take().expect("it is piped");
    input.write_all(text.as_bytes()).expect("it reads");
    drop(input);
    let output = child.wait_with_output().expect("it is ours");
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{command:?} refuses {text}: {said}");
}

#[cfg(test)]
mod tests {
    use super::*;
    use rustix::thread::{LinkNameSpaceType, move_into_link_name_space};
    use std::fs::File;
    use std::io::Read;
    use std::net::{TcpListener, TcpStream};
    use std::os::fd::AsFd;
    use std::time::Duration;

    const PORT: u16 = 7000;
    /// A cut link answers nothing at all, so that this is how long a look takes.
    const SILENCE: Duration = Duration::from_millis(300);

    /// Does something on a thread within a node's namespace.
    fn inside<T: Send>(network: &Network, node: usize, work: impl FnOnce() -> T + Send) -> T {
        let name = &network.nodes[node - 1].name;
        std::thread::scope(|scope| {
            let entered = scope.spawn(move || {
                let file = File::open(Path::new("/run/netns").join(name)).expect("the namespace exists");
                move_into_link_name_space(file.as_fd(), Some(LinkNameSpaceType::Network))
                    .expect("we are root");
                work()
            });
            entered.join().expect("it does not fail")
        })
    }

    /// Whether `from` can connect to the listener of `to`.
    fn reaches(network: &Network, from: usize, to: usize) -> bool {
        let address = (Network::address(to), PORT).into();
        inside(network, from, || TcpStream::connect_timeout(&address, SILENCE).is_ok())
    }

    #[test]
    fn links_are_cut_in_one_direction_or_both_and_mended() {
        let mut network = Network::new(3);
        let listen = |node| TcpListener::bind((Network::address(node), PORT)).expect("the port is free");
        let _listeners: Vec<_> = (1..=3).map(|node| inside(&network, node, || listen(node))).collect();
        assert!(reaches(&network, 1, 2) && reaches(&network, 2, 3) && reaches(&network, 3, 1));

        network.cut(1, 2);
        assert!(!reaches(&network, 1, 2) && !reaches(&network, 2, 1));
        assert!(reaches(&network, 1, 3) && reaches(&network, 3, 2));
        network.heal();
        assert!(reaches(&network, 1, 2) && reaches(&network, 2, 1));

        network.part(&[3]);
        assert!(!reaches(&network, 1, 3) && !reaches(&network, 3, 2) && reaches(&network, 1, 2));
        network.heal();

        // What 1 sends on a connection does not arrive, what 2 sends does: to connect takes both.
        let (from, to) = (Network::address(1), Network::address(2));
        let listener = inside(&network, 2, || TcpListener::bind((to, PORT + 1))).expect("the port is free");
        let address = (to, PORT + 1).into();
        let mut client =
            inside(&network, 1, || TcpStream::connect_timeout(&address, SILENCE)).expect("a link");
        let (mut server, peer) = listener.accept().expect("a connection");
        assert_eq!(peer.ip(), from);
        network.cut_one_way(1, 2);
        Write::write_all(&mut client, b"lost").expect("the kernel takes it");
        Write::write_all(&mut server, b"kept").expect("the kernel takes it");
        let mut bytes = [0; 4];
        client.read_exact(&mut bytes).expect("this direction stays");
        assert_eq!(&bytes, b"kept");
        server.set_read_timeout(Some(SILENCE)).expect("a socket");
        assert!(server.read_exact(&mut bytes).is_err());
    }

    #[test]
    fn a_dialer_reaches_the_loopback_of_its_namespace_only() {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
        let network = Network::new(2);
        let bind = || TcpListener::bind(("127.0.0.1", PORT)).expect("the port is free");
        let _listener = inside(&network, 2, bind);
        assert!(runtime.block_on(network.dialer(2).connect(PORT)).is_ok());
        assert!(runtime.block_on(network.dialer(1).connect(PORT)).is_err());
        assert!(runtime.block_on(Dialer::Here.connect(PORT)).is_err());
    }
}
