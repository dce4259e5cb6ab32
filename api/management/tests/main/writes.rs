//! Writes: what a body may say, what headers promise, and what a repetition gets.

use crate::stage::Stage;
use crate::world::*;
use axum::body::Body;
use axum::http::{Method, Request};
use serde_json::{Value, json};

/// A request with headers and a body as they are.
async fn raw(world: &World, method: &str, path: &str, headers: &[(&str, &str)], body: &[u8]) -> Answer {
    let mut request = Request::builder().method(method).uri(path).header("host", HOST);
    request = request.header("authorization", format!("Bearer {}", world.acme.iam_owner));
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    world.send(request.body(Body::from(body.to_vec())).unwrap()).await
}

const JSON: (&str, &str) = ("content-type", "application/json");
const PROJECT: &str = "/api/v1/projects/acme-portal";

#[tokio::test]
async fn case_82_no_write_takes_a_field_that_it_does_not_know() {
    let mut stage = Stage::new().await;
    let owner = stage.world.acme.iam_owner.clone();
    let before = stage.world.solo.tables();
    let mut asked_for = 0;
    for asked in stage.asked() {
        let Some(Value::Object(mut body)) = asked.body.clone().filter(|_| !asked.pattern.ends_with("/bulk"))
        else {
            continue;
        };
        if asked.method == Method::PUT {
            body = stage.world.get(&asked.path, &owner).await.expect(200).json().as_object().unwrap().clone();
        }
        for field in ["is_admin", "Name", "roles.0", "__proto__", "$set", "", "hash", "instance", "sealed"] {
            let mut body = body.clone();
            body.insert(field.into(), json!("x"));
            let answer = stage.world.ask(asked.method.as_str(), &asked.path, &owner, Some(body.into())).await;
            let what =
                format!("{} {} with {field:?}: {} {}", asked.method, asked.path, answer.status, answer.body);
            assert_eq!((answer.status.as_u16(), answer.code().as_str()), (400, "invalid_body"), "{what}");
            assert!(answer.json()["errors"][0]["reason"].is_string(), "{what}");
            asked_for += 1;
        }
    }
    assert!(asked_for > 250, "{asked_for}");
    assert_eq!(*stage.world.solo.tables(), *before);
}

#[tokio::test]
async fn case_82_what_is_fixed_is_not_written_and_nobody_is_told_that_it_was() {
    let mut stage = Stage::new().await;
    let owner = stage.world.acme.iam_owner.clone();
    let before = stage.world.solo.tables();
    let mut asked_for = 0;
    for asked in stage.asked().into_iter().filter(|asked| asked.is_of_noun()) {
        if asked.method != Method::PUT && asked.method != Method::PATCH {
            continue;
        }
        let got = stage.world.get(&asked.path, &owner).await.expect(200).json();
        let parent = asked.actor.as_ref().unwrap().place.parent.as_ref().map(|(kind, _)| kind.word());
        let mut fields = vec![
            ("id", json!("x")),
            ("state", json!("inactive")),
            ("created", json!("2020-01-01T00:00:00Z")),
        ];
        fields.extend([("id", Value::Null), ("state", json!("deleted")), ("state", json!(0))]);
        fields.extend(parent.map(|word| (word, json!("globex"))));
        for (field, value) in fields {
            let mut body = if asked.method == Method::PUT { got.clone() } else { json!({}) };
            body[field] = value;
            let answer = stage.world.ask(asked.method.as_str(), &asked.path, &owner, Some(body)).await;
            let what = format!("{} {} {field}: {} {}", asked.method, asked.path, answer.status, answer.body);
            assert_eq!(
                (answer.status.as_u16(), &answer.json()["errors"][0]["field"]),
                (400, &json!(field)),
                "{what}"
            );
            asked_for += 1;
        }
    }
    assert!(asked_for > 100, "{asked_for}");
    assert_eq!(*stage.world.solo.tables(), *before);
}

