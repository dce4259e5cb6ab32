//! Client secrets of applications and service accounts: one at a time, 256 random bits, stored as SHA-256.

use crate::administrator::require_all_of_user;
use crate::application::{Application, guard_own};
use crate::command::{Access, command};
use crate::encoding::{Stored, decode_row};
use crate::event::What;
use crate::id::{Hash, Id};
use crate::keys::{Key, Space};
use crate::permission::{Area, Verb};
use crate::reader::{Reader, Run};
use crate::record::{Kind, Row};
use crate::refusal::Refusal;
use crate::resource::{Parent, place};
use crate::tables::Table;
use crate::time::Timestamp;
use crate::tx::Tx;
use crate::user::{User, require_service_account};
use minicbor::{Decode, Encode};

/// The secret of an application or a service account.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct ClientSecret {
    /// Higher than that of every earlier secret of the instance. Tokens carry it: a new secret ends what the old one got.
    #[n(0)]
    pub generation: u32,
    /// SHA-256 of the secret.
    #[n(1)]
    pub hash: Hash,
    /// When it was set.
    #[n(2)]
    pub set: Timestamp,
}

impl Stored for ClientSecret {}
impl Row for ClientSecret {
    const KIND: Kind = Kind::ClientSecret;
}

/// Refuses any generation but the present one.
pub fn require_generation(reader: &Reader<'_>, owner: &Id, generation: u32) -> Run<()> {
    match reader.row::<ClientSecret>(owner)? {
        Some(secret) if secret.generation == generation => Ok(()),
        Some(_) | None => Err(Refusal::CallerNotAlive.into()),
    }
}

/// Gives an application a new secret; the old one ends at once.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct SetClientSecret {
    /// Which application.
    #[n(0)]
    pub application: Id,
    /// SHA-256 of the new secret.
    #[n(1)]
    pub hash: Hash,
}

fn access_to_application(command: &SetClientSecret, reader: &Reader<'_>) -> Run<Access> {
    let record = reader.existing::<Application>(&command.application)?;
    Ok(Access::Permission(Area::Application, Verb::Write, place(reader, &record)?))
}

command!(10 SetClientSecret -> u32, access_to_application, |self, tx| {
    let record = tx.reader().existing::<Application>(&self.application)?;
    if record.spec.is_public() {
        return Err(Refusal::PublicClient.into());
    }
    guard_own(&tx.reader(), &tx.caller, &record.parent)?;
    let organization = <Application as Parent>::organization(&tx.reader(), &record.id)?;
    set(tx, Kind::Application, &self.application, self.hash, organization)
});

/// Gives a service account a new secret; the old one ends at once.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct SetServiceSecret {
    /// Which service account.
    #[n(0)]
    pub user: Id,
    /// SHA-256 of the new secret.
    #[n(1)]
    pub hash: Hash,
}

fn access_to_service(command: &SetServiceSecret, reader: &Reader<'_>) -> Run<Access> {
    let record = reader.existing::<User>(&command.user)?;
    Ok(Access::Permission(Area::Credential, Verb::Write, place(reader, &record)?))
}

command!(11 SetServiceSecret -> u32, access_to_service, |self, tx| {
    let record = require_service_account(&tx.reader(), &self.user)?;
    require_all_of_user(&tx.reader(), &tx.caller, &self.user)?;
    set(tx, Kind::User, &self.user, self.hash, Some(record.parent))
});

fn set(tx: &mut Tx<'_, '_>, kind: Kind, owner: &Id, hash: Hash, organization: Option<Id>) -> Run<u32> {
    let generation = next_generation(tx)?;
    let set = tx.now;
    tx.put_row(owner, &ClientSecret { generation, hash, set });
    tx.tell(What::SecretSet, kind, owner, organization.as_ref(), Vec::new())?;
    Ok(generation)
}

/// One counter for the instance: an owner who is created again under the id of a deleted one never gets a generation
/// that the deleted one had, and so revives none of its tokens.
#[derive(Encode, Decode)]
struct Generations(#[n(0)] u32);

impl Stored for Generations {}

fn next_generation(tx: &mut Tx<'_, '_>) -> Run<u32> {
    const GENERATIONS: u16 = 3;
    let key = Key::new(tx.instance, Space::Counter).u16(GENERATIONS).into_bytes();
    let last = tx.reader().read.get(Table::State, &key)?;
    let last = last.map(|bytes| decode_row::<Generations>(&bytes)).transpose()?.map_or(0, |last| last.0);
    let next = last.checked_add(1).ok_or(Refusal::LimitReached)?;
    tx.put_raw(key, &Generations(next));
    Ok(next)
}
