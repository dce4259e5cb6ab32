//! A world in memory: tables, the head of the log, a clock that the test moves, and chance that repeats.
//!
//! Every command goes the real way: it is put into an envelope, encoded, and executed as a chunk of its own. A refusal
//! that writes anything fails the test, whatever the test was about.

use crate::command::Command;
use crate::encoding::{decode, encode};
use crate::envelope::{Caller, Envelope, Remember};
use crate::execute::{At, Chunk, Head, Machine, Outcome};
use crate::id::{Fixed, Hash, Id, InstanceId, RequestId};
use crate::keyring::Keyring;
use crate::name::Name;
use crate::reader::Reader;
use crate::refusal::Refusal;
use crate::several::Several;
use crate::tables::Fault;
use crate::testing::memory::MemoryTables;
use crate::testing::probe;
use crate::time::Timestamp;
use std::sync::Arc;

/// A day in 2026, in milliseconds.
pub const START: Timestamp = Timestamp(1_790_000_000_000);

/// The cluster's key of every test: it protects nothing.
pub const CLUSTER_KEY: [u8; 32] = [0x5a; 32];

/// A world: what stands after all commands so far, and what the next one needs.
#[derive(Clone)]
pub struct World {
    /// Every row.
    pub tables: MemoryTables,
    /// Log time and digest.
    pub head: Head,
    /// The index of the last entry.
    pub index: u64,
    /// The leader's clock.
    pub now: Timestamp,
    /// All commands so far with their places, for replays.
    pub log: Vec<(At, Vec<u8>)>,
    machine: Arc<Machine>,
    drawn: u64,
}

/// A machine with the tests' commands and the tests' key.
pub fn machine() -> Machine {
    let cluster = crypto::ClusterKey::new(crypto::Secret::new(CLUSTER_KEY));
    Machine {
        keyring: Keyring::new(cluster),
        resources: &probe::TESTING_RESOURCES,
        commands: &probe::TESTING_COMMANDS,
    }
}

impl World {
    /// A world before its first command.
    pub fn empty() -> World {
        World {
            tables: MemoryTables::default(),
            head: Head { time: START, digest: [0; 32] },
            index: 0,
            now: START,
            log: Vec::new(),
            machine: Arc::new(machine()),
            drawn: 0,
        }
    }

    /// Runs a command; panics on a fault, which no test expects here.
    pub fn run<C: Command>(
        &mut self,
        caller: &Caller,
        instance: InstanceId,
        command: &C,
    ) -> Result<C::Reply, Refusal> {
        let envelope = self.envelope(caller, instance, command);
        match self.submit(&envelope) {
            Outcome::Applied(reply) => Ok(decode(&reply).unwrap()),
            Outcome::Refused(refusal) => Err(refusal),
        }
    }

    /// Runs a command that must succeed.
    pub fn must<C: Command>(&mut self, caller: &Caller, instance: InstanceId, command: &C) -> C::Reply {
        self.run(caller, instance, command).unwrap_or_else(|refusal| panic!("{}: {refusal:?}", C::NAME))
    }

    /// The envelope of a command, with an id of its own and the latest deadline.
    pub fn envelope<C: Command>(&mut self, caller: &Caller, instance: InstanceId, command: &C) -> Envelope {
        Envelope {
            request: self.request(),
            not_after: self.now.max(self.head.time).plus_secs(Envelope::DEADLINE_SECS),
            instance,
            caller: caller.clone(),
            remember: Remember::Retry,
            number: C::NUMBER,
            body: encode(command),
        }
    }

    /// Runs an envelope as an entry of its own.
    pub fn submit(&mut self, envelope: &Envelope) -> Outcome {
        self.execute(&encode(envelope)).unwrap()
    }

    /// Runs bytes from the log as an entry of their own.
    pub fn execute(&mut self, command: &[u8]) -> Result<Outcome, Fault> {
        let at = At { index: self.index + 1, ordinal: 0, time: self.now };
        let machine = Arc::clone(&self.machine);
        let mut chunk = Chunk::new(&self.tables, self.head, &machine);
        let outcome = chunk.execute(at, command)?;
        let (changes, head) = chunk.finish();
        if let Outcome::Refused(refusal) = &outcome {
            assert!(changes.is_empty(), "{refusal:?} wrote {} rows", changes.len());
        }
        self.index += 1;
        self.head = head;
        self.tables.write(changes);
        self.log.push((at, command.to_vec()));
        Ok(outcome)
    }

    /// The machine that runs this world's commands.
    pub fn machine(&self) -> &Machine {
        &self.machine
    }

    /// Moves the clock.
    pub fn advance_secs(&mut self, secs: u64) {
        self.now = self.now.plus_secs(secs);
    }

    /// What stands in an instance, as of the clock.
    pub fn reader(&self, instance: InstanceId) -> Reader<'_> {
        Reader { read: &self.tables, instance, now: self.now.max(self.head.time) }
    }

    /// Bytes that repeat from run to run and never within one.
    pub fn draw<const N: usize>(&mut self) -> [u8; N] {
        self.drawn += 1;
        crypto::draw(&crypto::testing::SeededEntropy::new(self.drawn))
    }

    /// A request id of its own.
    pub fn request(&mut self) -> RequestId {
        Fixed(self.draw())
    }

    /// An id of its own.
    pub fn fresh_id(&mut self) -> Id {
        Id::from_bytes(self.draw())
    }

    /// The hash of a secret of its own.
    pub fn fresh_hash(&mut self) -> Hash {
        Hash::of(&self.draw::<32>())
    }

    /// The data key of an instance.
    pub fn instance_key(&self, instance: InstanceId) -> Arc<crypto::InstanceKey> {
        let record = self.reader(instance).live_instance().unwrap();
        self.machine.keyring.instance(instance, &record.spec.data_key).unwrap()
    }

    /// Seals bytes as a node does before they enter the log.
    pub fn seal(&mut self, instance: InstanceId, purpose: &str, owner: &Id, plain: &[u8]) -> Vec<u8> {
        let nonce = self.draw();
        self.instance_key(instance).seal_key().seal(purpose, owner.as_str().as_bytes(), nonce, plain)
    }
}

/// An id; panics on a text that is none.
pub fn id(text: &str) -> Id {
    Id::parse(text).unwrap()
}

/// Several values; panics where there are too few or too many.
pub fn several<T, const MIN: usize, const MAX: usize>(values: impl Into<Vec<T>>) -> Several<T, MIN, MAX>
where
    T: PartialEq,
{
    Several::new(values.into()).unwrap()
}

/// A name; panics on a text that is none.
pub fn name(text: &str) -> Name<200> {
    Name::parse(text).unwrap()
}
