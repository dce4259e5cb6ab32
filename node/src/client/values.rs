//! Values as they are given: `--set field=value`, files in JSON or TOML, and secrets that stand elsewhere.

use super::surroundings::Surroundings;
use crate::cli::manage::Values;
use crate::exit::{Class, Failure, Outcome};
use api_management::shape::dotted;
use serde_json::{Map, Value};
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

/// The largest file.
const FILE_BYTES_MAX: u64 = 64 << 20;
/// How deep values may stand in each other.
const DEPTH_MAX: usize = 32;

/// The values that a command was given: those of the file first, single ones over them.
pub(super) fn given(values: &Values, surroundings: &Surroundings) -> Outcome<Map<String, Value>> {
    let mut into = Map::new();
    if let Some(file) = &values.file {
        let mut value = match file.as_os_str().as_encoded_bytes() {
            b"-" => {
                let text = std::io::read_to_string(std::io::stdin()).map_err(Failure::other)?;
                parse(Path::new("-"), Form::Json, &text)?
            }
            _ => read(file)?,
        };
        let mut references = References { folder: folder_of(file), surroundings, secrets: BTreeSet::new() };
        references.resolve(&mut value)?;
        let Value::Object(map) = value else {
            let file = file.display();
            return Err(Failure::new(
                Class::Usage,
                format_args!("{file}: the values of one resource are wanted"),
            ));
        };
        into = map;
    }
    for text in &values.set {
        set(&mut into, text)?;
    }
    Ok(into)
}

/// Takes `field=value` or `outer.inner=value`.
fn set(into: &mut Map<String, Value>, text: &str) -> Outcome<()> {
    let wrong = |why: &str| Err(Failure::new(Class::Usage, format_args!("--set {text}: {why}")));
    let Some((name, value)) = text.split_once('=') else { return wrong("write it as FIELD=VALUE") };
    let value = serde_json::from_str(value).unwrap_or_else(|_| Value::from(value));
    let mut parts = name.split('.').peekable();
    let mut at = into;
    while let Some(part) = parts.next() {
        if part.is_empty() {
            return wrong("a field has a name");
        }
        if parts.peek().is_none() {
            at.insert(part.to_owned(), value);
            return Ok(());
        }
        let inner = at.entry(part).or_insert_with(|| Value::Object(Map::new()));
        let Value::Object(inner) = inner else {
            return wrong("a value that was given before has no fields in it");
        };
        at = inner;
    }
    wrong("a field has a name")
}

/// How a file is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Form {
    /// JSON.
    Json,
    /// TOML.
    Toml,
}

impl Form {
    /// What the ending of a file's name says.
    pub(super) fn of(path: &Path) -> Option<Form> {
        let ending = path.extension()?.to_str()?.to_ascii_lowercase();
        match ending.as_str() {
            "json" => Some(Form::Json),
            "toml" => Some(Form::Toml),
            _ => None,
        }
    }
}

/// Reads a file of values.
pub(super) fn read(path: &Path) -> Outcome<Value> {
    let Some(form) = Form::of(path) else {
        let path = path.display();
        return Err(Failure::new(
            Class::Usage,
            format_args!("{path}: name a file that ends in .json or .toml"),
        ));
    };
    parse(path, form, &read_text(path)?)
}

fn parse(path: &Path, form: Form, text: &str) -> Outcome<Value> {
    let wrong = |why: String| Failure::new(Class::Usage, format_args!("{}: {why}", path.display()));
    match form {
        Form::Json => serde_json::from_str(text).map_err(|error| wrong(error.to_string())),
        Form::Toml => {
            let table: toml::Table = text.parse().map_err(|error: toml::de::Error| {
                let line = error.span().map_or(1, |span| text[..span.start].lines().count().max(1));
                wrong(format!("line {line}: {}", error.message()))
            })?;
            // A moment has no JSON of its own: it becomes the text that it was written as.
            from_toml(toml::Value::Table(table)).ok_or_else(|| wrong("inf and nan are no values".to_owned()))
        }
    }
}

