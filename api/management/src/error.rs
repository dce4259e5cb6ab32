//! Errors of the management API as problems (RFC 9457): a status, a stable code for programs, a text that says what to do.

use api_core::bootstrap;
use api_core::extract::tenant::NoTenant;
use api_core::passwords::PasswordError;
use api_core::sealed_state::SealError;
use api_core::{SubmitError, Unavailable};
use axum::extract::rejection::BytesRejection;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use identity::permission::{Permission, Within};
use identity::reader::No;
use identity::refusal::{Class, Refusal};
use identity::tables::Fault;
use serde_json::{Value, json};

/// A problem.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    status: StatusCode,
    code: &'static str,
    title: String,
    fields: Vec<Field>,
}

/// What is wrong with one field.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Field {
    /// Its path in the body, such as `kind.human.email`.
    pub field: String,
    /// What it should be.
    pub reason: String,
}

impl Problem {
    /// A problem without fields.
    pub fn new(status: StatusCode, code: &'static str, title: impl Into<String>) -> Problem {
        Problem { status, code, title: title.into(), fields: Vec::new() }
    }

    /// 400 with what is wrong with the fields of the body.
    pub fn fields(fields: Vec<Field>) -> Problem {
        let title = "the body has fields that can't be taken";
        Problem { fields, ..Problem::new(StatusCode::BAD_REQUEST, "invalid_body", title) }
    }

    /// 400 about one field.
    pub fn field(field: &str, reason: impl Into<String>) -> Problem {
        Problem::fields(vec![Field { field: field.to_owned(), reason: reason.into() }])
    }

    /// 403, with the permission that is needed and where.
    pub fn lacking(permission: Permission, within: &Within) -> Problem {
        let place = match within {
            Within::Instance => "at the instance".to_owned(),
            Within::Organization(id) => format!("in the organization {id}"),
            Within::Project(id) => format!("in the project {id}"),
            Within::ProjectGrant(id) => format!("by the project grant {id}"),
        };
        let refusal = Problem::from(Refusal::NotPermitted);
        Problem { title: format!("{}: {permission} {place}", refusal.title), ..refusal }
    }

    /// 404: it does not exist, or not for this caller; which of both is not told.
    pub fn not_found() -> Problem {
        Refusal::NotFound.into()
    }

    /// 404 about what a field of the body names.
    pub fn nothing_at(field: &str) -> Problem {
        let reason = "there is no such resource, or not for you".to_owned();
        let field = Field { field: field.to_owned(), reason };
        Problem { fields: vec![field], ..Problem::not_found() }
    }

    /// This problem with one field, to which its title applies.
    #[must_use]
    pub fn about(self, field: &str) -> Problem {
        let field = Field { field: field.to_owned(), reason: self.title.clone() };
        Problem { fields: vec![field], ..self }
    }

    /// What is wrong with the fields of a body, put beside what was found before; anything else stays a problem of its own.
    pub(crate) fn gather<T>(
        faults: &mut Vec<Field>,
        found: Result<T, Problem>,
    ) -> Result<Option<T>, Problem> {
        match found {
            Ok(found) => Ok(Some(found)),
            Err(problem) if problem.code == "invalid_body" && !problem.fields.is_empty() => {
                faults.extend(problem.fields);
                Ok(None)
            }
            Err(problem) => Err(problem),
        }
    }

    /// Its status.
    pub fn status(&self) -> StatusCode {
        self.status
    }

    /// Its stable code.
    pub fn code(&self) -> &'static str {
        self.code
    }

    /// Its JSON, as it stands in answers and in results of bulk requests.
    pub fn json(&self) -> Value {
        let mut body = json!({
            "type": "about:blank",
            "status": self.status.as_u16(),
            "code": self.code,
            "title": self.title,
        });
        if !self.fields.is_empty() {
            let fields = self.fields.iter().map(|at| json!({ "field": at.field, "reason": at.reason }));
            body["errors"] = fields.collect();
        }
        body
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let mut response = (self.status, self.json().to_string()).into_response();
        let headers = response.headers_mut();
        let kind = HeaderValue::from_static("application/problem+json");
        headers.insert(header::CONTENT_TYPE, kind);
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
        if self.status == StatusCode::SERVICE_UNAVAILABLE {
            headers.insert(header::RETRY_AFTER, HeaderValue::from_static("1"));
        }
        if self.status == StatusCode::UNAUTHORIZED {
            // Who sent nothing is told no error (RFC 6750 §3.1).
            let challenge = match self.code {
                "token_missing" => "Bearer realm=\"conclave\"",
                _ => "Bearer realm=\"conclave\", error=\"invalid_token\"",
            };
            headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static(challenge));
        }
        if self.code == "insufficient_scope" {
            let challenge = "Bearer realm=\"conclave\", error=\"insufficient_scope\"";
            headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static(challenge));
        }
        response
    }
}

