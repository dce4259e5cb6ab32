//! Damaged files: each kind has its exit code, and `doctor --deep` finds a single wrong byte.

use std::path::{Path, PathBuf};

use crate::conclave::{Done, Node, node, run};
use rustix::process::Signal;

/// A folder of a node that was stopped: by a signal that lets it flush, or by one that does not.
fn stopped(by: Signal) -> (tempfile::TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let dir = folder.path().join("data");
    Node::start(&dir).signal(by);
    (folder, dir)
}

fn doctor(dir: &Path) -> Done {
    let dir = dir.to_str().unwrap();
    let free =
        ["--listen", "127.0.0.1:0", "--operations-listen", "127.0.0.1:0", "--peers-listen", "127.0.0.1:0"];
    run(&[&["doctor", "--deep", "--data-dir", dir], &free[..]].concat())
}

/// The files under a folder whose names end so, the largest last.
fn files(folder: &Path, ending: &str) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(files(&path, ending));
        } else if path.to_str().unwrap().ends_with(ending) {
            found.push(path);
        }
    }
    found.sort_by_key(|path| std::fs::metadata(path).unwrap().len());
    found
}

fn flip(path: &Path, at: usize) {
    let mut bytes = std::fs::read(path).unwrap();
    bytes[at] ^= 0x40;
    std::fs::write(path, bytes).unwrap();
}

#[test]
fn a_sound_folder_passes() {
    let (_folder, dir) = stopped(Signal::INT);
    let done = doctor(&dir);
    assert_eq!(done.code, 0, "{done:?}");
}

#[test]
fn a_flipped_byte_in_the_state_is_found() {
    let (_folder, dir) = stopped(Signal::INT);
    let tables = files(&dir.join("state"), ".sst");
    let table = tables.last().unwrap();
    let length = std::fs::read(table).unwrap().len();
    for at in [10, length / 2] {
        flip(table, at);
        let done = doctor(&dir);
        assert!(done.refused(11).contains("is damaged"), "{done:?}");
        flip(table, at);
    }
    assert_eq!(doctor(&dir).code, 0);
}

#[test]
fn a_torn_tail_is_told_from_a_cut_middle() {
    let (_folder, dir) = stopped(Signal::KILL);
    let logs = files(&dir.join("log"), ".log");
    let log = logs.last().unwrap();
    let length = std::fs::read(log).unwrap().len();

    flip(log, length - 1);
    assert!(doctor(&dir).refused(9).contains("is torn"));
    assert!(run(&node("serve", &dir)).refused(9).contains("is torn"));
    flip(log, length - 1);

    flip(log, length / 2);
    assert!(doctor(&dir).refused(10).contains("is damaged"));
    assert!(run(&node("serve", &dir)).refused(10).contains("is damaged"));
    flip(log, length / 2);

    // Nothing was changed meanwhile: the node starts with everything.
    assert_eq!(Node::start(&dir).signal(Signal::INT).code, 0);
}

#[test]
fn an_older_copy_of_the_log_is_noticed() {
    let (folder, dir) = stopped(Signal::INT);
    let copy = folder.path().join("copy");
    std::fs::create_dir(&copy).unwrap();
    for path in files(&dir.join("log"), "") {
        std::fs::copy(&path, copy.join(path.file_name().unwrap())).unwrap();
    }
    // Each start elects anew and so adds an entry, which the state has applied when it stops.
    for _ in 0..3 {
        assert_eq!(Node::start(&dir).signal(Signal::INT).code, 0);
    }
    std::fs::remove_dir_all(dir.join("log")).unwrap();
    std::fs::rename(copy, dir.join("log")).unwrap();
    let done = run(&node("serve", &dir));
    assert!(done.refused(12).contains("the log ends at index"), "{done:?}");
}

#[test]
fn a_folder_without_a_node_is_no_folder() {
    let folder = tempfile::tempdir().unwrap();
    assert!(doctor(folder.path()).refused(16).contains("conclave init"));
}
