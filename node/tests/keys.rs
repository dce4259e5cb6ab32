//! The master key: missing, wrong, replaced.

use std::path::Path;

use crate::conclave::{Node, node, run, run_with};
use rustix::process::Signal;

const KEY: &str = "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff";
const OTHER: &str = "0f112233445566778899aabbccddeeff00112233445566778899aabbccddeeff";

fn initialised(dir: &Path) {
    let done = run(&node("init", dir));
    assert_eq!(done.code, 0, "{done:?}");
}

#[test]
fn a_missing_master_key_is_named_with_where_to_give_it() {
    let folder = tempfile::tempdir().unwrap();
    let dir = folder.path().join("data");
    initialised(&dir);
    std::fs::remove_file(dir.join("master.key")).unwrap();
    let done = run(&node("serve", &dir));
    let line = done.refused(4);
    assert!(line.contains("the master key ") && line.contains("CONCLAVE_MASTER_KEY"), "{line}");
}

#[test]
fn a_wrong_master_key_names_the_one_that_is_wanted() {
    let folder = tempfile::tempdir().unwrap();
    let dir = folder.path().join("data");
    assert_eq!(run_with(&node("init", &dir), &[("CONCLAVE_MASTER_KEY", KEY)]).code, 0);
    assert!(!dir.join("master.key").exists(), "a configured key needs no file");
    let done = run_with(&node("serve", &dir), &[("CONCLAVE_MASTER_KEY", OTHER)]);
    let line = done.refused(4);
    assert!(
        line.contains("needs the master key ") && line.contains("but CONCLAVE_MASTER_KEY holds "),
        "{line}"
    );
    assert!(!done.err.contains(OTHER) && !done.err.contains(KEY));
    let done = run_with(&node("serve", &dir), &[("CONCLAVE_MASTER_KEY", "short")]);
    assert!(done.refused(4).contains("64 hex characters"));
    let missing = folder.path().join("nowhere");
    let done = run_with(&node("serve", &dir), &[("CONCLAVE_MASTER_KEY_FILE", missing.to_str().unwrap())]);
    assert!(done.refused(4).contains("correct master_key_file"));
}

#[test]
fn a_new_master_key_replaces_the_old_one() {
    let folder = tempfile::tempdir().unwrap();
    let dir = folder.path().join("data");
    let with = |key: &str| {
        let file = folder.path().join("config.toml");
        std::fs::write(folder.path().join("keys"), key).unwrap();
        std::fs::write(&file, format!("master_key_file = {:?}\n", folder.path().join("keys"))).unwrap();
        file
    };
    let config = with(KEY);
    let config = config.to_str().unwrap();
    let done = Node::start_with(&dir, &["--config", config]).signal(Signal::INT);
    assert_eq!(done.code, 0, "{done:?}");
    with(&format!("{OTHER}\n{KEY}\n"));
    let done = Node::start_with(&dir, &["--config", config]).signal(Signal::INT);
    assert_eq!(done.code, 0, "{done:?}");
    with(OTHER);
    let done = Node::start_with(&dir, &["--config", config]).signal(Signal::INT);
    assert_eq!(done.code, 0, "{done:?}");
    with(KEY);
    let mut arguments = node("serve", &dir);
    arguments.extend(["--config", config]);
    run(&arguments).refused(4);
}
