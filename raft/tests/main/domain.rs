//! The domain's own machine, through the log.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use identity::command::Command;
use identity::encoding::encode;
use identity::envelope::{Caller, Envelope, Remember};
use identity::execute::{Machine, look_up};
use identity::id::{Fixed, SYSTEM};
use identity::keyring::Keyring;
use identity::level::RaiseLevel;
use identity::refusal::Refusal;
use identity::time::Timestamp;
use raft::{Freshness, NotApplied, Submitted};
use tempfile::tempdir;

use crate::support::{NOW_MS, Node, Setup};

const PATIENCE: Duration = Duration::from_secs(20);

fn setup() -> Setup {
    let keyring = Keyring::new(crypto::ClusterKey::new(crypto::Secret::new([5; 32])));
    Setup { machine: Arc::new(Machine::new(keyring)), ..Setup::default() }
}

fn envelope(request: u8) -> Envelope {
    Envelope {
        request: Fixed([request; 16]),
        not_after: Timestamp(NOW_MS + 10_000),
        instance: SYSTEM,
        caller: Caller::system(),
        remember: Remember::Retry,
        number: RaiseLevel::NUMBER,
        body: encode(&RaiseLevel { level: 1 }),
    }
}

async fn submit(node: &Node, envelope: &Envelope) -> Submitted {
    node.cluster.submit(Bytes::from(encode(envelope)), PATIENCE).await
}

#[tokio::test]
async fn e11_a_repeated_request_is_answered_from_the_first_also_after_a_restart() {
    let folder = tempdir().unwrap();
    let node = Node::with(folder.path(), setup()).await;
    let Submitted::Applied { reply, position } = submit(&node, &envelope(1)).await else {
        panic!("not applied")
    };
    let before = node.state.applied().digest;
    node.stop().await;

    let node = Node::with(folder.path(), setup()).await;
    assert_eq!(node.state.applied().digest, before);
    let again = submit(&node, &envelope(1)).await;
    assert!(matches!(&again, Submitted::Applied { reply: second, .. } if *second == reply), "{again:?}");
    let view = node.cluster.view(Freshness::Linearizable).await.unwrap();
    let seen = look_up(&view, envelope(1).instance, &envelope(1).request).unwrap().unwrap();
    assert_eq!((seen.index, Bytes::from(seen.reply)), (position.index, reply));
    node.stop().await;
}

#[tokio::test]
async fn an_expired_request_is_refused_and_an_unknown_one_not_proposed() {
    let folder = tempdir().unwrap();
    let node = Node::with(folder.path(), setup()).await;
    let late = Envelope { not_after: Timestamp(NOW_MS - 1), ..envelope(1) };
    let submitted = submit(&node, &late).await;
    assert!(matches!(submitted, Submitted::Refused { refusal: Refusal::Expired, .. }), "{submitted:?}");
    for unreadable in
        [Envelope { number: u16::MAX, ..envelope(2) }, Envelope { body: vec![0xff], ..envelope(2) }]
    {
        assert_eq!(submit(&node, &unreadable).await, Submitted::NotApplied(NotApplied::Unreadable));
    }
    node.stop().await;
}
