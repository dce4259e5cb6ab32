//! The audit trail: events under instance, class, day and position, and the chain that proves them whole.
//!
//! `a' = SHA-256(a, index, ordinal, number, stored bytes)`, one chain an instance. A sealed field stays sealed, so the
//! chain verifies after the person's key is gone.
//!
//! `index` says where the events of one thing stand, `search` finds them, `shown` puts them into JSON; `export` writes the
//! trail as a file, which `verify` checks far from any node.

pub mod export;
pub mod file;
mod index;
mod merge;
pub mod search;
pub mod shown;
pub mod unseal;
pub mod verify;

use crate::encoding::{Invalid, Stored, decode_row, encode_row};
use crate::event::{Class, Event, What};
use crate::id::{Fixed, Hash, InstanceId};
use crate::keys::{Key, Space};
use crate::tables::{Fault, Overlay, Read, Table};
use minicbor::{Decode, Encode};
use std::fmt;

pub(crate) use index::rows_of_stored;

/// Where an event stands: the log index, the command's place in the entry, the event's place in the command.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Place {
    /// Index of the log entry.
    pub index: u64,
    /// The command's place in it.
    pub ordinal: u32,
    /// The event's place among the command's.
    pub number: u16,
}

impl Place {
    /// The first place of all.
    pub const FIRST: Place = Place { index: 0, ordinal: 0, number: 0 };
    /// How many bytes it takes at the end of a key.
    const BYTES: usize = 14;

    /// The next place in the order, whether an event stands there or not.
    #[must_use]
    pub fn next(self) -> Place {
        match (self.number.checked_add(1), self.ordinal.checked_add(1)) {
            (Some(number), _) => Place { number, ..self },
            (None, Some(ordinal)) => Place { ordinal, number: 0, ..self },
            (None, None) => Place { index: self.index.saturating_add(1), ..Place::FIRST },
        }
    }

    /// Parses what is displayed: `index.ordinal.number`.
    pub fn parse(text: &str) -> Result<Place, Invalid> {
        let mut parts = text.split('.');
        let mut part = || parts.next().and_then(|part| part.parse::<u64>().ok());
        let place = (|| {
            let (index, ordinal, number) = (part()?, part()?, part()?);
            let (ordinal, number) = (u32::try_from(ordinal).ok()?, u16::try_from(number).ok()?);
            Some(Place { index, ordinal, number })
        })();
        place.filter(|place| place.to_string() == text).ok_or(Invalid(
            "a place in the trail is three numbers, such as 12.0.1, as events carry it in their id",
        ))
    }

    fn add_to(self, key: Key) -> Key {
        key.u64(self.index).u32(self.ordinal).u16(self.number)
    }

    /// The place at the end of a key.
    fn of_key(key: &[u8]) -> Result<Place, Fault> {
        let place = || {
            let (_, tail) = key.split_last_chunk::<{ Place::BYTES }>()?;
            let index = u64::from_be_bytes(tail.get(..8)?.try_into().ok()?);
            let ordinal = u32::from_be_bytes(tail.get(8..12)?.try_into().ok()?);
            let number = u16::from_be_bytes(tail.get(12..)?.try_into().ok()?);
            Some(Place { index, ordinal, number })
        };
        place().ok_or_else(|| Fault("an event's key has another form".into()))
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}.{}", self.index, self.ordinal, self.number)
    }
}

/// What is authenticated with a sealed value: where it stands, so that it can't be moved elsewhere. `side` is 0 before the
/// change and 1 after it.
pub fn seal_context(instance: InstanceId, place: Place, field: u16, side: u8) -> Vec<u8> {
    place.add_to(Key::instance(instance)).u16(field).bytes(&[side]).into_bytes()
}

/// The head of an instance's chain.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct Head {
    /// `a`.
    #[n(0)]
    pub hash: Hash,
    /// How many events it covers.
    #[n(1)]
    pub count: u64,
}

impl Stored for Head {}

impl Head {
    /// Before the first event.
    pub const NONE: Head = Head { hash: Fixed([0; 32]), count: 0 };
}

const HEAD: u16 = 1;

