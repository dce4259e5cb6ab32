//! Credentials: what users and applications prove themselves by, and whether it still counts.

pub mod alive;
pub mod password;
pub mod personal_token;
pub mod secret;
pub mod service_key;
pub mod throttle;

use crate::reader::Reader;
use crate::record::Record;
use crate::setting;
use crate::setting::login::Login;
use crate::tables::Fault;
use crate::user::{User, UserKind};
use password::Password;
use secret::ClientSecret;

/// Whether a user has anything to prove himself by, and may. That he keeps it is his own to see to.
pub fn has_any(reader: &Reader<'_>, user: &Record<User>) -> Result<bool, Fault> {
    match user.spec.kind {
        UserKind::Human(_) => Ok(reader.row::<Password>(&user.id)?.is_some()
            && setting::effective::<Login>(reader, Some(&user.parent))?.0.password_allowed),
        UserKind::Service { .. } => Ok(reader.row::<ClientSecret>(&user.id)?.is_some()
            || personal_token::has_one(reader, &user.id)?
            || service_key::has_one(reader, &user.id)?),
    }
}
