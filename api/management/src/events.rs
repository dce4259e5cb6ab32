//! The audit trail, searched. `stream` follows it as it grows; `export` gives it as a file that proves itself.

use crate::answer::{self, Answer};
use crate::ask::Ask;
use crate::cursor;
use crate::error::Problem;
use crate::noun::{Named, Noun};
use crate::plain::blocking;
use crate::query::Params;
use crate::route::Route;
use axum::extract::RawQuery;
use axum::http::{Method, StatusCode};
use identity::audit::search::{self, Query};
use identity::audit::unseal::Persons;
use identity::audit::{Entry, Place, shown};
use identity::envelope::Subject;
use identity::event::What;
use identity::id::Id;
use identity::list::Direction;
use identity::record::Kind;
use identity::time::Timestamp;
use schemars::SchemaGenerator;
use serde_json::{Value, json};

/// What events can be narrowed by.
pub(crate) const FILTERS: &[(&str, &str)] = &[
    ("actor", "the id of the user or application that did it"),
    ("target", "the id of what it happened to"),
    ("kind", "the kind of what it happened to, such as project"),
    ("what", "what happened, such as created; several, separated by commas"),
    ("organization", "the id of the organization in which it happened"),
    ("since", "not before this moment (RFC 3339)"),
    ("until", "before this moment (RFC 3339)"),
    ("after", "behind the event of this id"),
    ("before", "before the event of this id"),
    ("order", "newest, which is the default, or oldest first"),
    ("limit", "how many at most: 1 to 1000, 50 unless said"),
    ("cursor", "where the page before said that the next one goes on"),
];

/// The routes of this file.
pub fn routes() -> Vec<Route> {
    let (ok, may) = (StatusCode::OK, "events.read");
    vec![
        Route::new(Method::GET, "/api/v1/events", list)
            .called("list_events", "events")
            .about("Lists what happened, as far as the caller may see it.", may)
            .query(FILTERS)
            .gives(ok, page),
        Route::new(Method::GET, "/api/v1/events/export", crate::export::exported)
            .called("export_events", "events")
            .about("The whole trail as NDJSON with a manifest: conclave audit verify proves it.", may)
            .query(&[("after", "behind the event of this id"), ("through", "up to the event of this id")])
            .streams("application/x-ndjson"),
        Route::new(Method::GET, "/api/v1/events/stream", crate::stream::follow)
            .called("stream_events", "events")
            .about("Follows what happens as server-sent events, from Last-Event-ID on or from now.", may)
            .query(crate::stream::FILTERS)
            .streams("text/event-stream"),
    ]
}

/// The route of one noun's history.
pub(crate) fn history_of<T: Noun>() -> Route {
    let word = T::KIND.word();
    let name = if T::UNDER {
        format!("{}_{word}", <T::Parent as identity::resource::Parent>::KIND.word())
    } else {
        word.into()
    };
    Route::new(Method::GET, format!("{}/history", crate::noun::item::<T>()), history::<T>)
        .called(format!("history_of_{name}"), crate::noun::plural(T::KIND))
        .about(format!("Lists what happened to one {}.", word.replace('_', " ")), "events.read")
        .query(FILTERS)
        .gives(StatusCode::OK, page)
}

pub(crate) fn wrong(name: &str, what: impl std::fmt::Display) -> Problem {
    Problem::new(StatusCode::BAD_REQUEST, "invalid_query", format!("{name}: {what}"))
}

/// What the parameters ask for.
pub(crate) fn query_of(params: &Params) -> Result<Query, Problem> {
    let id =
        |name: &str| params.get(name).map(|text| Id::parse(text).map_err(|no| wrong(name, no))).transpose();
    let moment = |name: &str| {
        params.get(name).map(|text| Timestamp::parse(text).map_err(|no| wrong(name, no))).transpose()
    };
    let place = |name: &str| {
        params.get(name).map(|text| Place::parse(text).map_err(|no| wrong(name, no))).transpose()
    };
    let direction = match params.get("order") {
        None | Some("newest") => Direction::Descending,
        Some("oldest") => Direction::Ascending,
        Some(_) => return Err(wrong("order", "newest or oldest")),
    };
    let mut query = Query::new(direction, params.limit()?);
    if let Some(actor) = id("actor")? {
        query.actors = vec![Subject::User(actor.clone()), Subject::Client(actor)];
    }
    for word in params.get("what").into_iter().flat_map(|words| words.split(',')) {
        let known = || What::ALL.iter().map(|what| what.word()).collect::<Vec<_>>().join(", ");
        query.what.push(What::from_word(word).ok_or_else(|| wrong("what", format!("one of {}", known())))?);
    }
    if let Some(word) = params.get("kind") {
        let known = || Kind::ALL.iter().map(|kind| kind.word()).collect::<Vec<_>>().join(", ");
        let kind = Kind::from_word(&word.replace('-', "_"));
        query.kind = Some(kind.ok_or_else(|| wrong("kind", format!("one of {}", known())))?);
    }
    (query.target, query.organization) = (id("target")?, id("organization")?);
    (query.since, query.until) = (moment("since")?, moment("until")?);
    if query.since.zip(query.until).is_some_and(|(since, until)| since >= until) {
        return Err(wrong("until", "it is behind since"));
    }
    (query.after, query.before) = (place("after")?, place("before")?);
    Ok(query)
}

