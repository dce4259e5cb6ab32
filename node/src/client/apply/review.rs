//! What is wrong with documents, all of it at once and before the first write: shapes and what
//! documents refer to.

use super::super::address::Address;
use super::super::api::{Api, Ask};
use super::super::nouns::noun;
use super::super::problem::printable;
use super::documents::Document;
use super::plan::without_nulls;
use crate::exit::{Class, Failure, Outcome};
use api_management::error::Field;
use api_management::shape::{Description, Extent, unknown};
use http::Method;
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};

/// Where a node describes its API.
const DESCRIPTION: &str = "/api/openapi.json";

/// Refuses documents that the node would not take, or that need what is going to be deleted; `seen` has what is there of
/// each, `lines` what was wrong with others already.
pub(super) async fn require_sound(
    api: &mut Api,
    mut lines: Vec<String>,
    documents: &[Document],
    seen: &[Option<Value>],
    deleted: &[Address],
) -> Outcome<()> {
    let description = Description::new(api.ask(Ask::plain(Method::GET, DESCRIPTION)).await?);
    let mut known: BTreeMap<Address, bool> =
        documents.iter().map(|document| (document.address.clone(), true)).collect();
    let deleted: BTreeSet<&Address> = deleted.iter().collect();
    for (document, there) in documents.iter().zip(seen) {
        let shape = description.posted(&document.address.noun()?.route()?);
        let mut faults = misshapen(&description, shape, document, there.as_ref())?;
        let built_in = shape.map(|shape| description.examples(shape, "roles")).unwrap_or_default();
        for (field, to) in needs(document, there.as_ref())? {
            if deleted.contains(&to) {
                faults
                    .push(Field { field, reason: format!("{to} stands in no file, and --prune deletes it") });
            }
        }
        for reference in references(document, there.as_ref(), &built_in)? {
            if !deleted.contains(&reference.to) && !is_there(api, &mut known, &reference.to).await? {
                faults.push(Field { field: reference.field, reason: reference.why });
            }
        }
        let Document { place, address, .. } = document;
        let line =
            |fault: Field| printable(&format!("{place}: {address}: {}: {}", fault.field, fault.reason));
        lines.extend(faults.into_iter().map(line));
    }
    let wrong = match lines.len() {
        0 => return Ok(()),
        1 => "1 thing in the files is".to_owned(),
        many => format!("{many} things in the files are"),
    };
    Err(Failure::new(Class::Usage, format_args!("{wrong} wrong, and nothing was changed")).with(lines))
}

/// What is wrong with the values of a document: all that it needs are looked at if it is made, and those that it has if it
/// is there.
fn misshapen(
    description: &Description,
    shape: Option<&Value>,
    document: &Document,
    there: Option<&Value>,
) -> Outcome<Vec<Field>> {
    let Some(shape) = shape else { return Ok(Vec::new()) };
    let extent = if there.is_some() { Extent::Part } else { Extent::Whole };
    let values = without_nulls(&document.values);
    let body = super::body(&document.address, document.parent.as_deref(), values)?;
    Ok(description.faults(shape, &body, extent, &document.address.noun()?.own_fields()))
}

/// Something that has to be there.
#[derive(Debug, PartialEq, Eq)]
struct Reference {
    /// By which field.
    field: String,
    /// What.
    to: Address,
    /// What is said if it is not.
    why: String,
}

