//! Settings: what an administrator decides for an instance, and what an organization decides otherwise for itself.
//!
//! ```text
//! what the organization has set → else what the instance has set → else the default
//! ```
//! A setting is one file and a line in the table. Setting, resetting, inheritance, events with what changed and the end
//! with an organization stand here once. Whoever obeys a setting asks [`effective`] at that moment: nothing is copied.

pub mod domain;
pub mod lockout;
pub mod login;
pub mod password_complexity;

use crate::administrator::require_all_of_home;
use crate::change::differing;
use crate::command::{Access, Command};
use crate::encoding::{decode_row, encode};
use crate::event::{Field, Value, What};
use crate::id::{Hash, Id, InstanceId, SYSTEM};
use crate::keys::{Key, Space};
use crate::label::Label;
use crate::organization::Organization;
use crate::permission::{Area, Verb, Within};
use crate::reader::{Reader, Run};
use crate::record::{Kind, Row};
use crate::refusal::Refusal;
use crate::see::Eyes;
use crate::tables::{Fault, Table};
use crate::tx::Tx;
use minicbor::{Decode, Encode};
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::marker::PhantomData;

/// Hands the table to a macro, which gets lines of: number, kind, its name in paths, type. Numbers are never reused.
#[macro_export]
macro_rules! settings {
    ($with:ident) => {
        $with! {
            14 Lifetimes "lifetimes" $crate::instance::lifetimes::Lifetimes;
            33 PasswordComplexity "password-complexity" $crate::setting::password_complexity::PasswordComplexity;
            34 Lockout "lockout" $crate::setting::lockout::Lockout;
            35 Login "login" $crate::setting::login::Login;
            36 DomainSettings "domain" $crate::setting::domain::DomainSettings;
        }
    };
}

/// A setting.
pub trait Setting:
    Row + Default + Clone + PartialEq + Serialize + DeserializeOwned + Send + Sync + 'static
{
    /// Its name in paths.
    const NAME: &'static str;
    /// Whether an organization may decide otherwise than its instance.
    const PER_ORGANIZATION: bool;
    /// Whether only who governs the settings of the instance decides otherwise for an organization.
    const INSTANCE_DECIDES: bool = false;
    /// Whether it may keep people from signing in: then nobody sets it for those who govern more than he does.
    const SHUTS_OUT: bool = false;
    /// Its values in the order of their numbers.
    const FIELDS: &'static [Label];

    /// Refuses values beyond their limits, or that contradict each other.
    fn check(&self) -> Result<(), Unsound>;
}

/// What is wrong with the values of a setting.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Unsound {
    /// Which value.
    pub field: &'static str,
    /// What it should be.
    pub reason: &'static str,
}

/// The first of some rules that does not hold: each with a field, and what that should be.
pub(crate) fn first_broken(rules: &[(bool, &'static str, &'static str)]) -> Result<(), Unsound> {
    match rules.iter().find(|(holds, ..)| !holds) {
        Some((_, field, reason)) => Err(Unsound { field, reason }),
        None => Ok(()),
    }
}

/// Where a value in force comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum From {
    /// Nobody has set it.
    Default,
    /// The instance.
    Instance,
    /// The organization itself.
    Organization,
}

/// The value in force in an organization, or for the instance if `None` is given, and where it comes from. What can't be
/// set for an organization is the instance's everywhere.
pub fn effective<T: Setting>(reader: &Reader<'_>, organization: Option<&Id>) -> Result<(T, From), Fault> {
    if let Some(organization) = organization.filter(|_| T::PER_ORGANIZATION)
        && let Some(value) = own(reader, Some(organization))?
    {
        return Ok((value, From::Organization));
    }
    Ok(match own(reader, None)? {
        Some(value) => (value, From::Instance),
        None => (T::default(), From::Default),
    })
}

/// What tells values from others, where resources have a revision: 1 to 15 digits, which every reader of JSON can hold.
pub fn tag<T: Setting>(value: &T) -> u64 {
    let [a, b, c, d, e, f, g, h, ..] = Hash::of(&encode(value)).0;
    u64::from_be_bytes([a, b, c, d, e, f, g, h]) % 1_000_000_000_000_000
}

