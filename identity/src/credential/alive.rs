//! Whether a caller's credential is alive at this position: the check that no endpoint can forget.

use crate::application::Application;
use crate::credential::secret;
use crate::envelope::{Caller, Subject, Via};
use crate::id::Id;
use crate::reader::{No, Reader, Run};
use crate::refusal::Refusal;
use crate::session;
use crate::token::family;
use crate::user::User;

/// Refuses a caller whose credential, user, organization, project or instance no longer serves.
pub fn check(reader: &Reader<'_>, caller: &Caller) -> Run<()> {
    let alive = match (&caller.subject, &caller.via) {
        (Subject::System | Subject::Operator, Via::System) | (Subject::Nobody, Via::Login) => return Ok(()),
        (Subject::User(user), Via::Session(session)) => session_of(reader, user, session),
        (Subject::User(user), Via::Family(id)) => family_of(reader, user, id, &caller.scopes),
        (Subject::Client(id), Via::Client { application, generation }) if id == application => {
            client(reader, application, *generation)
        }
        (Subject::User(user), Via::Service { generation }) => service(reader, user, *generation),
        (
            Subject::System | Subject::Operator,
            Via::Login | Via::Session(_) | Via::Family(_) | Via::Client { .. } | Via::Service { .. },
        )
        | (
            Subject::Nobody,
            Via::System | Via::Session(_) | Via::Family(_) | Via::Client { .. } | Via::Service { .. },
        )
        | (Subject::User(_), Via::System | Via::Login | Via::Client { .. })
        | (
            Subject::Client(_),
            Via::System | Via::Login | Via::Session(_) | Via::Family(_) | Via::Client { .. },
        )
        | (Subject::Client(_), Via::Service { .. }) => Err(Refusal::CallerNotAlive.into()),
    };
    alive.map_err(|no| match no {
        No::Refused(_) => Refusal::CallerNotAlive.into(),
        fault @ No::Fault(_) => fault,
    })
}

fn session_of(reader: &Reader<'_>, user: &Id, id: &Id) -> Run<()> {
    let session = session::live(reader, id)?;
    if session.user == *user { Ok(()) } else { Err(Refusal::CallerNotAlive.into()) }
}

fn family_of(reader: &Reader<'_>, user: &Id, id: &Id, scopes: &[String]) -> Run<()> {
    let family = family::live(reader, id)?;
    let granted = scopes.iter().all(|scope| family.scopes.contains(scope));
    if family.user == *user && granted { Ok(()) } else { Err(Refusal::CallerNotAlive.into()) }
}

fn client(reader: &Reader<'_>, application: &Id, generation: Option<u32>) -> Run<()> {
    let record = reader.live::<Application>(application)?;
    match generation {
        Some(generation) if !record.spec.is_public() => {
            secret::require_generation(reader, application, generation)
        }
        None if record.spec.is_public() => Ok(()),
        Some(_) | None => Err(Refusal::CallerNotAlive.into()),
    }
}

fn service(reader: &Reader<'_>, user: &Id, generation: u32) -> Run<()> {
    reader.live::<User>(user)?;
    secret::require_generation(reader, user, generation)
}
