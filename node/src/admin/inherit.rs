//! Settings that an operator resets without signing in: the way out where they keep all administrators from it.

use super::{Admin, Answer, Hands, Refused, refuse};
use api_core::SubmitError;
use axum::Json;
use axum::extract::State as Shared;
use axum::response::IntoResponse;
use futures_util::future::BoxFuture;
use http::StatusCode;
use identity::envelope::Caller;
use identity::id::{Id, InstanceId};
use identity::organization::Organization;
use identity::refusal::Refusal;
use identity::setting::{self, ForSetting, Reset, Setting};
use serde::{Deserialize, Serialize};
use serde_json::json;
use std::marker::PhantomData;

/// What is asked.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Inherit {
    /// The name of the settings.
    pub(crate) name: String,
    /// Of which organization; none for the instance.
    pub(crate) organization: Option<String>,
    /// The number of the instance.
    pub(crate) instance: u64,
}

/// Resets. What inherits already is no error.
pub(super) async fn inherit(Shared(admin): Shared<Admin>, Json(asked): Json<Inherit>) -> Answer {
    let hands = admin.hands()?;
    let instance = InstanceId(asked.instance);
    let within = match &asked.organization {
        Some(text) => {
            let view = hands.view().await?;
            let id = Id::parse(text).map_err(|_| nowhere(&asked))?;
            let found = view.reader(instance).find::<Organization>(&id);
            let found = found.map_err(|fault| refuse(StatusCode::INTERNAL_SERVER_ERROR, "fault", fault))?;
            Some(found.ok_or_else(|| nowhere(&asked))?.id)
        }
        None => None,
    };
    let reset = setting::dispatch(&asked.name, Sent { hands, instance, within });
    hands.in_time(reset.ok_or_else(|| nowhere(&asked))?).await?;
    Ok(Json(json!({ "done": true })).into_response())
}

/// The command for the settings of a name, on its way.
struct Sent<'h> {
    hands: &'h Hands,
    instance: InstanceId,
    within: Option<Id>,
}

impl<'h> ForSetting for Sent<'h> {
    type Out = BoxFuture<'h, Result<(), SubmitError>>;

    fn run<T: Setting>(self) -> Self::Out {
        let Sent { hands, instance, within } = self;
        let reset = Reset::<T> { within, expected: None, of: PhantomData };
        Box::pin(async move { hands.service.submit(instance, Caller::operator(), &reset).await.map(|_| ()) })
    }
}

fn nowhere(asked: &Inherit) -> Refused {
    let Inherit { name, organization, instance } = asked;
    let text = match organization {
        Some(organization) => format!("instance {instance} has no organization {organization}"),
        None => format!("instance {instance} has no settings {name}"),
    };
    refuse(StatusCode::NOT_FOUND, Refusal::NotFound.code(), text)
}