/// The permission area and the place of an organization's settings, or of the instance's: asked to read and to write.
pub fn place(organization: Option<&Id>) -> (Area, Within) {
    match organization {
        Some(organization) => (Area::Settings, Within::Organization(organization.clone())),
        None => (Area::InstanceSettings, Within::Instance),
    }
}

/// The same for a caller. Refused: one who may not read settings there.
pub fn seen<T: Setting>(reader: &Reader<'_>, eyes: &Eyes<'_>, organization: Option<&Id>) -> Run<(T, From)> {
    let (area, within) = place(organization);
    if !eyes.may_read(area, &within)? {
        return Err(Refusal::NotPermitted.into());
    }
    Ok(effective(reader, organization)?)
}

/// Sets a setting for an organization, or for the instance: from now on it inherits nothing. Refused: unsound values,
/// an organization's own where only the instance decides.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct Set<T> {
    /// The organization; none for the instance.
    #[n(0)]
    pub within: Option<Id>,
    /// All its values.
    #[n(1)]
    pub value: T,
    /// The tag of the values in force that the caller has read; `None` to overwrite whatever is there.
    #[n(2)]
    pub expected: Option<u64>,
}

/// Forgets what an organization, or the instance, has set: it inherits again.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode)]
pub struct Reset<T> {
    /// The organization; none for the instance.
    #[n(0)]
    pub within: Option<Id>,
    /// As in [`Set`].
    #[n(1)]
    pub expected: Option<u64>,
    /// Which setting.
    #[cbor(skip)]
    pub of: PhantomData<T>,
}

const fn number(kind: Kind, verb: u16) -> u16 {
    0x3000 + (kind as u16) * 8 + verb
}

impl<T: Setting> Command for Set<T> {
    const NUMBER: u16 = number(T::KIND, 0);
    const NAME: &'static str = "SetSetting";
    type Reply = ();

    fn access(&self, reader: &Reader<'_>) -> Run<Access> {
        access::<T>(reader, self.within.as_ref())
    }

    fn run(self, tx: &mut Tx<'_, '_>) -> Run<()> {
        // Whoever asks over HTTP was told before which value it is.
        self.value.check().map_err(|_| Refusal::InvalidSpec)?;
        let within = self.within.as_ref();
        require_all_concerned::<T>(tx, within)?;
        let before = own::<T>(&tx.reader(), within)?;
        // What is as it is asked to be was set before, perhaps by this request.
        if before.as_ref() == Some(&self.value) {
            return Ok(());
        }
        require_expected::<T>(tx, within, self.expected)?;
        tx.put_raw(key(tx.instance, T::KIND, within), &self.value);
        tell(tx, What::Changed, within, (before.as_ref(), Some(&self.value)))
    }
}

impl<T: Setting> Command for Reset<T> {
    const NUMBER: u16 = number(T::KIND, 1);
    const NAME: &'static str = "ResetSetting";
    type Reply = ();

    fn access(&self, reader: &Reader<'_>) -> Run<Access> {
        access::<T>(reader, self.within.as_ref())
    }

    fn run(self, tx: &mut Tx<'_, '_>) -> Run<()> {
        let within = self.within.as_ref();
        require_all_concerned::<T>(tx, within)?;
        require_expected::<T>(tx, within, self.expected)?;
        let Some(before) = own::<T>(&tx.reader(), within)? else { return Ok(()) };
        tx.tables.remove(Table::State, key(tx.instance, T::KIND, within));
        tell(tx, What::Deleted, within, (Some(&before), None))
    }
}

fn access<T: Setting>(reader: &Reader<'_>, within: Option<&Id>) -> Run<Access> {
    // The system has no people, and so nothing to set.
    if reader.instance == SYSTEM || (within.is_some() && !T::PER_ORGANIZATION) {
        return Err(Refusal::NotFound.into());
    }
    if let Some(organization) = within {
        reader.existing::<Organization>(organization)?;
    }
    let (area, within) = if T::INSTANCE_DECIDES { place(None) } else { place(within) };
    Ok(Access::Permission(area, Verb::Write, within))
}

