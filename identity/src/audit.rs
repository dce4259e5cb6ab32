//! The audit trail: events under instance, class, day and position, and the chain that proves them whole.
//!
//! `a' = SHA-256(a, index, ordinal, number, stored bytes)`, one chain an instance. A sealed field stays sealed, so the
//! chain verifies after the person's key is gone.

use crate::encoding::{Stored, decode_row, encode_row};
use crate::event::{Class, Event, What};
use crate::id::{Fixed, Hash, InstanceId};
use crate::keys::{Key, Space};
use crate::tables::{Fault, Overlay, Read, Table};
use minicbor::{Decode, Encode};

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

const HEAD: u16 = 1;

fn head_key(instance: InstanceId) -> Vec<u8> {
    Key::new(instance, Space::Counter).u16(HEAD).into_bytes()
}

/// The head of an instance's chain; all zeros before the first event.
pub fn head(read: &dyn Read, instance: InstanceId) -> Result<Head, Fault> {
    match read.get(Table::State, &head_key(instance))? {
        Some(bytes) => decode_row(&bytes),
        None => Ok(Head { hash: Fixed([0; 32]), count: 0 }),
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

/// Writes an event and moves the head of the chain.
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
    tables.put(Table::Audit, key(instance, class, event, place), stored);
    tables.put(Table::State, head_key(instance), encode_row(&after));
    Ok(())
}

fn key(instance: InstanceId, class: Class, event: &Event, place: Place) -> Vec<u8> {
    let key = Key::instance(instance).u16(class.number()).u32(event.time.day());
    key.u64(place.index).u32(place.ordinal).u16(place.number).into_bytes()
}

/// An event with its place, as read back.
pub struct Entry {
    /// Where it stands.
    pub place: Place,
    /// The stored bytes, which the chain covers.
    pub stored: Vec<u8>,
    /// The event.
    pub event: Event,
}

/// Every event of an instance in the order of the log. The trail of an instance may be long: `limit` bounds it.
pub fn trail(read: &dyn Read, instance: InstanceId, limit: usize) -> Result<Vec<Entry>, Fault> {
    let (from, to) = Key::instance(instance).range();
    let mut entries = Vec::new();
    for (found, stored) in read.scan(Table::Audit, &from, &to, limit)? {
        let place = place_of(&found).ok_or_else(|| Fault("an event's key has another form".into()))?;
        let event: Event = decode_row(&stored)?;
        // The chain does not cover class and day: under others, an event would be pruned too early.
        if What::from_number(event.what)
            .is_none_or(|what| key(instance, what.class(), &event, place) != found)
        {
            return Err(Fault("an event stands where it does not belong".into()));
        }
        entries.push(Entry { place, stored, event });
    }
    entries.sort_by_key(|entry| entry.place);
    Ok(entries)
}

fn place_of(key: &[u8]) -> Option<Place> {
    let index = u64::from_be_bytes(key.get(14..22)?.try_into().ok()?);
    let ordinal = u32::from_be_bytes(key.get(22..26)?.try_into().ok()?);
    let number = u16::from_be_bytes(key.get(26..28)?.try_into().ok()?);
    Some(Place { index, ordinal, number })
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

/// Checks that an instance's trail is whole and unaltered: hashes every event in order and compares with the head.
pub fn verify(read: &dyn Read, instance: InstanceId) -> Result<u64, Broken> {
    let entries = trail(read, instance, usize::MAX)?;
    let mut hash = Fixed([0; 32]);
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
