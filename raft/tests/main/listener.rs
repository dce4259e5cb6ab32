//! What the listener for peers does with callers who mean no good, or have gone.

use std::sync::atomic::Ordering;
use std::time::Duration;

use bytes::Bytes;
use crypto::certificate::fingerprint;
use raft::Invitation;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tonic::{Code, Status};

use crate::caller::{Caller, connect, head};
use crate::group::{CLUSTER, Group, credentials, identity};
use crate::support::{PATIENCE, eventually};

const METHODS: [&str; 9] =
    ["Append", "Replicate", "Vote", "Transfer", "Snapshot", "Forward", "ReadIndex", "Greet", "Unheard"];

async fn soon<T>(what: &str, answer: impl Future<Output = T>) -> T {
    tokio::time::timeout(PATIENCE, answer).await.unwrap_or_else(|_| panic!("{what} takes too long"))
}

fn refused(answer: Result<(), Status>) -> (Code, String) {
    let status = answer.unwrap_err();
    (status.code(), status.message().to_owned())
}

#[tokio::test]
async fn a_stranger_is_refused_before_he_has_sent_his_message() {
    let group = Group::new(1).await;
    let stranger = Caller::new(&group, 1, None);
    for method in METHODS {
        let answer = soon(method, stranger.begin(method, &head(&identity(2), 1))).await;
        let expected = (Code::Unauthenticated, "only members of the cluster may call this".to_owned());
        assert_eq!(refused(answer), expected, "{method}");
    }
}

#[tokio::test]
async fn a_member_whose_call_is_not_for_this_node_is_refused_before_he_has_sent_his_message() {
    let group = Group::new(1).await;
    let member = Caller::new(&group, 1, Some(&credentials(&group.authority, &identity(2))));
    for method in ["Append", "Snapshot", "Forward"] {
        let answer = soon(method, member.begin(method, &head(&identity(2), 3))).await;
        let expected = r#"conclave-target is "3" in the call, but "1" here"#.to_owned();
        assert_eq!(refused(answer), (Code::FailedPrecondition, expected), "{method}");
    }
}

#[tokio::test]
async fn what_a_stranger_says_to_join_is_short() {
    let group = Group::new(1).await;
    let stranger = Caller::new(&group, 1, None);
    let head = head(&identity(2), 1);
    let join = |bytes| stranger.call("Join", &head, Bytes::from(vec![b'a'; bytes]));
    assert_eq!(refused(join(4000).await), (Code::FailedPrecondition, "no".to_owned()));
    let (code, text) = refused(join(5000).await);
    assert_eq!(code, Code::OutOfRange, "{text}");
}

#[tokio::test]
async fn a_member_that_vanished_is_noticed() {
    /// The preface of HTTP/2, and settings that change nothing.
    const BEGINNING: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0";
    let group = Group::new(1).await;
    let mut gone = connect(&group, 1, Some(&credentials(&group.authority, &identity(2)))).await;
    gone.write_all(BEGINNING).await.unwrap();
    // It never answers what it reads here. The end comes with a word of TLS or without one.
    let _ = soon("the end", gone.read_to_end(&mut Vec::new())).await;
}

#[tokio::test]
async fn a_member_gets_in_among_silent_connections() {
    let group = Group::new(1).await;
    group.leader().await;
    let address = group.addresses[&1];
    let silent = async {
        let mut open = Vec::new();
        for number in 0.. {
            open.push(TcpStream::connect(address).await);
            if number > 100 {
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        }
    };
    let calls = async {
        // It comes when all places have been taken for a while, and does not wait until they are given back.
        tokio::time::sleep(Duration::from_millis(500)).await;
        let member = Caller::new(&group, 1, Some(&credentials(&group.authority, &identity(2))));
        let head = head(&identity(2), 1);
        let answer = member.call("ReadIndex", &head, ());
        tokio::time::timeout(Duration::from_secs(3), answer).await.expect("it is answered").unwrap();
    };
    tokio::select! {
        () = silent => {}
        () = calls => {}
    }
}

#[tokio::test]
async fn idle_strangers_keep_nobody_from_joining() {
    let group = Group::new(1).await;
    let mut idle = Vec::new();
    for _ in 0..40 {
        idle.push(connect(&group, 1, None).await);
    }
    assert_eq!(join(&group, "please").await, Ok(Bytes::from_static(b"come in")));
    // Who is being answered is not sent away by those who come after him.
    let (answer, ()) = tokio::join!(join(&group, "may I wait"), async {
        let door = &group.nodes[&1].door;
        eventually("he is being answered", || door.asked.load(Ordering::SeqCst)).await;
        for _ in 0..40 {
            idle.push(connect(&group, 1, None).await);
        }
        door.open.notify_one();
    });
    assert_eq!(answer, Ok(Bytes::from_static(b"come in")));
}

async fn join(group: &Group, question: &'static str) -> Result<Bytes, String> {
    let invitation = Invitation {
        cluster: CLUSTER,
        authority: fingerprint(group.authority.certificate()),
        address: group.addresses[&1].to_string(),
    };
    raft::join(&invitation, Bytes::from_static(question.as_bytes()), PATIENCE).await
}
