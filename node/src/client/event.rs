//! Events on the terminal: who did what to what, and what it was before and after.

use super::problem::printable;
use super::show;
use crate::output::{Form, say};
use api_management::shape::dotted;
use serde_json::{Map, Value};
use std::collections::BTreeSet;

const COLUMNS: &[&str] = &["time", "what", "target.kind", "target.id", "actor.type", "actor.id", "changes"];

/// Prints events: all of them in JSON, what a reader wants in a table.
pub(super) fn list(form: Form, mut events: Vec<Value>) {
    if form == Form::Table {
        for event in &mut events {
            event["changes"] = Value::from(changes(event));
        }
    }
    show::list(form, COLUMNS, &events);
}

/// Prints one event as it comes: a line of JSON for programs, a sentence for people.
pub(super) fn line(form: Form, event: &Value) {
    match form {
        Form::Json => say(event),
        Form::Table => say(sentence(event)),
    }
}

fn sentence(event: &Value) -> String {
    let text = |name: &str| event[name].as_str().unwrap_or_default();
    let sentence = format!("{}  {}", text("time"), text("sentence"));
    match changes(event).as_str() {
        "" => printable(&sentence),
        changes => printable(&format!("{sentence}: {changes}")),
    }
}

/// What an event changed, as `name: "Store" → "Online store"`; of what came about by it, what it was then.
fn changes(event: &Value) -> String {
    let is_new = event["what"] == "created";
    let mut told = Vec::new();
    for change in event["changes"].as_array().into_iter().flatten() {
        let field = change["field"].as_str().unwrap_or_default();
        for (field, before, after) in differing(field, &change["before"], &change["after"]) {
            match (is_new && before.is_null(), after.is_null()) {
                (true, true) => {}
                (true, false) => told.push(format!("{field}: {}", side(after))),
                (false, _) => told.push(format!("{field}: {} → {}", side(before), side(after))),
            }
        }
    }
    told.join("; ")
}

/// The fields in which two values differ: those in them, where both have fields.
fn differing<'v>(field: &str, before: &'v Value, after: &'v Value) -> Vec<(String, &'v Value, &'v Value)> {
    let (Some(old), Some(new)) = (members(before), members(after)) else {
        return vec![(field.to_owned(), before, after)];
    };
    let names: BTreeSet<&String> = old.keys().chain(new.keys()).collect();
    let mut all = Vec::new();
    for name in names {
        let (before, after) = (&before[name], &after[name]);
        if before != after {
            all.extend(differing(&dotted(field, name), before, after));
        }
    }
    all
}

/// The members of a value that is told by them; of what is not told there are none.
fn members(value: &Value) -> Option<&Map<String, Value>> {
    value.as_object().filter(|members| untold(value).is_none() && !members.is_empty())
}

/// A value as it was on one side. What the node does not tell is told by a word for why.
fn side(value: &Value) -> String {
    match (untold(value), value) {
        (Some(why), _) => why,
        (None, Value::Null) => "none".to_owned(),
        (None, told) => told.to_string(),
    }
}

/// Why the node does not tell a value, if it does not.
fn untold(value: &Value) -> Option<String> {
    if value.get("sha256").is_some() {
        let length = value.get("length").and_then(Value::as_u64);
        return Some(length.map_or_else(|| "long".to_owned(), |length| format!("{length} bytes")));
    }
    let is = |word: &&&str| value.get(**word) == Some(&Value::Bool(true));
    ["erased", "sealed", "secret"].iter().find(is).map(|word| (*word).to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn event(what: &str, sides: &[(&str, Value, Value)]) -> Value {
        let change = |(field, before, after): &(&str, Value, Value)| json!({ "field": field, "before": before, "after": after });
        let changes: Vec<_> = sides.iter().map(change).collect();
        json!({ "time": "T", "what": what, "sentence": "ada did it", "changes": changes })
    }

    #[test]
    fn a_change_shows_what_was_before_and_after() {
        let event = event(
            "changed",
            &[
                ("name", json!("Store"), json!("Online\u{1b}[2J \"store\"")),
                ("role_check", json!(false), json!(true)),
                ("roles", Value::Null, json!(["a", "b"])),
                ("email", json!({ "erased": true }), json!({ "sealed": true })),
                ("secret", json!({ "secret": true }), json!({ "sha256": "ab", "length": 2000 })),
                ("auth", json!(1), json!({ "human": { "erased": true } })),
            ],
        );
        let expected = "T  ada did it: name: \"Store\" → \"Online\\u001b[2J \\\"store\\\"\"; role_check: false → true; \
                        roles: none → [\"a\",\"b\"]; email: erased → sealed; secret: secret → 2000 bytes; \
                        auth: 1 → {\"human\":{\"erased\":true}}";
        assert_eq!(sentence(&event), expected);
    }

    #[test]
    fn of_a_value_with_fields_those_are_told_that_differ() {
        let person = |email: Value| json!({ "human": { "given_name": "Ada", "email": email } });
        let event = event("changed", &[("kind", person(Value::Null), person(json!("ada@x.example")))]);
        assert_eq!(changes(&event), "kind.human.email: none → \"ada@x.example\"");
    }

    #[test]
    fn of_what_is_new_nothing_was_before() {
        let sides = [("name", Value::Null, json!("Shop")), ("group", Value::Null, Value::Null)];
        assert_eq!(changes(&event("created", &sides)), "name: \"Shop\"");
        assert_eq!(sentence(&event("signed_in", &[])), "T  ada did it");
    }
}
