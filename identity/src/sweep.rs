//! Bounded clean-up: what has expired, and what hung under what was deleted.
//!
//! A sweep is a command like any other, so that all replicas remove the same rows at the same position. Nobody waits
//! for it: readers hide what has expired, and every look-up checks its parents.

use crate::change;
use crate::cluster::token::JoinToken;
use crate::command::{Access, Command};
use crate::encoding::decode_row;
use crate::event::What;
use crate::execute::SEEN_EXPIRY;
use crate::id::Id;
use crate::keys::{Key, Parts, Space};
use crate::reader::{Reader, Run, optional, record_key};
use crate::record::{Kind, Record, State};
use crate::refusal::Refusal;
use crate::resource::{Parent, Resource};
use crate::resources::{ForResource, dispatch};
use crate::session::{self, Session};
use crate::signing_key::SigningKey;
use crate::tables::{Fault, Table};
use crate::token::family::Family;
use crate::tx::Tx;
use minicbor::{Decode, Encode};

/// The most rows that one sweep looks at.
pub const LIMIT_MAX: u32 = 2000;

/// Removes what has expired or lost its parent, at most `limit` of each.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct Sweep {
    /// How much, at most [`LIMIT_MAX`].
    #[n(0)]
    pub limit: u32,
}

/// What a sweep did.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct Swept {
    /// How many rows were looked at.
    #[n(0)]
    pub rows: u32,
}

impl Command for Sweep {
    const NUMBER: u16 = 5;
    const NAME: &'static str = "Sweep";
    // A row that remembers a sweep would itself be something to sweep, for ever.
    const REMEMBERED: bool = false;
    type Reply = Swept;

    fn access(&self, _: &Reader<'_>) -> Run<Access> {
        Ok(Access::System)
    }

    fn run(self, tx: &mut Tx<'_, '_>) -> Run<Swept> {
        let limit = self.limit.min(LIMIT_MAX) as usize;
        let expired = expired(tx, limit)?;
        let orphans = orphans(tx, limit)?;
        let rows = u32::try_from(expired.saturating_add(orphans)).unwrap_or(u32::MAX);
        Ok(Swept { rows })
    }
}

/// Whether a sweep would find anything.
pub fn is_due(reader: &Reader<'_>) -> Result<bool, Fault> {
    let (from, to) = expired_range(reader);
    let (tomb, stone) = Key::new(reader.instance, Space::Tombstone).range();
    Ok(!reader.read.scan(Table::State, &from, &to, 1)?.is_empty()
        || !reader.read.scan(Table::State, &tomb, &stone, 1)?.is_empty())
}

fn expired_range(reader: &Reader<'_>) -> (Vec<u8>, Vec<u8>) {
    let from = Key::new(reader.instance, Space::Expiry).into_bytes();
    let to = Key::new(reader.instance, Space::Expiry).u64(reader.now.0.saturating_add(1)).into_bytes();
    (from, to)
}

fn expired(tx: &mut Tx<'_, '_>, limit: usize) -> Run<usize> {
    let (from, to) = expired_range(&tx.reader());
    let rows = tx.reader().read.scan(Table::State, &from, &to, limit)?;
    for (key, _) in &rows {
        let broken = || Fault("an expiry row has another form".into());
        let mut parts = Parts::of(key).ok_or_else(broken)?;
        parts.u64().ok_or_else(broken)?;
        let number = parts.u16().ok_or_else(broken)?;
        if number == SEEN_EXPIRY {
            let request = key.get(key.len().saturating_sub(16)..).ok_or_else(broken)?;
            let seen = Key::new(tx.instance, Space::Seen).bytes(request).into_bytes();
            tx.tables.remove(Table::State, seen);
        } else {
            let kind = Kind::from_number(number).ok_or_else(broken)?;
            let id = parts.id().ok_or_else(broken)?;
            expire(tx, kind, &id)?;
        }
        tx.tables.remove(Table::State, key.clone());
    }
    Ok(rows.len())
}

/// Removes what has expired, unless it was prolonged since this row was written.
fn expire(tx: &mut Tx<'_, '_>, kind: Kind, id: &Id) -> Run<()> {
    let now = tx.now;
    match kind {
        Kind::Session => {
            if let Some(session) = tx.reader().row::<Session>(id)?.filter(|session| session.expires <= now) {
                session::remove(tx, id, &session);
            }
        }
        Kind::Family => {
            if tx.reader().row::<Family>(id)?.is_some_and(|family| family.absolute <= now) {
                tx.remove(Kind::Family, id);
            }
        }
        Kind::SigningKey => {
            if tx.reader().row::<SigningKey>(id)?.is_some() {
                tx.remove(kind, id);
                tx.tell(What::KeyRetired, kind, id, None, Vec::new())?;
            }
        }
        Kind::JoinToken => {
            // One that was revoked and created again under its id has another time to end.
            if tx.reader().row::<JoinToken>(id)?.is_some_and(|token| token.expires <= now) {
                tx.remove(kind, id);
            }
        }
        Kind::Code | Kind::Answered | Kind::Denied => tx.remove(kind, id),
        other => return Err(Fault(format!("a {} does not expire", other.word())).into()),
    }
    Ok(())
}

