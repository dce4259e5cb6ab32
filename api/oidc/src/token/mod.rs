//! The token endpoint (RFC 6749 §3.2) in five phases; no phase calls the next.
//!
//! 1. read the form · 2. know the grant type · 3. authenticate the client · 4. let the grant consume what was presented,
//!    by one command · 5. sign and answer. A grant fills phase 4 only.

mod authorization_code;
mod client_credentials;
mod refresh_token;
mod sign;

use crate::error::Error;
use api_core::Service;
use api_core::extract::client::{Client, authenticate};
use api_core::extract::form::Parameters;
use api_core::extract::tenant::tenant;
use api_core::limits::SIGNING_STALENESS_MAX;
use api_core::{Freshness, View};
use axum::Json;
use axum::body::Bytes;
use axum::extract::State;
use axum::extract::rejection::BytesRejection;
use axum::http::{HeaderMap, header};
use axum::response::{IntoResponse, Response};
use crypto::Secret;
use identity::id::Id;
use identity::token::family::Family;

/// The grant types that are served.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Grant {
    AuthorizationCode,
    RefreshToken,
    ClientCredentials,
}

impl Grant {
    fn parse(text: &str) -> Option<Grant> {
        match text {
            "authorization_code" => Some(Grant::AuthorizationCode),
            "refresh_token" => Some(Grant::RefreshToken),
            "client_credentials" => Some(Grant::ClientCredentials),
            _ => None,
        }
    }
}

/// What a grant hands to the phase that signs.
enum Granted {
    /// Tokens of a family, at the view in which it stands.
    Family {
        view: View,
        id: Id,
        family: Box<Family>,
        scopes: Vec<String>,
        nonce: Option<String>,
        refresh: Option<Secret<String>>,
    },
    /// A token of a service account.
    Service { view: View, scopes: Vec<String> },
}

/// `POST /oauth/v2/token`.
pub async fn handle(
    State(service): State<Service>,
    headers: HeaderMap,
    body: Result<Bytes, BytesRejection>,
) -> Result<Response, Error> {
    // 1. read
    let form = Parameters::of_body(&headers, &body?)?;
    // 2. grant type
    let grant = form.get("grant_type");
    let grant = grant.ok_or_else(|| Error::InvalidRequest("the parameter grant_type is missing".into()))?;
    let grant = Grant::parse(grant).ok_or(Error::UnsupportedGrantType)?;
    // 3. client
    let view = service.backend.view(Freshness::Bounded(SIGNING_STALENESS_MAX)).await?;
    let tenant = tenant(&service, &view, &headers)?;
    let client = authenticate(&service, &view, tenant.instance, &headers, &form)?;
    // 4. grant
    let granted = match grant {
        Grant::AuthorizationCode => authorization_code::redeem(&service, &tenant, &client, &form).await?,
        Grant::RefreshToken => refresh_token::advance(&service, &tenant, &client, &form).await?,
        Grant::ClientCredentials => client_credentials::grant(view, &tenant, &client, &form)?,
    };
    // 5. sign
    let tokens = sign::tokens(&service, &tenant, &client, granted).await?;
    Ok(([(header::CACHE_CONTROL, "no-store"), (header::PRAGMA, "no-cache")], Json(tokens)).into_response())
}

fn required<'f>(form: &'f Parameters, name: &'static str) -> Result<&'f str, Error> {
    form.get(name).ok_or_else(|| Error::InvalidRequest(format!("the parameter {name} is missing")))
}

async fn view_at(service: &Service, position: api_core::Position) -> Result<View, Error> {
    Ok(service.at_least(position).await?)
}

fn application(client: &Client) -> Result<(), Error> {
    match client {
        Client::Application { .. } => Ok(()),
        Client::Service { .. } => Err(Error::UnauthorizedClient),
    }
}
