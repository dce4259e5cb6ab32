//! The lines of an exported trail (NDJSON): events, and a manifest at the end. Each line ends with a check of itself, so
//! that an altered one is known by itself.
//!
//! ```text
//! {"event":{…},"hash":"…","number":7,"place":"12.0.1","stored":"…","check":"…"}
//! {"manifest":{"format":1,"instance":1,"count":7,"first":{…},"last":{…},"start":"…","end":"…","head":{…}},"check":"…"}
//! ```
//!
//! `number` counts the events of the instance from 1; `stored` is what the chain covers, in base64url; `hash` is the chain
//! after it; `event` is the same in words. `check` is the SHA-256 of the line before `,"check"`, closed by `}`.

use crate::audit::Place;
use crate::id::{Fixed, Hash};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::Value as Json;

/// The number of this form of a file.
pub(super) const FORMAT: u32 = 1;

/// One line.
#[derive(Serialize, Deserialize)]
#[serde(untagged, deny_unknown_fields)]
pub(super) enum Line {
    /// An event.
    Event(Told),
    /// The end.
    End {
        /// What the file holds.
        manifest: Manifest,
    },
}

/// An event in a file.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Told {
    /// As it is shown.
    pub(super) event: Json,
    /// The chain after it.
    #[serde(with = "hashes")]
    pub(super) hash: Hash,
    /// Which event of the instance, from 1.
    pub(super) number: u64,
    /// Where it stands.
    pub(super) place: Place,
    /// What the chain covers.
    #[serde(with = "bytes")]
    pub(super) stored: Vec<u8>,
}

/// What a file holds: its last line.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Manifest {
    /// The form of the file.
    pub format: u32,
    /// The number of the instance whose trail it is.
    pub instance: u64,
    /// How many events there are.
    pub count: u64,
    /// The first; none if there is no event.
    pub first: Option<Mark>,
    /// The last.
    pub last: Option<Mark>,
    /// The chain before the first event: zeros if it is the first of all.
    #[serde(with = "hashes")]
    pub start: Hash,
    /// The chain after the last event: compare it with what a node, or a former export, tells of that place.
    #[serde(with = "hashes")]
    pub end: Hash,
    /// The whole chain when the file was written.
    pub head: Chain,
}

/// An event by its number and place.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Mark {
    /// Which event of the instance, from 1.
    pub number: u64,
    /// Where it stands.
    pub place: Place,
}

/// A chain as a whole.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Chain {
    /// How many events it covers.
    pub count: u64,
    /// Its last hash.
    #[serde(with = "hashes")]
    pub hash: Hash,
}

/// What stands between a line and its check.
const CHECK: &str = ",\"check\":\"";
const CHECK_HEX: usize = 64;

/// The text of a line, without its end.
pub(super) fn write(line: &Line) -> String {
    // By way of a value, whose members are in order: what is read back can be compared with its own writing.
    let mut text = serde_json::to_value(line).unwrap_or_default().to_string();
    let check = crypto::hex(&crypto::sha256(text.as_bytes()));
    text.pop();
    text + CHECK + &check + "\"}"
}

/// Why a line can't be read.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Unreadable {
    /// It has not the form of a line.
    Form,
    /// Its check does not fit.
    Check,
}

/// Reads a line back: exactly what [`write`] writes.
pub(super) fn read(text: &str) -> Result<Line, Unreadable> {
    let body = text.strip_suffix("\"}").ok_or(Unreadable::Form)?;
    let split = body.len().checked_sub(CHECK_HEX).and_then(|at| body.split_at_checked(at));
    let (head, check) = split.ok_or(Unreadable::Form)?;
    let body = head.strip_suffix(CHECK).ok_or(Unreadable::Form)?.to_owned() + "}";
    if crypto::hex(&crypto::sha256(body.as_bytes())) != check {
        return Err(Unreadable::Check);
    }
    let line: Line = serde_json::from_str(&body).map_err(|_| Unreadable::Form)?;
    // Two members of one name would show one to us and the other to somebody else.
    if write(&line) == text { Ok(line) } else { Err(Unreadable::Form) }
}

impl Serialize for Place {
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        s.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Place {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        Place::parse(&String::deserialize(d)?).map_err(serde::de::Error::custom)
    }
}

mod hashes {
    use super::{Deserialize, Deserializer, Fixed, Hash, Serializer};
    use crate::encoding::Invalid;

    pub(super) fn serialize<S: Serializer>(hash: &Hash, s: S) -> Result<S::Ok, S::Error> {
        s.serialize_str(&crypto::hex(&hash.0))
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(d: D) -> Result<Hash, D::Error> {
        let bytes = crypto::unhex(&String::deserialize(d)?).and_then(|bytes| bytes.try_into().ok());
        let invalid = Invalid("a hash has 64 hexadecimal digits");
        bytes.map(Fixed).ok_or_else(|| serde::de::Error::custom(invalid))
    }
}

mod bytes {
    use super::{Deserialize, Deserializer, Serializer};
    use crate::encoding::Invalid;

    pub(super) fn serialize<S: Serializer>(bytes: &[u8], s: S) -> Result<S::Ok, S::Error> {
        s.serialize_str(&crypto::b64url(bytes))
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(d: D) -> Result<Vec<u8>, D::Error> {
        let bytes = crypto::unb64url(&String::deserialize(d)?);
        bytes.ok_or_else(|| serde::de::Error::custom(Invalid("bytes are in base64url without padding")))
    }
}
