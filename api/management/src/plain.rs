//! The handlers of every plain resource: list, create, get, replace, patch, delete, switch on and off.

use crate::answer::{self, Answer};
use crate::ask::Ask;
use crate::at::At;
use crate::condition;
use crate::cursor;
use crate::error::Problem;
use crate::events;
use crate::form::{merge, object, parent_word, shown, take_common, take_id, typed, values};
use crate::noun::{self, Born, Named, Noun, Shown, already_done, new_id, plural};
use crate::place::{self, hidden, nowhere, sees_parent};
use crate::query::Params;
use crate::route::Route;
use crate::schema;
use api_core::{Service, View};
use axum::body::Bytes;
use axum::extract::RawQuery;
use axum::extract::rejection::BytesRejection;
use axum::handler::Handler;
use axum::http::{HeaderMap, Method, StatusCode};
use identity::change::{Create, Delete, Saved, SetState, Update};
use identity::id::Id;
use identity::list::{Direction, Query, Sort, condition::Condition, condition::Test, list as page_of};
use identity::record::{Record, State};
use identity::refusal::Refusal;
use identity::resource::{Parent, is_part};
use identity::see::Eyes;
use serde_json::{Map, Value, json};
use std::marker::PhantomData;

/// The parameters of a list.
pub(crate) const OF_LISTS: &[(&str, &str)] = &[
    ("limit", "how many at most: 1 to 1000, 50 unless said"),
    ("cursor", "where the page before said that the next one goes on"),
    ("sort", "an attribute, or one with a minus before it for the other way; what lacks it is left out"),
    ("filter", "a filter as in SCIM, such as: name co \"shop\" and state eq \"active\""),
];

/// The routes of a noun.
pub fn routes<T: Noun>() -> Vec<Route> {
    if T::OF_SYSTEM {
        return Vec::new();
    }
    let (collection, item) = (noun::collection::<T>(), noun::item::<T>());
    let (word, group) = (T::KIND.word(), plural(T::KIND));
    let named = word.replace('_', " ");
    let route = |method: Method, tail: &str, verb: &str, summary: &str, may: &str| Place {
        method,
        path: format!("{}{tail}", if ["create", "list"].contains(&verb) { &collection } else { &item }),
        operation: format!(
            "{verb}_{}",
            if T::UNDER { format!("{}_{word}", T::Parent::KIND.word()) } else { word.into() }
        ),
        summary: summary.replace("{}", &named),
        permission: format!("{}.{}", permissions::<T>(), needed::<T>(may)),
        group,
    };
    let ok = StatusCode::OK;
    vec![
        route(Method::GET, "", "list", "Lists each {} that the caller sees.", "read")
            .of(list::<T>)
            .query(OF_LISTS)
            .gives(ok, schema::page::<T>),
        route(Method::POST, "", "create", "Creates one {}.", "create")
            .of(create::<T>)
            .takes(schema::create::<T>)
            .gives(StatusCode::CREATED, schema::made::<T>),
        route(Method::GET, "", "get", "Shows one {}.", "read").of(read::<T>).gives(ok, schema::shown::<T>),
        route(Method::PUT, "", "replace", "Replaces all values of one {}.", "write")
            .of(replace::<T>)
            .takes(schema::replace::<T>)
            .gives(ok, schema::shown::<T>),
        route(Method::PATCH, "", "update", "Changes some values of one {} (RFC 7396).", "write")
            .of(patch::<T>)
            .takes(schema::patch::<T>)
            .gives(ok, schema::shown::<T>),
        route(Method::DELETE, "", "delete", "Deletes one {}, with what hangs under it.", "delete")
            .of(delete::<T>),
        route(Method::POST, "/activate", "activate", "Switches one {} on.", "write")
            .of(activate::<T>)
            .gives(ok, schema::shown::<T>),
        route(Method::POST, "/deactivate", "deactivate", "Switches one {} off.", "write")
            .of(deactivate::<T>)
            .gives(ok, schema::shown::<T>),
        events::history_of::<T>(),
    ]
}

/// A route of a noun before its handler is known.
struct Place {
    method: Method,
    path: String,
    operation: String,
    summary: String,
    permission: String,
    group: &'static str,
}

