use super::super::testing::{Reply, Server, secret_file};
use super::*;
use crate::cli::{Cli, Command};
use clap::Parser;

/// Runs a command line against a server; what the server was asked.
async fn asked(line: &[&str]) -> Outcome<Vec<(String, String, Value)>> {
    let server = Server::start(|asked| match asked.method.as_str() {
        "GET" if asked.query.contains("limit=") => Reply::json(200, json!({ "items": [] })),
        "DELETE" => Reply::json(200, json!({})),
        _ => Reply::json(200, json!({ "id": "x", "revision": 1 })),
    })
    .await;
    against(&server, line).await?;
    Ok(server.asked().iter().map(|asked| (asked.line(), asked.query.clone(), asked.json())).collect())
}

async fn against(server: &Server, line: &[&str]) -> Outcome<()> {
    let surroundings =
        Surroundings::of([("CONCLAVE_API_URL", server.base.as_str()), ("CONCLAVE_API_TOKEN", "t")]);
    let usage = |error: clap::Error| Failure::new(Class::Usage, error);
    let cli = Cli::try_parse_from(["conclave"].iter().chain(line)).map_err(usage)?;
    let Command::Manage(command) = cli.command else { return Err(Failure::other("it is another command")) };
    run(command, &surroundings).await
}

#[tokio::test]
async fn each_command_is_one_request() {
    for (line, request, body) in [
        (&["get", "user", "ada"][..], "GET /api/v1/users/ada", Value::Null),
        (&["get", "role", "shop/admin"], "GET /api/v1/projects/shop/roles/admin", Value::Null),
        (
            &["create", "organization", "acme", "--set", "name=Acme", "domain=acme.example"],
            "POST /api/v1/organizations",
            json!({ "id": "acme", "name": "Acme", "domain": "acme.example" }),
        ),
        (
            &["create", "project", "--parent", "acme", "--set", "name=Shop"],
            "POST /api/v1/projects",
            json!({ "organization": "acme", "name": "Shop" }),
        ),
        (
            &["create", "role", "shop/admin", "--set", "display_name=Admin"],
            "POST /api/v1/projects/shop/roles",
            json!({ "key": "admin", "display_name": "Admin" }),
        ),
        (&["create", "member", "team/ada"], "POST /api/v1/groups/team/members", json!({ "user": "ada" })),
        (&["create", "token", "--parent", "ada"], "POST /api/v1/users/ada/tokens", json!({})),
        (
            &["update", "users", "ada", "--set", "kind.human.nick_name=null"],
            "PATCH /api/v1/users/ada",
            json!({ "kind": { "human": { "nick_name": null } } }),
        ),
        (
            &["delete", "role", "admin", "--parent", "shop", "--yes"],
            "DELETE /api/v1/projects/shop/roles/admin",
            Value::Null,
        ),
        (&["activate", "user", "ada"], "POST /api/v1/users/ada/activate", Value::Null),
        (&["deactivate", "application", "web"], "POST /api/v1/applications/web/deactivate", Value::Null),
        (&["lock", "ada"], "POST /api/v1/users/ada/lock", Value::Null),
        (&["unlock", "ada"], "POST /api/v1/users/ada/unlock", Value::Null),
        (&["new-secret", "application", "web"], "POST /api/v1/applications/web/secret", Value::Null),
    ] {
        let asked = asked(line).await.unwrap_or_else(|failure| panic!("{line:?}: {}", failure.text));
        assert_eq!(asked, [(request.to_owned(), String::new(), body)], "{line:?}");
    }
}

#[tokio::test]
async fn a_list_is_asked_for_by_filter_and_order() {
    for (line, request, query) in [
        (&["get", "users"][..], "GET /api/v1/users", "limit=50"),
        (&["get", "users", "--all"], "GET /api/v1/users", "limit=1000"),
        (&["get", "users", "--sort", "-name", "--limit", "5"], "GET /api/v1/users", "limit=5&sort=-name"),
        (
            &["get", "projects", "--parent", "a\"b", "--filter", "name pr"],
            "GET /api/v1/projects",
            "limit=50&filter=organization+eq+%22a%5C%22b%22+and+%28name+pr%29",
        ),
        (&["get", "roles", "--parent", "shop"], "GET /api/v1/projects/shop/roles", "limit=50"),
        (&["get", "sessions", "--parent", "ada"], "GET /api/v1/users/ada/sessions", "limit=50"),
        (&["history", "user", "ada", "--limit", "9"], "GET /api/v1/users/ada/history", "limit=9"),
    ] {
        let asked = asked(line).await.unwrap_or_else(|failure| panic!("{line:?}: {}", failure.text));
        assert_eq!(asked, [(request.to_owned(), query.to_owned(), Value::Null)], "{line:?}");
    }
}

