//! The JSON form of a resource: its own values, flat, with what all resources have. Nothing of a noun stands here.

use crate::error::{Field, Problem};
use crate::noun::Noun;
use crate::shape;
use axum::http::{HeaderMap, StatusCode, header};
use identity::id::Id;
use identity::reader::Reader;
use identity::record::{Record, State};
use identity::resource::Parent;
use schemars::JsonSchema;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value, json};

/// The word for what a noun hangs under; nothing for what hangs under the instance.
pub fn parent_word<T: Noun>() -> Option<&'static str> {
    (T::Parent::KIND != identity::record::Kind::Instance).then(|| T::Parent::KIND.word())
}

/// A resource as it is shown.
pub fn shown<T: Noun>(reader: &Reader<'_>, record: &Record<T>) -> Result<Value, Problem> {
    let mut members = Map::new();
    members.insert("id".into(), json!(record.id));
    if let Some(word) = parent_word::<T>() {
        members.insert(word.into(), json!(record.parent));
    }
    members.insert("state".into(), state_word(record.state).into());
    members.insert("revision".into(), record.revision.into());
    members.insert("created".into(), record.created.rfc3339().into());
    members.insert("changed".into(), record.changed.rfc3339().into());
    for (name, value) in values(&record.spec)? {
        members.insert(name, value);
    }
    for ((name, _), value) in T::DERIVED.iter().zip(T::derived(reader, record)?) {
        members.insert((*name).to_owned(), value);
    }
    Ok(Value::Object(members))
}

/// A resource's own values.
pub fn values<T: Noun>(spec: &T) -> Result<Map<String, Value>, Problem> {
    match serde_json::to_value(spec) {
        Ok(Value::Object(values)) => Ok(values),
        Ok(_) => Err(crate::error::internal("a resource is no object")),
        Err(error) => Err(crate::error::internal(error)),
    }
}

/// The word for a state.
pub fn state_word(state: State) -> &'static str {
    match state {
        State::Active => "active",
        State::Inactive => "inactive",
        State::Deleted => "deleted",
    }
}

/// The object in a body.
pub fn object(headers: &HeaderMap, body: &[u8]) -> Result<Map<String, Value>, Problem> {
    let kind = crate::ask::one(headers, &header::CONTENT_TYPE)?.unwrap_or_default();
    let essence = kind.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    if !["application/json", "application/merge-patch+json"].contains(&essence.as_str()) {
        let title = "send the body as application/json";
        return Err(Problem::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, "unsupported_media_type", title));
    }
    match serde_json::from_slice(body) {
        Ok(Value::Object(members)) => Ok(members),
        Ok(_) => Err(Problem::new(StatusCode::BAD_REQUEST, "invalid_body", "the body is a JSON object")),
        Err(error) => {
            let title = format!("the body is no JSON: line {}, column {}", error.line(), error.column());
            Err(Problem::new(StatusCode::BAD_REQUEST, "invalid_body", title))
        }
    }
}

/// A body's members as a typed value; all that is wrong with them is told by its path.
pub fn typed<T: DeserializeOwned + JsonSchema + 'static>(members: Map<String, Value>) -> Result<T, Problem> {
    let value = Value::Object(members);
    serde_path_to_error::deserialize(&value).map_err(|error| {
        let faults = shape::faults_of::<T>(&value);
        if !faults.is_empty() {
            return Problem::fields(faults);
        }
        // What no shape says, such as which moments there are, our own types tell themselves.
        let field = error.path().to_string();
        let told = error.into_inner().to_string();
        // Where serde itself speaks, it repeats the value.
        let of_serde = ["invalid ", "unknown "].iter().any(|start| told.starts_with(start));
        let reason = match told.rsplit_once(", expected ") {
            Some((_, expected)) if of_serde => format!("{expected} is expected"),
            Some(_) | None => told,
        };
        Problem::field(&field, reason)
    })
}

/// Takes an identifier out of a body.
pub fn take_id(members: &mut Map<String, Value>, name: &str) -> Result<Option<Id>, Problem> {
    match members.remove(name) {
        None | Some(Value::Null) => Ok(None),
        Some(Value::String(text)) => {
            Id::parse(&text).map(Some).map_err(|error| Problem::field(name, error.to_string()))
        }
        Some(_) => Err(Problem::field(name, "a text")),
    }
}

/// Takes out what an answer says of a resource besides its values, so that what was got may be sent back changed. What
/// is not written this way is refused if it differs: nobody is to believe that he has moved or switched it.
pub fn take_common<T: Noun>(members: &mut Map<String, Value>, record: &Record<T>) -> Result<(), Problem> {
    let state = ("state", json!(state_word(record.state)), "activate and deactivate switch it");
    let fixed = |name, value| (name, value, "it is fixed after creation");
    let parent = parent_word::<T>().map(|word| fixed(word, json!(record.parent)));
    let id = fixed("id", json!(record.id));
    let created = fixed("created", record.created.rfc3339().into());
    let mut faults = Vec::new();
    for (name, value, reason) in [Some(id), parent, Some(created), Some(state)].into_iter().flatten() {
        if members.remove(name).is_some_and(|sent| sent != value) {
            faults.push(Field { field: name.to_owned(), reason: reason.to_owned() });
        }
    }
    // They say which one was read, and what follows from others; If-Match says that it must still be that one.
    for name in ["revision", "changed"].iter().chain(T::DERIVED.iter().map(|(name, _)| name)) {
        members.remove(*name);
    }
    if faults.is_empty() { Ok(()) } else { Err(Problem::fields(faults)) }
}

/// Lays a merge patch over values (RFC 7396): null takes a value away.
pub fn merge(target: &mut Value, patch: Value) {
    let Value::Object(patch) = patch else {
        *target = patch;
        return;
    };
    if !target.is_object() {
        *target = Value::Object(Map::new());
    }
    let Value::Object(members) = target else { return };
    for (name, value) in patch {
        if value.is_null() {
            members.remove(&name);
        } else {
            merge(members.entry(name).or_insert(Value::Null), value);
        }
    }
}
