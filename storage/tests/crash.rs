//! What a killed process and a damaged log leave. (SIGKILL keeps the page cache, so it proves order and recovery, not
//! that syncs reach the disk; `log::writer` tests that the sync comes before the completion.)

use std::io::{BufRead, BufReader, Write};
use std::process::{Command, Stdio};
use std::sync::{Arc, Mutex};

use identity::tables::{Read, Table};
use storage::{Applied, Error, LogBackend, Vote, boot};

use crate::fixture::*;

/// The child: eight threads append, vote and apply, and print what was completed, until they are killed.
#[test]
#[expect(clippy::disallowed_methods, reason = "how the parent tells the child what to do")]
fn child_writes_until_killed() {
    let Ok(dir) = std::env::var("CONCLAVE_TEST_WRITE") else { return };
    let dir = std::path::Path::new(&dir);
    let log = Arc::new(storage::Log::open(dir, &IDENTITY, &quiet()).unwrap());
    let state = storage::State::open(dir, &IDENTITY, &quiet()).unwrap();
    boot::check(log.as_ref(), &state).unwrap();
    let next = Arc::new(Mutex::new(log.state().next_index()));
    let say = |line: String| {
        let mut out = std::io::stdout().lock();
        out.write_all(line.as_bytes()).and_then(|()| out.flush()).unwrap();
    };
    say(format!("\nstart {}\n", log.state().next_index()));
    std::thread::scope(|scope| {
        for thread in 0..8_u64 {
            let (log, next, state) = (log.clone(), next.clone(), &state);
            scope.spawn(move || {
                loop {
                    let (done, result) = completion();
                    let index = {
                        let mut next = next.lock().unwrap();
                        let index = *next;
                        log.append(vec![sized(1, index, 700)], done).unwrap();
                        if index % 40 == 7 {
                            log.save_vote(
                                Vote { term: index, node: thread, committed: false },
                                Box::new(|_| {}),
                            )
                            .unwrap();
                        }
                        *next += 1;
                        index
                    };
                    result.recv().unwrap().unwrap();
                    say(format!("done {index}\n"));
                    if thread == 0 {
                        let synced = log.state().synced.map_or(0, |id| id.index);
                        let changes = put(Table::State, &format!("key {index}"), &"v".repeat(3000));
                        state.write(changes, Applied { log_synced: synced, ..applied(index) }).unwrap();
                        if index % 50 == 0 {
                            state.flush().unwrap();
                            let durable = state.durable().unwrap().log.map_or(0, |id| id.index);
                            if durable > 300 {
                                log.purge(id(1, durable - 300), Box::new(|_| {})).unwrap();
                            }
                        }
                    }
                }
            });
        }
    });
}

#[test]
fn everything_acknowledged_is_there_after_sigkill() {
    let folder = folder();
    let mut random = Random(2);
    let mut acknowledged = 0;
    for round in 0..6 {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "crash::child_writes_until_killed", "--nocapture"])
            .env("CONCLAVE_TEST_WRITE", &folder.dir)
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let kill_after = 20 + random.below(800);
        let mut done = 0;
        for line in BufReader::new(child.stdout.take().unwrap()).lines() {
            let line = line.unwrap();
            if let Some(next) = line.strip_prefix("start ") {
                assert!(next.parse::<u64>().unwrap() > acknowledged || round == 0, "round {round}");
            }
            if let Some(index) = line.strip_prefix("done ") {
                acknowledged = acknowledged.max(index.parse().unwrap());
                done += 1;
                if done == kill_after {
                    child.kill().unwrap();
                }
            }
        }
        let status = child.wait().unwrap();
        assert!(done >= kill_after, "round {round}: the child ended by itself: {status}");
        let (log, state) = (folder.log(), folder.state());
        boot::check(&log, &state).unwrap();
        assert!(log.state().last.unwrap().index >= acknowledged, "round {round}");
        for entry in read_all(&log) {
            assert_eq!(entry, sized(1, entry.id.index, 700));
        }
        let at = state.applied().log.map_or(0, |id| id.index);
        assert!(state.view().get(Table::State, format!("key {at}").as_bytes()).unwrap().is_some() || at == 0);
    }
}

