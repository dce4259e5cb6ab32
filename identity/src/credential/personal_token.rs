//! Personal access tokens of service accounts: bearers of their own, without a client and without OAuth.

use crate::administrator::require_all_of_user;
use crate::encoding::Stored;
use crate::id::{Hash, Id};
use crate::label::{Label, labels};
use crate::permission::Area;
use crate::reader::{Reader, Run, optional};
use crate::record::{Kind, Row};
use crate::refusal::Refusal;
use crate::resource::{Change, Indexes, Resource};
use crate::tables::Fault;
use crate::time::Timestamp;
use crate::tx::Tx;
use crate::user::{User, require_service_account};
use minicbor::{Decode, Encode};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// A personal access token. It can do what its service account can, until it expires, is switched off or deleted.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PersonalToken {
    /// When it ends; never, if it is not given.
    #[n(0)]
    #[serde(default)]
    pub expires: Option<Timestamp>,
}

/// What its creation carries.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct TokenSecret {
    /// SHA-256 of the token.
    #[n(0)]
    pub hash: Hash,
}

impl Stored for TokenSecret {}
impl Row for TokenSecret {
    const KIND: Kind = Kind::TokenSecret;
}

/// How many tokens one service account may have.
const TOKENS_MAX: usize = 100;

impl Stored for PersonalToken {}

impl Resource for PersonalToken {
    const KIND: Kind = Kind::PersonalToken;
    const AREA: Area = Area::Credential;
    const LEAF: bool = true;
    const UNDER: bool = true;
    const FIELDS: &'static [Label] = labels![PersonalToken: expires];
    type Parent = User;
    type Birth = TokenSecret;

    fn indexes(&self, _: &mut Indexes<'_>) {}

    fn check(change: &Change<'_, Self>) -> Run<()> {
        // Who has the token can act as him, and who takes it away stops him.
        require_all_of_user(&change.reader, change.caller, change.parent)?;
        let Some(after) = change.after else { return Ok(()) };
        require_service_account(&change.reader, change.parent)?;
        if after.expires.is_some_and(|expires| expires <= change.reader.now) {
            return Err(Refusal::ExpiresInPast.into());
        }
        let had = change.reader.children(Kind::User, change.parent, Kind::PersonalToken, TOKENS_MAX)?;
        if change.before.is_none() && !had.contains(change.id) && had.len() >= TOKENS_MAX {
            return Err(Refusal::LimitReached.into());
        }
        Ok(())
    }

    fn born(tx: &mut Tx<'_, '_>, id: &Id, birth: TokenSecret) -> Run<()> {
        tx.put_row(id, &birth);
        Ok(())
    }

    fn gone(tx: &mut Tx<'_, '_>, id: &Id) -> Run<()> {
        tx.remove(Kind::TokenSecret, id);
        Ok(())
    }
}

/// The service account that a token counts for. Refused: expired, switched off, of somebody who no longer serves.
pub fn owner(reader: &Reader<'_>, token: &Id) -> Run<Id> {
    let record = reader.live::<PersonalToken>(token)?;
    if record.spec.expires.is_some_and(|expires| expires <= reader.now) {
        return Err(Refusal::CallerNotAlive.into());
    }
    Ok(record.parent)
}

/// The same for a token as it was presented.
pub fn presented(reader: &Reader<'_>, token: &Id, hash: &Hash) -> Run<Id> {
    match reader.row::<TokenSecret>(token)? {
        Some(secret) if secret.hash.same(hash) => owner(reader, token),
        Some(_) | None => Err(Refusal::CallerNotAlive.into()),
    }
}

/// Whether a service account has a token that counts.
pub fn has_one(reader: &Reader<'_>, user: &Id) -> Result<bool, Fault> {
    for id in reader.children(Kind::User, user, Kind::PersonalToken, TOKENS_MAX)? {
        if optional(owner(reader, &id))?.is_some() {
            return Ok(true);
        }
    }
    Ok(false)
}
