//! One suite for every log: what holds on disk holds in memory.

use storage::testing::MemoryLog;
use storage::{Error, LogBackend, LogState, Vote};

use crate::fixture::*;

/// Runs one case on each backend, named in what it prints when it fails.
fn each(case: impl Fn(&dyn LogBackend)) {
    let folder = folder();
    println!("on disk");
    case(&folder.log());
    println!("in memory");
    case(&MemoryLog::new());
}

#[test]
fn an_empty_log_has_nothing() {
    each(|log| {
        assert_eq!(log.state(), LogState::default());
        assert_eq!(read_all(log), []);
    });
}

#[test]
fn entries_can_be_read_as_soon_as_append_returns() {
    each(|log| {
        for index in 0..50 {
            let (done, result) = completion();
            log.append(vec![entry(1, index)], done).unwrap();
            assert_eq!(log.read(index..index + 1, 0, 1).unwrap(), [entry(1, index)]);
            assert_eq!(log.state().last, Some(id(1, index)));
            drop(result);
        }
    });
}

#[test]
fn what_is_completed_counts_as_synced() {
    each(|log| {
        append(log, entries(1, 0..10));
        assert_eq!(log.state().synced, Some(id(1, 9)));
        wait(|done| log.truncate_after(Some(4), done)).unwrap();
        assert_eq!(log.state().synced, Some(id(1, 4)));
    });
}

#[test]
fn reads_are_bounded_and_never_empty_where_entries_are() {
    each(|log| {
        append(log, (0..20).map(|index| sized(1, index, 100)).collect());
        assert_eq!(indexes(&log.read(3..9, usize::MAX, usize::MAX).unwrap()), [3, 4, 5, 6, 7, 8]);
        assert_eq!(indexes(&log.read(3..9, 250, usize::MAX).unwrap()), [3, 4]);
        assert_eq!(indexes(&log.read(3..9, usize::MAX, 2).unwrap()), [3, 4]);
        assert_eq!(indexes(&log.read(3..9, 0, 0).unwrap()), [3]);
        assert_eq!(indexes(&log.read(18..40, usize::MAX, usize::MAX).unwrap()), [18, 19]);
        assert_eq!(log.read(20..40, usize::MAX, usize::MAX).unwrap(), []);
        assert_eq!(log.read(5..5, usize::MAX, usize::MAX).unwrap(), []);
        #[allow(clippy::reversed_empty_ranges)]
        let backwards = 9..3;
        assert_eq!(log.read(backwards, usize::MAX, usize::MAX).unwrap(), []);
    });
}

#[test]
fn entries_that_do_not_follow_are_refused_and_nothing_changes() {
    each(|log| {
        append(log, entries(2, 0..3));
        let wrong = [entry(2, 4), entry(2, 2), entry(1, 3)];
        for wrong in wrong {
            let refused = wait(|done| log.append(vec![wrong.clone()], done));
            assert_eq!(refused, Err(Error::OutOfOrder { last: Some(id(2, 2)), found: wrong.id }));
        }
        let refused = wait(|done| log.append(vec![entry(2, 3), entry(2, 5)], done));
        assert_eq!(refused, Err(Error::OutOfOrder { last: Some(id(2, 3)), found: id(2, 5) }));
        assert_eq!(indexes(&read_all(log)), [0, 1, 2]);
        append(log, vec![entry(3, 3)]);
    });
}

#[test]
fn a_truncated_end_is_replaced() {
    each(|log| {
        append(log, entries(1, 0..10));
        wait(|done| log.truncate_after(Some(5), done)).unwrap();
        assert_eq!(log.state().last, Some(id(1, 5)));
        append(log, entries(2, 6..8));
        let all = read_all(log);
        assert_eq!(all, [entries(1, 0..6), entries(2, 6..8)].concat());
        wait(|done| log.truncate_after(Some(100), done)).unwrap();
        assert_eq!(read_all(log), all);
        wait(|done| log.truncate_after(None, done)).unwrap();
        assert_eq!((read_all(log), log.state().last, log.state().bytes), (vec![], None, 0));
        append(log, entries(3, 0..2));
        assert_eq!(read_all(log), entries(3, 0..2));
    });
}

