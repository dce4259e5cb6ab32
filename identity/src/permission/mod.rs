//! Permissions: area × verb × where. One table says what each role may; nothing here has a wildcard arm.

pub mod area;
pub mod custom_role;
pub mod roles;

use crate::administrator::{Administrator, Held, name_at};
use crate::envelope::{Caller, Subject, Via};
use crate::id::Id;
use crate::organization::Organization;
use crate::project::Project;
use crate::project::grant::ProjectGrant;
use crate::reader::{Names, Reader, Run};
use crate::record::{Kind, State};
use crate::refusal::Refusal;
use minicbor::{Decode, Encode};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;

pub use area::{Area, Permission, Verb};
pub use custom_role::CustomRole;
pub use roles::AdministratorRole;

/// Where something is.
#[derive(
    Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Encode, Decode, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum Within {
    /// Directly under the instance.
    #[n(0)]
    Instance,
    /// In an organization.
    #[n(1)]
    Organization(#[n(0)] Id),
    /// In a project, and so in its organization.
    #[n(2)]
    Project(#[n(0)] Id),
    /// In what an organization does with a project that was granted to it.
    #[n(3)]
    ProjectGrant(#[n(0)] Id),
}

impl Within {
    /// The organization that it is, or is in. What is deleted is refused as not found.
    pub fn organization(&self, reader: &Reader<'_>) -> Run<Option<Id>> {
        Ok(path(reader, self)?.into_iter().find_map(|within| match within {
            Within::Organization(id) => Some(id),
            Within::Instance | Within::Project(_) | Within::ProjectGrant(_) => None,
        }))
    }
}

/// The scope without which an access token opens no management endpoint.
pub const MANAGEMENT_SCOPE: &str = "urn:zitadel:iam:org:project:id:zitadel:aud";

/// How many administrator entries one user may have.
pub const ENTRIES_MAX: usize = 200;

/// Refuses a caller who may not do this there.
pub fn require(reader: &Reader<'_>, caller: &Caller, area: Area, verb: Verb, within: &Within) -> Run<()> {
    if holds(reader, caller, area, verb, within)? { Ok(()) } else { Err(Refusal::NotPermitted.into()) }
}

/// Whether a caller may do this there. His credential is taken to be alive.
pub fn holds(reader: &Reader<'_>, caller: &Caller, area: Area, verb: Verb, within: &Within) -> Run<bool> {
    match governor(caller) {
        Governor::Anyone => Ok(true),
        Governor::Nobody => Ok(false),
        Governor::User(user) => {
            for within in path(reader, within)? {
                if let Some(entry) = entry_at(reader, user, &within)?
                    && allows(reader, &entry, area, verb)?
                {
                    return Ok(true);
                }
            }
            Ok(false)
        }
    }
}

/// By whose entries a caller governs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Governor<'c> {
    /// By nobody's: the cluster itself, and whoever runs it, may do anything.
    Anyone,
    /// A user's.
    User(&'c Id),
    /// It governs nothing.
    Nobody,
}

/// By whose entries a caller governs: a token governs only if it was issued for management.
pub fn governor(caller: &Caller) -> Governor<'_> {
    match (&caller.subject, &caller.via) {
        (Subject::System | Subject::Operator, Via::System) => Governor::Anyone,
        (Subject::User(user), Via::Session(_) | Via::Service { .. } | Via::PersonalToken(_)) => {
            Governor::User(user)
        }
        (Subject::User(user), Via::Access { .. })
            if caller.scopes.iter().any(|scope| scope == MANAGEMENT_SCOPE) =>
        {
            Governor::User(user)
        }
        (Subject::User(_), Via::Access { .. } | Via::Login | Via::System | Via::Client { .. })
        | (
            Subject::System | Subject::Operator,
            Via::Login
            | Via::Session(_)
            | Via::Access { .. }
            | Via::Client { .. }
            | Via::Service { .. }
            | Via::PersonalToken(_),
        )
        | (Subject::Nobody | Subject::Client(_), _) => Governor::Nobody,
    }
}

/// Whether an entry allows this at its place and below.
pub fn allows(reader: &Reader<'_>, entry: &Administrator, area: Area, verb: Verb) -> Run<bool> {
    for held in &entry.roles {
        let allowed = match held {
            Held::Role(role) => role.allows(area, verb),
            // A role that was deleted or switched off gives nothing.
            Held::Custom(id) => reader
                .find::<CustomRole>(id)?
                .is_some_and(|role| role.state == State::Active && role.spec.allows(area, verb)),
        };
        if allowed {
            return Ok(true);
        }
    }
    Ok(false)
}

/// Whether a caller may do all that an entry gives. A place that is deleted is refused as not found.
pub fn covers(reader: &Reader<'_>, caller: &Caller, entry: &Administrator) -> Run<bool> {
    let user = match governor(caller) {
        Governor::Anyone => return Ok(true),
        Governor::Nobody => None,
        Governor::User(user) => Some(user),
    };
    let mut lacking = given_by(reader, entry)?;
    for within in path(reader, &entry.within)? {
        if let Some(user) = user
            && let Some(held) = entry_at(reader, user, &within)?
        {
            let given = given_by(reader, &held)?;
            lacking.retain(|permission| !given.contains(permission));
        }
    }
    Ok(lacking.is_empty())
}

/// All that an entry gives at its place.
fn given_by(reader: &Reader<'_>, entry: &Administrator) -> Run<BTreeSet<Permission>> {
    let mut given = BTreeSet::new();
    for held in &entry.roles {
        match held {
            Held::Role(role) => given.extend(role.permissions()),
            Held::Custom(id) => {
                if let Some(role) = reader.find::<CustomRole>(id)?.filter(|role| role.state == State::Active)
                {
                    given.extend(role.spec.permissions);
                }
            }
        }
    }
    Ok(given)
}

/// A user's administrator entry at a place, if it serves: however many others he has, it is found by its name.
fn entry_at(reader: &Reader<'_>, user: &Id, within: &Within) -> Run<Option<Administrator>> {
    let Some(id) = reader.named(Names::Administrator, &name_at(within, user))? else { return Ok(None) };
    let record = reader.find::<Administrator>(&id)?.filter(|record| record.state == State::Active);
    // An index row that was left behind must make nobody of another's entry.
    Ok(record.map(|record| record.spec).filter(|entry| entry.user == *user && entry.within == *within))
}

/// A user's administrator entries.
pub fn entries(reader: &Reader<'_>, user: &Id) -> Run<Vec<Administrator>> {
    let mut entries = Vec::new();
    for id in reader.referring(Kind::User, user, Kind::Administrator, ENTRIES_MAX)? {
        if let Some(record) = reader.find::<Administrator>(&id)?
            && record.state == State::Active
            // An index row that was left behind must make nobody of another's entry.
            && record.spec.user == *user
        {
            entries.push(record.spec);
        }
    }
    Ok(entries)
}

/// The place and those above it, up to the instance. What is deleted has no place.
pub fn path(reader: &Reader<'_>, within: &Within) -> Run<Vec<Within>> {
    let mut path = vec![within.clone(), Within::Instance];
    match within {
        Within::Instance => {}
        Within::Organization(organization) => {
            reader.find::<Organization>(organization)?.ok_or(Refusal::NotFound)?;
        }
        Within::Project(project) => {
            let project = reader.find::<Project>(project)?.ok_or(Refusal::NotFound)?;
            reader.find::<Organization>(&project.parent)?.ok_or(Refusal::NotFound)?;
            path.push(Within::Organization(project.parent));
        }
        // What hangs under a grant belongs to the organization that received it.
        Within::ProjectGrant(grant) => {
            let grant = reader.find::<ProjectGrant>(grant)?.ok_or(Refusal::NotFound)?;
            reader.find::<Organization>(&grant.spec.organization)?.ok_or(Refusal::NotFound)?;
            path.push(Within::Organization(grant.spec.organization));
        }
    }
    Ok(path)
}
