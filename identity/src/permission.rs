//! Permissions: area × verb × where. One table says what each role may; nothing here has a wildcard arm.

use crate::administrator::Administrator;
use crate::envelope::{Caller, Subject, Via};
use crate::id::Id;
use crate::organization::Organization;
use crate::project::Project;
use crate::reader::{Reader, Run};
use crate::record::{Kind, State};
use crate::refusal::Refusal;
use minicbor::{Decode, Encode};
use serde::{Deserialize, Serialize};

/// What a permission is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Area {
    /// The instance itself and its domains.
    Instance,
    /// Organizations.
    Organization,
    /// Projects.
    Project,
    /// Roles of projects.
    Role,
    /// Applications of projects and their secrets.
    Application,
    /// Users: people and service accounts.
    User,
    /// Passwords and secrets of users.
    Credential,
    /// Who holds which roles of a project.
    Authorization,
    /// Administrators.
    Administrator,
    /// Sessions of others.
    Session,
    /// Lifetimes and other settings.
    Settings,
}

impl Area {
    /// Every area.
    pub const ALL: [Area; 11] = [
        Area::Instance,
        Area::Organization,
        Area::Project,
        Area::Role,
        Area::Application,
        Area::User,
        Area::Credential,
        Area::Authorization,
        Area::Administrator,
        Area::Session,
        Area::Settings,
    ];
}

/// What may be done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verb {
    /// See.
    Read,
    /// Create and change.
    Write,
    /// Delete.
    Delete,
}

/// Where something is.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Encode, Decode, Serialize, Deserialize)]
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
}

/// A role of an administrator (reference: ZITADEL's names).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Encode, Decode, Serialize, Deserialize)]
#[cbor(index_only)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum AdministratorRole {
    /// The whole instance.
    #[n(0)]
    IamOwner,
    /// One organization.
    #[n(1)]
    OrgOwner,
    /// One project.
    #[n(2)]
    ProjectOwner,
}

impl AdministratorRole {
    /// Whether the role may be held at such a place.
    pub fn fits(self, within: &Within) -> bool {
        match (self, within) {
            (AdministratorRole::IamOwner, Within::Instance)
            | (AdministratorRole::OrgOwner, Within::Organization(_))
            | (AdministratorRole::ProjectOwner, Within::Project(_)) => true,
            (AdministratorRole::IamOwner, Within::Organization(_) | Within::Project(_))
            | (AdministratorRole::OrgOwner, Within::Instance | Within::Project(_))
            | (AdministratorRole::ProjectOwner, Within::Instance | Within::Organization(_)) => false,
        }
    }

    /// Whether the role may do this at the place where it is held, and below.
    pub fn allows(self, area: Area, verb: Verb) -> bool {
        match self {
            AdministratorRole::IamOwner => true,
            AdministratorRole::OrgOwner => match (area, verb) {
                (Area::Instance | Area::Settings, Verb::Read | Verb::Write | Verb::Delete) => false,
                (
                    Area::Organization
                    | Area::Project
                    | Area::Role
                    | Area::Application
                    | Area::User
                    | Area::Credential
                    | Area::Authorization
                    | Area::Administrator
                    | Area::Session,
                    Verb::Read | Verb::Write | Verb::Delete,
                ) => true,
            },
            AdministratorRole::ProjectOwner => match (area, verb) {
                (
                    Area::Project
                    | Area::Role
                    | Area::Application
                    | Area::Authorization
                    | Area::Administrator,
                    Verb::Read | Verb::Write | Verb::Delete,
                ) => true,
                (
                    Area::Instance
                    | Area::Organization
                    | Area::User
                    | Area::Credential
                    | Area::Session
                    | Area::Settings,
                    Verb::Read | Verb::Write | Verb::Delete,
                ) => false,
            },
        }
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
    let user = match (&caller.subject, &caller.via) {
        (Subject::System | Subject::Operator, Via::System) => return Ok(true),
        (Subject::User(user), Via::Session(_) | Via::Service { .. }) => user,
        (Subject::User(user), Via::Family(_))
            if caller.scopes.iter().any(|scope| scope == MANAGEMENT_SCOPE) =>
        {
            user
        }
        (Subject::User(_), Via::Family(_) | Via::Login | Via::System | Via::Client { .. })
        | (
            Subject::System | Subject::Operator,
            Via::Login | Via::Session(_) | Via::Family(_) | Via::Client { .. } | Via::Service { .. },
        )
        | (Subject::Nobody | Subject::Client(_), _) => return Ok(false),
    };
    let path = path(reader, within)?;
    for entry in entries(reader, user)? {
        if path.contains(&entry.within) && entry.roles.iter().any(|role| role.allows(area, verb)) {
            return Ok(true);
        }
    }
    Ok(false)
}

/// A user's administrator entries.
pub fn entries(reader: &Reader<'_>, user: &Id) -> Run<Vec<Administrator>> {
    let mut entries = Vec::new();
    for id in reader.referring(Kind::User, user, Kind::Administrator, ENTRIES_MAX)? {
        if let Some(record) = reader.find::<Administrator>(&id)?
            && record.state == State::Active
        {
            entries.push(record.spec);
        }
    }
    Ok(entries)
}

/// The place and those above it, up to the instance. What is deleted has no place.
fn path(reader: &Reader<'_>, within: &Within) -> Run<Vec<Within>> {
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
    }
    Ok(path)
}
