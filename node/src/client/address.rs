//! Addresses of resources: the noun, what it hangs under, its own id; and the paths that they make.

use super::nouns::{Noun, Place, noun};
use crate::exit::{Class, Failure, Outcome};
use percent_encoding::{AsciiSet, CONTROLS, utf8_percent_encode};
use serde_json::Value;
use std::fmt;

/// What stands in a path only in another writing (RFC 3986 §3.3).
const ESCAPED: &AsciiSet = &CONTROLS
    .add(b' ')
    .add(b'"')
    .add(b'#')
    .add(b'%')
    .add(b'/')
    .add(b'<')
    .add(b'>')
    .add(b'?')
    .add(b'[')
    .add(b'\\')
    .add(b']')
    .add(b'^')
    .add(b'`')
    .add(b'{')
    .add(b'|')
    .add(b'}')
    .add(b';')
    .add(b'+');

/// A part of a path. `.` and `..` are ids like others, which no client may take for steps.
fn segment(text: &str) -> String {
    match text {
        "." | ".." => text.replace('.', "%2E"),
        _ => utf8_percent_encode(text, ESCAPED).to_string(),
    }
}

/// The resources of a noun, all or those under one parent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Collection {
    /// The noun.
    pub(super) noun: &'static Noun,
    /// What they hang under.
    pub(super) parent: Option<String>,
}

impl Collection {
    /// Where they are listed and made.
    pub(super) fn path(&self) -> Outcome<String> {
        let plural = self.noun.segment;
        match (self.noun.place, &self.parent) {
            (Place::Instance | Place::In(_), _) => Ok(format!("/api/v1/{plural}")),
            (Place::Under(parent, _) | Place::ListedUnder(parent), Some(id)) => {
                Ok(format!("/api/v1/{}/{}/{plural}", noun(parent)?.segment, segment(id)))
            }
            (Place::Under(parent, _) | Place::ListedUnder(parent), None) => {
                let many = self.noun.plural;
                Err(Failure::new(Class::Usage, format_args!("{many} are a {parent}'s: name it by --parent")))
            }
        }
    }
}

/// One resource.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Address {
    /// The word of its noun.
    pub(super) kind: &'static str,
    /// What it hangs under, if its path says so.
    pub(super) parent: Option<String>,
    /// Its own id or key.
    pub(super) id: String,
}

impl Address {
    /// Reads what the command line says: `ID`, `PARENT/ID`, or `ID` with the parent apart. Where no path leads by the
    /// parent, whoever names it has to see that it is right: [`Address::require_parent`].
    pub(super) fn read(noun: &'static Noun, id: &str, parent: Option<&str>) -> Outcome<Address> {
        let (parent, id) = match (noun.place, parent) {
            (Place::Instance, Some(_)) => return Err(hangs_under_nothing(noun)),
            (Place::Instance | Place::In(_) | Place::ListedUnder(_), _) => (None, id),
            (Place::Under(..), Some(parent)) => (Some(parent), id),
            // An id may have a stroke in it: then the parent has to be named apart.
            (Place::Under(above, key), None) => match id.split_once('/') {
                Some((parent, id)) => (Some(parent), id),
                None => {
                    let (above, key, word) =
                        (above.to_ascii_uppercase(), key.to_ascii_uppercase(), noun.word);
                    let text = format_args!("a {word} is written {above}/{key}, and {id} was given");
                    return Err(Failure::new(Class::Usage, text));
                }
            },
        };
        if id.is_empty() || parent.is_some_and(str::is_empty) {
            return Err(Failure::new(Class::Usage, format_args!("the id of the {} is empty", noun.word)));
        }
        Ok(Address { kind: noun.word, parent: parent.map(str::to_owned), id: id.to_owned() })
    }

    /// Its noun.
    pub(super) fn noun(&self) -> Outcome<&'static Noun> {
        noun(self.kind)
    }

    /// Where it is.
    pub(super) fn path(&self) -> Outcome<String> {
        let (noun, id) = (self.noun()?, segment(&self.id));
        if let Place::ListedUnder(_) = noun.place {
            return Ok(format!("/api/v1/{}/{id}", noun.segment));
        }
        Ok(format!("{}/{id}", Collection { noun, parent: self.parent.clone() }.path()?))
    }
}

/// What is said to whoever names the parent of what has none.
pub(super) fn hangs_under_nothing(noun: &Noun) -> Failure {
    Failure::new(Class::Usage, format_args!("{} hang under nothing: leave --parent out", noun.plural))
}

/// What the API says of all that is not there, or not for the caller.
const NOTHING: &str = "there is no such resource";

