//! Opening personal values of events: a port, because a file is checked where there are no keys.

use crate::audit::{Place, seal_context};
use crate::event::Event;
use crate::id::{Id, SYSTEM};
use crate::instance::Instance;
use crate::keyring::Keyring;
use crate::permission::{Area, Within};
use crate::reader::{Reader, Run};
use crate::see::Eyes;
use crate::user::person::NewKey;
use std::cell::RefCell;
use std::collections::BTreeMap;
use std::sync::Arc;

/// A sealed value, as far as it can be read.
pub enum Unsealed {
    /// Its bytes.
    Open(crypto::Secret<Vec<u8>>),
    /// The person's key is gone, and the value with it.
    Erased,
    /// It stays closed here.
    Closed,
}

/// A sealed value in its place.
pub struct Sealed<'e> {
    /// In which event.
    pub event: &'e Event,
    /// Where the event stands.
    pub place: Place,
    /// The number of the field.
    pub field: u16,
    /// 0 before the change, 1 after it.
    pub side: u8,
    /// The sealed bytes.
    pub bytes: &'e [u8],
}

/// Opens sealed values, or does not.
pub trait Unseal {
    /// What can be read of a value.
    fn unseal(&self, sealed: &Sealed<'_>) -> Run<Unsealed>;
}

/// Opens nothing.
pub struct Closed;

impl Unseal for Closed {
    fn unseal(&self, _: &Sealed<'_>) -> Run<Unsealed> {
        Ok(Unsealed::Closed)
    }
}

/// Opens what belongs to people whom the caller may read, with their keys; remembers the keys.
pub struct Persons<'a> {
    reader: Reader<'a>,
    eyes: &'a Eyes<'a>,
    key: Option<Arc<crypto::InstanceKey>>,
    known: RefCell<BTreeMap<Id, Option<crypto::PersonKey>>>,
}

/// How many keys are remembered; beyond, all are dropped and unwrapped again when needed.
const KNOWN_MAX: usize = 1_000;

impl<'a> Persons<'a> {
    /// Opens with the keys of the reader's instance, also while the instance is switched off.
    pub fn new(reader: Reader<'a>, eyes: &'a Eyes<'a>, keyring: &Keyring) -> Run<Persons<'a>> {
        let instance = reader.of(SYSTEM).find::<Instance>(&Id::from_number(reader.instance.0))?;
        let key =
            instance.map(|record| keyring.instance(reader.instance, &record.spec.data_key)).transpose()?;
        Ok(Persons { reader, eyes, key, known: RefCell::default() })
    }

    fn may_read(&self, event: &Event) -> Run<bool> {
        if self.eyes.may_read(Area::User, &Within::Instance)? {
            return Ok(true);
        }
        match &event.organization {
            Some(organization) => self.eyes.may_read(Area::User, &Within::Organization(organization.clone())),
            None => Ok(false),
        }
    }

    fn key_of(&self, person: &Id) -> Run<Option<crypto::PersonKey>> {
        if let Some(known) = self.known.borrow().get(person) {
            return Ok(known.clone());
        }
        let wrapped = self.reader.row::<NewKey>(person)?;
        let key = match (&self.key, wrapped) {
            (Some(key), Some(wrapped)) => key.unwrap_person(person.as_str(), &wrapped.wrapped).ok(),
            (None, _) | (_, None) => None,
        };
        let mut known = self.known.borrow_mut();
        if known.len() >= KNOWN_MAX {
            known.clear();
        }
        known.insert(person.clone(), key.clone());
        Ok(key)
    }
}

impl Unseal for Persons<'_> {
    fn unseal(&self, sealed: &Sealed<'_>) -> Run<Unsealed> {
        if !self.may_read(sealed.event)? {
            return Ok(Unsealed::Closed);
        }
        let Some(key) = self.key_of(sealed.event.person())? else { return Ok(Unsealed::Erased) };
        let context = seal_context(self.reader.instance, sealed.place, sealed.field, sealed.side);
        // Another person has the id by now, and a key of his own.
        Ok(key.open(&context, sealed.bytes).map_or(Unsealed::Erased, Unsealed::Open))
    }
}
