//! Errors of the OAuth endpoints as RFC 6749 §5.2 writes them: a code that programs know, a text that says what to do.

use api_core::bootstrap;
use api_core::extract::client::ClientError;
use api_core::extract::form::BadForm;
use api_core::extract::tenant::NoTenant;
use api_core::keys::KeyError;
use api_core::{SubmitError, Unavailable};
use axum::Json;
use axum::extract::rejection::BytesRejection;
use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use identity::reader::No;
use identity::refusal::{Class, Refusal};
use serde_json::json;

/// An OAuth error.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Error {
    /// 400 `invalid_request`.
    InvalidRequest(String),
    /// 401 `invalid_client`: always the same.
    InvalidClient,
    /// 400 `invalid_grant`.
    InvalidGrant(&'static str),
    /// 400 `unauthorized_client`.
    UnauthorizedClient,
    /// 400 `unsupported_grant_type`.
    UnsupportedGrantType,
    /// 400 `invalid_scope`.
    InvalidScope(&'static str),
    /// 401 `invalid_token` (RFC 6750 §3.1).
    InvalidToken,
    /// 401 without an error in the challenge: there was no token to judge (RFC 6750 §3.1).
    TokenMissing,
    /// 403 `insufficient_scope` (RFC 6750 §3.1).
    InsufficientScope(&'static str),
    /// 413.
    TooLarge,
    /// 404: no instance has this host name.
    NoInstance,
    /// 503: this node can't prove that its state is new enough, or the log can't take the command.
    Unavailable,
    /// 500: the operator was told.
    Internal,
}

impl Error {
    fn parts(&self) -> (StatusCode, &'static str, &str) {
        match self {
            Error::InvalidRequest(text) => (StatusCode::BAD_REQUEST, "invalid_request", text),
            Error::InvalidClient => {
                (StatusCode::UNAUTHORIZED, "invalid_client", "client authentication failed")
            }
            Error::InvalidGrant(text) => (StatusCode::BAD_REQUEST, "invalid_grant", text),
            Error::UnauthorizedClient => {
                (StatusCode::BAD_REQUEST, "unauthorized_client", "this client may not use this grant type")
            }
            Error::UnsupportedGrantType => (
                StatusCode::BAD_REQUEST,
                "unsupported_grant_type",
                "use a grant type of grant_types_supported in the discovery document",
            ),
            Error::InvalidScope(text) => (StatusCode::BAD_REQUEST, "invalid_scope", text),
            Error::InvalidToken => (
                StatusCode::UNAUTHORIZED,
                "invalid_token",
                "the access token is expired, revoked or not one of ours",
            ),
            Error::TokenMissing => (
                StatusCode::UNAUTHORIZED,
                "invalid_token",
                "send an access token in the Authorization header",
            ),
            Error::InsufficientScope(text) => (StatusCode::FORBIDDEN, "insufficient_scope", text),
            Error::TooLarge => (StatusCode::PAYLOAD_TOO_LARGE, "invalid_request", "the request is too large"),
            Error::NoInstance => (StatusCode::NOT_FOUND, "invalid_request", "no instance has this host name"),
            Error::Unavailable => (
                StatusCode::SERVICE_UNAVAILABLE,
                "temporarily_unavailable",
                "the cluster can't answer now; try again",
            ),
            Error::Internal => (StatusCode::INTERNAL_SERVER_ERROR, "server_error", "something failed inside"),
        }
    }

    /// Its OAuth error code.
    pub fn code(&self) -> &'static str {
        self.parts().1
    }
}

impl IntoResponse for Error {
    fn into_response(self) -> Response {
        let (status, code, text) = self.parts();
        let mut response =
            (status, Json(json!({ "error": code, "error_description": text }))).into_response();
        let headers = response.headers_mut();
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
        let challenge = match &self {
            Error::InvalidClient => Some("Basic realm=\"conclave\""),
            Error::InvalidToken => Some("Bearer error=\"invalid_token\""),
            Error::TokenMissing => Some("Bearer realm=\"conclave\""),
            Error::InsufficientScope(_) => Some("Bearer error=\"insufficient_scope\", scope=\"openid\""),
            Error::InvalidRequest(_)
            | Error::InvalidGrant(_)
            | Error::UnauthorizedClient
            | Error::UnsupportedGrantType
            | Error::InvalidScope(_)
            | Error::TooLarge
            | Error::NoInstance
            | Error::Unavailable
            | Error::Internal => None,
        };
        if let Some(challenge) = challenge {
            headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static(challenge));
        }
        if self == Error::Unavailable {
            headers.insert(header::RETRY_AFTER, HeaderValue::from_static("1"));
        }
        response
    }
}

