//! What is left after a stop, a crash, a snapshot and a purge.

use std::path::Path;
use std::time::Duration;

use raft::{Freshness, Retention, Timing};
use storage::LogBackend as _;
use storage::retention::Policy;
use tempfile::tempdir;

use crate::support::{Node, Setup, eventually};

/// What must be equal before and after.
fn known(node: &Node) -> (u64, [u8; 32], [u8; 32]) {
    let applied = node.state.applied();
    (applied.time_ms, applied.digest, node.state.logical_hash().unwrap())
}

fn copy(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    // What goes while it is copied is a snapshot or a file that nothing needs any more.
    let Ok(items) = std::fs::read_dir(from) else { return };
    for item in items.map(Result::unwrap) {
        let target = to.join(item.file_name());
        if item.file_type().unwrap().is_dir() {
            copy(&item.path(), &target);
        } else {
            match std::fs::copy(item.path(), &target) {
                Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
                copied => drop(copied.unwrap()),
            }
        }
    }
}

#[tokio::test]
async fn a_restart_keeps_state_log_time_and_digest() {
    let folder = tempdir().unwrap();
    let node = Node::start(folder.path()).await;
    for number in 0..50 {
        node.put(&format!("k{number}"), "v").await;
    }
    let before = known(&node);
    node.stop().await;
    let node = Node::start(folder.path()).await;
    assert_eq!(known(&node), before);
    assert_eq!(node.get("k49", Freshness::Stale).await.as_deref(), Some("v"));
    node.stop().await;
}

#[tokio::test]
async fn e07_an_image_of_the_folder_taken_while_it_runs_re_applies_to_the_same_digest() {
    let folder = tempdir().unwrap();
    let node = Node::start(folder.path()).await;
    for number in 0..30 {
        node.put(&format!("k{number}"), "v").await;
    }
    node.state.flush().unwrap();
    for number in 30..60 {
        node.put(&format!("k{number}"), "v").await;
    }
    // The state's memory is not in the image: the thirty later commands must come from the log.
    assert!(node.state.durable().unwrap().log < node.state.applied().log);
    let image = tempdir().unwrap();
    copy(folder.path(), image.path());
    let before = known(&node);
    let restored = Node::start(image.path()).await;
    assert_eq!(known(&restored), before);
    assert_eq!(restored.get("k59", Freshness::Linearizable).await.as_deref(), Some("v"));
    // And both go on alike.
    restored.put("k60", "v").await;
    node.stop().await;
    restored.stop().await;
}

#[tokio::test]
async fn a_snapshot_and_a_purge_leave_a_log_that_restarts() {
    let folder = tempdir().unwrap();
    let policy = Policy { bytes_max: 4000, ..Policy::default() };
    let retention = Retention { policy, look_every: Duration::from_millis(20), ..Retention::default() };
    let setup = || Setup { retention, ..Setup::default() };
    let node = Node::with(folder.path(), setup()).await;
    for number in 0..200 {
        node.put(&format!("k{number}"), &"v".repeat(50)).await;
    }
    eventually("the log is purged", || node.log.state().purged.is_some() && node.log.state().bytes <= 4000)
        .await;
    // The log's writer works in order, so the purge is on disk when a later write is: the image is of a folder at rest.
    node.put("settled", "v").await;
    let status = node.cluster.status();
    let purged = status.purged.unwrap();
    assert!(status.snapshot.unwrap() >= purged && purged < status.last.unwrap());
    assert!(node.state.durable().unwrap().log.unwrap().index >= purged);
    let before = known(&node);
    let image = tempdir().unwrap();
    copy(folder.path(), image.path());
    node.stop().await;
    for folder in [folder.path(), image.path()] {
        let node = Node::with(folder, setup()).await;
        assert_eq!(known(&node), before);
        assert_eq!(node.get("k0", Freshness::Linearizable).await, Some("v".repeat(50)));
        node.put("more", "v").await;
        node.stop().await;
    }
}

#[tokio::test]
async fn old_entries_are_purged_though_the_log_is_small() {
    let folder = tempdir().unwrap();
    let clock = std::sync::Arc::new(raft::ManualClock::new(crate::support::NOW_MS));
    let policy = Policy { age_ms_max: 60_000, ..Policy::default() };
    let retention = Retention { policy, look_every: Duration::from_millis(20), ..Retention::default() };
    let node = Node::with(folder.path(), Setup { clock: clock.clone(), retention, ..Setup::default() }).await;
    let old = node.put("old", "v").await;
    clock.pass(Duration::from_secs(30));
    let young = node.put("young", "v").await;
    clock.pass(Duration::from_secs(40));
    eventually("the old one is purged", || node.log.state().purged.is_some_and(|id| id.index >= old.index))
        .await;
    assert!(node.log.state().purged.unwrap().index < young.index);
    assert_eq!(node.get("old", Freshness::Linearizable).await.as_deref(), Some("v"));
    node.stop().await;
}

#[tokio::test]
async fn a_snapshot_covers_what_was_applied_when_it_was_asked_for() {
    let folder = tempdir().unwrap();
    let node = Node::start(folder.path()).await;
    let position = node.put("a", "1").await;
    assert!(node.cluster.snapshot().await.unwrap() >= Some(position.index));
    let position = node.put("a", "2").await;
    assert!(node.cluster.snapshot().await.unwrap() >= Some(position.index));
    node.stop().await;
}

#[tokio::test]
async fn one_voter_leads_without_waiting_for_an_election() {
    let folder = tempdir().unwrap();
    // Whoever waited for the silence after which an election is due would wait for minutes.
    let timing = Timing {
        election_min: Duration::from_secs(300),
        election_max: Duration::from_secs(600),
        ..Timing::LAN
    };
    for _ in 0..3 {
        let node = Node::with(folder.path(), Setup { timing, ..Setup::default() }).await;
        node.put("a", "1").await;
        node.stop().await;
    }
}
