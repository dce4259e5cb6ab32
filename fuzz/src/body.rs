//! Any body for any route of the management API that takes one. The first line is the route, as `POST /api/v1/projects`,
//! the rest the body.

pub mod mutate;

use crate::ground::{Ground, json};
use crate::samples::Samples;
use crate::stage::Asked;
use crate::world::{Answer, escaped};
use axum::http::{Method, StatusCode, header};
use mutate::{Route, Words};
use serde_json::{Map, Value};

struct Rooms {
    ground: Ground,
    words: Words,
}

thread_local! {
    static ROOMS: Rooms = rooms();
}

fn rooms() -> Rooms {
    let ground = Ground::new(async |_| {});
    let samples = Samples::new();
    let routes = ground.asked.iter().filter(|asked| asked.body.is_some()).map(|asked| {
        let good = match asked.method {
            Method::PUT | Method::PATCH => json(&ground.get(&asked.path)),
            _ => asked.body.clone().unwrap_or_default(),
        };
        let schema = samples.schema(asked.method.as_str(), &asked.pattern).unwrap_or_default();
        let members = schema["properties"].as_object().into_iter().flat_map(Map::keys).cloned().collect();
        Route { head: head_of(asked), good, members }
    });
    let routes = routes.collect();
    let description = api_management::openapi::describe(&api_management::routes());
    let ids = ground.stage.actors.values().map(|actor| actor.id.to_string());
    Rooms { words: Words::new(routes, &description, ids), ground }
}

fn head_of(asked: &Asked) -> String {
    format!("{} {}", asked.method, asked.pattern)
}

/// Changes an input into another that is worth a try, in place; `bytes` changes bytes without knowing what they say.
/// Returns its length.
pub fn mutated(
    data: &mut [u8],
    size: usize,
    size_max: usize,
    seed: u32,
    bytes: fn(&mut [u8], usize, usize) -> usize,
) -> usize {
    let made =
        ROOMS.with(|rooms| mutate::mutated(&rooms.words, data.get(..size).unwrap_or_default(), seed, bytes));
    match data.get_mut(..made.len()) {
        Some(place) if made.len() <= size_max => {
            place.copy_from_slice(&made);
            made.len()
        }
        _ => bytes(data, size, size_max),
    }
}

/// The answer is never a failure inside, and a refusal says why. What was accepted is shown; sent back as it is shown, it
/// changes nothing, not even the revision; and a patch does what the patched whole does.
pub fn check(input: &[u8]) {
    let text = String::from_utf8_lossy(input);
    let (head, body) = text.split_once('\n').unwrap_or((&text, ""));
    ROOMS.with(|rooms| {
        let ground = &rooms.ground;
        let asked = ground.asked.iter().find(|asked| asked.body.is_some() && head_of(asked) == head);
        let Some(asked) = asked else { return };
        let before = (asked.method == Method::PATCH).then(|| json(&ground.get(&asked.path)));
        let answer = ground.ask(&asked.method, &asked.path, body.as_bytes());
        sound(&answer);
        if answer.status.is_success() {
            accepted(ground, asked, &answer);
            if let Some(before) = before {
                ground.rewind();
                patched(ground, asked, before, body, &answer);
            }
        }
        ground.rewind();
    });
}

fn sound(answer: &Answer) {
    assert!(answer.status.as_u16() < 500, "{}: {}", answer.status, answer.body);
    if !answer.status.is_success() {
        assert_eq!(answer.header("content-type"), "application/problem+json", "{}", answer.body);
        assert!(json(answer)["code"].is_string(), "{}", answer.body);
    }
}

fn accepted(ground: &Ground, asked: &Asked, answer: &Answer) {
    if answer.status == StatusCode::NO_CONTENT {
        return;
    }
    let told = json(answer);
    if answer.headers.contains_key(header::LOCATION) {
        return sent_back(ground, &answer.header("location"), Some(&told));
    }
    if let Some(collection) = asked.path.strip_suffix("/bulk") {
        for result in told["results"].as_array().expect("a bulk has results") {
            assert!(result["status"].as_u64().is_some_and(|status| status < 500), "{result}");
            if let Some(id) = result["id"].as_str() {
                sent_back(ground, &format!("{collection}/{}", escaped(id)), None);
            }
        }
        return;
    }
    sent_back(ground, &place_of(ground, asked, &told), Some(&told));
}

/// Where a changed resource stands: what is known by its key moves when that changes.
fn place_of(ground: &Ground, asked: &Asked, told: &Value) -> String {
    let Some(collection) = asked.path.rsplit_once('/').filter(|_| asked.pattern.ends_with("/{key}")) else {
        return asked.path.clone();
    };
    let texts = told.as_object().into_iter().flat_map(Map::values).filter_map(Value::as_str);
    let mut paths = texts.map(|text| format!("{}/{}", collection.0, escaped(text)));
    let is_here = |path: &String| {
        let found = ground.get(path);
        found.status == StatusCode::OK && json(&found)["id"] == told["id"]
    };
    paths.find(is_here).unwrap_or_else(|| panic!("it stands nowhere: {told}"))
}

/// Gets what stands at a path and puts it back.
fn sent_back(ground: &Ground, path: &str, told: Option<&Value>) {
    let shown = ground.get(path);
    assert_eq!(shown.status, StatusCode::OK, "{path}: {}", shown.body);
    let shown = json(&shown);
    for (name, value) in told.and_then(Value::as_object).into_iter().flatten() {
        // A secret is shown once.
        assert!(shown.get(name) == Some(value) || name == "token", "{path}: {name}: {value} {shown}");
    }
    let again = ground.ask(&Method::PUT, path, shown.to_string().as_bytes());
    assert_eq!(again.status, StatusCode::OK, "{path}: {shown} {}", again.body);
    assert_eq!(json(&again), shown, "{path}");
}

/// A patch that was accepted is the replacement by what it makes (RFC 7396).
fn patched(ground: &Ground, asked: &Asked, mut whole: Value, body: &str, answer: &Answer) {
    lay_over(&mut whole, &serde_json::from_str(body).unwrap_or_default());
    let replaced = ground.ask(&Method::PUT, &asked.path, whole.to_string().as_bytes());
    assert_eq!(replaced.status, StatusCode::OK, "{whole} {}", replaced.body);
    assert_eq!(json(&replaced), json(answer), "{whole}");
}

/// The example of RFC 7396 §2, written by itself.
fn lay_over(target: &mut Value, patch: &Value) {
    let Some(patch) = patch.as_object() else {
        *target = patch.clone();
        return;
    };
    let mut members = target.as_object().cloned().unwrap_or_default();
    for (name, value) in patch {
        let mut under = members.remove(name).unwrap_or_default();
        if !value.is_null() {
            lay_over(&mut under, value);
            members.insert(name.clone(), under);
        }
    }
    *target = Value::Object(members);
}