/// What a document refers to that `there` does not already: its parent, and roles. The rest is the node's to look after,
/// since a caller need not see all that he may name.
fn references(document: &Document, there: Option<&Value>, built_in: &[&str]) -> Outcome<Vec<Reference>> {
    let of = document.address.noun()?;
    let neither = |to: Address, field: String| {
        let why =
            format!("{to} stands neither in the files nor on the node, or is not for this caller to see");
        Reference { field, to, why }
    };
    // By a grant the roles of somebody else's project are given: what is known of it is the grant.
    if let (true, Some(grant)) =
        (of.word == "authorization", document.values.get("grant").and_then(Value::as_str))
    {
        let to = Address::read(noun("project-grant")?, grant, None)?;
        return Ok(if there.is_some() { Vec::new() } else { vec![neither(to, "grant".to_owned())] });
    }
    let mut found = Vec::new();
    if let (Some(above), Some(parent), None) = (of.parent(), &document.parent, there) {
        found.push(neither(Address::read(noun(above)?, parent, None)?, above.to_owned()));
    }
    for (number, role) in new_roles(document, there) {
        let field = format!("roles[{number}]");
        match (of.word, &document.parent) {
            ("authorization" | "project-grant", Some(project)) => {
                found.push(neither(Address::read(noun("role")?, role, Some(project))?, field));
            }
            ("administrator", _) if !built_in.contains(&role) && looks_built_in(role) => {
                let to = Address::read(noun("custom-role")?, role, None)?;
                found.push(Reference { field, to, why: unknown("role", role, built_in) });
            }
            _ => {}
        }
    }
    Ok(found)
}

/// All that the resource of a document does not outlive or has to give up when it is deleted, by which field: as the
/// files say, and as it is `there` where they say nothing.
fn needs(document: &Document, there: Option<&Value>) -> Outcome<Vec<(String, Address)>> {
    let of = document.address.noun()?;
    let value = |name: &str| document.values.get(name).or_else(|| there?.get(name));
    let text = |name: &str| value(name).and_then(Value::as_str);
    let parent = document.parent.as_deref();
    let mut found = Vec::new();
    let mut need = |field: &str, kind: &str, id: Option<&str>, parent: Option<&str>| {
        // An empty one has been told of already.
        if let Some(id) = id.filter(|id| !id.is_empty()) {
            found.push((field.to_owned(), Address::read(noun(kind)?, id, parent)?));
        }
        Ok::<(), Failure>(())
    };
    if let Some(above) = of.parent() {
        need(above, above, parent, None)?;
    }
    if let ("authorization" | "project-grant", Some(project)) = (of.word, parent) {
        for (number, role) in value("roles").and_then(Value::as_array).into_iter().flatten().enumerate() {
            need(&format!("roles[{number}]"), "role", role.as_str(), Some(project))?;
        }
    }
    match of.word {
        "member" => need("user", "user", Some(&document.address.id), None)?,
        "authorization" => {
            need("user", "user", text("user"), None)?;
            need("grant", "project-grant", text("grant"), None)?;
        }
        "administrator" => {
            need("user", "user", text("user"), None)?;
            let within = |word: &str| value("within")?.get(word)?.as_str();
            need("within.project", "project", within("project"), None)?;
            need("within.project_grant", "project-grant", within("project_grant"), None)?;
        }
        _ => {}
    }
    Ok(found)
}

/// The roles of a document, with their places in it, that the resource does not have yet.
fn new_roles<'d>(document: &'d Document, there: Option<&'d Value>) -> impl Iterator<Item = (usize, &'d str)> {
    let had = move |role: &str| {
        let roles = there.and_then(|there| there.get("roles")).and_then(Value::as_array);
        roles.is_some_and(|roles| roles.iter().any(|had| had.as_str() == Some(role)))
    };
    let roles = document.values.get("roles").and_then(Value::as_array).into_iter().flatten().enumerate();
    // An empty one has been told of already.
    let roles =
        roles.filter_map(|(number, role)| Some((number, role.as_str().filter(|role| !role.is_empty())?)));
    roles.filter(move |(_, role)| !had(role))
}

/// Whether a name is written as the built-in ones are. A role of one's own need not be visible to whoever may give it.
fn looks_built_in(role: &str) -> bool {
    role.chars().all(|c| c.is_ascii_uppercase() || c == '_')
}

