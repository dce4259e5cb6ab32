//! The only write path. Every replica runs this for every command in the order of the log.
//!
//! Phases: expired → already seen → alive and permitted → run → events → digest. Nothing else changes a record.

use crate::audit::Place;
use crate::command::{Access, COMMANDS, Line, RESOURCES, find};
use crate::credential::alive;
use crate::digest;
use crate::encoding::{Stored, decode, decode_row, encode, encode_row};
use crate::envelope::{Caller, Envelope, Remember, Subject, Via};
use crate::id::{Hash, Id, InstanceId, RequestId, SYSTEM};
use crate::keyring::Keyring;
use crate::keys::{Key, Space};
use crate::level;
use crate::permission::{Area, holds, require};
use crate::reader::{No, Reader, Run};
use crate::refusal::Refusal;
use crate::tables::{Changes, Fault, Overlay, Read, Table};
use crate::time::Timestamp;
use crate::tx::Tx;
use minicbor::{Decode, Encode};
use std::panic::{AssertUnwindSafe, catch_unwind};

/// What a chunk of commands starts from and leaves behind, stored with its changes in the same batch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Head {
    /// Log time.
    pub time: Timestamp,
    /// The replica digest.
    pub digest: [u8; 32],
}

/// Where a command stands in the log, and when its entry was stamped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct At {
    /// The index of the entry.
    pub index: u64,
    /// The command's place in the entry.
    pub ordinal: u32,
    /// The leader's stamp; log time never runs backwards whatever it says.
    pub time: Timestamp,
}

/// What became of a command.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub enum Outcome {
    /// It ran; the encoded reply.
    #[n(0)]
    Applied(
        #[n(0)]
        #[cbor(with = "minicbor::bytes")]
        Vec<u8>,
    ),
    /// It was refused and wrote nothing.
    #[n(1)]
    Refused(#[n(0)] Refusal),
}

/// What execution needs besides the tables: the keys, and which commands there are.
pub struct Machine {
    /// Opens the keys of instances.
    pub keyring: Keyring,
    /// The plain resources' commands.
    pub resources: &'static [[Line; 4]],
    /// All other commands.
    pub commands: &'static [Line],
}

impl Machine {
    /// The machine of a node.
    pub fn new(keyring: Keyring) -> Machine {
        Machine { keyring, resources: RESOURCES, commands: COMMANDS }
    }

    /// Whether these bytes are an envelope that every replica can run. A node asks before it proposes, because an
    /// unreadable one stops all of them.
    pub fn readable(&self, command: &[u8]) -> bool {
        command.len() <= Envelope::MAX_BYTES
            && decode::<Envelope>(command)
                .ok()
                .and_then(|envelope| Some((find(self.resources, self.commands, envelope.number)?, envelope)))
                .is_some_and(|(line, envelope)| (line.readable)(&envelope.body))
    }
}

/// A chunk of commands over one snapshot: their changes become one atomic batch.
pub struct Chunk<'a> {
    tables: Overlay<'a>,
    head: Head,
    machine: &'a Machine,
    panics: u64,
}

impl<'a> Chunk<'a> {
    /// Begins a chunk.
    pub fn new(base: &'a dyn Read, head: Head, machine: &'a Machine) -> Chunk<'a> {
        Chunk { tables: Overlay::new(base), head, machine, panics: 0 }
    }

    /// Runs one command. A fault stops the node: an unreadable or unknown command, a storage engine that fails.
    pub fn execute(&mut self, at: At, command: &[u8]) -> Result<Outcome, Fault> {
        self.head.time = self.head.time.max(at.time);
        let envelope: Envelope = decode(command)?;
        let Some(line) = find(self.machine.resources, self.machine.commands, envelope.number) else {
            let number = envelope.number;
            return Err(Fault(format!("command {number} is unknown here; run the version that proposed it")));
        };
        let outcome = match self.run(at, &envelope, line) {
            Ok(reply) => Outcome::Applied(reply),
            Err(No::Refused(refusal)) => {
                self.tables.drop_command();
                Outcome::Refused(refusal)
            }
            Err(No::Fault(fault)) => return Err(fault),
        };
        let written = self.tables.written();
        self.head.digest = digest::advance(self.head.digest, at.index, at.ordinal, command, written);
        self.tables.keep();
        Ok(outcome)
    }

    /// Moves log time without a command, for entries that carry none.
    pub fn observe(&mut self, time: Timestamp) {
        self.head.time = self.head.time.max(time);
    }

    /// The replica digest after what was executed so far.
    pub fn digest(&self) -> [u8; 32] {
        self.head.digest
    }

    /// The changes and the head after them.
    pub fn finish(self) -> (Changes, Head) {
        (self.tables.into_changes(), self.head)
    }

    /// How many commands of this chunk panicked: each is an alarm.
    pub fn panics(&self) -> u64 {
        self.panics
    }

    fn run(&mut self, at: At, envelope: &Envelope, line: Line) -> Run<Vec<u8>> {
        // 1. expired
        let now = self.head.time;
        if now > envelope.not_after {
            return Err(Refusal::Expired.into());
        }
        if envelope.not_after > now.plus_secs(Envelope::DEADLINE_SECS) {
            return Err(Refusal::DeadlineTooFar.into());
        }
        // 2. already seen
        let seen_key = Key::new(envelope.instance, Space::Seen).bytes(&envelope.request.0).into_bytes();
        let asked = fingerprint(envelope);
        if let Some(bytes) = self.tables.get(Table::State, &seen_key)? {
            let seen: Seen = decode_row(&bytes)?;
            return if seen.asked == asked { Ok(seen.reply) } else { Err(Refusal::RequestIdReused.into()) };
        }
        // 3. alive, 4. permitted and run, with events
        let level = level::current(&self.tables)?;
        let mut tx = Tx {
            tables: &mut self.tables,
            keyring: &self.machine.keyring,
            instance: envelope.instance,
            now,
            caller: envelope.caller.clone(),
            request: envelope.request,
            place: Place { index: at.index, ordinal: at.ordinal, number: 0 },
            level,
        };
        // A poisonous command must not stop every replica at the same index. What it wrote is dropped, and all
        // replicas drop the same, because all panic at the same place.
        let ran = catch_unwind(AssertUnwindSafe(|| {
            if envelope.instance != SYSTEM {
                tx.reader().live_instance()?;
            }
            alive::check(&tx.reader(), &tx.caller)?;
            let allow = |tx: &Tx<'_, '_>, access: &Access| permit(&tx.reader(), &tx.caller, access);
            (line.run)(&envelope.body, &mut tx, allow)
        }));
        let reply = match ran {
            Ok(result) => result?,
            Err(_) => {
                self.panics = self.panics.saturating_add(1);
                return Err(Refusal::Internal.into());
            }
        };
        // 5. remember
        if !line.remembered {
            return Ok(reply);
        }
        let until = now.plus_secs(envelope.remember.secs());
        let seen = Seen { asked, reply: reply.clone(), index: at.index, ordinal: at.ordinal };
        self.tables.put(Table::State, seen_key, encode_row(&seen));
        let expiry = Key::new(envelope.instance, Space::Expiry)
            .u64(until.0)
            .u16(SEEN_EXPIRY)
            .bytes(&envelope.request.0);
        self.tables.put(Table::State, expiry.into_bytes(), Vec::new());
        Ok(reply)
    }
}