impl Place {
    fn of<H: Handler<A, Service>, A: 'static>(self, handler: H) -> Route {
        Route::new(self.method, self.path, handler)
            .called(self.operation, self.group)
            .about(self.summary, self.permission)
    }
}

/// The area that a noun's permissions are in; those of administrators depend on where.
fn permissions<T: Noun>() -> &'static str {
    T::AREA.word()
}

/// The verb of the permission for a route: what is a part of its parent is made and deleted by who may write that.
fn needed<T: Noun>(may: &str) -> &str {
    match may {
        "create" | "delete" if is_part::<T>() => "write",
        may => may,
    }
}

type Body = Result<Bytes, BytesRejection>;

fn named(at: &At) -> Result<Named, Problem> {
    Ok(Named::of(at.id()?, at.second()))
}

/// A page of what the caller sees.
async fn list<T: Noun>(ask: Ask, at: At, RawQuery(query): RawQuery) -> Result<Answer, Problem> {
    let params = Params::of(query.as_deref(), &["limit", "cursor", "sort", "filter"])?;
    let sort = sort_of::<T>(params.get("sort"))?;
    let filter = params.get("filter").map(condition::parse::<T>).transpose()?;
    let parent = at.parent()?;
    if let Some(parent) = &parent
        && !sees_parent::<T>(&ask, parent)?
    {
        return Err(Problem::not_found());
    }
    let under = parent.as_ref().map(|parent| Condition::Test(Test::Parent(parent.clone())));
    let parts: Vec<Condition> = under.into_iter().chain(filter).collect();
    let name = format!(
        "{} {} {} {}",
        T::KIND.word(),
        parent.as_ref().map(Id::as_str).unwrap_or_default(),
        params.get("sort").unwrap_or_default(),
        params.get("filter").unwrap_or_default()
    );
    let after = params.get("cursor").map(|text| cursor::open(&ask, &name, text)).transpose()?;
    let query = Query {
        condition: (!parts.is_empty()).then_some(Condition::All(parts)),
        sort,
        after: after.unwrap_or_default(),
        limit: params.limit()?,
    };
    // A page may read a few thousand rows.
    let (ask, page) = blocking(ask, move |ask| {
        let page = page_of::<T>(&ask.reader(), &ask.eyes(), &query)?;
        let items: Vec<Value> =
            page.found.iter().map(|record| shown(&ask.reader(), record)).collect::<Result<_, _>>()?;
        Ok((items, page.next))
    })
    .await?;
    let (items, next) = page;
    let mut body = json!({ "items": items });
    if let Some(place) = next {
        body["next"] = cursor::seal(&ask, &name, place)?.into();
    }
    Ok(answer::read(&ask.view, body))
}

/// Runs a read that is longer than a few look-ups off the async threads.
pub(crate) async fn blocking<R: Send + 'static>(
    ask: Ask,
    read: impl FnOnce(&Ask) -> Result<R, Problem> + Send + 'static,
) -> Result<(Ask, R), Problem> {
    let ran = tokio::task::spawn_blocking(move || read(&ask).map(|result| (ask, result))).await;
    ran.map_err(crate::error::internal)?
}

fn sort_of<T: Noun>(text: Option<&str>) -> Result<Sort, Problem> {
    let Some(text) = text else {
        return Ok(Sort { field: None, direction: Direction::Ascending });
    };
    let (name, direction) = match text.strip_prefix('-') {
        Some(name) => (name, Direction::Descending),
        None => (text, Direction::Ascending),
    };
    if name == "id" {
        return Ok(Sort { field: None, direction });
    }
    if let Some(field) = T::SEARCH.iter().find(|field| **field == name) {
        return Ok(Sort { field: Some(field), direction });
    }
    let known = [&["id"], T::SEARCH].concat().join(", ");
    let title = format!("{name} can't be sorted by; these can: {known}");
    Err(Problem::new(StatusCode::BAD_REQUEST, "invalid_sort", title))
}

async fn create<T: Noun>(ask: Ask, at: At, headers: HeaderMap, body: Body) -> Result<Answer, Problem> {
    let body = body?;
    let members = object(&headers, &body)?;
    // A collection has no entity tag.
    ask.require_no_tag()?;
    let (made, secret) = create_one::<T>(&ask, at.parent()?, members, &body).await?;
    let view = ask.after(made.position).await?;
    let record = view.reader(ask.tenant.instance).find::<T>(&made.reply.id)?;
    let mut answer = match &record {
        Some(record) => changed(&ask, &view, record)?.created(&location::<T>(record)),
        // Somebody else has deleted it since.
        None => gone(&view, &made.reply).created(""),
    };
    if let Some(Shown { name, secret }) = secret {
        answer.body[name] = secret.expose().clone().into();
    }
    Ok(answer)
}

