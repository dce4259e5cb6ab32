use super::super::super::nouns::noun;
use super::*;
use serde_json::json;

fn description() -> Description {
    Description(api_management::openapi::describe(&api_management::routes()))
}

/// What is wrong with values, a line for each.
fn told(kind: &str, extent: Extent, values: &Value) -> Vec<String> {
    let (description, noun) = (description(), noun(kind).unwrap());
    let shape = description.of(noun).unwrap().unwrap();
    let faults = description.faults(shape, values, extent, &["id", "organization", "project"]);
    faults.into_iter().map(|fault| format!("{}: {}", fault.field, fault.why)).collect()
}

fn person(human: Value) -> Value {
    json!({ "id": "ada", "organization": "acme", "username": "ada", "kind": { "human": human } })
}

#[test]
fn the_node_tells_the_shape_of_all_that_files_may_declare() {
    let description = description();
    for noun in super::super::super::nouns::NOUNS {
        if noun.declared == super::super::super::nouns::Declared::InFiles {
            assert!(description.of(noun).unwrap().is_some(), "{}", noun.word);
        }
    }
}

#[test]
fn what_fits_is_not_told_of() {
    let application = json!({
        "id": "web", "project": "shop", "name": "Web", "kind": "web", "auth": "basic", "alg": "ES256",
        "redirect_uris": ["https://shop.example/back"], "refresh": true,
    });
    let administrator = |within: Value| json!({ "user": "ada", "within": within, "roles": ["ORG_OWNER"] });
    for (kind, values) in [
        ("user", person(json!({ "given_name": "Ada", "family_name": "L", "email": "ada@acme.example" }))),
        ("user", json!({ "organization": "acme", "username": "r", "kind": { "service": { "name": "R" } } })),
        ("application", application),
        ("administrator", administrator(json!("instance"))),
        ("administrator", administrator(json!({ "organization": "acme" }))),
        ("custom-role", json!({ "name": "Ops", "permissions": ["user.read"] })),
        ("role", json!({ "key": "admin", "display_name": "Admin", "group": null })),
    ] {
        assert!(
            told(kind, Extent::Whole, &values).is_empty(),
            "{values}: {:?}",
            told(kind, Extent::Whole, &values)
        );
    }
}

#[test]
fn each_typing_error_is_told_with_its_field() {
    let project = |name: &str, value: Value| {
        let mut values = json!({ "id": "shop", "organization": "acme", "name": "Shop" });
        values[name] = value;
        values
    };
    let within = |within: Value| json!({ "user": "ada", "within": within, "roles": [] });
    let application = |field: &str, value: Value| {
        let mut values =
            json!({ "project": "p", "name": "W", "kind": "web", "auth": "basic", "alg": "ES256" });
        values[field] = value;
        values
    };
    let several =
        "it is none of the things that it may be: \"instance\", {organization}, {project}, {project_grant}";
    for (kind, values, expected) in [
        (
            "project",
            project("role_chek", json!(true)),
            "role_chek: there is no such field; the nearest is \"role_check\"",
        ),
        (
            "project",
            project("zzz", json!(1)),
            "zzz: there is no such field; there are has_project_check, name, role_assertion, role_check",
        ),
        (
            "project",
            project("role_check", json!("yes")),
            "role_check: it is a text, and true or false is wanted",
        ),
        ("project", project("name", json!(7)), "name: it is a number, and a text is wanted"),
        ("project", project("name", json!("")), "name: it has 0 characters, and at least 1 are wanted"),
        (
            "project",
            project("name", json!("x".repeat(201))),
            "name: it has 201 characters, and at most 200 are allowed",
        ),
        ("project", project("name", json!(" Shop")), "name: it does not fit the pattern ^\\S(.*\\S)?$"),
        ("organization", json!({ "id": "acme", "name": "Acme" }), "domain: it is missing"),
        (
            "application",
            application("kind", json!("webb")),
            "kind: there is no such word; the nearest is \"web\"",
        ),
        (
            "application",
            application("auth", json!(1)),
            "auth: there is no such word; there are none, basic, post",
        ),
        (
            "application",
            application("redirect_uris", json!("x")),
            "redirect_uris: it is a text, and a list is wanted",
        ),
        (
            "application",
            application("redirect_uris", json!(["https://a.example", 1])),
            "redirect_uris[1]: it is a number, and a text is wanted",
        ),
        (
            "custom-role",
            json!({ "name": "Ops", "permissions": ["user.raed"] }),
            "permissions[0]: there is no such word; the nearest is \"user.read\"",
        ),
        ("user", person(json!({ "given_name": "Ada" })), "kind.human.family_name: it is missing"),
        (
            "user",
            person(json!({ "given_name": "Ada", "family_name": "L", "emial": "x" })),
            "kind.human.emial: there is no such field; the nearest is \"email\"",
        ),
        (
            "user",
            json!({ "username": "r", "organization": "acme", "kind": { "robot": {} } }),
            "kind: it is none of the things that it may be: {human}, {service}",
        ),
        ("administrator", within(json!({ "organisation": "acme" })), &format!("within: {several}")),
        ("administrator", within(json!("everywhere")), &format!("within: {several}")),
        ("role", json!({ "key": "a b", "display_name": "A" }), "key: it does not fit the pattern ^[!-~]+$"),
    ] {
        assert_eq!(told(kind, Extent::Whole, &values), [expected], "{values}");
    }
}

#[test]
fn of_a_part_nothing_is_missing_and_names_count_as_ever() {
    assert!(told("project", Extent::Part, &json!({ "role_check": true })).is_empty());
    assert!(told("user", Extent::Part, &json!({ "kind": { "human": { "nick_name": "A" } } })).is_empty());
    assert_eq!(told("project", Extent::Part, &json!({ "role_chek": true })).len(), 1);
}

#[test]
fn all_faults_are_told_at_once_and_none_with_its_value() {
    let values = json!({ "name": 1, "s3cret": "s3cret-value", "domain": "s3cret-value !" });
    let told = told("organization", Extent::Whole, &values);
    assert_eq!(told.len(), 3, "{told:?}");
    assert!(told.iter().all(|line| !line.contains("s3cret-value")), "{told:?}");
}

#[test]
fn what_a_description_does_not_say_is_let_pass() {
    let none = Description(json!({}));
    assert!(none.of(noun("user").unwrap()).unwrap().is_none());
    for shape in [
        json!({}),
        json!({ "$ref": "#/components/schemas/None" }),
        json!({ "type": "object" }),
        json!({ "type": "object", "properties": { "a": { "type": "of tomorrow", "pattern": "(?!x)" } } }),
    ] {
        assert!(none.faults(&shape, &json!({ "a": "b" }), Extent::Whole, &[]).is_empty(), "{shape}");
    }
    // A description that refers to itself ends.
    let circle = Description(json!({ "a": { "$ref": "#/a" } }));
    assert!(circle.faults(&json!({ "$ref": "#/a" }), &json!(1), Extent::Whole, &[]).is_empty());
}
