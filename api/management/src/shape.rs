//! Whether values have the shape that the description of the API (OpenAPI, JSON Schema 2020-12) wants: all that is wrong
//! with them, where whoever reads them ends at the first fault. A node tells it of bodies that it refuses, the command
//! line of files before it sends them.
//!
//! The names of fields, which ones must be there, types, words, lengths, bounds and patterns: what makes a typing error.
//! It is no validator of JSON Schema, and what it does not know it lets pass. Values are never repeated in what is said
//! of them, since some are secrets.

use crate::error::Field;
use crate::openapi;
use regex_automata::meta::Regex;
use schemars::JsonSchema;
use serde_json::{Map, Number, Value, json};
use std::any::TypeId;
use std::collections::{BTreeSet, HashMap};
use std::sync::{Arc, LazyLock, Mutex, PoisonError};

/// How much is told of one value: whoever sends more of it is not helped by more.
const FAULTS_MAX: usize = 50;
/// How deep one shape may refer to another; a description of ours goes two steps.
const REFERENCES_MAX: usize = 8;
/// How many words are listed where none is near.
const LISTED_MAX: usize = 15;
/// The longest name that is compared with known ones: comparing takes its length times theirs.
const COMPARED_BYTES_MAX: usize = 64;
/// How alike a word must be to be suggested.
const LIKENESS_MIN: f64 = 0.8;

/// A description: what shapes refer to, and the routes that take them.
pub struct Description {
    all: Value,
    /// Patterns as they were met; one in another dialect than ours is let pass.
    patterns: Mutex<HashMap<String, Option<Regex>>>,
}

/// How much of a resource the values are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Extent {
    /// All of it: it is made by them.
    Whole,
    /// Some of it: the rest is there.
    Part,
}

impl Description {
    /// One of a node, as `/api/openapi.json` has it.
    pub fn new(all: Value) -> Description {
        Description { all, patterns: Mutex::default() }
    }

    /// The shape of what a path takes when it is posted to, if it is told.
    pub fn posted(&self, path: &str) -> Option<&Value> {
        self.taken(path, "post")
    }

    /// The shape of what a path takes by a method, if it is told.
    pub fn taken(&self, path: &str, method: &str) -> Option<&Value> {
        self.all["paths"][path][method]["requestBody"]["content"]["application/json"].get("schema")
    }

    /// What is wrong with values, up to 50 faults; `own` are fields that are not listed where another is unknown.
    pub fn faults(&self, shape: &Value, values: &Value, extent: Extent, own: &[&str]) -> Vec<Field> {
        let mut check = Check { description: self, extent, own, faults: Vec::new() };
        check.value("", shape, values);
        // One of several cases brings all of its own.
        check.faults.truncate(FAULTS_MAX);
        check.faults
    }

    /// The names that a shape gives as examples of what may stand in a list.
    pub fn examples<'d>(&'d self, shape: &'d Value, field: &str) -> Vec<&'d str> {
        let field = &self.resolved(shape)["properties"][field];
        texts(&self.resolved(field)["items"]["examples"])
    }

    /// A shape without the reference that leads to it.
    pub fn resolved<'d>(&'d self, mut shape: &'d Value) -> &'d Value {
        for _ in 0..REFERENCES_MAX {
            let target = shape.get("$ref").and_then(Value::as_str).and_then(|path| path.strip_prefix('#'));
            match target.and_then(|path| self.all.pointer(path)) {
                Some(found) => shape = found,
                None => break,
            }
        }
        shape
    }

    fn fits(&self, pattern: &str, text: &str) -> bool {
        let mut patterns = self.patterns.lock().unwrap_or_else(PoisonError::into_inner);
        if !patterns.contains_key(pattern) {
            patterns.insert(pattern.to_owned(), Regex::new(pattern).ok());
        }
        patterns.get(pattern).and_then(Option::as_ref).is_none_or(|regex| regex.is_match(text))
    }
}

/// What is wrong with a value that is to become a `T`, as `T` describes itself.
pub(crate) fn faults_of<T: JsonSchema + 'static>(value: &Value) -> Vec<Field> {
    /// Types with their descriptions, whose root is their shape.
    static KNOWN: LazyLock<Mutex<HashMap<TypeId, Arc<Description>>>> = LazyLock::new(Mutex::default);
    let mut known = KNOWN.lock().unwrap_or_else(PoisonError::into_inner);
    let description = known.entry(TypeId::of::<T>()).or_insert_with(|| {
        let mut generator = openapi::generator();
        let shape = T::json_schema(&mut generator).to_value();
        let schemas = generator.take_definitions(true);
        Arc::new(Description::new(json!({ "shape": shape, "components": { "schemas": schemas } })))
    });
    let description = description.clone();
    drop(known);
    description.faults(&description.all["shape"], value, Extent::Whole, &[])
}

/// A look at one value with all that stands in it.
struct Check<'c> {
    description: &'c Description,
    extent: Extent,
    own: &'c [&'c str],
    faults: Vec<Field>,
}

