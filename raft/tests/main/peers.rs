//! Who is let in by the listener for peers, and who is not.

use bytes::Bytes;
use crypto::certificate::fingerprint;
use raft::{Credentials, Invitation, Submitted, Tls};
use storage::NodeIdentity;
use tonic::Code;

use crate::caller::{Caller, head};
use crate::group::{CLUSTER, Group, authority, copy, credentials, identity};
use crate::support::{PATIENCE, eventually};

/// Starts node 3 with these credentials beside two well ones, and says whether it becomes ready within a while.
async fn becomes_ready(identity: NodeIdentity, proof: impl FnOnce(&Group) -> Credentials) -> bool {
    let mut group = Group::new(2).await;
    let tls = Tls::new(&proof(&group)).unwrap();
    group.try_start_as(identity, tls).await.unwrap();
    let wanted = group.wanted([1, 2, identity.node]);
    for _ in 0..40 {
        // What fails is what is looked at below.
        let _ = group.leader().await.cluster.lead_members_to(&wanted).await;
        if group.status(identity.node).ready {
            return true;
        }
        tokio::time::sleep(std::time::Duration::from_millis(25)).await;
    }
    false
}

#[tokio::test]
async fn a_node_with_its_own_certificate_is_let_in() {
    let mut group = Group::new(2).await;
    group.start(3).await;
    let wanted = group.wanted([1, 2, 3]);
    let _ = group.leader().await.cluster.lead_members_to(&wanted).await;
    eventually("it is ready", || group.status(3).ready).await;
}

#[tokio::test]
async fn e20_node_2s_certificate_is_refused_as_node_3() {
    let mut group = Group::new(2).await;
    let tls = Tls::new(&credentials(&group.authority, &identity(2))).unwrap();
    group.try_start_as(identity(3), tls).await.unwrap();
    let wanted = group.wanted([1, 2, 3]);
    for _ in 0..20 {
        let _ = group.leader().await.cluster.lead_members_to(&wanted).await;
        tokio::time::sleep(std::time::Duration::from_millis(25)).await;
    }
    assert!(!group.status(3).ready);
    assert_eq!(group.leader().await.cluster.status().voters, [1]);
}

#[tokio::test]
async fn a_certificate_of_another_authority_is_refused() {
    assert!(!becomes_ready(identity(3), |_| credentials(&authority(), &identity(3))).await);
}

#[tokio::test]
async fn a_node_of_another_lineage_is_refused() {
    let issued_to = |identity| move |group: &Group| credentials(&group.authority, &identity);
    let other = NodeIdentity { lineage: 2, ..identity(3) };
    assert!(!becomes_ready(other, issued_to(other)).await);
    assert!(becomes_ready(identity(3), issued_to(identity(3))).await, "all else is as it must be");
}

#[tokio::test]
async fn a_call_that_is_meant_for_another_is_refused_by_each_field_of_its_head() {
    let group = Group::new(1).await;
    group.leader().await;
    let proof = credentials(&group.authority, &identity(2));
    let member = Caller::new(&group, 1, Some(&proof));
    let right = head(&identity(2), 1);
    member.call("ReadIndex", &right, ()).await.unwrap();
    let here = crypto::hex(&CLUSTER);
    let elsewhere = crypto::hex(&[6; 16]);
    let wrong = [
        ("conclave-protocol", "0", "1"),
        ("conclave-cluster", &elsewhere, &here),
        ("conclave-lineage", "2", "1"),
        ("conclave-target", "2", "1"),
    ];
    for (field, said, expected) in wrong {
        let mut head = right.clone();
        head.iter_mut().find(|(name, _)| *name == field).unwrap().1 = said.to_owned();
        let refused = member.call("ReadIndex", &head, ()).await.unwrap_err();
        let text = format!("{field} is {said:?} in the call, but {expected:?} here");
        assert_eq!((refused.code(), refused.message()), (Code::FailedPrecondition, text.as_str()));
    }
}

#[tokio::test]
async fn a_stranger_who_pins_the_authority_may_ask_to_join() {
    let group = Group::new(1).await;
    let invitation = Invitation {
        cluster: CLUSTER,
        authority: fingerprint(group.authority.certificate()),
        address: group.addresses[&1].to_string(),
    };
    let answer = raft::join(&invitation, Bytes::from_static(b"please"), PATIENCE).await;
    assert_eq!(answer, Ok(Bytes::from_static(b"come in")));
    let answer = raft::join(&invitation, Bytes::from_static(b"let me in"), PATIENCE).await;
    assert!(answer.unwrap_err().contains("no"));

    // Another authority than the one that was named, another cluster, nobody there.
    let other = Invitation { authority: [7; 32], ..invitation.clone() };
    assert!(raft::join(&other, Bytes::from_static(b"please"), PATIENCE).await.is_err());
    let other = Invitation { cluster: [6; 16], ..invitation.clone() };
    assert!(raft::join(&other, Bytes::from_static(b"please"), PATIENCE).await.is_err());
    let other = Invitation { address: "127.0.0.1:1".to_owned(), ..invitation };
    assert!(raft::join(&other, Bytes::from_static(b"please"), PATIENCE).await.is_err());
}

#[tokio::test]
async fn e21_a_removed_node_is_refused_and_withdraws() {
    let group = Group::voting(3).await;
    let leader = group.leader_id().await;
    let gone = group.follower_id().await;
    let rest: Vec<u64> = group.nodes.keys().copied().filter(|node| *node != gone).collect();
    for node in &rest {
        group.nodes[node].door.removed.lock().unwrap().push(gone);
    }
    // Until the others agree without it, it takes part: its vote may be needed for that.
    let written = group.nodes[&gone].put("a", "1").await;
    assert!(matches!(written, Submitted::Applied { .. }), "{written:?}");
    group.lead_to(rest.clone()).await;
    eventually("it has been told", || group.status(gone).withdrawn.is_some()).await;
    assert!(group.status(gone).withdrawn.unwrap().contains("was removed"));
    assert_eq!(group.status(leader).voters, rest);
}

#[tokio::test]
async fn e21_an_older_copy_of_a_node_does_not_start() {
    let mut group = Group::voting(3).await;
    let node = group.follower_id().await;
    group.nodes[&1].put("a", "1").await;
    group.converged().await;
    group.kill(node);
    let older = group.folder.path().join("older");
    copy(&group.path(node), &older);
    group.start(node).await;
    for key in 0..20 {
        group.nodes[&node].put(&key.to_string(), "1").await;
    }
    group.converged().await;
    eventually("the others were told", || {
        group
            .nodes
            .values()
            .all(|member| member.cluster.status().neighbours.values().all(|n| n.agrees == Some(true)))
    })
    .await;
    group.kill(node);
    std::fs::remove_dir_all(group.path(node)).unwrap();
    copy(&older, &group.path(node));
    let refused = group.try_start(node).await.unwrap_err();
    assert!(matches!(refused, raft::Error::Storage(storage::Error::LogTailLost { .. })), "{refused}");
}
