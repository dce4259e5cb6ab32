//! The log's only writer: a thread that takes all operations that wait, writes them as one batch, syncs once, and
//! answers them in their order. This is the group commit.
//!
//! One write-ahead log holds votes, entries, truncations and purges in the order of their submission, so any prefix
//! that a crash leaves is a state that the log once had.

use std::path::PathBuf;
use std::sync::mpsc::{Receiver, TryRecvError};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use rocksdb::{DB, WriteBatch, WriteOptions};

use crate::codec::{entry, meta};
use crate::error::Part;
use crate::log::ledger::Ledger;
use crate::options::OnFatal;
use crate::{Completion, Entry, Error, LogId, Vote};

/// A group takes no more operations once it has this many bytes of payload.
const GROUP_BYTES: usize = 4 << 20;

/// One change of the log, with the number by which the ledger knows it.
pub(crate) struct Operation {
    pub(crate) number: u64,
    pub(crate) change: Change,
    pub(crate) done: Option<Completion>,
}

pub(crate) enum Change {
    /// Entries and where each one's payload ends.
    Append(Vec<Entry>, Vec<u64>),
    Vote(Vote),
    Committed(Option<LogId>),
    /// Removes the entries from this index on.
    TruncateFrom(u64),
    Purge {
        upto: LogId,
        end: u64,
    },
}

/// What the writer shares with the log's callers.
pub(crate) struct Shared {
    pub(crate) db: DB,
    pub(crate) path: PathBuf,
    pub(crate) ledger: Mutex<Ledger>,
    pub(crate) on_fatal: OnFatal,
}

impl Shared {
    /// The ledger. A panic elsewhere cannot leave it half-changed: nothing in it panics between two changes.
    pub(crate) fn ledger(&self) -> MutexGuard<'_, Ledger> {
        self.ledger.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Runs until every sender is gone and all they sent is done.
pub(crate) fn run(shared: &Arc<Shared>, operations: &Receiver<Operation>) {
    let mut writer = Writer { shared, hint: None, failed: None };
    while let Ok(first) = operations.recv() {
        writer.process(gather(first, operations));
    }
    writer.finish();
}

/// All operations that wait, in order, up to the bound of a group.
fn gather(first: Operation, operations: &Receiver<Operation>) -> Vec<Operation> {
    let mut bytes = payload(&first);
    let mut group = vec![first];
    while bytes < GROUP_BYTES {
        match operations.try_recv() {
            Ok(next) => {
                bytes = bytes.saturating_add(payload(&next));
                group.push(next);
            }
            Err(TryRecvError::Empty | TryRecvError::Disconnected) => break,
        }
    }
    group
}

fn payload(operation: &Operation) -> usize {
    match &operation.change {
        Change::Append(entries, _) => entries.iter().map(|entry| entry.payload.len()).sum(),
        _ => 0,
    }
}

struct Writer<'a> {
    shared: &'a Shared,
    /// A committed position that waits for the next synced group.
    hint: Option<Option<LogId>>,
    failed: Option<Error>,
}

impl Writer<'_> {
    fn process(&mut self, group: Vec<Operation>) {
        let result = match &self.failed {
            Some(error) => Err(error.clone()),
            None => self.write(&group),
        };
        if let (Err(error), None) = (&result, &self.failed) {
            self.failed = Some(error.clone());
            self.shared.ledger().failed = Some(error.clone());
            (self.shared.on_fatal)(error);
        }
        for operation in group {
            if let Some(done) = operation.done {
                done(result.clone());
            }
        }
    }

    /// Writes and syncs a group, then removes what it purged.
    fn write(&mut self, group: &[Operation]) -> Result<(), Error> {
        let mut batch = WriteBatch::default();
        let mut hint = self.hint.take();
        for operation in group {
            match &operation.change {
                Change::Committed(id) => hint = Some(*id),
                change => add(&mut batch, change),
            }
        }
        if batch.is_empty() {
            // Only hints: they wait for something that is worth a sync.
            self.hint = hint;
        } else {
            if let Some(id) = hint {
                batch.put(meta::COMMITTED, meta::encode_position(id));
            }
            self.commit(batch, true)?;
        }
        for operation in group {
            if let Change::Purge { upto, .. } = operation.change {
                self.remove_purged(upto)?;
            }
        }
        if let Some(last) = group.last() {
            self.shared.ledger().sync(last.number);
        }
        Ok(())
    }

    /// Drops files that hold nothing but purged entries, and covers the others' purged rows. Files go at once and
    /// outside the write-ahead log's order, which is why the position was synced before.
    fn remove_purged(&self, upto: LogId) -> Result<(), Error> {
        remove_upto(self.shared, upto)
    }

    fn commit(&self, batch: WriteBatch, sync: bool) -> Result<(), Error> {
        let mut options = WriteOptions::default();
        options.set_sync(sync);
        self.shared.db.write_opt(batch, &options).map_err(|e| self.name("writing the log in", e))
    }

    /// Leaves nothing to replay for the next start; failing to is no loss, the write-ahead log has it all.
    fn finish(mut self) {
        if self.failed.is_some() {
            return;
        }
        if let Some(id) = self.hint.take() {
            let mut batch = WriteBatch::default();
            batch.put(meta::COMMITTED, meta::encode_position(id));
            if let Err(error) = self.commit(batch, false) {
                tracing::warn!(%error, "the committed position was not kept");
            }
        }
        if let Err(error) = self.shared.db.flush() {
            tracing::warn!(%error, "the log was not flushed at its close");
        }
    }

    fn name(&self, doing: &'static str, cause: rocksdb::Error) -> Error {
        Error::rocks(Part::Log, doing, &self.shared.path, cause)
    }
}

/// Removes the rows of entries up to `upto`. Range deletions begin where the last one ended, for overlapping ones
/// would pile up; the ledger knows that place no more, but RocksDB's first row does.
pub(crate) fn remove_upto(shared: &Shared, upto: LogId) -> Result<(), Error> {
    let name = |e| Error::rocks(Part::Log, "purging the log in", &shared.path, e);
    let end = entry::key(upto.index.saturating_add(1));
    shared.db.delete_file_in_range(entry::key(0), entry::key(upto.index)).map_err(name)?;
    let mut rows = shared.db.raw_iterator();
    rows.seek(entry::key(0));
    rows.status().map_err(name)?;
    let Some(first) = rows.key().filter(|key| *key < end.as_slice()).map(<[u8]>::to_vec) else {
        return Ok(());
    };
    let mut batch = WriteBatch::default();
    batch.delete_range(first.as_slice(), end.as_slice());
    shared.db.write_opt(batch, &WriteOptions::default()).map_err(name)
}

fn add(batch: &mut WriteBatch, change: &Change) {
    match change {
        Change::Append(entries, ends) => {
            for (logged, end) in entries.iter().zip(ends) {
                batch.put(entry::key(logged.id.index), entry::encode(logged, *end));
            }
        }
        Change::Vote(vote) => batch.put(meta::VOTE, meta::encode_vote(*vote)),
        Change::Committed(_) => {}
        Change::TruncateFrom(index) => {
            batch.delete_range(entry::key(*index).as_slice(), entry::end_key().as_slice());
        }
        Change::Purge { upto, end } => batch.put(meta::PURGED, meta::encode_purged(*upto, *end)),
    }
}

#[cfg(test)]
mod tests;