impl Address {
    /// Refuses a resource that hangs under another parent than it is said to; `there` is what the node has of it.
    pub(super) fn require_parent(&self, parent: &str, there: &Value) -> Outcome<()> {
        let noun = self.noun()?;
        let (Place::In(field) | Place::ListedUnder(field)) = noun.place else { return Ok(()) };
        match there.get(field).and_then(Value::as_str) {
            Some(found) if found != parent => {
                let text = format_args!("{self} is in the {field} {found}, and not in {parent}");
                Err(Failure::new(Class::NotFound, text))
            }
            Some(_) | None => Ok(()),
        }
    }

    /// A failure that says of nothing what it is, told of this resource.
    pub(super) fn told(&self, failure: Failure) -> Failure {
        if failure.class != Class::NotFound || failure.text != NOTHING || !failure.under.is_empty() {
            return failure;
        }
        let mut text = format!("{self}: {NOTHING}, or not for you");
        if let (None, Some((_, id)), Ok(Some(above))) =
            (&self.parent, self.id.split_once('/'), self.noun().map(Noun::parent))
        {
            let kind = self.kind;
            text += &format!("; {kind}s are named by their id alone, without the {above}: {kind} {id}");
        }
        failure.told_as(text)
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.parent {
            Some(parent) => write!(f, "{} {parent}/{}", self.kind, self.id),
            None => write!(f, "{} {}", self.kind, self.id),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn path(kind: &str, id: &str, parent: Option<&str>) -> Outcome<String> {
        Address::read(noun(kind)?, id, parent)?.path()
    }

    #[test]
    fn an_address_makes_a_path() {
        for (kind, id, parent, expected) in [
            ("users", "ada", None, "/api/v1/users/ada"),
            ("projects", "shop", Some("acme"), "/api/v1/projects/shop"),
            ("role", "shop/admin", None, "/api/v1/projects/shop/roles/admin"),
            ("role", "a/b", Some("shop"), "/api/v1/projects/shop/roles/a%2Fb"),
            ("role", "shop/a/b", None, "/api/v1/projects/shop/roles/a%2Fb"),
            ("user-metadata", "ada/shoe size", None, "/api/v1/users/ada/metadata/shoe%20size"),
            ("member", "team/ada", None, "/api/v1/groups/team/members/ada"),
            ("session", "s/1", None, "/api/v1/sessions/s%2F1"),
            ("user", "..", None, "/api/v1/users/%2E%2E"),
            ("user", "a?b#c%", None, "/api/v1/users/a%3Fb%23c%25"),
        ] {
            assert_eq!(path(kind, id, parent).ok().as_deref(), Some(expected), "{kind} {id}");
        }
    }

    #[test]
    fn what_is_not_there_is_told_by_kind_and_id() {
        let told = |kind: &str, id: &str, failure: Failure| {
            Address::read(noun(kind).unwrap(), id, None).unwrap().told(failure).text
        };
        let nothing = || Failure::new(Class::NotFound, NOTHING);
        for (kind, id, expected) in [
            ("user", "alice", "user alice: there is no such resource, or not for you"),
            ("role", "shop/admin", "role shop/admin: there is no such resource, or not for you"),
            (
                "application",
                "portal/web",
                "application portal/web: there is no such resource, or not for you; applications are \
                 named by their id alone, without the project: application web",
            ),
        ] {
            assert_eq!(told(kind, id, nothing()), expected);
        }
        let of_a_field = nothing().with(["user: there is no such resource, or not for you".to_owned()]);
        assert_eq!(told("authorization", "a", of_a_field), NOTHING);
        assert_eq!(told("user", "alice", Failure::new(Class::Conflict, "taken")), "taken");
    }

    #[test]
    fn a_parent_that_no_path_leads_by_has_to_be_the_right_one() {
        let there = serde_json::json!({ "project": "shop", "user": "ada" });
        for (kind, parent, is_right) in [
            ("application", "shop", true),
            ("application", "portal", false),
            ("session", "ada", true),
            ("session", "eve", false),
        ] {
            let address = Address::read(noun(kind).unwrap(), "x", Some(parent)).unwrap();
            assert_eq!(address.require_parent(parent, &there).is_ok(), is_right, "{kind} {parent}");
        }
        assert!(Address::read(noun("organization").unwrap(), "x", Some("y")).is_err());
    }

    #[test]
    fn an_id_without_its_parent_is_refused() {
        for (kind, id) in
            [("role", "admin"), ("role", "/admin"), ("role", "shop/"), ("user", ""), ("token", "x")]
        {
            assert_eq!(path(kind, id, None).unwrap_err().class, Class::Usage, "{kind} {id}");
        }
        let roles = Collection { noun: noun("role").unwrap(), parent: None };
        assert!(roles.path().unwrap_err().text.contains("--parent"));
    }
}
