//! Whether values have the shape that the node's own description of its API (OpenAPI, JSON Schema 2020-12) wants.
//!
//! The names of fields, which ones must be there, types, words, lengths and patterns: what makes a typing error. It is no
//! validator of JSON Schema, and what it does not know it lets pass: the node judges everything once more. Values are
//! never repeated in what is said of them, since some are secrets.

use super::super::nouns::Noun;
use super::super::values::dotted;
use crate::exit::Outcome;
use regex_automata::meta::Regex;
use serde_json::{Map, Value};

/// How deep one shape may refer to another; a description of ours goes two steps.
const REFERENCES_MAX: usize = 8;
/// How many words are listed where none is near.
const LISTED_MAX: usize = 15;
/// How alike a word must be to be suggested.
const LIKENESS_MIN: f64 = 0.8;

/// The description of a node.
pub(super) struct Description(pub(super) Value);

/// How much of a resource the values are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Extent {
    /// All of it: it is made by them.
    Whole,
    /// Some of it: the rest is there.
    Part,
}

/// What is wrong with a field.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Fault {
    /// Its dotted name.
    pub(super) field: String,
    /// What is wrong with it.
    pub(super) why: String,
}

impl Description {
    /// The shape by which a resource of this noun is made, if the node tells it.
    pub(super) fn of(&self, noun: &Noun) -> Outcome<Option<&Value>> {
        let operation = &self.0["paths"][noun.route()?]["post"];
        Ok(operation["requestBody"]["content"]["application/json"].get("schema"))
    }

    /// What is wrong with values; `own` are fields that no document names among its values.
    pub(super) fn faults(&self, shape: &Value, values: &Value, extent: Extent, own: &[&str]) -> Vec<Fault> {
        let mut check = Check { description: self, extent, own, faults: Vec::new() };
        check.value("", shape, values);
        check.faults
    }

    /// The names that a shape gives as examples of what may stand in a list.
    pub(super) fn examples<'d>(&'d self, shape: &'d Value, field: &str) -> Vec<&'d str> {
        let field = &self.resolved(shape)["properties"][field];
        texts(&self.resolved(field)["items"]["examples"])
    }

    fn resolved<'d>(&'d self, mut shape: &'d Value) -> &'d Value {
        for _ in 0..REFERENCES_MAX {
            let target = shape.get("$ref").and_then(Value::as_str).and_then(|path| path.strip_prefix('#'));
            match target.and_then(|path| self.0.pointer(path)) {
                Some(found) => shape = found,
                None => break,
            }
        }
        shape
    }
}

/// A look at one value with all that stands in it.
struct Check<'c> {
    description: &'c Description,
    extent: Extent,
    own: &'c [&'c str],
    faults: Vec<Fault>,
}