#[tokio::test]
async fn case_82_a_stale_if_match_is_refused_by_every_write() {
    let mut stage = Stage::new().await;
    let owner = stage.world.acme.iam_owner.clone();
    let before = stage.world.solo.tables();
    for asked in stage.asked() {
        if asked.method == Method::GET || asked.pattern.ends_with("/activate") {
            continue;
        }
        let method = asked.method.as_str();
        let body = match asked.method {
            Method::PUT => Some(stage.world.get(&asked.path, &owner).await.expect(200).json()),
            _ => asked.body.clone(),
        };
        let stale = [("if-match", "\"77\"")];
        let answer = stage.world.ask_with(method, &asked.path, &owner, &stale, body.clone()).await;
        assert_eq!(answer.status, 412, "{method} {}: {}", asked.path, answer.body);
        for malformed in ["3", "\"x\"", "W/\"1\"", "\"1\", \"2\"", "\"-1\"", "", "\"\""] {
            let answer = stage
                .world
                .ask_with(method, &asked.path, &owner, &[("if-match", malformed)], body.clone())
                .await;
            assert_eq!(
                (answer.status.as_u16(), answer.code().as_str()),
                (400, "invalid_header"),
                "{malformed}"
            );
        }
        assert_eq!(*stage.world.solo.tables(), *before, "{method} {}", asked.path);
    }
    let tag = stage.world.get(PROJECT, &owner).await.header("etag");
    let patch = Some(json!({ "name": "New" }));
    let changed = stage
        .world
        .ask_with("PATCH", PROJECT, &owner, &[("if-match", &tag)], patch.clone())
        .await
        .expect(200);
    assert_ne!(changed.header("etag"), tag);
    stage.world.ask_with("PATCH", PROJECT, &owner, &[("if-match", &tag)], patch.clone()).await.expect(412);
    stage.world.ask_with("PATCH", PROJECT, &owner, &[("if-match", "*")], patch).await.expect(200);
}

#[tokio::test]
async fn case_82_a_bulk_has_a_limit_and_each_item_a_result() {
    let world = World::new().await;
    let owner = &world.acme.org_owner;
    let user = |at: usize| json!({ "organization": "acme", "username": format!("u{at}"), "kind": { "service": { "name": "x" } } });
    let bulk = |items: Vec<Value>| json!({ "items": items });
    let post = async |body: Value| world.post("/api/v1/users/bulk", owner, body).await;
    post(bulk((0..1001).map(user).collect())).await.refused(413, "too_large");
    post(bulk(vec![])).await.refused(400, "invalid_body");
    for body in [
        json!({}),
        json!([]),
        json!({ "items": {} }),
        json!({ "items": [1] }),
        json!({ "items": [user(1)], "dry_run": true }),
    ] {
        post(body).await.refused(400, "invalid_body");
    }
    let results = post(bulk((0..1000).map(user).collect())).await.expect(200).json();
    assert_eq!(
        results["results"].as_array().unwrap().iter().filter(|result| result["status"] == 201).count(),
        1000
    );
    let mut foreign = user(5001);
    foreign["organization"] = "globex".into();
    let mut stuffed = user(5002);
    stuffed["state"] = "inactive".into();
    let items = vec![user(5000), user(0), foreign, stuffed, json!({}), user(5003)];
    let answer = post(bulk(items)).await.expect(200).json();
    let told: Vec<(u64, &str)> = answer["results"]
        .as_array()
        .unwrap()
        .iter()
        .map(|result| (result["status"].as_u64().unwrap(), result["code"].as_str().unwrap_or_default()))
        .collect();
    let expected = [
        (201, ""),
        (409, "username_taken"),
        (404, "not_found"),
        (400, "invalid_body"),
        (400, "invalid_body"),
        (201, ""),
    ];
    assert_eq!(told, expected);
}

#[tokio::test]
async fn a_bulk_that_is_sent_again_makes_what_is_missing_and_nothing_twice() {
    let world = World::new().await;
    let owner = &world.acme.org_owner;
    let user = |at: usize| json!({ "organization": "acme", "username": format!("u{at}"), "kind": { "service": { "name": "x" } } });
    let key = [("idempotency-key", "import-1")];
    let send = async |items: Vec<Value>| {
        let body = Some(json!({ "items": items }));
        world.ask_with("POST", "/api/v1/users/bulk", owner, &key, body).await.expect(200).json()["results"]
            .clone()
    };
    let first = send(vec![user(1), user(2)]).await;
    assert_eq!(send(vec![user(1), user(2)]).await, first);
    let more = send(vec![user(1), user(2), user(3)]).await;
    assert_eq!((&more[0], &more[1], &more[2]["status"]), (&first[0], &first[1], &json!(201)));
    let other = send(vec![user(9), user(2)]).await;
    assert_eq!((&other[0]["code"], &other[1]), (&json!("request_id_reused"), &first[1]));
}

