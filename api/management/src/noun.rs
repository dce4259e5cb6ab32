//! What a plain resource needs to be served, and where it is found. The table is `identity::resources!`.

use api_core::{Service, secrets};
use axum::http::StatusCode;
use crypto::{InstanceKey, Secret, draw, draw_secret};
use identity::credential::personal_token::TokenSecret;
use identity::id::Id;
use identity::reader::Names;
use identity::record::{Kind, Record};
use identity::refusal::Refusal;
use identity::resource::{Parent, Resource};
use identity::see::Eyes;
use identity::user::person;
use schemars::JsonSchema;
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::ask::{Ask, PERSONAL_TOKEN};
use crate::error::Problem;

/// A plain resource that is served.
pub trait Noun: Resource<Birth: Born> + Serialize + DeserializeOwned + JsonSchema + Sync {}
impl<T: Resource<Birth: Born> + Serialize + DeserializeOwned + JsonSchema + Sync> Noun for T {}

/// What a creation carries besides the values: drawn by the node.
pub trait Born: Sized + Send + Sync {
    /// Whether the node chooses the id, because the secret holds it.
    const OWN_ID: bool = false;
    /// Draws it, with the member of the answer that shows a secret once.
    fn draw(service: &Service, key: &InstanceKey, id: &Id) -> (Self, Option<Shown>);
}

/// A secret that an answer shows once.
pub struct Shown {
    /// The name of the member.
    pub name: &'static str,
    /// The secret.
    pub secret: Secret<String>,
}

impl Born for () {
    fn draw(_: &Service, _: &InstanceKey, _: &Id) -> (Self, Option<Shown>) {
        ((), None)
    }
}

impl Born for person::NewKey {
    fn draw(service: &Service, key: &InstanceKey, id: &Id) -> (Self, Option<Shown>) {
        let person = draw_secret::<64>(&*service.entropy);
        let wrapped = key.wrap_person(id.as_str(), &person, draw(&*service.entropy));
        (person::NewKey { wrapped }, None)
    }
}

impl Born for TokenSecret {
    const OWN_ID: bool = true;
    fn draw(service: &Service, key: &InstanceKey, id: &Id) -> (Self, Option<Shown>) {
        let (secret, hash) = secrets::mint_proven(PERSONAL_TOKEN, key, id, &*service.entropy);
        (TokenSecret { hash }, Some(Shown { name: "token", secret }))
    }
}

macro_rules! plurals {
    ($($number:literal $name:ident $word:literal $plural:literal $type:ty;)*) => {
        /// The word in paths for many of a kind; nothing for kinds that are no plain resources.
        pub fn plural(kind: Kind) -> &'static str {
            $(if kind == Kind::$name { return $plural; })*
            ""
        }
    };
}
identity::resources!(plurals);

/// The path of a noun's collection, with `{id}` for what it hangs under if it is known there only.
pub fn collection<T: Noun>() -> String {
    let plural = plural(T::KIND);
    if T::UNDER {
        return format!("/api/v1/{}/{{id}}/{plural}", self::plural(T::Parent::KIND));
    }
    format!("/api/v1/{plural}")
}

/// The path of one resource.
pub fn item<T: Noun>() -> String {
    format!("{}/{{{}}}", collection::<T>(), if T::UNDER { "key" } else { "id" })
}

/// What a path names: an id, or a parent and a key under it.
pub enum Named {
    /// By its id.
    Id(Id),
    /// Under a parent, by its key or id.
    Under(Id, String),
}

impl Named {
    /// What the parameters of a path name.
    pub fn of(first: Id, second: Option<&str>) -> Named {
        match second {
            Some(key) => Named::Under(first, key.to_owned()),
            None => Named::Id(first),
        }
    }

    /// The resource of this name that the caller sees.
    pub fn find<T: Noun>(&self, ask: &Ask, eyes: &Eyes<'_>) -> Result<Record<T>, Problem> {
        let (id, parent) = match self {
            Named::Id(id) => (Some(id.clone()), None),
            Named::Under(parent, key) => {
                let id = match T::KEYED {
                    Some(names) => keyed(ask, names, parent, key)?,
                    None => Id::parse(key).ok(),
                };
                (id, Some(parent))
            }
        };
        let record = eyes.find::<T>(&id.ok_or(Refusal::NotFound)?)?;
        // Under another parent it is not there.
        if parent.is_some_and(|parent| *parent != record.parent) {
            return Err(Problem::not_found());
        }
        Ok(record)
    }
}

fn keyed(ask: &Ask, names: Names, parent: &Id, key: &str) -> Result<Option<Id>, Problem> {
    Ok(ask.reader().named(names, &format!("{parent} {key}"))?)
}

/// Ids that stand for something else in paths.
const RESERVED: [&str; 2] = ["me", "bulk"];

/// The id of something new: the caller's choice, or drawn.
pub fn new_id<B: Born>(ask: &Ask, chosen: Option<Id>) -> Result<Id, Problem> {
    match chosen {
        None => Ok(ask.service.new_id()),
        Some(_) if B::OWN_ID => Err(Problem::field("id", "the id is chosen by the server: leave it out")),
        Some(id) if RESERVED.contains(&id.as_str()) => Err(Problem::field("id", "this id is reserved")),
        // In a path it would be another place, however it is written there.
        Some(id) if [".", ".."].contains(&id.as_str()) => Err(Problem::field("id", "this id is reserved")),
        Some(id) => Ok(id),
    }
}

/// A repetition under an Idempotency-Key of what made a secret: the secret is shown once.
pub fn already_done(id: &Id) -> Problem {
    let title = format!("this was done before, for {id}; its secret was shown then and is not shown again");
    Problem::new(StatusCode::CONFLICT, "already_done", title)
}
