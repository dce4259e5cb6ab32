//! A process that is killed while it writes keeps every command it acknowledged.

use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

use raft::Freshness;
use tempfile::tempdir;

use crate::support::Node;

/// Names the folder to the child that this test starts of itself.
const FOLDER: &str = "CONCLAVE_TEST_FOLDER";

/// What the child does: eight writers, each printing what was acknowledged, until it is killed.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn child() {
    #[expect(clippy::disallowed_methods, reason = "the way from the test to its child")]
    let Ok(folder) = std::env::var(FOLDER) else { return };
    let node = Arc::new(Node::start(folder.as_ref()).await);
    let run = std::process::id();
    let writers = (0..8).map(|writer| {
        let node = node.clone();
        tokio::spawn(async move {
            for round in 0_u64.. {
                let key = format!("{run}-{writer}-{round}");
                node.put(&key, "acknowledged").await;
                println!("acknowledged {key}");
            }
        })
    });
    futures_util::future::join_all(writers).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a02_every_acknowledged_command_survives_a_kill_under_writers() {
    let folder = tempdir().unwrap();
    let mut acknowledged = Vec::new();
    for round in 0..3 {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "kill::child", "--nocapture"])
            .env(FOLDER, folder.path())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let enough = acknowledged.len() + 200 + 150 * round;
        let mut killed = false;
        // What stands in the pipe was acknowledged, also after the kill. A line is one write, so none is cut.
        for line in lines.map_while(Result::ok) {
            acknowledged.extend(line.strip_prefix("acknowledged ").map(str::to_owned));
            if acknowledged.len() >= enough && !killed {
                child.kill().unwrap();
                killed = true;
            }
        }
        child.wait().unwrap();
        assert!(killed, "the child ended by itself");
    }
    let node = Node::start(folder.path()).await;
    let mut missing = Vec::new();
    for key in &acknowledged {
        if node.get(key, Freshness::AtLeast(node.cluster.position(0))).await.as_deref()
            != Some("acknowledged")
        {
            missing.push(key);
        }
    }
    assert!(missing.is_empty(), "{} of {} are missing: {missing:?}", missing.len(), acknowledged.len());
    let deadline = Duration::from_secs(5);
    tokio::time::timeout(deadline, node.stop()).await.unwrap();
}
