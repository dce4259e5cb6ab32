//! Settings of the instance and of organizations: what is in force and where it comes from, set, and inherited again.

use crate::answer::{self, Answer};
use crate::ask::Ask;
use crate::at::At;
use crate::error::{Problem, internal};
use crate::events;
use crate::form::{object, typed};
use crate::route::Route;
use api_core::View;
use axum::body::Bytes;
use axum::extract::RawQuery;
use axum::extract::rejection::BytesRejection;
use axum::http::{HeaderMap, Method, StatusCode};
use identity::audit::search;
use identity::id::Id;
use identity::organization::Organization;
use identity::setting::{self, From, Reset, Set, Setting};
use schemars::{JsonSchema, SchemaGenerator};
use serde_json::{Value, json};
use std::marker::PhantomData;

macro_rules! of_settings {
    ($($number:literal $name:ident $word:literal $type:ty;)*) => {
        /// The routes of this file.
        pub fn routes() -> Vec<Route> {
            [$(of::<$type>()),*].into_iter().flatten().collect()
        }
    };
}
identity::settings!(of_settings);

/// A setting that is served.
trait Served: Setting + JsonSchema {}
impl<T: Setting + JsonSchema> Served for T {}

fn of<T: Served>() -> Vec<Route> {
    let mut routes = routes_at::<T>("/api/v1/settings", "the instance", ("iam.policy", "iam.policy"), "");
    if T::PER_ORGANIZATION {
        let path = "/api/v1/organizations/{id}/settings";
        let areas = if T::INSTANCE_DECIDES { ("policy", "iam.policy") } else { ("policy", "policy") };
        routes.extend(routes_at::<T>(path, "an organization", areas, "organization_"));
    }
    routes
}

/// The routes of a setting at a place, with the areas of permissions to read and to write it.
fn routes_at<T: Served>(under: &str, whose: &str, (read, write): (&str, &str), prefix: &str) -> Vec<Route> {
    let (path, word) = (format!("{under}/{}", T::NAME), T::NAME.replace('-', "_"));
    let named = format!("the settings \"{}\" of {whose}", T::NAME);
    let called = |verb: &str| format!("{verb}_{prefix}{word}_settings");
    vec![
        Route::new(Method::GET, path.as_str(), get::<T>)
            .called(called("get"), "settings")
            .about(
                format!("Shows {named} as they are in force, and where they come from."),
                format!("{read}.read"),
            )
            .gives(StatusCode::OK, shown_schema::<T>),
        Route::new(Method::PUT, path.as_str(), put::<T>)
            .called(called("set"), "settings")
            .about(format!("Sets {named}."), format!("{write}.write"))
            .takes(crate::schema::of::<T>)
            .gives(StatusCode::OK, shown_schema::<T>),
        Route::new(Method::GET, format!("{path}/history"), history::<T>)
            .called(called("history_of"), "settings")
            .about(format!("Lists who set {named}, and what they were before."), "events.read")
            .query(events::FILTERS)
            .gives(StatusCode::OK, events::page),
        Route::new(Method::DELETE, path, reset::<T>)
            .called(called("reset"), "settings")
            .about(format!("Lets {named} be inherited again."), format!("{write}.write")),
    ]
}

fn shown_schema<T: Served>(generator: &mut SchemaGenerator) -> Value {
    let mut schema = crate::schema::of::<T>(generator);
    schema["properties"]["from"] = json!({ "enum": ["default", "instance", "organization"] });
    schema["properties"]["revision"] = json!({ "type": "integer", "minimum": 0 });
    if let Some(required) = schema["required"].as_array_mut() {
        required.extend(["from".into(), "revision".into()]);
    }
    schema
}

/// The organization of a path that the caller sees; none for the instance.
fn place(ask: &Ask, at: &At) -> Result<Option<Id>, Problem> {
    match at.parent()? {
        Some(id) => Ok(Some(ask.eyes().find::<Organization>(&id)?.id)),
        None => Ok(None),
    }
}

async fn get<T: Served>(ask: Ask, at: At) -> Result<Answer, Problem> {
    let organization = place(&ask, &at)?;
    let found = setting::seen::<T>(&ask.reader(), &ask.eyes(), organization.as_ref())?;
    shown(&ask.view, found)
}

fn shown<T: Served>(view: &View, (value, from): (T, From)) -> Result<Answer, Problem> {
    let mut body = serde_json::to_value(&value).map_err(internal)?;
    body["from"] = serde_json::to_value(from).map_err(internal)?;
    let revision = setting::tag(&value);
    body["revision"] = revision.into();
    Ok(answer::read(view, body).tagged(revision))
}

async fn put<T: Served>(
    ask: Ask,
    at: At,
    headers: HeaderMap,
    body: Result<Bytes, BytesRejection>,
) -> Result<Answer, Problem> {
    let body = body?;
    let within = place(&ask, &at)?;
    let mut members = object(&headers, &body)?;
    // An answer says them; sent back, they mean nothing.
    for name in ["from", "revision"] {
        members.remove(name);
    }
    let value = typed::<T>(members)?;
    value.check().map_err(|unsound| Problem::field(unsound.field, unsound.reason))?;
    let command = Set { within, value, expected: ask.if_match() };
    let done = ask.submit(&command, &body).await?;
    let view = ask.after(done.position).await?;
    // Who may set it is shown what he has set.
    let reader = view.reader(ask.tenant.instance);
    shown(&view, setting::effective::<T>(&reader, command.within.as_ref())?)
}

async fn history<T: Served>(ask: Ask, at: At, RawQuery(query): RawQuery) -> Result<Answer, Problem> {
    let params = events::params(query.as_deref())?;
    let within = place(&ask, &at)?;
    search::require_history_at(&ask.eyes(), &setting::place(within.as_ref()).1)?;
    let mut asked = events::query_of(&params)?;
    let target = within.unwrap_or_else(|| Id::from_number(ask.tenant.instance.0));
    let name = format!("history {} {target}", T::NAME);
    (asked.kind, asked.target) = (Some(T::KIND), Some(target));
    events::page_of(ask, &params, asked, &name).await
}

async fn reset<T: Served>(ask: Ask, at: At) -> Result<Answer, Problem> {
    let within = place(&ask, &at)?;
    let command = Reset::<T> { within, expected: ask.if_match(), of: PhantomData };
    let done = ask.submit(&command, b"").await?;
    Ok(answer::nothing(done.position))
}
