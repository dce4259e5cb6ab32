//! Token families: everything that one code gave. A refresh token advances its family by one generation, once.
//!
//! ```text
//! alive ─AdvanceFamily→ alive, next generation ─an older token again→ (removed: reuse)
//!   └─RevokeFamily, its session's end, expiry→ (removed)
//! ```
//! A lost answer: within the grace, the immediately previous token returns the successor it was given before, if that
//! is unused, once. Every other use of an old token is theft, and ends the family (RFC 9700 §4.14.2).

use crate::application::Application;
use crate::command::{Access, command};
use crate::credential::secret;
use crate::encoding::Stored;
use crate::event::What;
use crate::grant::code;
use crate::id::{Hash, Id};
use crate::instance::lifetimes;
use crate::project::Project;
use crate::reader::{Reader, Run, optional};
use crate::record::{Kind, Row};
use crate::refusal::Refusal;
use crate::resource::Parent;
use crate::session;
use crate::time::Timestamp;
use crate::tx::Tx;
use crate::user::User;
use minicbor::{Decode, Encode};

/// A token family.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct Family {
    /// Whose tokens: the application.
    #[n(0)]
    pub client: Id,
    /// For whom: the person.
    #[n(1)]
    pub user: Id,
    /// The session it came from. It ends with it.
    #[n(2)]
    pub session: Id,
    /// What was granted.
    #[n(3)]
    pub scopes: Vec<String>,
    /// When the person proved himself.
    #[n(4)]
    pub authenticated: Timestamp,
    /// Its refresh tokens, if it has any.
    #[n(5)]
    pub generation: Option<Generation>,
    /// When it ends unless it is used.
    #[n(6)]
    pub idle: Timestamp,
    /// When it ends in any case.
    #[n(7)]
    pub absolute: Timestamp,
    /// The generation of the client's secret when it began: a new secret ends it.
    #[n(8)]
    pub secret_generation: Option<u32>,
    /// When it began: an application that is younger is another one under the same id.
    #[n(9)]
    pub began: Timestamp,
}

/// Where a family's refresh tokens stand.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct Generation {
    /// 1 for the first token.
    #[n(0)]
    pub number: u32,
    /// SHA-256 of the token that advances the family.
    #[n(1)]
    pub current: Hash,
    /// The one before, until it is used twice.
    #[n(2)]
    pub previous: Option<Previous>,
}

/// A refresh token that was just used.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct Previous {
    /// Its SHA-256.
    #[n(0)]
    pub hash: Hash,
    /// When it was used.
    #[n(1)]
    pub used: Timestamp,
    /// Its successor, sealed for [`Family::PURPOSE`]; gone once it was returned again.
    #[n(2)]
    #[cbor(with = "minicbor::bytes")]
    pub successor: Option<Vec<u8>>,
}

impl Stored for Family {}
impl Row for Family {
    const KIND: Kind = Kind::Family;
}

impl Family {
    /// What a successor is sealed for.
    pub const PURPOSE: &'static str = "refresh successor";
}

/// A family that counts: not expired; its session, person, application and the application's secret as they were.
pub fn live(reader: &Reader<'_>, id: &Id) -> Run<Family> {
    let family = reader.row::<Family>(id)?.ok_or(Refusal::FamilyNotAlive)?;
    if family.absolute <= reader.now || family.idle <= reader.now {
        return Err(Refusal::FamilyNotAlive.into());
    }
    let session = session::live(reader, &family.session).map_err(|no| no.or(Refusal::FamilyNotAlive))?;
    let client = reader.live::<Application>(&family.client).map_err(|no| no.or(Refusal::FamilyNotAlive))?;
    // What began after the family is another one, whatever its id.
    let is_another = client.created > family.began || session.started > family.began;
    if is_another
        || session.user != family.user
        || client.spec.is_public() != family.secret_generation.is_none()
    {
        return Err(Refusal::FamilyNotAlive.into());
    }
    let project = reader.live::<Project>(&client.parent).map_err(|no| no.or(Refusal::FamilyNotAlive))?;
    // A role or a membership that was taken away ends what it had opened.
    let user = reader.live::<User>(&family.user).map_err(|no| no.or(Refusal::FamilyNotAlive))?;
    code::may_sign_in(reader, &project, &user, &family.scopes)
        .map_err(|no| no.or(Refusal::FamilyNotAlive))?;
    if let Some(generation) = family.secret_generation {
        secret::require_generation(reader, &family.client, generation)
            .map_err(|no| no.or(Refusal::FamilyNotAlive))?;
    }
    Ok(family)
}

