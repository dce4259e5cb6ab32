//! A full disk: an error of its own, no further writes, and nothing acknowledged is lost. Runs as root, on a small tmpfs.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use identity::tables::{Read, Table};
use storage::{Error, Log, LogBackend, Options, State};

use crate::fixture::*;

/// A tmpfs of 64 MiB that goes with the test.
struct Small(tempfile::TempDir);

impl Small {
    /// Needs the right to mount: a test that did not run must not pass.
    fn mount() -> Small {
        let folder = tempfile::tempdir().unwrap();
        let mount = std::process::Command::new("mount")
            .args(["-t", "tmpfs", "-o", "size=64m", "tmpfs"])
            .arg(folder.path())
            .output()
            .unwrap();
        assert!(
            mount.status.success(),
            "a tmpfs can't be mounted ({}): run as root, or under `unshare --user --map-root-user --mount`",
            String::from_utf8_lossy(&mount.stderr).trim()
        );
        storage::create(&folder.path().join("data"), &IDENTITY).unwrap();
        Small(folder)
    }

    fn dir(&self) -> std::path::PathBuf {
        self.0.path().join("data")
    }

    /// Fills the disk up to `left` bytes.
    fn fill(&self, left: u64) -> std::path::PathBuf {
        let path = self.0.path().join("ballast");
        let free = rustix::fs::statvfs(self.0.path()).map(|s| s.f_bavail * s.f_frsize).unwrap();
        std::fs::write(&path, vec![1; usize::try_from(free - left).unwrap()]).unwrap();
        path
    }
}

impl Drop for Small {
    fn drop(&mut self) {
        let _ = std::process::Command::new("umount").arg("-l").arg(self.0.path()).status();
    }
}

/// Options that count calls of the fatal hook.
fn counting() -> (Options, Arc<AtomicUsize>) {
    let calls = Arc::new(AtomicUsize::new(0));
    let counted = calls.clone();
    let hook = Arc::new(move |error: &Error| {
        assert!(matches!(error, Error::DiskFull { .. }), "{error}");
        counted.fetch_add(1, Ordering::AcqRel);
    });
    (quiet().with_on_fatal(hook), calls)
}

#[test]
fn a_full_disk_stops_the_log_and_loses_nothing_acknowledged() {
    let disk = Small::mount();
    let (options, calls) = counting();
    let log = Log::open(&disk.dir(), &IDENTITY, &options).unwrap();
    let ballast = disk.fill(3 << 20);
    let mut acknowledged = 0;
    let error = loop {
        let index = log.state().next_index();
        match wait(|done| log.append(vec![sized(1, index, 50_000)], done)) {
            Ok(()) => acknowledged = index,
            Err(error) => break error,
        }
    };
    assert!(matches!(error, Error::DiskFull { .. }), "{error}");
    assert!(!error.to_string().contains('\n'));
    std::fs::remove_file(ballast).unwrap();
    // There is space again, but this log stays stopped.
    assert_eq!(wait(|done| log.append(vec![entry(1, log.state().next_index())], done)), Err(error.clone()));
    assert_eq!(wait(|done| log.save_vote(Default::default(), done)), Err(error));
    assert_eq!(calls.load(Ordering::Acquire), 1);
    drop(log);
    let log = Log::open(&disk.dir(), &IDENTITY, &quiet()).unwrap();
    let last = log.state().last.unwrap().index;
    assert!(last >= acknowledged, "{last} of {acknowledged}");
    for entry in read_all(&log) {
        assert_eq!(entry, sized(1, entry.id.index, 50_000));
    }
    append(&log, vec![entry(1, last + 1)]);
}

#[test]
fn a_full_disk_stops_the_state_which_goes_on_from_what_was_durable() {
    let disk = Small::mount();
    let (options, calls) = counting();
    let state = State::open(&disk.dir(), &IDENTITY, &options).unwrap();
    write(&state, 1);
    state.flush().unwrap();
    let ballast = disk.fill(2 << 20);
    let error =
        (2..5000).find_map(|index| try_write(&state, index).and_then(|()| state.flush()).err()).unwrap();
    assert!(matches!(error, Error::DiskFull { .. }), "{error}");
    assert_eq!(calls.load(Ordering::Acquire), 1);
    std::fs::remove_file(ballast).unwrap();
    assert_eq!(try_write(&state, 6000), Err(error));
    let durable = state.durable().unwrap();
    drop(state);
    let state = State::open(&disk.dir(), &IDENTITY, &quiet()).unwrap();
    let at = state.applied().log.unwrap().index;
    assert!(at >= durable.log.unwrap().index);
    let rows = state.view().scan(Table::State, b"", b"\xff", usize::MAX).unwrap();
    assert_eq!(rows.len() as u64, at, "the state of one position");
    write(&state, at + 1);
}

#[test]
fn a_full_disk_refuses_a_new_folder() {
    let disk = Small::mount();
    let _ballast = disk.fill(0);
    let refused = storage::create(&disk.0.path().join("another"), &IDENTITY);
    assert!(matches!(refused, Err(Error::DiskFull { .. })), "{refused:?}");
    assert!(!Path::new(&disk.0.path().join("another/node.json")).exists());
}

fn write(state: &State, index: u64) {
    try_write(state, index).unwrap();
}

/// A row that does not compress.
fn try_write(state: &State, index: u64) -> Result<(), Error> {
    let mut random = Random(index);
    let value: String = (0..5000).map(|_| format!("{:016x}", random.next())).collect();
    state.write(put(Table::State, &format!("{index:06}"), &value), applied(index))
}
