//! Snapshots: built under writes, carried to another node, installed under readers, and stopped at any step.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use identity::tables::{Read, Table};
use storage::snapshot::manifest::MANIFEST;
use storage::{
    Applied, Error, LogBackend, Manifest, NodeIdentity, Options, Receiver, Snapshot, State, Step, boot,
};

use crate::fixture::*;

/// A state of `count` positions, each a row of its own.
fn filled(count: u64) -> (Folder, State) {
    let folder = folder();
    let state = folder.state();
    fill(&state, 1..count + 1);
    (folder, state)
}

fn fill(state: &State, range: std::ops::Range<u64>) {
    for index in range {
        let mut changes = put(Table::State, &format!("{index:06}"), &"v".repeat(200));
        changes.extend(put(Table::Audit, &format!("{index:06}"), "event"));
        changes.extend(put(Table::Search, "newest", &index.to_string()));
        state.write(changes, Applied { log_synced: index, ..applied(index) }).unwrap();
    }
}

/// Carries a snapshot over in pieces, from the last to the first.
fn carry(snapshot: &Snapshot, dir: &Path) -> Result<Snapshot, Error> {
    let manifest = Manifest::decode(&snapshot.manifest.encode().unwrap()).unwrap();
    let mut receiver = Receiver::new(dir, manifest)?;
    for file in &snapshot.manifest.files {
        let pieces = file.size.div_ceil(1000);
        for piece in (0..pieces).rev() {
            receiver.write(&file.name, piece * 1000, &snapshot.read(&file.name, piece * 1000, 1000)?)?;
        }
    }
    receiver.finish()
}

fn count(state: &State) -> usize {
    state.view().scan(Table::State, b"", b"\xff", usize::MAX).unwrap().len()
}

fn names(dir: &Path) -> Vec<String> {
    let mut names: Vec<String> =
        std::fs::read_dir(dir).unwrap().map(|e| e.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    names
}

#[test]
fn a_snapshot_of_another_node_gives_the_same_state() {
    let (_source, state) = filled(300);
    let snapshot = state.build_snapshot().unwrap();
    assert_eq!(snapshot.manifest.applied(), Applied { log_synced: 0, ..applied(300) });
    assert_eq!(snapshot.manifest.logical_hash, state.logical_hash().unwrap());

    let target = other_node();
    let opened = State::open(&target.dir, &OTHER, &quiet()).unwrap();
    let received = carry(&snapshot, &target.dir).unwrap();
    assert_eq!(received.manifest, snapshot.manifest);
    opened.install(&received).unwrap();
    assert_eq!(opened.logical_hash(), state.logical_hash());
    assert_eq!(opened.applied(), Applied { log_synced: 0, ..applied(300) });
    assert_eq!(opened.durable(), Ok(opened.applied()));
    drop(opened);
    let again = State::open(&target.dir, &OTHER, &quiet()).unwrap();
    assert_eq!(again.logical_hash(), state.logical_hash());
    assert_eq!(again.applied(), Applied { log_synced: 0, ..applied(300) });
    assert_eq!(names(&target.dir.join("state")), ["CURRENT", "LOCK", "gen-2"]);
    drop(again);
    assert_eq!(storage::doctor::deep_check(&target.dir).unwrap().problems, []);
}

const OTHER: NodeIdentity = NodeIdentity { node: 2, ..IDENTITY };

fn other_node() -> Folder {
    folder_of(&OTHER)
}

#[test]
fn a_snapshot_is_of_one_position_while_writes_go_on() {
    let (_folder, state) = filled(10);
    let stop = AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            for index in 11.. {
                if stop.load(Ordering::Acquire) {
                    break;
                }
                fill(&state, index..index + 1);
            }
        });
        for _ in 0..8 {
            let snapshot = state.build_snapshot().unwrap();
            let position = snapshot.manifest.position().unwrap().index;
            let copy = folder();
            let copied = copy.state();
            copied.install(&carry(&snapshot, &copy.dir).unwrap()).unwrap();
            assert_eq!(count(&copied) as u64, position);
            assert_eq!(
                copied.view().get(Table::Search, b"newest").unwrap(),
                Some(position.to_string().into_bytes())
            );
        }
        stop.store(true, Ordering::Release);
    });
}

#[test]
fn two_snapshots_are_kept_and_one_position_has_one() {
    let (folder, state) = filled(1);
    assert_eq!(state.latest_snapshot(), Ok(None));
    for index in 2..6 {
        let snapshot = state.build_snapshot().unwrap();
        assert_eq!(state.build_snapshot().unwrap(), snapshot);
        assert_eq!(state.latest_snapshot().unwrap(), Some(snapshot));
        fill(&state, index..index + 1);
    }
    let kept: Vec<u64> =
        names(&folder.dir.join("snapshots")).iter().map(|name| name[..20].parse().unwrap()).collect();
    assert_eq!(kept, [3, 4]);
}

