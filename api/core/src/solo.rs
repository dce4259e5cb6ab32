//! A cluster of one in memory, for tests: the same execution, no log, no disk, a clock that the test moves.

use crate::backend::{
    Applied, Backend, BoxFuture, Freshness, Position, Proposal, SubmitError, Unavailable, View,
};
use identity::encoding::encode;
use identity::envelope::Envelope;
use identity::execute::{At, Chunk, Head, Machine, Outcome};
use identity::testing::memory::MemoryTables;
use identity::time::Timestamp;
use std::sync::{Arc, Mutex, PoisonError};

/// A cluster of one in memory.
pub struct Solo {
    machine: Arc<Machine>,
    state: Mutex<State>,
}

struct State {
    tables: Arc<MemoryTables>,
    head: Head,
    index: u64,
    now: Timestamp,
    available: bool,
}

impl Solo {
    /// An empty cluster whose clock stands at `now`.
    pub fn new(machine: Arc<Machine>, now: Timestamp) -> Solo {
        let head = Head { time: now, digest: [0; 32] };
        let state = State { tables: Arc::default(), head, index: 0, now, available: true };
        Solo { machine, state: Mutex::new(state) }
    }

    /// Moves the clock.
    pub fn advance_secs(&self, secs: u64) {
        let mut state = self.lock();
        state.now = state.now.plus_secs(secs);
    }

    /// Lets the node lose or regain the proof that its state is new: views and commands fail meanwhile.
    pub fn set_available(&self, available: bool) {
        self.lock().available = available;
    }

    /// The clock.
    pub fn now(&self) -> Timestamp {
        self.lock().now
    }

    /// What it holds, for comparing and for [`Solo::rewind`].
    pub fn tables(&self) -> Arc<MemoryTables> {
        Arc::clone(&self.lock().tables)
    }

    /// Puts back what it held before. The log goes on, so that no position ever stands for two states.
    pub fn rewind(&self, tables: Arc<MemoryTables>) {
        let mut state = self.lock();
        state.tables = tables;
        state.index += 1;
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn run(&self, proposal: Proposal) -> Result<Applied, SubmitError> {
        let mut state = self.lock();
        if !state.available {
            return Err(SubmitError::NotApplied("no quorum"));
        }
        let envelope = Envelope {
            request: proposal.request,
            not_after: state.now.plus_secs(Envelope::DEADLINE_SECS),
            instance: proposal.instance,
            caller: proposal.caller,
            remember: proposal.remember,
            number: proposal.number,
            body: proposal.body,
        };
        let command = encode(&envelope);
        state.index += 1;
        let at = At { index: state.index, ordinal: 0, time: state.now };
        let tables = Arc::clone(&state.tables);
        let mut chunk = Chunk::new(&*tables, state.head, &self.machine);
        let outcome =
            chunk.execute(at, &command).map_err(|_| SubmitError::NotApplied("the node has stopped"))?;
        let (changes, head) = chunk.finish();
        drop(tables);
        state.head = head;
        Arc::make_mut(&mut state.tables).write(changes);
        let position = Position { shard: 0, lineage: 1, index: state.index };
        match outcome {
            Outcome::Applied(reply) => Ok(Applied { reply, position }),
            Outcome::Refused(refusal) => Err(SubmitError::Refused(refusal)),
        }
    }
}

impl Backend for Solo {
    fn submit(&self, proposal: Proposal) -> BoxFuture<'_, Result<Applied, SubmitError>> {
        Box::pin(async move { self.run(proposal) })
    }

    fn view(&self, _: Freshness) -> BoxFuture<'_, Result<View, Unavailable>> {
        Box::pin(async move {
            let state = self.lock();
            if !state.available {
                return Err(Unavailable);
            }
            let position = Position { shard: 0, lineage: 1, index: state.index };
            Ok(View { read: Arc::clone(&state.tables) as _, position, now: state.now })
        })
    }
}