#[tokio::test]
async fn a_password_is_read_from_a_file() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("password");
    secret_file(&file, "correct horse\n");
    let line = ["set-password", "ada", "--password-file", file.to_str().unwrap()];
    let seen = ("GET /api/v1/users/ada".to_owned(), String::new(), Value::Null);
    let set =
        ("POST /api/v1/users/ada/password".to_owned(), String::new(), json!({ "password": "correct horse" }));
    assert_eq!(asked(&line).await.unwrap(), [seen, set]);
}

#[tokio::test]
async fn where_nobody_can_be_asked_nothing_is_deleted_without_yes() {
    for line in [&["delete", "user", "ada"][..], &["delete", "user", "ada", "--revision", "3"]] {
        let failure = asked(line).await.unwrap_err();
        assert_eq!(failure.class, Class::Usage);
        assert_eq!(failure.text, "nobody can be asked whether user ada may be deleted: say --yes");
    }
}

#[test]
fn whoever_is_asked_sees_what_a_deletion_takes() {
    for (kind, id, there, expected) in [
        ("role", "shop/admin", json!({ "display_name": "Admin" }), "Delete role shop/admin (Admin)?"),
        ("user-metadata", "ada/size", json!({ "value": "NDI=" }), "Delete user-metadata ada/size?"),
        (
            "group",
            "team",
            json!({ "name": "The\u{1b}[2J team" }),
            "Delete group team (The [2J team) with all that goes with it: its members?",
        ),
    ] {
        let address = Address::read(noun(kind).unwrap(), id, None).unwrap();
        assert_eq!(question(&address, &there).unwrap(), expected);
    }
}

#[tokio::test]
async fn what_hangs_under_another_parent_is_left_alone() {
    let server = Server::start(|_| Reply::json(200, json!({ "id": "x", "project": "other" }))).await;
    for line in [
        &["delete", "application", "x", "--parent", "shop", "--yes"][..],
        &["update", "application", "x", "--parent", "shop", "--set", "name=y"],
        &["deactivate", "authorization", "x", "--parent", "shop"],
        &["get", "application", "x", "--parent", "shop"],
        &["new-secret", "application", "x", "--parent", "shop"],
    ] {
        let failure = against(&server, line).await.unwrap_err();
        assert_eq!(failure.class, Class::NotFound, "{line:?}");
        assert!(failure.text.ends_with("x is in the project other, and not in shop"), "{}", failure.text);
    }
    against(&server, &["delete", "application", "x", "--parent", "other", "--yes"]).await.unwrap();
    let written: Vec<_> = server.asked().into_iter().filter(|asked| asked.method != "GET").collect();
    assert_eq!(
        written.iter().map(|asked| asked.line()).collect::<Vec<_>>(),
        ["DELETE /api/v1/applications/x"]
    );
}

#[tokio::test]
async fn what_is_not_there_is_named() {
    let nothing = json!({ "title": "there is no such resource", "code": "not_found" });
    let server = Server::start(move |_| Reply::json(404, nothing.clone())).await;
    for (line, of) in [
        (&["get", "user", "alice"][..], "user alice"),
        (&["history", "user", "alice"], "user alice"),
        (&["delete", "role", "shop/x", "--yes"], "role shop/x"),
        (&["get", "roles", "--parent", "shop"], "project shop"),
        (&["create", "member", "team/ada"], "group team"),
        (&["create", "project", "--parent", "acme", "--set", "name=x"], "organization acme"),
        (&["set-password", "alice"], "user alice"),
    ] {
        let failure = against(&server, line).await.unwrap_err();
        assert_eq!(failure.text, format!("{of}: there is no such resource, or not for you"), "{line:?}");
    }
}

#[test]
fn an_application_that_authenticates_wants_a_secret() {
    for (kind, auth, expected) in
        [("application", "basic", Some("x")), ("application", "none", None), ("user", "basic", None)]
    {
        let made = json!({ "id": "x", "auth": auth });
        assert_eq!(without_secret(noun(kind).unwrap(), &made), expected, "{kind} {auth}");
    }
}

#[tokio::test]
async fn what_makes_no_sense_asks_nothing() {
    for line in [
        &["get", "usr"][..],
        &["get", "roles"],
        &["get", "role", "admin"],
        &["get", "sessions"],
        &["get", "users", "--parent", "acme", "ada", "--filter", "x"],
        &["get", "organizations", "--parent", "acme"],
        &["get", "users", "--limit", "x"],
        &["create", "role", "admin"],
        &["create", "role"],
        &["create", "organization", "--parent", "acme", "--set", "name=x"],
        &["delete", "administrator", "x", "--parent", "acme", "--yes"],
        &["create", "user", "--set", "name"],
        &["update", "user", "ada"],
        &["update", "user", "ada", "--set", "a=1", "--revision", "x"],
        &["new-secret", "project", "shop"],
        &["delete", "user"],
        &["delete", "role", "admin"],
        &["delete", "role", "admin", "--yes"],
        &["create", "user", "--file", "missing.json"],
        &["create", "user", "--file", "missing.yaml"],
    ] {
        assert_eq!(asked(line).await.err().map(|failure| failure.class), Some(Class::Usage), "{line:?}");
    }
}