async fn list(ask: Ask, RawQuery(query): RawQuery) -> Result<Answer, Problem> {
    let params = params(query.as_deref())?;
    let asked = query_of(&params)?;
    page_of(ask, &params, asked, "events").await
}

async fn history<T: Noun>(ask: Ask, at: crate::at::At, RawQuery(query): RawQuery) -> Result<Answer, Problem> {
    let params = params(query.as_deref())?;
    let mut asked = query_of(&params)?;
    let named = Named::of(at.id()?, at.second());
    let found = match named.find::<T>(&ask, &ask.eyes()) {
        Ok(record) => {
            search::require_history(&ask.reader(), &ask.eyes(), &record)?;
            Ok(record.id)
        }
        Err(problem) => Err(problem),
    };
    let (id, is_there) = match (found, named) {
        (Ok(id), _) => (id, true),
        // What was deleted has a history still, for whoever may see what happened there.
        (Err(problem), Named::Id(id)) if problem == Problem::not_found() => (id, false),
        (Err(problem), _) => return Err(problem),
    };
    (asked.kind, asked.target) = (Some(T::KIND), Some(id.clone()));
    let answer = page_of(ask, &params, asked, &format!("history {} {id}", T::KIND.word())).await?;
    // A page without events may be followed by others, which are not his to see either: that there are any is not told.
    let is_empty = answer.body["items"].as_array().is_none_or(Vec::is_empty);
    if is_there || !is_empty { Ok(answer) } else { Err(Problem::not_found()) }
}

/// The parameters of a list of events.
pub(crate) fn params(query: Option<&str>) -> Result<Params, Problem> {
    let known: Vec<&str> = FILTERS.iter().map(|(name, _)| *name).collect();
    Params::of(query, &known)
}

/// A page of events, under a name that tells lists apart.
pub(crate) async fn page_of(
    ask: Ask,
    params: &Params,
    mut asked: Query,
    list: &str,
) -> Result<Answer, Problem> {
    let name = FILTERS.iter().filter(|(name, _)| !["limit", "cursor"].contains(name));
    let name = name.fold(list.to_owned(), |list, (name, _)| {
        format!("{list} {name}={}", params.get(name).unwrap_or_default())
    });
    if let Some(text) = params.get("cursor") {
        let place = cursor::open(&ask, &name, text)?;
        let place = std::str::from_utf8(&place).ok().and_then(|text| Place::parse(text).ok());
        asked.cursor = Some(place.ok_or_else(|| wrong("cursor", "not of this list"))?);
    }
    let (ask, (items, next)) = blocking(ask, move |ask| {
        let page = search::page(&ask.reader(), &ask.eyes(), &asked)?;
        Ok((shown_to(ask, &page.found)?, page.next))
    })
    .await?;
    let mut body = json!({ "items": items });
    if let Some(place) = next {
        body["next"] = cursor::seal(&ask, &name, place.to_string().into_bytes())?.into();
    }
    Ok(answer::read(&ask.view, body))
}

/// Events as the caller may read them.
pub(crate) fn shown_to(ask: &Ask, found: &[Entry]) -> Result<Vec<Value>, Problem> {
    let eyes = ask.eyes();
    let persons = Persons::new(ask.reader(), &eyes, &ask.service.machine.keyring)?;
    Ok(found.iter().map(|entry| shown::event(entry, &persons)).collect::<Result<_, _>>()?)
}

fn event() -> Value {
    let text = json!({ "type": "string" });
    json!({
        "type": "object",
        "properties": {
            "id": text, "time": { "type": "string", "format": "date-time" }, "what": text, "sentence": text,
            "actor": { "type": "object", "properties": { "type": text, "id": text }, "required": ["type"] },
            "target": { "type": "object", "properties": { "kind": text, "id": text }, "required": ["kind", "id"] },
            "organization": text, "request": text,
            "changes": { "type": "array", "items": { "type": "object", "properties": { "field": text } } },
        },
        "required": ["id", "time", "what", "sentence", "actor", "target"],
    })
}

/// A page of events.
pub(crate) fn page(generator: &mut SchemaGenerator) -> Value {
    let reference = |name: &str| json!({ "$ref": format!("#/components/schemas/{name}") });
    let page = json!({
        "type": "object",
        "properties": { "items": { "type": "array", "items": reference("Event") }, "next": { "type": "string" } },
        "required": ["items"],
        "additionalProperties": false,
    });
    generator.definitions_mut().insert("Event".into(), event());
    generator.definitions_mut().insert("EventPage".into(), page);
    reference("EventPage")
}
