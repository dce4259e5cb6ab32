//! The parameters of a query: those that the endpoint knows, each once.

use crate::error::Problem;
use api_core::extract::form::Parameters;
use axum::http::StatusCode;

/// How many resources a page has unless another number is asked for.
pub const LIMIT_DEFAULT: usize = 50;
/// The most resources of a page.
pub const LIMIT_MAX: usize = 1000;

/// Parameters of a query.
pub struct Params(Parameters);

fn refused(title: String) -> Problem {
    Problem::new(StatusCode::BAD_REQUEST, "invalid_query", title)
}

impl Params {
    /// Reads a query that has no other parameters than these.
    pub fn of(query: Option<&str>, known: &[&str]) -> Result<Params, Problem> {
        let params = Parameters::of_query(query).map_err(|error| refused(error.to_string()))?;
        if let Some(unknown) = params.names().find(|name| !known.contains(name)) {
            let known = if known.is_empty() { "none".to_owned() } else { known.join(", ") };
            return Err(refused(format!("the parameter {unknown:?} is not known here; these are: {known}")));
        }
        Ok(Params(params))
    }

    /// The value of a parameter; an empty one counts as none.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.0.get(name).filter(|value| !value.is_empty())
    }

    /// How many are asked for.
    pub fn limit(&self) -> Result<usize, Problem> {
        let Some(text) = self.get("limit") else { return Ok(LIMIT_DEFAULT) };
        let limit = text.parse().ok().filter(|limit| (1..=LIMIT_MAX).contains(limit));
        limit.ok_or_else(|| refused(format!("limit is a number from 1 to {LIMIT_MAX}")))
    }
}
