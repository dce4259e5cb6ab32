//! Secrets that leave the node once: minted with a prefix and a checksum, stored as SHA-256.
//!
//! Session and refresh secrets carry the id of what they belong to, so that a look-up needs no index.

use crypto::{Entropy, InstanceKey, Secret, draw, token};
use identity::id::{Hash, Id};

/// The prefix of session cookies.
pub const SESSION: &str = "cnv_ss_";
/// The prefix of refresh tokens.
pub const REFRESH: &str = "cnv_rt_";
/// The prefix of authorization codes.
pub const CODE: &str = "cnv_ac_";
/// The prefix of client secrets.
pub const CLIENT_SECRET: &str = "cnv_cs_";

/// A secret that belongs to a session or a family: its id and its hash.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Bound {
    /// What it belongs to.
    pub id: Id,
    /// The SHA-256 of the whole text.
    pub hash: Hash,
}

/// Mints a secret for what has this 32-digit id.
pub fn mint_bound(prefix: &str, id: &Id, entropy: &dyn Entropy) -> (Secret<String>, Hash) {
    let mut payload = id.as_str().as_bytes().to_vec();
    payload.extend(draw::<32>(entropy));
    minted(prefix, &payload)
}

/// Reads a secret's id; `None` for anything that was not minted so. Garbage costs one checksum.
pub fn parse_bound(prefix: &str, text: &str) -> Option<Bound> {
    let payload = token::parse(prefix, text)?;
    if payload.len() != 64 {
        return None;
    }
    let id = std::str::from_utf8(payload.get(..32)?).ok().and_then(|id| Id::parse(id).ok())?;
    Some(Bound { id, hash: Hash::of(text.as_bytes()) })
}

/// How many bytes of such a token prove that the instance made it.
const PROOF_BYTES: usize = 16;

/// Mints a token that carries a proof of its origin, for what has this 32-digit id: what was made up costs no look-up.
pub fn mint_proven(
    prefix: &str,
    key: &InstanceKey,
    id: &Id,
    entropy: &dyn Entropy,
) -> (Secret<String>, Hash) {
    let mut payload = id.as_str().as_bytes().to_vec();
    payload.extend(draw::<16>(entropy));
    let proof = key.hmac(purpose(prefix), &payload);
    payload.extend(proof.iter().take(PROOF_BYTES));
    minted(prefix, &payload)
}

/// Reads a token that this instance has made; `None` for anything else.
pub fn parse_proven(prefix: &str, key: &InstanceKey, text: &str) -> Option<Bound> {
    let bound = parse_bound(prefix, text)?;
    let payload = token::parse(prefix, text)?;
    let (body, proof) = payload.split_at_checked(payload.len().checked_sub(PROOF_BYTES)?)?;
    let expected = key.hmac(purpose(prefix), body);
    crypto::same(expected.get(..PROOF_BYTES)?, proof).then_some(bound)
}

/// What the proof of a kind of token is made for.
fn purpose(prefix: &str) -> &str {
    if prefix == REFRESH { "refresh token" } else { prefix }
}

/// Mints a refresh token of a family. An unknown token of a known family ends it, and nobody who has read the family's
/// id may make one up.
pub fn mint_refresh(key: &InstanceKey, family: &Id, entropy: &dyn Entropy) -> (Secret<String>, Hash) {
    mint_proven(REFRESH, key, family, entropy)
}

/// Reads a refresh token that this instance has made; `None` for anything else.
pub fn parse_refresh(key: &InstanceKey, text: &str) -> Option<Bound> {
    parse_proven(REFRESH, key, text)
}

/// Mints a secret that stands alone.
pub fn mint(prefix: &str, entropy: &dyn Entropy) -> (Secret<String>, Hash) {
    minted(prefix, &draw::<32>(entropy))
}

/// The hash of a secret that stands alone; `None` for anything that was not minted so.
pub fn parse(prefix: &str, text: &str) -> Option<Hash> {
    token::parse(prefix, text).filter(|payload| payload.len() == 32).map(|_| Hash::of(text.as_bytes()))
}

fn minted(prefix: &str, payload: &[u8]) -> (Secret<String>, Hash) {
    let text = token::mint(prefix, payload);
    let hash = Hash::of(text.as_bytes());
    (Secret::new(text), hash)
}
