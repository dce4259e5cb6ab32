//! What is told about a person, in the claims' names (OpenID Connect Core §5.1; roles as `urn:zitadel:iam:…`).

use identity::grant::scope;
use identity::metadata;
use identity::organization::Organization;
use identity::reader::{Reader, Run};
use identity::record::Record;
use identity::token::claims::ProjectRoles;
use identity::user::{User, UserKind};
use serde_json::{Map, Value, json};

/// The claims of a user that the scopes ask for. Values of metadata stand in base64url without padding, as in ZITADEL.
pub fn of_user(reader: &Reader<'_>, user: &Record<User>, scopes: &[String]) -> Run<Map<String, Value>> {
    let mut claims = Map::new();
    let mut put = |name: &str, value: Value| {
        if !value.is_null() {
            claims.insert(name.to_owned(), value);
        }
    };
    match &user.spec.kind {
        UserKind::Human(profile) => {
            if scope::has(scopes, "profile") {
                put("name", json!(profile.shown_name()));
                put("given_name", json!(profile.given_name));
                put("family_name", json!(profile.family_name));
                put("nickname", json!(profile.nick_name));
                put("locale", json!(profile.language));
                put("preferred_username", json!(user.spec.username));
                put("updated_at", json!(user.changed.secs()));
            }
            if scope::has(scopes, "email")
                && let Some(email) = &profile.email
            {
                put("email", json!(email));
                put("email_verified", json!(profile.email_verified));
            }
        }
        UserKind::Service { name } => {
            if scope::has(scopes, "profile") {
                put("name", json!(name));
                put("preferred_username", json!(user.spec.username));
            }
        }
    }
    if scopes.iter().any(|scope| scope.starts_with(scope::DOMAIN_PREFIX)) {
        let organization = reader.live::<Organization>(&user.parent)?;
        put("urn:zitadel:iam:org:domain:primary", json!(organization.spec.domain));
    }
    if scope::has(scopes, scope::RESOURCE_OWNER) {
        let organization = reader.live::<Organization>(&user.parent)?;
        put("urn:zitadel:iam:user:resourceowner:id", json!(organization.id));
        put("urn:zitadel:iam:user:resourceowner:name", json!(organization.spec.name));
        put("urn:zitadel:iam:user:resourceowner:primary_domain", json!(organization.spec.domain));
    }
    if scope::has(scopes, scope::USER_METADATA) {
        let metadata = metadata::of_user(reader, &user.id)?;
        let claim: Map<String, Value> = metadata
            .iter()
            .map(|(key, value)| (key.to_string(), json!(crypto::b64url(value.as_bytes()))))
            .collect();
        // Nothing to tell is told by silence, as elsewhere.
        if !claim.is_empty() {
            put(scope::USER_METADATA, Value::Object(claim));
        }
    }
    Ok(claims)
}

/// Whether a claim tells roles.
pub fn is_role(name: &str) -> bool {
    name.starts_with("urn:zitadel:iam:org:project:") && name.ends_with("roles")
}

/// Role claims: `{"role": {"organization id": "its primary domain"}}`, for the application's own project under the
/// general name, and for each project under its own.
pub fn of_roles(own_project: &str, roles: &[ProjectRoles]) -> Map<String, Value> {
    let mut claims = Map::new();
    for project in roles {
        let mut by_key = Map::new();
        for (key, organizations) in &project.roles {
            let given: Map<String, Value> =
                organizations.iter().map(|(id, domain)| (id.to_string(), json!(domain))).collect();
            by_key.insert(key.clone(), Value::Object(given));
        }
        let by_key = Value::Object(by_key);
        if project.project.as_str() == own_project {
            claims.insert("urn:zitadel:iam:org:project:roles".into(), by_key.clone());
        }
        claims.insert(format!("urn:zitadel:iam:org:project:{}:roles", project.project), by_key);
    }
    claims
}
