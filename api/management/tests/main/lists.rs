//! Lists: filters, orders, pages. What is asked for decides what is shown, and never who may see it.

use crate::world::*;
use identity::credential::password::Password;
use identity::encoding::encode_row;
use identity::id::Hash;
use identity::keys::{Key, Space};
use identity::name::HostName;
use identity::organization::Organization;
use identity::project::Project;
use identity::reader::{Reader, record_key};
use identity::record::Kind;
use identity::session::Session;
use identity::tables::{Changes, Table};
use serde_json::{Value, json};
use std::sync::Arc;

impl World {
    /// Ids of one page, and the cursor behind it.
    async fn page(&self, path: &str, token: &str) -> (Vec<String>, Option<String>) {
        let answer = self.get(path, token).await.expect(200).json();
        let ids =
            answer["items"].as_array().unwrap().iter().map(|item| item["id"].as_str().unwrap().to_owned());
        (ids.collect(), answer["next"].as_str().map(str::to_owned))
    }

    /// Ids of all pages.
    async fn pages(&self, path: &str, token: &str) -> Vec<String> {
        let (mut ids, mut next) = self.page(path, token).await;
        while let Some(cursor) = next {
            let (more, then) = self.page(&format!("{path}&cursor={cursor}"), token).await;
            ids.extend(more);
            next = then;
        }
        ids
    }

    async fn project(&self, organization: &str, project: &str, title: &str) {
        let spec =
            Project { name: name(title), role_assertion: false, role_check: false, has_project_check: false };
        put(&self.service, self.acme.instance, &id(project), &id(organization), spec).await.unwrap();
    }
}

fn filtered(path: &str, filter: &str) -> String {
    format!("/api/v1/{path}?filter={}", escaped(filter))
}

#[tokio::test]
async fn case_81_filters_that_can_not_be_read_or_are_not_indexed_are_refused_by_name() {
    let world = World::new().await;
    let owner = &world.acme.org_owner;
    let deep = format!("{}name pr{}", "(".repeat(100), ")".repeat(100));
    let long = format!("name eq \"{}\"", "x".repeat(3000));
    let wide = vec!["name eq \"abc\""; 51].join(" or ");
    for filter in [
        "(name eq \"a\"",
        "name eq \"a\")",
        "name eq \"a",
        "name",
        "name eq",
        "eq \"a\"",
        "()",
        "not name pr",
        &deep,
        &long,
        &wide,
        "unknown eq \"a\"",
        "password sw \"a\"",
        "role_check eq true",
        "name.x eq \"a\"",
        "secret pr",
        "hash sw \"abc\"",
        "name eq 5",
        "name eq null",
        "name gt \"abc\"",
        "name co \"ab\"",
        "state eq \"deleted\"",
        "state co \"act\"",
        "created eq \"yesterday\"",
        "created co \"2026\"",
        "id co \"abc\"",
        "id eq \"with space\"",
        "id eq \"\"",
        "organization pr and name eq 'a'",
        "name eq \"a\" ; drop table",
        "name eq \"a\" -- x",
        "name = \"a\"",
        "emails[type eq \"work\"] pr",
        "name eq \"\\ud800\"",
        "name eq \"\u{0}\"",
        "1 eq 1",
        "name eq \"a\" or 1 eq 1",
    ] {
        let answer = world.get(&filtered("projects", filter), owner).await.refused(400, "invalid_filter");
        assert!(answer.json()["title"].as_str().unwrap().len() < 400, "{filter}");
    }
    // Quotes are no way out of a text, whatever stands behind them.
    for filter in [
        "name eq \"x\\\" or \\\"1\\\" eq \\\"1\"",
        "name co \"' or '1'='1\"",
        "name co \"%%%\"",
        "name co \"***\"",
    ] {
        assert_eq!(world.page(&filtered("projects", filter), owner).await, (vec![], None), "{filter}");
    }
    for query in [
        "limit=0",
        "limit=1001",
        "limit=-1",
        "limit=1e9",
        "limit=1000000000",
        "limit=x",
        "limit=99999999999999999999",
        "count=1000000000",
        "page=2",
        "filter=%ff",
        "filter=%zz",
        "limit=5&limit=6",
        "Limit=5",
        "filter[]=x",
        "=x",
    ] {
        let answer = world.get(&format!("/api/v1/projects?{query}"), owner).await;
        assert_eq!((answer.status.as_u16(), answer.code().as_str()), (400, "invalid_query"), "{query}");
    }
}

