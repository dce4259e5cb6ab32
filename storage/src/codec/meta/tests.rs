//! Golden files: what these rows look like on disk today and for ever.

use std::path::Path;

use super::*;
use crate::Entry;
use crate::codec::{entry, hex};

const ID: LogId = LogId { term: 3, node: 2, index: 258 };

fn applied() -> Applied {
    Applied {
        log: Some(ID),
        membership: Bytes::from_static(b"members"),
        time_ms: 1_700_000_000_000,
        digest: [7; 32],
        log_synced: 200,
    }
}

fn examples() -> Vec<(&'static str, Vec<u8>)> {
    let identity = NodeIdentity { cluster: *b"0123456789abcdef", node: 5, lineage: 2 };
    let logged = Entry { id: ID, payload: Bytes::from_static(b"payload") };
    vec![
        ("applied-1", encode_applied(&applied())),
        ("entry-1", entry::encode(&logged, 99)),
        ("identity-1", encode_identity(&identity)),
        ("number-1", encode_number(200)),
        ("position-1", encode_position(Some(ID))),
        ("position-none-1", encode_position(None)),
        ("purged-1", encode_purged(ID, 99)),
        ("vote-1", encode_vote(Vote { term: 3, node: 2, committed: true })),
    ]
}

#[test]
#[expect(clippy::disallowed_methods, reason = "the way to remake golden files")]
fn persisted_bytes_equal_their_golden_files() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("goldens");
    for (name, bytes) in examples() {
        let path = folder.join(format!("{name}.hex"));
        let text = hex::encode(&bytes) + "\n";
        if std::env::var("CONCLAVE_GOLDENS").as_deref() == Ok("write") {
            std::fs::write(&path, &text).unwrap();
        }
        assert_eq!(std::fs::read_to_string(&path).unwrap_or_default(), text, "{}", path.display());
    }
}

#[test]
fn rows_come_back_whole() {
    assert_eq!(decode_applied(&encode_applied(&applied()), 200), Some(applied()));
    assert_eq!(decode_position(&encode_position(Some(ID))), Some(Some(ID)));
    assert_eq!(decode_position(&encode_position(None)), Some(None));
    assert_eq!(decode_purged(&encode_purged(ID, 99)), Some((ID, 99)));
    let vote = Vote { term: 1, node: 9, committed: false };
    assert_eq!(decode_vote(&encode_vote(vote)), Some(vote));
    let identity = NodeIdentity { cluster: [3; 16], node: 1, lineage: 0 };
    assert_eq!(decode_identity(&encode_identity(&identity)), Some(identity));
    assert_eq!(decode_number(&encode_number(5)), Some(5));
}

#[test]
fn shorter_longer_and_newer_rows_are_refused() {
    let vote = encode_vote(Vote { term: 1, node: 9, committed: false });
    for length in 0..vote.len() {
        assert_eq!(decode_vote(&vote[..length]), None);
    }
    assert_eq!(decode_vote(&[vote.as_slice(), &[0]].concat()), None);
    let mut newer = vote;
    newer[0] = 2;
    assert_eq!(decode_vote(&newer), None);
}
