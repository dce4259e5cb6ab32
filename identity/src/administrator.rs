//! Administrators: who may govern what. One entry a user and place.

use crate::change;
use crate::credential;
use crate::credential::throttle::is_locked;
use crate::encoding::{self, Stored};
use crate::envelope::{Caller, Subject};
use crate::id::{Hash, Id, hex};
use crate::label::{Label, labels};
use crate::permission::roles::Level;
use crate::permission::{
    AdministratorRole, Area, ENTRIES_MAX, Verb, Within, covers, custom_role, entries, holds, path,
};
use crate::reader::{Names, Reader, Run, optional};
use crate::record::{Kind, Record, State};
use crate::refusal::Refusal;
use crate::resource::{Change, Indexes, Resource, Root};
use crate::several::Several;
use crate::tables::Fault;
use crate::tx::Tx;
use crate::user::User;
use minicbor::{Decode, Decoder, Encode, Encoder, decode, encode};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::fmt;

/// How many entries other organizations than his own may give a user: so many of [`ENTRIES_MAX`] are out of strangers' reach.
const ENTRIES_FROM_OUTSIDE_MAX: usize = ENTRIES_MAX / 2;

/// A user's administrator roles at one place.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Administrator {
    /// Who.
    #[n(0)]
    pub user: Id,
    /// Where.
    #[n(1)]
    pub within: Within,
    /// Which roles: 1 to 20 built-in ones that fit the place, and custom ones.
    #[n(2)]
    pub roles: Several<Held, 1, 20>,
}

/// A role that is held.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Held {
    /// A built-in one, by its name.
    Role(AdministratorRole),
    /// One that the instance has made, by its id.
    Custom(Id),
}

impl From<AdministratorRole> for Held {
    fn from(role: AdministratorRole) -> Held {
        Held::Role(role)
    }
}

impl fmt::Display for Held {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Held::Role(role) => f.write_str(role.name()),
            Held::Custom(id) => id.fmt(f),
        }
    }
}

impl<C> Encode<C> for Held {
    fn encode<W: encode::Write>(&self, e: &mut Encoder<W>, c: &mut C) -> Result<(), encode::Error<W::Error>> {
        match self {
            Held::Role(role) => role.encode(e, c),
            Held::Custom(id) => id.encode(e, c),
        }
    }
}

impl<'b, C> Decode<'b, C> for Held {
    fn decode(d: &mut Decoder<'b>, c: &mut C) -> Result<Self, decode::Error> {
        if d.datatype()? == minicbor::data::Type::String {
            return Id::decode(d, c).map(Held::Custom);
        }
        AdministratorRole::decode(d, c).map(Held::Role)
    }
}

impl Serialize for Held {
    fn serialize<S: serde::Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        s.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Held {
    fn deserialize<D: serde::Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        let id = Id::deserialize(d)?;
        Ok(AdministratorRole::from_name(id.as_str()).map_or(Held::Custom(id), Held::Role))
    }
}

impl JsonSchema for Held {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Held".into()
    }
    fn inline_schema() -> bool {
        true
    }
    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        let mut schema = crate::name::described(1, Id::MAX, "^[!-~]+$");
        let given = AdministratorRole::ALL.iter().filter(|role| role.level() != Level::System);
        let told =
            given.clone().map(|role| format!("{} ({:?}): {}", role.name(), role.level(), role.about()));
        let told: Vec<String> = told.collect();
        let names: Vec<&str> = given.map(|role| role.name()).collect();
        schema.insert("examples".into(), names.into());
        let text = format!("the id of a custom role, or the name of a built-in one: {}", told.join(" "));
        schema.insert("description".into(), text.into());
        schema
    }
}

impl Stored for Administrator {}

impl Administrator {
    /// Whether it makes its user an owner of the whole instance.
    pub fn owns_instance(&self) -> bool {
        self.within == Within::Instance && self.roles.contains(&AdministratorRole::IamOwner.into())
    }
}