#[tokio::test]
async fn a_repetition_under_a_key_has_no_second_effect_and_the_same_answer() {
    let mut stage = Stage::new().await;
    let owner = stage.elsewhere.clone();
    let before = stage.world.solo.tables();
    for asked in stage.asked() {
        let once = asked.is_of_noun() || asked.pattern.starts_with("/api/v1/sessions/");
        if asked.method == Method::GET || !once {
            continue;
        }
        let key = [("idempotency-key", "the-same")];
        let (method, path) = (asked.method.as_str(), &asked.path);
        let mut body = asked.body.clone();
        if asked.method == Method::PUT {
            body = Some(stage.world.get(path, &owner).await.expect(200).json());
        }
        let send = async |body: Option<Value>| stage.world.ask_with(method, path, &owner, &key, body).await;
        let first = send(body.clone()).await;
        assert!(first.status.is_success(), "{method} {path}: {}", first.body);
        let after = stage.world.solo.tables();
        let again = send(body.clone()).await;
        assert_eq!(*stage.world.solo.tables(), *after, "{method} {path}");
        // By a key under its parent nobody finds what is gone; a secret is shown once.
        let gone = asked.method == Method::DELETE && asked.pattern.contains("{key}");
        if first.body.contains("cnv_pat_") {
            assert_eq!((again.status.as_u16(), again.code().as_str()), (409, "already_done"), "{path}");
            assert!(!again.body.contains("cnv_pat_"));
        } else if gone {
            assert_eq!(again.status, 404, "{path}");
        } else {
            assert_eq!((again.status, &again.body), (first.status, &first.body), "{method} {path}");
        }
        if let Some(Value::Object(mut other)) = body.filter(|_| asked.method == Method::POST) {
            let text = other
                .values_mut()
                .find(|value| value.as_str().is_some_and(|text| text.starts_with("sample")));
            if let Some(text) = text {
                *text = "another".into();
                let other = send(Some(other.into())).await;
                assert_eq!(
                    (other.status.as_u16(), other.code().as_str()),
                    (409, "request_id_reused"),
                    "{path}"
                );
            }
        }
        stage.world.solo.rewind(before.clone());
    }
}

#[tokio::test]
async fn a_key_is_its_callers_and_its_routes_own() {
    let world = World::new().await;
    let key = [("idempotency-key", "k")];
    let project = |organization: &str| Some(json!({ "organization": organization, "name": "x" }));
    let path = "/api/v1/projects";
    let ours =
        world.ask_with("POST", path, &world.acme.org_owner, &key, project("acme")).await.expect(201).json();
    let theirs = world
        .ask_with("POST", path, &world.globex.org_owner, &key, project("globex"))
        .await
        .expect(201)
        .json();
    assert_ne!(ours["id"], theirs["id"]);
    let elsewhere = [key[0], ("host", OTHER_HOST)];
    world.ask_with("POST", path, &world.umbra.org_owner, &elsewhere, project("umbra")).await.expect(201);
    let application =
        json!({ "project": "acme-portal", "name": "x", "kind": "web", "auth": "basic", "alg": "ES256" });
    world
        .ask_with("POST", "/api/v1/applications", &world.acme.org_owner, &key, Some(application))
        .await
        .expect(201);
    // A refusal is not remembered: what was wrong may be put right.
    let taken = [("idempotency-key", "other")];
    let user = |name: &str| {
        Some(json!({ "organization": "acme", "username": name, "kind": { "service": { "name": "x" } } }))
    };
    world
        .ask_with("POST", "/api/v1/users", &world.acme.org_owner, &taken, user("acme-nobody"))
        .await
        .expect(409);
    world
        .ask_with("POST", "/api/v1/users", &world.acme.org_owner, &taken, user("somebody"))
        .await
        .expect(201);
    for wrong in ["", " ", "with space", "ümlaut", &"x".repeat(201)] {
        let answer = raw(&world, "POST", path, &[JSON, ("idempotency-key", wrong)], b"{}").await;
        assert_eq!((answer.status.as_u16(), answer.code().as_str()), (400, "invalid_header"), "{wrong}");
    }
}