#[test]
fn a_purged_beginning_is_gone_and_remembered() {
    each(|log| {
        append(log, entries(1, 0..10));
        wait(|done| log.purge(id(1, 3), done)).unwrap();
        assert_eq!(log.state().purged, Some(id(1, 3)));
        assert_eq!(indexes(&read_all(log)), [4, 5, 6, 7, 8, 9]);
        assert_eq!(log.state().bytes, 6 * 20);
        wait(|done| log.purge(id(1, 2), done)).unwrap();
        assert_eq!(log.state().purged, Some(id(1, 3)), "purging backwards does nothing");
        wait(|done| log.truncate_after(None, done)).unwrap();
        assert_eq!(log.state().last, Some(id(1, 3)), "what is purged stays purged");
        append(log, entries(1, 4..6));
        wait(|done| log.purge(id(1, 5), done)).unwrap();
        assert_eq!((read_all(log), log.state().last, log.state().bytes), (vec![], Some(id(1, 5)), 0));
        append(log, entries(1, 6..7));
    });
}

#[test]
fn purging_beyond_the_end_moves_the_log() {
    each(|log| {
        append(log, entries(1, 0..3));
        wait(|done| log.purge(id(4, 100), done)).unwrap();
        let state = log.state();
        assert_eq!((state.purged, state.last, state.bytes), (Some(id(4, 100)), Some(id(4, 100)), 0));
        assert!(wait(|done| log.append(entries(4, 3..4), done)).is_err());
        append(log, entries(4, 101..103));
        assert_eq!(indexes(&read_all(log)), [101, 102]);
        assert_eq!(log.bytes_upto(101).unwrap(), Some(20));
    });
}

#[test]
fn bytes_are_counted_per_entry() {
    each(|log| {
        append(log, vec![sized(1, 0, 10), sized(1, 1, 30), sized(1, 2, 50)]);
        assert_eq!(
            [0, 1, 2, 3].map(|index| log.bytes_upto(index).unwrap()),
            [Some(10), Some(40), Some(90), None]
        );
        assert_eq!(log.state().bytes, 90);
        wait(|done| log.purge(id(1, 0), done)).unwrap();
        assert_eq!([0, 1, 2].map(|index| log.bytes_upto(index).unwrap()), [None, Some(30), Some(80)]);
    });
}

#[test]
fn vote_and_committed_are_kept() {
    each(|log| {
        let vote = Vote { term: 3, node: 2, committed: true };
        wait(|done| log.save_vote(vote, done)).unwrap();
        log.save_committed(Some(id(1, 4))).unwrap();
        assert_eq!((log.state().vote, log.state().committed), (Some(vote), Some(id(1, 4))));
        log.save_committed(None).unwrap();
        assert_eq!(log.state().committed, None);
    });
}

