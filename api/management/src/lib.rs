//! The management API: every resource over HTTP, from the same tables as the domain. Rules stand in `identity`; what is
//! here reads requests, asks, and writes answers.
//!
//! A plain resource has no file here: `plain` serves all of them. Verbs and what is no plain resource have one each.

// A request and its answer.
pub mod answer;
pub mod ask;
pub mod at;
pub mod cursor;
pub mod error;
pub mod position;
pub mod query;

// Plain resources.
pub mod bulk;
pub mod condition;
pub mod filter;
pub mod form;
pub mod noun;
pub mod place;
pub mod plain;
pub mod schema;
pub mod shape;

// What is no plain resource, and verbs.
pub mod events;
pub mod export;
pub mod seats;
pub mod sessions;
pub mod settings;
pub mod stream;
pub mod users;

// The API as a whole.
pub mod docs;
pub mod openapi;
pub mod route;

use crate::error::Problem;
use crate::route::Route;
use crate::seats::Rooms;
use api_core::Service;
use api_core::limits::BODY_BYTES_MAX;
use axum::extract::DefaultBodyLimit;
use axum::http::StatusCode;
use axum::{Extension, Router};

macro_rules! nouns {
    ($($number:literal $name:ident $word:literal $plural:literal $type:ty;)*) => {
        fn nouns() -> Vec<Route> {
            [$(plain::routes::<$type>()),*].into_iter().flatten().collect()
        }
    };
}
identity::resources!(nouns);

/// Every route of the API, with what is said about it.
pub fn routes() -> Vec<Route> {
    [nouns(), users::routes(), sessions::routes(), settings::routes(), events::routes()]
        .into_iter()
        .flatten()
        .collect()
}

/// Every route of this room.
pub fn router(service: Service) -> Router {
    let routes = routes();
    docs::router(&routes)
        .merge(route::router(routes))
        .method_not_allowed_fallback(async || {
            let title = "this address does not take this method";
            Problem::new(StatusCode::METHOD_NOT_ALLOWED, "method_not_allowed", title)
        })
        .layer(DefaultBodyLimit::max(BODY_BYTES_MAX))
        .layer(Extension(Rooms::default()))
        .with_state(service)
}
