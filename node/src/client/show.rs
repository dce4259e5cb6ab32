//! Resources on the terminal: columns of a list, the fields of one.

use super::problem::printable;
use crate::output::{self, Form, say};
use serde_json::Value;

/// The longest text of a cell; JSON has all of it.
const CELL_MAX: usize = 60;
/// The longest text of the last one, beside which nothing has to fit.
const LAST_MAX: usize = 120;

/// Prints a list.
pub(super) fn list(form: Form, columns: &[&str], items: &[Value]) {
    match form {
        Form::Json => say(format_args!("{items:#}", items = Value::Array(items.to_vec()))),
        Form::Table => say(table(columns, items)),
    }
}

/// Prints one resource.
pub(super) fn one(form: Form, value: &Value) {
    match form {
        Form::Json => say(format_args!("{value:#}")),
        Form::Table => say(fields(value)),
    }
}

fn table(columns: &[&str], items: &[Value]) -> String {
    let cells = |item: &Value| {
        let most = |number: usize| if number + 1 == columns.len() { LAST_MAX } else { CELL_MAX };
        let cell = |(number, column): (usize, &&str)| shortened(&cell(at(item, column)), most(number));
        columns.iter().enumerate().map(cell).collect()
    };
    let mut rows: Vec<Vec<String>> = vec![columns.iter().map(|column| (*column).to_owned()).collect()];
    rows.extend(items.iter().map(cells));
    output::aligned(&rows)
}

fn fields(value: &Value) -> String {
    let Value::Object(map) = value else { return cell(value) };
    let rows: Vec<_> = map.iter().map(|(name, value)| vec![name.clone(), cell(value)]).collect();
    output::aligned(&rows)
}

/// A field, also one within another.
fn at<'v>(value: &'v Value, name: &str) -> &'v Value {
    name.split('.').fold(value, |value, part| &value[part])
}

fn cell(value: &Value) -> String {
    let text = match value {
        Value::Null => String::new(),
        Value::String(text) => text.clone(),
        Value::Array(items) if items.iter().all(|item| !item.is_array() && !item.is_object()) => {
            items.iter().map(cell).collect::<Vec<_>>().join(", ")
        }
        // The word of a case alone says more in a narrow column than its braces.
        Value::Bool(_) | Value::Number(_) | Value::Array(_) | Value::Object(_) => value.to_string(),
    };
    printable(&text)
}

fn shortened(text: &str, most: usize) -> String {
    match text.char_indices().nth(most) {
        None => text.to_owned(),
        Some(_) => text.chars().take(most - 1).chain(['…']).collect(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_list_shows_its_columns() {
        let items = [
            json!({ "id": "a", "name": "Acme", "roles": ["x", "y"], "actor": { "id": "me" } }),
            json!({ "id": "b", "name": "two\nlines\u{1b}[1m", "roles": [], "revision": 3 }),
            json!({ "id": "c", "name": "x".repeat(100) }),
        ];
        let expected = format!(
            "id  name{sp}  roles  actor.id\na   Acme{sp}  x, y   me\nb   two lines [1m\nc   {x}…",
            sp = " ".repeat(56),
            x = "x".repeat(59)
        );
        assert_eq!(table(&["id", "name", "roles", "actor.id"], &items), expected);
        assert_eq!(table(&["id"], &[]), "id");
    }

    #[test]
    fn one_resource_shows_its_fields() {
        let value = json!({ "id": "a", "role_check": true, "kind": { "human": { "given_name": "Ada" } }, "none": null });
        assert_eq!(
            fields(&value),
            "id          a\nkind        {\"human\":{\"given_name\":\"Ada\"}}\nnone\nrole_check  true"
        );
    }
}
