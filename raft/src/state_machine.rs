//! openraft's state machine over `storage::State`: runs what is committed, in chunks, and says so in a fixed order.
//!
//! A chunk is one batch of the state: its rows with the applied position, membership, log time and digest. Then, in
//! this order: the applied position is published, the callers get their outcomes, the changes are announced. So nobody
//! learns of a write that a view taken afterwards does not hold.
//!
//! Commands run on the task of the state machine, a chunk at a time with a yield between: they are short, and a chunk
//! is bounded. What takes long (flush, checkpoint, install) runs on blocking threads.

use std::fmt::Display;
use std::io;
use std::sync::Arc;

use bytes::Bytes;
use futures_util::{Stream, StreamExt};
use identity::execute::Head;
use identity::time::Timestamp;
use openraft::storage::{ApplyResponder, EntryResponder, RaftSnapshotBuilder, RaftStateMachine};
use openraft::{EntryPayload, OptionalSend};
use storage::{Applied, LogBackend, State};
use tokio::sync::{broadcast, watch};

use crate::changes::Change;
use crate::digests::Digests;
use crate::fatal::{Cause, OnFatal};
use crate::frames;
use crate::machine::{Machine, Step};
use crate::scrub::Scrub;
use crate::types::{LogId, Outcomes, Peer, SnapshotMeta, StoredMembership, TypeConfig, raft_id, stored_id};

/// A chunk ends before it has more commands than this.
const CHUNK_COMMANDS_MAX: usize = 512;
/// A chunk ends before it has more bytes of commands than this, unless one entry alone has more.
const CHUNK_BYTES_MAX: usize = 1 << 20;

/// A snapshot on its way between state machines.
pub(crate) type Parcel = storage::Snapshot;

pub(crate) type Snapshot = openraft::Snapshot<crate::types::LeaderId, u64, Peer, Parcel>;

/// What the state machine shares with the rest of the node.
#[derive(Clone)]
pub(crate) struct Parts {
    pub(crate) state: Arc<State>,
    pub(crate) log: Arc<dyn LogBackend>,
    pub(crate) machine: Arc<dyn Machine>,
    pub(crate) applied: watch::Sender<Option<u64>>,
    pub(crate) changes: broadcast::Sender<Arc<Change>>,
    pub(crate) digests: Arc<Digests>,
    pub(crate) scrub: Arc<Scrub>,
    pub(crate) fatal: OnFatal,
}

/// The state machine.
pub(crate) struct StateMachine {
    parts: Parts,
    /// The newest that was written.
    now: Applied,
}

/// An entry that waits for its chunk.
struct Waiting {
    id: LogId,
    payload: crate::types::Payload,
    responder: Option<ApplyResponder<TypeConfig>>,
}

impl Waiting {
    /// The leader's stamp; 0 for an entry that carries none.
    fn time_ms(&self) -> u64 {
        match &self.payload {
            EntryPayload::Normal(batch) => batch.time_ms,
            EntryPayload::Blank | EntryPayload::Membership(_) => 0,
        }
    }

    fn commands(&self) -> &[Bytes] {
        match &self.payload {
            EntryPayload::Normal(batch) => &batch.commands,
            EntryPayload::Blank | EntryPayload::Membership(_) => &[],
        }
    }
}

impl StateMachine {
    /// A state machine that goes on from what the state has applied.
    pub(crate) fn new(parts: Parts) -> Self {
        let now = parts.state.applied();
        parts.applied.send_replace(now.log.map(|id| id.index));
        parts.digests.begin(&now);
        StateMachine { parts, now }
    }

    /// Runs and writes one chunk, then publishes it.
    fn write(&mut self, chunk: Vec<Waiting>) -> io::Result<()> {
        let Some(last) = chunk.last().map(|waiting| waiting.id) else { return Ok(()) };
        let mut applied = Applied {
            log: Some(stored_id(&last)),
            log_synced: self.parts.log.state().synced.map_or(0, |id| id.index),
            ..self.now.clone()
        };
        let mut steps = Vec::with_capacity(chunk.len());
        for waiting in &chunk {
            let time = match &waiting.payload {
                EntryPayload::Blank => None,
                EntryPayload::Membership(membership) => {
                    let stored = StoredMembership::new(Some(waiting.id), membership.clone());
                    applied.membership = frames::membership(&stored);
                    None
                }
                EntryPayload::Normal(batch) if batch.level > identity::level::MAX => {
                    let level = batch.level;
                    return Err(
                        self.end(Cause::State, &format_args!("the entry {} has level {level}", waiting.id))
                    );
                }
                EntryPayload::Normal(batch) => Some(Timestamp(batch.time_ms)),
            };
            steps.push(Step { index: waiting.id.index, time, commands: waiting.commands() });
        }
        let head = Head { time: Timestamp(applied.time_ms), digest: applied.digest };
        let view = self.parts.state.view();
        let ran =
            self.parts.machine.run(&view, head, &steps).map_err(|fault| self.end(Cause::State, &fault))?;
        drop(view);
        applied.time_ms = ran.head.time.0;
        applied.digest = ran.head.digest;

        // Nobody listens on most nodes; then the keys are not copied.
        let change =
            (self.parts.changes.receiver_count() > 0).then(|| Change::written(last.index, &ran.changes));
        self.parts
            .state
            .write(ran.changes, applied.clone())
            .map_err(|error| self.end(Cause::State, &error))?;
        for (waiting, digest) in chunk.iter().zip(ran.digests) {
            self.parts.digests.add(waiting.id.index, digest);
        }
        self.now = applied;
        self.parts.applied.send_replace(Some(last.index));
        let mut outcomes = ran.outcomes.into_iter();
        for waiting in chunk {
            let outcomes = outcomes.next().unwrap_or_default();
            if let Some(responder) = waiting.responder {
                responder.send(Outcomes(outcomes));
            }
        }
        if let Some(change) = change {
            // An error says that the last listener has just left.
            let _ = self.parts.changes.send(Arc::new(change));
        }
        Ok(())
    }

