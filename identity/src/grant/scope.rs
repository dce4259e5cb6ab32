//! Scopes: which an application may ask for, and which of them it gets.

use crate::encoding::Invalid;
use crate::permission::MANAGEMENT_SCOPE;

/// Without it there is no ID token and no userinfo.
pub const OPENID: &str = "openid";
/// Asks for a refresh token.
pub const OFFLINE_ACCESS: &str = "offline_access";
/// Asks for the roles of a project: `urn:zitadel:iam:org:project:role:{key}`.
pub const ROLE_PREFIX: &str = "urn:zitadel:iam:org:project:role:";
/// Asks for the roles of all projects of the audience.
pub const ALL_ROLES: &str = "urn:zitadel:iam:org:projects:roles";
/// Adds a project to the audience: `urn:zitadel:iam:org:project:id:{id}:aud`.
pub const AUDIENCE_PREFIX: &str = "urn:zitadel:iam:org:project:id:";
/// Requires membership of an organization: `urn:zitadel:iam:org:id:{id}`.
pub const ORGANIZATION_PREFIX: &str = "urn:zitadel:iam:org:id:";
/// Requires membership of an organization: `urn:zitadel:iam:org:domain:primary:{domain}`.
pub const DOMAIN_PREFIX: &str = "urn:zitadel:iam:org:domain:primary:";
/// Asks for the user's organization.
pub const RESOURCE_OWNER: &str = "urn:zitadel:iam:user:resourceowner";

/// Asks for the user's metadata.
pub const USER_METADATA: &str = "urn:zitadel:iam:user:metadata";

/// How many scopes a request may name.
pub const SCOPES_MAX: usize = 50;
/// How long one may be, in bytes.
pub const SCOPE_MAX: usize = 300;

/// The scopes of a request, in its order, those that mean nothing here dropped (RFC 6749 §3.3), none twice.
pub fn parse(text: &str) -> Result<Vec<String>, Invalid> {
    let mut scopes: Vec<String> = Vec::new();
    for scope in text.split(' ').filter(|scope| !scope.is_empty()) {
        let plain = scope.bytes().all(|b| matches!(b, 0x21 | 0x23..=0x5b | 0x5d..=0x7e));
        if !plain || scope.len() > SCOPE_MAX || scopes.len() >= SCOPES_MAX {
            return Err(Invalid(
                "a scope is printable ASCII without quotes and backslashes; at most 50, of 300 bytes",
            ));
        }
        if is_known(scope) && !scopes.iter().any(|had| had == scope) {
            scopes.push(scope.to_owned());
        }
    }
    Ok(scopes)
}

fn is_known(scope: &str) -> bool {
    matches!(
        scope,
        OPENID
            | OFFLINE_ACCESS
            | "profile"
            | "email"
            | ALL_ROLES
            | RESOURCE_OWNER
            | USER_METADATA
            | MANAGEMENT_SCOPE
    ) || scope.starts_with(ROLE_PREFIX)
        || scope.starts_with(ORGANIZATION_PREFIX)
        || scope.starts_with(DOMAIN_PREFIX)
        || audience_of(scope).is_some()
}

/// The project that a scope adds to the audience.
pub fn audience_of(scope: &str) -> Option<&str> {
    scope.strip_prefix(AUDIENCE_PREFIX)?.strip_suffix(":aud").filter(|id| !id.is_empty())
}

/// Whether `scopes` holds `scope`.
pub fn has(scopes: &[String], scope: &str) -> bool {
    scopes.iter().any(|held| held == scope)
}