impl Check<'_> {
    fn fault(&mut self, field: &str, reason: String) {
        if !self.is_full() {
            self.faults.push(Field { field: field.to_owned(), reason });
        }
    }

    fn is_full(&self) -> bool {
        self.faults.len() >= FAULTS_MAX
    }

    fn value(&mut self, name: &str, shape: &Value, value: &Value) {
        if self.is_full() {
            return;
        }
        let shape = self.description.resolved(shape);
        let cases = cases(shape);
        let words = words(shape, cases);
        if !words.is_empty() {
            if !value.as_str().is_some_and(|text| words.contains(&text)) {
                self.fault(name, unknown("word", value.as_str().unwrap_or_default(), &words));
            }
            return;
        }
        if !cases.is_empty() {
            return self.one_of(name, cases, value);
        }
        if let Some(wanted) = other_type(shape, value) {
            return self.fault(name, format!("it is {}, and {wanted} is wanted", kind_of(value)));
        }
        match value {
            Value::Object(fields) => self.fields(name, shape, fields),
            Value::Array(items) => {
                self.count(name, shape, items);
                for (number, item) in items.iter().enumerate() {
                    self.value(&format!("{name}[{number}]"), &shape["items"], item);
                }
            }
            Value::String(text) => self.text(name, shape, text),
            Value::Number(number) => self.number(name, shape, number),
            Value::Bool(_) | Value::Null => {}
        }
    }

    fn fields(&mut self, name: &str, shape: &Value, fields: &Map<String, Value>) {
        let Some(known) = shape.get("properties").and_then(Value::as_object) else { return };
        let is_closed = shape.get("additionalProperties") == Some(&Value::Bool(false));
        for (field, value) in fields {
            match known.get(field) {
                Some(shape) => self.value(&dotted(name, field), shape, value),
                None if is_closed && !self.is_full() => {
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

    fn count(&mut self, name: &str, shape: &Value, items: &[Value]) {
        let limit = |word: &str| shape.get(word).and_then(Value::as_u64);
        let count = items.len() as u64;
        if let Some(least) = limit("minItems").filter(|least| count < *least) {
            self.fault(name, format!("it has {count} items, and at least {least} are wanted"));
        }
        if let Some(most) = limit("maxItems").filter(|most| count > *most) {
            return self.fault(name, format!("it has {count} items, and at most {most} are allowed"));
        }
        if shape.get("uniqueItems") == Some(&Value::Bool(true)) {
            let different: BTreeSet<String> = items.iter().map(Value::to_string).collect();
            if different.len() < items.len() {
                self.fault(name, "it has the same item twice".to_owned());
            }
        }
    }

    fn number(&mut self, name: &str, shape: &Value, number: &Number) {
        // What is no whole number of 64 bits was refused by its type, or has no bounds.
        let Some(number) = number.as_i128() else { return };
        let (mut least, mut most) = match shape.get("format").and_then(Value::as_str) {
            Some("uint8") => (Some(0), Some(i128::from(u8::MAX))),
            Some("uint16") => (Some(0), Some(i128::from(u16::MAX))),
            Some("uint32") => (Some(0), Some(i128::from(u32::MAX))),
            _ => (None, None),
        };
        let bound = |word: &str| shape.get(word).and_then(Value::as_i64).map(i128::from);
        (least, most) = (bound("minimum").or(least), bound("maximum").or(most));
        if least.is_some_and(|least| number < least) || most.is_some_and(|most| number > most) {
            let reason = match (least, most) {
                (Some(least), Some(most)) => format!("it is {least} to {most}"),
                (Some(least), None) => format!("it is {least} or more"),
                (None, most) => format!("it is {} or less", most.unwrap_or_default()),
            };
            self.fault(name, reason);
        }
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
        if !self.description.fits(pattern, text) {
            self.fault(name, format!("it does not fit the pattern {pattern}"));
        }
    }
}

/// The dotted name of a field in another, which has none if it is the whole.
pub fn dotted(name: &str, field: &str) -> String {
    if name.is_empty() { field.to_owned() } else { format!("{name}.{field}") }
}

fn texts(list: &Value) -> Vec<&str> {
    list.as_array().map(|items| items.iter().filter_map(Value::as_str).collect()).unwrap_or_default()
}

/// The things that a value is one of.
pub fn cases(shape: &Value) -> &[Value] {
    shape.get("oneOf").or(shape.get("anyOf")).and_then(Value::as_array).map_or(&[], Vec::as_slice)
}

/// The words that a value is one of, if it can be nothing else; `cases` are those of the shape.
pub fn words<'d>(shape: &'d Value, cases: &'d [Value]) -> Vec<&'d str> {
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

/// What is said of a name that is none of those known.
pub fn unknown(what: &str, name: &str, known: &[&str]) -> String {
    let comparable = known.iter().filter(|_| name.len() <= COMPARED_BYTES_MAX);
    let likely = comparable.map(|known| (strsim::jaro_winkler(name, known), *known));
    let nearest = likely.max_by(|one, other| one.0.total_cmp(&other.0));
    match nearest {
        Some((likeness, near)) if likeness >= LIKENESS_MIN => {
            format!("there is no such {what}; the nearest is \"{near}\"")
        }
        Some(_) | None if known.len() <= LISTED_MAX => {
            format!("there is no such {what}; there are {}", known.join(", "))
        }
        Some(_) | None => format!("there is no such {what}"),
    }
}

#[cfg(test)]
mod tests;
