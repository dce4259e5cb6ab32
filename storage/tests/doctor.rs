//! `doctor --deep`: a flipped byte is found, whichever it is.

use std::path::{Path, PathBuf};

use identity::tables::Table;
use storage::{Error, doctor};

use crate::fixture::*;

/// A folder with several generations of rows in several table files, and a log.
fn filled() -> Folder {
    let folder = folder();
    let (log, state) = (folder.log(), folder.state());
    append(&log, entries(1, 0..40));
    for index in 1..=3_u64 {
        let mut changes = put(Table::Audit, &format!("event {index}"), "what happened");
        changes.extend(put(Table::Search, &format!("name {index}"), "row"));
        for row in 0..300 {
            changes.extend(put(Table::State, &format!("key {row:05}"), &format!("value {row} of {index}")));
        }
        state.write(changes, applied(index)).unwrap();
        if index < 3 {
            state.flush().unwrap();
        }
    }
    drop((log, state));
    folder
}

fn problems(folder: &Folder) -> Vec<Error> {
    match doctor::deep_check(&folder.dir) {
        Ok(report) => report.problems,
        Err(error) => vec![error],
    }
}

fn files(dir: &Path) -> Vec<PathBuf> {
    let mut files: Vec<PathBuf> =
        std::fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.retain(|path| path.is_file());
    files.sort();
    files
}

fn name(path: &Path) -> &str {
    path.file_name().unwrap().to_str().unwrap()
}

#[test]
fn a_sound_folder_has_no_problems_and_is_not_changed() {
    let folder = filled();
    let before: Vec<_> =
        ["", "log", "state", "state/gen-1"].map(|part| files(&folder.dir.join(part))).concat();
    let report = doctor::deep_check(&folder.dir).unwrap();
    assert_eq!(report.problems, []);
    assert_eq!((report.entries, report.rows, report.applied), (40, 306, Some(applied(3))));
    let after: Vec<_> =
        ["", "log", "state", "state/gen-1"].map(|part| files(&folder.dir.join(part))).concat();
    assert_eq!(before, after);
    assert_eq!(folder.state().logical_hash().ok(), report.logical_hash);
}

/// Every file but RocksDB's notes that it never reads back: options and identity.
#[test]
fn a_flipped_byte_anywhere_is_found() {
    let folder = filled();
    let mut tables = 0;
    for part in ["", "log", "state", "state/gen-1"] {
        for path in files(&folder.dir.join(part)) {
            if name(&path).starts_with("OPTIONS-") || name(&path) == "IDENTITY" {
                continue;
            }
            tables += usize::from(name(&path).ends_with(".sst"));
            let length = std::fs::metadata(&path).unwrap().len() as usize;
            // A stride that is odd and small: data, filter, index, properties and footer are all hit.
            for at in (0..length).step_by((length / 60).max(1) | 1) {
                flip(&path, at, 1 << (at % 8));
                assert_ne!(problems(&folder), [], "byte {at} of {length} in {}", path.display());
                flip(&path, at, 1 << (at % 8));
            }
        }
    }
    assert!(tables >= 5, "{tables} table files");
    assert_eq!(problems(&folder), []);
}

#[test]
fn a_missing_file_is_found() {
    for part in ["log", "state", "state/gen-1"] {
        let folder = filled();
        for path in files(&folder.dir.join(part)) {
            let needed = name(&path).ends_with(".sst")
                || name(&path) == "CURRENT"
                || name(&path).starts_with("MANIFEST");
            if needed {
                let bytes = std::fs::read(&path).unwrap();
                std::fs::remove_file(&path).unwrap();
                assert_ne!(problems(&folder), [], "{}", path.display());
                std::fs::write(&path, bytes).unwrap();
            }
        }
        assert_eq!(problems(&folder), []);
    }
}

#[test]
fn a_flipped_byte_in_a_snapshot_is_found() {
    let folder = filled();
    let snapshot = folder.state().build_snapshot().unwrap();
    // A copy, so that the state's own files are not hit through their links.
    let copied = folder.image();
    let path = copied.dir.join("snapshots").join(snapshot.path.file_name().unwrap());
    assert_eq!(problems(&copied), []);
    for file in files(&path) {
        let length = std::fs::metadata(&file).unwrap().len() as usize;
        for at in [0, length / 3, length.saturating_sub(2)].into_iter().filter(|at| *at < length) {
            flip(&file, at, 1);
            assert!(
                matches!(problems(&copied)[..], [Error::CorruptSnapshot { .. }]),
                "byte {at} in {}",
                file.display()
            );
            flip(&file, at, 1);
        }
    }
}

#[test]
fn no_folder_is_an_error_and_not_a_report() {
    let nowhere = tempfile::tempdir().unwrap();
    assert!(matches!(doctor::deep_check(nowhere.path()), Err(Error::NoIdentity { .. })));
}
