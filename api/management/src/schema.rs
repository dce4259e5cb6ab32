//! The schemas of plain resources: what is sent when they are created, replaced or patched, and how they are shown.

use crate::form::parent_word;
use crate::noun::{Born, Noun};
use schemars::{JsonSchema, SchemaGenerator};
use serde_json::{Map, Value, json};

fn id() -> Value {
    json!({ "type": "string", "minLength": 1, "maxLength": 200, "pattern": "^[!-~]+$" })
}

/// The properties of a noun's values, and which of them must be there.
fn properties<T: Noun>(generator: &mut SchemaGenerator) -> (Map<String, Value>, Vec<Value>) {
    let schema = T::json_schema(generator).to_value();
    let properties = schema.get("properties").and_then(Value::as_object).cloned().unwrap_or_default();
    let required = schema.get("required").and_then(Value::as_array).cloned().unwrap_or_default();
    (properties, required)
}

fn object(properties: Map<String, Value>, required: Vec<Value>) -> Value {
    json!({
        "type": "object",
        "properties": properties,
        "required": required,
        "additionalProperties": false,
    })
}

/// Writes a schema once under a name made of a noun's word, and refers to it.
fn named<T: Noun>(generator: &mut SchemaGenerator, suffix: &str, schema: Value) -> Value {
    let upper = |part: &str| match part.split_at_checked(1) {
        Some((first, rest)) => first.to_ascii_uppercase() + rest,
        None => String::new(),
    };
    let name: String = T::KIND.word().split('_').map(upper).chain([suffix.to_owned()]).collect();
    let reference = json!({ "$ref": format!("#/components/schemas/{name}") });
    generator.definitions_mut().insert(name, schema);
    reference
}

/// What is sent to create one.
pub fn create<T: Noun>(generator: &mut SchemaGenerator) -> Value {
    let (mut members, mut required) = properties::<T>(generator);
    if !<T::Birth as Born>::OWN_ID {
        members.insert("id".into(), id());
    }
    if let Some(word) = parent_word::<T>().filter(|_| !T::UNDER) {
        members.insert(word.into(), id());
        required.push(word.into());
    }
    named::<T>(generator, "Create", object(members, required))
}

/// What an answer says besides its values: it may be sent back as it is.
fn common<T: Noun>() -> Map<String, Value> {
    let mut members = Map::new();
    members.insert("id".into(), id());
    if let Some(word) = parent_word::<T>() {
        members.insert(word.into(), id());
    }
    members.insert("state".into(), json!({ "type": "string", "enum": ["active", "inactive"] }));
    members.insert("revision".into(), json!({ "type": "integer", "minimum": 1 }));
    for moment in ["created", "changed"] {
        members.insert(moment.into(), json!({ "type": "string", "format": "date-time" }));
    }
    for (name, schema) in T::DERIVED {
        members.insert((*name).to_owned(), serde_json::from_str(schema).unwrap_or_default());
    }
    members
}

/// The same for requests, where it changes nothing.
fn sent_back<T: Noun>() -> impl Iterator<Item = (String, Value)> {
    common::<T>().into_iter().map(|(name, mut schema)| {
        schema["readOnly"] = true.into();
        (name, schema)
    })
}

/// What is sent to replace its values.
pub fn replace<T: Noun>(generator: &mut SchemaGenerator) -> Value {
    let (members, required) = properties::<T>(generator);
    let schema = object(sent_back::<T>().chain(members).collect(), required);
    named::<T>(generator, "Replace", schema)
}

/// What is sent to change some of its values; null takes one away.
pub fn patch<T: Noun>(generator: &mut SchemaGenerator) -> Value {
    let (members, _) = properties::<T>(generator);
    let optional =
        members.into_iter().map(|(name, schema)| (name, json!({ "anyOf": [schema, { "type": "null" }] })));
    let schema = object(sent_back::<T>().chain(optional).collect(), Vec::new());
    named::<T>(generator, "Patch", schema)
}

/// How it is shown.
pub fn shown<T: Noun>(generator: &mut SchemaGenerator) -> Value {
    let (values, _) = properties::<T>(generator);
    let members: Map<String, Value> = common::<T>().into_iter().chain(values).collect();
    // Who may create and not read is told the id and revision only.
    let schema = json!({ "type": "object", "properties": members, "required": ["id", "revision"] });
    named::<T>(generator, "", schema)
}

/// How a new one is shown: with its secret, once, if it has one.
pub fn made<T: Noun>(generator: &mut SchemaGenerator) -> Value {
    let schema = shown::<T>(generator);
    if !<T::Birth as Born>::OWN_ID {
        return schema;
    }
    let secret = json!({ "type": "string", "description": "shown once" });
    json!({ "allOf": [schema, { "properties": { "token": secret } }] })
}

/// A page of them.
pub fn page<T: Noun>(generator: &mut SchemaGenerator) -> Value {
    let item = shown::<T>(generator);
    json!({
        "type": "object",
        "properties": { "items": { "type": "array", "items": item }, "next": { "type": "string" } },
        "required": ["items"],
        "additionalProperties": false,
    })
}

/// The schema of any described type.
pub fn of<T: JsonSchema>(generator: &mut SchemaGenerator) -> Value {
    T::json_schema(generator).to_value()
}
