//! The files of `apply`: which documents stand in them.
//!
//! A document is `{"kind", "id", "parent"?, "values"}`. A file holds one, a list of them, or a list under `resources`,
//! which is how TOML writes it: `[[resources]]`.

use super::super::address::Address;
use super::super::nouns::{Declared, Noun, noun};
use super::super::surroundings::Surroundings;
use super::super::values::{self, Form, References, folder_of};
use crate::exit::{Class, Failure, Outcome};
use serde::Deserialize;
use serde_json::{Map, Value};
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

/// The most documents.
const DOCUMENTS_MAX: usize = 100_000;

/// How one resource is to be.
#[derive(Clone, Debug)]
pub(super) struct Document {
    /// Which one.
    pub(super) address: Address,
    /// What it hangs under, if that is not the instance.
    pub(super) parent: Option<String>,
    /// The fields that are to have these values.
    pub(super) values: Map<String, Value>,
    /// The dotted names of those that came from elsewhere: never shown.
    pub(super) secrets: BTreeSet<String>,
    /// Where it stands, for people.
    pub(super) place: String,
}

/// A document as it is written.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Written {
    kind: String,
    id: String,
    #[serde(default)]
    parent: Option<String>,
    #[serde(default)]
    values: Map<String, Value>,
}

/// Reads a file, or all files of a folder and the folders in it: the documents that can be read, and what is wrong with the
/// others, by their places.
pub(super) fn read(path: &Path, surroundings: &Surroundings) -> Outcome<(Vec<Document>, Vec<String>)> {
    if !path.exists() {
        return Err(Failure::new(Class::Usage, format_args!("{} does not exist", path.display())));
    }
    let mut files = Vec::new();
    if path.is_dir() {
        walk(path, &mut files)?
    } else {
        files.push(path.to_owned())
    }
    let (mut documents, mut wrong) = (Vec::new(), Vec::new());
    let mut places = BTreeMap::<Address, String>::new();
    for file in files {
        for (number, written) in split(values::read(&file)?).into_iter().enumerate() {
            let place = format!("{}, document {}", file.display(), number + 1);
            let mut document = match document(written, &file, surroundings) {
                Ok(document) => document,
                Err(failure) => {
                    wrong.push(format!("{place}: {}", failure.text));
                    continue;
                }
            };
            if let Some(other) = places.insert(document.address.clone(), place.clone()) {
                wrong.push(format!("{place}: {} stands in {other} too", document.address));
                continue;
            }
            document.place = place;
            documents.push(document);
        }
    }
    let count = documents.len() + wrong.len();
    if count == 0 || count > DOCUMENTS_MAX {
        let path = path.display();
        let text =
            format_args!("{path} has {count} documents: 1 to {DOCUMENTS_MAX} are wanted, in .json or .toml");
        return Err(Failure::new(Class::Usage, text));
    }
    Ok((documents, wrong))
}

fn walk(folder: &Path, into: &mut Vec<PathBuf>) -> Outcome<()> {
    let cannot = |error| {
        Failure::new(Class::Usage, format_args!("the folder {} can't be read: {error}", folder.display()))
    };
    let mut entries: Vec<_> = std::fs::read_dir(folder).and_then(Iterator::collect).map_err(cannot)?;
    entries.sort_by_key(std::fs::DirEntry::file_name);
    for entry in entries {
        let path = entry.path();
        // Hidden ones are not ours: versions of the folder, settings of editors.
        if entry.file_name().as_encoded_bytes().starts_with(b".") {
            continue;
        }
        // A link to a folder could lead in a circle; one to a file is how containers are given files.
        if entry.file_type().map_err(cannot)?.is_dir() {
            walk(&path, into)?;
        } else if Form::of(&path).is_some() {
            into.push(path);
        } else if path.extension().is_some_and(|ending| ending == "yaml" || ending == "yml") {
            let text = format_args!("{}: write it in JSON or TOML, YAML is not read", path.display());
            return Err(Failure::new(Class::Usage, text));
        }
    }
    Ok(())
}

fn split(value: Value) -> Vec<Value> {
    match value {
        Value::Array(items) => items,
        Value::Object(mut map) if map.len() == 1 && map.get("resources").is_some_and(Value::is_array) => {
            split(map.remove("resources").unwrap_or_default())
        }
        other => vec![other],
    }
}

fn document(value: Value, file: &Path, surroundings: &Surroundings) -> Outcome<Document> {
    let wrong = |why: &dyn std::fmt::Display| Failure::new(Class::Usage, why);
    let written: Written = serde_json::from_value(value).map_err(|error| wrong(&error))?;
    let noun = noun(&written.kind)?;
    require_declarable(noun)?;
    match (noun.parent(), &written.parent) {
        (Some(parent), None) => {
            return Err(wrong(&format_args!("a {} is a {parent}'s: name it as \"parent\"", noun.word)));
        }
        (None, Some(_)) => return Err(wrong(&format_args!("a {} has no parent", noun.word))),
        (Some(_), Some(_)) | (None, None) => {}
    }
    let address = Address::read(noun, &written.id, written.parent.as_deref())?;
    for field in noun.own_fields() {
        if written.values.contains_key(field) {
            return Err(wrong(&format_args!("\"{field}\" is no value: it stands in \"id\" or \"parent\"")));
        }
    }
    let mut references = References { folder: folder_of(file), surroundings, secrets: BTreeSet::new() };
    let mut values = Value::Object(written.values);
    references.resolve(&mut values)?;
    let Value::Object(values) = values else { return Err(wrong(&"\"values\" are no reference")) };
    Ok(Document {
        address,
        parent: written.parent,
        values,
        secrets: references.secrets,
        place: String::new(),
    })
}