impl Resource for Administrator {
    const KIND: Kind = Kind::Administrator;
    const AREA: Area = Area::OrganizationAdministrator;
    const AREAS: &'static [Area] = &[
        Area::InstanceAdministrator,
        Area::OrganizationAdministrator,
        Area::ProjectAdministrator,
        Area::ProjectGrantAdministrator,
    ];
    const REFERS: &'static [Kind] =
        &[Kind::User, Kind::Organization, Kind::Project, Kind::ProjectGrant, Kind::CustomRole];
    const LEAF: bool = true;
    const FIELDS: &'static [Label] = labels![Administrator: user, within, roles];
    const PLACED_BY: Option<&'static str> = Some("within");
    type Parent = Root;
    type Birth = ();

    fn area(&self) -> Area {
        match self.within {
            Within::Instance => Area::InstanceAdministrator,
            Within::Organization(_) => Area::OrganizationAdministrator,
            Within::Project(_) => Area::ProjectAdministrator,
            Within::ProjectGrant(_) => Area::ProjectGrantAdministrator,
        }
    }

    fn indexes(&self, to: &mut Indexes<'_>) {
        match &self.within {
            Within::Instance => to.refers(Kind::Instance, &Id::from_number(0)),
            Within::Organization(id) => to.refers(Kind::Organization, id),
            Within::Project(id) => to.refers(Kind::Project, id),
            Within::ProjectGrant(id) => to.refers(Kind::ProjectGrant, id),
        }
        for role in &self.roles {
            if let Held::Custom(id) = role {
                to.refers(Kind::CustomRole, id);
            }
        }
        to.unique(Names::Administrator, &name_at(&self.within, &self.user));
        to.refers(Kind::User, &self.user);
    }

    fn under(&self, _: &Reader<'_>, _: &Id) -> Run<Within> {
        Ok(self.within.clone())
    }

    fn check(change: &Change<'_, Self>) -> Run<()> {
        if let Some(after) = change.after {
            for role in &after.roles {
                let fits = match role {
                    Held::Role(role) => role.fits(&after.within),
                    Held::Custom(id) => custom_role::serves(&change.reader, id)?,
                };
                if !fits {
                    return Err(Refusal::RoleNotOfPlace.into());
                }
            }
            if change.before.is_some_and(|before| before.user != after.user) {
                return Err(Refusal::UserFixed.into());
            }
            if change.before.is_some_and(|before| before.within != after.within) {
                return Err(Refusal::WithinFixed.into());
            }
            let user = optional(change.reader.existing::<User>(&after.user))?.ok_or(Refusal::NoSuchUser)?;
            if user.state != State::Active {
                // Whose users these are not learns of nobody whether he is switched off.
                let home = Within::Organization(user.parent.clone());
                let is_home =
                    after.within == Within::Instance || path(&change.reader, &after.within)?.contains(&home);
                return Err(if is_home { Refusal::UserNotActive } else { Refusal::NoSuchUser }.into());
            }
            // Those that are switched off count too: `entries` looks at so many, and must see every one that serves.
            let is_new = !change.reader.is_taken::<Administrator>(change.id)?;
            let had = change.reader.referring(Kind::User, &after.user, Kind::Administrator, ENTRIES_MAX)?;
            require_all_of(&change.reader, change.caller, after)?;
            if is_new && had.len() >= ENTRIES_MAX {
                return Err(Refusal::LimitReached.into());
            }
            if is_new && is_crowded(&change.reader, after, &user.parent, &had)? {
                return Err(Refusal::TooManyFromOutside.into());
            }
        }
        // Who takes away what he lacks would make a stronger user one whose password he may set.
        if let Some(before) = change.before
            && optional(covers(&change.reader, change.caller, before))? == Some(false)
        {
            return Err(Refusal::ExceedsOwn.into());
        }
        let was = change.before.is_some_and(Administrator::owns_instance);
        let stays = change.after.is_some_and(Administrator::owns_instance);
        let is_his = |user: &Record<User>| change.before.is_some_and(|before| before.user == user.id);
        if was && !stays && !is_owned_without(&change.reader, is_his)? {
            return Err(Refusal::LastOwner.into());
        }
        Ok(())
    }
}

/// The name under which a user's entry at a place is unique.
pub(crate) fn name_at(within: &Within, user: &Id) -> String {
    // An id has no space in it.
    match within {
        Within::Instance => format!("instance {user}"),
        Within::Organization(id) => format!("organization {id} {user}"),
        Within::Project(id) => format!("project {id} {user}"),
        Within::ProjectGrant(id) => format!("project_grant {id} {user}"),
    }
}

/// Whether an entry comes from outside a user's organization, and others have given him as many as they may.
fn is_crowded(reader: &Reader<'_>, new: &Administrator, home: &Id, had: &[Id]) -> Run<bool> {
    let home = Within::Organization(home.clone());
    let is_outside = |entry: &Administrator| -> Run<bool> {
        if entry.within == Within::Instance {
            return Ok(false);
        }
        // What governs a deleted place counts until a sweep has removed it.
        Ok(optional(path(reader, &entry.within))?.is_none_or(|path| !path.contains(&home)))
    };
    if had.len() < ENTRIES_FROM_OUTSIDE_MAX || !is_outside(new)? {
        return Ok(false);
    }
    let mut outside = 0;
    for id in had {
        if let Some(record) = reader.find::<Administrator>(id)?
            && is_outside(&record.spec)?
        {
            outside += 1;
        }
    }
    Ok(outside >= ENTRIES_FROM_OUTSIDE_MAX)
}

