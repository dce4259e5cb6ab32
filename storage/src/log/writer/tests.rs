//! The group commit, run on this thread over a queue that is already full, so that nothing depends on timing.

use std::sync::mpsc::sync_channel;

use bytes::Bytes;
use rocksdb::statistics::Ticker;

use super::*;
use crate::Options;
use crate::log::{open, scan, tail::Tail};

struct Fixture {
    _folder: tempfile::TempDir,
    shared: Arc<Shared>,
    options: rocksdb::Options,
}

fn fixture() -> Fixture {
    let folder = tempfile::tempdir().unwrap();
    let chosen = Options::new(16 << 20);
    let mut options = open::rocks_options(&chosen);
    options.create_if_missing(true);
    options.enable_statistics();
    let shared = Shared {
        db: DB::open(&options, folder.path()).unwrap(),
        path: folder.path().to_path_buf(),
        ledger: Mutex::new(empty_ledger()),
        on_fatal: Arc::new(|_| {}),
    };
    Fixture { _folder: folder, shared: Arc::new(shared), options }
}

fn id(index: u64) -> LogId {
    LogId { term: 1, node: 1, index }
}

fn append(range: std::ops::Range<u64>) -> Change {
    let entries: Vec<Entry> =
        range.map(|index| Entry { id: id(index), payload: Bytes::from_static(b"ten bytes.") }).collect();
    let ends = entries.iter().map(|entry| (entry.id.index + 1) * 10).collect();
    Change::Append(entries, ends)
}

/// Queues all changes, runs the writer to the end, and returns each completion with the count of syncs it saw.
fn run_all(fixture: &Fixture, changes: Vec<Change>) -> Vec<(usize, u64, bool)> {
    let seen = Arc::new(Mutex::new(Vec::new()));
    let (sender, receiver) = sync_channel(changes.len());
    for (at, change) in changes.into_iter().enumerate() {
        let (seen, options) = (seen.clone(), fixture.options.clone());
        let hint = matches!(change, Change::Committed(_));
        let done: Completion = Box::new(move |result| {
            let syncs = options.get_ticker_count(Ticker::WalFileSynced);
            seen.lock().unwrap().push((at, syncs, result.is_ok()));
        });
        let number = at as u64 + 1;
        sender.send(Operation { number, change, done: (!hint).then_some(done) }).unwrap();
    }
    drop(sender);
    run(&fixture.shared, &receiver);
    Arc::try_unwrap(seen).unwrap().into_inner().unwrap()
}

#[test]
fn what_waits_is_synced_once_and_answered_in_order_after_the_sync() {
    let fixture = fixture();
    let vote = Vote { term: 2, node: 1, committed: false };
    let changes = vec![
        append(0..3),
        Change::Vote(vote),
        Change::Committed(Some(id(1))),
        append(3..6),
        Change::TruncateFrom(5),
        append(5..8),
    ];
    let before = fixture.options.get_ticker_count(Ticker::WalFileSynced);
    let answers = run_all(&fixture, changes);
    let sync = before + 1;
    assert_eq!(answers, [0, 1, 3, 4, 5].map(|at| (at, sync, true)));
    let found = scan::find(&fixture.shared.db, &fixture.shared.path).unwrap();
    assert_eq!((found.vote, found.committed), (Some(vote), Some(id(1))));
    assert_eq!(found.newest.len(), 8);
    assert_eq!(fixture.shared.ledger().synced, 6);
}

#[test]
fn a_hint_alone_costs_no_sync() {
    let fixture = fixture();
    let before = fixture.options.get_ticker_count(Ticker::WalFileSynced);
    assert_eq!(run_all(&fixture, vec![Change::Committed(Some(id(1)))]), []);
    assert_eq!(fixture.options.get_ticker_count(Ticker::WalFileSynced), before);
}

#[test]
fn the_purged_position_is_synced_before_rows_go() {
    let fixture = fixture();
    run_all(&fixture, vec![append(0..50)]);
    let before = fixture.options.get_ticker_count(Ticker::WalFileSynced);
    let answers = run_all(&fixture, vec![Change::Purge { upto: id(20), end: 210 }]);
    assert_eq!(answers, [(0, before + 1, true)]);
    let found = scan::find(&fixture.shared.db, &fixture.shared.path).unwrap();
    assert_eq!((found.purged, found.first, found.leftovers), (Some((id(20), 210)), 21, false));
}

#[test]
fn e05_after_a_failed_write_everything_fails_and_the_hook_is_called_once() {
    let fixture = fixture();
    let calls = Arc::new(Mutex::new(0));
    // A log that is open for reading only refuses writes, as a broken disk would.
    let again = open::rocks_options(&Options::new(16 << 20));
    let shared = Arc::new(Shared {
        db: DB::open_for_read_only(&again, &fixture.shared.path, false).unwrap(),
        path: fixture.shared.path.clone(),
        ledger: Mutex::new(empty_ledger()),
        on_fatal: Arc::new({
            let calls = calls.clone();
            move |_| *calls.lock().unwrap() += 1
        }),
    });
    let broken = Fixture { _folder: tempfile::tempdir().unwrap(), shared, options: fixture.options.clone() };
    let answers = run_all(&broken, vec![append(0..1), append(1..2)]);
    assert!(answers.iter().all(|(_, _, ok)| !ok) && answers.len() == 2);
    assert_eq!(*calls.lock().unwrap(), 1);
    assert!(broken.shared.ledger().begin().is_err());
}

fn empty_ledger() -> Ledger {
    Ledger {
        tail: Tail::new(1 << 20, None, 0),
        vote: None,
        committed: None,
        purged: None,
        purged_end: 0,
        first: 0,
        failed: None,
        submitted: 0,
        synced: 0,
    }
}