#[tokio::test]
async fn secrets_are_shown_once() {
    let world = World::new().await;
    let owner = &world.acme.org_owner;
    let user = format!("/api/v1/users/{}/secret", world.acme.nobody_id);
    let application = json!({ "id": "app", "project": "acme-portal", "name": "x", "kind": "web", "auth": "basic", "alg": "ES256" });
    world.post("/api/v1/applications", owner, application).await.expect(201);
    for path in [user.as_str(), "/api/v1/applications/app/secret"] {
        let key = [("idempotency-key", "k")];
        let first = world.ask_with("POST", path, owner, &key, None).await.expect(200).json();
        let secret = first["client_secret"].as_str().unwrap().to_owned();
        let again = world.ask_with("POST", path, owner, &key, None).await.refused(409, "already_done");
        assert!(!again.body.contains(&secret));
        let other = world.ask("POST", path, owner, None).await.expect(200).json();
        assert_ne!(other["client_secret"], first["client_secret"]);
    }
    for path in ["/api/v1/applications/app", "/api/v1/applications", "/api/v1/users"] {
        let shown = world.get(path, owner).await.expect(200).body;
        assert!(!shown.contains("secret") && !shown.contains("hash"), "{shown}");
    }
}

#[tokio::test]
async fn a_position_is_waited_for_and_nothing_else_is_taken_for_one() {
    let world = World::new().await;
    let owner = &world.acme.org_owner;
    let at = world.get(PROJECT, owner).await.expect(200).header("conclave-position");
    let ask = async |position: &str| {
        world.ask_with("GET", PROJECT, owner, &[("conclave-at-least", position)], None).await
    };
    ask(&at).await.expect(200);
    let read = api_management::position::read(&at).unwrap();
    let with =
        |shard, lineage, index| api_management::position::write(api_core::Position { shard, lineage, index });
    ask(&with(read.shard, read.lineage, 0)).await.expect(200);
    let future = ask(&with(read.shard, read.lineage, u64::MAX)).await.refused(503, "unavailable");
    assert_eq!(future.header("retry-after"), "1");
    ask(&with(read.shard, read.lineage + 1, read.index)).await.refused(409, "other_lineage");
    ask(&with(read.shard + 1, read.lineage, read.index)).await.refused(409, "other_lineage");
    for garbage in
        ["", "x", "0", "AAAA", "%00", &at[1..], &format!("{at}A"), &format!("{at}="), &"A".repeat(9000)]
    {
        ask(garbage).await.refused(400, "invalid_header");
    }
}

#[tokio::test]
async fn bodies_that_are_no_json_object_are_refused_by_every_write() {
    let mut stage = Stage::new().await;
    let before = stage.world.solo.tables();
    let big = format!("{{\"name\":\"{}\"}}", "x".repeat(1024 * 1024));
    let deep = "{\"a\":".repeat(10_000);
    for asked in stage.asked().into_iter().filter(|asked| asked.body.is_some()) {
        let (method, path) = (asked.method.as_str(), &asked.path);
        let send = async |headers: &[(&str, &str)], body: &[u8]| {
            raw(&stage.world, method, path, headers, body).await
        };
        for body in [
            &b""[..],
            b"{",
            b"null",
            b"[]",
            b"\"x\"",
            b"1",
            b"{} {}",
            b"\xff\xfe",
            b"{\"a\":NaN}",
            b"name=x",
            deep.as_bytes(),
        ] {
            let answer = send(&[JSON], body).await;
            assert_eq!(
                (answer.status.as_u16(), answer.code().as_str()),
                (400, "invalid_body"),
                "{method} {path}"
            );
        }
        for kind in [
            "text/plain",
            "application/x-www-form-urlencoded",
            "multipart/form-data",
            "application/xml",
            "",
            "application/jsonp",
            "text/json",
        ] {
            let answer = send(&[("content-type", kind)], b"{}").await;
            assert_eq!(
                (answer.status.as_u16(), answer.code().as_str()),
                (415, "unsupported_media_type"),
                "{kind}"
            );
        }
        assert_eq!(send(&[], b"{}").await.status, 415);
        assert_eq!(send(&[JSON, ("content-type", "text/plain")], b"{}").await.code(), "invalid_header");
        assert_eq!(send(&[JSON], big.as_bytes()).await.refused(413, "too_large").code(), "too_large");
        assert_eq!(*stage.world.solo.tables(), *before, "{method} {path}");
    }
    let upper =
        raw(&stage.world, "PATCH", PROJECT, &[("content-type", "Application/JSON; charset=utf-8")], b"{}")
            .await;
    assert_eq!(upper.status, 200);
}

