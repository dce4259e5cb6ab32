use super::*;
use crate::form::typed;
use identity::setting::lockout::Lockout;
use identity::user::User;

/// What is wrong with values, a line for each.
fn told(kind: &str, extent: Extent, values: &Value) -> Vec<String> {
    let description = Description::new(openapi::describe(&crate::routes()));
    let path = match kind {
        "role" => "/api/v1/projects/{id}/roles".to_owned(),
        kind => format!("/api/v1/{kind}s"),
    };
    let shape = description.posted(&path).unwrap();
    let faults = description.faults(shape, values, extent, &["id", "organization", "project"]);
    faults.into_iter().map(line).collect()
}

fn line(fault: Field) -> String {
    format!("{}: {}", fault.field, fault.reason)
}

/// What is told of a body that is no `T`.
fn refused<T: serde::de::DeserializeOwned + JsonSchema + 'static>(body: Value) -> Vec<String> {
    let Value::Object(members) = body else { panic!("an object") };
    let problem = typed::<T>(members).err().unwrap().json();
    let line = |fault: &Value| {
        format!("{}: {}", fault["field"].as_str().unwrap(), fault["reason"].as_str().unwrap())
    };
    problem["errors"].as_array().unwrap().iter().map(line).collect()
}

fn person(human: Value) -> Value {
    json!({ "id": "ada", "organization": "acme", "username": "ada", "kind": { "human": human } })
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
    let within = |within: Value| json!({ "user": "ada", "within": within, "roles": ["ORG_OWNER"] });
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
fn a_body_that_is_refused_is_told_all_its_faults() {
    let body = json!({ "kind": { "human": { "given_name": "", "email": 5, "shoe": 43 } }, "usrname": "b" });
    let known = "there is no such field; there are display_name, email, email_verified, family_name, given_name, \
                 language, nick_name";
    assert_eq!(
        refused::<User>(body),
        [
            "kind.human.email: it is a number, and a text is wanted".to_owned(),
            "kind.human.given_name: it has 0 characters, and at least 1 are wanted".to_owned(),
            format!("kind.human.shoe: {known}"),
            "kind.human.family_name: it is missing".to_owned(),
            "usrname: there is no such field; the nearest is \"username\"".to_owned(),
            "username: it is missing".to_owned(),
        ]
    );
}

#[test]
fn numbers_are_told_by_what_they_may_be() {
    for (value, expected) in [
        (json!(-1), "it is 0 to 4294967295"),
        (json!(5_000_000_000_u64), "it is 0 to 4294967295"),
        (json!(1.5), "it is a number, and a whole number is wanted"),
        (json!("5"), "it is a text, and a whole number is wanted"),
        (json!(null), "it is null, and a whole number is wanted"),
    ] {
        let told = refused::<Lockout>(json!({ "password_attempts_max": value }));
        assert_eq!(told, [format!("password_attempts_max: {expected}")]);
    }
}

#[test]
fn lists_are_told_by_how_many_items_they_may_have() {
    let shape = json!({ "type": "array", "minItems": 1, "maxItems": 2, "uniqueItems": true });
    let none = Description::new(json!({}));
    for (value, expected) in [
        (json!([]), &["x: it has 0 items, and at least 1 are wanted"][..]),
        (json!([1, 2]), &[]),
        (json!([1, 1]), &["x: it has the same item twice"]),
        (json!([1, 2, 3]), &["x: it has 3 items, and at most 2 are allowed"]),
    ] {
        let shape = json!({ "type": "object", "properties": { "x": shape } });
        let faults = none.faults(&shape, &json!({ "x": value }), Extent::Whole, &[]);
        assert_eq!(faults.into_iter().map(line).collect::<Vec<_>>(), expected);
    }
}

#[test]
fn no_more_is_told_than_helps() {
    let many: Map<String, Value> = (0..1000).map(|number| (format!("x{number}"), json!(1))).collect();
    assert_eq!(refused::<Lockout>(Value::Object(many)).len(), FAULTS_MAX);
    let long = "z".repeat(1 << 20);
    let told = unknown("word", &long, &["read", "write"]);
    assert_eq!(told, "there is no such word; there are read, write", "it is not compared");
}

#[test]
fn what_a_description_does_not_say_is_let_pass() {
    let none = Description::new(json!({}));
    assert!(none.posted("/api/v1/users").is_none());
    for shape in [
        json!({}),
        json!({ "$ref": "#/components/schemas/None" }),
        json!({ "type": "object" }),
        json!({ "type": "object", "properties": { "a": { "type": "of tomorrow", "pattern": "(?!x)" } } }),
    ] {
        assert!(none.faults(&shape, &json!({ "a": "b" }), Extent::Whole, &[]).is_empty(), "{shape}");
    }
    // A description that refers to itself ends.
    let circle = Description::new(json!({ "a": { "$ref": "#/a" } }));
    assert!(circle.faults(&json!({ "$ref": "#/a" }), &json!(1), Extent::Whole, &[]).is_empty());
}
