//! The description of the API (OpenAPI 3.1), made of the routes themselves.

use crate::events::FILTERS;
use crate::plain::OF_LISTS;
use crate::route::{Route, Schema};
use schemars::SchemaGenerator;
use schemars::generate::SchemaSettings;
use serde_json::{Map, Value, json};

/// What makes schemas as the description has them.
pub(crate) fn generator() -> SchemaGenerator {
    let settings = SchemaSettings::draft2020_12().with(|settings| {
        settings.definitions_path = "/components/schemas".into();
        settings.meta_schema = None;
    });
    settings.into_generator()
}

/// The description of these routes.
pub fn describe(routes: &[Route]) -> Value {
    let mut generator = generator();
    let mut paths: Map<String, Value> = Map::new();
    for route in routes {
        let operation = operation(route, &mut generator);
        let path = paths.entry(route.path.clone()).or_insert_with(|| json!({}));
        path[route.method.as_str().to_ascii_lowercase()] = operation;
    }
    let mut schemas = generator.take_definitions(true);
    schemas.insert("Problem".into(), problem());
    json!({
        "openapi": "3.1.0",
        "info": {
            "title": "Conclave management API",
            "version": "v1",
            "description": ABOUT,
        },
        "servers": [{ "url": "/", "description": "any node" }],
        "security": [{ "bearer": [] }],
        "paths": paths,
        "components": {
            "schemas": schemas,
            "securitySchemes": { "bearer": {
                "type": "http",
                "scheme": "bearer",
                "description": "An access token with the scope urn:zitadel:iam:org:project:id:zitadel:aud, or a \
                                personal access token of a service account",
            } },
            "parameters": parameters(),
            "responses": { "Problem": {
                "description": "It was not: the problem says why, and what to do.",
                "content": { "application/problem+json": { "schema": { "$ref": "#/components/schemas/Problem" } } },
            } },
            "headers": headers(),
        },
    })
}

const ABOUT: &str = "Every resource of Conclave. Any node answers. Each answer carries Conclave-Position; a request \
    with that value in Conclave-At-Least is answered from no older a state, by whichever node. Lists take limit, cursor, \
    sort and filter (the grammar of SCIM, RFC 7644 §3.4.2.2, over indexed attributes). Writes take If-Match with the \
    entity tag of an answer, and Idempotency-Key, which is remembered for a day. Errors are problems (RFC 9457) with a \
    stable code.";

fn operation(route: &Route, generator: &mut SchemaGenerator) -> Value {
    let shared = |name: &str| json!({ "$ref": format!("#/components/parameters/{name}") });
    let mut parameters: Vec<Value> = names_in(&route.path).map(shared).collect();
    for parameter in route.query {
        let is_shared = OF_LISTS.contains(parameter) || FILTERS.contains(parameter);
        parameters.push(if is_shared { shared(parameter.0) } else { in_query(parameter) });
    }
    parameters.push(shared("AtLeast"));
    if route.method != axum::http::Method::GET {
        parameters.extend(["IdempotencyKey", "IfMatch"].map(shared));
    }
    let mut schema = |schema: Schema| schema(generator);
    let mut answer = json!({
        "description": "It was done.",
        "headers": { "Conclave-Position": { "$ref": "#/components/headers/Position" } },
    });
    if let Some(shape) = route.answer {
        answer["content"] = json!({ route.media: { "schema": schema(shape) } });
    }
    let problem = json!({ "$ref": "#/components/responses/Problem" });
    let mut operation = json!({
        "operationId": route.operation,
        "tags": [route.group],
        "summary": route.summary,
        "x-permission": route.permission,
        "parameters": parameters,
        "responses": { route.status.as_str(): answer, "default": problem },
    });
    if let Some(shape) = route.body {
        operation["requestBody"] =
            json!({ "required": true, "content": { "application/json": { "schema": schema(shape) } } });
    }
    operation
}

/// The parameters of a path.
fn names_in(path: &str) -> impl Iterator<Item = &str> {
    path.split('/').filter_map(|part| part.strip_prefix('{')?.strip_suffix('}'))
}

fn in_query((name, about): &(&str, &str)) -> Value {
    let schema = match *name {
        "limit" => json!({ "type": "integer", "minimum": 1, "maximum": crate::query::LIMIT_MAX }),
        _ => json!({ "type": "string" }),
    };
    json!({ "name": name, "in": "query", "description": about, "schema": schema })
}

fn parameters() -> Value {
    let header = |name: &str, pattern: &str, about: &str| {
        let schema = json!({ "type": "string", "pattern": pattern });
        json!({ "name": name, "in": "header", "description": about, "schema": schema })
    };
    let (at_least, key, tag) = ("^[A-Za-z0-9_-]{19}$", "^[!-~]{1,200}$", r#"^(\*|"[0-9]{1,18}")$"#);
    let mut parameters = json!({
        "AtLeast": header("Conclave-At-Least", at_least, "Answer from no older a state than this position."),
        "IdempotencyKey":
            header("Idempotency-Key", key, "A repetition within a day under this key has no second effect."),
        "IfMatch": header("If-Match", tag, "The entity tag that the resource must still have."),
    });
    for name in ["id", "key"] {
        let schema = json!({ "type": "string", "minLength": 1, "maxLength": 200 });
        parameters[name] = json!({ "name": name, "in": "path", "required": true, "schema": schema });
    }
    for parameter in OF_LISTS.iter().chain(FILTERS) {
        parameters[parameter.0] = in_query(parameter);
    }
    parameters
}

fn headers() -> Value {
    let about = "Up to where of the log this answer is true; opaque.";
    json!({ "Position": { "description": about, "schema": { "type": "string" } } })
}

fn problem() -> Value {
    json!({
        "type": "object",
        "properties": {
            "type": { "type": "string" },
            "status": { "type": "integer" },
            "code": { "type": "string", "description": "stable: for programs" },
            "title": { "type": "string", "description": "for people" },
            "errors": { "type": "array", "items": {
                "type": "object",
                "properties": { "field": { "type": "string" }, "reason": { "type": "string" } },
                "required": ["field", "reason"],
            } },
        },
        "required": ["type", "status", "code", "title"],
    })
}
