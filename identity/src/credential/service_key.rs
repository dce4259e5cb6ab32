//! Keys of service accounts: public ones, by whose private halves they sign assertions (RFC 7523 §2).
//!
//! Who verifies an assertion asks [`usable`], who is shown a token that was given for one asks [`require`]. Nothing private stands here: it never leaves the program that signs.

use crate::administrator::require_all_of_user;
use crate::encoding::{Invalid, Stored};
use crate::envelope::Source;
use crate::id::{Hash, Id};
use crate::label::{Label, labels};
use crate::permission::Area;
use crate::reader::{Reader, Run, optional};
use crate::record::{Kind, Record};
use crate::refusal::Refusal;
use crate::resource::{Change, Indexes, Resource};
use crate::tables::Fault;
use crate::time::Timestamp;
use crate::user::{User, require_service_account};
use crypto::{Jwk, PublicKey};
use minicbor::{Decode, Decoder, Encode, Encoder, decode, encode};
use schemars::JsonSchema;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::collections::BTreeMap;

/// A public key: RSA of 2048 to 4096 bits, P-256 or Ed25519; in JSON the members of a JWK (RFC 7517) that make it up. Only
/// its form is judged: one whose numbers are no key verifies nothing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PublicJwk(PublicKey);

const NO_KEY: Invalid = Invalid(
    "a key is the JWK of a public one for signatures: RSA of 2048 to 4096 bits, EC on P-256, or Ed25519",
);

impl PublicJwk {
    /// Parses the text of a JWK and keeps the members that make up the key. Refused: private and symmetric ones.
    pub fn parse(text: &str) -> Result<Self, Invalid> {
        PublicKey::parse(text).map(PublicJwk).map_err(|_| NO_KEY)
    }

    /// SHA-256 of its canonical text: of this key and of no other.
    fn hash(&self) -> Hash {
        Hash::of(self.0.canonical().as_bytes())
    }
}

/// A key as it is stored: its numbers, big-endian.
#[derive(Encode, Decode)]
enum Numbers {
    #[n(0)]
    P256(#[cbor(n(0), with = "minicbor::bytes")] Vec<u8>, #[cbor(n(1), with = "minicbor::bytes")] Vec<u8>),
    #[n(1)]
    Rsa(#[cbor(n(0), with = "minicbor::bytes")] Vec<u8>, #[cbor(n(1), with = "minicbor::bytes")] Vec<u8>),
    #[n(2)]
    Ed25519(#[cbor(n(0), with = "minicbor::bytes")] Vec<u8>),
}

impl<C> Encode<C> for PublicJwk {
    fn encode<W: encode::Write>(&self, e: &mut Encoder<W>, c: &mut C) -> Result<(), encode::Error<W::Error>> {
        let bytes =
            |text: &str| crypto::unb64url(text).ok_or(encode::Error::message("what was judged is base64url"));
        let numbers = match &self.0 {
            PublicKey::P256 { x, y } => Numbers::P256(bytes(x)?, bytes(y)?),
            PublicKey::Rsa { n, e } => Numbers::Rsa(bytes(n)?, bytes(e)?),
            PublicKey::Ed25519 { x } => Numbers::Ed25519(bytes(x)?),
        };
        numbers.encode(e, c)
    }
}

impl<'b, C> Decode<'b, C> for PublicJwk {
    fn decode(d: &mut Decoder<'b>, c: &mut C) -> Result<Self, decode::Error> {
        let key = match Numbers::decode(d, c)? {
            Numbers::P256(x, y) => PublicKey::P256 { x: crypto::b64url(&x), y: crypto::b64url(&y) },
            Numbers::Rsa(n, e) => PublicKey::Rsa { n: crypto::b64url(&n), e: crypto::b64url(&e) },
            Numbers::Ed25519(x) => PublicKey::Ed25519 { x: crypto::b64url(&x) },
        };
        key.judged().map(PublicJwk).map_err(|_| decode::Error::custom(NO_KEY))
    }
}

impl Serialize for PublicJwk {
    fn serialize<S: Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        let members: BTreeMap<String, String> =
            serde_json::from_str(&self.0.canonical()).map_err(serde::ser::Error::custom)?;
        members.serialize(s)
    }
}

impl<'de> Deserialize<'de> for PublicJwk {
    fn deserialize<D: Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        let members = serde_json::Map::deserialize(d)?;
        let text = serde_json::Value::Object(members).to_string();
        PublicJwk::parse(&text).map_err(serde::de::Error::custom)
    }
}

impl JsonSchema for PublicJwk {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "PublicJwk".into()
    }
    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        let number = schemars::json_schema!({ "type": "string", "pattern": "^[A-Za-z0-9_-]+$" });
        schemars::json_schema!({
            "type": "object",
            "description": "The JWK of a public key for signatures: RSA of 2048 to 4096 bits, EC on P-256, or Ed25519",
            "properties": {
                "kty": { "enum": ["EC", "OKP", "RSA"] },
                "crv": { "enum": ["P-256", "Ed25519"] },
                "x": number, "y": number, "n": number, "e": number,
            },
            "required": ["kty"],
        })
    }
}