#[tokio::test]
async fn filters_find_by_each_indexed_attribute_and_its_parts() {
    let world = World::new().await;
    let owner = &world.acme.org_owner;
    for (project, title) in
        [("a", "Alpha Shop"), ("b", "alphabet"), ("c", "Beta shop"), ("d", "Zürich"), ("e", "AB")]
    {
        world.project("acme", project, title).await;
    }
    world.post("/api/v1/projects/b/deactivate", owner, json!({})).await.expect(200);
    let cases: &[(&str, &[&str])] = &[
        ("name eq \"ALPHABET\"", &["b"]),
        ("name co \"shop\"", &["a", "c"]),
        ("name sw \"alpha\"", &["a", "b"]),
        ("name ew \"shop\"", &["a", "c"]),
        ("name co \"rich\"", &["d"]),
        ("name sw \"zür\"", &["d"]),
        ("name eq \"ab\"", &["e"]),
        ("name co \"alpha shop\"", &["a"]),
        ("name co \"pohs\"", &[]),
        ("state eq \"inactive\"", &["b"]),
        ("name co \"alpha\" and state eq \"active\"", &["a"]),
        ("name sw \"beta\" or name eq \"ab\"", &["c", "e"]),
        ("not (name co \"alpha\") and not (name co \"shop\") and not (name eq \"portal\")", &["d", "e"]),
        ("id eq \"c\"", &["c"]),
        ("id ne \"c\" and name co \"shop\"", &["a"]),
        ("created gt \"2030-01-01T00:00:00Z\" and name pr", &[]),
        ("organization eq \"acme\" and name co \"shop\"", &["a", "c"]),
        ("NAME SW \"alpha\" AND State Eq \"active\"", &["a"]),
    ];
    for (filter, expected) in cases {
        let (found, next) = world.page(&filtered("projects", filter), owner).await;
        let found: Vec<&str> = found.iter().map(String::as_str).collect();
        assert_eq!((found.as_slice(), next), (*expected, None), "{filter}");
    }
    world.get(&filtered("administrators", "organization eq \"acme\""), owner).await.expect(200);
}

#[tokio::test]
async fn case_83_a_cursor_is_good_for_its_caller_list_filter_and_order_only() {
    let world = World::new().await;
    let owner = &world.acme.org_owner;
    for project in ["a", "b", "c"] {
        world.project("acme", project, &format!("Project {project}")).await;
        world.project("globex", &format!("g{project}"), &format!("Project {project}")).await;
    }
    let (_, next) = world.page("/api/v1/projects?limit=2", owner).await;
    let cursor = next.unwrap();
    let with = |query: &str, cursor: &str| format!("/api/v1/projects?limit=2{query}&cursor={cursor}");
    world.get(&with("", &cursor), owner).await.expect(200);
    world.get(&format!("/api/v1/projects?limit=100&cursor={cursor}"), owner).await.expect(200);
    let mut flipped = cursor.clone().into_bytes();
    let last = flipped.len() / 2;
    flipped[last] = if flipped[last] == b'A' { b'B' } else { b'A' };
    let flipped = String::from_utf8(flipped).unwrap();
    let long = "A".repeat(15_000);
    let forged = crypto::b64url(b"\x82\x58\x20projects");
    for (what, path, token) in [
        ("another caller", with("", &cursor), &world.globex.org_owner),
        ("a stronger caller", with("", &cursor), &world.acme.iam_owner),
        ("another order", with("&sort=name", &cursor), owner),
        ("another way", with("&sort=-id", &cursor), owner),
        ("another filter", with(&format!("&filter={}", escaped("name pr")), &cursor), owner),
        ("another list", format!("/api/v1/users?cursor={cursor}"), owner),
        ("a list below", format!("/api/v1/projects/acme-portal/roles?cursor={cursor}"), owner),
        ("cut", with("", &cursor[..cursor.len() - 4]), owner),
        ("flipped", with("", &flipped), owner),
        ("made up", with("", &forged), owner),
        ("longer than any", with("", &long), owner),
        ("a number", with("", "50"), owner),
        ("an id", with("", "acme-portal"), owner),
        ("SQL", with("", "1%27%20or%201=1--"), owner),
    ] {
        let answer = world.get(&path, token).await;
        assert_eq!(
            (answer.status.as_u16(), answer.code().as_str()),
            (400, "invalid_cursor"),
            "{what}: {}",
            answer.body
        );
    }
    // Of another instance, for the caller of the same name there.
    let elsewhere = [("host", OTHER_HOST)];
    let umbra = &world.umbra.org_owner;
    world.ask_with("GET", &with("", &cursor), umbra, &elsewhere, None).await.refused(400, "invalid_cursor");
}

