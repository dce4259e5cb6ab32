//! What tokens say about a person: pure look-ups. Names of claims and their JSON are the wire's business.

use crate::application::Application;
use crate::authorization;
use crate::grant::scope;
use crate::id::Id;
use crate::name::HostName;
use crate::organization::Organization;
use crate::permission::MANAGEMENT_SCOPE;
use crate::project::grant::{self, ProjectGrant};
use crate::project::{OWN_PROJECT, Project};
use crate::reader::{Reader, Run, optional};
use crate::record::Record;
use crate::user::User;
use std::collections::BTreeMap;

/// The roles of a person in one project.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ProjectRoles {
    /// The project.
    pub project: Id,
    /// The roles by their keys, in order: each with the organizations that give it, and their primary domains.
    pub roles: BTreeMap<String, Vec<(Id, HostName)>>,
}

/// The roles that belong into the tokens of an application, by its settings, its project's and the scopes.
pub fn roles(
    reader: &Reader<'_>,
    application: &Record<Application>,
    asserted: Asserted,
    user: &Record<User>,
    scopes: &[String],
) -> Run<Vec<ProjectRoles>> {
    let own = reader.live::<Project>(&application.parent)?;
    let mut wanted = Wanted::new();
    if asserted == Asserted::Yes || own.spec.role_assertion {
        wanted.insert(own.id.clone(), true);
    } else if !by_key(scopes).is_empty() {
        wanted.insert(own.id.clone(), false);
    }
    if scope::has(scopes, scope::ALL_ROLES) {
        for project in audience(reader, application, scopes)? {
            wanted.insert(project, true);
        }
    }
    held(reader, wanted, user, scopes)
}

/// The roles that belong into the tokens of a service account, which hang on no application: those of the projects that
/// its scopes name, all of them or by their keys, if it asks for any.
pub fn roles_of_service(
    reader: &Reader<'_>,
    account: &Record<User>,
    scopes: &[String],
) -> Run<Vec<ProjectRoles>> {
    let all = scope::has(scopes, scope::ALL_ROLES);
    if !all && by_key(scopes).is_empty() {
        return Ok(Vec::new());
    }
    let wanted =
        audience_of_service(reader, account, scopes)?.into_iter().map(|project| (project, all)).collect();
    held(reader, wanted, account, scopes)
}

/// Projects, and whether all of their roles are wanted, or those of the scopes only.
type Wanted = BTreeMap<Id, bool>;

/// The role keys that scopes ask for.
fn by_key(scopes: &[String]) -> Vec<&str> {
    scopes.iter().filter_map(|scope| scope.strip_prefix(scope::ROLE_PREFIX)).collect()
}

fn held(
    reader: &Reader<'_>,
    wanted: Wanted,
    user: &Record<User>,
    scopes: &[String],
) -> Run<Vec<ProjectRoles>> {
    let by_key = by_key(scopes);
    let mut found = Vec::new();
    for (project, all) in wanted {
        let Some(record) = optional(reader.live::<Project>(&project))? else { continue };
        let mut roles: BTreeMap<String, Vec<(Id, HostName)>> = BTreeMap::new();
        for (organization, key) in authorization::roles(reader, &record, user)? {
            if all || by_key.contains(&key.as_str()) {
                let domain = reader.live::<Organization>(&organization)?.spec.domain;
                roles.entry(key.as_str().to_owned()).or_default().push((organization, domain));
            }
        }
        if !roles.is_empty() {
            found.push(ProjectRoles { project, roles });
        }
    }
    Ok(found)
}

/// Whether the application's own settings put roles into this kind of token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Asserted {
    /// They do.
    Yes,
    /// Only by project setting or scope.
    No,
}

/// The projects that an access token is meant for: the application's own, and those of its scopes that its organization
/// owns or was granted. A token for other people's project is nothing that an application of a stranger gets by asking.
pub fn audience(reader: &Reader<'_>, application: &Record<Application>, scopes: &[String]) -> Run<Vec<Id>> {
    let own = reader.live::<Project>(&application.parent)?;
    let mut projects = vec![own.id];
    for project in asked(reader, scopes)? {
        if !projects.contains(&project.id) && is_open_to(reader, &project, &own.parent)? {
            projects.push(project.id);
        }
    }
    Ok(projects)
}

/// The same for a service account: of the projects of its scopes, those that its organization owns or was granted, and those
/// in which it holds a role.
pub fn audience_of_service(reader: &Reader<'_>, account: &Record<User>, scopes: &[String]) -> Run<Vec<Id>> {
    let mut projects = Vec::new();
    for project in asked(reader, scopes)? {
        let is_meant = is_open_to(reader, &project, &account.parent)?
            || !authorization::roles(reader, &project, account)?.is_empty();
        if is_meant && !projects.contains(&project.id) {
            projects.push(project.id);
        }
    }
    Ok(projects)
}

/// The projects that scopes name: those that serve in this instance, whatever else a text may say.
fn asked(reader: &Reader<'_>, scopes: &[String]) -> Run<Vec<Record<Project>>> {
    // The instance's own project goes by the name that applications know from elsewhere.
    let named = |scope: &String| match scope.as_str() {
        MANAGEMENT_SCOPE => Some(OWN_PROJECT.to_owned()),
        other => scope::audience_of(other).filter(|id| *id != OWN_PROJECT).map(str::to_owned),
    };
    let ids = scopes.iter().filter_map(named).filter_map(|id| Id::parse(&id).ok());
    let mut found = Vec::new();
    for id in ids {
        found.extend(optional(reader.live::<Project>(&id))?);
    }
    Ok(found)
}

/// Whether the applications and programs of an organization may get tokens for a project. Who gets one for the instance's own
/// was decided when its scope was granted.
fn is_open_to(reader: &Reader<'_>, project: &Record<Project>, organization: &Id) -> Run<bool> {
    if project.id.as_str() == OWN_PROJECT || project.parent == *organization {
        return Ok(true);
    }
    match grant::of(reader, &project.id, organization)? {
        Some(grant) => Ok(optional(reader.live::<ProjectGrant>(&grant))?.is_some()),
        None => Ok(false),
    }
}
