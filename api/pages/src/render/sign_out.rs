//! The two pages of signing out: the question before, and the word after.

use askama::Template;

use super::{finished, is_local_path, local_path};
use crate::locale::Locale;
use crate::texts::Around;

/// What the question shows and sends back.
#[derive(Clone, Copy, Debug)]
pub struct SignOut<'a> {
    /// Where the form goes: a path on this origin.
    pub action: &'a str,
    /// Sent back as `csrf`.
    pub csrf: &'a str,
    /// More names and values to be sent back as they are.
    pub hidden: &'a [(&'a str, &'a str)],
    /// The shown name of the person whose session ends.
    pub person: Option<&'a str>,
    /// A path on this origin for whoever stays; anything else shows no link.
    pub cancel: Option<&'a str>,
}

/// The page that asks before the session ends, as HTML; `#logout-confirm` is its button.
#[must_use]
pub fn sign_out(locale: Locale, page: &SignOut<'_>) -> String {
    finished(&SignOutTemplate {
        locale,
        page,
        action: local_path(page.action),
        cancel: page.cancel.filter(|path| is_local_path(path)),
        person: page.person.map(|name| (locale.around("sign-out-person", "person"), name)),
    })
}

/// The page that says that the session has ended, as HTML; its id is `#signed-out`.
#[must_use]
pub fn signed_out(locale: Locale) -> String {
    finished(&SignedOutTemplate { locale })
}

#[derive(Template)]
#[template(path = "sign_out.html")]
struct SignOutTemplate<'a> {
    locale: Locale,
    page: &'a SignOut<'a>,
    action: &'a str,
    cancel: Option<&'a str>,
    person: Option<(Around, &'a str)>,
}

#[derive(Template)]
#[template(path = "signed_out.html")]
struct SignedOutTemplate {
    locale: Locale,
}