#[tokio::test]
async fn case_83_lists_are_sorted_by_what_is_indexed_and_nothing_else() {
    let world = World::new().await;
    let owner = &world.acme.org_owner;
    for sort in [
        "password",
        "role_check",
        "created",
        "name,id",
        "name;drop",
        "--name",
        "+name",
        "NAME",
        "name%20desc",
        "*",
        "%00",
        "-",
        "id,(select%201)",
    ] {
        let answer = world.get(&format!("/api/v1/projects?sort={sort}"), owner).await;
        assert_eq!((answer.status.as_u16(), answer.code().as_str()), (400, "invalid_sort"), "{sort}");
    }
}

#[tokio::test]
async fn each_order_has_every_row_once_both_ways_and_in_pages_of_any_size() {
    let world = World::new().await;
    let owner = &world.acme.org_owner;
    for (at, title) in ["delta", "Alpha", "charlie", "Bravo", "alpha", "echo echo"].iter().enumerate() {
        world.project("acme", &format!("p{at}"), title).await;
        world.project("globex", &format!("q{at}"), title).await;
    }
    let all = world.page("/api/v1/projects", owner).await.0;
    assert_eq!(all.len(), 7);
    let mut by_name = Vec::new();
    for limit in 1..=8 {
        for sort in ["id", "-id", "name", "-name"] {
            let mut found = world.pages(&format!("/api/v1/projects?limit={limit}&sort={sort}"), owner).await;
            if sort == "name" && limit == 1 {
                by_name.clone_from(&found);
            }
            if sort.starts_with('-') {
                found.reverse();
            }
            let expected = if sort.ends_with("name") { &by_name } else { &all };
            assert_eq!(&found, expected, "{sort}, {limit} at once");
        }
    }
    assert_eq!(by_name, ["p1", "p4", "p3", "p2", "p0", "p5", "acme-portal"]);
    // He is one of his organization, and stands there once.
    let users = world.page("/api/v1/users?sort=username", owner).await.0;
    assert_eq!(users.len(), 4);
    for limit in 1..=4 {
        let mut found = world.pages(&format!("/api/v1/users?limit={limit}&sort=-username"), owner).await;
        found.reverse();
        assert_eq!(found, users);
    }
}

#[tokio::test]
async fn writes_between_two_pages_neither_repeat_nor_skip_a_row() {
    let world = World::new().await;
    let owner = &world.acme.org_owner;
    for sort in ["id", "-id", "name", "-name"] {
        let before = world.solo.tables();
        for project in ["b", "d", "f", "h"] {
            world.project("acme", project, &format!("P {project}")).await;
        }
        // Where each stands in this order: lengths come first among ids.
        let (first, next) = world.page(&format!("/api/v1/projects?limit=2&sort={sort}"), owner).await;
        let shown: Vec<&String> = first.iter().filter(|id| id.len() == 1).collect();
        // What was shown goes, what is new comes before and behind.
        for id in &shown {
            world.ask("DELETE", &format!("/api/v1/projects/{id}"), owner, None).await.expect(204);
        }
        for project in ["a", "c", "e", "g", "i"] {
            world.project("acme", project, &format!("P {project}")).await;
        }
        let mut rest = Vec::new();
        let mut next = next;
        while let Some(cursor) = next {
            let (more, then) =
                world.page(&format!("/api/v1/projects?limit=2&sort={sort}&cursor={cursor}"), owner).await;
            rest.extend(more);
            next = then;
        }
        for id in ["b", "d", "f", "h", "acme-portal"] {
            let times = first.iter().chain(&rest).filter(|found| *found == id).count();
            assert_eq!(times, 1, "{sort}: {id} in {first:?} {rest:?}");
        }
        let mut distinct = rest.clone();
        distinct.sort_unstable();
        distinct.dedup();
        assert_eq!(distinct.len(), rest.len(), "{sort}: {rest:?}");
        world.solo.rewind(before);
    }
}

