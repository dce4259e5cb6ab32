//! Keys of rows: the instance leads, then the numbered space, then parts that can't run into each other.
//!
//! Text parts carry their length in front, so that no part is a prefix of another. Numbers of spaces and kinds are
//! never reused.

use crate::id::{Id, InstanceId};

/// What a row of the state table is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Space {
    /// kind, id → record.
    Record = 1,
    /// parent kind, parent id, kind, id → nothing: what hangs under a parent.
    Child = 2,
    /// name space, name → id.
    Unique = 3,
    /// kind and id of what is referred to, kind and id of who refers → nothing.
    Reference = 4,
    /// time, kind, id → nothing: what ends when.
    Expiry = 5,
    /// kind, id → nothing: what was deleted and waits for its sweep.
    Tombstone = 6,
    /// request id → reply.
    Seen = 7,
    /// one number or head an instance.
    Counter = 8,
}

/// A key being built.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Key(Vec<u8>);

impl Key {
    /// The beginning of every key of a space of an instance.
    pub fn new(instance: InstanceId, space: Space) -> Key {
        let mut bytes = Vec::with_capacity(48);
        bytes.extend(instance.0.to_be_bytes());
        bytes.push(space as u8);
        Key(bytes)
    }

    /// The beginning of every key of an instance.
    pub fn instance(instance: InstanceId) -> Key {
        Key(instance.0.to_be_bytes().to_vec())
    }

    /// Adds a number of two bytes.
    #[must_use]
    pub fn u16(mut self, number: u16) -> Key {
        self.0.extend(number.to_be_bytes());
        self
    }

    /// Adds a number of four bytes.
    #[must_use]
    pub fn u32(mut self, number: u32) -> Key {
        self.0.extend(number.to_be_bytes());
        self
    }

    /// Adds a number of eight bytes.
    #[must_use]
    pub fn u64(mut self, number: u64) -> Key {
        self.0.extend(number.to_be_bytes());
        self
    }

    /// Adds an identifier.
    #[must_use]
    pub fn id(self, id: &Id) -> Key {
        self.text(id.as_str())
    }

    /// Adds a text of at most 65,535 bytes, which callers' types guarantee.
    #[must_use]
    pub fn text(mut self, text: &str) -> Key {
        let length = u16::try_from(text.len()).unwrap_or(u16::MAX);
        self.0.extend(length.to_be_bytes());
        self.0.extend(text.as_bytes());
        self
    }

    /// Adds bytes whose length the space fixes.
    #[must_use]
    pub fn bytes(mut self, bytes: &[u8]) -> Key {
        self.0.extend(bytes);
        self
    }

    /// The finished key.
    pub fn into_bytes(self) -> Vec<u8> {
        self.0
    }

    /// The first and the end of all keys that begin with this one.
    pub fn range(self) -> (Vec<u8>, Vec<u8>) {
        let mut end = self.0.clone();
        while let Some(last) = end.pop() {
            if last < u8::MAX {
                end.push(last + 1);
                break;
            }
        }
        (self.0, end)
    }
}

/// What a key that ends with an identifier ends with.
pub fn tail(id: &Id) -> Vec<u8> {
    Key(Vec::new()).id(id).into_bytes()
}

/// Reads the parts of a key back, in the order they were added.
pub struct Parts<'a>(&'a [u8]);

impl<'a> Parts<'a> {
    /// The parts after the instance and the space.
    pub fn of(key: &'a [u8]) -> Option<Parts<'a>> {
        key.get(9..).map(Parts)
    }

    /// The next number of two bytes.
    pub fn u16(&mut self) -> Option<u16> {
        let (head, rest) = self.0.split_first_chunk::<2>()?;
        self.0 = rest;
        Some(u16::from_be_bytes(*head))
    }

    /// The next number of eight bytes.
    pub fn u64(&mut self) -> Option<u64> {
        let (head, rest) = self.0.split_first_chunk::<8>()?;
        self.0 = rest;
        Some(u64::from_be_bytes(*head))
    }

    /// The next text.
    pub fn text(&mut self) -> Option<&'a str> {
        let length = usize::from(self.u16()?);
        let text = self.0.get(..length)?;
        self.0 = self.0.get(length..)?;
        std::str::from_utf8(text).ok()
    }

    /// The next identifier.
    pub fn id(&mut self) -> Option<Id> {
        Id::parse(self.text()?).ok()
    }
}
