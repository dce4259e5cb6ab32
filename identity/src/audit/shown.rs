//! An event in JSON, as the API and exports show it. Names and forms come from the specs, values from their bytes alone, so
//! that a file can be checked against the bytes without the node.

use crate::audit::Entry;
use crate::audit::unseal::{Closed, Sealed, Unseal, Unsealed};
use crate::cluster::node::Node;
use crate::cluster::token::JoinToken;
use crate::encoding::decode;
use crate::envelope::Subject;
use crate::event::{Field, STATE, Value, What};
use crate::id::hex;
use crate::label::Label;
use crate::reader::{No, Run};
use crate::record::{Kind, State};
use crate::resource::Resource;
use crate::resources::{ForResource, dispatch};
use crate::setting;
use minicbor::Decoder;
use minicbor::data::Type;
use serde_json::{Value as Json, json};

/// An event as a caller sees it:
///
/// ```text
/// {"id":"12.0.1","time":"2026-11-26T15:04:05.123Z","what":"changed","sentence":"user u1 changed project p1",
///  "actor":{"type":"user","id":"u1"},"target":{"kind":"project","id":"p1"},"organization":"acme","request":"0a…",
///  "changes":[{"field":"name","before":"One","after":"Two"}]}
/// ```
///
/// A value that has no other form is `{"erased":true}`, `{"sealed":true}` (personal, and closed to the caller),
/// `{"secret":true}` or `{"sha256":"…","length":2000}`. Values have the form that the API
/// gives them.
pub fn event(entry: &Entry, unseal: &dyn Unseal) -> Run<Json> {
    let Entry { place, event, .. } = entry;
    let kind = Kind::from_number(event.kind);
    let mut changes = Vec::new();
    for field in &event.fields {
        let label = label(kind, field.number);
        let side = |value: &Option<Value>, side: u8| match value {
            Some(value) => {
                let sealed = |bytes| Sealed { event, place: *place, field: field.number, side, bytes };
                shown((field.number, label), value, &sealed, unseal)
            }
            None => Ok(Json::Null),
        };
        changes.push(json!({
            "field": label.map_or_else(|| unnamed(field.number), |label| label.name.to_owned()),
            "before": side(&field.before, 0)?,
            "after": side(&field.after, 1)?,
        }));
    }
    let mut json = json!({
        "id": place.to_string(),
        "time": event.time.rfc3339(),
        "what": What::from_number(event.what).map_or("unknown", What::word),
        "sentence": event.sentence(),
        "actor": actor(&event.actor),
        "target": {"kind": kind.map_or("unknown", Kind::word), "id": event.target},
        "request": hex(&event.request.0),
        "changes": changes,
    });
    if let (Some(organization), Some(members)) = (&event.organization, json.as_object_mut()) {
        members.insert("organization".into(), organization.as_str().into());
    }
    Ok(json)
}

/// Whether this is what an event would be shown as, whatever its sealed values were opened to: only a key tells that.
pub(super) fn agrees(entry: &Entry, claimed: &Json) -> bool {
    let Ok(mut expected) = event(entry, &Closed) else { return false };
    for (at, Field { before, after, .. }) in entry.event.fields.iter().enumerate() {
        for (side, value) in [("before", before), ("after", after)] {
            let path = format!("/changes/{at}/{side}");
            if let (Some(Value::Sealed(_)), Some(slot), Some(opened)) =
                (value, expected.pointer_mut(&path), claimed.pointer(&path))
            {
                *slot = opened.clone();
            }
        }
    }
    expected == *claimed
}

fn actor(actor: &Subject) -> Json {
    match actor {
        Subject::System => json!({"type": "system"}),
        Subject::Nobody => json!({"type": "nobody"}),
        Subject::Operator => json!({"type": "operator"}),
        Subject::User(id) => json!({"type": "user", "id": id}),
        Subject::Client(id) => json!({"type": "application", "id": id}),
    }
}

struct Labels;

impl ForResource for Labels {
    type Out = &'static [Label];
    fn run<T: Resource>(self) -> Self::Out {
        T::FIELDS
    }
}

/// What has no name is told by its number.
fn unnamed(number: u16) -> String {
    if number == STATE { "state".to_owned() } else { format!("field_{number}") }
}

/// The label of a field, if it has one.
fn label(kind: Option<Kind>, number: u16) -> Option<&'static Label> {
    let labels = kind.map_or(&[] as &[Label], |kind| match dispatch(kind, Labels) {
        Some(names) => names,
        None if kind == Kind::Node => Node::FIELDS,
        None if kind == Kind::JoinToken => JoinToken::FIELDS,
        None => setting::fields(kind).unwrap_or_default(),
    });
    labels.get(usize::from(number))
}

fn shown<'e>(
    (number, label): (u16, Option<&Label>),
    value: &'e Value,
    sealed: &dyn Fn(&'e [u8]) -> Sealed<'e>,
    unseal: &dyn Unseal,
) -> Result<Json, No> {
    let told = |bytes: &[u8]| label.and_then(|label| label.told(bytes)).unwrap_or_else(|| json(bytes));
    Ok(match value {
        Value::Plain(bytes) if number == STATE => state(bytes),
        Value::Plain(bytes) => told(bytes),
        Value::Sealed(bytes) => match unseal.unseal(&sealed(bytes))? {
            Unsealed::Open(bytes) => told(bytes.expose()),
            Unsealed::Erased => json!({"erased": true}),
            Unsealed::Closed => json!({"sealed": true}),
        },
        Value::Digest { hash, length } => json!({"sha256": hex(&hash.0), "length": length}),
        Value::Secret => json!({"secret": true}),
    })
}

fn state(bytes: &[u8]) -> Json {
    match decode::<State>(bytes) {
        Ok(State::Active) => "active".into(),
        Ok(State::Inactive) => "inactive".into(),
        Ok(State::Deleted) => "deleted".into(),
        Err(_) => json(bytes),
    }
}

/// How deep a value may lie: specs are three deep at most.
const DEPTH_MAX: u8 = 16;

/// A value of our encodings (RFC 8949) in JSON; what is none, as it stands.
fn json(bytes: &[u8]) -> Json {
    let mut d = Decoder::new(bytes);
    match item(&mut d, DEPTH_MAX) {
        Some(value) if d.position() == bytes.len() => value,
        Some(_) | None => crypto::b64url(bytes).into(),
    }
}

fn item(d: &mut Decoder<'_>, depth: u8) -> Option<Json> {
    let deeper = depth.checked_sub(1)?;
    Some(match d.datatype().ok()? {
        Type::Bool => d.bool().ok()?.into(),
        Type::U8 | Type::U16 | Type::U32 | Type::U64 => d.u64().ok()?.into(),
        Type::String => d.str().ok()?.into(),
        Type::Bytes => crypto::b64url(d.bytes().ok()?).into(),
        Type::Null => {
            d.null().ok()?;
            Json::Null
        }
        Type::Array => {
            let count = d.array().ok()??;
            (0..count).map(|_| item(d, deeper)).collect::<Option<Vec<Json>>>()?.into()
        }
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_value_of_ours_is_shown_as_it_stands() {
        assert_eq!(json(b"\x64Acme"), "Acme");
        assert_eq!(json(b"\x82\xf5\xf6"), json!([true, null]));
        let deep = [vec![0x81; 40], vec![1]].concat();
        // Half an array, two values, a float, a map, and an array that is deeper than any of ours.
        for other in [&b"\x82\x01"[..], b"\x01\x02", b"\xf9\x00\x00", b"\xa1\x01\x02", b"", &deep] {
            assert_eq!(json(other), crypto::b64url(other));
        }
    }
}
