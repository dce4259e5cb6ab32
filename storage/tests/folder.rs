//! Whose folder it is, and that one process has it.

use std::io::Write;

use storage::{Error, Log, NodeIdentity, State};

use crate::fixture::*;

const OTHER: NodeIdentity = NodeIdentity { cluster: [8; 16], node: 1, lineage: 0 };

#[test]
fn a_folder_is_created_once_and_for_one_identity() {
    let folder = folder();
    assert_eq!(NodeIdentity::read(&folder.dir), Ok(Some(IDENTITY)));
    assert_eq!(storage::create(&folder.dir, &IDENTITY), Ok(()));
    assert!(matches!(storage::create(&folder.dir, &OTHER), Err(Error::WrongIdentity { .. })));
    assert_eq!(NodeIdentity::read(&folder.dir.join("elsewhere")), Ok(None));
    let refused = Log::open(&folder.dir.join("elsewhere"), &IDENTITY, &quiet()).err();
    assert!(matches!(refused, Some(Error::NoIdentity { .. })), "{refused:?}");
}

#[test]
#[expect(clippy::disallowed_methods, reason = "the way to remake golden files")]
fn node_json_equals_its_golden_file() {
    let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("goldens/node-1.json");
    let text = std::fs::read_to_string(folder().dir.join("node.json")).unwrap();
    if std::env::var("CONCLAVE_GOLDENS").as_deref() == Ok("write") {
        std::fs::write(&path, &text).unwrap();
    }
    assert_eq!(std::fs::read_to_string(&path).unwrap_or_default(), text);
}

#[test]
fn an_unreadable_or_newer_node_json_is_refused_in_one_line() {
    let folder = folder();
    let good = std::fs::read_to_string(folder.dir.join("node.json")).unwrap();
    for (wrong, part) in [
        (String::new(), "understanding"),
        (good.replace("0707", "07"), "32 hexadecimal digits"),
        (good.replace("\"node\"", "\"knot\""), "knot"),
        (good.replace("\"format\": 1", "\"format\": 2"), "newer version"),
    ] {
        std::fs::write(folder.dir.join("node.json"), &wrong).unwrap();
        let error = NodeIdentity::read(&folder.dir).unwrap_err().to_string();
        assert!(error.contains(part) && !error.contains('\n'), "{error}");
    }
}

#[test]
fn another_clusters_folder_or_parts_of_it_are_refused() {
    let another = NodeIdentity { node: 2, ..IDENTITY };
    let (mine, other) = (folder(), folder_of(&another));
    drop((mine.log(), mine.state()));
    let refused =
        |result: Option<Error>| assert!(matches!(result, Some(Error::WrongIdentity { .. })), "{result:?}");
    refused(Log::open(&mine.dir, &OTHER, &quiet()).err());
    refused(State::open(&mine.dir, &OTHER, &quiet()).err());
    // The right node.json over another node's log and state.
    std::fs::remove_dir_all(other.dir.join("log")).unwrap();
    copy(&mine.dir.join("log"), &other.dir.join("log"));
    copy(&mine.dir.join("state"), &other.dir.join("state"));
    refused(Log::open(&other.dir, &another, &quiet()).err());
    refused(State::open(&other.dir, &another, &quiet()).err());
}

#[test]
fn a_lost_log_is_refused_and_not_replaced_by_an_empty_one() {
    for lost in ["log", "log/CURRENT"] {
        let folder = folder();
        append(&folder.log(), entries(1, 0..3));
        let path = folder.dir.join(lost);
        let removed =
            if path.is_dir() { std::fs::remove_dir_all(&path) } else { std::fs::remove_file(&path) };
        removed.unwrap();
        let refused = folder.try_log().err();
        assert!(matches!(refused, Some(Error::CorruptLog { .. })), "{lost}: {refused:?}");
    }
}

#[test]
fn a_lost_node_json_does_not_cost_the_log() {
    let folder = folder();
    append(&folder.log(), entries(1, 0..3));
    let text = std::fs::read(folder.dir.join("node.json")).unwrap();
    std::fs::remove_file(folder.dir.join("node.json")).unwrap();
    assert!(matches!(storage::create(&folder.dir, &OTHER), Err(Error::CorruptLog { .. })));
    std::fs::write(folder.dir.join("node.json"), text).unwrap();
    assert_eq!(indexes(&read_all(&folder.log())), [0, 1, 2]);
}

#[test]
fn a_creation_that_was_interrupted_can_be_repeated_with_another_identity() {
    let folder = folder();
    std::fs::remove_file(folder.dir.join("node.json")).unwrap();
    storage::create(&folder.dir, &OTHER).unwrap();
    drop(Log::open(&folder.dir, &OTHER, &quiet()).unwrap());
}

#[test]
fn a_folder_that_is_open_is_locked_for_others() {
    let folder = folder();
    let (log, state) = (folder.log(), folder.state());
    assert!(matches!(folder.try_log().err(), Some(Error::Locked { .. })));
    assert!(matches!(folder.try_state().err(), Some(Error::Locked { .. })));
    assert!(matches!(storage::doctor::deep_check(&folder.dir).err(), Some(Error::Locked { .. })));
    assert!(matches!(storage::create(&folder.dir, &IDENTITY).err(), Some(Error::Locked { .. })));
    drop((log, state));
    drop((folder.log(), folder.state()));
}

/// What the child process below does; without the variable it is no test of its own.
#[test]
#[expect(clippy::disallowed_methods, reason = "how the parent tells the child what to do")]
fn child_opens_the_folder() {
    let Ok(dir) = std::env::var("CONCLAVE_TEST_OPEN") else { return };
    let dir = std::path::Path::new(&dir);
    let results = [
        Log::open(dir, &IDENTITY, &quiet()).map(drop).unwrap_err(),
        State::open(dir, &IDENTITY, &quiet()).map(drop).unwrap_err(),
    ];
    let locked = results.iter().all(|error| matches!(error, Error::Locked { .. }));
    std::io::stdout().write_all(format!("locked: {locked}\n").as_bytes()).unwrap();
}

#[test]
fn a_second_process_is_refused() {
    let folder = folder();
    let _open = (folder.log(), folder.state());
    let child = std::process::Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "folder::child_opens_the_folder", "--nocapture"])
        .env("CONCLAVE_TEST_OPEN", &folder.dir)
        .output()
        .unwrap();
    assert!(String::from_utf8_lossy(&child.stdout).contains("locked: true"), "{child:?}");
}
