//! Join tokens: who may become a node of the cluster, once.
//!
//! ```text
//! (none) ─CreateJoinToken→ open ─AdmitNode→ used ─expiry→ (removed)
//!                           └─RevokeJoinToken, expiry→ (removed)
//! ```
//! A used token stays until it expires, because the answer to a joiner can be lost. Whoever repeats it with the key that
//! he drew for his attempt gets the number that he was given; whoever has read the token elsewhere has another key.

use crate::cluster::address::PeerAddress;
use crate::cluster::node::{
    ACTIVE_MAX, FOUNDER, NODES_MAX, Node, Wanted, active, next_number, node, nodes, save,
};
use crate::cluster::require_system;
use crate::command::{Access, command};
use crate::encoding::{Stored, encode};
use crate::event::{Field, Value, What};
use crate::id::{Hash, Id, SYSTEM};
use crate::label::Label;
use crate::reader::Reader;
use crate::record::{Kind, Row};
use crate::refusal::Refusal;
use crate::tables::Fault;
use crate::time::Timestamp;
use minicbor::{Decode, Encode};

/// A join token, under its id.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct JoinToken {
    /// Names it to operators; no secret.
    #[n(0)]
    pub id: Id,
    /// SHA-256 of its secret.
    #[n(1)]
    pub secret: Hash,
    /// From when it admits nobody.
    #[n(2)]
    pub expires: Timestamp,
    /// What the node is wanted as.
    #[n(3)]
    pub wanted: Wanted,
    /// What it was used for.
    #[n(4)]
    pub used: Option<Used>,
}

/// The use of a join token.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct Used {
    /// The number that the node was given.
    #[n(0)]
    pub by: u64,
    /// SHA-256 of the key that the joiner drew for his attempt.
    #[n(1)]
    pub key: Hash,
}

impl JoinToken {
    /// The names of its fields, in the order of their numbers: events name what changed by them.
    pub const FIELDS: &'static [Label] = &[
        Label::plain("id"),
        Label::plain("secret"),
        Label::plain("expires"),
        Label::plain("wanted"),
        Label::plain("used"),
    ];
}

impl Stored for JoinToken {}
impl Row for JoinToken {
    const KIND: Kind = Kind::JoinToken;
}

/// How many join tokens there may be at once.
pub const TOKENS_MAX: usize = 100;
/// The shortest life of a join token, in seconds.
pub const LIFETIME_SECS_MIN: u32 = 60;
/// The longest life of a join token, in seconds.
pub const LIFETIME_SECS_MAX: u32 = 7 * 86_400;

/// The join tokens that have not expired, used ones too, in the order of their ids' lengths and texts.
pub fn tokens(reader: &Reader<'_>) -> Result<Vec<JoinToken>, Fault> {
    let mut tokens = reader.of(SYSTEM).rows::<JoinToken>(TOKENS_MAX)?;
    tokens.retain(|token| token.expires > reader.now);
    Ok(tokens)
}

/// A join token by its id; `None` once it has expired.
pub fn token(reader: &Reader<'_>, id: &Id) -> Result<Option<JoinToken>, Fault> {
    Ok(reader.of(SYSTEM).row::<JoinToken>(id)?.filter(|token| token.expires > reader.now))
}

/// The join token that a joiner presents, if its secret is right. A node asks before it proposes, so that no stranger
/// writes to the log.
pub fn presented(reader: &Reader<'_>, id: &Id, secret: &Hash) -> Result<Option<JoinToken>, Fault> {
    Ok(token(reader, id)?.filter(|token| token.secret.same(secret)))
}

/// Lets one node join within a time. The reply says until when. Refused before the cluster was founded.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct CreateJoinToken {
    /// Names it.
    #[n(0)]
    pub id: Id,
    /// SHA-256 of its secret.
    #[n(1)]
    pub secret: Hash,
    /// How long it may be used: [`LIFETIME_SECS_MIN`] to [`LIFETIME_SECS_MAX`].
    #[n(2)]
    pub lifetime_secs: u32,
    /// What the node will be wanted as.
    #[n(3)]
    pub wanted: Wanted,
}

