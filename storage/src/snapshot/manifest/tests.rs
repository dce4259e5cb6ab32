//! The manifest's shape on disk, and what is refused in one.

use super::*;

fn manifest() -> Manifest {
    let file = |name: &str| FileEntry { name: name.into(), size: 3, hash: [5; 32] };
    Manifest {
        format: FORMAT,
        cluster: *b"0123456789abcdef",
        lineage: 2,
        log: Some(Position { term: 3, node: 2, index: 258 }),
        membership: b"members".to_vec(),
        time_ms: 1_700_000_000_000,
        digest: [7; 32],
        logical_hash: [9; 32],
        files: vec![file("000012.sst"), file("CURRENT")],
    }
}

#[test]
#[expect(clippy::disallowed_methods, reason = "the way to remake golden files")]
fn a_manifest_equals_its_golden_file_and_comes_back_whole() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("goldens/manifest-1.json");
    let bytes = manifest().encode().unwrap();
    if std::env::var("CONCLAVE_GOLDENS").as_deref() == Ok("write") {
        std::fs::write(&path, &bytes).unwrap();
    }
    assert_eq!(std::fs::read_to_string(&path).unwrap_or_default(), String::from_utf8(bytes.clone()).unwrap());
    assert_eq!(Manifest::decode(&bytes), Ok(manifest()));
}

#[test]
fn a_changed_manifest_is_refused() {
    let bytes = manifest().encode().unwrap();
    for at in 0..bytes.len() {
        let mut wrong = bytes.clone();
        wrong[at] ^= 1;
        match Manifest::decode(&wrong) {
            // Space between fields carries nothing.
            Ok(same) => assert!(bytes[at].is_ascii_whitespace() && same == manifest(), "byte {at}"),
            Err(error) => assert!(matches!(error, Error::CorruptSnapshot { .. }), "{error}"),
        }
    }
}

#[test]
fn names_that_lead_elsewhere_are_refused() {
    for name in ["../x", "a/b", "", ".", "..", ".hidden", "MANIFEST.json", "a\0b", "CURRENT"] {
        let mut manifest = manifest();
        manifest.files[0].name = name.into();
        if name == "CURRENT" {
            assert!(Manifest::decode(&manifest.encode().unwrap()).is_err(), "a name twice");
            continue;
        }
        assert!(Manifest::decode(&manifest.encode().unwrap()).is_err(), "{name:?}");
    }
}
