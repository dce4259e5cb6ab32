//! The deny table: self-contained tokens that were revoked before they expire.

use crate::command::{Access, command};
use crate::encoding::Stored;
use crate::envelope::Subject;
use crate::event::What;
use crate::id::{Hash, Id, hex};
use crate::reader::{Reader, Run};
use crate::record::{Kind, Row};
use crate::refusal::Refusal;
use crate::tables::Fault;
use crate::time::Timestamp;
use minicbor::{Decode, Encode};

/// A revoked token, under the SHA-256 of its `jti`, until it expires.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct Denied {
    /// When it would have expired.
    #[n(0)]
    pub expires: Timestamp,
}

impl Stored for Denied {}
impl Row for Denied {
    const KIND: Kind = Kind::Denied;
}

fn id_of(token: Hash) -> Option<Id> {
    Id::parse(&hex(&token.0)).ok()
}

/// Whether a token was revoked, by the SHA-256 of its `jti`.
pub fn is_denied(reader: &Reader<'_>, token: Hash) -> Result<bool, Fault> {
    match id_of(token) {
        Some(id) => Ok(reader.row::<Denied>(&id)?.is_some()),
        None => Ok(false),
    }
}

/// The longest a denied token may have to live, in seconds.
pub const DENIED_MAX_SECS: u64 = 86_400;

/// Revokes one self-contained token. The caller is the one it was issued to; the node has verified that.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct DenyToken {
    /// Its `jti`.
    #[n(0)]
    pub jti: String,
    /// When it expires.
    #[n(1)]
    pub expires: Timestamp,
}

fn access(_: &DenyToken, _: &Reader<'_>) -> Run<Access> {
    Ok(Access::Holder)
}

command!(24 DenyToken -> (), access, |self, tx| {
    let id = id_of(Hash::of(self.jti.as_bytes())).ok_or(Refusal::InvalidSpec)?;
    if self.expires <= tx.now {
        return Ok(());
    }
    if self.expires > tx.now.plus_secs(DENIED_MAX_SECS) {
        return Err(Refusal::InvalidSpec.into());
    }
    if tx.reader().row::<Denied>(&id)?.is_none() {
        tx.put_row(&id, &Denied { expires: self.expires });
        tx.expire(Kind::Denied, &id, self.expires);
        let (kind, target) = match &tx.caller.subject {
            Subject::Client(id) => (Kind::Application, id.clone()),
            Subject::User(id) => (Kind::User, id.clone()),
            Subject::System | Subject::Operator | Subject::Nobody => return Err(Refusal::NotPermitted.into()),
        };
        tx.tell(What::TokenDenied, kind, &target, None, Vec::new())?;
    }
    Ok(())
});