    fn end(&self, cause: Cause, error: &dyn Display) -> io::Error {
        self.parts.fatal.end(cause, error)
    }
}

impl RaftStateMachine<TypeConfig> for StateMachine {
    type SnapshotData = Parcel;
    type SnapshotBuilder = Builder;

    async fn applied_state(&mut self) -> io::Result<(Option<LogId>, StoredMembership)> {
        let membership =
            frames::read_membership(&self.now.membership).map_err(|error| self.end(Cause::State, &error))?;
        Ok((self.now.log.map(raft_id), membership))
    }

    async fn apply<Strm>(&mut self, mut entries: Strm) -> io::Result<()>
    where
        Strm: Stream<Item = io::Result<EntryResponder<TypeConfig>>> + Unpin + OptionalSend,
    {
        let mut chunk = Vec::new();
        let (mut commands, mut bytes) = (0, 0);
        let mut time_ms = self.now.time_ms;
        while let Some(entry) = entries.next().await {
            let (entry, responder) = entry?;
            let waiting = Waiting { id: entry.log_id, payload: entry.payload, responder };
            let (more_commands, more_bytes) =
                (waiting.commands().len(), waiting.commands().iter().map(Bytes::len).sum::<usize>());
            // Entries without commands count too: a chunk is bounded by whatever it holds.
            if chunk.len() + commands + more_commands > CHUNK_COMMANDS_MAX
                || bytes + more_bytes > CHUNK_BYTES_MAX
            {
                self.write(std::mem::take(&mut chunk))?;
                (commands, bytes) = (0, 0);
                tokio::task::yield_now().await;
            }
            commands += more_commands;
            bytes += more_bytes;
            let before_ms = time_ms;
            time_ms = time_ms.max(waiting.time_ms());
            let index = waiting.id.index;
            chunk.push(waiting);
            if self.parts.scrub.is_due(before_ms, time_ms) {
                // The chunk ends here on every node, so that all hash the same state.
                self.write(std::mem::take(&mut chunk))?;
                (commands, bytes) = (0, 0);
                self.parts.scrub.begin(index, &self.parts.state);
            }
        }
        self.write(chunk)
    }

    async fn try_create_snapshot_builder(&mut self, _force: bool) -> Option<Builder> {
        Some(self.get_snapshot_builder().await)
    }

    async fn get_snapshot_builder(&mut self) -> Builder {
        Builder { state: Arc::clone(&self.parts.state), fatal: self.parts.fatal.clone() }
    }

    async fn install_snapshot(&mut self, _meta: &SnapshotMeta, snapshot: Parcel) -> io::Result<()> {
        let state = Arc::clone(&self.parts.state);
        let install = move || {
            state.install(&snapshot)?;
            // openraft asks for what was installed. A received snapshot is kept already; one from elsewhere is made again.
            let position = snapshot.manifest.position();
            match state.latest_snapshot()? {
                Some(latest) if latest.manifest.position() >= position => Ok(()),
                Some(_) | None => state.build_snapshot().map(|_| ()),
            }
        };
        blocking(&self.parts.fatal, install).await?;
        self.now = self.parts.state.applied();
        self.parts.digests.begin(&self.now);
        let index = self.now.log.map(|id| id.index);
        self.parts.applied.send_replace(index);
        // An error says that nobody listens.
        let _ = self.parts.changes.send(Arc::new(Change::Replaced { index: index.unwrap_or(0) }));
        Ok(())
    }

    async fn get_current_snapshot(&mut self) -> io::Result<Option<Snapshot>> {
        let state = Arc::clone(&self.parts.state);
        let latest = blocking(&self.parts.fatal, move || state.latest_snapshot()).await?;
        latest.map(described).transpose().map_err(|error| self.end(Cause::Snapshot, &error))
    }
}

/// Builds a snapshot while commands go on being applied; it holds what was applied when its checkpoint was made.
pub(crate) struct Builder {
    state: Arc<State>,
    fatal: OnFatal,
}

impl RaftSnapshotBuilder<TypeConfig> for Builder {
    type SnapshotData = Parcel;

    async fn build_snapshot(&mut self) -> io::Result<Snapshot> {
        let state = Arc::clone(&self.state);
        let parcel = blocking(&self.fatal, move || state.build_snapshot()).await?;
        described(parcel).map_err(|error| self.fatal.end(Cause::Snapshot, &error))
    }
}

/// A snapshot with what openraft wants to know of it, read from its manifest.
pub(crate) fn described(parcel: Parcel) -> Result<Snapshot, frames::Error> {
    let applied = parcel.manifest.applied();
    let last_membership = frames::read_membership(&applied.membership)?;
    let meta = SnapshotMeta { last_log_id: applied.log.map(raft_id), last_membership };
    Ok(openraft::Snapshot { meta, snapshot: parcel })
}

async fn blocking<T: Send + 'static>(
    fatal: &OnFatal,
    work: impl FnOnce() -> Result<T, storage::Error> + Send + 'static,
) -> io::Result<T> {
    match tokio::task::spawn_blocking(work).await {
        Ok(result) => result.map_err(|error| fatal.end(Cause::Snapshot, &error)),
        Err(error) => Err(fatal.end(Cause::Snapshot, &error)),
    }
}
