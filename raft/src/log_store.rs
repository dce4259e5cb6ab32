//! openraft's log storage over `storage::LogBackend`.
//!
//! The bytes of an entry are made once, by the proposer; this file hands them on. Reads come in bounded pieces, so that
//! no range, however long, stands in memory at once. A write that fails ends the node.

use std::fmt::Debug;
use std::io;
use std::ops::{Bound, Range, RangeBounds};
use std::sync::Arc;

use futures_util::{Stream, StreamExt, stream};
use openraft::storage::{IOFlushed, LogState, RaftLogReader, RaftLogStorage};
use openraft::{OptionalSend, RaftTypeConfig};
use storage::{Completion, LogBackend, State};
use tokio::sync::oneshot;

use crate::fatal::{Cause, OnFatal};
use crate::frames;
use crate::types::{Entry, LogId, TypeConfig, Vote, raft_id, raft_vote, stored_id, stored_vote};

/// The most payload bytes of one read and of one message to a follower; a single larger entry passes.
pub(crate) const READ_BYTES_MAX: usize = 1 << 20;
/// The most entries of one read.
pub(crate) const READ_ENTRIES_MAX: usize = 1024;
/// The largest payload of an entry. The proposer keeps to less; a peer that sends more is not one of ours.
pub(crate) const ENTRY_BYTES_MAX: usize = 1 << 20;

/// The log, as openraft sees it.
#[derive(Clone)]
pub(crate) struct LogStore {
    log: Arc<dyn LogBackend>,
    state: Arc<State>,
    fatal: OnFatal,
}

impl LogStore {
    /// A log over `log`; `state` is flushed before entries that only its memory covers are purged.
    pub(crate) fn new(log: Arc<dyn LogBackend>, state: Arc<State>, fatal: OnFatal) -> Self {
        LogStore { log, state, fatal }
    }

    /// The entries at the beginning of `range`, in a bounded number of bytes; none only if none is here.
    fn piece(&self, range: Range<u64>) -> io::Result<Vec<Entry>> {
        if range.is_empty() {
            return Ok(Vec::new());
        }
        let entries =
            self.log.read(range, READ_BYTES_MAX, READ_ENTRIES_MAX).map_err(|error| self.end(&error))?;
        let entries = entries.into_iter().map(|storage::Entry { id, payload }| {
            let payload = frames::read_payload(&payload)
                .map_err(|error| self.end(&format_args!("the entry {id} can't be read: {error}")))?;
            Ok(Entry { log_id: raft_id(id), payload })
        });
        entries.collect()
    }

    /// All entries of `range`, piece after piece, as they are asked for.
    fn pieces(&self, range: Range<u64>) -> impl Stream<Item = io::Result<Vec<Entry>>> + Send + 'static {
        let log = self.clone();
        stream::unfold(range.start, move |next| {
            let piece = log.piece(next..range.end);
            async move {
                match piece {
                    Ok(entries) => {
                        let last = entries.last()?.log_id.index;
                        Some((Ok(entries), last.saturating_add(1)))
                    }
                    Err(error) => Some((Err(error), u64::MAX)),
                }
            }
        })
    }

    /// Starts an operation and waits until it is on disk.
    async fn finish(&self, start: impl FnOnce(Completion) -> Result<(), storage::Error>) -> io::Result<()> {
        let (sender, receiver) = oneshot::channel();
        let done: Completion = Box::new(move |result| {
            // Nobody waits any more when the node is stopping.
            let _ = sender.send(result);
        });
        start(done).map_err(|error| self.end(&error))?;
        match receiver.await {
            Ok(result) => result.map_err(|error| self.end(&error)),
            Err(_) => Err(self.end(&"the log's thread ended without an answer")),
        }
    }

    /// Flushes the state if only its memory holds what the entries up to `upto` did: a crash after the purge would
    /// otherwise lose it.
    async fn make_durable(&self, upto: storage::LogId) -> io::Result<()> {
        let durable = self.state.durable().map_err(|error| self.fatal.end(Cause::State, &error))?;
        if durable.log >= Some(upto) {
            return Ok(());
        }
        let state = Arc::clone(&self.state);
        let flushed = tokio::task::spawn_blocking(move || state.flush()).await;
        match flushed {
            Ok(result) => result.map_err(|error| self.fatal.end(Cause::State, &error)),
            Err(error) => Err(self.fatal.end(Cause::State, &error)),
        }
    }

    fn end(&self, error: &dyn std::fmt::Display) -> io::Error {
        self.fatal.end(Cause::Log, error)
    }
}

