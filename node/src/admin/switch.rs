//! What an operator may switch off and on without signing in: the way out when it is an administrator who was robbed.
//!
//! Everything else about users, applications and organizations is an administrator's work and has no command here.

use super::{Admin, Answer, Hands, Refused, refuse};
use axum::Json;
use axum::extract::State as Shared;
use axum::response::IntoResponse;
use http::StatusCode;
use identity::application::Application;
use identity::change::SetState;
use identity::credential::throttle::Unlock;
use identity::envelope::Caller;
use identity::id::{Id, InstanceId};
use identity::organization::Organization;
use identity::reader::{No, Reader, Run};
use identity::record::State;
use identity::refusal::Refusal;
use identity::resource::Resource;
use identity::user::{User, by_login_name};
use serde::{Deserialize, Serialize};
use serde_json::json;
use std::fmt;
use std::marker::PhantomData;

/// What can be switched.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Noun {
    /// Somebody, or a service account, with all sessions and tokens
    User,
    /// An application, with all tokens that it holds
    Application,
    /// An organization, with everybody and everything in it
    Organization,
}

impl fmt::Display for Noun {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Noun::User => "user",
            Noun::Application => "application",
            Noun::Organization => "organization",
        })
    }
}

/// What is asked.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Switch {
    /// What.
    pub(crate) noun: Noun,
    /// Its id, or the name that a user signs in with.
    pub(crate) name: String,
    /// The number of its instance.
    pub(crate) instance: u64,
    /// On or off.
    pub(crate) on: bool,
}

/// Switches. What is so already stays so and is no error.
pub(super) async fn switch(Shared(admin): Shared<Admin>, Json(asked): Json<Switch>) -> Answer {
    let hands = admin.hands()?;
    let id = find(hands, &asked).await?;
    match asked.noun {
        Noun::User => {
            if asked.on {
                // A stranger's guesses or a robbed administrator may have locked him, and nobody may be left to unlock him.
                let unlock = Unlock { user: id.clone() };
                let done = hands.service.submit(InstanceId(asked.instance), Caller::operator(), &unlock);
                hands.in_time(done).await?;
            }
            set::<User>(hands, &asked, id).await
        }
        Noun::Application => set::<Application>(hands, &asked, id).await,
        Noun::Organization => set::<Organization>(hands, &asked, id).await,
    }
}

async fn set<T: Resource>(hands: &Hands, asked: &Switch, id: Id) -> Answer {
    let state = if asked.on { State::Active } else { State::Inactive };
    let command = SetState::<T> { id, state, revision: None, of: PhantomData };
    let done = hands.service.submit(InstanceId(asked.instance), Caller::operator(), &command);
    let saved = hands.in_time(done).await?.reply;
    Ok(Json(json!({ "id": saved.id, "revision": saved.revision })).into_response())
}

/// The id of what is asked for, as of now.
async fn find(hands: &Hands, asked: &Switch) -> Result<Id, Refused> {
    let view = hands.view().await?;
    let reader = view.reader(InstanceId(asked.instance));
    let found = match asked.noun {
        Noun::User => user(&reader, &asked.name),
        Noun::Application => by_id::<Application>(&reader, &asked.name).map(Found::of),
        Noun::Organization => by_id::<Organization>(&reader, &asked.name).map(Found::of),
    };
    let Switch { noun, name, instance, .. } = asked;
    match found {
        Ok(Found::One(id)) => Ok(id),
        Ok(Found::Two) => {
            let text = format!("{name} is the id of one user and the name of another: use the other's id");
            Err(refuse(StatusCode::CONFLICT, "ambiguous", text))
        }
        Ok(Found::None) => {
            let text = format!("instance {instance} has no {noun} {name}");
            Err(refuse(StatusCode::NOT_FOUND, Refusal::NotFound.code(), text))
        }
        Err(No::Refused(refusal)) => Err(refuse(StatusCode::CONFLICT, refusal.code(), refusal)),
        Err(No::Fault(fault)) => Err(refuse(StatusCode::INTERNAL_SERVER_ERROR, "fault", fault)),
    }
}

/// What a name stands for.
enum Found {
    None,
    One(Id),
    /// A user may be called like the id of another, and the wrong one must not be switched off.
    Two,
}

impl Found {
    fn of(id: Option<Id>) -> Found {
        id.map_or(Found::None, Found::One)
    }
}

fn by_id<T: Resource>(reader: &Reader<'_>, text: &str) -> Run<Option<Id>> {
    let Ok(id) = Id::parse(text) else { return Ok(None) };
    Ok(reader.find::<T>(&id)?.map(|record| record.id))
}

fn user(reader: &Reader<'_>, text: &str) -> Run<Found> {
    let named = by_login_name(reader, text)?.map(|record| record.id);
    Ok(match (by_id::<User>(reader, text)?, named) {
        (Some(id), Some(named)) if id != named => Found::Two,
        (Some(id), _) => Found::One(id),
        (None, named) => Found::of(named),
    })
}
