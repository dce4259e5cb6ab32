//! Whether an access token still counts: its signature says who made it, only the tables say whether it lives.

use crate::application::{Application, ApplicationKind};
use crate::credential::{secret, service_key};
use crate::envelope::Source;
use crate::id::{Hash, Id};
use crate::reader::{Reader, Run};
use crate::record::Record;
use crate::refusal::Refusal;
use crate::time::Timestamp;
use crate::token::{deny, family};
use crate::user::User;

/// What a verified access token says about itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Bearer {
    /// The user it stands for.
    pub subject: Id,
    /// Its own id.
    pub jti: String,
    /// When it expires.
    pub expires: Timestamp,
    /// What it hangs on.
    pub source: Source,
}

/// The user of a token that counts. Refused: expired, revoked, or anything it hangs on no longer serves.
pub fn bearer(reader: &Reader<'_>, token: &Bearer) -> Run<Record<User>> {
    if token.expires <= reader.now || deny::is_denied(reader, Hash::of(token.jti.as_bytes()))? {
        return Err(Refusal::FamilyNotAlive.into());
    }
    match &token.source {
        Source::Family(id) => {
            let family = family::live(reader, id)?;
            if family.user != token.subject {
                return Err(Refusal::FamilyNotAlive.into());
            }
        }
        Source::Service { generation } => secret::require_generation(reader, &token.subject, *generation)?,
        Source::Key { key, jwk } => service_key::require(reader, &token.subject, key, jwk)?,
    }
    reader.live::<User>(&token.subject)
}

/// Whether an application may learn what a token says: it was issued to it, or its project is meant by it.
pub fn may_introspect(application: &Record<Application>, client: &str, audience: &[String]) -> bool {
    let id = application.id.as_str();
    let in_project = application.spec.kind == ApplicationKind::Api
        && audience.iter().any(|audience| audience == application.parent.as_str());
    client == id || in_project
}
