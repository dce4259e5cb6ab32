//! The management API: every resource over HTTP, from the same tables as the domain. Rules stand in `identity`; what is
//! here reads requests, asks, and writes answers.
//!
//! A plain resource has no file here: `plain` serves all of them. Verbs and what is no plain resource have one each.

pub mod answer;
pub mod ask;
pub mod condition;
pub mod cursor;
pub mod error;
pub mod filter;
pub mod form;
pub mod noun;
pub mod plain;
pub mod position;
pub mod query;

use crate::error::Problem;
use api_core::Service;
use api_core::limits::BODY_BYTES_MAX;
use axum::Router;
use axum::extract::DefaultBodyLimit;

macro_rules! nouns {
    ($($number:literal $name:ident $word:literal $plural:literal $type:ty;)*) => {
        fn nouns(router: Router<Service>) -> Router<Service> {
            $(let router = plain::routes::<$type>(router);)*
            router
        }
    };
}
identity::resources!(nouns);

/// Every route of this room.
pub fn router(service: Service) -> Router {
    nouns(Router::new())
        .method_not_allowed_fallback(async || {
            let status = axum::http::StatusCode::METHOD_NOT_ALLOWED;
            Problem::new(status, "method_not_allowed", "this address does not take this method")
        })
        .layer(DefaultBodyLimit::max(BODY_BYTES_MAX))
        .with_state(service)
}
