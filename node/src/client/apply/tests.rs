use super::super::testing::{Reply, Server};
use super::*;
use crate::cli::manage::Who;
use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Mutex;

/// A node that keeps resources by their paths, and refuses the name "bad".
async fn node() -> Server {
    let kept = Mutex::new(BTreeMap::<String, Value>::new());
    let description = api_management::openapi::describe(&api_management::routes());
    Server::start(move |asked| {
        let mut kept = kept.lock().unwrap();
        let path = asked.path.clone();
        if asked.json()["name"] == "bad" {
            return Reply::problem(400, "invalid_body");
        }
        match asked.method.as_str() {
            "POST" => {
                let mut made = asked.json();
                let id = made.get("key").or(made.get("id")).unwrap().as_str().unwrap().to_owned();
                made["revision"] = json!(1);
                kept.insert(format!("{path}/{id}"), made.clone());
                Reply::json(201, made)
            }
            "PATCH" => {
                let there = kept.get_mut(&path).unwrap();
                for (name, value) in asked.json().as_object().unwrap() {
                    there[name] = value.clone();
                }
                there["revision"] = json!(there["revision"].as_u64().unwrap() + 1);
                Reply::json(200, there.clone())
            }
            "DELETE" => match kept.remove(&path) {
                Some(_) => Reply::json(200, Value::Null),
                None => Reply::problem(404, "not_found"),
            },
            _ if path == "/api/openapi.json" => Reply::json(200, description.clone()),
            _ if asked.query.contains("limit") && of_nothing(&kept, &path) => {
                Reply::problem(404, "not_found")
            }
            _ if asked.query.contains("limit") => {
                let within = |key: &&String| key.rsplit_once('/').is_some_and(|(above, _)| above == path);
                let items: Vec<_> = kept.keys().filter(within).map(|key| kept[key].clone()).collect();
                Reply::json(200, json!({ "items": items }))
            }
            _ => match kept.get(&path) {
                Some(value) => Reply::json(200, value.clone()),
                None => Reply::problem(404, "not_found"),
            },
        }
    })
    .await
}

/// Whether a list is one of `/api/v1/PARENTS/PARENT/NOUN` without the parent.
fn of_nothing(kept: &BTreeMap<String, Value>, path: &str) -> bool {
    path.matches('/').count() > 3
        && path.rsplit_once('/').is_some_and(|(parent, _)| !kept.contains_key(parent))
}

async fn applied(server: &Server, dir: &Path, documents: Value, how: fn(&mut Apply)) -> Outcome<Vec<String>> {
    let file = dir.join("all.json");
    std::fs::write(&file, documents.to_string()).unwrap();
    let mut apply = Apply { file, plan: false, prune: false, yes: false, who: Who::default() };
    how(&mut apply);
    let surroundings =
        Surroundings::of([("CONCLAVE_API_URL", server.base.as_str()), ("CONCLAVE_API_TOKEN", "t")]);
    let before = server.asked().len();
    run(apply, &surroundings).await?;
    Ok(writes(server, before))
}

fn writes(server: &Server, since: usize) -> Vec<String> {
    server.asked()[since..].iter().filter(|asked| asked.method != "GET").map(|asked| asked.line()).collect()
}

fn shop() -> Value {
    json!([
        { "kind": "role", "id": "admin", "parent": "shop", "values": { "display_name": "Admin" } },
        { "kind": "project", "id": "shop", "parent": "acme", "values": { "name": "Shop" } },
        { "kind": "organization", "id": "acme", "values": { "name": "Acme", "domain": "acme.example" } },
    ])
}

#[tokio::test]
async fn a_second_run_changes_nothing() {
    let (dir, server) = (tempfile::tempdir().unwrap(), node().await);
    // Nothing of it is there, to be pruned or not.
    let yes = |apply: &mut Apply| (apply.prune, apply.yes) = (true, true);
    let first = applied(&server, dir.path(), shop(), yes).await.unwrap();
    let expected =
        ["POST /api/v1/organizations", "POST /api/v1/projects", "POST /api/v1/projects/shop/roles"];
    assert_eq!(first, expected);
    let project = server.asked().iter().find(|asked| asked.line() == expected[1]).unwrap().json();
    assert_eq!(project, json!({ "id": "shop", "organization": "acme", "name": "Shop" }));
    assert!(applied(&server, dir.path(), shop(), |_| {}).await.unwrap().is_empty());
    let mut other = shop();
    other[1]["values"]["name"] = json!("Store");
    assert_eq!(
        applied(&server, dir.path(), other.clone(), |_| {}).await.unwrap(),
        ["PATCH /api/v1/projects/shop"]
    );
    let patch = server.asked().last().unwrap().clone();
    assert_eq!((patch.header("if-match"), patch.json()), (Some("\"1\""), json!({ "name": "Store" })));
    assert!(applied(&server, dir.path(), other, |_| {}).await.unwrap().is_empty());
}

#[tokio::test]
async fn a_plan_writes_nothing() {
    let (dir, server) = (tempfile::tempdir().unwrap(), node().await);
    assert!(applied(&server, dir.path(), shop(), |apply| apply.plan = true).await.unwrap().is_empty());
}

