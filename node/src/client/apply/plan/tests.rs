use super::super::super::nouns::noun;
use super::*;
use serde_json::json;

fn document(kind: &str, id: &str, parent: Option<&str>, values: Value) -> Document {
    let address = Address::read(noun(kind).unwrap(), id, parent).unwrap();
    let values = values.as_object().unwrap().clone();
    let (parent, place) = (parent.map(str::to_owned), "x.json, document 1".to_owned());
    Document { address, parent, values, secrets: BTreeSet::new(), place }
}

fn address(kind: &str, id: &str, parent: Option<&str>) -> Address {
    Address::read(noun(kind).unwrap(), id, parent).unwrap()
}

/// The steps of a plan for documents of which nothing is there.
fn order(documents: &[Document], extra: Vec<Address>) -> Vec<String> {
    let plan = Plan::of(documents, vec![None; documents.len()], extra).unwrap();
    plan.steps.iter().map(|step| format!("{}{}", step.doing.sign(), step.address)).collect()
}

#[test]
fn what_others_depend_on_is_made_first_and_deleted_last() {
    let documents = [
        document("administrator", "owner", None, json!({})),
        document("authorization", "x", Some("shop"), json!({})),
        document("member", "ada", Some("team"), json!({})),
        document("project-grant", "g", Some("shop"), json!({})),
        document("group", "team", Some("acme"), json!({})),
        document("user", "ada", Some("acme"), json!({})),
        document("application", "web", Some("shop"), json!({})),
        document("role", "b", Some("shop"), json!({})),
        document("role", "a", Some("shop"), json!({})),
        document("project", "shop", Some("acme"), json!({})),
        document("organization", "acme", None, json!({})),
    ];
    let extra = vec![
        address("project", "old", Some("acme")),
        address("role", "old", Some("shop")),
        address("authorization", "old", Some("shop")),
    ];
    assert_eq!(
        order(&documents, extra),
        [
            "+organization acme",
            "+project shop",
            "+role shop/b",
            "+role shop/a",
            "+application web",
            "+user ada",
            "+group team",
            "+member team/ada",
            "+project-grant g",
            "+authorization x",
            "+administrator owner",
            "-authorization old",
            "-role shop/old",
            "-project old",
        ]
    );
}

#[test]
fn a_plan_shows_each_field() {
    let documents = [
        document(
            "project",
            "shop",
            Some("acme"),
            json!({ "name": "Shop", "role_check": true, "none": null }),
        ),
        document("role", "admin", Some("shop"), json!({ "display_name": "Admin", "group": null })),
        document("role", "same", Some("shop"), json!({ "display_name": "Same" })),
    ];
    let seen = vec![
        None,
        Some(json!({ "key": "admin", "display_name": "Boss", "group": "g", "revision": 7 })),
        Some(json!({ "key": "same", "display_name": "Same", "revision": 1 })),
    ];
    let plan = Plan::of(&documents, seen, vec![address("role", "old", Some("shop"))]).unwrap();
    assert_eq!(
        plan.shown(),
        "+ project shop\n    + name: \"Shop\"\n    + role_check: true\n~ role shop/admin\n    ~ display_name: \"Boss\" → \
         \"Admin\"\n    - group: \"g\"\n- role shop/old\n1 to make, 1 to change, 1 to delete, 1 as the files say"
    );
    match (&plan.steps[0].doing, &plan.steps[1].doing) {
        (Doing::Make { values, parent }, Doing::Change { patch, revision }) => {
            assert_eq!(Value::Object(values.clone()), json!({ "name": "Shop", "role_check": true }));
            assert_eq!(parent.as_deref(), Some("acme"));
            assert_eq!((patch, revision), (&json!({ "display_name": "Admin", "group": null }), &Some(7)));
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn what_is_as_the_files_say_is_no_step() {
    let documents = [document("project", "shop", Some("acme"), json!({ "name": "Shop" }))];
    let seen = vec![Some(json!({ "id": "shop", "organization": "acme", "name": "Shop", "revision": 1 }))];
    let plan = Plan::of(&documents, seen, Vec::new()).unwrap();
    assert!(plan.steps.is_empty());
    assert_eq!(plan.shown(), "0 to make, 0 to change, 0 to delete, 1 as the files say");
}

#[test]
fn nothing_moves_to_another_parent() {
    let documents = [document("project", "shop", Some("acme"), json!({ "name": "Shop" }))];
    let seen = vec![Some(json!({ "id": "shop", "organization": "other", "name": "x" }))];
    let failure = Plan::of(&documents, seen, Vec::new()).unwrap_err();
    assert_eq!(failure.class, Class::Conflict);
    assert!(failure.text.contains("other"), "{}", failure.text);
}

#[test]
fn files_are_the_whole_only_under_parents_that_they_declare() {
    let documents = [
        document("organization", "acme", None, json!({})),
        document("project", "shop", Some("acme"), json!({})),
        document("project", "foreign", Some("other"), json!({})),
        document("role", "a", Some("shop"), json!({})),
        document("role", "a", Some("elsewhere"), json!({})),
        document("user", "acme", Some("nowhere"), json!({})),
        document("administrator", "owner", None, json!({})),
    ];
    let expected = [("project", "acme".to_owned()), ("role", "shop".to_owned())];
    assert_eq!(whole(&documents), BTreeSet::from(expected));
}

#[test]
fn what_no_file_names_is_extra() {
    let documents =
        [document("role", "a", Some("shop"), json!({})), document("role", "b", Some("other"), json!({}))];
    let items = [json!({ "key": "a", "id": "1" }), json!({ "key": "b", "id": "2" })];
    let roles = noun("role").unwrap();
    assert_eq!(undeclared(&documents, roles, "shop", &items).unwrap(), [address("role", "b", Some("shop"))]);
    assert!(undeclared(&documents, roles, "shop", &[json!({ "id": "1" })]).is_err());
}
