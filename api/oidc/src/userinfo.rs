//! Userinfo (OpenID Connect Core §5.3): claims of the person, for a token in the header or a form, never in the query.

use crate::bearer::{self, Alive};
use crate::claims;
use crate::error::Error;
use api_core::Service;
use api_core::extract::form::Parameters;
use api_core::extract::tenant::tenant;
use axum::Json;
use axum::body::Bytes;
use axum::extract::rejection::BytesRejection;
use axum::extract::{RawQuery, State};
use axum::http::{HeaderMap, header};
use axum::response::{IntoResponse, Response};
use identity::application::Application;
use identity::grant::scope;
use identity::id::Id;
use identity::token::claims::{Asserted, roles};

/// `GET /oidc/v1/userinfo`.
pub async fn get(
    State(service): State<Service>,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
) -> Result<Response, Error> {
    not_in_query(query.as_deref())?;
    let token = bearer::from_header(&headers)?.ok_or(Error::TokenMissing)?.to_owned();
    answer(&service, &headers, &token).await
}

/// `POST /oidc/v1/userinfo`.
pub async fn post(
    State(service): State<Service>,
    RawQuery(query): RawQuery,
    headers: HeaderMap,
    body: Result<Bytes, BytesRejection>,
) -> Result<Response, Error> {
    not_in_query(query.as_deref())?;
    let body = body?;
    let form = if body.is_empty() { Parameters::default() } else { Parameters::of_body(&headers, &body)? };
    let in_header = bearer::from_header(&headers)?;
    let token = match (in_header, form.get("access_token")) {
        (Some(_), Some(_)) => {
            return Err(Error::InvalidRequest("send the access token by one method only".into()));
        }
        (Some(token), None) | (None, Some(token)) => token.to_owned(),
        (None, None) => return Err(Error::TokenMissing),
    };
    answer(&service, &headers, &token).await
}

/// A token in a query ends in logs and histories (RFC 6750 §5.3).
fn not_in_query(query: Option<&str>) -> Result<(), Error> {
    if Parameters::of_query(query)?.has("access_token") {
        return Err(Error::InvalidRequest("send the access token in the Authorization header".into()));
    }
    Ok(())
}

async fn answer(service: &Service, headers: &HeaderMap, token: &str) -> Result<Response, Error> {
    let view = service.bounded().await?;
    let tenant = tenant(service, &view, headers)?;
    let Alive { claims: token, user } = bearer::alive(service, &view, &tenant, token).await?;
    let scopes: Vec<String> = token.scope.split(' ').map(str::to_owned).collect();
    if !scope::has(&scopes, scope::OPENID) {
        return Err(Error::InsufficientScope("userinfo needs the scope openid"));
    }
    let reader = view.reader(tenant.instance);
    let mut claims = claims::of_user(&reader, &user, &scopes)?;
    if let Some(client) = Id::parse(&token.client_id).ok().map(|id| reader.find::<Application>(&id)) {
        let client = client.map_err(|fault| crate::error::internal(&fault.0))?;
        if let Some(client) = client {
            let roles = roles(&reader, &client, Asserted::No, &user, &scopes)?;
            claims.extend(claims::of_roles(client.parent.as_str(), &roles));
        }
    }
    claims.insert("sub".into(), user.id.as_str().into());
    Ok(([(header::CACHE_CONTROL, "no-store")], Json(claims)).into_response())
}