#[tokio::test]
async fn all_that_is_wrong_is_told_at_once_before_anything_is_written() {
    let (dir, server) = (tempfile::tempdir().unwrap(), node().await);
    let mut wrong = shop();
    wrong[0]["values"]["dispaly_name"] = json!("Admin");
    wrong[1]["parent"] = json!("acmee");
    wrong[2]["values"] = json!({ "name": "Acme" });
    let roles = json!({ "user": "ada", "roles": ["admin", "amdin"] });
    wrong
        .as_array_mut()
        .unwrap()
        .push(json!({ "kind": "authorization", "id": "x", "parent": "shop", "values": roles }));
    let expected = [
        "document 1: role shop/admin: dispaly_name: there is no such field; the nearest is \"display_name\"",
        "document 2: project shop: organization: organization acmee stands neither in the files nor on the node, or is \
         not for this caller to see",
        "document 3: organization acme: domain: it is missing",
        "document 4: authorization x: roles[1]: role shop/amdin stands neither in the files nor on the node, or is not \
         for this caller to see",
    ];
    for plan in [true, false] {
        let how = if plan { |apply: &mut Apply| apply.plan = true } else { |_: &mut Apply| {} };
        let failure = applied(&server, dir.path(), wrong.clone(), how).await.unwrap_err();
        assert_eq!(failure.class, Class::Usage);
        assert_eq!(failure.text, "4 things in the files are wrong, and nothing was changed");
        let told: Vec<_> = failure.under.iter().map(|line| line.split_once(", ").unwrap()).collect();
        assert!(told.iter().all(|(file, _)| file.ends_with("all.json")), "{told:?}");
        assert_eq!(told.iter().map(|(_, line)| *line).collect::<Vec<_>>(), expected);
    }
    assert!(writes(&server, 0).is_empty());
}

#[tokio::test]
async fn of_what_is_there_a_file_may_name_a_part_and_refer_to_it() {
    let (dir, server) = (tempfile::tempdir().unwrap(), node().await);
    applied(&server, dir.path(), shop(), |_| {}).await.unwrap();
    let part = json!([
        { "kind": "project", "id": "shop", "parent": "acme", "values": { "role_check": true } },
        {
            "kind": "authorization", "id": "x", "parent": "shop",
            "values": { "user": "ada", "roles": ["admin"], "grant": null },
        },
    ]);
    let written = applied(&server, dir.path(), part, |_| {}).await.unwrap();
    assert_eq!(written, ["PATCH /api/v1/projects/shop", "POST /api/v1/authorizations"]);
}

#[tokio::test]
async fn the_first_error_ends_it() {
    let (dir, server) = (tempfile::tempdir().unwrap(), node().await);
    let mut bad = shop();
    bad[1]["values"]["name"] = json!("bad");
    let failure = applied(&server, dir.path(), bad, |_| {}).await.unwrap_err();
    assert_eq!(failure.class, Class::Invalid);
    assert!(
        failure.text.contains("project shop") && failure.text.contains("1 of 3 steps"),
        "{}",
        failure.text
    );
    assert_eq!(writes(&server, 0), ["POST /api/v1/organizations", "POST /api/v1/projects"]);
}

#[tokio::test]
async fn pruning_deletes_what_no_file_names_and_only_when_told() {
    let (dir, server) = (tempfile::tempdir().unwrap(), node().await);
    let mut more = shop();
    let all = more.as_array_mut().unwrap();
    all.push(json!({ "kind": "role", "id": "old", "parent": "shop", "values": { "display_name": "Old" } }));
    all.push(
        json!({ "kind": "project", "id": "foreign", "parent": "other", "values": { "name": "Foreign" } }),
    );
    all.push(json!({ "kind": "organization", "id": "other", "values": { "name": "Other", "domain": "other.example" } }));
    applied(&server, dir.path(), more, |_| {}).await.unwrap();
    assert!(applied(&server, dir.path(), shop(), |_| {}).await.unwrap().is_empty());
    let yes = |apply: &mut Apply| (apply.prune, apply.yes) = (true, true);
    assert_eq!(
        applied(&server, dir.path(), shop(), yes).await.unwrap(),
        ["DELETE /api/v1/projects/shop/roles/old"]
    );
    assert!(applied(&server, dir.path(), shop(), yes).await.unwrap().is_empty());
}

#[tokio::test]
async fn what_a_document_needs_is_not_pruned() {
    let (dir, server) = (tempfile::tempdir().unwrap(), node().await);
    let mut more = shop();
    let all = more.as_array_mut().unwrap();
    all.push(json!({ "kind": "role", "id": "old", "parent": "shop", "values": { "display_name": "Old" } }));
    let held = json!({ "user": "ada", "roles": ["admin", "old"] });
    all.push(json!({ "kind": "authorization", "id": "x", "parent": "shop", "values": held }));
    applied(&server, dir.path(), more.clone(), |_| {}).await.unwrap();
    let before = server.asked().len();
    more.as_array_mut().unwrap().remove(3);
    let yes = |apply: &mut Apply| (apply.prune, apply.yes) = (true, true);
    for roles in [Some(json!(["admin", "old"])), None] {
        match roles {
            Some(roles) => more[3]["values"]["roles"] = roles,
            None => more[3]["values"] = json!({ "user": "ada" }),
        }
        let failure = applied(&server, dir.path(), more.clone(), yes).await.unwrap_err();
        assert_eq!(failure.text, "1 thing in the files is wrong, and nothing was changed");
        let told = failure.under[0].split_once(", ").unwrap();
        let expected =
            "document 4: authorization x: roles[1]: role shop/old stands in no file, and --prune deletes it";
        assert_eq!(told.1, expected);
    }
    assert!(writes(&server, before).is_empty());
    more[3]["values"]["roles"] = json!(["admin"]);
    let written = applied(&server, dir.path(), more, yes).await.unwrap();
    assert_eq!(written, ["PATCH /api/v1/authorizations/x", "DELETE /api/v1/projects/shop/roles/old"]);
}