fn from_toml(value: toml::Value) -> Option<Value> {
    Some(match value {
        toml::Value::String(text) => Value::from(text),
        toml::Value::Integer(number) => Value::from(number),
        toml::Value::Float(number) => Value::Number(serde_json::Number::from_f64(number)?),
        toml::Value::Boolean(value) => Value::from(value),
        toml::Value::Datetime(moment) => Value::from(moment.to_string()),
        toml::Value::Array(items) => Value::Array(items.into_iter().map(from_toml).collect::<Option<_>>()?),
        toml::Value::Table(table) => {
            let field = |(name, value)| Some((name, from_toml(value)?));
            Value::Object(table.into_iter().map(field).collect::<Option<_>>()?)
        }
    })
}

/// Reads a text file of the one who calls.
pub(super) fn read_text(path: &Path) -> Outcome<String> {
    let shown = path.display();
    let cannot = |why: &dyn std::fmt::Display| {
        Failure::new(Class::Usage, format_args!("the file {shown} can't be read: {why}"))
    };
    let bytes = std::fs::metadata(path).map_err(|error| cannot(&error))?.len();
    if bytes > FILE_BYTES_MAX {
        return Err(cannot(&"it is too large"));
    }
    std::fs::read_to_string(path).map_err(|error| cannot(&error))
}

/// The folder that a file stands in.
pub(super) fn folder_of(file: &Path) -> PathBuf {
    file.parent().map(Path::to_owned).unwrap_or_default()
}

/// Puts what stands elsewhere into values: `{"$file": "path"}` a file's text without the line end, the path as seen from
/// the file with the reference; `{"$env": "NAME"}` a variable's.
pub(super) struct References<'s> {
    /// The folder of the file.
    pub(super) folder: PathBuf,
    /// The variables.
    pub(super) surroundings: &'s Surroundings,
    /// The dotted names of what was put in: never shown.
    pub(super) secrets: BTreeSet<String>,
}

impl References<'_> {
    /// Does it.
    pub(super) fn resolve(&mut self, value: &mut Value) -> Outcome<()> {
        self.walk(value, "", 0)
    }

    fn walk(&mut self, value: &mut Value, name: &str, depth: usize) -> Outcome<()> {
        if depth > DEPTH_MAX {
            return Err(Failure::new(
                Class::Usage,
                format_args!("{name}: the values stand too deep in each other"),
            ));
        }
        match value {
            Value::Object(map) => {
                if let Some(found) = self.referred(map, name)? {
                    *value = Value::String(found);
                    self.secrets.insert(name.to_owned());
                    return Ok(());
                }
                for (field, inner) in map {
                    self.walk(inner, &dotted(name, field), depth + 1)?;
                }
            }
            Value::Array(items) => {
                // A list is compared and shown as a whole, so that a secret in it makes a secret of it.
                let before = self.secrets.len();
                for item in items {
                    self.walk(item, &format!("{name}[]"), depth + 1)?;
                }
                if self.secrets.len() > before {
                    self.secrets.insert(name.to_owned());
                }
            }
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
        }
        Ok(())
    }

    fn referred(&self, map: &Map<String, Value>, name: &str) -> Outcome<Option<String>> {
        let Some((word, target)) = map.iter().find(|(word, _)| word.starts_with('$')) else {
            return Ok(None);
        };
        let wrong = |why: &str| Failure::new(Class::Usage, format_args!("{name}: {why}"));
        let (1, Value::String(target)) = (map.len(), target) else {
            return Err(wrong("write {\"$file\": \"path\"} or {\"$env\": \"NAME\"}, with nothing beside it"));
        };
        match word.as_str() {
            "$file" => {
                let text = read_text(&self.folder.join(target))?;
                Ok(Some(without_line_end(&text).to_owned()))
            }
            "$env" => match self.surroundings.variable(target) {
                Some(text) => Ok(Some(text)),
                None => Err(wrong(&format!("the variable {target} is not set"))),
            },
            _ => Err(wrong(&format!("{word} is neither $file nor $env"))),
        }
    }
}

