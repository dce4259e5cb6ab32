//! Signing keys: published before use, replaced on schedule, kept until what they signed has expired.
//!
//! ```text
//! (none) ─RotateKeys→ Next ─RotateKeys→ Active ─RotateKeys→ Verifying ─sweep→ (retired, removed)
//! ```
//! Each step is due at a time that the lifetimes say; the very first key of an algorithm is active at once, because
//! nobody has fetched an older set.

use crate::application::TokenAlg;
use crate::command::{Access, command};
use crate::encoding::Stored;
use crate::event::What;
use crate::id::Id;
use crate::instance::lifetimes::{self, Lifetimes};
use crate::reader::Reader;
use crate::record::{Kind, Row};
use crate::refusal::Refusal;
use crate::tables::Fault;
use crate::time::Timestamp;
use minicbor::{Decode, Encode};

/// A signing key of an instance, under its key id.
#[derive(Clone, PartialEq, Eq, Encode, Decode)]
pub struct SigningKey {
    /// The key id (`kid`).
    #[n(0)]
    pub kid: Id,
    /// The algorithm.
    #[n(1)]
    pub alg: TokenAlg,
    /// The public key as JWK JSON (RFC 7517).
    #[n(2)]
    pub jwk: String,
    /// The private key in PKCS #8, sealed for [`SigningKey::PURPOSE`] and the key id.
    #[n(3)]
    #[cbor(with = "minicbor::bytes")]
    pub sealed: Vec<u8>,
    /// What it does.
    #[n(4)]
    pub stage: Stage,
}

/// What a signing key does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode)]
pub enum Stage {
    /// Published; it signs nothing yet.
    #[n(0)]
    Next {
        /// Since when.
        #[n(0)]
        since: Timestamp,
    },
    /// It signs.
    #[n(1)]
    Active {
        /// Since when.
        #[n(0)]
        since: Timestamp,
    },
    /// It verifies what it signed.
    #[n(2)]
    Verifying {
        /// Until when.
        #[n(0)]
        until: Timestamp,
    },
}

impl SigningKey {
    /// What a private key is sealed for.
    pub const PURPOSE: &'static str = "signing key";
}

impl std::fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "SigningKey({}, {:?})", self.kid, self.stage)
    }
}

impl Stored for SigningKey {}
impl Row for SigningKey {
    const KIND: Kind = Kind::SigningKey;
}

/// How many keys an instance may have at once.
pub const KEYS_MAX: usize = 100;

/// The keys that are published: those that sign, will sign, or still verify.
pub fn published(reader: &Reader<'_>) -> Result<Vec<SigningKey>, Fault> {
    let mut keys = reader.rows::<SigningKey>(KEYS_MAX)?;
    keys.retain(|key| match key.stage {
        Stage::Next { .. } | Stage::Active { .. } => true,
        Stage::Verifying { until } => until > reader.now,
    });
    Ok(keys)
}

/// A step of the schedule.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Encode, Decode)]
#[cbor(index_only)]
pub enum Step {
    /// The first key of an algorithm begins to sign.
    #[n(0)]
    Begin,
    /// The next key is published.
    #[n(1)]
    Publish,
    /// The next key begins to sign, and the one before only verifies.
    #[n(2)]
    Activate,
}

/// The step that is due for an algorithm, if one is.
pub fn due(reader: &Reader<'_>, alg: TokenAlg) -> Result<Option<Step>, Fault> {
    let lifetimes = lifetimes::of(reader)?;
    let keys = reader.rows::<SigningKey>(KEYS_MAX)?;
    Ok(step(&keys, &lifetimes, alg, reader.now))
}

fn step(keys: &[SigningKey], lifetimes: &Lifetimes, alg: TokenAlg, now: Timestamp) -> Option<Step> {
    let mut active = None;
    let mut next = None;
    for key in keys.iter().filter(|key| key.alg == alg) {
        match key.stage {
            Stage::Active { since } => active = Some(since),
            Stage::Next { since } => next = Some(since),
            Stage::Verifying { .. } => {}
        }
    }
    let Some(active) = active else { return Some(Step::Begin) };
    let lead = u64::from(lifetimes.key_next_secs);
    let life = u64::from(lifetimes.key_active_secs);
    match next {
        None if now >= active.plus_secs(life.saturating_sub(lead)) => Some(Step::Publish),
        Some(since) if now >= active.plus_secs(life) && now >= since.plus_secs(lead) => Some(Step::Activate),
        None | Some(_) => None,
    }
}

/// Takes the step that is due for an algorithm. Refused when none is.
#[derive(Clone, PartialEq, Eq, Encode, Decode)]
pub struct RotateKeys {
    /// For which algorithm.
    #[n(0)]
    pub alg: TokenAlg,
    /// A new key, for the steps that need one.
    #[n(1)]
    pub new: Option<NewKey>,
}

/// A key that a node has generated.
#[derive(Clone, PartialEq, Eq, Encode, Decode)]
pub struct NewKey {
    /// The key id.
    #[n(0)]
    pub kid: Id,
    /// The public key as JWK JSON.
    #[n(1)]
    pub jwk: String,
    /// The sealed private key.
    #[n(2)]
    #[cbor(with = "minicbor::bytes")]
    pub sealed: Vec<u8>,
}

command!(30 RotateKeys -> Step, |_, _| Ok(Access::System), |self, tx| {
    let keys = tx.reader().rows::<SigningKey>(KEYS_MAX)?;
    let lifetimes = lifetimes::of(&tx.reader())?;
    let now = tx.now;
    let step = step(&keys, &lifetimes, self.alg, now).ok_or(Refusal::NotDue)?;
    let mut put = |key: &SigningKey, what: What| {
        tx.put_row(&key.kid, key);
        tx.tell(what, Kind::SigningKey, &key.kid, None, Vec::new())
    };
    match step {
        Step::Begin | Step::Publish => {
            let new = self.new.ok_or(Refusal::InvalidSpec)?;
            if keys.len() >= KEYS_MAX {
                return Err(Refusal::LimitReached.into());
            }
            if keys.iter().any(|key| key.kid == new.kid) {
                return Err(Refusal::AlreadyExists.into());
            }
            let (stage, what) = match step {
                Step::Begin => (Stage::Active { since: now }, What::KeyActivated),
                Step::Publish | Step::Activate => (Stage::Next { since: now }, What::KeyPublished),
            };
            put(&SigningKey { kid: new.kid, alg: self.alg, jwk: new.jwk, sealed: new.sealed, stage }, what)?;
        }
        Step::Activate => {
            let until = now.plus_secs(u64::from(lifetimes.key_verifies_secs));
            let mut replaced = Vec::new();
            for mut key in keys.into_iter().filter(|key| key.alg == self.alg) {
                match key.stage {
                    Stage::Active { .. } => {
                        key.stage = Stage::Verifying { until };
                        put(&key, What::KeyReplaced)?;
                        replaced.push(key.kid);
                    }
                    Stage::Next { .. } => {
                        key.stage = Stage::Active { since: now };
                        put(&key, What::KeyActivated)?;
                    }
                    Stage::Verifying { .. } => {}
                }
            }
            for kid in replaced {
                tx.expire(Kind::SigningKey, &kid, until);
            }
        }
    }
    Ok(step)
});