fn head_key(instance: InstanceId) -> Vec<u8> {
    Key::new(instance, Space::Counter).u16(HEAD).into_bytes()
}

/// The head of an instance's chain; all zeros before the first event.
pub fn head(read: &dyn Read, instance: InstanceId) -> Result<Head, Fault> {
    match read.get(Table::State, &head_key(instance))? {
        Some(bytes) => decode_row(&bytes),
        None => Ok(Head::NONE),
    }
}

/// The chain's next hash.
pub fn link(before: &Hash, place: Place, stored: &[u8]) -> Hash {
    let mut sha = crypto::Sha256::new();
    sha.update(&before.0);
    sha.update(&place.index.to_be_bytes());
    sha.update(&place.ordinal.to_be_bytes());
    sha.update(&place.number.to_be_bytes());
    sha.update(stored);
    Fixed(sha.finish())
}

/// Writes an event with its index rows and moves the head of the chain.
pub fn append(
    tables: &mut Overlay<'_>,
    instance: InstanceId,
    class: Class,
    place: Place,
    event: &Event,
) -> Result<(), Fault> {
    let stored = encode_row(event);
    let before = head(tables, instance)?;
    let after = Head { hash: link(&before.hash, place, &stored), count: before.count.saturating_add(1) };
    tables.put(Table::Audit, key(instance, class, event.time.day(), place), stored);
    for (key, value) in index::rows(instance, class, event, place) {
        tables.put(Table::Search, key, value);
    }
    tables.put(Table::State, head_key(instance), encode_row(&after));
    Ok(())
}

fn class_key(instance: InstanceId, class: Class) -> Key {
    Key::instance(instance).u16(class.number())
}

fn key(instance: InstanceId, class: Class, day: u32, place: Place) -> Vec<u8> {
    place.add_to(class_key(instance, class).u32(day)).into_bytes()
}

/// An event with its place, as read back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Where it stands.
    pub place: Place,
    /// The stored bytes, which the chain covers.
    pub stored: Vec<u8>,
    /// The event.
    pub event: Event,
}

impl Entry {
    fn read(instance: InstanceId, found: &[u8], stored: Vec<u8>) -> Result<Entry, Fault> {
        let place = Place::of_key(found)?;
        let event: Event = decode_row(&stored)?;
        // The chain does not cover class and day: under others, an event would be pruned too early.
        let belongs = What::from_number(event.what)
            .is_some_and(|what| key(instance, what.class(), event.time.day(), place) == found);
        if !belongs {
            return Err(Fault("an event stands where it does not belong".into()));
        }
        Ok(Entry { place, stored, event })
    }
}

/// Every event of an instance in the order of the log. The trail of an instance may be long: `limit` bounds it.
pub fn trail(read: &dyn Read, instance: InstanceId, limit: usize) -> Result<Vec<Entry>, Fault> {
    let (from, to) = Key::instance(instance).range();
    let rows = read.scan(Table::Audit, &from, &to, limit)?;
    let read = |(key, stored): (Vec<u8>, Vec<u8>)| Entry::read(instance, &key, stored);
    let mut entries: Vec<Entry> = rows.into_iter().map(read).collect::<Result<_, _>>()?;
    entries.sort_by_key(|entry| entry.place);
    Ok(entries)
}

/// Why a trail does not verify.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Broken {
    /// The events do not hash to the head.
    #[error("the trail of {found} events does not match its head, which covers {covered}")]
    Head {
        /// Events found.
        found: u64,
        /// Events the head covers.
        covered: u64,
    },
    /// It can't be read.
    #[error(transparent)]
    Fault(#[from] Fault),
}

/// Checks in a node that an instance's trail is whole and unaltered: hashes every event in order and compares with the
/// head.
pub fn verify(read: &dyn Read, instance: InstanceId) -> Result<u64, Broken> {
    let entries = trail(read, instance, usize::MAX)?;
    let mut hash = Head::NONE.hash;
    for entry in &entries {
        hash = link(&hash, entry.place, &entry.stored);
    }
    let head = head(read, instance)?;
    let found = entries.len() as u64;
    if head.count != found || !head.hash.same(&hash) {
        return Err(Broken::Head { found, covered: head.count });
    }
    Ok(found)
}