/// Removes what hangs under deleted things or refers to them, then those themselves.
fn orphans(tx: &mut Tx<'_, '_>, limit: usize) -> Run<usize> {
    let mut done = 0;
    while done < limit {
        let (from, to) = Key::new(tx.instance, Space::Tombstone).range();
        let Some((stone, _)) = tx.reader().read.scan(Table::State, &from, &to, 1)?.pop() else { break };
        let (kind, id) = kind_and_id(&stone, 9)?;
        let under = Key::new(tx.instance, Space::Child).u16(kind.number()).id(&id);
        let about = Key::new(tx.instance, Space::Reference).u16(kind.number()).id(&id);
        let mut found = false;
        for prefix in [under, about] {
            let skip = prefix.clone().into_bytes().len();
            let (from, to) = prefix.range();
            for (row, _) in tx.reader().read.scan(Table::State, &from, &to, limit.saturating_sub(done))? {
                let (kind, id) = kind_and_id(&row, skip)?;
                orphan(tx, kind, &id)?;
                tx.tables.remove(Table::State, row);
                found = true;
                done += 1;
            }
        }
        if !found {
            tx.tables.remove(Table::State, stone);
            bury(tx, kind, &id)?;
            done += 1;
        }
    }
    Ok(done)
}

fn kind_and_id(key: &[u8], skip: usize) -> Result<(Kind, Id), Fault> {
    let broken = || Fault("an index row has another form".into());
    let mut parts = Parts::of(key.get(skip.saturating_sub(9)..).ok_or_else(broken)?).ok_or_else(broken)?;
    let kind = parts.u16().and_then(Kind::from_number).ok_or_else(broken)?;
    Ok((kind, parts.id().ok_or_else(broken)?))
}

/// Ends what lost its parent, or what it refers to.
struct Orphan<'x, 't, 'a>(&'x mut Tx<'t, 'a>, &'x Id);

impl ForResource for Orphan<'_, '_, '_> {
    type Out = Run<()>;
    fn run<T: Resource>(self) -> Run<()> {
        orphan_resource::<T>(self.0, self.1)
    }
}

fn orphan(tx: &mut Tx<'_, '_>, kind: Kind, id: &Id) -> Run<()> {
    if kind == Kind::Session {
        return match tx.reader().row::<Session>(id)? {
            Some(session) => session::end(tx, id, &session),
            None => Ok(()),
        };
    }
    dispatch(kind, Orphan(tx, id)).unwrap_or_else(|| {
        let word = kind.word();
        Err(Fault(format!("a {word} hangs under nothing")).into())
    })
}

/// A leaf goes at once; what may have children of its own waits for its turn.
fn orphan_resource<T: Resource>(tx: &mut Tx<'_, '_>, id: &Id) -> Run<()> {
    let Some(mut record) = raw::<T>(tx, id)? else { return Ok(()) };
    if record.state != State::Deleted {
        T::gone(tx, id)?;
    }
    if T::LEAF {
        return end(tx, &record);
    }
    if record.state != State::Deleted {
        record.state = State::Deleted;
        record.changed = tx.now;
        tx.put(&record);
        let key = Key::new(tx.instance, Space::Tombstone).u16(T::KIND.number()).id(id);
        tx.tables.put(Table::State, key.into_bytes(), Vec::new());
    }
    Ok(())
}

/// Removes the last rows of what was deleted and has nothing under it any more.
struct Bury<'x, 't, 'a>(&'x mut Tx<'t, 'a>, &'x Id);

impl ForResource for Bury<'_, '_, '_> {
    type Out = Run<()>;
    fn run<T: Resource>(self) -> Run<()> {
        match raw::<T>(self.0, self.1)? {
            Some(record) => end(self.0, &record),
            None => Ok(()),
        }
    }
}

fn bury(tx: &mut Tx<'_, '_>, kind: Kind, id: &Id) -> Run<()> {
    dispatch(kind, Bury(tx, id)).unwrap_or_else(|| Err(Refusal::Internal.into()))
}

fn end<T: Resource>(tx: &mut Tx<'_, '_>, record: &Record<T>) -> Run<()> {
    // What it was in may be gone before it: then it is told of where that was, if at all.
    let reader = tx.reader();
    let place = record.spec.under(&reader, &record.parent).and_then(|within| within.organization(&reader));
    let organization = match optional(place)? {
        Some(organization) => organization,
        None => optional(T::Parent::organization(&reader, &record.parent))?.flatten(),
    };
    change::remove(tx, record)?;
    Ok(tx.tell(What::Swept, T::KIND, &record.id, organization.as_ref(), Vec::new())?)
}

/// A record in whatever state.
fn raw<T: Resource>(tx: &Tx<'_, '_>, id: &Id) -> Run<Option<Record<T>>> {
    let key = record_key(tx.instance, T::KIND, id);
    let bytes = tx.reader().read.get(Table::State, &key)?;
    Ok(bytes.map(|bytes| decode_row(&bytes)).transpose()?)
}
