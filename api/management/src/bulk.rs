//! Many resources of a kind in one request: each is a command of its own, and has a result of its own.

use crate::answer::{self, Answer};
use crate::ask::Ask;
use crate::error::Problem;
use crate::form::{object, typed};
use crate::noun::Noun;
use crate::plain::create_one;
use crate::schema as of_nouns;
use axum::body::Bytes;
use axum::extract::rejection::BytesRejection;
use axum::http::{HeaderMap, StatusCode};
use futures_util::stream::{self, StreamExt};
use schemars::{JsonSchema, SchemaGenerator};
use serde::Deserialize;
use serde_json::{Map, Value, json};

/// The most items of one request.
pub const ITEMS_MAX: usize = 1000;
/// How many are on their way to the log at once: one entry packs them.
const AT_ONCE: usize = 128;

#[derive(Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Items {
    items: Vec<Map<String, Value>>,
}

/// Creates each item; one that is refused keeps no other from being made. Under an Idempotency-Key each item has the
/// key with its place behind it, so that a repetition makes what is missing.
pub async fn create<T: Noun>(
    ask: Ask,
    headers: HeaderMap,
    body: Result<Bytes, BytesRejection>,
) -> Result<Answer, Problem> {
    let Items { items } = typed(object(&headers, &body?)?)?;
    if items.is_empty() {
        return Err(Problem::field("items", format!("1 to {ITEMS_MAX} items")));
    }
    if items.len() > ITEMS_MAX {
        let title = format!("a request takes at most {ITEMS_MAX} items; send the rest in another");
        return Err(Problem::new(StatusCode::PAYLOAD_TOO_LARGE, "too_large", title));
    }
    // A collection has no entity tag.
    ask.require_no_tag()?;
    let made = stream::iter(items.into_iter().enumerate()).map(async |(place, item)| {
        let asked = Value::Object(item.clone()).to_string();
        let ask = ask.part(place);
        create_one::<T>(&ask, None, item, asked.as_bytes()).await
    });
    let made: Vec<_> = made.buffered(AT_ONCE).collect().await;
    let mut last = ask.view.position;
    let results: Vec<Value> = made
        .into_iter()
        .map(|made| match made {
            Ok((made, _)) => {
                last = last.max(made.position);
                json!({ "status": StatusCode::CREATED.as_u16(), "id": made.reply.id })
            }
            Err(problem) => problem.json(),
        })
        .collect();
    let view = ask.after(last).await?;
    Ok(answer::read(&view, json!({ "results": results })))
}

/// The schema of a request.
pub fn schema<T: Noun>(generator: &mut SchemaGenerator) -> Value {
    let item = of_nouns::create::<T>(generator);
    json!({
        "type": "object",
        "properties": { "items": {
            "type": "array", "minItems": 1, "maxItems": ITEMS_MAX, "items": item,
        } },
        "required": ["items"],
        "additionalProperties": false,
    })
}

/// The schema of its answer.
pub fn results(_: &mut SchemaGenerator) -> Value {
    json!({
        "type": "object",
        "properties": { "results": { "type": "array", "items": {
            "type": "object",
            "properties": {
                "status": { "type": "integer" },
                "id": { "type": "string" },
                "code": { "type": "string" },
            },
            "required": ["status"],
        } } },
        "required": ["results"],
        "additionalProperties": false,
    })
}
