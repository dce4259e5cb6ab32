//! Bodies that fit: made from the API's own description, so that a new noun needs no line here unless its values
//! depend on each other.

use crypto::Alg;
use crypto::testing::signing_key;
use serde_json::{Map, Value, json};

/// What samples are made of: the description of the API, and what they may refer to.
pub struct Samples {
    description: Value,
    /// The ids to refer to, by the word of a kind.
    pub refer: Map<String, Value>,
    count: u32,
}

impl Samples {
    pub fn new() -> Samples {
        let description = api_management::openapi::describe(&api_management::routes());
        Samples { description, refer: Map::new(), count: 0 }
    }

    /// The schema of a route's body, if it takes one.
    pub fn schema(&self, method: &str, path: &str) -> Option<Value> {
        let operation = &self.description["paths"][path][method.to_ascii_lowercase()];
        let schema = &operation["requestBody"]["content"]["application/json"]["schema"];
        (!schema.is_null()).then(|| schema.clone())
    }

    /// A body that creates one of a kind.
    pub fn noun(&mut self, word: &str, path: &str) -> Value {
        let mut body = self.body("POST", path);
        self.mend(word, &mut body);
        body
    }

    /// A body that a route takes.
    pub fn body(&mut self, method: &str, path: &str) -> Value {
        self.schema(method, path).map_or(Value::Null, |schema| self.of("", &schema))
    }

    /// Says what no schema says: which values fit each other.
    fn mend(&mut self, word: &str, body: &mut Value) {
        match word {
            "administrator" => {
                body["within"] = json!({ "organization": "acme" });
                body["roles"] = json!(["ORG_OWNER_VIEWER"]);
            }
            "application" => body["auth"] = "basic".into(),
            "authorization" => body["roles"] = json!(["viewer"]),
            "custom_role" => body["permissions"] = json!(["project.read"]),
            "service_key" => {
                body["jwk"] = serde_json::to_value(signing_key(Alg::EdDsa).public_jwk()).unwrap()
            }
            _ => {}
        }
    }

    fn of(&mut self, name: &str, schema: &Value) -> Value {
        if let Some(at) = schema["$ref"].as_str() {
            let found = self.description.pointer(at.trim_start_matches('#')).unwrap().clone();
            return self.of(name, &found);
        }
        if let Some(known) = self.refer.get(name) {
            return known.clone();
        }
        for key in ["oneOf", "anyOf"] {
            if let Some(first) = schema[key].as_array().and_then(|all| all.first()) {
                let first = first.clone();
                return self.of(name, &first);
            }
        }
        if !schema["const"].is_null() {
            return schema["const"].clone();
        }
        if let Some(first) = schema["enum"].as_array().and_then(|all| all.first()) {
            return first.clone();
        }
        let kind = schema["type"].as_array().map_or(&schema["type"], |kinds| &kinds[0]);
        match kind.as_str().unwrap_or_default() {
            "object" => self.object(schema),
            "array" => {
                let items = schema["items"].clone();
                json!([self.of(name, &items)])
            }
            "string" => self.text(schema).into(),
            "integer" | "number" => schema["minimum"].as_u64().unwrap_or(1).into(),
            "boolean" => false.into(),
            _ => Value::Null,
        }
    }

    fn object(&mut self, schema: &Value) -> Value {
        let mut members = Map::new();
        for name in schema["required"].as_array().into_iter().flatten() {
            let name = name.as_str().unwrap();
            let value = self.of(name, &schema["properties"][name].clone());
            members.insert(name.to_owned(), value);
        }
        Value::Object(members)
    }

    fn text(&mut self, schema: &Value) -> String {
        self.count += 1;
        let count = self.count;
        if schema["format"] == "date-time" {
            return "2030-01-01T00:00:00Z".into();
        }
        if schema["contentEncoding"] == "base64" {
            return crypto::b64(format!("sample-{count}").as_bytes());
        }
        match schema["pattern"].as_str().unwrap_or_default() {
            pattern if pattern.contains('@') => format!("sample-{count}@mail.example"),
            _ => format!("sample-{count}"),
        }
    }
}
