//! What differs between the values that are wanted and those that are there, field by field.
//!
//! A field that is not wanted is not looked at. The patch is a JSON merge patch (RFC 7396) with what differs and no more.

use super::super::problem::printable;
use api_management::shape::dotted;
use serde_json::{Map, Value};
use std::collections::BTreeSet;
use std::fmt;

/// A field that is to change.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Change {
    /// Its dotted name.
    pub(super) name: String,
    before: Option<Shown>,
    after: Option<Shown>,
}

/// A value as a plan may show it.
#[derive(Clone, Debug, PartialEq)]
enum Shown {
    Open(Value),
    Secret,
}

/// The changes and the patch that makes them.
#[derive(Debug, Default, PartialEq)]
pub(super) struct Diff {
    /// What is shown.
    pub(super) changes: Vec<Change>,
    /// What is sent.
    pub(super) patch: Map<String, Value>,
}

/// Compares; `secrets` are the dotted names whose values are not shown. One that the node never tells can't be compared,
/// and stays as it is.
pub(super) fn diff(wanted: &Map<String, Value>, there: &Value, secrets: &BTreeSet<String>) -> Diff {
    let mut changes = Vec::new();
    let there = counting(there);
    let patch = fields("", wanted, Some(&there), &mut Compared { secrets, changes: &mut changes });
    Diff { changes, patch }
}

/// What is there, without the roles that the node says have lapsed: a file that names them wants them to count.
fn counting(there: &Value) -> Value {
    let mut there = there.clone();
    let lapsed = there.get("lapsed").and_then(Value::as_array).cloned().unwrap_or_default();
    if let Some(roles) = there.get_mut("roles").and_then(Value::as_array_mut) {
        roles.retain(|role| !lapsed.contains(role));
    }
    there
}

struct Compared<'d> {
    secrets: &'d BTreeSet<String>,
    changes: &'d mut Vec<Change>,
}

fn fields(
    name: &str,
    wanted: &Map<String, Value>,
    there: Option<&Value>,
    to: &mut Compared<'_>,
) -> Map<String, Value> {
    let mut patch = Map::new();
    for (field, value) in wanted {
        let there = there.and_then(|there| there.get(field)).filter(|value| !value.is_null());
        if let Some(value) = one(&dotted(name, field), value, there, to) {
            patch.insert(field.clone(), value);
        }
    }
    patch
}

fn one(name: &str, wanted: &Value, there: Option<&Value>, to: &mut Compared<'_>) -> Option<Value> {
    let is_secret = to.secrets.contains(name);
    let holds_secret = is_secret || holds_one(to.secrets, name);
    match (wanted, there) {
        (Value::Null, None) => return None,
        // Never told: it was set when the resource was made.
        (_, None) if is_secret => return None,
        (Value::Object(fields_wanted), Some(Value::Object(_))) if !is_secret => {
            let patch = fields(name, fields_wanted, there, to);
            return (!patch.is_empty()).then_some(Value::Object(patch));
        }
        (wanted, Some(there)) if same(wanted, there) => return None,
        (_, _) => {}
    }
    // A value is shown whole, with all that stands in it: one secret in it hides it.
    let shown = |value: &Value| if holds_secret { Shown::Secret } else { Shown::Open(value.clone()) };
    let after = if wanted.is_null() { None } else { Some(shown(wanted)) };
    to.changes.push(Change { name: name.to_owned(), before: there.map(shown), after });
    Some(wanted.clone())
}

/// Whether two values mean the same: the node keeps lists of names in an order of its own.
fn same(wanted: &Value, there: &Value) -> bool {
    let (Value::Array(wanted), Value::Array(there)) = (wanted, there) else { return wanted == there };
    let scalars = |items: &[Value]| !items.iter().any(|item| item.is_array() || item.is_object());
    if !scalars(wanted) || !scalars(there) {
        return wanted == there;
    }
    let sorted = |items: &[Value]| {
        let mut texts: Vec<_> = items.iter().map(Value::to_string).collect();
        texts.sort();
        texts
    };
    sorted(wanted) == sorted(there)
}

fn holds_one(secrets: &BTreeSet<String>, name: &str) -> bool {
    let within = format!("{name}.");
    secrets.iter().any(|secret| secret.starts_with(&within))
}

/// The fields of a resource that is made, as a plan shows them.
pub(super) fn made(values: &Map<String, Value>, secrets: &BTreeSet<String>) -> Vec<Change> {
    let change = |(name, value): (&String, &Value)| {
        let is_secret = secrets.contains(name) || holds_one(secrets, name);
        let after = if is_secret { Shown::Secret } else { Shown::Open(value.clone()) };
        Change { name: name.clone(), before: None, after: Some(after) }
    };
    values.iter().filter(|(_, value)| !value.is_null()).map(change).collect()
}

impl fmt::Display for Change {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = printable(&self.name);
        match (&self.before, &self.after) {
            (None, Some(after)) => write!(f, "+ {name}: {after}"),
            (Some(before), Some(after)) => write!(f, "~ {name}: {before} → {after}"),
            (Some(before), None) => write!(f, "- {name}: {before}"),
            (None, None) => write!(f, "  {name}"),
        }
    }
}

