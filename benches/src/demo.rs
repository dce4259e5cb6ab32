//! The demo with three nodes, as an operator sees it: its `credentials` file and the operations side of each node.

use crate::Error;
use crate::http::{Client, basic};
use crate::process::{Process, credentials, ready};
use serde_json::Value;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

/// How long a demo may take until it is ready and has a leader; only a hang takes so long.
const HANG: Duration = Duration::from_secs(60);
const NODES: usize = 3;

/// A running demo.
pub(crate) struct Demo {
    process: Process,
    known: Value,
    folder: std::path::PathBuf,
}

/// A node of it.
#[derive(Clone)]
pub(crate) struct Node {
    pub(crate) pid: u32,
    public: String,
    operations: String,
}

impl Demo {
    /// Starts one with its data in `folder` and waits until all nodes are ready; returns how long that took, in
    /// milliseconds.
    pub(crate) async fn start(conclave: &Path, folder: &Path, port: u16) -> Result<(Demo, f64), Error> {
        let begun = Instant::now();
        let mut command = Command::new(conclave);
        command.args(["demo", "--nodes", &NODES.to_string(), "--port-base", &port.to_string()]);
        let process = Process::start(command.arg("--data").arg(folder))?;
        let mut demo = Demo { process, known: Value::Null, folder: folder.to_path_buf() };
        while demo.nodes().map_or(0, |nodes| nodes.len()) != NODES {
            if begun.elapsed() > HANG {
                return Err("the demo did not tell its nodes".into());
            }
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        for node in demo.nodes()? {
            node.ready().await?;
        }
        let took = begun.elapsed().as_secs_f64() * 1000.0;
        demo.known = credentials(folder)?;
        Ok((demo, took))
    }

    /// Its nodes with their processes of this moment.
    pub(crate) fn nodes(&self) -> Result<Vec<Node>, Error> {
        let known = credentials(&self.folder)?;
        let listed = known["nodes"].as_array().ok_or("the credentials list no nodes")?;
        listed.iter().map(Node::of).collect()
    }

    /// Who leads, and at which place it stands, once all are ready.
    pub(crate) async fn leader(&self) -> Result<(usize, Node), Error> {
        let begun = Instant::now();
        while begun.elapsed() < HANG {
            let mut leaders = Vec::new();
            // While one of them is away it has no process, and the file does not list three.
            for (at, node) in self.nodes().unwrap_or_default().into_iter().enumerate() {
                if node.ready().await.is_ok() && node.leads().await.unwrap_or(false) {
                    leaders.push((at, node));
                }
            }
            if let ([_], Some(leader)) = (leaders.as_slice(), leaders.last()) {
                return Ok(leader.clone());
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        Err("the demo has no leader".into())
    }

    /// The issuer's URL, which is the edge's.
    pub(crate) fn issuer(&self) -> &str {
        self.known["issuer"].as_str().unwrap_or_default()
    }

    /// What a client is known by, as an `Authorization` value.
    pub(crate) fn authorization(&self, client: &str) -> String {
        let text = |name: &str| self.known[client][name].as_str().unwrap_or_default().to_owned();
        basic(&text("client_id"), &text("client_secret"))
    }

    /// Stops all of it.
    pub(crate) fn stop(self) -> Result<(), Error> {
        self.process.stop()
    }
}

impl Node {
    fn of(listed: &Value) -> Result<Node, Error> {
        let url = |name: &str| match listed[name].as_str() {
            Some(text) if text.starts_with("http") => Ok(text.trim_end_matches('/').to_owned()),
            Some(text) => Ok(format!("http://{text}")),
            None => Err(Error::from(format!("a node of the credentials has no {name}"))),
        };
        let pid = listed["pid"].as_u64().ok_or("a node of the credentials has no pid")?;
        Ok(Node { pid: u32::try_from(pid)?, public: url("public")?, operations: url("operations")? })
    }

    /// An address of its public side.
    pub(crate) fn public(&self, path: &str) -> String {
        format!("{}{path}", self.public)
    }

    async fn ready(&self) -> Result<(), Error> {
        ready(&format!("{}/ready", self.operations)).await.map(|_| ())
    }

    async fn leads(&self) -> Result<bool, Error> {
        let answer = Client::new().get(&format!("{}/cluster", self.operations)).await?;
        let shown: Value = serde_json::from_slice(&answer.body)?;
        Ok(shown["role"] == "leader")
    }
}
