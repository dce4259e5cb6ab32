//! What a token request costs at least: a bare axum handler that parses the form, compares a SHA-256 and signs with a
//! parsed key.

use crate::Error;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use axum::{Json, Router};
use crypto::{Alg, SigningKey};
use serde_json::json;
use std::sync::Arc;

struct Hands {
    secret: [u8; 32],
    key: SigningKey,
}

/// Serves it until the process is stopped.
pub(crate) async fn serve(port: u16) -> Result<(), Error> {
    let made = SigningKey::generate(Alg::Es256)?;
    let key = SigningKey::from_pkcs8(&made.kid, Alg::Es256, &made.pkcs8)?;
    let hands = Arc::new(Hands { secret: crypto::sha256(b"bare:bare"), key });
    let router = Router::new().route("/token", post(token)).route("/ready", axum::routing::get(|| async {}));
    let listener = tokio::net::TcpListener::bind(("127.0.0.1", port)).await?;
    let serving = axum::serve(listener, router.with_state(hands));
    tokio::select! {
        served = serving => Ok(served?),
        stopped = tokio::signal::ctrl_c() => Ok(stopped?),
    }
}

async fn token(State(hands): State<Arc<Hands>>, headers: HeaderMap, body: Bytes) -> Response {
    use base64::Engine;
    let grant = form_urlencoded::parse(&body).find(|(name, _)| name == "grant_type");
    let pair = headers.get("authorization").and_then(|value| value.to_str().ok()).unwrap_or_default();
    let pair = pair.strip_prefix("Basic ").unwrap_or_default();
    let pair = base64::engine::general_purpose::STANDARD.decode(pair).unwrap_or_default();
    if grant.is_none() || !crypto::same(&crypto::sha256(&pair), &hands.secret) {
        return StatusCode::UNAUTHORIZED.into_response();
    }
    let claims = json!({
        "iss": "http://localhost:8080", "sub": "01234567890123456789012345678901", "aud": "http://localhost:8080",
        "exp": 1_900_000_000, "iat": 1_800_000_000, "jti": "0123456789012345678901",
        "client_id": "01234567890123456789012345678901", "scope": "openid",
    });
    match crypto::issue(&hands.key, "at+jwt", &claims).await {
        Ok(token) => {
            Json(json!({ "access_token": token, "token_type": "Bearer", "expires_in": 900 })).into_response()
        }
        Err(_) => StatusCode::INTERNAL_SERVER_ERROR.into_response(),
    }
}
