//! A route and what is said about it: the router, its description and the golden list of routes are made of these.

use api_core::Service;
use axum::http::{Method, StatusCode};
use axum::routing::{MethodFilter, MethodRouter, on};
use axum::{Router, handler::Handler};
use schemars::SchemaGenerator;
use serde_json::Value;

/// Writes a schema; what it refers to goes into the generator.
pub type Schema = fn(&mut SchemaGenerator) -> Value;

/// A route of the API.
pub struct Route {
    /// Its method.
    pub method: Method,
    /// Its path, with parameters in braces.
    pub path: String,
    /// What programs call it.
    pub operation: String,
    /// The word by which it is grouped.
    pub group: &'static str,
    /// What it does, in a sentence.
    pub summary: String,
    /// Who may: a permission such as `project.write`, or a word on whom.
    pub permission: String,
    /// Its query's parameters.
    pub query: &'static [(&'static str, &'static str)],
    /// Its body.
    pub body: Option<Schema>,
    /// The status of its answer: 204 for one that says nothing but that it was done.
    pub status: StatusCode,
    /// Its answer, if there is one.
    pub answer: Option<Schema>,
    /// What its answer is written in.
    pub media: &'static str,
    handler: MethodRouter<Service>,
}

impl Route {
    /// A route with nothing said about it but its place.
    pub fn new<H, A>(method: Method, path: impl Into<String>, handler: H) -> Route
    where
        H: Handler<A, Service>,
        A: 'static,
    {
        let filter = match method {
            Method::GET => MethodFilter::GET,
            Method::POST => MethodFilter::POST,
            Method::PUT => MethodFilter::PUT,
            Method::PATCH => MethodFilter::PATCH,
            _ => MethodFilter::DELETE,
        };
        Route {
            method,
            path: path.into(),
            operation: String::new(),
            group: "",
            summary: String::new(),
            permission: String::new(),
            query: &[],
            body: None,
            status: StatusCode::NO_CONTENT,
            answer: None,
            media: "application/json",
            handler: on(filter, handler),
        }
    }

    /// What it is called, and in which group.
    #[must_use]
    pub fn called(self, operation: impl Into<String>, group: &'static str) -> Route {
        Route { operation: operation.into(), group, ..self }
    }

    /// What it does, and who may.
    #[must_use]
    pub fn about(self, summary: impl Into<String>, permission: impl Into<String>) -> Route {
        Route { summary: summary.into(), permission: permission.into(), ..self }
    }

    /// With these parameters of the query.
    #[must_use]
    pub fn query(self, query: &'static [(&'static str, &'static str)]) -> Route {
        Route { query, ..self }
    }

    /// With a body.
    #[must_use]
    pub fn takes(self, body: Schema) -> Route {
        Route { body: Some(body), ..self }
    }

    /// With an answer.
    #[must_use]
    pub fn gives(self, status: StatusCode, answer: Schema) -> Route {
        Route { status, answer: Some(answer), ..self }
    }

    /// With an answer in lines that go on as long as somebody reads.
    #[must_use]
    pub fn streams(self, media: &'static str) -> Route {
        Route { status: StatusCode::OK, answer: Some(text), media, ..self }
    }
}

fn text(_: &mut SchemaGenerator) -> Value {
    serde_json::json!({ "type": "string" })
}

/// The router of routes.
pub fn router(routes: Vec<Route>) -> Router<Service> {
    routes.into_iter().fold(Router::new(), |router, route| router.route(&route.path, route.handler))
}
