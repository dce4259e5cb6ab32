//! A full disk: one line, an exit code of its own, and nothing acknowledged is lost.

use crate::conclave::{Node, node, run};
use rustix::process::Signal;
use std::path::PathBuf;

/// A file system of 64 MiB in memory; it goes with the test.
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
        Small(folder)
    }

    /// Takes all space but `left` bytes.
    fn fill(&self, left: u64) -> PathBuf {
        let path = self.0.path().join("ballast");
        let found = rustix::fs::statvfs(self.0.path()).unwrap();
        let taken = (found.f_bavail * found.f_frsize).saturating_sub(left);
        std::fs::write(&path, vec![1; usize::try_from(taken).unwrap()]).unwrap();
        path
    }
}

impl Drop for Small {
    fn drop(&mut self) {
        let _ = std::process::Command::new("umount").arg("-l").arg(self.0.path()).status();
    }
}

#[test]
fn a_full_disk_ends_a_node_which_starts_again_with_space() {
    let disk = Small::mount();
    let dir = disk.0.path().join("data");
    let running = Node::start(&dir);
    let digest = running.cluster()["digest"].clone();
    let ballast = disk.fill(0);
    // The state has to be flushed, and there is no room for it.
    let done = running.signal(Signal::INT);
    assert_eq!(done.code, 8, "{done:?}");
    let said = done.err.lines().filter(|line| line.contains("free some and start the node again"));
    assert!(said.count() >= 1, "{done:?}");
    let again = run(&node("serve", &dir));
    assert_eq!(again.code, 8, "{again:?}");
    std::fs::remove_file(ballast).unwrap();
    let running = Node::start(&dir);
    assert_eq!(running.cluster()["digest"], digest);
    assert_eq!(running.signal(Signal::INT).code, 0);
}

#[test]
fn a_disk_that_is_full_at_the_beginning_is_named() {
    let disk = Small::mount();
    let dir = disk.0.path().join("data");
    for left in [0, 8 << 10, 16 << 10, 32 << 10, 64 << 10] {
        let ballast = disk.fill(left);
        let done = run(&node("init", &dir));
        assert_eq!(done.code, 8, "{left} bytes: {done:?}");
        std::fs::remove_file(ballast).unwrap();
    }
    let done = run(&node("init", &dir));
    assert_eq!(done.code, 0, "{done:?}");
    // Whether the last of the attempts came as far as the first instance or this one did, its owner has a password.
    assert!(dir.join("admin.password").exists());
    assert_eq!(Node::start(&dir).signal(Signal::INT).code, 0);
}
