//! Identifiers and hashes: small types that are parsed once and then carry their proof.

use crate::encoding::Invalid;
use minicbor::{Decode, Decoder, Encode, Encoder, decode, encode};
use std::fmt;

/// The number of an instance, from the log; 0 is the system itself. It leads every key of the state.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Encode, Decode)]
#[cbor(transparent)]
pub struct InstanceId(#[n(0)] pub u64);

/// The system: where instances and their domains are records.
pub const SYSTEM: InstanceId = InstanceId(0);

/// The identifier of a resource: 1 to 200 visible ASCII characters, chosen by the caller or a UUIDv7.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Id(Box<str>);

impl Id {
    /// The longest identifier, in bytes.
    pub const MAX: usize = 200;

    /// Parses an identifier.
    pub fn parse(text: &str) -> Result<Id, Invalid> {
        if text.is_empty() || text.len() > Self::MAX || !text.bytes().all(|byte| byte.is_ascii_graphic()) {
            return Err(Invalid("an id is 1 to 200 visible ASCII characters"));
        }
        Ok(Id(text.into()))
    }

    /// The identifier that stands for 16 random bytes: 32 hexadecimal digits.
    pub fn from_bytes(bytes: [u8; 16]) -> Id {
        Id(hex(&bytes).into())
    }

    /// The identifier that is a number.
    pub fn from_number(number: u64) -> Id {
        Id(number.to_string().into())
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Id {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for Id {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl<C> Encode<C> for Id {
    fn encode<W: encode::Write>(&self, e: &mut Encoder<W>, _: &mut C) -> Result<(), encode::Error<W::Error>> {
        e.str(&self.0)?.ok()
    }
}

impl<'b, C> Decode<'b, C> for Id {
    fn decode(d: &mut Decoder<'b>, _: &mut C) -> Result<Self, decode::Error> {
        Id::parse(d.str()?).map_err(decode::Error::custom)
    }
}

impl serde::Serialize for Id {
    fn serialize<S: serde::Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        s.serialize_str(&self.0)
    }
}

impl<'de> serde::Deserialize<'de> for Id {
    fn deserialize<D: serde::Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        Id::parse(&String::deserialize(d)?).map_err(serde::de::Error::custom)
    }
}

impl schemars::JsonSchema for Id {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Id".into()
    }
    fn inline_schema() -> bool {
        true
    }
    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        crate::name::described(1, Id::MAX, "^[!-~]+$")
    }
}

/// Bytes of a fixed length: hashes, request ids, family ids. Encoded as one byte string.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Fixed<const N: usize>(pub [u8; N]);

/// A SHA-256 of a secret, or of what must be recognised again.
pub type Hash = Fixed<32>;

/// Names one request for ever: drawn at random, or derived from an Idempotency-Key.
pub type RequestId = Fixed<16>;

impl Hash {
    /// The SHA-256 of `data`.
    pub fn of(data: &[u8]) -> Hash {
        Fixed(crypto::sha256(data))
    }

    /// Whether both are equal, in constant time.
    pub fn same(&self, other: &Hash) -> bool {
        crypto::same(&self.0, &other.0)
    }
}

impl<const N: usize> fmt::Debug for Fixed<N> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // The first bytes are enough to tell two apart and too few to be of use.
        write!(f, "{}…", hex(self.0.get(..4).unwrap_or_default()))
    }
}

impl<const N: usize, C> Encode<C> for Fixed<N> {
    fn encode<W: encode::Write>(&self, e: &mut Encoder<W>, _: &mut C) -> Result<(), encode::Error<W::Error>> {
        e.bytes(&self.0)?.ok()
    }
}

impl<'b, const N: usize, C> Decode<'b, C> for Fixed<N> {
    fn decode(d: &mut Decoder<'b>, _: &mut C) -> Result<Self, decode::Error> {
        let bytes = d.bytes()?;
        bytes.try_into().map(Fixed).map_err(|_| decode::Error::message("bytes of another length"))
    }
}

/// Lower-case hexadecimal.
pub fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
