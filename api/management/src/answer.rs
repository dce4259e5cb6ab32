//! Answers: JSON with the position that it is true for, and the revision as an entity tag.

use crate::position::{POSITION, write};
use api_core::{Position, View};
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde_json::Value;

/// An answer.
#[derive(Clone, Debug)]
pub struct Answer {
    /// Its JSON; null for none.
    pub body: Value,
    status: StatusCode,
    position: Position,
    revision: Option<u64>,
    location: Option<String>,
}

/// What a view showed.
pub fn read(view: &View, body: Value) -> Answer {
    Answer { body, status: StatusCode::OK, position: view.position, revision: None, location: None }
}

/// That it was done, and nothing else.
pub fn nothing(position: Position) -> Answer {
    Answer { body: Value::Null, status: StatusCode::NO_CONTENT, position, revision: None, location: None }
}

impl Answer {
    /// With the revision of the resource.
    #[must_use]
    pub fn tagged(self, revision: u64) -> Answer {
        Answer { revision: Some(revision), ..self }
    }

    /// 201, with where it is found.
    #[must_use]
    pub fn created(self, location: &str) -> Answer {
        Answer { status: StatusCode::CREATED, location: Some(location.to_owned()), ..self }
    }
}

impl IntoResponse for Answer {
    fn into_response(self) -> Response {
        let mut response = match self.body {
            Value::Null => self.status.into_response(),
            body => (self.status, axum::Json(body)).into_response(),
        };
        let headers = response.headers_mut();
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
        let mut put = |name, text: String| {
            if let Ok(value) = HeaderValue::from_str(&text) {
                headers.insert(name, value);
            }
        };
        put(POSITION, write(self.position));
        if let Some(revision) = self.revision {
            put(header::ETAG, format!("\"{revision}\""));
        }
        if let Some(location) = self.location {
            put(header::LOCATION, location);
        }
        response
    }
}
