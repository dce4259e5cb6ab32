//! Whatever is sent: an answer, never a failure inside.

use crate::samples::Samples;
use crate::stage::{Asked, Stage};
use crate::world::*;
use axum::http::Method;
use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};
use serde_json::{Map, Value, json};

/// How many requests each route gets.
const EACH: usize = 24;

/// The same ones each time.
fn runner() -> TestRunner {
    TestRunner::new_with_rng(Config::default(), TestRng::from_seed(RngAlgorithm::ChaCha, &[58; 32]))
}

fn draw<S: Strategy>(runner: &mut TestRunner, strategy: &S) -> S::Value {
    strategy.new_tree(runner).unwrap().current()
}

/// Texts that are near something: ids, roles, moments, and what is none of it.
fn texts() -> impl Strategy<Value = String> {
    prop_oneof![
        prop::sample::select(vec![
            "",
            "acme",
            "globex",
            "acme-portal",
            "instance",
            "ORG_OWNER",
            "viewer",
            "active",
            "2030-01-01T00:00:00Z",
            "9999-12-31T23:59:59.999Z",
            "0000-00-00T00:00:00Z",
            "-1",
            "..",
            "\u{0}",
            "\u{feff}x",
            "a@b",
            "https://a.example/cb",
            "http://127.0.0.1:99999/",
            "AAAA",
            "name",
            "null",
        ])
        .prop_map(str::to_owned),
        ".{0,40}",
        "[!-~]{1,220}",
    ]
}

fn values() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        texts().prop_map(Value::from),
    ];
    leaf.prop_recursive(4, 24, 6, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..6).prop_map(Value::from),
            prop::collection::vec((texts(), inner), 0..6)
                .prop_map(|pairs| Value::Object(pairs.into_iter().collect::<Map<_, _>>())),
        ]
    })
}

/// A value at which something of a good body is replaced by anything.
fn bent(runner: &mut TestRunner, good: &Value) -> Value {
    let mut body = good.clone();
    let any = draw(runner, &values());
    match &mut body {
        Value::Object(members) if !members.is_empty() && draw(runner, &(0..10u8)) > 0 => {
            let at = draw(runner, &(0..members.len()));
            let name = members.keys().nth(at).unwrap().clone();
            let inner = members[&name].clone();
            members.insert(name, bent(runner, &inner));
            body
        }
        Value::Array(items) if !items.is_empty() && draw(runner, &(0..4u8)) > 0 => {
            let at = draw(runner, &(0..items.len()));
            items[at] = bent(runner, &items[at].clone());
            body
        }
        Value::Null
        | Value::Bool(_)
        | Value::Number(_)
        | Value::String(_)
        | Value::Array(_)
        | Value::Object(_) => any,
    }
}

fn sound(asked: &Asked, what: &str, answer: &Answer) {
    assert!(
        answer.status.as_u16() < 500,
        "{} {} {what}: {} {}",
        asked.method,
        asked.path,
        answer.status,
        answer.body
    );
    if !answer.status.is_success() {
        assert_eq!(answer.header("content-type"), "application/problem+json", "{} {what}", asked.path);
        assert!(answer.json()["code"].is_string(), "{}", answer.body);
    }
}

#[tokio::test]
async fn no_body_makes_a_write_fail_inside() {
    let mut stage = Stage::new().await;
    let owner = stage.world.acme.iam_owner.clone();
    let (mut runner, samples) = (runner(), Samples::new());
    let mut done = 0;
    for asked in stage.asked().into_iter().filter(|asked| asked.body.is_some()) {
        let before = stage.world.solo.tables();
        let good = match asked.method {
            Method::PUT | Method::PATCH => stage.world.get(&asked.path, &owner).await.json(),
            _ => asked.body.clone().unwrap(),
        };
        // Fields that a good body may leave out take part too.
        let schema = samples.schema(asked.method.as_str(), &asked.pattern).unwrap();
        let mut whole = good.clone();
        for name in schema["properties"].as_object().into_iter().flat_map(Map::keys) {
            if whole.get(name).is_none() {
                whole[name] = Value::Null;
            }
        }
        for number in 0..EACH {
            let body = match number % 8 {
                0 => draw(&mut runner, &values()),
                1..4 => bent(&mut runner, &whole),
                _ => bent(&mut runner, &good),
            };
            let answer =
                stage.world.ask(asked.method.as_str(), &asked.path, &owner, Some(body.clone())).await;
            sound(&asked, &body.to_string(), &answer);
            done += usize::from(answer.status.is_success());
            // What was written is read, listed and searched like everything else.
            if let Some(actor) = asked.actor.as_ref().filter(|_| answer.status.is_success()) {
                let list = actor
                    .collection
                    .replace("{id}", actor.place.parent.as_ref().map_or("", |(_, id)| id.as_str()));
                stage.world.get(&list, &owner).await;
                stage.world.solo.rewind(before.clone());
            }
        }
    }
    assert!(done > 20, "{done}: too few of them were near to a good one");
}

#[tokio::test]
async fn no_query_and_no_path_makes_a_read_fail_inside() {
    let mut stage = Stage::new().await;
    let owner = stage.world.acme.iam_owner.clone();
    let mut runner = runner();
    let words = vec![
        "name",
        "id",
        "state",
        "created",
        "user",
        "eq",
        "co",
        "sw",
        "gt",
        "pr",
        "and",
        "or",
        "not",
        "(",
        ")",
        "\"",
        "\"acme\"",
        "\"2030-01-01T00:00:00Z\"",
        "null",
        "5",
        "organization",
    ];
    let filters = prop_oneof![
        prop::collection::vec(prop::sample::select(words), 1..9).prop_map(|words| words.join(" ")),
        texts()
    ];
    let names = prop_oneof![
        prop::sample::select(vec!["limit", "sort", "cursor", "filter"]).prop_map(str::to_owned),
        texts()
    ];
    for asked in stage.asked().into_iter().filter(|asked| asked.method == Method::GET) {
        for _ in 0..EACH {
            let mut query = format!("filter={}", escaped(&draw(&mut runner, &filters)));
            for _ in 0..draw(&mut runner, &(0..3u8)) {
                let (name, value) = (draw(&mut runner, &names), draw(&mut runner, &texts()));
                query += &format!("&{}={}", escaped(&name), escaped(&value));
            }
            let answer = stage.world.get(&format!("{}?{query}", asked.path), &owner).await;
            sound(&asked, &query, &answer);
            let path = asked.pattern.split('/').map(|part| {
                if part.starts_with('{') { escaped(&draw(&mut runner, &texts())) } else { part.to_owned() }
            });
            let path = path.collect::<Vec<_>>().join("/");
            // An empty part is another address.
            if !path.contains("//") && !path.ends_with('/') {
                sound(&asked, &path, &stage.world.get(&path, &owner).await);
            }
        }
    }
}

#[tokio::test]
async fn random_headers_are_refused_or_mean_nothing() {
    let world = World::new().await;
    let mut runner = runner();
    for _ in 0..300 {
        for name in ["if-match", "idempotency-key", "conclave-at-least", "content-type", "accept", "range"] {
            let value = draw(&mut runner, &"[ -~]{0,60}");
            let body = Some(json!({}));
            let headers = [(name, value.as_str())];
            let answer = world
                .ask_with("PATCH", "/api/v1/projects/acme-portal", &world.acme.org_owner, &headers, body)
                .await;
            assert!(answer.status.as_u16() < 500, "{name}: {value}: {}", answer.body);
        }
    }
}