/// More of globex's projects than one page looks at, and one more of acme's.
async fn crowded() -> World {
    let world = World::new().await;
    for number in 0..5_300 {
        world.project("globex", &format!("g{number}"), "Aaa").await;
    }
    world.project("acme", "last", "Zzz").await;
    world
}

#[tokio::test]
async fn a_long_look_ends_with_a_cursor_and_the_next_page_comes_further() {
    let world = crowded().await;
    let filter = escaped("not (name eq \"aaa\")");
    for sort in ["id", "-id", "name", "-name"] {
        let (mut found, mut pages, mut next) = (Vec::new(), 0, Some(String::new()));
        while let Some(cursor) = next {
            let path = format!("/api/v1/projects?sort={sort}&filter={filter}&cursor={cursor}");
            let (more, then) = world.page(&path, &world.acme.iam_owner).await;
            found.extend(more);
            pages += 1;
            next = then;
        }
        found.sort_unstable();
        assert_eq!(found, ["acme-portal", "globex-portal", "last"], "{sort}");
        assert!((2..=4).contains(&pages), "{sort}: {pages}");
    }
    // Who has more projects than are looked at one by one sees what lies in the last of them.
    let roles = json!({ "key": "late", "display_name": "Late" });
    world.post("/api/v1/projects/g5299/roles", &world.globex.org_owner, roles).await.expect(201);
    let body = json!({ "id": "app", "project": "g5299", "name": "App", "kind": "web", "auth": "basic", "alg": "ES256" });
    world.post("/api/v1/applications", &world.globex.org_owner, body).await.expect(201);
    assert_eq!(world.pages("/api/v1/applications?limit=10", &world.globex.org_owner).await, ["app"]);
    assert!(world.pages("/api/v1/applications?limit=10", &world.acme.org_owner).await.is_empty());
}

#[tokio::test]
async fn what_a_caller_does_not_see_makes_no_pages() {
    let world = crowded().await;
    let (iam, nobody) = (&world.acme.iam_owner, &world.acme.nobody);
    // A role at the instance that shows no projects reaches none.
    let body = json!({ "id": "reader", "name": "Reader", "permissions": ["group.read"] });
    world.post("/api/v1/custom-roles", iam, body).await.expect(201);
    let body = json!({ "user": world.acme.nobody_id.as_str(), "within": "instance", "roles": ["reader"] });
    world.post("/api/v1/administrators", iam, body).await.expect(201);
    let mine = &["acme-portal", "last"][..];
    let named = |text: &str| format!("&filter={}", escaped(text));
    let foreign = named("organization eq \"globex\"");
    let either = named("organization eq \"globex\" or name eq \"zzz\"");
    for sort in ["id", "-id", "name", "-name"] {
        let cases: [(&str, &String, &[&str]); 5] = [
            ("", &world.acme.org_owner, mine),
            ("", nobody, &[]),
            (&foreign, &world.acme.org_owner, &[]),
            (&foreign, nobody, &[]),
            (&either, &world.acme.org_owner, &["last"]),
        ];
        for (filter, token, expected) in cases {
            let path = format!("/api/v1/projects?limit=2&sort={sort}{filter}");
            let (mut found, next) = world.page(&path, token).await;
            found.sort_unstable();
            assert_eq!(
                (found.as_slice(), next),
                (&expected.iter().map(|id| (*id).to_owned()).collect::<Vec<_>>()[..], None),
                "{path}"
            );
        }
    }
}

