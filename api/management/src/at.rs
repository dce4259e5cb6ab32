//! The parameters of a path. What is no text, or no id, is not there.

use crate::error::Problem;
use axum::extract::{FromRequestParts, Path};
use axum::http::request::Parts;
use identity::id::Id;

/// The parameters of a path, in their order.
pub struct At(Vec<String>);

impl<S: Send + Sync> FromRequestParts<S> for At {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<At, Problem> {
        let Path(parameters) =
            Path::from_request_parts(parts, state).await.map_err(|_| Problem::not_found())?;
        Ok(At(parameters))
    }
}

impl At {
    /// The first one; nothing for a path without parameters.
    pub fn first(&self) -> Option<&str> {
        self.0.first().map(String::as_str)
    }

    /// The second one.
    pub fn second(&self) -> Option<&str> {
        self.0.get(1).map(String::as_str)
    }

    /// The first one as an id.
    pub fn id(&self) -> Result<Id, Problem> {
        self.parent()?.ok_or_else(Problem::not_found)
    }

    /// The first one as an id, if the path has parameters.
    pub fn parent(&self) -> Result<Option<Id>, Problem> {
        self.first().map(|text| Id::parse(text).map_err(|_| Problem::not_found())).transpose()
    }
}