#[tokio::test]
async fn the_longest_application_fits_into_the_log_and_a_longer_list_is_named() {
    let world = World::new().await;
    let uris = |many: usize| -> Vec<String> {
        let longest = "https://a.example/00".len();
        (0..many).map(|at| format!("https://a.example/{at:02}{}", "x".repeat(2000 - longest))).collect()
    };
    let body = |many: usize| {
        json!({ "project": "acme-portal", "name": "x", "kind": "web", "auth": "basic", "alg": "ES256",
            "redirect_uris": uris(many), "post_logout_redirect_uris": uris(50) })
    };
    world.post("/api/v1/applications", &world.acme.org_owner, body(50)).await.expect(201);
    let answer = world.post("/api/v1/applications", &world.acme.org_owner, body(51)).await;
    let told = answer.refused(400, "invalid_body").json();
    let reason = "it has 51 items, and at most 50 are allowed";
    assert_eq!(told["errors"], json!([{ "field": "redirect_uris", "reason": reason }]));
}

#[tokio::test]
async fn headers_that_stand_twice_are_refused() {
    let world = World::new().await;
    for (name, value, code) in [
        ("if-match", "\"1\"", "invalid_header"),
        ("idempotency-key", "k", "invalid_header"),
        ("conclave-at-least", "AAAAAAAAAAAAAAAAAAA", "invalid_header"),
        ("authorization", "Bearer x", "invalid_request"),
    ] {
        let answer = raw(&world, "PATCH", PROJECT, &[JSON, (name, value), (name, value)], b"{}").await;
        assert_eq!((answer.status.as_u16(), answer.code().as_str()), (400, code), "{name}");
    }
    raw(&world, "GET", PROJECT, &[("host", OTHER_HOST)], b"").await.refused(404, "no_instance");
}

#[tokio::test]
async fn an_id_that_looks_like_a_path_is_an_id() {
    let world = World::new().await;
    let owner = &world.acme.org_owner;
    let project = |id: &str| json!({ "id": id, "organization": "acme", "name": "x" });
    for id in [
        "a/b",
        "%2e%2e",
        "..%2f",
        "a?b=c",
        "a#b",
        "../acme-portal",
        "a\\b",
        "...",
        "'--",
        "*",
        "${x}",
        "{id}",
    ] {
        let made = world.post("/api/v1/projects", owner, project(id)).await.expect(201);
        let got = world.get(&made.header("location"), owner).await.expect(200).json();
        assert_eq!(got["id"], id);
        world.ask("DELETE", &made.header("location"), owner, None).await.expect(204);
    }
    for id in [".", "..", "me", "bulk", "", "with space", "ümlaut", "a\nb", "a\u{0}b", &"x".repeat(201)] {
        let answer = world.post("/api/v1/projects", owner, project(id)).await.refused(400, "invalid_body");
        assert_eq!(answer.json()["errors"][0]["field"], "id", "{id:?}");
    }
    let absent = world.get("/api/v1/projects/nowhere", owner).await.refused(404, "not_found").body;
    let long = "x".repeat(5000);
    for path in [
        "%ff",
        "%00",
        "%20",
        "a%20b",
        "..%2facme-portal",
        "acme-portal%2f",
        "acme-portal%00",
        "ACME-PORTAL",
        &long,
        "acme-portal;x=1",
    ] {
        for below in ["", "/roles", "/roles/admin"] {
            let answer =
                world.get(&format!("/api/v1/projects/{path}{below}"), owner).await.refused(404, "not_found");
            assert_eq!(answer.body, absent, "{path}{below}");
        }
    }
    for key in ["%ff", "%00", "..%2fadmin", "admin%20", "acme-admin", "x%20admin"] {
        let answer = world
            .get(&format!("/api/v1/projects/acme-portal/roles/{key}"), owner)
            .await
            .refused(404, "not_found");
        assert_eq!(answer.body, absent, "{key}");
    }
}