fn require_declarable(noun: &Noun) -> Outcome<()> {
    match noun.declared {
        Declared::InFiles => Ok(()),
        Declared::Never => {
            let text = format_args!("a {} is made by a command and not by a file", noun.word);
            Err(Failure::new(Class::Usage, text))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(files: &[(&str, &str)]) -> Outcome<Vec<String>> {
        let dir = tempfile::tempdir().unwrap();
        for (name, text) in files {
            let path = dir.path().join(name);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, text).unwrap();
        }
        let (documents, wrong) = read(dir.path(), &Surroundings::of([("PIN", "1")]))?;
        if let Some(first) = wrong.first() {
            return Err(Failure::new(Class::Usage, first));
        }
        Ok(documents.iter().map(|document| document.address.to_string()).collect())
    }

    #[test]
    fn one_document_that_is_wrong_hides_no_other() {
        let dir = tempfile::tempdir().unwrap();
        let text = r#"[{"kind":"usr","id":"a"},{"kind":"role","id":"b"},{"kind":"organization","id":"c"},
            {"kind":"token","id":"d","parent":"u"},{"kind":"organization","id":"c"},{"resource":1}]"#;
        std::fs::write(dir.path().join("a.json"), text).unwrap();
        let (documents, wrong) = read(dir.path(), &Surroundings::default()).unwrap();
        assert_eq!((documents.len(), wrong.len()), (1, 5), "{wrong:?}");
        for (line, part) in
            wrong.iter().zip(["no kind \"usr\"", "name it as \"parent\"", "by a command", "too", "resource"])
        {
            assert!(line.contains("document ") && line.contains(part), "{line}");
        }
    }

    #[test]
    fn files_hold_one_or_many_documents() {
        let files = [
            ("a.json", r#"{"kind":"organization","id":"acme","values":{"name":"Acme"}}"#),
            (
                "b/c.json",
                r#"[{"kind":"project","id":"shop","parent":"acme"},{"kind":"role","id":"a/b","parent":"shop"}]"#,
            ),
            (
                "b/d.toml",
                "[[resources]]\nkind = \"users\"\nid = \"ada\"\nparent = \"acme\"\n[resources.values]\nusername = \"ada\"\n",
            ),
            (".git/x.json", "broken"),
            ("readme.md", "not read"),
        ];
        let expected = ["organization acme", "project shop", "role shop/a/b", "user ada"];
        assert_eq!(of(&files).unwrap(), expected);
    }

    #[test]
    fn what_is_no_document_is_refused_with_its_place() {
        for (text, part) in [
            ("{", "EOF"),
            ("[]", "0 documents"),
            ("7", "document 1"),
            (r#"{"kind":"organization"}"#, "missing field `id`"),
            (r#"{"kind":"organization","id":"a","value":{}}"#, "unknown field `value`"),
            (r#"{"kind":"organisation","id":"a"}"#, "nearest is \"organization\""),
            (r#"{"kind":"organization","id":""}"#, "is empty"),
            (r#"{"kind":"organization","id":"a","parent":"b"}"#, "has no parent"),
            (r#"{"kind":"role","id":"a"}"#, "project's"),
            (r#"{"kind":"project","id":"a","parent":"b","values":{"organization":"c"}}"#, "no value"),
            (r#"{"kind":"role","id":"a","parent":"b","values":{"key":"c"}}"#, "no value"),
            (r#"{"kind":"token","id":"a","parent":"b"}"#, "by a command"),
            (r#"[{"kind":"organization","id":"a"},{"kind":"organizations","id":"a"}]"#, "document 1 too"),
            (r#"{"kind":"organization","id":"a","values":{"name":{"$env":"NONE"}}}"#, "NONE is not set"),
            (r#"{"kind":"organization","id":"a","values":{"$env":"PIN"}}"#, "no reference"),
        ] {
            let failure = of(&[("x.json", text)]).unwrap_err();
            assert_eq!(failure.class, Class::Usage);
            assert!(failure.text.contains(part), "{text}: {}", failure.text);
        }
        let nowhere = read(Path::new("/nowhere/set"), &Surroundings::default()).unwrap_err();
        assert_eq!(nowhere.text, "/nowhere/set does not exist");
        assert!(of(&[("x.yaml", "kind: user")]).unwrap_err().text.contains("YAML"));
        assert!(of(&[]).unwrap_err().text.contains("0 documents"));
    }
}
