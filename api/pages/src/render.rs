//! Pages as functions: data and a locale in, HTML out. One file per page, one template per file.
//!
//! Templates escape every value; none is ever marked safe. What comes from outside stands in `<bdi>`, so that
//! direction marks in a name cannot rearrange the words around it. Ids named in the tests are promised to
//! conformance drivers and password managers, and never change.

mod error_page;
mod sign_in;
mod sign_out;
#[cfg(test)]
mod tests;

use askama::Template;

pub use error_page::{ErrorPage, Fault, error_page, not_found};
pub use sign_in::{SignIn, SignInProblem, sign_in};
pub use sign_out::{SignOut, sign_out, signed_out};

fn finished(page: &impl Template) -> String {
    page.render().expect("writing into a string cannot fail, and no template calls what can")
}

/// A path on this origin: everything that could lead to another one is refused, `//host` and `/\host` included.
fn is_local_path(path: &str) -> bool {
    path.starts_with('/')
        && !path[1..].starts_with(['/', '\\'])
        && !path.contains(|letter: char| letter.is_control())
}

/// Forms and links stay on this origin, whatever a caller passes: what does not is replaced by the root.
fn local_path(path: &str) -> &str {
    if is_local_path(path) { path } else { "/" }
}
