//! Sessions of users: seen and ended by those who may.

use crate::answer::{self, Answer};
use crate::ask::Ask;
use crate::at::At;
use crate::error::Problem;
use crate::place::hidden;
use crate::query::{LIMIT_MAX, Params};
use crate::route::Route;
use axum::extract::RawQuery;
use axum::http::{Method, StatusCode};
use identity::id::Id;
use identity::session::{self, EndSessionOf, Session};
use identity::user::User;
use schemars::SchemaGenerator;
use serde_json::{Value, json};

/// The routes of this file.
pub fn routes() -> Vec<Route> {
    let ok = StatusCode::OK;
    vec![
        Route::new(Method::GET, "/api/v1/users/{id}/sessions", list)
            .called("list_sessions", "sessions")
            .about("Lists the sessions of a user that count.", "session.read")
            .query(&[("limit", "how many at most: 1 to 1000, 50 unless said")])
            .gives(ok, page),
        Route::new(Method::GET, "/api/v1/sessions/{id}", get)
            .called("get_session", "sessions")
            .about("Shows one session.", "session.read")
            .gives(ok, schema),
        Route::new(Method::DELETE, "/api/v1/sessions/{id}", end)
            .called("end_session", "sessions")
            .about("Ends one session and the tokens that came of it.", "session.delete"),
    ]
}

async fn list(ask: Ask, at: At, RawQuery(query): RawQuery) -> Result<Answer, Problem> {
    let limit = Params::of(query.as_deref(), &["limit"])?.limit()?;
    let (eyes, reader) = (ask.eyes(), ask.reader());
    let user = eyes.find::<User>(&at.id()?)?;
    let found = session::of_user(&reader, &eyes, &user, LIMIT_MAX)?;
    let items: Vec<Value> = found.iter().take(limit).map(|(id, session)| shown(id, session)).collect();
    Ok(answer::read(&ask.view, json!({ "items": items })))
}

/// A session that the caller sees.
fn found(ask: &Ask, at: &At) -> Result<(Id, Session), Problem> {
    let id = at.id()?;
    let session = session::seen(&ask.reader(), &ask.eyes(), &id)?;
    Ok((id, session))
}

async fn get(ask: Ask, at: At) -> Result<Answer, Problem> {
    let (id, session) = found(&ask, &at)?;
    Ok(answer::read(&ask.view, shown(&id, &session)))
}

async fn end(ask: Ask, at: At) -> Result<Answer, Problem> {
    ask.require_no_tag()?;
    let done = match found(&ask, &at) {
        Ok((session, _)) => ask.submit(&EndSessionOf { session }, b"").await?,
        // It may have ended because this very request was sent before: the log knows.
        Err(problem) if problem == Problem::not_found() && ask.is_repeatable() => {
            ask.submit(&EndSessionOf { session: at.id()? }, b"").await.map_err(hidden)?
        }
        Err(problem) => return Err(problem),
    };
    Ok(answer::nothing(done.position))
}

fn shown(id: &Id, session: &Session) -> Value {
    json!({
        "id": id,
        "user": session.user,
        "organization": session.organization,
        "started": session.started,
        "authenticated": session.authenticated,
        "expires": session.expires,
    })
}

fn schema(_: &mut SchemaGenerator) -> Value {
    let moment = json!({ "type": "string", "format": "date-time" });
    json!({
        "type": "object",
        "properties": {
            "id": { "type": "string" }, "user": { "type": "string" }, "organization": { "type": "string" },
            "started": moment, "authenticated": moment, "expires": moment,
        },
        "required": ["id", "user", "organization", "started", "authenticated", "expires"],
        "additionalProperties": false,
    })
}

fn page(generator: &mut SchemaGenerator) -> Value {
    let item = schema(generator);
    json!({
        "type": "object",
        "properties": { "items": { "type": "array", "items": item } },
        "required": ["items"],
        "additionalProperties": false,
    })
}
