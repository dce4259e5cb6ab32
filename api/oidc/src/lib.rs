//! OAuth 2.0 and OpenID Connect: the endpoints, a file each. Rules of who gets what stand in `identity`.

pub mod authorize;
pub mod bearer;
pub mod claims;
pub mod discovery;
pub mod end_session;
pub mod error;
pub mod introspect;
pub mod jwt;
pub mod keys;
pub mod revoke;
pub mod token;
pub mod userinfo;

use api_core::Service;
use api_core::extract::tenant::settle_host;
use api_core::limits::FORM_BYTES_MAX;
use axum::Router;
use axum::extract::{DefaultBodyLimit, Request};
use axum::http::{HeaderValue, Method, StatusCode, header};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};

/// Every route of this room.
pub fn router(service: Service) -> Router {
    // No cookie is read here, so that any page may call these with the tokens it holds.
    let open = Router::new()
        .route("/.well-known/openid-configuration", get(discovery::handle))
        .route("/.well-known/oauth-authorization-server", get(discovery::handle))
        .route("/oauth/v2/keys", get(keys::handle))
        .route("/oauth/v2/token", post(token::handle))
        .route("/oauth/v2/introspect", post(introspect::handle))
        .route("/oauth/v2/revoke", post(revoke::handle))
        .route("/oidc/v1/userinfo", get(userinfo::get).post(userinfo::post))
        .layer(middleware::from_fn(cross_origin));
    let browser = Router::new()
        .route("/oauth/v2/authorize", get(authorize::get).post(authorize::post).head(no_head))
        .route("/oidc/v1/end_session", get(end_session::get).post(end_session::post).head(no_head));
    open.merge(browser)
        .layer(DefaultBodyLimit::max(FORM_BYTES_MAX))
        .layer(middleware::map_request(async |request: Request| settle_host(request)))
        .with_state(service)
}

/// What issues a code or ends a session when it is got is not for those who only look (RFC 9110 §9.2.1).
async fn no_head() -> impl IntoResponse {
    (StatusCode::METHOD_NOT_ALLOWED, [(header::ALLOW, "GET, POST")])
}

/// Answers to any origin, never with credentials: there is nothing here that a browser would add by itself.
async fn cross_origin(request: Request, next: Next) -> Response {
    let preflight = request.method() == Method::OPTIONS;
    let mut response =
        if preflight { StatusCode::NO_CONTENT.into_response() } else { next.run(request).await };
    let headers = response.headers_mut();
    headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, HeaderValue::from_static("*"));
    if preflight {
        let allowed = HeaderValue::from_static("authorization, content-type");
        headers.insert(header::ACCESS_CONTROL_ALLOW_HEADERS, allowed);
        headers.insert(header::ACCESS_CONTROL_ALLOW_METHODS, HeaderValue::from_static("GET, POST"));
        headers.insert(header::ACCESS_CONTROL_MAX_AGE, HeaderValue::from_static("600"));
    }
    response
}
