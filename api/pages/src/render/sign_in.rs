//! The sign-in page: user name and password on one page.

use std::borrow::Cow;

use askama::Template;

use super::{finished, is_local_path, local_path};
use crate::locale::Locale;
use crate::texts::Around;

/// What the sign-in page shows and sends back.
#[derive(Clone, Copy, Debug)]
pub struct SignIn<'a> {
    /// The shown name of the application one signs in to.
    pub application: &'a str,
    /// The shown name of the organization whose account is asked for.
    pub organization: Option<&'a str>,
    /// Stands in the field already; empty if nothing is known.
    pub login_name: &'a str,
    /// Where the form goes: a path on this origin.
    pub action: &'a str,
    /// The sealed state of the flow, sent back as `flow`.
    pub flow: &'a str,
    /// Sent back as `csrf`.
    pub csrf: &'a str,
    pub problem: Option<SignInProblem>,
    /// A path on this origin that ends the flow; anything else shows no link.
    pub cancel: Option<&'a str>,
}

/// Why the page is shown again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SignInProblem {
    /// Unknown user, wrong password, locked or without a password: one text for all.
    WrongCredentials,
    /// The organization of the application does not allow passwords: shown whatever name is given, and before one is.
    PasswordNotAllowed,
    TryLater {
        seconds: u64,
    },
    /// The form was older than its flow; a fresh one is on the page.
    Expired,
    Unavailable,
}

/// The sign-in page as HTML.
///
/// Form fields: `username`, `password`, `flow`, `csrf`. Ids: `#username`, `#password`, `#login-submit`, and
/// `#sign-in-problem` when there is one.
#[must_use]
pub fn sign_in(locale: Locale, page: &SignIn<'_>) -> String {
    finished(&SignInTemplate {
        locale,
        page,
        action: local_path(page.action),
        cancel: page.cancel.filter(|path| is_local_path(path)),
        application: locale.around("sign-in-application", "application"),
        organization: page
            .organization
            .map(|name| (locale.around("sign-in-organization", "organization"), name)),
        problem: page.problem.map(|problem| problem_text(locale, problem)),
        credentials_are_wrong: page.problem == Some(SignInProblem::WrongCredentials),
    })
}

#[derive(Template)]
#[template(path = "sign_in.html")]
struct SignInTemplate<'a> {
    locale: Locale,
    page: &'a SignIn<'a>,
    action: &'a str,
    cancel: Option<&'a str>,
    application: Around,
    organization: Option<(Around, &'a str)>,
    problem: Option<Cow<'static, str>>,
    credentials_are_wrong: bool,
}

fn problem_text(locale: Locale, problem: SignInProblem) -> Cow<'static, str> {
    match problem {
        SignInProblem::WrongCredentials => locale.text("problem-wrong-credentials"),
        SignInProblem::PasswordNotAllowed => locale.text("problem-password-not-allowed"),
        SignInProblem::TryLater { seconds } => waiting_text(locale, seconds),
        SignInProblem::Expired => locale.text("problem-expired"),
        SignInProblem::Unavailable => locale.text("problem-unavailable"),
    }
}

/// Rounds up, never down: whoever waits as long as the page says must not be turned away again.
fn waiting_text(locale: Locale, seconds: u64) -> Cow<'static, str> {
    match seconds {
        0..=1 => locale.count("wait-seconds", 1),
        2..=90 => locale.count("wait-seconds", seconds),
        91..=5400 => locale.count("wait-minutes", seconds.div_ceil(60)),
        _ => locale.count("wait-hours", seconds.div_ceil(3600)),
    }
}
