//! What the demo consists of: its nodes with their numbers, addresses and folders, and the file each is started by.

use crate::config::Config;
use crate::config::keys;
use crate::config::sources::Sources;
use crate::exit::{Outcome, io};
use crate::folder::{self, write_private};
use std::fs::DirBuilder;
use std::net::SocketAddr;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};

/// The demo on this machine.
#[derive(Clone, Debug)]
pub(super) struct Plan {
    /// Where it keeps everything, absolute.
    pub(super) data: PathBuf,
    /// Where the edge listens; the issuer has its port.
    pub(super) edge: SocketAddr,
    /// The nodes, in the order of their numbers.
    pub(super) nodes: Vec<Node>,
    /// What each node logs.
    pub(super) log_level: String,
}

/// A node of the demo.
#[derive(Clone, Debug)]
pub(super) struct Node {
    /// Its number, from 1.
    pub(super) number: u64,
    /// Its public side.
    pub(super) public: SocketAddr,
    /// Where it talks with the other nodes.
    pub(super) peers: SocketAddr,
    /// Its operations side.
    pub(super) operations: SocketAddr,
    /// Its data.
    pub(super) data: PathBuf,
    /// Its configuration.
    pub(super) config: PathBuf,
    /// What it logs.
    pub(super) log: PathBuf,
}

impl Node {
    /// Node `number` of the demo in `dir`, on three ports in a row.
    pub(super) fn new(dir: &Path, number: u64, [public, peers, operations]: [SocketAddr; 3]) -> Node {
        let of = |ending: &str| dir.join(format!("node-{number}{ending}"));
        Node { number, public, peers, operations, data: of(""), config: of(".toml"), log: of(".log") }
    }

    /// Whether its data was made.
    pub(super) fn is_made(&self) -> bool {
        is_made(&self.data)
    }
}

/// Whether a folder holds a node.
pub(super) fn is_made(data: &Path) -> bool {
    data.join("node.json").exists()
}

/// What the demo's own process logs: the edge has little to say.
const PARENT_LOG_LEVEL: &str = "warn";

impl Plan {
    /// The address that browsers see.
    pub(super) fn url(&self) -> String {
        format!("http://localhost:{}", self.edge.port())
    }

    /// The key that opens the data of every node.
    fn master_key(&self) -> PathBuf {
        self.data.join("master.key")
    }

    /// Makes the demo's folder, and writes the file that each node is started by.
    pub(super) fn write(&self) -> Outcome<()> {
        let mut builder = DirBuilder::new();
        builder.recursive(true).mode(0o700);
        builder.create(&self.data).map_err(|error| io("creating", &self.data, &error))?;
        folder::ensure_master_key(&self.master_key())?;
        for node in &self.nodes {
            write_private(&node.config, self.file(node).as_bytes())?;
        }
        // The level is the one thing in it that somebody chose.
        for node in self.nodes.iter().take(1) {
            Config::of(&mut self.sources(node, &self.log_level))?;
        }
        Ok(())
    }

    /// The configuration of a node while it lives in the demo's own process.
    pub(super) fn config(&self, node: &Node) -> Outcome<Config> {
        Config::of(&mut self.sources(node, PARENT_LOG_LEVEL))
    }

    /// Neither a file nor the environment disturbs the demo.
    fn sources(&self, node: &Node, log_level: &str) -> Sources {
        let mut sources = Sources::defaults();
        for (name, value) in self.values(node, log_level) {
            sources.take_option(name, Some(value));
        }
        sources
    }

    fn values(&self, node: &Node, log_level: &str) -> Vec<(&'static str, String)> {
        vec![
            (keys::DATA_DIR, node.data.display().to_string()),
            (keys::PUBLIC_LISTEN, node.public.to_string()),
            (keys::PUBLIC_URL, self.url()),
            (keys::PEERS_LISTEN, node.peers.to_string()),
            (keys::MASTER_KEY_FILE, self.master_key().display().to_string()),
            (keys::OPERATIONS_LISTEN, node.operations.to_string()),
            (keys::LOG_LEVEL, log_level.to_owned()),
            (keys::LOG_FORMAT, "text".to_owned()),
        ]
    }

    fn file(&self, node: &Node) -> String {
        let mut text = "# Written by `conclave demo` at each start.\n".to_owned();
        for (name, value) in self.values(node, &self.log_level) {
            text += &format!("{name} = {}\n", toml::Value::from(value));
        }
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_file_says_what_the_plan_says() {
        let address = |port| SocketAddr::from(([127, 0, 0, 1], port));
        let data = PathBuf::from("/tmp/a \"strange\" place");
        let plan = Plan {
            edge: address(8080),
            nodes: vec![Node::new(&data, 2, [address(8100), address(8101), address(8102)])],
            log_level: "info".to_owned(),
            data,
        };
        let table: toml::Table = plan.file(&plan.nodes[0]).parse().unwrap();
        assert_eq!(table["data_dir"].as_str(), Some("/tmp/a \"strange\" place/node-2"));
        assert_eq!(table["public"]["listen"].as_str(), Some("127.0.0.1:8100"));
        assert_eq!(table["public"]["url"].as_str(), Some("http://localhost:8080"));
        assert_eq!(table["operations"]["listen"].as_str(), Some("127.0.0.1:8102"));
        assert_eq!(table["log"]["level"].as_str(), Some("info"));
    }
}
