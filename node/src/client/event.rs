//! Events on the terminal: who did what to what, and what it was before and after.

use super::problem::printable;
use super::show;
use crate::output::{Form, say};
use serde_json::Value;

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
    let change = |change: &Value| {
        let (before, after) = (&change["before"], &change["after"]);
        let field = change["field"].as_str().unwrap_or_default();
        match (is_new && before.is_null(), after.is_null()) {
            (true, true) => None,
            (true, false) => Some(format!("{field}: {}", side(after))),
            (false, _) => Some(format!("{field}: {} → {}", side(before), side(after))),
        }
    };
    let all = event["changes"].as_array().into_iter().flatten();
    all.filter_map(change).collect::<Vec<_>>().join("; ")
}

/// A value as it was on one side. What the node does not tell is told by a word for why.
fn side(value: &Value) -> String {
    if value.get("sha256").is_some() {
        let length = value.get("length").and_then(Value::as_u64);
        return length.map_or_else(|| "long".to_owned(), |length| format!("{length} bytes"));
    }
    for word in ["erased", "sealed", "secret"] {
        if value.get(word) == Some(&Value::Bool(true)) {
            return word.to_owned();
        }
    }
    match value {
        Value::Null => "none".to_owned(),
        told => told.to_string(),
    }
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
    fn of_what_is_new_nothing_was_before() {
        let sides = [("name", Value::Null, json!("Shop")), ("group", Value::Null, Value::Null)];
        assert_eq!(changes(&event("created", &sides)), "name: \"Shop\"");
        assert_eq!(sentence(&event("signed_in", &[])), "T  ada did it");
    }
}