command!(32 CreateJoinToken -> Timestamp, |_, _| Ok(Access::System), |self, tx| {
    require_system(tx)?;
    if !(LIFETIME_SECS_MIN..=LIFETIME_SECS_MAX).contains(&self.lifetime_secs) {
        return Err(Refusal::InvalidSpec.into());
    }
    node(&tx.reader(), FOUNDER)?.ok_or(Refusal::NotFound)?;
    // What has expired counts until it is swept: its id is taken, its row is there.
    let rows = tx.reader().rows::<JoinToken>(TOKENS_MAX)?;
    if rows.iter().any(|token| token.id == self.id) {
        return Err(Refusal::AlreadyExists.into());
    }
    if rows.len() >= TOKENS_MAX {
        return Err(Refusal::LimitReached.into());
    }
    let CreateJoinToken { id, secret, lifetime_secs, wanted } = self;
    let expires = tx.now.plus_secs(u64::from(lifetime_secs));
    tx.put_row(&id, &JoinToken { id: id.clone(), secret, expires, wanted, used: None });
    tx.expire(Kind::JoinToken, &id, expires);
    let fields = vec![told(2, &expires), told(3, &wanted)];
    tx.tell(What::Created, Kind::JoinToken, &id, None, fields)?;
    Ok(expires)
});

/// A field as it became.
fn told<T: Encode<()>>(number: u16, value: &T) -> Field {
    Field { number, before: None, after: Some(Value::plain(&encode(value))) }
}

/// Ends a join token that nobody has used. A used one is refused: there is a node now, and that is what to remove.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct RevokeJoinToken {
    /// Which.
    #[n(0)]
    pub id: Id,
}

command!(33 RevokeJoinToken -> (), |_, _| Ok(Access::System), |self, tx| {
    require_system(tx)?;
    let token = token(&tx.reader(), &self.id)?.ok_or(Refusal::NotFound)?;
    if token.used.is_some() {
        return Err(Refusal::JoinTokenUsed.into());
    }
    tx.remove(Kind::JoinToken, &self.id);
    tx.tell(What::Deleted, Kind::JoinToken, &self.id, None, Vec::new())?;
    Ok(())
});

/// Admits a node for a join token. A repetition with the same key gets the same number, whatever address it names.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct AdmitNode {
    /// The id of the token.
    #[n(0)]
    pub token: Id,
    /// SHA-256 of the secret that the joiner presented.
    #[n(1)]
    pub secret: Hash,
    /// SHA-256 of the key that the joiner drew for his attempt.
    #[n(2)]
    pub key: Hash,
    /// Where the other nodes will reach it.
    #[n(3)]
    pub address: PeerAddress,
}

/// What an admitted node is told.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct Admitted {
    /// Its number.
    #[n(0)]
    pub node: u64,
}

command!(34 AdmitNode -> Admitted, |_, _| Ok(Access::System), |self, tx| {
    require_system(tx)?;
    // Who does not know the secret learns nothing of the token, not even that it exists.
    let mut token = presented(&tx.reader(), &self.token, &self.secret)?.ok_or(Refusal::JoinTokenInvalid)?;
    if let Some(used) = &token.used {
        if !used.key.same(&self.key) {
            return Err(Refusal::JoinTokenUsed.into());
        }
        return Ok(Admitted { node: active(&tx.reader(), used.by)?.number });
    }
    let known = nodes(&tx.reader())?;
    if known.len() >= NODES_MAX || known.iter().filter(|node| node.is_active()).count() >= ACTIVE_MAX {
        return Err(Refusal::LimitReached.into());
    }
    let number = next_number(tx)?;
    save(tx, What::NodeAdmitted, None, &Node::unreported(number, self.address, token.wanted))?;
    token.used = Some(Used { by: number, key: self.key });
    tx.put_row(&self.token, &token);
    tx.tell(What::JoinTokenUsed, Kind::JoinToken, &self.token, None, vec![told(4, &number)])?;
    Ok(Admitted { node: number })
});
