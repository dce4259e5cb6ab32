//! Whether a caller's credential is alive at this position: the check that no endpoint can forget.

use crate::application::Application;
use crate::credential::{personal_token, secret, service_key};
use crate::envelope::{Caller, Source, Subject, Via};
use crate::id::{Hash, Id};
use crate::reader::{No, Reader, Run};
use crate::refusal::Refusal;
use crate::session;
use crate::token::{deny, family};
use crate::user::User;

/// Refuses a caller whose credential, user, organization, project or instance no longer serves.
pub fn check(reader: &Reader<'_>, caller: &Caller) -> Run<()> {
    let alive = match (&caller.subject, &caller.via) {
        (Subject::System | Subject::Operator, Via::System) | (Subject::Nobody, Via::Login) => return Ok(()),
        (Subject::User(user), Via::Session(session)) => session_of(reader, user, session),
        (Subject::User(user), Via::Access { token, source }) => {
            access_token(reader, user, *token, source, &caller.scopes)
        }
        (Subject::User(user), Via::PersonalToken(token)) => personal(reader, user, token),
        (Subject::Client(id), Via::Client { application, generation }) if id == application => {
            client(reader, application, *generation)
        }
        (Subject::User(user), Via::Service { generation }) => service(reader, user, *generation),
        (
            Subject::System | Subject::Operator,
            Via::Login
            | Via::Session(_)
            | Via::Access { .. }
            | Via::Client { .. }
            | Via::Service { .. }
            | Via::PersonalToken(_),
        )
        | (
            Subject::Nobody,
            Via::System
            | Via::Session(_)
            | Via::Access { .. }
            | Via::Client { .. }
            | Via::Service { .. }
            | Via::PersonalToken(_),
        )
        | (Subject::User(_), Via::System | Via::Login | Via::Client { .. })
        | (
            Subject::Client(_),
            Via::System | Via::Login | Via::Session(_) | Via::Access { .. } | Via::Client { .. },
        )
        | (Subject::Client(_), Via::Service { .. } | Via::PersonalToken(_)) => {
            Err(Refusal::CallerNotAlive.into())
        }
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

fn access_token(reader: &Reader<'_>, user: &Id, token: Hash, source: &Source, scopes: &[String]) -> Run<()> {
    if deny::is_denied(reader, token)? {
        return Err(Refusal::CallerNotAlive.into());
    }
    match source {
        Source::Family(family) => family_of(reader, user, family, scopes),
        Source::Service { generation } => service(reader, user, *generation),
        Source::Key { key, jwk } => service_key::require(reader, user, key, jwk),
    }
}

fn personal(reader: &Reader<'_>, user: &Id, token: &Id) -> Run<()> {
    if personal_token::owner(reader, token)? == *user { Ok(()) } else { Err(Refusal::CallerNotAlive.into()) }
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