#[test]
fn an_empty_state_has_a_snapshot_too() {
    let source = folder();
    let state = source.state();
    let snapshot = state.build_snapshot().unwrap();
    assert_eq!(snapshot.manifest.position(), None);
    let (target, full) = filled(3);
    full.install(&carry(&snapshot, &target.dir).unwrap()).unwrap();
    assert_eq!((count(&full), full.applied()), (0, Applied::default()));
    fill(&state, 1..2);
    let newer = state.build_snapshot().unwrap();
    assert_eq!(state.latest_snapshot().unwrap(), Some(newer));
}

#[test]
fn a_receiver_that_is_given_up_leaves_the_files_of_its_successor() {
    let (_source, state) = filled(50);
    let snapshot = state.build_snapshot().unwrap();
    let target = folder();
    let given_up = Receiver::new(&target.dir, snapshot.manifest.clone()).unwrap();
    let mut successor = Receiver::new(&target.dir, snapshot.manifest.clone()).unwrap();
    for file in &snapshot.manifest.files {
        let bytes = snapshot.read(&file.name, 0, usize::try_from(file.size).unwrap()).unwrap();
        successor.write(&file.name, 0, &bytes).unwrap();
    }
    drop(given_up);
    let received = successor.finish().unwrap();
    assert_eq!(received.manifest, snapshot.manifest);
    assert_eq!(names(&target.dir.join("snapshots")).len(), 1);
}

#[test]
fn what_was_damaged_on_the_way_is_refused_and_leaves_nothing() {
    let (_source, state) = filled(50);
    let snapshot = state.build_snapshot().unwrap();
    let target = folder();
    let table = snapshot.manifest.files.iter().find(|file| file.name.ends_with(".sst")).unwrap();
    let damaged = |error: Error| assert!(matches!(error, Error::CorruptSnapshot { .. }), "{error}");

    let mut receiver = Receiver::new(&target.dir, snapshot.manifest.clone()).unwrap();
    damaged(receiver.write("elsewhere", 0, b"x").unwrap_err());
    damaged(receiver.write("../node.json", 0, b"x").unwrap_err());
    damaged(receiver.write(&table.name, table.size, b"x").unwrap_err());
    damaged(receiver.write(&table.name, u64::MAX, b"x").unwrap_err());
    damaged(receiver.finish().unwrap_err());

    let mut receiver = Receiver::new(&target.dir, snapshot.manifest.clone()).unwrap();
    for file in &snapshot.manifest.files {
        let mut bytes = snapshot.read(&file.name, 0, usize::try_from(file.size).unwrap()).unwrap().to_vec();
        if file.name == table.name {
            bytes[100] ^= 1;
        }
        receiver.write(&file.name, 0, &bytes).unwrap();
    }
    damaged(receiver.finish().unwrap_err());
    assert_eq!(names(&target.dir.join("snapshots")), Vec::<String>::new());

    // The manifest's own word is not enough: it is compared with what the files hold.
    let mut lying = snapshot.manifest.clone();
    lying.log.as_mut().unwrap().index += 1;
    damaged(install_as(&snapshot, lying));
    let mut lying = snapshot.manifest.clone();
    lying.logical_hash[0] ^= 1;
    damaged(install_as(&snapshot, lying));
}

/// Installs a snapshot whose manifest was exchanged for another.
fn install_as(snapshot: &Snapshot, manifest: Manifest) -> Error {
    let (target, state) = filled(3);
    let received = carry(&Snapshot { manifest, path: snapshot.path.clone() }, &target.dir).unwrap();
    let error = state.install(&received).unwrap_err();
    fill(&state, 4..5);
    assert_eq!(count(&state), 4, "the state goes on");
    error
}

#[test]
fn e19_another_clusters_snapshot_is_refused() {
    let (_source, state) = filled(5);
    let mut snapshot = state.build_snapshot().unwrap();
    for change in [|m: &mut Manifest| m.cluster = [1; 16], |m: &mut Manifest| m.lineage = 9] {
        change(&mut snapshot.manifest);
        let target = folder();
        assert!(matches!(carry(&snapshot, &target.dir).err(), Some(Error::WrongIdentity { .. })));
        assert!(matches!(target.state().install(&snapshot), Err(Error::WrongIdentity { .. })));
    }
}

