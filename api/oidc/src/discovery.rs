//! Discovery: what this issuer offers (OpenID Connect Discovery 1.0 §3, RFC 8414).

use crate::error::Error;
use api_core::extract::tenant::tenant;
use api_core::{Freshness, Service};
use axum::Json;
use axum::extract::State;
use axum::http::{HeaderMap, header};
use axum::response::{IntoResponse, Response};
use serde_json::json;

/// Both well-known paths.
pub async fn handle(State(service): State<Service>, headers: HeaderMap) -> Result<Response, Error> {
    let view = service.backend.view(Freshness::Stale).await?;
    let issuer = tenant(&service, &view, &headers)?.issuer;
    let document = json!({
        "issuer": issuer,
        "authorization_endpoint": format!("{issuer}/oauth/v2/authorize"),
        "token_endpoint": format!("{issuer}/oauth/v2/token"),
        "introspection_endpoint": format!("{issuer}/oauth/v2/introspect"),
        "revocation_endpoint": format!("{issuer}/oauth/v2/revoke"),
        "userinfo_endpoint": format!("{issuer}/oidc/v1/userinfo"),
        "end_session_endpoint": format!("{issuer}/oidc/v1/end_session"),
        "jwks_uri": format!("{issuer}/oauth/v2/keys"),
        "scopes_supported": ["openid", "profile", "email", "offline_access"],
        "response_types_supported": ["code"],
        "response_modes_supported": ["query"],
        "grant_types_supported": [
            "authorization_code", "refresh_token", "client_credentials",
            "urn:ietf:params:oauth:grant-type:jwt-bearer",
        ],
        "subject_types_supported": ["public"],
        "id_token_signing_alg_values_supported": ["ES256", "RS256"],
        "token_endpoint_auth_methods_supported": ["client_secret_basic", "client_secret_post", "none"],
        "introspection_endpoint_auth_methods_supported": ["client_secret_basic", "client_secret_post"],
        "revocation_endpoint_auth_methods_supported": ["client_secret_basic", "client_secret_post", "none"],
        "code_challenge_methods_supported": ["S256"],
        "authorization_response_iss_parameter_supported": true,
        "prompt_values_supported": ["none", "login", "select_account"],
        "claims_supported": [
            "sub", "iss", "aud", "exp", "iat", "auth_time", "nonce", "amr", "azp", "sid", "at_hash", "name",
            "given_name", "family_name", "nickname", "preferred_username", "locale", "updated_at", "email",
            "email_verified",
        ],
        "ui_locales_supported": api_pages::locale::Locale::ALL.map(api_pages::locale::Locale::tag),
        "request_parameter_supported": false,
        "request_uri_parameter_supported": false,
        "claims_parameter_supported": false,
    });
    Ok(([(header::CACHE_CONTROL, "public, max-age=300")], Json(document)).into_response())
}