/// Creates one resource of a body; under an Idempotency-Key the secret of a repetition is not shown again.
pub(crate) async fn create_one<T: Noun>(
    ask: &Ask,
    under: Option<Id>,
    mut members: Map<String, Value>,
    asked: &[u8],
) -> Result<(api_core::Submitted<Saved>, Option<Shown>), Problem> {
    let mut faults = Vec::new();
    let id = take_id(&mut members, "id").and_then(|id| new_id::<T::Birth>(ask, id));
    let id = Problem::gather(&mut faults, id)?;
    let parent = match (under, parent_word::<T>()) {
        (Some(parent), _) => Ok(parent),
        (None, None) => Ok(Id::from_number(ask.tenant.instance.0)),
        (None, Some(word)) => take_id(&mut members, word).and_then(|id| {
            let missing = || format!("the id of the {word} in which it is created is missing");
            id.ok_or_else(|| Problem::field(word, missing()))
        }),
    };
    let parent = Problem::gather(&mut faults, parent)?;
    // Where the values name a place themselves, it is that which there may not be.
    let placed = T::PLACED_BY.filter(|field| members.get(*field).is_some_and(|value| !value.is_null()));
    let spec = Problem::gather(&mut faults, typed::<T>(members))?;
    let (Some(id), Some(parent), Some(spec)) = (id, parent, spec) else {
        return Err(Problem::fields(faults));
    };
    let key = ask.service.data_key_at(&ask.view, ask.tenant.instance)?;
    let (birth, secret) = T::Birth::draw(&ask.service, &key, &id);
    let command = Create { id: id.clone(), parent: parent.clone(), spec, birth };
    match ask.submit(&command, asked).await {
        Ok(made) if secret.is_some() && made.reply.id != id => Err(already_done(&made.reply.id)),
        Ok(made) => Ok((made, secret)),
        Err(problem) if !sees_parent::<T>(ask, &parent)? => {
            Err(nowhere(problem, placed.or(parent_word::<T>().filter(|_| !T::UNDER))))
        }
        Err(problem) => place::told(ask, problem, &command.spec, &parent),
    }
}

/// The path of a resource.
fn location<T: Noun>(record: &Record<T>) -> String {
    let escaped = |text: &str| {
        percent_encoding::utf8_percent_encode(text, percent_encoding::NON_ALPHANUMERIC).to_string()
    };
    let name = escaped(record.spec.key().unwrap_or(record.id.as_str()));
    if T::UNDER {
        let parent = escaped(record.parent.as_str());
        return format!("/api/v1/{}/{parent}/{}/{name}", plural(T::Parent::KIND), plural(T::KIND));
    }
    format!("/api/v1/{}/{name}", plural(T::KIND))
}

/// A changed resource, for a caller who sees it; only its id and revision for one who does not.
fn changed<T: Noun>(ask: &Ask, view: &View, record: &Record<T>) -> Result<Answer, Problem> {
    let reader = view.reader(ask.tenant.instance);
    let body = if Eyes::new(reader, &ask.caller).sees(record)? {
        shown(&reader, record)?
    } else {
        json!({ "id": record.id, "revision": record.revision })
    };
    Ok(answer::read(view, body).tagged(record.revision))
}

async fn read<T: Noun>(ask: Ask, at: At) -> Result<Answer, Problem> {
    let record = named(&at)?.find::<T>(&ask, &ask.eyes())?;
    Ok(answer::read(&ask.view, shown(&ask.reader(), &record)?).tagged(record.revision))
}