fn require_expected<T: Setting>(tx: &Tx<'_, '_>, within: Option<&Id>, expected: Option<u64>) -> Run<()> {
    match expected {
        Some(expected) if expected != tag(&effective::<T>(&tx.reader(), within)?.0) => {
            Err(Refusal::RevisionChanged.into())
        }
        Some(_) | None => Ok(()),
    }
}

fn require_all_concerned<T: Setting>(tx: &Tx<'_, '_>, within: Option<&Id>) -> Run<()> {
    match within.filter(|_| T::SHUTS_OUT) {
        Some(organization) => require_all_of_home(&tx.reader(), &tx.caller, organization),
        None => Ok(()),
    }
}

/// What an organization, or the instance, has set itself.
fn own<T: Setting>(reader: &Reader<'_>, within: Option<&Id>) -> Result<Option<T>, Fault> {
    let row = reader.read.get(Table::State, &key(reader.instance, T::KIND, within))?;
    row.map(|bytes| decode_row(&bytes)).transpose()
}

/// An organization's value stands under its id. The instance's stands under no id at all, so that it collides with none:
/// ids are the callers' choice, and none of them is empty.
fn key(instance: InstanceId, kind: Kind, within: Option<&Id>) -> Vec<u8> {
    let key = Key::new(instance, Space::Record).u16(kind.number());
    key.text(within.map_or("", Id::as_str)).into_bytes()
}

fn tell<T: Setting>(
    tx: &mut Tx<'_, '_>,
    what: What,
    within: Option<&Id>,
    (before, after): (Option<&T>, Option<&T>),
) -> Run<()> {
    let value = |bytes: Option<Vec<u8>>| bytes.map(|bytes| Value::plain(&bytes));
    let fields = differing(before, after).into_iter().map(|(number, before, after)| Field {
        number,
        before: value(before),
        after: value(after),
    });
    let target = within.cloned().unwrap_or_else(|| Id::from_number(tx.instance.0));
    Ok(tx.tell(what, T::KIND, &target, within, fields.collect::<Vec<_>>())?)
}

/// Removes whatever a deleted organization has set: another one may get its id.
pub(crate) fn gone(tx: &mut Tx<'_, '_>, organization: &Id) -> Run<()> {
    for kind in KINDS {
        let key = key(tx.instance, *kind, Some(organization));
        // Only what is there: a version that knows more settings must write the same as one that does not.
        if tx.reader().read.get(Table::State, &key)?.is_some() {
            tx.tables.remove(Table::State, key);
        }
    }
    Ok(())
}

macro_rules! kinds {
    ($($number:literal $name:ident $word:literal $type:ty;)*) => {
        /// The kinds of all settings.
        pub const KINDS: &[Kind] = &[$(Kind::$name),*];

        $(const _: () = assert!(
            Kind::$name as u16 == $number && <$type as Row>::KIND as u16 == $number,
            "the table, the kind and the type have one number"
        );)*
    };
}
settings!(kinds);

/// What is to be done for a setting whose type is known by its name only.
pub trait ForSetting {
    /// What comes of it.
    type Out;
    /// Does it.
    fn run<T: Setting>(self) -> Self::Out;
}

macro_rules! dispatch {
    ($($number:literal $name:ident $word:literal $type:ty;)*) => {
        /// The names of all settings, in the order of their numbers.
        pub const NAMES: &[&str] = &[$($word),*];

        /// The values of a setting; `None` for what is no setting.
        pub fn fields(kind: Kind) -> Option<&'static [Label]> {
            $(if kind == Kind::$name { return Some(<$type>::FIELDS); })*
            None
        }

        /// Does something for the setting of a name; `None` for what is no setting.
        pub fn dispatch<F: ForSetting>(name: &str, what: F) -> Option<F::Out> {
            $(if name == $word { return Some(what.run::<$type>()); })*
            None
        }
    };
}
settings!(dispatch);