/// Makes a user who has created something its owner, if he could not change it otherwise: who may only create things
/// owns those that he creates.
pub(crate) fn own(tx: &mut Tx<'_, '_>, area: Area, within: Within, role: AdministratorRole) -> Run<()> {
    let caller = tx.caller.clone();
    let Subject::User(user) = &caller.subject else { return Ok(()) };
    if holds(&tx.reader(), &caller, area, Verb::Write, &within)? {
        return Ok(());
    }
    // Those that are switched off count too, as in the entries' own check.
    let had = tx.reader().referring(Kind::User, user, Kind::Administrator, ENTRIES_MAX)?;
    if had.len() >= ENTRIES_MAX {
        return Err(Refusal::LimitReached.into());
    }
    // Nobody can have foreseen the request's id, and so nobody has put an entry of his own there.
    let text = encoding::encode(&(tx.request, user, &within));
    let id = Id::parse(&hex(&Hash::of(&text).0)).map_err(|_| Refusal::Internal)?;
    if tx.reader().is_taken::<Administrator>(&id)? {
        return Err(Refusal::AlreadyExists.into());
    }
    let spec = Administrator { user: user.clone(), within, roles: Several::one(role.into()) };
    let parent = Id::from_number(tx.instance.0);
    let (created, changed, state) = (tx.now, tx.now, State::Active);
    change::put_new(tx, &Record { id, parent, revision: 1, created, changed, state, spec })
}

/// Refuses a caller who lacks any permission that the entry gives.
fn require_all_of(reader: &Reader<'_>, caller: &Caller, entry: &Administrator) -> Run<()> {
    if covers(reader, caller, entry)? { Ok(()) } else { Err(Refusal::ExceedsOwn.into()) }
}

/// Refuses a caller who lacks any permission that a user holds: who sets his password or secret can act as him.
pub fn require_all_of_user(reader: &Reader<'_>, caller: &Caller, user: &Id) -> Run<()> {
    for entry in entries(reader, user)? {
        // What governs a deleted place governs nothing.
        if optional(covers(reader, caller, &entry))? == Some(false) {
            return Err(Refusal::ExceedsOwn.into());
        }
    }
    Ok(())
}

/// Refuses a caller who lacks any permission that somebody of an organization holds at the instance: what befalls the
/// organization befalls him.
pub fn require_all_of_home(reader: &Reader<'_>, caller: &Caller, organization: &Id) -> Run<()> {
    for id in of_instance(reader)? {
        if let Some(entry) = reader.find::<Administrator>(&id)?
            && entry.state == State::Active
            && reader.find::<User>(&entry.spec.user)?.is_some_and(|user| user.parent == *organization)
            && !covers(reader, caller, &entry.spec)?
        {
            return Err(Refusal::ExceedsOwn.into());
        }
    }
    Ok(())
}

/// Entries that are looked at for an owner of the instance.
const OWNERS_MAX: usize = 10_000;

/// The ids of the entries at the instance itself.
fn of_instance(reader: &Reader<'_>) -> Result<Vec<Id>, Fault> {
    reader.referring(Kind::Instance, &Id::from_number(0), Kind::Administrator, OWNERS_MAX)
}

/// Whether anybody was named as an owner of the instance, even one who is switched off by now.
pub fn has_owner(reader: &Reader<'_>) -> Run<bool> {
    for id in of_instance(reader)? {
        if reader.find::<Administrator>(&id)?.is_some_and(|entry| entry.spec.owns_instance()) {
            return Ok(true);
        }
    }
    Ok(false)
}

/// Whether anybody but those set apart owns the instance and can sign in: one who is locked, or has nothing to prove himself
/// by, can't.
pub fn is_owned_without(reader: &Reader<'_>, apart: impl Fn(&Record<User>) -> bool) -> Run<bool> {
    for id in of_instance(reader)? {
        if let Some(entry) = reader.find::<Administrator>(&id)?
            && entry.state == State::Active
            && entry.spec.owns_instance()
            && let Some(user) = optional(reader.live::<User>(&entry.spec.user))?
            && !apart(&user)
            && !is_locked(reader, &user.id)?
            && credential::has_any(reader, &user)?
        {
            return Ok(true);
        }
    }
    Ok(false)
}

/// Refuses if a user owns the instance and nobody else does who can sign in.
pub fn require_owner_besides(reader: &Reader<'_>, user: &Id) -> Run<()> {
    let owns = entries(reader, user)?.iter().any(Administrator::owns_instance);
    if owns && !is_owned_without(reader, |other| other.id == *user)? {
        return Err(Refusal::LastOwner.into());
    }
    Ok(())
}