/// Stands where a kind's number stands in expiry rows: what ends is a request's row.
pub(crate) const SEEN_EXPIRY: u16 = 0;

/// The row of a request that was applied.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct Seen {
    /// What was asked by whom: another request under the same id is refused.
    #[n(0)]
    pub asked: Hash,
    /// The encoded reply.
    #[n(1)]
    #[cbor(with = "minicbor::bytes")]
    pub reply: Vec<u8>,
    /// Where it was applied.
    #[n(2)]
    pub index: u64,
    /// Its place in the entry.
    #[n(3)]
    pub ordinal: u32,
}

impl Stored for Seen {}

/// What became of a request, if it was applied and is still remembered. At a Linearizable view after its deadline,
/// `None` means that it never applied and never will.
pub fn look_up(read: &dyn Read, instance: InstanceId, request: &RequestId) -> Result<Option<Seen>, Fault> {
    let key = Key::new(instance, Space::Seen).bytes(&request.0).into_bytes();
    read.get(Table::State, &key)?.map(|bytes| decode_row(&bytes)).transpose()
}

fn fingerprint(envelope: &Envelope) -> Hash {
    let mut sha = crypto::Sha256::new();
    match envelope.remember {
        Remember::Retry => {
            sha.update(&encode(&envelope.caller));
            sha.update(&envelope.number.to_be_bytes());
            sha.update(&envelope.body);
        }
        // The second time other ids and secrets were drawn, and perhaps another token presented: what was asked for
        // over HTTP, by whom, is what must be the same.
        Remember::Key { asked } => {
            sha.update(&encode(&envelope.caller.subject));
            sha.update(&envelope.number.to_be_bytes());
            sha.update(&asked.0);
        }
    }
    crate::id::Fixed(sha.finish())
}

/// Refuses a caller who has not the access that a command needs.
pub fn permit(reader: &Reader<'_>, caller: &Caller, access: &Access) -> Run<()> {
    let allowed = match access {
        Access::System => {
            matches!((&caller.subject, &caller.via), (Subject::System | Subject::Operator, Via::System))
        }
        Access::Login => match &caller.via {
            Via::System | Via::Login | Via::Session(_) => true,
            Via::Access { .. } | Via::Client { .. } | Via::Service { .. } | Via::PersonalToken(_) => false,
        },
        Access::Client => match &caller.via {
            Via::Client { .. } => true,
            Via::System
            | Via::Login
            | Via::Session(_)
            | Via::Access { .. }
            | Via::Service { .. }
            | Via::PersonalToken(_) => false,
        },
        Access::Holder => match &caller.via {
            Via::Client { .. } | Via::Service { .. } => true,
            Via::System | Via::Login | Via::Session(_) | Via::Access { .. } | Via::PersonalToken(_) => false,
        },
        Access::Session => match &caller.via {
            Via::Session(_) => true,
            Via::System
            | Via::Login
            | Via::Access { .. }
            | Via::Client { .. }
            | Via::Service { .. }
            | Via::PersonalToken(_) => false,
        },
        Access::Permission(area, verb, within) => return require(reader, caller, *area, *verb, within),
        Access::OwnOr(owner, area, verb, within) => {
            let is_his = matches!(&caller.subject, Subject::User(user) if user == owner);
            (is_his && holds(reader, caller, Area::OwnAccount, *verb, within)?)
                || holds(reader, caller, *area, *verb, within)?
        }
    };
    if allowed { Ok(()) } else { Err(Refusal::NotPermitted.into()) }
}

/// The id of the session that calls.
pub(crate) fn calling_session(tx: &Tx<'_, '_>) -> Run<Id> {
    match &tx.caller.via {
        Via::Session(id) => Ok(id.clone()),
        Via::System
        | Via::Login
        | Via::Access { .. }
        | Via::Client { .. }
        | Via::Service { .. }
        | Via::PersonalToken(_) => Err(Refusal::NotPermitted.into()),
    }
}