impl RaftLogReader<TypeConfig> for LogStore {
    /// Reads piece by piece: a node that starts far behind applies without holding the whole range.
    async fn entries_stream<RB>(&mut self, range: RB) -> impl Stream<Item = io::Result<Entry>> + OptionalSend
    where
        RB: RangeBounds<u64> + Clone + Debug + OptionalSend,
    {
        self.pieces(bounds(&range)).flat_map(|piece| {
            let (entries, error) = match piece {
                Ok(entries) => (entries, None),
                Err(error) => (Vec::new(), Some(error)),
            };
            stream::iter(entries.into_iter().map(Ok).chain(error.map(Err)))
        })
    }

    async fn try_get_log_entries<RB: RangeBounds<u64> + Clone + Debug + OptionalSend>(
        &mut self,
        range: RB,
    ) -> io::Result<Vec<Entry>> {
        let mut pieces = std::pin::pin!(self.pieces(bounds(&range)));
        let mut entries = Vec::new();
        while let Some(piece) = pieces.next().await {
            entries.extend(piece?);
        }
        Ok(entries)
    }

    async fn read_vote(&mut self) -> io::Result<Option<Vote>> {
        Ok(self.log.state().vote.map(raft_vote))
    }

    async fn limited_get_log_entries(&mut self, start: u64, end: u64) -> io::Result<Vec<Entry>> {
        self.piece(start..end)
    }
}

impl RaftLogStorage<TypeConfig> for LogStore {
    type LogReader = LogStore;

    async fn get_log_state(&mut self) -> io::Result<LogState<TypeConfig>> {
        let state = self.log.state();
        Ok(LogState { last_purged_log_id: state.purged.map(raft_id), last_log_id: state.last.map(raft_id) })
    }

    async fn get_log_reader(&mut self) -> LogStore {
        self.clone()
    }

    async fn save_vote(&mut self, vote: &Vote) -> io::Result<()> {
        let vote = stored_vote(vote);
        self.finish(|done| self.log.save_vote(vote, done)).await
    }

    async fn save_committed(&mut self, committed: Option<LogId>) -> io::Result<()> {
        self.log.save_committed(committed.as_ref().map(stored_id)).map_err(|error| self.end(&error))
    }

    async fn read_committed(&mut self) -> io::Result<Option<LogId>> {
        Ok(self.log.state().committed.map(raft_id))
    }

    async fn append<I>(&mut self, entries: I, callback: IOFlushed<TypeConfig>) -> io::Result<()>
    where
        I: IntoIterator<Item = <TypeConfig as RaftTypeConfig>::Entry> + OptionalSend,
        I::IntoIter: OptionalSend,
    {
        let entries = entries.into_iter().map(|entry| {
            let payload = frames::payload(&entry.payload);
            if payload.len() > ENTRY_BYTES_MAX {
                let size = payload.len();
                return Err(
                    self.end(&format_args!("an entry of {size} bytes is larger than {ENTRY_BYTES_MAX}"))
                );
            }
            Ok(storage::Entry { id: stored_id(&entry.log_id), payload })
        });
        let entries = entries.collect::<io::Result<Vec<_>>>()?;
        let fatal = self.fatal.clone();
        let done: Completion = Box::new(move |result| {
            callback.io_completed(result.map_err(|error| fatal.end(Cause::Log, &error)));
        });
        self.log.append(entries, done).map_err(|error| self.end(&error))
    }

    async fn truncate_after(&mut self, last: Option<LogId>) -> io::Result<()> {
        self.finish(|done| self.log.truncate_after(last.map(|id| id.index), done)).await
    }

    async fn purge(&mut self, upto: LogId) -> io::Result<()> {
        let upto = stored_id(&upto);
        self.make_durable(upto).await?;
        self.finish(|done| self.log.purge(upto, done)).await
    }
}

/// A range of any shape as one that ends before its end.
fn bounds(range: &impl RangeBounds<u64>) -> Range<u64> {
    let start = match range.start_bound() {
        Bound::Included(start) => *start,
        Bound::Excluded(before) => before.saturating_add(1),
        Bound::Unbounded => 0,
    };
    let end = match range.end_bound() {
        Bound::Included(last) => last.saturating_add(1),
        Bound::Excluded(end) => *end,
        Bound::Unbounded => u64::MAX,
    };
    start..end
}

#[cfg(test)]
mod tests;
