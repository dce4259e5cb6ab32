//! The log on disk: one RocksDB in `log/`, one thread that writes, the newest entries in memory.

use std::ops::Range;
use std::path::Path;
use std::sync::mpsc::{SyncSender, sync_channel};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;

use crate::folder::Lock;
use crate::log::ledger::{Keep, Ledger};
use crate::log::wanted::Wanted;
use crate::log::writer::{self, Change, Operation, Shared};
use crate::log::{open, scan};
use crate::{Completion, Entry, Error, LogBackend, LogId, LogState, NodeIdentity, Options, Vote};

/// Operations that may wait for the writer before callers wait too.
const QUEUE: usize = 1024;

/// The Raft log of a data folder.
pub struct Log {
    shared: Arc<Shared>,
    /// Held while an operation enters the ledger and the queue, so that both have one order.
    queue: Mutex<Option<SyncSender<Operation>>>,
    writer: Mutex<Option<JoinHandle<()>>>,
    _lock: Lock,
}

impl Log {
    /// Opens the log of the data folder `dir`, which must belong to `identity`. `create` made it: a log that is missing
    /// is lost, with the votes in it, and never replaced by an empty one.
    ///
    /// A last record that was cut short is dropped with a warning: its sync never returned, so nobody was answered.
    /// Anything else that is wrong is refused: `TornTail`, `CorruptLog`, `WrongIdentity`, `Locked`.
    pub fn open(dir: &Path, identity: &NodeIdentity, options: &Options) -> Result<Log, Error> {
        identity.check(dir)?;
        let lock = Lock::take(&dir.join("LOCK"))?;
        let path = dir.join("log");
        let db = open::open(&path, identity, options)?;
        let found = scan::find(&db, &path)?;
        let shared = Arc::new(Shared {
            ledger: Mutex::new(open::ledger(&found, options)),
            db,
            path,
            on_fatal: options.on_fatal.clone(),
        });
        if let (true, Some((upto, _))) = (found.leftovers, found.purged) {
            writer::remove_upto(&shared, upto)?;
        }
        let (sender, receiver) = sync_channel(QUEUE);
        let thread = std::thread::Builder::new().name("log-writer".into()).spawn({
            let shared = shared.clone();
            move || writer::run(&shared, &receiver)
        });
        let thread = thread.map_err(|e| Error::io("starting the writer of", &shared.path, &e))?;
        Ok(Log { shared, queue: Mutex::new(Some(sender)), writer: Mutex::new(Some(thread)), _lock: lock })
    }

    /// Finishes all operations submitted before, and refuses later ones. Dropping does the same.
    pub fn close(&self) {
        drop(self.queue().take());
        let writer = self.writer.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(writer) = writer
            && writer.join().is_err()
        {
            tracing::error!("the log's writer panicked");
        }
    }

    fn queue(&self) -> MutexGuard<'_, Option<SyncSender<Operation>>> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn closed(&self) -> Error {
        Error::Closed { path: self.shared.path.clone() }
    }

    /// Numbers an operation, applies it to the ledger and queues it, all in one order.
    fn submit(
        &self,
        done: Option<Completion>,
        apply: impl FnOnce(&mut Ledger, u64) -> Result<Change, Error>,
    ) -> Result<(), Error> {
        let queue = self.queue();
        self.enqueue(&queue, done, apply)
    }

    fn enqueue(
        &self,
        queue: &Option<SyncSender<Operation>>,
        done: Option<Completion>,
        apply: impl FnOnce(&mut Ledger, u64) -> Result<Change, Error>,
    ) -> Result<(), Error> {
        let sender = queue.as_ref().ok_or_else(|| self.closed())?;
        let (number, change) = {
            let mut ledger = self.shared.ledger();
            let number = ledger.begin()?;
            (number, apply(&mut ledger, number)?)
        };
        // The ledger is free while this waits for room: the writer needs it to make some.
        sender.send(Operation { number, change, done }).map_err(|_| self.closed())
    }

    fn lookup(&self, index: u64) -> Result<Option<(LogId, u64)>, Error> {
        scan::get(&self.shared.db, &self.shared.path, index)
    }
}

impl LogBackend for Log {
    fn append(&self, entries: Vec<Entry>, done: Completion) -> Result<(), Error> {
        self.submit(Some(done), |ledger, number| {
            ledger.check_follows(&entries)?;
            let ends = ledger.append(&entries, number);
            Ok(Change::Append(entries, ends))
        })
    }

    fn save_vote(&self, vote: Vote, done: Completion) -> Result<(), Error> {
        self.submit(Some(done), |ledger, _| {
            ledger.vote = Some(vote);
            Ok(Change::Vote(vote))
        })
    }

    fn save_committed(&self, id: Option<LogId>) -> Result<(), Error> {
        self.submit(None, |ledger, _| {
            ledger.committed = id;
            Ok(Change::Committed(id))
        })
    }

