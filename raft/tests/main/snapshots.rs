//! Which snapshots a node takes in, of those that are sent to it.

use bytes::Bytes;
use prost::Message;
use tonic::Code;

use crate::caller::{Caller, head};
use crate::group::{Group, credentials, identity};
use crate::support::{PATIENCE, eventually};

/// The first message of a snapshot.
#[derive(Clone, PartialEq, Message)]
struct First {
    #[prost(message, required, tag = "1")]
    head: SnapshotHead,
}

#[derive(Clone, PartialEq, Message)]
struct SnapshotHead {
    #[prost(message, required, tag = "1")]
    vote: Vote,
    #[prost(bytes = "bytes", tag = "2")]
    manifest: Bytes,
}

#[derive(Clone, Copy, PartialEq, Message)]
struct Vote {
    #[prost(uint64, tag = "1")]
    term: u64,
    #[prost(uint64, tag = "2")]
    node: u64,
    #[prost(bool, tag = "3")]
    committed: bool,
}

/// The beginning of a snapshot of node 1 that a leader of this term sends.
async fn first(group: &Group, term: u64) -> First {
    group.leader().await.put("a", "1").await;
    let snapshot = group.nodes[&1].state.build_snapshot().unwrap();
    let vote = Vote { term, node: 2, committed: true };
    First { head: SnapshotHead { vote, manifest: snapshot.manifest.encode().unwrap().into() } }
}

fn incoming(group: &Group) -> usize {
    let folder = group.path(1).join("snapshots");
    let entries = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name());
    entries.filter(|name| name.to_str().unwrap().starts_with("incoming-")).count()
}

#[tokio::test]
async fn the_snapshot_of_one_who_leads_no_more_is_answered_before_a_piece_of_it_has_come() {
    let group = Group::new(1).await;
    let first = first(&group, 0).await;
    let member = Caller::new(&group, 1, Some(&credentials(&group.authority, &identity(2))));
    let answer = member.begin_with("Snapshot", &head(&identity(2), 1), Some(first)).await;
    answer.unwrap();
    assert_eq!(incoming(&group), 0);
}

#[tokio::test]
async fn a_snapshot_ends_the_one_that_is_on_its_way() {
    let group = Group::new(1).await;
    let first = first(&group, 1000).await;
    let member = Caller::new(&group, 1, Some(&credentials(&group.authority, &identity(2))));
    let head = head(&identity(2), 1);
    let mut newer = Box::pin(async {
        eventually("the first is received", || incoming(&group) == 1).await;
        member.begin_with("Snapshot", &head, Some(first.clone())).await
    });
    let older = member.begin_with("Snapshot", &head, Some(first.clone()));
    let ended = tokio::select! {
        ended = older => ended.unwrap_err(),
        answer = &mut newer => panic!("it was answered: {answer:?}"),
        () = tokio::time::sleep(PATIENCE) => panic!("nobody was"),
    };
    assert_eq!((ended.code(), ended.message()), (Code::Aborted, "another snapshot has come since"));
    tokio::select! {
        answer = &mut newer => panic!("it was answered: {answer:?}"),
        () = async { eventually("the newer is received", || incoming(&group) == 1).await } => {}
    }
}
