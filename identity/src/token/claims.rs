//! What tokens say about a person: pure look-ups. Names of claims and their JSON are the wire's business.

use crate::application::Application;
use crate::authorization;
use crate::grant::scope;
use crate::id::Id;
use crate::name::HostName;
use crate::organization::Organization;
use crate::permission::MANAGEMENT_SCOPE;
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
        for project in audience(reader, application, scopes) {
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
    let wanted = asked_audience(reader, scopes).into_iter().map(|project| (project, all)).collect();
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

/// The projects that an access token is meant for: the application's own and those of its scopes.
pub fn audience(reader: &Reader<'_>, application: &Record<Application>, scopes: &[String]) -> Vec<Id> {
    let mut projects = vec![application.parent.clone()];
    for id in asked_audience(reader, scopes) {
        if !projects.contains(&id) {
            projects.push(id);
        }
    }
    projects
}

/// The projects that scopes add to an audience: those that serve in this instance, whatever else a text may say.
pub fn asked_audience(reader: &Reader<'_>, scopes: &[String]) -> Vec<Id> {
    // The instance's own project goes by the name that applications know from elsewhere.
    let named = |scope: &String| match scope.as_str() {
        MANAGEMENT_SCOPE => Some(OWN_PROJECT.to_owned()),
        other => scope::audience_of(other).map(str::to_owned),
    };
    let ids = scopes.iter().filter_map(named).filter_map(|id| Id::parse(&id).ok());
    ids.filter(|id| reader.live::<Project>(id).is_ok()).collect()
}