impl From<BadForm> for Error {
    fn from(error: BadForm) -> Error {
        match error {
            BadForm::TooLong => Error::TooLarge,
            BadForm::Duplicate(_) | BadForm::NotAForm | BadForm::Malformed => {
                Error::InvalidRequest(error.to_string())
            }
        }
    }
}

impl From<BytesRejection> for Error {
    fn from(error: BytesRejection) -> Error {
        if error.status() == StatusCode::PAYLOAD_TOO_LARGE {
            Error::TooLarge
        } else {
            Error::InvalidRequest("the body ended too early".into())
        }
    }
}

impl From<NoTenant> for Error {
    fn from(_: NoTenant) -> Error {
        Error::NoInstance
    }
}

impl From<Unavailable> for Error {
    fn from(_: Unavailable) -> Error {
        Error::Unavailable
    }
}

impl From<ClientError> for Error {
    fn from(error: ClientError) -> Error {
        match error {
            ClientError::InvalidRequest(text) => Error::InvalidRequest(text.into()),
            ClientError::InvalidClient => Error::InvalidClient,
            ClientError::Fault(fault) => internal(&fault),
        }
    }
}

impl From<KeyError> for Error {
    fn from(error: KeyError) -> Error {
        match error {
            KeyError::None(_) => Error::Unavailable,
            KeyError::Broken(text) => internal(&text),
        }
    }
}

impl From<crypto::Error> for Error {
    fn from(error: crypto::Error) -> Error {
        internal(&error.to_string())
    }
}

impl From<bootstrap::Error> for Error {
    fn from(error: bootstrap::Error) -> Error {
        match error {
            bootstrap::Error::Submit(error) => error.into(),
            bootstrap::Error::Unavailable(error) => error.into(),
            bootstrap::Error::Crypto(_)
            | bootstrap::Error::Password(_)
            | bootstrap::Error::Weak(_)
            | bootstrap::Error::State(_) => internal(&error.to_string()),
        }
    }
}

impl From<SubmitError> for Error {
    /// A refusal of a token endpoint's command is `invalid_grant`: what was presented no longer counts.
    fn from(error: SubmitError) -> Error {
        match error {
            SubmitError::Refused(refusal) => refused(refusal),
            SubmitError::NotApplied(_) | SubmitError::Unknown(_) => Error::Unavailable,
        }
    }
}

impl From<No> for Error {
    fn from(no: No) -> Error {
        match no {
            No::Refused(refusal) => refused(refusal),
            No::Fault(fault) => internal(&fault.0),
        }
    }
}

fn refused(refusal: Refusal) -> Error {
    match (refusal, refusal.class()) {
        (Refusal::FlowNotAllowed, _) => Error::UnauthorizedClient,
        // Told to the client that the code was issued to, and to nobody else.
        (Refusal::CodeMismatch, _) => Error::InvalidGrant(
            "redirect_uri or code_verifier is missing, or is not the one of the authorization request",
        ),
        (_, Class::Caller) => Error::InvalidClient,
        (_, Class::Late) => Error::Unavailable,
        (_, Class::Fault) => Error::Internal,
        (
            _,
            Class::Forbidden
            | Class::Missing
            | Class::Changed
            | Class::Conflict
            | Class::Values
            | Class::Delayed,
        ) => Error::InvalidGrant("what was presented is not valid, or not any more"),
    }
}

/// Tells the operator; the caller learns nothing.
pub fn internal(detail: &str) -> Error {
    tracing::error!(detail, "an OAuth request failed inside");
    Error::Internal
}
