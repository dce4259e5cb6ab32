//! The error page: what a person meets when there is no safe way back to the application.

use askama::Template;

use super::finished;
use crate::locale::Locale;

/// What the error page shows.
#[derive(Clone, Copy, Debug)]
pub struct ErrorPage<'a> {
    /// The stable name of the error, such as `invalid_redirect_uri`.
    pub code: &'a str,
    pub fault: Fault,
    /// A sentence for the developer of the application, in English; public, so without secrets.
    pub detail: Option<&'a str>,
    /// What an operator looks up in the logs.
    pub request_id: &'a str,
}

/// The kinds of trouble a person can meet, each with its own heading and advice.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    UnknownApplication,
    InvalidRedirectUri,
    InvalidRequest,
    /// The flow is over its time and cannot be taken up again.
    ExpiredRequest,
    /// The flow was begun in another browser, or its cookie did not come back.
    WrongBrowser,
    /// A form without the token or the origin that it must have.
    Forbidden,
    /// No quorum, or overloaded: soon over.
    Unavailable,
    TooLarge,
    NotFound,
    Internal,
}

impl Fault {
    /// Every fault.
    pub const ALL: [Self; 10] = [
        Self::UnknownApplication,
        Self::InvalidRedirectUri,
        Self::InvalidRequest,
        Self::ExpiredRequest,
        Self::WrongBrowser,
        Self::Forbidden,
        Self::Unavailable,
        Self::TooLarge,
        Self::NotFound,
        Self::Internal,
    ];

    /// The ids of its heading and its advice.
    const fn messages(self) -> (&'static str, &'static str) {
        match self {
            Self::UnknownApplication => ("fault-unknown-application", "fault-unknown-application.advice"),
            Self::InvalidRedirectUri => ("fault-invalid-redirect-uri", "fault-invalid-redirect-uri.advice"),
            Self::InvalidRequest => ("fault-invalid-request", "fault-invalid-request.advice"),
            Self::ExpiredRequest => ("fault-expired-request", "fault-expired-request.advice"),
            Self::WrongBrowser => ("fault-wrong-browser", "fault-wrong-browser.advice"),
            Self::Forbidden => ("fault-forbidden", "fault-forbidden.advice"),
            Self::Unavailable => ("fault-unavailable", "fault-unavailable.advice"),
            Self::TooLarge => ("fault-too-large", "fault-too-large.advice"),
            Self::NotFound => ("fault-not-found", "fault-not-found.advice"),
            Self::Internal => ("fault-internal", "fault-internal.advice"),
        }
    }
}

/// The error page as HTML; `#error-page` holds the text that names the fault, and its code.
#[must_use]
pub fn error_page(locale: Locale, page: &ErrorPage<'_>) -> String {
    let (heading, advice) = page.fault.messages();
    finished(&ErrorTemplate { locale, page, heading: &locale.text(heading), advice: &locale.text(advice) })
}

/// The error page for a path that leads nowhere.
#[must_use]
pub fn not_found(locale: Locale, request_id: &str) -> String {
    error_page(locale, &ErrorPage { code: "not_found", fault: Fault::NotFound, detail: None, request_id })
}

#[derive(Template)]
#[template(path = "error_page.html")]
struct ErrorTemplate<'a> {
    locale: Locale,
    page: &'a ErrorPage<'a>,
    heading: &'a str,
    advice: &'a str,
}