#[test]
fn readers_of_the_old_state_finish_while_a_snapshot_is_installed() {
    let (_source, source) = filled(500);
    let (target, state) = filled(100);
    let state = Arc::new(state);
    let mut snapshots = vec![carry(&source.build_snapshot().unwrap(), &target.dir).unwrap()];
    fill(&source, 501..600);
    snapshots.push(carry(&source.build_snapshot().unwrap(), &target.dir).unwrap());
    let old = state.view();
    let done = AtomicBool::new(false);
    std::thread::scope(|scope| {
        for _ in 0..3 {
            scope.spawn(|| {
                while !done.load(Ordering::Acquire) {
                    let view = state.view();
                    let position = view.position().unwrap().unwrap().index;
                    assert!([100, 500, 599].contains(&position));
                    for _ in 0..3 {
                        let rows = view.scan(Table::State, b"", b"\xff", usize::MAX).unwrap();
                        assert_eq!(rows.len() as u64, position);
                    }
                }
            });
        }
        for snapshot in &snapshots {
            state.install(snapshot).unwrap();
        }
        done.store(true, Ordering::Release);
    });
    assert_eq!(old.position().unwrap(), Some(id(1, 100)));
    assert_eq!(old.scan(Table::State, b"", b"\xff", usize::MAX).unwrap().len(), 100);
    assert_eq!(names(&target.dir.join("state")), ["CURRENT", "LOCK", "gen-1", "gen-3"]);
    drop(old);
    assert_eq!(names(&target.dir.join("state")), ["CURRENT", "LOCK", "gen-3"]);
    assert_eq!((count(&state), state.logical_hash()), (599, source.logical_hash()));
    fill(&state, 600..605);
    drop(Arc::into_inner(state).unwrap());
    assert_eq!(count(&target.state()), 604);
}

#[test]
fn e18_an_install_that_stops_anywhere_leaves_the_old_state_or_the_new() {
    let (_source, source) = filled(200);
    let snapshot = source.build_snapshot().unwrap();
    for step in [Step::Copied, Step::Prepared, Step::Synced, Step::Announced, Step::Switched] {
        let (target, state) = filled(100);
        append(&target.log(), entries(1, 0..101));
        drop(state);
        let mut options: Options = quiet();
        options.stop_at = Some(Arc::new(move |at| at == step));
        let state = State::open(&target.dir, &IDENTITY, &options).unwrap();
        let received = carry(&snapshot, &target.dir).unwrap();
        state.install(&received).unwrap_err();
        assert!(state.write(Default::default(), applied(101)).is_err(), "nothing is written after it");
        let image = target.image();
        drop(state);
        for (folder, how) in [(&image, "killed"), (&target, "ended")] {
            let state = folder.state();
            let (expected, generation) = if step == Step::Switched { (200, "gen-2") } else { (100, "gen-1") };
            assert_eq!(
                (count(&state), state.applied().log),
                (expected, Some(id(1, expected as u64))),
                "{step:?} {how}"
            );
            assert_eq!(names(&folder.dir.join("state")), ["CURRENT", "LOCK", generation], "{step:?} {how}");
            // The node starts again, gets the snapshot again, and the log goes on after it.
            let log = folder.log();
            boot::check(&log, &state).unwrap();
            state.install(&folder_snapshot(&state)).unwrap();
            wait(|done| log.purge(id(1, 200), done)).unwrap();
            append(&log, entries(1, 201..203));
            fill(&state, 201..203);
            boot::check(&log, &state).unwrap();
            assert_eq!(count(&state), 202);
        }
    }
}

fn folder_snapshot(state: &State) -> Snapshot {
    state.latest_snapshot().unwrap().expect("the received snapshot is kept")
}

#[test]
fn what_a_crash_left_unfinished_is_removed_at_the_start() {
    let (folder, state) = filled(3);
    state.build_snapshot().unwrap();
    drop(state);
    for name in ["snapshots/building", "snapshots/incoming-x", "state/gen-7"] {
        std::fs::create_dir_all(folder.dir.join(name)).unwrap();
        std::fs::write(folder.dir.join(name).join("file"), "x").unwrap();
    }
    let state = folder.state();
    assert_eq!(names(&folder.dir.join("snapshots")).len(), 1);
    assert_eq!(names(&folder.dir.join("state")), ["CURRENT", "LOCK", "gen-1"]);
    let kept = state.latest_snapshot().unwrap().unwrap();
    std::fs::write(kept.path.join(MANIFEST), "{}").unwrap();
    assert_eq!(state.latest_snapshot(), Ok(None), "an unreadable one is passed over");
    assert_eq!(state.build_snapshot().unwrap().path, kept.path, "and replaced");
}

#[test]
fn the_log_is_purged_to_the_installed_position_and_starts_again() {
    let (_source, source) = filled(200);
    let snapshot = source.build_snapshot().unwrap();
    let target = folder();
    {
        let (log, state) = (target.log(), target.state());
        append(&log, entries(1, 0..51));
        fill(&state, 1..51);
        state.install(&carry(&snapshot, &target.dir).unwrap()).unwrap();
        // A crash here: the log ends at 50, the state is at 200 and says nothing about this log.
        let image = target.image();
        assert_eq!(boot::check(&image.log(), &image.state()), Ok(()));
        wait(|done| log.purge(id(1, 200), done)).unwrap();
        append(&log, entries(1, 201..210));
    }
    let (log, state) = (target.log(), target.state());
    assert_eq!(boot::check(&log, &state), Ok(()));
    assert_eq!(log.state().first_index(), 201);
}