/// A text without the line end that editors leave.
pub(super) fn without_line_end(text: &str) -> &str {
    let text = text.strip_suffix('\n').unwrap_or(text);
    text.strip_suffix('\r').unwrap_or(text)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn all(texts: &[&str]) -> Outcome<Value> {
        let mut into = Map::new();
        for text in texts {
            set(&mut into, text)?;
        }
        Ok(Value::Object(into))
    }

    #[test]
    fn a_value_is_json_where_it_is_json() {
        for (texts, expected) in [
            (&["name=Acme"][..], json!({ "name": "Acme" })),
            (&["name=Acme = Co"], json!({ "name": "Acme = Co" })),
            (&["name="], json!({ "name": "" })),
            (&["role_check=true"], json!({ "role_check": true })),
            (&["min_length=12"], json!({ "min_length": 12 })),
            (&["name=\"12\""], json!({ "name": "12" })),
            (&["name=1 2"], json!({ "name": "1 2" })),
            (&["roles=[\"a\",\"b\"]"], json!({ "roles": ["a", "b"] })),
            (&["group=null"], json!({ "group": null })),
            (
                &["kind.human.given_name=Ada", "kind.human.family_name=L"],
                json!({ "kind": { "human": { "given_name": "Ada", "family_name": "L" } } }),
            ),
            (&["name=a", "name=b"], json!({ "name": "b" })),
        ] {
            assert_eq!(all(texts).ok(), Some(expected), "{texts:?}");
        }
    }

    #[test]
    fn what_is_no_assignment_is_refused() {
        for texts in [&["name"][..], &["=x"], &["a..b=x"], &[".a=x"], &["a.=x"], &["a=1", "a.b=2"]] {
            assert_eq!(all(texts).unwrap_err().class, Class::Usage, "{texts:?}");
        }
    }

    #[test]
    fn toml_becomes_json() {
        let text = "name = \"a\"\nexpires = 2030-01-01T00:00:00Z\n[kind.service]\nname = \"b\"\n";
        let value = parse(Path::new("x.toml"), Form::Toml, text).unwrap();
        assert_eq!(
            value,
            json!({ "name": "a", "expires": "2030-01-01T00:00:00Z", "kind": { "service": { "name": "b" } } })
        );
        for wrong in ["a = nan", "a = ", "a = 1\na = 2"] {
            assert_eq!(parse(Path::new("x.toml"), Form::Toml, wrong).unwrap_err().class, Class::Usage);
        }
    }

    #[test]
    fn a_reference_is_replaced_and_remembered_as_secret() {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("secret"), "s3cret\n").unwrap();
        let surroundings = Surroundings::of([("PIN", "1234")]);
        let mut references = References {
            folder: folder.path().into(),
            surroundings: &surroundings,
            secrets: BTreeSet::new(),
        };
        let mut value = json!({ "a": { "$file": "secret" }, "b": { "c": { "$env": "PIN" } }, "d": [{ "$env": "PIN" }], "e": 1 });
        references.resolve(&mut value).unwrap();
        assert_eq!(value, json!({ "a": "s3cret", "b": { "c": "1234" }, "d": ["1234"], "e": 1 }));
        for name in ["a", "b.c", "d"] {
            assert!(references.secrets.contains(name), "{name}");
        }
        for wrong in [
            json!({ "a": { "$file": "missing" } }),
            json!({ "a": { "$env": "MISSING" } }),
            json!({ "a": { "$env": "PIN", "b": 1 } }),
            json!({ "a": { "$env": 1 } }),
            json!({ "a": { "$exec": "x" } }),
        ] {
            let failure = references.resolve(&mut wrong.clone()).unwrap_err();
            assert_eq!(failure.class, Class::Usage, "{wrong}");
        }
    }
}
