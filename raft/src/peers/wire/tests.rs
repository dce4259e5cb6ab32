//! What peers say comes out as it went in, and in the same bytes from build to build.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use identity::refusal::Refusal;

use super::*;
use crate::types::{LeaderId, Peer};

fn id(index: u64) -> types::LogId {
    types::LogId { leader_id: LeaderId { term: 3, node_id: 2 }, index }
}

fn vote() -> types::Vote {
    types::Vote { leader_id: LeaderId { term: 9, node_id: 4 }, committed: true }
}

fn at(index: u64) -> Position {
    Position { shard: 0, lineage: 1, index }
}

/// Compares hex with the golden file; `CONCLAVE_GOLDENS=write` makes it.
fn golden(name: &str, message: &impl Message) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("goldens").join(format!("peers-{name}.hex"));
    let hex = crypto::hex(&message.encode_to_vec());
    #[expect(clippy::disallowed_methods, reason = "how `make goldens` asks for it")]
    let mode = std::env::var("CONCLAVE_GOLDENS");
    if mode.is_ok_and(|mode| mode == "write") {
        std::fs::write(&path, hex + "\n").unwrap();
        return;
    }
    let golden = std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    assert_eq!(hex, golden.trim_end(), "{name}");
}

fn append() -> rpc::AppendEntriesRequest<TypeConfig> {
    let peers = BTreeMap::from([1, 2].map(|id| (id, Peer::default())));
    let membership = types::Membership::new(vec![BTreeSet::from([1, 2])], peers).unwrap();
    let batch = frames::batch(1_790_000_000_000, 1, vec![Bytes::from_static(b"command")]).unwrap();
    let payloads =
        [types::Payload::Blank, types::Payload::Normal(batch), types::Payload::Membership(membership)];
    let entries = (5..).zip(payloads).map(|(index, payload)| types::Entry { log_id: id(index), payload });
    rpc::AppendEntriesRequest {
        vote: vote(),
        prev_log_id: Some(id(4)),
        entries: entries.collect(),
        leader_commit: Some(id(3)),
    }
}

#[test]
fn every_message_is_its_golden() {
    golden("append-request", &AppendRequest::from(&append()));
    let appended = rpc::AppendEntriesResponse::PartialSuccess(Some(id(5)));
    golden("append-response", &AppendResponse::from(appended));
    golden("replicate-response", &ReplicateResponse::from(Ok(Some(id(5)))));
    let asked = rpc::VoteRequest { vote: vote(), last_log_id: Some(id(7)), leadership_transfer: true };
    golden("vote-request", &VoteRequest::of(&asked, true));
    golden("vote-response", &VoteResponse::from(rpc::VoteResponse::new(vote(), Some(id(7)), true)));
    let transfer = rpc::TransferLeaderRequest::new(vote(), 3, Some(id(7)));
    golden("transfer-request", &TransferRequest::from(&transfer));
    let head = SnapshotHead { vote: Vote::from(&vote()), manifest: Bytes::from_static(b"{}") };
    golden("snapshot-head", &SnapshotPart { part: Some(Part::Head(head)) });
    let piece = SnapshotPiece { file: "1.sst".to_owned(), offset: 8, bytes: Bytes::from_static(b"piece") };
    golden("snapshot-piece", &SnapshotPart { part: Some(Part::Piece(piece)) });
    let commands = ["one", "two"].map(Bytes::from).to_vec();
    golden("forward-request", &ForwardRequest { commands, patience_ms: 2000 });
    let applied = Submitted::Applied { reply: Bytes::from_static(b"reply"), position: at(9) };
    let forwarded = [applied, Submitted::Unknown].map(Forwarded::from).to_vec();
    golden("forward-response", &ForwardResponse { forwarded });
    let greeting = Greeting {
        wall_ms: 1_790_000_000_000,
        applied: Some(7),
        digest: vec![7; 32].into(),
        ready: true,
        withdrawn: "why".to_owned(),
        version: "0.0.1".to_owned(),
        level_min: 1,
        level_max: 2,
        certificate_ends: 1_790_000_000,
        disk_free: 1 << 30,
        kept: 6,
        remembered: 5,
        hashed: 4,
        hash: vec![4; 32].into(),
    };
    golden("greeting", &greeting);
}

#[test]
fn entries_arrive_as_they_were_sent() {
    let sent = append();
    let bytes = AppendRequest::from(&sent).encode_to_vec();
    let arrived: rpc::AppendEntriesRequest<TypeConfig> =
        AppendRequest::decode(bytes.as_slice()).unwrap().try_into().unwrap();
    assert_eq!((arrived.vote, arrived.prev_log_id), (sent.vote, sent.prev_log_id));
    assert_eq!((arrived.entries, arrived.leader_commit), (sent.entries, sent.leader_commit));
}

#[test]
fn answers_to_entries_arrive_as_they_were_sent() {
    use rpc::AppendEntriesResponse as R;
    for answer in [
        R::Success,
        R::PartialSuccess(None),
        R::PartialSuccess(Some(id(5))),
        R::Conflict,
        R::HigherVote(vote()),
    ] {
        let arrived: R<TypeConfig> = AppendResponse::from(answer.clone()).try_into().unwrap();
        assert_eq!(arrived, answer);
    }
}

#[test]
fn answers_of_a_stream_arrive_as_they_were_sent() {
    use rpc::StreamAppendError::{Conflict, HigherVote};
    for answer in [Ok(None), Ok(Some(id(5))), Err(Conflict(id(4))), Err(HigherVote(vote()))] {
        assert_eq!(ReplicateResponse::from(answer.clone()).read(), Ok(answer));
    }
}

#[test]
fn every_fate_of_a_forwarded_command_arrives_as_it_was() {
    let reasons = REASONS.into_iter().chain([NotApplied::NotLeader { leader: Some(3) }]);
    let fates = [
        Submitted::Applied { reply: Bytes::from_static(b"reply"), position: at(9) },
        Submitted::Refused { refusal: Refusal::NotPermitted, position: at(9) },
        Submitted::Unknown,
    ];
    for fate in fates.into_iter().chain(reasons.map(Submitted::NotApplied)) {
        assert_eq!(Forwarded::from(fate.clone()).read(at), Ok(fate));
    }
}

#[test]
fn messages_that_lack_what_they_are_about_are_refused() {
    assert!(rpc::AppendEntriesResponse::<TypeConfig>::try_from(AppendResponse { appended: None }).is_err());
    assert!(ReplicateResponse { replicated: None }.read().is_err());
    assert!(Forwarded { fate: None }.read(at).is_err());
    for fate in [
        Fate::NotTaken(NotTaken { reason: u32::MAX, leader: None }),
        Fate::Settled(Settled { outcome: Bytes::from_static(b"\xff"), index: 1 }),
    ] {
        assert!(Forwarded { fate: Some(fate) }.read(at).is_err());
    }
    let entry = Entry { id: LogId::from(&id(1)), payload: Bytes::from_static(&[9, 9]) };
    let request = AppendRequest { entries: vec![entry], ..AppendRequest::from(&append()) };
    assert!(rpc::AppendEntriesRequest::<TypeConfig>::try_from(request).is_err());
}

#[test]
fn no_print_shows_a_command_or_a_secret() {
    let request = AppendRequest::from(&append());
    let forward = ForwardRequest { commands: vec![Bytes::from_static(b"command")], patience_ms: 1 };
    let join = JoinRequest { body: Bytes::from_static(b"command") };
    for print in [format!("{request:?}"), format!("{forward:?}"), format!("{join:?}")] {
        assert!(!print.contains("command") && !print.contains("99, 111"), "{print}");
    }
}