async fn replace<T: Noun>(ask: Ask, at: At, headers: HeaderMap, body: Body) -> Result<Answer, Problem> {
    let body = body?;
    let mut members = object(&headers, &body)?;
    let record = named(&at)?.find::<T>(&ask, &ask.eyes())?;
    let mut faults = Vec::new();
    Problem::gather(&mut faults, take_common(&mut members, &record))?;
    let spec = Problem::gather(&mut faults, typed::<T>(members))?;
    let Some(spec) = spec.filter(|_| faults.is_empty()) else { return Err(Problem::fields(faults)) };
    let command = Update { id: record.id.clone(), revision: ask.if_match(), spec };
    match ask.submit(&command, &body).await {
        Ok(saved) => after_change::<T>(&ask, saved).await,
        Err(problem) => place::told_of(&ask, problem, &command.spec, &record),
    }
}

/// How often a patch is laid anew over what somebody else has changed meanwhile.
const PATCH_TRIES: usize = 3;

async fn patch<T: Noun>(ask: Ask, at: At, headers: HeaderMap, body: Body) -> Result<Answer, Problem> {
    let body = body?;
    let mut members = object(&headers, &body)?;
    let mut record = named(&at)?.find::<T>(&ask, &ask.eyes())?;
    let mut faults = Vec::new();
    Problem::gather(&mut faults, take_common(&mut members, &record))?;
    for tries in 1.. {
        let mut target = Value::Object(values(&record.spec)?);
        merge(&mut target, Value::Object(members.clone()));
        let Value::Object(target) = target else { return Err(Problem::not_found()) };
        let revision = ask.if_match().or(Some(record.revision));
        let spec = Problem::gather(&mut faults, typed::<T>(target))?;
        let Some(spec) = spec.filter(|_| faults.is_empty()) else { return Err(Problem::fields(faults)) };
        let command = Update { id: record.id.clone(), revision, spec };
        match ask.submit(&command, &body).await {
            Err(problem)
                if problem.code() == Refusal::RevisionChanged.code()
                    && ask.if_match().is_none()
                    && tries < PATCH_TRIES =>
            {
                let view = ask.service.newest().await?;
                let found = view.reader(ask.tenant.instance).find::<T>(&record.id)?;
                record = found.ok_or(Refusal::NotFound)?;
            }
            Ok(saved) => return after_change::<T>(&ask, saved).await,
            Err(problem) => return place::told_of(&ask, problem, &command.spec, &record),
        }
    }
    Err(Refusal::RevisionChanged.into())
}

async fn after_change<T: Noun>(ask: &Ask, saved: api_core::Submitted<Saved>) -> Result<Answer, Problem> {
    let view = ask.after(saved.position).await?;
    match view.reader(ask.tenant.instance).find::<T>(&saved.reply.id)? {
        Some(record) => changed(ask, &view, &record),
        // Somebody else has deleted it since.
        None => Ok(gone(&view, &saved.reply)),
    }
}

/// What is left to say of what was changed and is not there any more.
fn gone(view: &View, saved: &Saved) -> Answer {
    answer::read(view, json!({ "id": saved.id, "revision": saved.revision }))
}

async fn delete<T: Noun>(ask: Ask, at: At) -> Result<Answer, Problem> {
    let named = named(&at)?;
    let revision = ask.if_match();
    match (named.find::<T>(&ask, &ask.eyes()), named) {
        (Ok(record), _) => {
            let done = ask.submit(&Delete::<T> { id: record.id, revision, of: PhantomData }, b"").await?;
            Ok(answer::nothing(done.position))
        }
        // It may be gone because this very request was sent before: the log knows.
        (Err(problem), Named::Id(id)) if problem == Problem::not_found() && ask.is_repeatable() => {
            let done = ask.submit(&Delete::<T> { id, revision, of: PhantomData }, b"").await;
            Ok(answer::nothing(done.map_err(hidden)?.position))
        }
        (Err(problem), Named::Id(_) | Named::Under(..)) => Err(problem),
    }
}

async fn activate<T: Noun>(ask: Ask, at: At) -> Result<Answer, Problem> {
    switch::<T>(ask, at, State::Active).await
}

async fn deactivate<T: Noun>(ask: Ask, at: At) -> Result<Answer, Problem> {
    switch::<T>(ask, at, State::Inactive).await
}

async fn switch<T: Noun>(ask: Ask, at: At, state: State) -> Result<Answer, Problem> {
    let record = named(&at)?.find::<T>(&ask, &ask.eyes())?;
    let command = SetState::<T> { id: record.id, state, revision: ask.if_match(), of: PhantomData };
    let saved = ask.submit(&command, b"").await?;
    after_change::<T>(&ask, saved).await
}
