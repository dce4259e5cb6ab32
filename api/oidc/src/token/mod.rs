//! The token endpoint (RFC 6749 §3.2) in five phases; no phase calls the next.
//!
//! 1. read the form · 2. know the grant type · 3. authenticate the client · 4. let the grant consume what was presented,
//!    by one command · 5. sign and answer. A grant fills phase 4 only.

mod authorization_code;
mod client_credentials;
mod jwt_bearer;
mod refresh_token;
mod sign;

use crate::error::{Error, internal};
use api_core::Service;
use api_core::extract::client::{Client, authenticate};
use api_core::extract::form::Parameters;
use api_core::extract::tenant::{Tenant, tenant};
use api_core::limits::SIGNING_STALENESS_MAX;
use api_core::{Freshness, View};
use axum::Json;
use axum::body::Bytes;
use axum::extract::State;
use axum::extract::rejection::BytesRejection;
use axum::http::{HeaderMap, header};
use axum::response::{IntoResponse, Response};
use crypto::Secret;
use identity::application::Application;
use identity::envelope::Source;
use identity::grant::code::is_meant;
use identity::grant::scope;
use identity::id::Id;
use identity::reader::No;
use identity::record::Record;
use identity::token::family::Family;
use identity::user::User;
use std::sync::Arc;

/// The grant types that are served.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Grant {
    AuthorizationCode,
    RefreshToken,
    ClientCredentials,
    JwtBearer,
}

impl Grant {
    fn parse(text: &str) -> Option<Grant> {
        match text {
            "authorization_code" => Some(Grant::AuthorizationCode),
            "refresh_token" => Some(Grant::RefreshToken),
            "client_credentials" => Some(Grant::ClientCredentials),
            "urn:ietf:params:oauth:grant-type:jwt-bearer" => Some(Grant::JwtBearer),
            _ => None,
        }
    }
}

/// What a grant hands to the phase that signs.
enum Granted {
    Family(FamilyGrant),
    Service(ServiceGrant),
}

/// Tokens of a family, at the view in which it stands.
struct FamilyGrant {
    view: View,
    application: Arc<Record<Application>>,
    id: Id,
    family: Box<Family>,
    scopes: Vec<String>,
    nonce: Option<String>,
    refresh: Option<Secret<String>>,
}

/// A token of a service account.
struct ServiceGrant {
    view: View,
    user: Arc<Record<User>>,
    /// What it has proven, and what the token hangs on.
    source: Source,
    scopes: Vec<String>,
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
    let client = || authenticate(&service, &view, tenant.instance, &headers, &form);
    // 4. grant
    let granted = match grant {
        Grant::AuthorizationCode => authorization_code::redeem(&service, &tenant, &client()?, &form).await?,
        Grant::RefreshToken => refresh_token::advance(&service, &tenant, &client()?, &form).await?,
        Grant::ClientCredentials => client_credentials::grant(&view, &tenant, &client()?, &form)?,
        // There is no client: the assertion is the grant and says who asks (RFC 7523 §2.1).
        Grant::JwtBearer => {
            no_client(&headers, &form)?;
            jwt_bearer::grant(&service, view, &tenant, &form).await?
        }
    };
    // 5. sign
    let tokens = sign::tokens(&service, &tenant, granted).await?;
    Ok(([(header::CACHE_CONTROL, "no-store"), (header::PRAGMA, "no-cache")], Json(tokens)).into_response())
}

fn required<'f>(form: &'f Parameters, name: &'static str) -> Result<&'f str, Error> {
    form.get(name).ok_or_else(|| Error::InvalidRequest(format!("the parameter {name} is missing")))
}

async fn view_at(service: &Service, position: api_core::Position) -> Result<View, Error> {
    Ok(service.at_least(position).await?)
}

fn application(client: &Client) -> Result<Arc<Record<Application>>, Error> {
    match client {
        Client::Application { record, .. } => Ok(Arc::clone(record)),
        Client::Service { .. } => Err(Error::UnauthorizedClient),
    }
}

/// Refuses credentials of a client where none is asked for: they would have to be right (RFC 7523 §3.1).
fn no_client(headers: &HeaderMap, form: &Parameters) -> Result<(), Error> {
    let presented = headers.contains_key(header::AUTHORIZATION)
        || form.has("client_secret")
        || form.has("client_assertion");
    if presented {
        return Err(Error::InvalidRequest(
            "send the assertion alone: no client authenticates beside it".into(),
        ));
    }
    Ok(())
}

/// The scopes that a service account asks for and may have.
fn scopes_of_service(
    view: &View,
    tenant: &Tenant,
    account: &Record<User>,
    form: &Parameters,
) -> Result<Vec<String>, Error> {
    let mut scopes =
        scope::parse(form.get("scope").unwrap_or_default()).map_err(|error| Error::InvalidScope(error.0))?;
    // There is no person who could be away.
    scopes.retain(|scope| scope != scope::OFFLINE_ACCESS);
    // Some scopes say that the user belongs to an organization. There is no project here whose roles could be asked.
    match is_meant(&view.reader(tenant.instance), account, &scopes) {
        Ok(()) => Ok(scopes),
        Err(No::Refused(_)) => {
            Err(Error::InvalidScope("the service account is no member of that organization"))
        }
        Err(No::Fault(fault)) => Err(internal(&fault.0)),
    }
}
