//! Keys of roles as grants and authorizations hold them: whether they still stand for the roles that were given.

use crate::id::Id;
use crate::project::role::{Role, RoleKey};
use crate::reader::{Names, Reader, Run};
use crate::time::Timestamp;

/// Whether a project has such a role.
pub fn has_role(reader: &Reader<'_>, project: &Id, role: &RoleKey) -> Run<bool> {
    Ok(reader.named(Names::RoleKey, &format!("{project} {role}"))?.is_some())
}

/// Whether a project has this very role since a moment. A role that is younger is another one under the same key: who was
/// given the former does not hold it.
pub fn has_had_role(reader: &Reader<'_>, project: &Id, role: &RoleKey, since: Timestamp) -> Run<bool> {
    let Some(id) = reader.named(Names::RoleKey, &format!("{project} {role}"))? else { return Ok(false) };
    Ok(reader.find::<Role>(&id)?.is_some_and(|role| role.created <= since))
}

/// Roles of which something holds the keys and that it gives to nobody.
pub const LAPSED: (&str, &str) = (
    "lapsed",
    r#"{"type": "array", "items": {"type": "string"}, "description": "Those of the roles that give nothing: the role was deleted, or made anew under its key since, or is not in the grant, or came into it later. Written once more, a role that is there counts again: in the grant first, then in the authorization."}"#,
);

/// [`LAPSED`] as it is told.
pub fn told(lapsed: &[&RoleKey]) -> serde_json::Value {
    lapsed.iter().map(|role| role.as_str()).collect()
}
