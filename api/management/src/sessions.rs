//! Sessions of users: seen and ended by those who may.

use crate::answer::{self, Answer};
use crate::ask::Ask;
use crate::at::At;
use crate::cursor;
use crate::error::Problem;
use crate::place::hidden;
use crate::plain::{OF_LISTS, blocking};
use crate::query::Params;
use crate::route::Route;
use axum::extract::RawQuery;
use axum::http::{Method, StatusCode};
use identity::id::Id;
use identity::session::{self, EndSessionOf, Session};
use identity::user::User;
use schemars::SchemaGenerator;
use serde_json::{Value, json};

/// The parameters of the list.
const PAGING: &[(&str, &str)] = OF_LISTS.split_at(2).0;

/// The routes of this file.
pub fn routes() -> Vec<Route> {
    let ok = StatusCode::OK;
    vec![
        Route::new(Method::GET, "/api/v1/users/{id}/sessions", list)
            .called("list_sessions", "sessions")
            .about("Lists the sessions of a user that count.", "session.read")
            .query(PAGING)
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
    let params = Params::of(query.as_deref(), &["limit", "cursor"])?;
    let limit = params.limit()?;
    let user = ask.eyes().find::<User>(&at.id()?)?;
    let name = format!("sessions {}", user.id);
    let after = params.get("cursor").map(|text| after(&ask, &name, text)).transpose()?;
    let (ask, page) =
        blocking(ask, move |ask| Ok(session::of_user(&ask.reader(), &ask.eyes(), &user, after, limit)?))
            .await?;
    let items: Vec<Value> = page.found.iter().map(|(id, session)| shown(id, session)).collect();
    let mut body = json!({ "items": items });
    if let Some(id) = page.next {
        body["next"] = cursor::seal(&ask, &name, id.as_str().as_bytes().to_vec())?.into();
    }
    Ok(answer::read(&ask.view, body))
}

/// Behind which session a page begins.
fn after(ask: &Ask, name: &str, text: &str) -> Result<Id, Problem> {
    let place = cursor::open(ask, name, text)?;
    std::str::from_utf8(&place).ok().and_then(|text| Id::parse(text).ok()).ok_or_else(cursor::invalid)
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
        "properties": { "items": { "type": "array", "items": item }, "next": { "type": "string" } },
        "required": ["items"],
        "additionalProperties": false,
    })
}
