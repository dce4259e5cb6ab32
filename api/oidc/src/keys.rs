//! The published signing keys (RFC 7517 §5): those that sign, will sign, or still verify.

use crate::error::{Error, internal};
use api_core::extract::tenant::tenant;
use api_core::keys::public;
use api_core::limits::KEY_SET_STALENESS_MAX;
use api_core::{Freshness, Service};
use axum::Json;
use axum::extract::State;
use axum::http::{HeaderMap, header};
use axum::response::{IntoResponse, Response};
use identity::instance::lifetimes;
use identity::signing_key;
use serde_json::json;

/// `GET /oauth/v2/keys`.
pub async fn handle(State(service): State<Service>, headers: HeaderMap) -> Result<Response, Error> {
    let view = service.backend.view(Freshness::Bounded(KEY_SET_STALENESS_MAX)).await?;
    let tenant = tenant(&service, &view, &headers)?;
    let reader = view.reader(tenant.instance);
    let keys = signing_key::published(&reader).map_err(|fault| internal(&fault.0))?;
    let keys = keys.iter().map(public).collect::<Result<Vec<_>, _>>()?;
    // A set may be kept no longer than the next key is published before it signs.
    let lead = lifetimes::of(&reader).map_err(|fault| internal(&fault.0))?.key_next_secs;
    let cache = format!("public, max-age={}", (lead / 2).clamp(1, 300));
    Ok(([(header::CACHE_CONTROL, cache)], Json(json!({ "keys": keys }))).into_response())
}