#[test]
fn e01_images_of_the_open_folder_hold_what_was_completed() {
    let folder = folder();
    let log = folder.log();
    for round in 0..10 {
        append(&log, (round * 30..round * 30 + 30).map(|index| sized(1, index, 5000)).collect());
        let vote = Vote { term: round, node: 1, committed: true };
        wait(|done| log.save_vote(vote, done)).unwrap();
        let image = folder.image().log_of_image();
        assert_eq!(image, (round * 30 + 30, Some(vote)));
    }
}

impl Folder {
    fn log_of_image(&self) -> (u64, Option<Vote>) {
        let log = self.log();
        (log.state().next_index(), log.state().vote)
    }
}

/// An image of a log of ten single-entry groups, not closed, so that all of them are in the write-ahead log.
fn logged() -> Folder {
    let folder = folder();
    let log = folder.log();
    for index in 0..10 {
        append(&log, vec![sized(1, index, 300)]);
    }
    folder.image()
}

/// The length of one of the groups of `logged` in the write-ahead log, at least.
const GROUP: u64 = 300;

#[test]
fn a_last_record_cut_short_is_dropped() {
    for cut in [1, 5, 150, GROUP] {
        let image = logged();
        let wal = newest_wal(&image.dir);
        let file = std::fs::File::options().write(true).open(&wal).unwrap();
        file.set_len(file.metadata().unwrap().len() - cut).unwrap();
        let log = image.log();
        assert_eq!(indexes(&read_all(&log)), (0..9).collect::<Vec<_>>(), "cut {cut}");
        append(&log, vec![entry(2, 9)]);
    }
}

#[test]
fn a_last_record_with_wrong_bytes_is_a_torn_tail_that_a_person_may_drop() {
    for back in [1, 150, 300, 320] {
        let image = logged();
        let wal = newest_wal(&image.dir);
        flip(&wal, std::fs::metadata(&wal).unwrap().len() as usize - back, 16);
        let Err(Error::TornTail { path, .. }) = image.try_log() else {
            panic!("{back}: {:?}", image.try_log().err())
        };
        assert_eq!(path, wal);
        let dropped = boot::truncate_torn_tail(&image.dir).unwrap().unwrap();
        assert_eq!(dropped.file, wal);
        assert!(wal.with_extension("torn").exists());
        assert_eq!(indexes(&read_all(&image.log())), (0..9).collect::<Vec<_>>());
        assert_eq!(boot::truncate_torn_tail(&image.dir).unwrap(), None);
    }
}

#[test]
fn wrong_bytes_in_the_middle_are_damage() {
    let length = std::fs::metadata(newest_wal(&logged().dir)).unwrap().len() as usize;
    let mut random = Random(5);
    for _ in 0..60 {
        let image = logged();
        let wal = newest_wal(&image.dir);
        let at = random.below(length as u64 - 400) as usize;
        flip(&wal, at, 1 << random.below(8));
        let refused = image.try_log().err();
        assert!(matches!(refused, Some(Error::CorruptLog { .. })), "byte {at} of {length}: {refused:?}");
        assert_eq!(boot::truncate_torn_tail(&image.dir).unwrap(), None);
    }
}

#[test]
fn a_tail_cut_away_between_records_is_noticed_by_what_was_synced() {
    let image = logged();
    drop(image.log());
    let before = image.image();
    {
        let log = image.log();
        append(&log, vec![entry(1, 10)]);
        let state = image.state();
        let synced = log.state().synced.unwrap().index;
        state.write(Default::default(), Applied { log_synced: synced, ..applied(10) }).unwrap();
    }
    // The log of before, the state of after: whole records are missing at the end.
    std::fs::remove_dir_all(image.dir.join("log")).unwrap();
    copy(&before.dir.join("log"), &image.dir.join("log"));
    let (log, state) = (image.log(), image.state());
    assert_eq!(boot::check(&log, &state), Err(Error::LogTailLost { last: 9, synced: 10 }));
}

#[test]
fn a_flipped_byte_in_a_table_file_of_the_log_is_damage() {
    let folder = folder();
    {
        let log = folder.log();
        append(&log, (0..50).map(|index| sized(1, index, 100)).collect());
    }
    let table = std::fs::read_dir(folder.dir.join("log")).unwrap().map(|entry| entry.unwrap().path());
    let table = table.filter(|path| path.extension().is_some_and(|ext| ext == "sst")).max().unwrap();
    flip(&table, 1000, 4);
    let refused = folder.try_log().err();
    assert!(matches!(refused, Some(Error::CorruptLog { .. })), "{refused:?}");
}