async fn is_there(api: &mut Api, known: &mut BTreeMap<Address, bool>, address: &Address) -> Outcome<bool> {
    if let Some(found) = known.get(address) {
        return Ok(*found);
    }
    let found = api.find(&address.path()?).await?.is_some();
    known.insert(address.clone(), found);
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::super::super::nouns::{Declared, NOUNS};
    use super::*;
    use serde_json::json;

    #[test]
    fn the_node_tells_the_shape_of_all_that_files_may_declare() {
        let description = Description::new(api_management::openapi::describe(&api_management::routes()));
        for noun in NOUNS.iter().filter(|noun| noun.declared == Declared::InFiles) {
            assert!(description.posted(&noun.route().unwrap()).is_some(), "{}", noun.word);
        }
    }

    fn document(kind: &str, id: &str, parent: Option<&str>, values: Value) -> Document {
        let address = Address::read(noun(kind).unwrap(), id, parent).unwrap();
        let values = values.as_object().unwrap().clone();
        let (parent, place) = (parent.map(str::to_owned), "x.json, document 1".to_owned());
        Document { address, parent, values, secrets: BTreeSet::new(), place }
    }

    fn referred(document: &Document, there: Option<&Value>) -> Vec<String> {
        let found = references(document, there, &["IAM_OWNER", "ORG_OWNER"]).unwrap();
        found.into_iter().map(|reference| format!("{} {}", reference.field, reference.to)).collect()
    }

    #[test]
    fn a_document_refers_to_its_parent_and_to_roles() {
        for (document, expected) in [
            (document("organization", "acme", None, json!({})), &[][..]),
            (document("project", "shop", Some("acme"), json!({})), &["organization organization acme"]),
            (document("role", "admin", Some("shop"), json!({})), &["project project shop"]),
            (document("member", "ada", Some("team"), json!({})), &["group group team"]),
            (
                document("authorization", "a", Some("shop"), json!({ "roles": ["x", 7, ""] })),
                &["project project shop", "roles[0] role shop/x"],
            ),
            (
                document("project-grant", "g", Some("shop"), json!({ "roles": ["x"] })),
                &["project project shop", "roles[0] role shop/x"],
            ),
            (
                document("authorization", "a", Some("shop"), json!({ "roles": ["x"], "grant": "g" })),
                &["grant project-grant g"],
            ),
            (
                document("administrator", "a", None, json!({ "roles": ["ORG_OWNER", "ORG_OWNR", "ops"] })),
                &["roles[1] custom-role ORG_OWNR"],
            ),
        ] {
            assert_eq!(referred(&document, None), expected, "{document:?}");
        }
    }

    #[test]
    fn what_a_document_needs_is_what_it_says_and_else_what_is_there() {
        let there =
            json!({ "user": "ada", "roles": ["x", "y"], "grant": "g", "within": { "project_grant": "g" } });
        for (document, expected) in [
            (document("role", "admin", Some("shop"), json!({})), &["project project shop"][..]),
            (document("member", "ada", Some("team"), json!({})), &["group group team", "user user ada"]),
            (
                document("authorization", "a", Some("shop"), json!({ "roles": ["z", 7, ""], "grant": null })),
                &["project project shop", "roles[0] role shop/z", "user user ada"],
            ),
            (
                document("authorization", "a", Some("shop"), json!({})),
                &[
                    "project project shop",
                    "roles[0] role shop/x",
                    "roles[1] role shop/y",
                    "user user ada",
                    "grant project-grant g",
                ],
            ),
            (
                document("project-grant", "g", Some("shop"), json!({ "roles": ["x"] })),
                &["project project shop", "roles[0] role shop/x"],
            ),
            (
                document("administrator", "a", None, json!({ "roles": ["ORG_OWNER"] })),
                &["user user ada", "within.project_grant project-grant g"],
            ),
        ] {
            let needed = needs(&document, Some(&there)).unwrap();
            let told: Vec<_> = needed.into_iter().map(|(field, to)| format!("{field} {to}")).collect();
            assert_eq!(told, expected, "{document:?}");
        }
    }

    #[test]
    fn what_is_there_already_is_not_looked_for() {
        let there = json!({ "project": "shop", "roles": ["x"] });
        let authorization = document("authorization", "a", Some("shop"), json!({ "roles": ["y", "x"] }));
        assert_eq!(referred(&authorization, Some(&there)), ["roles[0] role shop/y"]);
        let by_grant = document("authorization", "a", Some("shop"), json!({ "roles": ["y"], "grant": "g" }));
        assert!(referred(&by_grant, Some(&there)).is_empty());
    }
}
