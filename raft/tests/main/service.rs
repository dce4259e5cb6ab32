//! What callers are promised while the node runs.

use std::sync::Arc;
use std::time::Duration;

use identity::refusal::Refusal;
use raft::{Change, Error, Freshness, ManualClock, Position, Role, Submitted, Unavailable};
use tempfile::tempdir;

use crate::support::{IDENTITY, NOW_MS, Node, Setup, eventually};

#[tokio::test]
async fn e08_an_applied_command_is_in_every_view_of_its_position() {
    let folder = tempdir().unwrap();
    let node = Node::start(folder.path()).await;
    for round in 0..20 {
        let position = node.put("key", &round.to_string()).await;
        for freshness in [
            Freshness::AtLeast(position),
            Freshness::Linearizable,
            Freshness::Bounded(Duration::ZERO),
            // With one node even this: a caller is answered after the write.
            Freshness::Stale,
        ] {
            assert_eq!(node.get("key", freshness).await, Some(round.to_string()), "{freshness:?}");
        }
        assert_eq!(node.cluster.position(position.index), position);
        assert_eq!(node.state.view().applied().unwrap().log.unwrap().index, position.index);
    }
    node.stop().await;
}

#[tokio::test]
async fn a_refused_command_leaves_no_row_and_does_not_disturb_its_neighbours() {
    let folder = tempdir().unwrap();
    let node = Node::start(folder.path()).await;
    let (before, refused, after) =
        tokio::join!(node.submit("put a=1"), node.submit("refuse b=2"), node.submit("put c=3"));
    assert!(matches!(before, Submitted::Applied { .. }));
    assert!(matches!(after, Submitted::Applied { .. }));
    let Submitted::Refused { refusal: Refusal::NotPermitted, position } = refused else {
        panic!("{refused:?}")
    };
    assert_eq!(node.get("b", Freshness::AtLeast(position)).await, None);
    let keys = node.state.view();
    let rows =
        identity::tables::Read::scan(&keys, identity::tables::Table::State, b"", b"\xff", 100).unwrap();
    assert_eq!(rows.len(), 2);
    node.stop().await;
}

#[tokio::test]
async fn e16_positions_of_another_history_are_refused() {
    let folder = tempdir().unwrap();
    let node = Node::start(folder.path()).await;
    let position = node.put("a", "1").await;
    for other in [
        Position { lineage: IDENTITY.lineage - 1, ..position },
        Position { lineage: IDENTITY.lineage + 1, ..position },
        Position { shard: 1, ..position },
    ] {
        let view = node.cluster.view(Freshness::AtLeast(other)).await;
        assert_eq!(view.map(|_| ()), Err(Unavailable::OtherHistory), "{other}");
    }
    node.stop().await;
}

#[tokio::test]
async fn e17_a_clock_an_hour_back_does_not_move_log_time_back() {
    let folder = tempdir().unwrap();
    let clock = Arc::new(ManualClock::new(NOW_MS));
    let setup = || Setup { clock: clock.clone(), ..Setup::default() };
    let node = Node::with(folder.path(), setup()).await;
    node.put("a", "1").await;
    assert_eq!(node.cluster.status().log_time_ms, NOW_MS);

    clock.set_wall_ms(NOW_MS - 3_600_000);
    clock.pass(Duration::from_millis(1500));
    node.put("a", "2").await;
    let status = node.cluster.status();
    assert_eq!((status.log_time_ms, status.behind_ms), (NOW_MS + 1500, 3_600_000));
    node.stop().await;

    // Nor does it across a restart.
    let node = Node::with(folder.path(), setup()).await;
    clock.pass(Duration::from_millis(500));
    node.put("a", "3").await;
    assert_eq!(node.cluster.status().log_time_ms, NOW_MS + 2000);
    clock.set_wall_ms(NOW_MS + 60_000);
    node.put("a", "4").await;
    let status = node.cluster.status();
    assert_eq!((status.log_time_ms, status.behind_ms), (NOW_MS + 60_000, 0));
    node.stop().await;
}

#[tokio::test]
async fn e22_a_cluster_is_begun_once() {
    let folder = tempdir().unwrap();
    let node = Node::start(folder.path()).await;
    assert_eq!(node.cluster.initialize().await, Err(Error::AlreadyInitialized));
    node.put("a", "1").await;
    node.stop().await;
    let node = Node::start(folder.path()).await;
    assert_eq!(node.cluster.initialize().await, Err(Error::AlreadyInitialized));
    let status = node.cluster.status();
    assert_eq!((status.role, status.leader, status.voters), (Role::Leader, Some(1), vec![1]));
    node.stop().await;
}

#[tokio::test]
async fn changes_are_announced_after_they_can_be_read() {
    let folder = tempdir().unwrap();
    let node = Node::start(folder.path()).await;
    let mut changes = node.cluster.changes();
    let position = node.put("a", "1").await;
    let change = changes.recv().await.unwrap();
    let expected = Change::Written {
        index: position.index,
        keys: vec![(identity::tables::Table::State, b"a".to_vec())],
    };
    assert_eq!(*change, expected);
    node.stop().await;
}

#[tokio::test]
async fn linearizable_reads_share_rounds() {
    let folder = tempdir().unwrap();
    let node = Arc::new(Node::start(folder.path()).await);
    node.put("a", "1").await;
    let before = node.cluster.status().rounds;
    let reads = (0..500).map(|_| {
        let node = node.clone();
        async move { node.get("a", Freshness::Linearizable).await }
    });
    let read = futures_util::future::join_all(reads).await;
    assert!(read.iter().all(|value| value.as_deref() == Some("1")));
    let rounds = node.cluster.status().rounds - before;
    assert!((1..50).contains(&rounds), "{rounds} rounds for 500 reads");
}

#[tokio::test]
async fn a_fault_in_a_command_ends_the_node() {
    let folder = tempdir().unwrap();
    let node = Node::start(folder.path()).await;
    assert_eq!(node.submit("fault").await, Submitted::Unknown);
    eventually("the hook is called", || !node.fatals.lock().unwrap().is_empty()).await;
    assert_eq!(node.fatals.lock().unwrap()[0].cause, raft::Cause::State);
}

#[tokio::test]
async fn a02_a_failed_sync_ends_the_node_and_acknowledges_nothing() {
    let folder = tempdir().unwrap();
    let node = Arc::new(Node::start(folder.path()).await);
    node.log.hold();
    let submitted = tokio::spawn({
        let node = node.clone();
        async move { node.submit("put a=1").await }
    });
    eventually("it is appended", || {
        node.cluster.status().entries == 1 && node.log.state().last > node.state.applied().log
    })
    .await;
    node.log.fail();
    assert_eq!(submitted.await.unwrap(), Submitted::Unknown);
    assert_eq!(node.fatals.lock().unwrap()[0].cause, raft::Cause::Log);
}

use storage::LogBackend as _;