/// The same random operations on both; the one on disk is reopened now and then.
#[test]
fn random_operations_leave_both_logs_equal() {
    for seed in 0..12 {
        println!("seed {seed}");
        let mut random = Random(seed);
        let folder = folder();
        let (mut disk, memory) = (folder.log(), MemoryLog::new());
        let mut term = 1;
        for _ in 0..150 {
            let (first, next) = (memory.state().first_index(), memory.state().next_index());
            let before = memory.state().last.map_or(0, |id| id.term);
            match random.below(12) {
                0..=5 => {
                    term = term.max(before);
                    let count = random.below(8);
                    let size = if random.below(4) == 0 { 200_000 } else { 30 };
                    let new: Vec<_> = (next..next + count).map(|index| sized(term, index, size)).collect();
                    append(&memory, new.clone());
                    let (done, result) = completion();
                    disk.append(new, done).unwrap();
                    drop(result);
                }
                6 | 7 => {
                    let keep = (first + random.below(next + 3 - first)).checked_sub(1);
                    wait(|done| memory.truncate_after(keep, done)).unwrap();
                    wait(|done| disk.truncate_after(keep, done)).unwrap();
                    term += 1;
                }
                8 => {
                    let upto = first + random.below(next + 2 - first);
                    let read = memory.read(upto..upto + 1, 0, 1).unwrap();
                    let upto = read.first().map_or(id(term, upto), |entry| entry.id);
                    wait(|done| memory.purge(upto, done)).unwrap();
                    wait(|done| disk.purge(upto, done)).unwrap();
                }
                9 => {
                    let vote = Vote {
                        term: random.below(99),
                        node: random.below(3),
                        committed: random.below(2) == 0,
                    };
                    wait(|done| memory.save_vote(vote, done)).unwrap();
                    wait(|done| disk.save_vote(vote, done)).unwrap();
                }
                10 => {
                    let committed = memory.state().last;
                    memory.save_committed(committed).unwrap();
                    disk.save_committed(committed).unwrap();
                }
                _ => {
                    drop(disk);
                    disk = folder.log();
                }
            }
            let from = random.below(next + 2);
            let (bytes, count) = (random.below(300_000) as usize, random.below(20) as usize);
            let range = from..from + random.below(30);
            assert_eq!(disk.read(range.clone(), bytes, count), memory.read(range, bytes, count));
            assert_eq!(disk.bytes_upto(from), memory.bytes_upto(from));
            assert_eq!(
                LogState { synced: None, ..disk.state() },
                LogState { synced: None, ..memory.state() }
            );
        }
        assert_eq!(read_all(&disk), read_all(&memory));
    }
}

/// Entries leave memory for the disk while they are read: no read may fall between the two.
#[test]
fn reads_find_everything_while_entries_move_from_memory_to_disk() {
    let folder = folder();
    let log = folder.log();
    append(&log, vec![entry(1, 0)]);
    let done = std::sync::atomic::AtomicBool::new(false);
    std::thread::scope(|scope| {
        for seed in 0..2 {
            let (log, done) = (&log, &done);
            scope.spawn(move || {
                let mut random = Random(seed);
                while !done.load(std::sync::atomic::Ordering::Acquire) {
                    // Near the border: memory keeps 2 MiB, which is ten entries, and what waits to be synced.
                    let state = log.state();
                    let synced = state.synced.unwrap().index;
                    let from = (synced + random.below(20)).saturating_sub(16).min(synced);
                    let next = state.next_index().min(from + 1 + random.below(20));
                    let read = log.read(from..next, usize::MAX, usize::MAX).unwrap();
                    assert_eq!(indexes(&read), (from..next).collect::<Vec<_>>());
                }
            });
        }
        for index in 1..1500 {
            let (completion, result) = completion();
            log.append(vec![sized(1, index, 200_000)], completion).unwrap();
            drop(result);
        }
        done.store(true, std::sync::atomic::Ordering::Release);
    });
}

#[test]
fn truncations_keep_what_they_say_while_entries_move_from_memory_to_disk() {
    let folder = folder();
    let log = folder.log();
    let mut random = Random(3);
    append(&log, vec![entry(1, 0)]);
    for term in 2..150 {
        let next = log.state().next_index();
        let new = (next..next + 15).map(|index| sized(term, index, 200_000)).collect();
        let (completion, result) = completion();
        log.append(new, completion).unwrap();
        for _ in 0..random.below(40) {
            std::thread::yield_now();
        }
        let keep = next + random.below(14);
        wait(|done| log.truncate_after(Some(keep), done)).unwrap();
        assert_eq!(log.state().last, Some(id(term, keep)), "term {term}");
        let read = log.read(keep..u64::MAX, usize::MAX, usize::MAX).unwrap();
        assert_eq!(indexes(&read), [keep]);
        drop(result);
        if keep > 100 {
            wait(|done| log.purge(id(term, keep), done)).unwrap();
        }
    }
}