impl fmt::Display for Shown {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Shown::Open(value) => f.write_str(&printable(&value.to_string())),
            Shown::Secret => f.write_str("(secret)"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_role_that_has_lapsed_is_given_again() {
        let wanted = json!({ "roles": ["buyer", "viewer"] });
        let there = |lapsed: Value| json!({ "roles": ["viewer", "buyer"], "lapsed": lapsed });
        let patch = |lapsed: Value| diff(wanted.as_object().unwrap(), &there(lapsed), &BTreeSet::new()).patch;
        assert!(patch(json!([])).is_empty());
        assert_eq!(Value::Object(patch(json!(["buyer"]))), wanted);
    }

    fn of(wanted: Value, there: &Value, secrets: &[&str]) -> (Vec<String>, Value) {
        let Value::Object(wanted) = wanted else { panic!("values are an object") };
        let secrets = secrets.iter().map(|name| (*name).to_owned()).collect();
        let diff = diff(&wanted, there, &secrets);
        (diff.changes.iter().map(Change::to_string).collect(), Value::Object(diff.patch))
    }

    #[test]
    fn only_what_differs_is_changed() {
        let there = json!({
            "id": "a", "name": "Acme", "group": "g", "roles": ["b", "a"], "none": null, "count": 3,
            "kind": { "human": { "given_name": "Ada", "nick_name": "A" } }, "list": [{ "x": 1 }, { "x": 2 }],
        });
        for (wanted, changes, patch) in [
            (json!({}), vec![], json!({})),
            (json!({ "name": "Acme", "count": 3 }), vec![], json!({})),
            (json!({ "name": "B" }), vec!["~ name: \"Acme\" → \"B\""], json!({ "name": "B" })),
            (json!({ "new": [1] }), vec!["+ new: [1]"], json!({ "new": [1] })),
            (json!({ "none": "x" }), vec!["+ none: \"x\""], json!({ "none": "x" })),
            (json!({ "group": null }), vec!["- group: \"g\""], json!({ "group": null })),
            (json!({ "none": null, "absent": null }), vec![], json!({})),
            (json!({ "roles": ["a", "b"] }), vec![], json!({})),
            (
                json!({ "roles": ["a", "a"] }),
                vec!["~ roles: [\"b\",\"a\"] → [\"a\",\"a\"]"],
                json!({ "roles": ["a", "a"] }),
            ),
            (
                json!({ "list": [{ "x": 2 }, { "x": 1 }] }),
                vec!["~ list: [{\"x\":1},{\"x\":2}] → [{\"x\":2},{\"x\":1}]"],
                json!({ "list": [{ "x": 2 }, { "x": 1 }] }),
            ),
            (json!({ "kind": { "human": { "given_name": "Ada" } } }), vec![], json!({})),
            (
                json!({ "kind": { "human": { "given_name": "Eva", "nick_name": null } } }),
                vec!["~ kind.human.given_name: \"Ada\" → \"Eva\"", "- kind.human.nick_name: \"A\""],
                json!({ "kind": { "human": { "given_name": "Eva", "nick_name": null } } }),
            ),
            (json!({ "count": "3" }), vec!["~ count: 3 → \"3\""], json!({ "count": "3" })),
            (
                json!({ "name": "a\u{1b}[1m" }),
                vec!["~ name: \"Acme\" → \"a\\u001b[1m\""],
                json!({ "name": "a\u{1b}[1m" }),
            ),
        ] {
            let (shown, sent) = of(wanted.clone(), &there, &[]);
            assert_eq!((shown, sent), (changes.into_iter().map(str::to_owned).collect(), patch), "{wanted}");
        }
    }

    #[test]
    fn a_secret_is_never_shown() {
        let there = json!({ "value": "old", "deep": { "pin": 1 } });
        let (shown, sent) =
            of(json!({ "value": "s3cret", "deep": { "pin": 2 } }), &there, &["value", "deep.pin"]);
        assert_eq!(shown, ["~ deep.pin: (secret) → (secret)", "~ value: (secret) → (secret)"]);
        assert_eq!(sent, json!({ "value": "s3cret", "deep": { "pin": 2 } }));
        let (shown, _) = of(json!({ "value": "old" }), &there, &["value"]);
        assert!(shown.is_empty());
        let values = json!({ "a": { "b": { "c": "s3cret" } }, "d": ["s3cret"], "e": 1 });
        let secrets = ["a.b.c", "d", "d[]"].map(str::to_owned).into();
        let shown: Vec<_> =
            made(values.as_object().unwrap(), &secrets).iter().map(Change::to_string).collect();
        assert_eq!(shown, ["+ a: (secret)", "+ d: (secret)", "+ e: 1"]);
    }

    #[test]
    fn a_secret_within_a_new_value_hides_all_of_it() {
        let (shown, sent) = of(json!({ "a": { "b": "s3cret" } }), &json!({}), &["a.b"]);
        assert_eq!(shown, ["+ a: (secret)"]);
        assert_eq!(sent, json!({ "a": { "b": "s3cret" } }));
    }

    #[test]
    fn a_secret_that_the_node_never_tells_is_left_alone() {
        let (shown, sent) =
            of(json!({ "password": "s3cret", "name": "b" }), &json!({ "name": "a" }), &["password"]);
        assert_eq!(shown, ["~ name: \"a\" → \"b\""]);
        assert_eq!(sent, json!({ "name": "b" }));
    }
}
