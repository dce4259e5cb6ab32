//! What a node's refusals become: one line, one more for each field that is wrong, and an exit code.

use crate::exit::{Class, Failure};
use http::StatusCode;
use serde::Deserialize;

/// An answer in `application/problem+json` (RFC 9457) as the management API writes it.
#[derive(Debug, Deserialize)]
struct Problem {
    title: String,
    code: String,
    #[serde(default)]
    detail: Option<String>,
    #[serde(default)]
    errors: Vec<FieldError>,
    #[serde(default)]
    request_id: Option<String>,
}

/// What is wrong with one field.
#[derive(Debug, Deserialize)]
struct FieldError {
    field: String,
    reason: String,
}

/// The failure that an answer of the management API tells.
pub(super) fn failure(status: StatusCode, body: &[u8]) -> Failure {
    let Ok(problem) = serde_json::from_slice::<Problem>(body) else {
        return without_reason(status);
    };
    let mut text = problem.title;
    if let Some(detail) = problem.detail {
        text += &format!(": {detail}");
    }
    let field = |error: &FieldError| printable(&format!("{}: {}", error.field, error.reason));
    // Where the field's reason is all there is to say, it is said once.
    let fields: Vec<_> = match problem.errors.as_slice() {
        [only] if only.reason == text => {
            text = field(only);
            Vec::new()
        }
        errors => errors.iter().map(field).collect(),
    };
    let class = class(status);
    // Whoever looks after the node finds the request in its log by this.
    if let (Class::Failed, Some(id)) = (class, problem.request_id) {
        text += &format!(" [{}, request {id}]", problem.code);
    }
    if class == Class::NotSignedIn {
        text += "; sign in again with `conclave login`";
    }
    Failure::new(class, printable(&text)).with(fields)
}

/// Whether the node knows nothing of the state that the request asked for, and never will.
pub(super) fn is_of_another_history(status: StatusCode, body: &[u8]) -> bool {
    let code = || serde_json::from_slice::<Problem>(body).map(|problem| problem.code);
    status == StatusCode::CONFLICT && code().is_ok_and(|code| code == "other_lineage")
}

/// A gateway's answer, or that of a node without this part of the API.
fn without_reason(status: StatusCode) -> Failure {
    let class = match class(status) {
        // Not the API's own: it would have named the reason.
        Class::NotFound => Class::Failed,
        class => class,
    };
    Failure::new(
        class,
        format_args!("the node answered {status} and gave no reason: is this Conclave's address?"),
    )
}

fn class(status: StatusCode) -> Class {
    match status.as_u16() {
        400 | 413 | 414 | 415 | 422 => Class::Invalid,
        401 => Class::NotSignedIn,
        403 => Class::Forbidden,
        404 => Class::NotFound,
        409 | 412 | 428 => Class::Conflict,
        408 | 425 | 429 | 502..=504 => Class::Unavailable,
        _ => Class::Failed,
    }
}

/// A text from elsewhere that can't move a terminal's cursor.
pub(super) fn printable(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    fn told(status: u16, body: &Value) -> Failure {
        failure(StatusCode::from_u16(status).unwrap(), body.to_string().as_bytes())
    }

    #[test]
    fn each_status_has_its_exit_code() {
        for (status, class) in [
            (400, Class::Invalid),
            (401, Class::NotSignedIn),
            (403, Class::Forbidden),
            (404, Class::NotFound),
            (409, Class::Conflict),
            (412, Class::Conflict),
            (413, Class::Invalid),
            (422, Class::Invalid),
            (429, Class::Unavailable),
            (500, Class::Failed),
            (503, Class::Unavailable),
        ] {
            let failure = told(status, &json!({ "title": "no", "code": "some_code", "status": status }));
            assert_eq!(failure.class, class, "{status}");
            assert!(failure.text.starts_with("no"), "{}", failure.text);
        }
    }

    #[test]
    fn each_field_that_is_wrong_has_a_line() {
        let errors = json!([{ "field": "name", "reason": "too long" }, { "field": "domain", "reason": "taken\nby\u{1b}[2J" }]);
        let failure =
            told(400, &json!({ "title": "the body is wrong", "code": "invalid_body", "errors": errors }));
        assert_eq!(failure.text, "the body is wrong");
        assert_eq!(failure.under, ["name: too long", "domain: taken by [2J"]);
    }

    #[test]
    fn a_detail_stands_in_the_line() {
        let failure =
            told(409, &json!({ "title": "taken", "code": "already_exists", "detail": "acme\nis there" }));
        assert_eq!(failure.text, "taken: acme is there");
    }

    #[test]
    fn a_defect_names_the_request() {
        let failure = told(500, &json!({ "title": "broken", "code": "internal", "request_id": "r1" }));
        assert_eq!(failure.text, "broken [internal, request r1]");
    }

    #[test]
    fn an_answer_that_is_not_the_apis_is_no_missing_resource() {
        for body in ["", "<html>", "{}", "[]", "{\"title\":1}"] {
            let failure = failure(StatusCode::NOT_FOUND, body.as_bytes());
            assert_eq!(failure.class, Class::Failed, "{body}");
            assert!(failure.text.contains("404"), "{}", failure.text);
        }
    }

    #[test]
    fn a_reason_moves_no_cursor() {
        let failure = told(400, &json!({ "title": "a\u{1b}[2Jb", "code": "x" }));
        assert_eq!(failure.text, "a [2Jb");
    }
}