pub(crate) fn begin(tx: &mut Tx<'_, '_>, id: &Id, family: &Family) -> Run<()> {
    if tx.reader().row::<Family>(id)?.is_some() {
        return Err(Refusal::AlreadyExists.into());
    }
    tx.put_row(id, family);
    tx.expire(Kind::Family, id, family.absolute);
    Ok(())
}

/// Ends a family; nothing if it has ended.
pub(crate) fn revoke(tx: &mut Tx<'_, '_>, id: &Id) -> Run<()> {
    if let Some(family) = tx.reader().row::<Family>(id)? {
        tx.remove(Kind::Family, id);
        tell(tx, What::FamilyRevoked, &family)?;
    }
    Ok(())
}

fn tell(tx: &mut Tx<'_, '_>, what: What, family: &Family) -> Run<()> {
    let organization =
        optional(<Application as Parent>::organization(&tx.reader(), &family.client))?.flatten();
    Ok(tx.tell(what, Kind::User, &family.user, organization.as_ref(), Vec::new())?)
}

/// Advances a family by one generation. The caller is its application.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct AdvanceFamily {
    /// Which family.
    #[n(0)]
    pub family: Id,
    /// SHA-256 of the token that was presented.
    #[n(1)]
    pub presented: Hash,
    /// SHA-256 of the token that would follow.
    #[n(2)]
    pub next: Hash,
    /// That token, sealed with the instance's data key for [`Family::PURPOSE`] and the family's id.
    #[n(3)]
    #[cbor(with = "minicbor::bytes")]
    pub sealed: Vec<u8>,
}

/// What became of a refresh.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub enum Advanced {
    /// The family advanced: the proposed token is its current one.
    #[n(0)]
    Next {
        /// Its state.
        #[n(0)]
        family: Family,
    },
    /// The answer before was lost: this is the successor that it held.
    #[n(1)]
    Again {
        /// Its state.
        #[n(0)]
        family: Family,
        /// The sealed successor.
        #[n(1)]
        #[cbor(with = "minicbor::bytes")]
        successor: Vec<u8>,
    },
    /// A used token came again: the family is revoked.
    #[n(2)]
    Reused,
}

command!(22 AdvanceFamily -> Advanced, |_, _| Ok(Access::Client), |self, tx| {
    let client = tx.client()?.clone();
    let mut family = live(&tx.reader(), &self.family)?;
    // Another client's token is unknown to this one; its family is not harmed by whoever guessed the id.
    let application = tx.reader().live::<Application>(&client)?;
    if !application.spec.refresh {
        return Err(Refusal::FamilyNotAlive.into());
    }
    let Some(mut generation) = family.generation.clone().filter(|_| family.client == client) else {
        return Err(Refusal::FamilyNotAlive.into());
    };
    let lifetimes = lifetimes::of(&tx.reader())?;
    if generation.current.same(&self.presented) {
        generation.previous = Some(Previous { hash: generation.current, used: tx.now, successor: Some(self.sealed) });
        generation.current = self.next;
        generation.number = generation.number.saturating_add(1);
        family.generation = Some(generation);
        family.idle = tx.now.plus_secs(u64::from(lifetimes.refresh_idle_secs)).min(family.absolute);
        tx.put_row(&self.family, &family);
        return Ok(Advanced::Next { family });
    }
    let previous = generation.previous.take().filter(|previous| previous.hash.same(&self.presented));
    if let Some(Previous { hash, used, successor: Some(successor) }) = previous
        && tx.now <= used.plus_secs(u64::from(lifetimes.refresh_grace_secs))
    {
        generation.previous = Some(Previous { hash, used, successor: None });
        family.generation = Some(generation);
        tx.put_row(&self.family, &family);
        tell(tx, What::RefreshGrace, &family)?;
        return Ok(Advanced::Again { family, successor });
    }
    tx.remove(Kind::Family, &self.family);
    tell(tx, What::RefreshReused, &family)?;
    Ok(Advanced::Reused)
});

/// Revokes a family. The caller is its application (RFC 7009 §2.1).
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct RevokeFamily {
    /// Which.
    #[n(0)]
    pub family: Id,
}

command!(23 RevokeFamily -> (), |_, _| Ok(Access::Client), |self, tx| {
    let client = tx.client()?.clone();
    match tx.reader().row::<Family>(&self.family)? {
        Some(family) if family.client == client => revoke(tx, &self.family),
        // Unknown and foreign are the same to the caller.
        Some(_) | None => Ok(()),
    }
});
