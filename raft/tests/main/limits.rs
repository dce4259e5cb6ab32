//! Packing, and what happens when there is too much.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use raft::{COMMAND_BYTES_MAX, Freshness, NotApplied, Submitted};
use tempfile::tempdir;
use tokio::task::JoinSet;

use crate::support::{Node, eventually};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_arrives_while_entries_are_in_flight_is_packed_into_one() {
    let folder = tempdir().unwrap();
    let node = Arc::new(Node::start(folder.path()).await);
    let mut writers = JoinSet::new();
    for writer in 0..64 {
        let node = node.clone();
        writers.spawn(async move {
            let mut positions = Vec::new();
            for round in 0..20 {
                positions.push(node.put(&format!("{writer}-{round}"), "x").await.index);
            }
            positions
        });
    }
    let positions = writers.join_all().await.concat();
    let status = node.cluster.status();
    assert_eq!((positions.len(), status.commands), (1280, 1280));
    let entries = positions.into_iter().collect::<BTreeSet<_>>().len() as u64;
    assert_eq!(status.entries, entries);
    assert!(entries * 2 < 1280, "{entries} entries for 1280 commands");
    assert_eq!(node.get("63-19", Freshness::Linearizable).await.as_deref(), Some("x"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn e27_a_full_queue_refuses_at_once_and_loses_nothing() {
    let folder = tempdir().unwrap();
    let node = Arc::new(Node::start(folder.path()).await);
    node.log.hold();
    let mut writers = JoinSet::new();
    for number in 0..40 {
        let node = node.clone();
        let command = format!("put {number}={}", "v".repeat(COMMAND_BYTES_MAX - 100));
        writers.spawn(async move { (number, node.submit(command).await) });
    }
    // 8 MiB hold 31 of them; the other nine come back while the disk stands still.
    let mut refused = BTreeSet::new();
    while refused.len() < 9 {
        let (number, submitted) = writers.join_next().await.unwrap().unwrap();
        assert_eq!(submitted, Submitted::NotApplied(NotApplied::Overloaded));
        refused.insert(number);
    }
    assert!(node.cluster.status().queued_bytes > 7 << 20);
    node.log.release();
    while let Some(written) = writers.join_next().await {
        let (number, submitted) = written.unwrap();
        assert!(matches!(submitted, Submitted::Applied { .. }), "{number}: {submitted:?}");
    }
    for number in 0..40 {
        let value = node.get(&number.to_string(), Freshness::Linearizable).await;
        assert_eq!(value.is_none(), refused.contains(&number), "{number}");
    }
    assert_eq!(node.cluster.status().queued_bytes, 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn e12_a_caller_who_gives_up_loses_nothing_and_a_late_command_never_applies() {
    let folder = tempdir().unwrap();
    let node = Arc::new(Node::start(folder.path()).await);
    node.log.hold();
    // Four entries fill what may be in flight; the fifth command stays in the queue.
    let soon = Duration::from_millis(300);
    let mut in_flight = JoinSet::new();
    for number in 1..=4 {
        let waiting = node.clone();
        in_flight
            .spawn(async move { waiting.cluster.submit(Bytes::from(format!("put {number}=x")), soon).await });
        eventually("it is proposed", || node.cluster.status().entries == number).await;
    }
    let dropped = tokio::spawn({
        let node = node.clone();
        async move { node.submit("put dropped=x").await }
    });
    eventually("it waits", || node.cluster.status().queued_bytes > 4 * 256 + 50).await;
    let late = node.cluster.submit(Bytes::from("put late=x"), soon).await;
    assert_eq!(late, Submitted::NotApplied(NotApplied::Late));
    for unknown in in_flight.join_all().await {
        assert_eq!(unknown, Submitted::Unknown);
    }
    dropped.abort();
    node.log.release();
    node.put("after", "x").await;
    for key in ["1", "4", "dropped"] {
        assert_eq!(node.get(key, Freshness::Linearizable).await.as_deref(), Some("x"), "{key}");
    }
    assert_eq!(node.get("late", Freshness::Linearizable).await, None);
}

#[tokio::test]
async fn what_no_replica_could_take_is_not_proposed() {
    let folder = tempdir().unwrap();
    let node = Node::start(folder.path()).await;
    let large = Bytes::from("x".repeat(COMMAND_BYTES_MAX + 1));
    assert_eq!(
        node.cluster.submit(large, Duration::from_secs(5)).await,
        Submitted::NotApplied(NotApplied::TooLarge)
    );
    let unreadable = Bytes::from_static(&[0xff, 0xfe]);
    assert_eq!(
        node.cluster.submit(unreadable, Duration::from_secs(5)).await,
        Submitted::NotApplied(NotApplied::Unreadable)
    );
    assert_eq!(node.cluster.status().entries, 0);
    node.cluster.shutdown().await.unwrap();
    assert_eq!(node.submit("put a=1").await, Submitted::NotApplied(NotApplied::Stopped));
}
