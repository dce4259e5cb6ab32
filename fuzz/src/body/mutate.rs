//! Changes of a body that leave it a body: a value for another, a member more or less, a word that the API's own
//! description knows. Bytes changed at random would hardly ever get past the reader of JSON.

use serde_json::{Map, Number, Value, json};
use std::collections::BTreeSet;

/// A route, with a body that it takes.
pub struct Route {
    /// Its method and path, the first line of an input.
    pub head: String,
    /// A body that it takes.
    pub good: Value,
    /// The names of the members that it knows.
    pub members: Vec<String>,
}

/// What changes are made of.
pub struct Words {
    routes: Vec<Route>,
    /// Names, constants and ids.
    words: Vec<String>,
}

impl Words {
    /// Those of routes, of the API's description, and some more.
    pub fn new(routes: Vec<Route>, description: &Value, more: impl Iterator<Item = String>) -> Words {
        let mut words: BTreeSet<String> = more.collect();
        collect(description, &mut words);
        words.extend(EDGES.iter().map(|edge| (*edge).to_owned()));
        Words { routes, words: words.into_iter().collect() }
    }
}

/// Texts at the edges of what names, addresses and moments may be.
const EDGES: &[&str] = &[
    "",
    " ",
    "\u{0}",
    "\u{feff}x",
    "a@b",
    "..",
    "%2e",
    "https://a.example/cb",
    "http://127.0.0.1:99999/",
    "http://localhost/cb",
    "com.example.app:/cb",
    "2030-01-01T00:00:00Z",
    "9999-12-31T23:59:59.999Z",
    "0000-00-00T00:00:00Z",
    "AAAA",
    "AAA=",
    "de-CH",
    "{}",
];

/// Names of properties, and constants.
fn collect(schema: &Value, words: &mut BTreeSet<String>) {
    match schema {
        Value::Object(members) => {
            for (name, value) in members {
                if name == "properties" {
                    words.extend(value.as_object().into_iter().flat_map(Map::keys).cloned());
                }
                if name == "const" || name == "enum" {
                    words.extend(value.as_str().map(str::to_owned));
                    words.extend(
                        value.as_array().into_iter().flatten().filter_map(Value::as_str).map(str::to_owned),
                    );
                }
                collect(value, words);
            }
        }
        Value::Array(items) => items.iter().for_each(|item| collect(item, words)),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

/// Numbers that depend on the seed alone (xorshift).
struct Dice(u64);

impl Dice {
    fn below(&mut self, end: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 16) as usize % end.max(1)
    }

    fn one<'t, T>(&mut self, of: &'t [T]) -> Option<&'t T> {
        of.get(self.below(of.len()))
    }
}

/// Changes bytes: how many are used, how many there may be, how many are used after.
type Bytes = fn(&mut [u8], usize, usize) -> usize;

/// Another input than this.
pub fn mutated(words: &Words, input: &[u8], seed: u32, bytes: Bytes) -> Vec<u8> {
    let mut dice = Dice(u64::from(seed).wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1);
    dice.below(1);
    let text = String::from_utf8_lossy(input);
    let (head, body) = text.split_once('\n').unwrap_or_default();
    let route = words.routes.iter().find(|route| route.head == head);
    let elsewhere = dice.below(12) == 0;
    let Some(route) = route.filter(|_| !elsewhere).or_else(|| dice.one(&words.routes)) else {
        return input.to_vec();
    };
    let known = (route.head == head).then(|| serde_json::from_str(body).ok()).flatten();
    if known.is_some() && dice.below(16) == 0 {
        return format!("{}\n{}", route.head, altered(body, bytes)).into_bytes();
    }
    let mut value = known.unwrap_or_else(|| route.good.clone());
    for _ in 0..=dice.below(3) {
        let is_whole = dice.below(4) == 0;
        match &mut value {
            Value::Object(members) if is_whole => {
                bend_members(members, &route.members, words, &mut dice, bytes)
            }
            value => bend(value, words, &mut dice, bytes),
        }
    }
    format!("{}\n{value}", route.head).into_bytes()
}

fn altered(text: &str, bytes: Bytes) -> String {
    let mut buffer = text.as_bytes().to_vec();
    let used = buffer.len();
    buffer.resize(used + 64, 0);
    let used = bytes(&mut buffer, used, used + 64);
    buffer.truncate(used);
    String::from_utf8_lossy(&buffer).into_owned()
}

/// Changes something in a value.
fn bend(value: &mut Value, words: &Words, dice: &mut Dice, bytes: Bytes) {
    if dice.below(12) == 0 {
        *value = any(words, dice);
        return;
    }
    match value {
        Value::Object(members) => bend_members(members, &words.words, words, dice, bytes),
        Value::Array(items) => match dice.below(6) {
            0 => items.push(any(words, dice)),
            1 if !items.is_empty() => {
                items.remove(dice.below(items.len()));
            }
            2 => items.extend(dice.one(items).cloned()),
            _ => {
                let at = dice.below(items.len());
                if let Some(item) = items.get_mut(at) {
                    bend(item, words, dice, bytes);
                }
            }
        },
        Value::String(text) => match dice.below(4) {
            0 => *text = dice.one(&words.words).cloned().unwrap_or_default(),
            1 => *text = text.repeat(2 + dice.below(20)),
            _ => *text = altered(text, bytes),
        },
        Value::Bool(is) => *is = !*is,
        Value::Number(_) => *value = number(dice),
        Value::Null => *value = any(words, dice),
    }
}

fn bend_members(
    members: &mut Map<String, Value>,
    names: &[String],
    words: &Words,
    dice: &mut Dice,
    bytes: Bytes,
) {
    let at = dice.below(members.len());
    let name = members.keys().nth(at).cloned().unwrap_or_default();
    match dice.below(6) {
        0 => {
            members.remove(&name);
        }
        1 => {
            let name = dice.one(names).cloned().unwrap_or_default();
            members.insert(name, any(words, dice));
        }
        _ => {
            if let Some(value) = members.get_mut(&name) {
                bend(value, words, dice, bytes);
            }
        }
    }
}

fn any(words: &Words, dice: &mut Dice) -> Value {
    match dice.below(9) {
        0 => Value::Null,
        1 => (dice.below(2) == 0).into(),
        2 => number(dice),
        3 => json!([]),
        4 => json!({}),
        5 => json!([dice.one(&words.words)]),
        6 => {
            let name = dice.one(&words.words).cloned().unwrap_or_default();
            json!({ name: dice.one(&words.words) })
        }
        _ => json!(dice.one(&words.words)),
    }
}

fn number(dice: &mut Dice) -> Value {
    const WHOLE: &[u64] = &[0, 1, 2, 8, 60, 64, 128, 200, 3600, 65_536, 1 << 32, 1 << 53, u64::MAX];
    const OTHER: &[f64] = &[-1.0, 0.5, 1e300, -0.0];
    match dice.below(4) {
        0 => dice.one(OTHER).copied().and_then(Number::from_f64).map_or(Value::Null, Value::Number),
        _ => json!(dice.one(WHOLE)),
    }
}
