//! Parameters of a query or a form: each at most once, none empty-named, bounded (RFC 6749 §3.1, §3.2).

use crate::limits::{FORM_BYTES_MAX, PARAMETERS_MAX, QUERY_BYTES_MAX};
use http::HeaderMap;
use std::collections::BTreeMap;

/// Why parameters are not accepted.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BadForm {
    /// A parameter stands twice.
    #[error("the parameter {0} stands more than once")]
    Duplicate(String),
    /// Too many or too long.
    #[error("the request has more than {PARAMETERS_MAX} parameters or is too long")]
    TooLong,
    /// Not a form.
    #[error("the body must be application/x-www-form-urlencoded")]
    NotAForm,
    /// Not UTF-8, or escapes that are none.
    #[error("the parameters are not well-formed")]
    Malformed,
}

/// Parameters, each at most once. Those without a value count as left out (RFC 6749 §3.1).
#[derive(Clone, Default, PartialEq, Eq)]
pub struct Parameters(BTreeMap<String, String>);

impl std::fmt::Debug for Parameters {
    /// Names only: values hold passwords and secrets.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_set().entries(self.0.keys()).finish()
    }
}

impl Parameters {
    /// The value of a parameter.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(String::as_str).filter(|value| !value.is_empty())
    }

    /// Takes a value out.
    pub fn take(&mut self, name: &str) -> Option<String> {
        self.0.remove(name).filter(|value| !value.is_empty())
    }

    /// Whether a parameter stands there, with or without a value.
    pub fn has(&self, name: &str) -> bool {
        self.0.contains_key(name)
    }

    /// The names of all.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.0.keys().map(String::as_str)
    }

    /// Parses a query.
    pub fn of_query(query: Option<&str>) -> Result<Parameters, BadForm> {
        let query = query.unwrap_or_default();
        if query.len() > QUERY_BYTES_MAX {
            return Err(BadForm::TooLong);
        }
        Self::parse(query.as_bytes())
    }

    /// Parses a form body.
    pub fn of_body(headers: &HeaderMap, body: &[u8]) -> Result<Parameters, BadForm> {
        let kind =
            headers.get(http::header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
        let kind = kind.split(';').next().unwrap_or_default().trim();
        if !kind.eq_ignore_ascii_case("application/x-www-form-urlencoded") {
            return Err(BadForm::NotAForm);
        }
        if body.len() > FORM_BYTES_MAX {
            return Err(BadForm::TooLong);
        }
        Self::parse(body)
    }

    fn parse(bytes: &[u8]) -> Result<Parameters, BadForm> {
        if !well_formed(bytes) {
            return Err(BadForm::Malformed);
        }
        let mut found = BTreeMap::new();
        for (count, (name, value)) in form_urlencoded::parse(bytes).enumerate() {
            if count >= PARAMETERS_MAX {
                return Err(BadForm::TooLong);
            }
            if value.contains('\u{fffd}') || name.contains('\u{fffd}') {
                return Err(BadForm::Malformed);
            }
            if found.insert(name.to_string(), value.into_owned()).is_some() {
                return Err(BadForm::Duplicate(shown(&name)));
            }
        }
        Ok(Parameters(found))
    }
}

/// A name as an error may repeat it (RFC 6749 §5.2 admits neither quotes nor controls nor anything beyond ASCII).
fn shown(name: &str) -> String {
    let plain = |letter: &char| letter.is_ascii_graphic() && !matches!(letter, '"' | '\\');
    name.chars().filter(plain).take(50).collect()
}

/// Whether each percent sign is followed by two hexadecimal digits.
fn well_formed(bytes: &[u8]) -> bool {
    let mut rest = bytes;
    while let Some(at) = rest.iter().position(|byte| *byte == b'%') {
        match rest.get(at + 1..at + 3) {
            Some(digits) if digits.iter().all(u8::is_ascii_hexdigit) => {
                rest = rest.get(at + 3..).unwrap_or_default()
            }
            Some(_) | None => return false,
        }
    }
    true
}