#[tokio::test]
async fn pages_of_an_owner_of_one_organization_show_nobody_elses_rows() {
    let world = World::new().await;
    let owner = &world.acme.org_owner;
    let domain = HostName::parse("other.example").unwrap();
    let spec = Organization { name: name("acme"), domain };
    put(
        &world.service,
        world.acme.instance,
        &id("other"),
        &identity::id::Id::from_number(world.acme.instance.0),
        spec,
    )
    .await
    .unwrap();
    world.project("other", "theirs", "Portal").await;
    for path in [
        "organizations?sort=name",
        "organizations?sort=-domain",
        "projects?sort=name",
        "projects?sort=-id",
        "users?sort=username",
        "applications?sort=name",
        "administrators?limit=1000",
    ] {
        for item in
            world.get(&format!("/api/v1/{path}"), owner).await.expect(200).json()["items"].as_array().unwrap()
        {
            let of = [
                &item["organization"],
                &item["id"],
                &item["within"]["organization"],
                &item["within"]["project"],
            ];
            let ours =
                of.iter().any(|value: &&Value| value.as_str().is_some_and(|text| text.starts_with("acme")));
            assert!(ours, "{path}: {item}");
        }
    }
    // Who governs nothing sees himself.
    let (found, _) = world.page("/api/v1/users", &world.acme.nobody).await;
    assert_eq!(found, [world.acme.nobody_id.to_string()]);
    for path in [
        "organizations",
        "projects",
        "applications",
        "authorizations",
        "administrators",
        "custom-roles",
        "project-grants",
    ] {
        for query in ["", "?sort=-id"] {
            assert_eq!(
                world.page(&format!("/api/v1/{path}{query}"), &world.acme.nobody).await,
                (vec![], None),
                "{path}"
            );
        }
    }
}

#[tokio::test]
async fn sessions_are_listed_page_by_page() {
    let world = World::new().await;
    let owner = &world.acme.org_owner;
    let instance = world.acme.instance;
    let kind = json!({ "human": { "given_name": "A", "family_name": "B" } });
    for user in ["alice", "bob"] {
        let body = json!({ "id": user, "organization": "acme", "username": user, "kind": kind });
        world.post("/api/v1/users", owner, body).await.expect(201);
    }
    let password = json!({ "password": "correct horse battery" });
    world.post("/api/v1/users/alice/password", owner, password).await.expect(204);
    let mut tables = (*world.solo.tables()).clone();
    let now = world.solo.now();
    let reader = Reader { read: &tables, instance, now };
    let password = reader.row::<Password>(&id("alice")).unwrap().unwrap().revision;
    let mut changes = Changes::new();
    for session in ["one", "two", "three", "four", "five"] {
        let row = Session {
            user: id("alice"),
            organization: id("acme"),
            secret: Hash::of(b"secret"),
            started: now,
            authenticated: now,
            password,
            expires: if session == "two" { now } else { now.plus_secs(60) },
        };
        let of = Key::new(instance, Space::Reference).u16(Kind::User.number()).id(&id("alice"));
        let of = of.u16(Kind::Session.number()).id(&id(session)).into_bytes();
        let key = record_key(instance, Kind::Session, &id(session));
        changes.extend([((Table::State, key), Some(encode_row(&row))), ((Table::State, of), Some(vec![]))]);
    }
    tables.write(changes);
    world.solo.rewind(Arc::new(tables));
    for limit in 1..=5 {
        let found = world.pages(&format!("/api/v1/users/alice/sessions?limit={limit}"), owner).await;
        assert_eq!(found, ["one", "five", "four", "three"]);
    }
    let cursor = world.page("/api/v1/users/alice/sessions?limit=1", owner).await.1.unwrap();
    for (path, token) in [("users/bob/sessions", owner), ("users/alice/sessions", &world.acme.iam_owner)] {
        let path = format!("/api/v1/{path}?cursor={cursor}");
        world.get(&path, token).await.refused(400, "invalid_cursor");
    }
}
