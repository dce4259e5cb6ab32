//! Sessions: what a browser has proven, and until when that counts.
//!
//! ```text
//! (none) ─ProvePassword→ alive ─ProvePassword→ alive, with a new secret ─EndSession, expiry→ (removed)
//! ```
//! The browser holds a secret; its hash stands here and changes with every proof, so that a secret planted or read
//! before a proof is worth nothing after it. The id stays: it is the `sid` of tokens.

use crate::administrator::require_all_of_user;
use crate::command::{Access, command};
use crate::credential::password::{Password, Renews};
use crate::encoding::Stored;
use crate::event::What;
use crate::execute::calling_session;
use crate::id::{Hash, Id};
use crate::instance::lifetimes;
use crate::permission::{Area, Verb, Within};
use crate::reader::{Reader, Run, optional};
use crate::record::{Kind, Record, Row};
use crate::refusal::Refusal;
use crate::see::Eyes;
use crate::setting;
use crate::setting::login::Login;
use crate::time::Timestamp;
use crate::tx::Tx;
use crate::user::User;
use minicbor::{Decode, Encode};

/// A session of a person.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct Session {
    /// Whose.
    #[n(0)]
    pub user: Id,
    /// His organization.
    #[n(1)]
    pub organization: Id,
    /// SHA-256 of the secret that the browser holds.
    #[n(2)]
    pub secret: Hash,
    /// When it began.
    #[n(3)]
    pub started: Timestamp,
    /// When the person last proved himself: `auth_time`.
    #[n(4)]
    pub authenticated: Timestamp,
    /// The revision of the password that was proven: another password ends the session.
    #[n(5)]
    pub password: u32,
    /// When it ends by itself.
    #[n(6)]
    pub expires: Timestamp,
}

impl Stored for Session {}
impl Row for Session {
    const KIND: Kind = Kind::Session;
}

/// What a proof returns.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct Started {
    /// The session: the one that rose, or a new one.
    #[n(0)]
    pub session: Id,
    /// When it ends by itself.
    #[n(1)]
    pub expires: Timestamp,
}

/// A session that counts: it exists, has not expired, its password is unchanged, and its user serves.
pub fn live(reader: &Reader<'_>, id: &Id) -> Run<Session> {
    let session = reader.row::<Session>(id)?.ok_or(Refusal::SessionNotAlive)?;
    if session.expires <= reader.now {
        return Err(Refusal::SessionNotAlive.into());
    }
    reader.live::<User>(&session.user).map_err(|no| no.or(Refusal::SessionNotAlive))?;
    match reader.row::<Password>(&session.user)? {
        Some(password) if password.revision == session.password => Ok(session),
        Some(_) | None => Err(Refusal::SessionNotAlive.into()),
    }
}

/// A session that counts and that a caller sees: one of another organization is not there for him.
pub fn seen(reader: &Reader<'_>, eyes: &Eyes<'_>, id: &Id) -> Run<Session> {
    let session = live(reader, id).map_err(|no| no.or(Refusal::NotFound))?;
    let place = Within::Organization(session.organization.clone());
    if eyes.may_read(Area::Session, &place)? { Ok(session) } else { Err(Refusal::NotFound.into()) }
}

/// Sessions of a user that count.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Page {
    /// Those that were found.
    pub found: Vec<(Id, Session)>,
    /// Behind which session the next page goes on; `None` after the last.
    pub next: Option<Id>,
}

/// How many sessions one page looks at, those that have ended and wait for their sweep among them, and how many at once.
const LOOKED_MAX: usize = 2_000;
const LOOKED_AT_ONCE: usize = 100;

