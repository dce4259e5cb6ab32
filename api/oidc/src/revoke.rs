//! Token revocation (RFC 7009): the answer is the same whether the token was known or not.

use crate::bearer;
use crate::error::Error;
use api_core::Service;
use api_core::extract::client::{Client, authenticate};
use api_core::extract::form::Parameters;
use api_core::extract::tenant::tenant;
use api_core::secrets;
use axum::body::Bytes;
use axum::extract::State;
use axum::extract::rejection::BytesRejection;
use axum::http::{HeaderMap, StatusCode};
use identity::time::Timestamp;
use identity::token::deny::DenyToken;
use identity::token::family::{Family, RevokeFamily};

/// `POST /oauth/v2/revoke`.
pub async fn handle(
    State(service): State<Service>,
    headers: HeaderMap,
    body: Result<Bytes, BytesRejection>,
) -> Result<StatusCode, Error> {
    let form = Parameters::of_body(&headers, &body?)?;
    let view = service.bounded().await?;
    let tenant = tenant(&service, &view, &headers)?;
    let client = authenticate(&service, &view, tenant.instance, &headers, &form)?;
    let token =
        form.get("token").ok_or_else(|| Error::InvalidRequest("the parameter token is missing".into()))?;
    if let Some(bound) = secrets::parse_bound(secrets::REFRESH, token) {
        // What another node gave a moment ago must not be taken for unknown, and the answer for a revocation.
        let newest = service.newest().await?;
        let reader = newest.reader(tenant.instance);
        let known = reader.row::<Family>(&bound.id).map_err(|fault| crate::error::internal(&fault.0))?;
        let held = known.and_then(|family| family.generation).is_some_and(|generation| {
            let previous = generation.previous.is_some_and(|previous| previous.hash.same(&bound.hash));
            generation.current.same(&bound.hash) || previous
        });
        if held && let Client::Application { .. } = &client {
            service.submit(tenant.instance, client.caller(), &RevokeFamily { family: bound.id }).await?;
        }
        return Ok(StatusCode::OK);
    }
    match bearer::verified(&service, &view, &tenant, token) {
        Ok(claims) => {
            let id = match &client {
                Client::Application { record, .. } => record.id.as_str(),
                Client::Service { record, .. } => record.id.as_str(),
            };
            if claims.client_id == id {
                let expires = Timestamp(claims.exp.saturating_mul(1000));
                let command = DenyToken { jti: claims.jti, expires };
                service.submit(tenant.instance, client.caller(), &command).await?;
            }
            Ok(StatusCode::OK)
        }
        Err(Error::InvalidToken) => Ok(StatusCode::OK),
        Err(other) => Err(other),
    }
}
