//! Server-rendered pages: sign-in, sign-out and errors, as plain HTML without JavaScript.
//!
//! The rendering half is pure: data and a locale go in, HTML comes out. It knows nothing of HTTP, cookies or the
//! cluster: [`locale`] (which language), [`texts`] (its words), [`render`] (one file per page), [`assets`] (style sheet,
//! icon, and the headers a page must be sent with). The other half are the handlers: [`sign_in`], [`sign_out`].

pub mod assets;
pub mod form_token;
pub mod locale;
pub mod render;
pub mod respond;
pub mod sign_in;
pub mod sign_out;
pub mod strangers;
pub mod texts;

use api_core::Service;
use api_core::extract::tenant::settle_host;
use api_core::limits::FORM_BYTES_MAX;
use axum::extract::{DefaultBodyLimit, Path, Request};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use axum::{Extension, Router, middleware};
use std::sync::Arc;
use strangers::Strangers;

/// Every route of this room.
pub fn router(service: Service) -> Router {
    Router::new()
        .route(sign_in::PATH, get(sign_in::get).post(sign_in::post))
        .route(sign_out::PATH, axum::routing::post(sign_out::post))
        .route("/ui/assets/{name}", get(asset))
        .layer(Extension(Arc::new(Strangers::default())))
        .layer(DefaultBodyLimit::max(FORM_BYTES_MAX))
        .layer(middleware::map_request(async |request: Request| settle_host(request)))
        .with_state(service)
}

async fn asset(Path(name): Path<String>) -> Response {
    match assets::asset(&format!("/ui/assets/{name}")) {
        Some(found) => {
            let headers = [
                (header::CONTENT_TYPE, found.content_type),
                (header::CACHE_CONTROL, found.cache_control),
                (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
            ];
            (headers, found.body).into_response()
        }
        None => StatusCode::NOT_FOUND.into_response(),
    }
}