impl From<Refusal> for Problem {
    fn from(refusal: Refusal) -> Problem {
        let problem = Problem::new(status(refusal), refusal.code(), refusal.to_string());
        match refusal.field() {
            Some(field) => problem.about(field),
            None => problem,
        }
    }
}

fn status(refusal: Refusal) -> StatusCode {
    match refusal.class() {
        Class::Fault => StatusCode::INTERNAL_SERVER_ERROR,
        Class::Late => StatusCode::SERVICE_UNAVAILABLE,
        Class::Caller => StatusCode::UNAUTHORIZED,
        Class::Forbidden => StatusCode::FORBIDDEN,
        Class::Missing => StatusCode::NOT_FOUND,
        Class::Changed => StatusCode::PRECONDITION_FAILED,
        Class::Conflict => StatusCode::CONFLICT,
        Class::Values => StatusCode::BAD_REQUEST,
        Class::Delayed => StatusCode::TOO_MANY_REQUESTS,
    }
}

/// 500, with the reason in the operator's log only.
pub(crate) fn internal(reason: impl std::fmt::Display) -> Problem {
    tracing::error!(%reason, "a request of the management API failed");
    Refusal::Internal.into()
}

fn unavailable() -> Problem {
    let title = "the cluster can't answer now; try again";
    Problem::new(StatusCode::SERVICE_UNAVAILABLE, "unavailable", title)
}

impl From<No> for Problem {
    fn from(no: No) -> Problem {
        match no {
            No::Refused(refusal) => refusal.into(),
            No::Fault(fault) => fault.into(),
        }
    }
}

impl From<Fault> for Problem {
    fn from(fault: Fault) -> Problem {
        internal(fault)
    }
}

impl From<Unavailable> for Problem {
    fn from(_: Unavailable) -> Problem {
        unavailable()
    }
}

impl From<SubmitError> for Problem {
    fn from(error: SubmitError) -> Problem {
        match error {
            SubmitError::Refused(refusal) => refusal.into(),
            SubmitError::NotApplied(_) | SubmitError::Unknown(_) => unavailable(),
        }
    }
}

impl From<NoTenant> for Problem {
    fn from(_: NoTenant) -> Problem {
        Problem::new(StatusCode::NOT_FOUND, "no_instance", "no instance has this host name")
    }
}

impl From<bootstrap::Error> for Problem {
    fn from(error: bootstrap::Error) -> Problem {
        match error {
            bootstrap::Error::Submit(error) => error.into(),
            bootstrap::Error::Unavailable(error) => error.into(),
            bootstrap::Error::Password(error) => error.into(),
            bootstrap::Error::Weak(unmet) => Problem::fields(
                unmet
                    .iter()
                    .map(|lack| Field { field: "password".into(), reason: lack.to_string() })
                    .collect(),
            ),
            bootstrap::Error::Crypto(_) | bootstrap::Error::State(_) => internal(error),
        }
    }
}

impl From<PasswordError> for Problem {
    fn from(error: PasswordError) -> Problem {
        match error {
            PasswordError::Busy => unavailable(),
            other => internal(other),
        }
    }
}

impl From<SealError> for Problem {
    fn from(error: SealError) -> Problem {
        internal(error)
    }
}

impl From<api_oidc::error::Error> for Problem {
    /// What is wrong with the token; the OAuth endpoints' other errors do not come up here.
    fn from(error: api_oidc::error::Error) -> Problem {
        use api_oidc::error::Error as E;
        match error {
            E::Unavailable => unavailable(),
            E::NoInstance => NoTenant.into(),
            E::InvalidRequest(text) => Problem::new(StatusCode::BAD_REQUEST, "invalid_request", text),
            E::TokenMissing => Problem::new(
                StatusCode::UNAUTHORIZED,
                "token_missing",
                "send an access token or a personal access token in the Authorization header",
            ),
            E::InvalidClient
            | E::InvalidGrant(_)
            | E::UnauthorizedClient
            | E::UnsupportedGrantType
            | E::InvalidScope(_)
            | E::InvalidToken
            | E::InsufficientScope(_)
            | E::TooLarge => Problem::new(
                StatusCode::UNAUTHORIZED,
                "invalid_token",
                "the access token is expired, revoked or not one of ours",
            ),
            E::Internal => internal("the token could not be looked at"),
        }
    }
}

impl From<BytesRejection> for Problem {
    fn from(error: BytesRejection) -> Problem {
        if error.status() == StatusCode::PAYLOAD_TOO_LARGE {
            let title = "a request body has at most 1 MiB";
            return Problem::new(StatusCode::PAYLOAD_TOO_LARGE, "too_large", title);
        }
        Problem::new(StatusCode::BAD_REQUEST, "invalid_body", "the body ended too early")
    }
}
