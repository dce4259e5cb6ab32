//! Goldens of every frame, and what decoding refuses.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use super::*;
use crate::types::{LeaderId, Peer};

fn id(term: u64, node_id: u64, index: u64) -> types::LogId {
    types::LogId { leader_id: LeaderId { term, node_id }, index }
}

fn joint() -> types::Membership {
    let peer = |id: u64| (id, Peer { address: format!("node-{id}.example:7000") });
    let voters = vec![BTreeSet::from([1, 2, 3]), BTreeSet::from([2, 3, 4])];
    types::Membership::new(voters, (1..=5).map(peer).collect::<BTreeMap<_, _>>()).unwrap()
}

fn stored() -> types::StoredMembership {
    types::StoredMembership::new(Some(id(3, 2, 17)), joint())
}

fn commands() -> Vec<Bytes> {
    vec![Bytes::from_static(b"first"), Bytes::new(), Bytes::from_static(&[0, 255, 7])]
}

/// Compares hex with the golden file; `CONCLAVE_GOLDENS=write` makes it.
fn golden(name: &str, frame: &Bytes) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("goldens").join(format!("{name}.hex"));
    let hex: String = frame.iter().map(|byte| format!("{byte:02x}")).collect();
    #[expect(clippy::disallowed_methods, reason = "how `make goldens` asks for it")]
    let mode = std::env::var("CONCLAVE_GOLDENS");
    if mode.is_ok_and(|mode| mode == "write") {
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, hex + "\n").unwrap();
        return;
    }
    let golden = std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    assert_eq!(hex, golden.trim_end(), "{name}");
}

#[test]
fn every_frame_is_its_golden_and_reads_back() {
    golden("membership", &membership(&stored()));
    assert_eq!(read_membership(&membership(&stored())).unwrap(), stored());

    golden("entry-blank", &payload(&types::Payload::Blank));
    golden("entry-membership", &payload(&types::Payload::Membership(joint())));
    let batch = types::Payload::Normal(batch(1_790_000_000_000, 1, commands()).unwrap());
    golden("entry-batch", &payload(&batch));
    for entry in [types::Payload::Blank, types::Payload::Membership(joint()), batch] {
        assert_eq!(read_payload(&payload(&entry)).unwrap(), entry);
    }
}

#[test]
fn no_bytes_are_no_membership_and_nothing_else() {
    assert_eq!(read_membership(&Bytes::new()).unwrap(), types::StoredMembership::default());
    assert_eq!(read_payload(&Bytes::new()), Err(Error::Empty));
}

#[test]
fn another_format_is_refused() {
    let mut frame = payload(&types::Payload::Blank).to_vec();
    frame[0] = FORMAT + 1;
    assert_eq!(read_payload(&frame.into()), Err(Error::Format(FORMAT + 1)));
}

#[test]
fn an_unknown_field_is_refused_at_every_depth() {
    // Field 15, a varint: at the end of the entry, where protobuf would skip it.
    let mut frame = payload(&types::Payload::Blank).to_vec();
    frame.extend([15 << 3, 1]);
    assert_eq!(read_payload(&frame.into()), Err(Error::UnknownFields));
    // The same inside the batch: field 2 of the entry, of four bytes.
    let inside = [FORMAT, 2 << 3 | 2, 4, 1 << 3, 5, 15 << 3, 1];
    assert_eq!(read_payload(&inside.to_vec().into()), Err(Error::UnknownFields));
}

#[test]
fn a_cut_frame_is_refused() {
    let frame = payload(&types::Payload::Normal(batch(5, 1, commands()).unwrap()));
    for end in 1..frame.len() {
        assert!(read_payload(&frame.slice(..end)).is_err(), "cut at {end}");
    }
}

#[test]
fn a_batch_is_encoded_once_and_its_commands_are_slices_of_it() {
    let batch = batch(5, 1, commands()).unwrap();
    let within = batch.frame.as_ptr_range();
    for command in batch.commands.iter().filter(|command| !command.is_empty()) {
        assert!(within.contains(&command.as_ptr()));
    }
    assert_eq!(payload(&types::Payload::Normal(batch.clone())).as_ptr(), batch.frame.as_ptr());
}

#[test]
fn e28_no_print_of_a_batch_shows_a_command() {
    let batch = batch(5, 1, vec![Bytes::from_static(b"hunter2")]).unwrap();
    let entry = types::Entry { log_id: id(1, 1, 1), payload: types::Payload::Normal(batch.clone()) };
    for print in [format!("{batch:?} {batch}"), format!("{entry:?} {entry}")] {
        assert!(!print.contains("hunter2") && !print.contains("104, 117"), "{print}");
        assert!(print.contains("1 commands"), "{print}");
    }
}