impl Check<'_> {
    fn fault(&mut self, field: &str, why: String) {
        self.faults.push(Fault { field: field.to_owned(), why });
    }

    fn value(&mut self, name: &str, shape: &Value, value: &Value) {
        let shape = self.description.resolved(shape);
        let cases = shape.get("oneOf").or(shape.get("anyOf")).and_then(Value::as_array);
        let words = words(shape, cases.map_or(&[], Vec::as_slice));
        if !words.is_empty() {
            if !value.as_str().is_some_and(|text| words.contains(&text)) {
                self.fault(name, unknown("word", value.as_str().unwrap_or_default(), &words));
            }
            return;
        }
        if let Some(cases) = cases {
            return self.one_of(name, cases, value);
        }
        if let Some(wanted) = other_type(shape, value) {
            return self.fault(name, format!("it is {}, and {wanted} is wanted", kind_of(value)));
        }
        match value {
            Value::Object(fields) => self.fields(name, shape, fields),
            Value::Array(items) => {
                for (number, item) in items.iter().enumerate() {
                    self.value(&format!("{name}[{number}]"), &shape["items"], item);
                }
            }
            Value::String(text) => self.text(name, shape, text),
            Value::Number(_) | Value::Bool(_) | Value::Null => {}
        }
    }

    fn fields(&mut self, name: &str, shape: &Value, fields: &Map<String, Value>) {
        let Some(known) = shape.get("properties").and_then(Value::as_object) else { return };
        let is_closed = shape.get("additionalProperties") == Some(&Value::Bool(false));
        for (field, value) in fields {
            match known.get(field) {
                Some(shape) => self.value(&dotted(name, field), shape, value),
                None if is_closed => {
                    let mut names: Vec<_> = known.keys().map(String::as_str).collect();
                    names.retain(|known| !name.is_empty() || !self.own.contains(known));
                    self.fault(&dotted(name, field), unknown("field", field, &names));
                }
                None => {}
            }
        }
        if self.extent == Extent::Whole {
            for field in texts(&shape["required"]) {
                if !fields.contains_key(field) {
                    self.fault(&dotted(name, field), "it is missing".to_owned());
                }
            }
        }
    }

    /// A value of several cases. One that fits none is told of by the case that it was meant to be: the one whose field
    /// it has.
    fn one_of(&mut self, name: &str, cases: &[Value], value: &Value) {
        let faults_of = |case: &Value| {
            let mut check = Check { faults: Vec::new(), ..*self };
            check.value(name, case, value);
            check.faults
        };
        let mut all: Vec<_> = cases.iter().map(faults_of).collect();
        if all.iter().any(Vec::is_empty) {
            return;
        }
        let fields = |case: &Value| {
            self.description
                .resolved(case)
                .get("properties")
                .and_then(Value::as_object)
                .cloned()
                .unwrap_or_default()
        };
        let meant = cases.iter().position(|case| fields(case).keys().any(|field| value.get(field).is_some()));
        if let Some(meant) = meant {
            return self.faults.append(&mut all[meant]);
        }
        let of_fields =
            cases.iter().flat_map(|case| fields(case).into_iter().map(|(field, _)| format!("{{{field}}}")));
        let of_words = cases.iter().filter_map(|case| case.get("const").map(Value::to_string));
        let ways: Vec<_> = of_words.chain(of_fields).collect();
        self.fault(name, format!("it is none of the things that it may be: {}", ways.join(", ")));
    }

    fn text(&mut self, name: &str, shape: &Value, text: &str) {
        let chars = text.chars().count() as u64;
        let limit = |word: &str| shape.get(word).and_then(Value::as_u64);
        if let Some(least) = limit("minLength").filter(|least| chars < *least) {
            return self.fault(name, format!("it has {chars} characters, and at least {least} are wanted"));
        }
        if let Some(most) = limit("maxLength").filter(|most| chars > *most) {
            return self.fault(name, format!("it has {chars} characters, and at most {most} are allowed"));
        }
        let Some(pattern) = shape.get("pattern").and_then(Value::as_str) else { return };
        // A pattern in another dialect than ours is the node's to judge.
        if Regex::new(pattern).is_ok_and(|regex| !regex.is_match(text)) {
            self.fault(name, format!("it does not fit the pattern {pattern}"));
        }
    }
}

fn texts(list: &Value) -> Vec<&str> {
    list.as_array().map(|items| items.iter().filter_map(Value::as_str).collect()).unwrap_or_default()
}

/// The words that a value is one of, if it can be nothing else.
fn words<'d>(shape: &'d Value, cases: &'d [Value]) -> Vec<&'d str> {
    let word = |case: &'d Value| case.get("const").and_then(Value::as_str);
    match (shape.get("enum"), word(shape)) {
        (Some(words), _) => texts(words),
        (None, Some(word)) => vec![word],
        (None, None) => cases.iter().map(word).collect::<Option<_>>().unwrap_or_default(),
    }
}

/// The type that is wanted, if the value is of another.
fn other_type(shape: &Value, value: &Value) -> Option<String> {
    let wanted = match shape.get("type")? {
        Value::String(one) => vec![one.as_str()],
        many => texts(many),
    };
    let is = |wanted: &&str| match *wanted {
        "string" => value.is_string(),
        "boolean" => value.is_boolean(),
        "integer" => value.is_i64() || value.is_u64(),
        "number" => value.is_number(),
        "array" => value.is_array(),
        "object" => value.is_object(),
        "null" => value.is_null(),
        _ => true,
    };
    let name = |wanted: &&str| match *wanted {
        "string" => "a text",
        "boolean" => "true or false",
        "integer" => "a whole number",
        "number" => "a number",
        "array" => "a list",
        "object" => "a value with fields",
        _ => "nothing",
    };
    let named: Vec<_> = wanted.iter().filter(|wanted| **wanted != "null").map(name).collect();
    (!wanted.iter().any(is)).then(|| named.join(" or "))
}

fn kind_of(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "true or false",
        Value::Number(_) => "a number",
        Value::String(_) => "a text",
        Value::Array(_) => "a list",
        Value::Object(_) => "a value with fields",
    }
}

/// What is said of a name that is not known.
pub(super) fn unknown(what: &str, name: &str, known: &[&str]) -> String {
    let likely = known.iter().map(|known| (strsim::jaro_winkler(name, known), *known));
    let nearest = likely.max_by(|one, other| one.0.total_cmp(&other.0));
    match nearest {
        Some((likeness, near)) if likeness >= LIKENESS_MIN => {
            format!("there is no such {what}; the nearest is \"{near}\"")
        }
        Some(_) if known.len() <= LISTED_MAX => {
            format!("there is no such {what}; there are {}", known.join(", "))
        }
        Some(_) | None => format!("there is no such {what}"),
    }
}

#[cfg(test)]
mod tests;
