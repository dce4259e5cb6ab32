//! Keys of service accounts: public ones, by whose private halves they sign assertions (RFC 7523 §2).
//!
//! Who verifies an assertion asks [`usable`], who is shown a token that was given for one asks [`require`]. Nothing private stands here: it never leaves the program that signs.

use crate::administrator::require_all_of_user;
use crate::encoding::{Invalid, Stored};
use crate::envelope::Source;
use crate::id::{Hash, Id};
use crate::name::{described, text};
use crate::permission::Area;
use crate::reader::{Reader, Run, optional};
use crate::record::{Kind, Record};
use crate::refusal::Refusal;
use crate::resource::{Change, Indexes, Resource};
use crate::time::Timestamp;
use crate::user::{User, UserKind};
use crypto::{Jwk, PublicKey};
use minicbor::{Decode, Decoder, Encode, Encoder, decode, encode};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

text! {
    /// A public key as the canonical text of its JWK: RSA of 2048 to 4096 bits, P-256 or Ed25519. Only its form is
    /// judged: one whose numbers are no key verifies nothing.
    PublicJwk [described(1, PublicKey::JWK_BYTES_MAX, "")]
}

impl PublicJwk {
    /// Parses a JWK (RFC 7517) and keeps the members that make up the key. Refused: private and symmetric ones.
    pub fn parse(text: &str) -> Result<Self, Invalid> {
        let key = PublicKey::parse(text).map_err(|_| {
            Invalid(
                "a key is the JWK of a public one for signatures: RSA of 2048 to 4096 bits, EC on P-256, or Ed25519",
            )
        })?;
        Ok(PublicJwk(key.canonical().into()))
    }

    /// SHA-256 of the text: of this key and of no other.
    fn hash(&self) -> Hash {
        Hash::of(self.as_str().as_bytes())
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
    const FIELDS: &'static [&'static str] = &["jwk", "expires"];
    type Parent = User;
    type Birth = ();

    fn indexes(&self, _: &mut Indexes<'_>) {}

    fn check(change: &Change<'_, Self>) -> Run<()> {
        let Some(after) = change.after else { return Ok(()) };
        let user = change.reader.existing::<User>(change.parent)?;
        let past = after.expires.is_some_and(|expires| expires <= change.reader.now);
        if change.before.is_some() || past || !matches!(user.spec.kind, UserKind::Service { .. }) {
            return Err(Refusal::InvalidSpec.into());
        }
        let had = change.reader.children(Kind::User, change.parent, Kind::ServiceKey, KEYS_MAX)?;
        if !had.contains(change.id) && had.len() >= KEYS_MAX {
            return Err(Refusal::LimitReached.into());
        }
        // Who holds the private half can act as him.
        require_all_of_user(&change.reader, change.caller, change.parent)
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
    let Ok(key) = PublicKey::parse(record.spec.jwk.as_str()) else { return Ok(None) };
    let source = Source::Key { key: id, jwk: record.spec.jwk.hash() };
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

fn serving(reader: &Reader<'_>, key: &Id) -> Run<Record<ServiceKey>> {
    let record = reader.live::<ServiceKey>(key)?;
    match record.spec.expires {
        Some(expires) if expires <= reader.now => Err(Refusal::CallerNotAlive.into()),
        Some(_) | None => Ok(record),
    }
}