/// A key of a service account; its id is the `kid`. Fixed after creation: another key is another record.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ServiceKey {
    /// The public key.
    #[n(0)]
    pub jwk: PublicJwk,
    /// When it ends; never, if it is not given.
    #[n(1)]
    #[serde(default)]
    pub expires: Option<Timestamp>,
}

/// How many keys one service account may have.
pub const KEYS_MAX: usize = 20;

impl Stored for ServiceKey {}

impl Resource for ServiceKey {
    const KIND: Kind = Kind::ServiceKey;
    const AREA: Area = Area::Credential;
    const LEAF: bool = true;
    const UNDER: bool = true;
    const FIELDS: &'static [Label] = labels![ServiceKey: jwk, expires];
    type Parent = User;
    type Birth = ();

    fn indexes(&self, _: &mut Indexes<'_>) {}

    fn check(change: &Change<'_, Self>) -> Run<()> {
        // Who holds the private half can act as him, and who takes the key away stops him.
        require_all_of_user(&change.reader, change.caller, change.parent)?;
        let Some(after) = change.after else { return Ok(()) };
        if change.before.is_some() {
            return Err(Refusal::KeyFixed.into());
        }
        require_service_account(&change.reader, change.parent)?;
        if after.expires.is_some_and(|expires| expires <= change.reader.now) {
            return Err(Refusal::ExpiresInPast.into());
        }
        let had = change.reader.children(Kind::User, change.parent, Kind::ServiceKey, KEYS_MAX)?;
        if !had.contains(change.id) && had.len() >= KEYS_MAX {
            return Err(Refusal::LimitReached.into());
        }
        Ok(())
    }
}

/// A key that a service account may sign with now.
#[derive(Clone, Debug)]
pub struct Usable {
    /// Whose key it is.
    pub user: Record<User>,
    /// What verifies.
    pub jwk: Jwk,
    /// What a token hangs on that is given for its signature.
    pub source: Source,
}

/// The key of this `kid`, if its service account may sign with it now: he and it serve, and it has not expired.
pub fn usable(reader: &Reader<'_>, kid: &str) -> Run<Option<Usable>> {
    let Ok(id) = Id::parse(kid) else { return Ok(None) };
    let Some(record) = optional(serving(reader, &id))? else { return Ok(None) };
    let Some(user) = optional(reader.live::<User>(&record.parent))? else { return Ok(None) };
    let source = Source::Key { key: id, jwk: record.spec.jwk.hash() };
    let key = record.spec.jwk.0;
    Ok(Some(Usable { user, jwk: Jwk { kid: kid.to_owned(), alg: key.alg(), key }, source }))
}

/// Refuses a user for whom this key does not count now, or not any more: it does not serve, has expired, is another's, or
/// is another key under the same id.
pub fn require(reader: &Reader<'_>, user: &Id, key: &Id, jwk: &Hash) -> Run<()> {
    let record = serving(reader, key)?;
    if record.parent == *user && record.spec.jwk.hash().same(jwk) {
        Ok(())
    } else {
        Err(Refusal::CallerNotAlive.into())
    }
}

/// Whether a service account has a key that counts.
pub fn has_one(reader: &Reader<'_>, user: &Id) -> Result<bool, Fault> {
    for id in reader.children(Kind::User, user, Kind::ServiceKey, KEYS_MAX)? {
        if optional(serving(reader, &id))?.is_some() {
            return Ok(true);
        }
    }
    Ok(false)
}

fn serving(reader: &Reader<'_>, key: &Id) -> Run<Record<ServiceKey>> {
    let record = reader.live::<ServiceKey>(key)?;
    match record.spec.expires {
        Some(expires) if expires <= reader.now => Err(Refusal::CallerNotAlive.into()),
        Some(_) | None => Ok(record),
    }
}