    fn truncate_after(&self, index: Option<u64>, done: Completion) -> Result<(), Error> {
        self.submit(Some(done), |ledger, _| {
            let keep = match (ledger.keep(index), index) {
                (Some(keep), _) => keep,
                (None, None) => Keep::Nothing,
                // Not in memory, so it is on disk; while the ledger is held, nothing moves between the two.
                (None, Some(index)) => match self.lookup(index)? {
                    Some((id, end)) => Keep::Older(id, end),
                    None => {
                        return Err(scan::damaged(&self.shared.path, format!("entry {index} is missing")));
                    }
                },
            };
            ledger.truncate(keep);
            Ok(Change::TruncateFrom(ledger.state().next_index()))
        })
    }

    fn purge(&self, upto: LogId, done: Completion) -> Result<(), Error> {
        let queue = self.queue();
        let (state, in_tail) = {
            let ledger = self.shared.ledger();
            (ledger.state(), ledger.tail.get(upto.index).map(|(_, end)| end))
        };
        let already = state.purged.is_some_and(|purged| purged.index >= upto.index);
        let all = state.last.is_none_or(|last| last.index <= upto.index);
        let end = match in_tail {
            _ if already || all => None,
            Some(end) => Some(end),
            None => self.lookup(upto.index)?.map(|(_, end)| end),
        };
        self.enqueue(&queue, Some(done), |ledger, _| {
            let upto = if already { ledger.purged.unwrap_or(upto) } else { upto };
            let end = if already { ledger.purged_end } else { end.unwrap_or_else(|| ledger.tail.end()) };
            if !already {
                ledger.purge(upto, end);
            }
            Ok(Change::Purge { upto, end })
        })
    }

    fn read(&self, range: Range<u64>, max_bytes: usize, max_entries: usize) -> Result<Vec<Entry>, Error> {
        let mut wanted = Wanted::new(max_bytes, max_entries);
        let mut next = range.start;
        // Entries leave memory for the disk meanwhile, so the border between the two is looked up again after each
        // part.
        while !wanted.full() {
            let disk = match self.take_from_memory(next, range.end, &mut wanted) {
                Some(disk) => disk,
                None => break,
            };
            let before = wanted.entries.len();
            scan::each(&self.shared.db, &self.shared.path, disk.start, |entry, _| {
                entry.id.index < disk.end && wanted.take(entry)
            })?;
            if wanted.entries.len() == before && !wanted.full() && !self.is_back(disk.start)? {
                break;
            }
            next = wanted.next(range.start);
        }
        Ok(wanted.entries)
    }

    fn bytes_upto(&self, index: u64) -> Result<Option<u64>, Error> {
        let (in_tail, purged_end) = {
            let ledger = self.shared.ledger();
            if ledger.is_empty() || index < ledger.first || index >= ledger.state().next_index() {
                return Ok(None);
            }
            (ledger.tail.get(index).map(|(_, end)| end), ledger.purged_end)
        };
        let end = match in_tail {
            Some(end) => Some(end),
            None => self.lookup(index)?.map(|(_, end)| end),
        };
        Ok(end.map(|end| end.saturating_sub(purged_end)))
    }

    fn state(&self) -> LogState {
        self.shared.ledger().state()
    }
}

impl Log {
    /// Takes entries from `next` to `end` as far as memory has them; returns those that must be read from the disk to
    /// go on, or `None` when there is nothing more.
    fn take_from_memory(&self, next: u64, end: u64, wanted: &mut Wanted) -> Option<Range<u64>> {
        let ledger = self.shared.ledger();
        if ledger.is_empty() {
            return None;
        }
        let end = end.min(ledger.state().next_index());
        let first = next.max(ledger.first);
        if first > next && !wanted.entries.is_empty() {
            // What would follow was purged after the first part was read.
            return None;
        }
        let mut next = first;
        while let Some((entry, _)) = ledger.tail.get(next).filter(|_| next < end) {
            if !wanted.take(entry.clone()) {
                return None;
            }
            next = next.saturating_add(1);
        }
        let disk = next..ledger.tail.first_index().map_or(end, |first| first.min(end));
        (!disk.is_empty()).then_some(disk)
    }

    /// An entry was not on disk. Whether it can be read now: it was truncated meanwhile and another came in its place.
    /// One that should be there and is not is lost.
    fn is_back(&self, index: u64) -> Result<bool, Error> {
        // While the ledger is held nothing moves: what is in the log and not in the tail is on disk.
        let ledger = self.shared.ledger();
        if ledger.is_empty() || index < ledger.first || index >= ledger.state().next_index() {
            return Ok(false);
        }
        if ledger.tail.get(index).is_none() && self.lookup(index)?.is_none() {
            return Err(scan::damaged(&self.shared.path, format!("entry {index} is missing")));
        }
        Ok(true)
    }
}

impl Drop for Log {
    fn drop(&mut self) {
        self.close();
    }
}