/// The sessions of a user that count, behind one of them, in the order of their ids. A page may be short, or empty, and have
/// a next one. Refused: a caller who may not read them.
pub fn of_user(
    reader: &Reader<'_>,
    eyes: &Eyes<'_>,
    user: &Record<User>,
    after: Option<Id>,
    limit: usize,
) -> Run<Page> {
    if !eyes.may_read(Area::Session, &Within::Organization(user.parent.clone()))? {
        return Err(Refusal::NotPermitted.into());
    }
    let (mut found, mut at) = (Vec::new(), after);
    for _ in 0..LOOKED_MAX / LOOKED_AT_ONCE {
        let of = (Kind::User, &user.id);
        let ids = reader.referring_after(of, Kind::Session, at.as_ref(), LOOKED_AT_ONCE)?;
        let is_last = ids.len() < LOOKED_AT_ONCE;
        for id in ids {
            if let Some(session) = optional(live(reader, &id))? {
                // One more is looked for, so that the last page says that it is the last.
                if found.len() >= limit {
                    return Ok(Page { found, next: at });
                }
                found.push((id.clone(), session));
            }
            at = Some(id);
        }
        if is_last {
            return Ok(Page { found, next: None });
        }
    }
    Ok(Page { found, next: at })
}

/// Starts a session after a proof, or lets the browser's own rise.
pub(crate) fn start(tx: &mut Tx<'_, '_>, id: Id, mut proof: Session, renews: Option<Renews>) -> Run<Started> {
    // All that a session has proven is a password: it ends when that proof does.
    let login: Login = setting::effective(&tx.reader(), Some(&proof.organization))?.0;
    let lifetime = lifetimes::of(&tx.reader())?.session_secs.min(login.password_check_secs);
    proof.expires = tx.now.plus_secs(u64::from(lifetime));
    let mut what = What::SignedIn;
    let mut id = id;
    let held = renews.as_ref().map(|old| old.session.clone());
    if let Some(old) = renews
        && let Some(session) = tx.reader().row::<Session>(&old.session)?
        && session.secret.same(&old.secret)
    {
        if session.user == proof.user && optional(live(&tx.reader(), &old.session))?.is_some() {
            id = old.session;
            proof.started = session.started;
            what = What::SessionRose;
        } else {
            end(tx, &old.session, &session)?;
        }
    }
    // An id that was a session's before is never a new one's: what hung on the old one must stay dead.
    if what == What::SignedIn && (held.as_ref() == Some(&id) || tx.reader().row::<Session>(&id)?.is_some()) {
        return Err(Refusal::AlreadyExists.into());
    }
    tx.put_row(&id, &proof);
    tx.expire(Kind::Session, &id, proof.expires);
    tx.refer((Kind::User, &proof.user), (Kind::Session, &id), crate::tx::Presence::Present);
    tx.tell(what, Kind::User, &proof.user, Some(&proof.organization), Vec::new())?;
    Ok(Started { session: id, expires: proof.expires })
}

pub(crate) fn end(tx: &mut Tx<'_, '_>, id: &Id, session: &Session) -> Run<()> {
    remove(tx, id, session);
    Ok(tx.tell(What::SessionEnded, Kind::Session, id, Some(&session.organization), Vec::new())?)
}

pub(crate) fn remove(tx: &mut Tx<'_, '_>, id: &Id, session: &Session) {
    tx.remove(Kind::Session, id);
    tx.refer((Kind::User, &session.user), (Kind::Session, id), crate::tx::Presence::Absent);
}

/// Ends the calling session. Its tokens end with it.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct EndSession {}

command!(16 EndSession -> (), |_, _| Ok(Access::Session), |self, tx| {
    let id = calling_session(tx)?;
    let session = tx.reader().row::<Session>(&id)?.ok_or(Refusal::SessionNotAlive)?;
    end(tx, &id, &session)
});

/// Ends somebody's session.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct EndSessionOf {
    /// Which.
    #[n(0)]
    pub session: Id,
}

fn access(command: &EndSessionOf, reader: &Reader<'_>) -> Run<Access> {
    let session = reader.row::<Session>(&command.session)?.ok_or(Refusal::NotFound)?;
    Ok(Access::Permission(Area::Session, Verb::Delete, Within::Organization(session.organization)))
}

command!(17 EndSessionOf -> (), access, |self, tx| {
    let session = tx.reader().row::<Session>(&self.session)?.ok_or(Refusal::NotFound)?;
    // Who ends them again and again keeps him out.
    require_all_of_user(&tx.reader(), &tx.caller, &session.user)?;
    end(tx, &self.session, &session)
});