#[tokio::test]
async fn whoever_may_not_write_gets_no_place_in_the_log() {
    let world = World::new().await;
    let project = |name: &str| json!({ "organization": world.acme.organization, "name": name });
    let position = async || {
        let answer = world.get("/api/v1/users/me", &world.acme.nobody).await.expect(200);
        answer.header("conclave-position")
    };
    let items = json!({ "items": [{ "organization": world.acme.organization, "username": "x",
        "kind": { "service": { "name": "x" } } }] });
    let before = position().await;
    let key = [("idempotency-key", "again")];
    for caller in [&world.acme.nobody, &world.globex.org_owner] {
        let refused = world.post("/api/v1/projects", caller, project("Trap")).await;
        assert!(refused.status.is_client_error(), "{}", refused.body);
        let refused = world.ask_with("POST", "/api/v1/projects", caller, &key, Some(project("Trap"))).await;
        assert!(refused.status.is_client_error(), "{}", refused.body);
        let results = world.post("/api/v1/users/bulk", caller, items.clone()).await.json();
        assert_eq!(results["results"][0]["status"], 404, "{results}");
    }
    assert_eq!(position().await, before);
    let results = world.post("/api/v1/users/bulk", &world.acme.org_owner, items).await.json();
    assert_eq!(results["results"][0]["status"], 201, "{results}");
    world.post("/api/v1/projects", &world.acme.org_owner, project("Shop")).await.expect(201);
    assert_ne!(position().await, before);
}

#[tokio::test]
async fn who_has_given_up_his_own_right_gets_the_same_reply_again() {
    let world = World::new().await;
    let owner = &world.acme.org_owner;
    let mine = world.get("/api/v1/users/me", owner).await.expect(200).json()["id"].clone();
    let entries = world.get("/api/v1/administrators?limit=100", owner).await.expect(200).json();
    let is_his = |entry: &&Value| entry["user"] == mine;
    let entry = entries["items"].as_array().unwrap().iter().find(is_his).unwrap()["id"].clone();
    let path = format!("/api/v1/administrators/{}", entry.as_str().unwrap());
    let key = [("idempotency-key", "step-down")];
    for _ in 0..2 {
        world.ask_with("DELETE", &path, owner, &key, None).await.expect(204);
    }
    world.ask("DELETE", &path, owner, None).await.expect(404);
}

#[tokio::test]
async fn one_fault_hides_no_other() {
    let world = World::new().await;
    let owner = &world.acme.org_owner;
    let fields = |answer: Answer| -> Vec<String> {
        let told = answer.refused(400, "invalid_body").json();
        let field = |fault: &Value| fault["field"].as_str().unwrap().to_owned();
        told["errors"].as_array().unwrap().iter().map(field).collect()
    };
    let body =
        json!({ "id": "a b", "organization": 5, "usrname": "x", "kind": { "service": { "name": "" } } });
    let answer = world.post("/api/v1/users", owner, body).await;
    assert_eq!(fields(answer), ["id", "organization", "kind.service.name", "usrname", "username"]);
    let patch = json!({ "id": "other", "state": "inactive", "name": "", "nme": 1 });
    let path = format!("/api/v1/projects/{}", world.acme.project);
    let answer = world.ask("PATCH", &path, owner, Some(patch)).await;
    assert_eq!(fields(answer), ["id", "state", "name", "nme"]);
}

#[tokio::test]
async fn who_may_not_is_told_what_he_lacks_and_where() {
    let world = World::new().await;
    for (method, path, body, needed) in [
        (
            "PUT",
            "/api/v1/organizations/acme/settings/domain",
            json!({ "usernames_end_with_domain": true }),
            "iam.policy.write at the instance",
        ),
        (
            "POST",
            "/api/v1/custom-roles",
            json!({ "name": "x", "permissions": ["user.read"] }),
            "iam.role.create at the instance",
        ),
    ] {
        let answer = world.ask(method, path, &world.acme.org_owner, Some(body)).await;
        let title = answer.refused(403, "not_permitted").json()["title"].as_str().unwrap().to_owned();
        assert_eq!(title, format!("the caller lacks the permission for this: {needed}"));
    }
}
