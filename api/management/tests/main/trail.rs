//! The audit trail and settings over HTTP: found, followed, exported and proven; set, inherited and reset.

use crate::world::*;
use axum::body::{Body, Bytes};
use axum::http::{Request, header};
use http_body_util::BodyExt;
use identity::audit::verify;
use identity::permission::{AdministratorRole, Within};
use serde_json::{Value, json};
use std::time::Duration;
use tower::ServiceExt;

/// Only a hang takes so long.
const HANG: Duration = Duration::from_secs(30);

async fn create_project(world: &World, word: &str) {
    let body = json!({ "id": word, "organization": "acme", "name": word });
    world.post("/api/v1/projects", &world.acme.org_owner, body).await.expect(201);
}

fn items(answer: &Answer) -> Vec<Value> {
    answer.json()["items"].as_array().unwrap().clone()
}

#[tokio::test]
async fn what_happened_to_a_resource_is_told_with_before_and_after() {
    let world = World::new().await;
    let owner = &world.acme.org_owner;
    create_project(&world, "shop").await;
    world.ask("PATCH", "/api/v1/projects/shop", owner, Some(json!({ "name": "Store" }))).await.expect(200);
    let history = items(&world.get("/api/v1/projects/shop/history", owner).await.expect(200));
    assert_eq!(history.len(), 2);
    assert_eq!((&history[0]["what"], &history[1]["what"]), (&json!("changed"), &json!("created")));
    let change = json!([{ "field": "name", "before": "shop", "after": "Store" }]);
    assert_eq!(history[0]["changes"], change);
    world.ask("DELETE", "/api/v1/projects/shop", owner, None).await.expect(204);
    let after = items(&world.get("/api/v1/projects/shop/history", owner).await.expect(200));
    assert_eq!(after[0]["what"], json!("deleted"), "what is gone has a history still");
    world.get("/api/v1/projects/shop/history", &world.globex.org_owner).await.refused(404, "not_found");
    world
        .get("/api/v1/projects/acme-portal/history", &world.acme.project_owner)
        .await
        .refused(403, "not_permitted");
}

#[tokio::test]
async fn events_are_found_by_who_what_and_when_page_by_page() {
    let world = World::new().await;
    let owner = &world.acme.org_owner;
    for word in ["one", "two", "three"] {
        create_project(&world, word).await;
    }
    let me = world.get("/api/v1/users/me", owner).await.expect(200).json()["id"].as_str().unwrap().to_owned();
    let path = format!("/api/v1/events?actor={me}&kind=project&what=created&order=oldest&limit=2");
    let first = world.get(&path, owner).await.expect(200);
    let cursor = first.json()["next"].as_str().unwrap().to_owned();
    let second = world.get(&format!("{path}&cursor={cursor}"), owner).await.expect(200);
    let ids: Vec<Value> =
        [items(&first), items(&second)].concat().iter().map(|event| event["target"]["id"].clone()).collect();
    assert_eq!(ids, [json!("one"), json!("two"), json!("three")]);
    let other = path.replace("order=oldest", "order=newest");
    world.get(&format!("{other}&cursor={cursor}"), owner).await.refused(400, "invalid_cursor");
    for (query, code) in [
        ("what=exploded", "invalid_query"),
        ("kind=thing", "invalid_query"),
        ("since=yesterday", "invalid_query"),
        ("order=random", "invalid_query"),
        ("after=1", "invalid_query"),
        ("actor=a%20b", "invalid_query"),
        ("colour=red", "invalid_query"),
    ] {
        world.get(&format!("/api/v1/events?{query}"), owner).await.refused(400, code);
    }
    let nothing = world.get("/api/v1/events", &world.acme.nobody).await.expect(200);
    assert!(items(&nothing).is_empty());
    let foreign = world.get("/api/v1/events?target=one", &world.globex.org_owner).await.expect(200);
    assert!(items(&foreign).is_empty());
}

#[tokio::test]
async fn an_export_proves_itself_and_is_for_who_sees_everything() {
    let world = World::new().await;
    let export = world.get("/api/v1/events/export", &world.acme.iam_owner).await.expect(200);
    assert_eq!(export.header("content-type"), "application/x-ndjson");
    let manifest = verify::file(export.body.lines()).unwrap();
    assert!(manifest.count > 10);
    let line = export.body.lines().position(|line| line.contains("\"what\":\"created\"")).unwrap() as u64 + 1;
    let altered = export.body.replacen("\"what\":\"created\"", "\"what\":\"deleted\"", 1);
    assert_eq!(verify::file(altered.lines()).unwrap_err().line, line);
    world.get("/api/v1/events/export", &world.acme.org_owner).await.refused(403, "not_permitted");
}

#[tokio::test]
async fn an_instance_has_one_export_at_once() {
    let world = World::new().await;
    // More than is read ahead: it waits for its reader.
    for number in 0..100 {
        create_project(&world, &format!("p{number}")).await;
    }
    let other = world.appoint(&world.acme, Within::Instance, AdministratorRole::IamOwner).await;
    let request = Request::get("/api/v1/events/export")
        .header(header::HOST, HOST)
        .header(header::AUTHORIZATION, format!("Bearer {}", world.acme.iam_owner));
    let request = request.body(Body::empty()).unwrap();
    let mut open = world.router.clone().oneshot(request).await.unwrap().into_body();
    for token in [&world.acme.iam_owner, &other] {
        world.get("/api/v1/events/export", token).await.refused(503, "unavailable");
    }
    let elsewhere = [("host", OTHER_HOST)];
    world
        .ask_with("GET", "/api/v1/events/export", &world.umbra.iam_owner, &elsewhere, None)
        .await
        .expect(200);
    // What happens meanwhile is not in it.
    create_project(&world, "late").await;
    let mut text = String::new();
    while let Some(frame) = tokio::time::timeout(HANG, open.frame()).await.expect("the export hangs") {
        text += std::str::from_utf8(&frame.unwrap().into_data().unwrap_or_default()).unwrap();
    }
    assert!(verify::file(text.lines()).unwrap().count > 100 && !text.contains("project late"));
}

/// A stream of the trail, as far as it is read.
struct Stream {
    body: Body,
    text: String,
}

impl Stream {
    async fn open(world: &World, token: &str, last: Option<&str>) -> Stream {
        Stream::of(world, token, "kind=project", last).await
    }

    async fn of(world: &World, token: &str, query: &str, last: Option<&str>) -> Stream {
        let mut request = Request::get(format!("/api/v1/events/stream?{query}"))
            .header(header::HOST, HOST)
            .header(header::AUTHORIZATION, format!("Bearer {token}"));
        if let Some(id) = last {
            request = request.header("last-event-id", id);
        }
        let response = world.router.clone().oneshot(request.body(Body::empty()).unwrap()).await.unwrap();
        assert_eq!(response.status(), 200);
        assert_eq!(response.headers()[header::CONTENT_TYPE], "text/event-stream");
        Stream { body: response.into_body(), text: String::new() }
    }

    /// Reads on until the text has this in it; `None` at the end of the stream.
    async fn until(&mut self, wanted: &str) -> Option<()> {
        while !self.text.contains(wanted) {
            let frame = tokio::time::timeout(HANG, self.body.frame()).await.expect("the stream hangs")?;
            let bytes: Bytes = frame.unwrap().into_data().unwrap_or_default();
            self.text += std::str::from_utf8(&bytes).unwrap();
        }
        Some(())
    }
}

#[tokio::test]
async fn the_trail_is_followed_and_taken_up_again_where_it_was_left() {
    let world = World::new().await;
    let owner = &world.acme.org_owner;
    create_project(&world, "before").await;
    let mut stream = Stream::open(&world, owner, None).await;
    stream.until("following").await.unwrap();
    create_project(&world, "first").await;
    stream.until("project first").await.unwrap();
    assert!(!stream.text.contains("project before"), "a stream begins with what is new");
    let id = stream.text.lines().find_map(|line| line.strip_prefix("id: ")).unwrap().to_owned();
    drop(stream);
    create_project(&world, "missed").await;
    let mut again = Stream::open(&world, owner, Some(&id)).await;
    again.until("project missed").await.unwrap();
    assert!(!again.text.contains("project first"), "what was read is not told again");
}

#[tokio::test]
async fn a_stream_that_finds_nothing_for_long_says_how_far_it_has_looked() {
    let world = World::new().await;
    let owner = &world.acme.org_owner;
    for number in 0..600 {
        create_project(&world, &format!("p{number}")).await;
    }
    let path = "/api/v1/events?order=oldest&limit=500";
    let events = items(&world.get(path, owner).await.expect(200));
    let looked = events[499]["id"].as_str().unwrap();
    let mut stream = Stream::of(&world, owner, "what=erased", Some("0.0.0")).await;
    stream.until(&format!("id: {looked}\n")).await.unwrap();
    assert!(!stream.text.contains("data:"), "{}", stream.text);
    // Whoever comes again from there is told what comes after.
    let mut again = Stream::of(&world, owner, "target=p599", Some(looked)).await;
    again.until("project p599").await.unwrap();
}

#[tokio::test]
async fn nobody_takes_all_seats_before_a_stream() {
    let world = World::new().await;
    let iam = &world.acme.iam_owner;
    let mut tokens = Vec::new();
    for word in ["greedy", "modest"] {
        let kind = json!({ "service": { "name": word } });
        let user = json!({ "id": word, "organization": "acme", "username": word, "kind": kind });
        world.post("/api/v1/users", iam, user).await.expect(201);
        let place = json!({ "organization": "acme" });
        let entry = json!({ "user": word, "within": place, "roles": ["ORG_OWNER_VIEWER"] });
        world.post("/api/v1/administrators", iam, entry).await.expect(201);
        let made = world.post(&format!("/api/v1/users/{word}/tokens"), iam, json!({})).await.expect(201);
        tokens.push(made.json()["token"].as_str().unwrap().to_owned());
    }
    let mut open = Vec::new();
    for _ in 0..10 {
        open.push(Stream::open(&world, &tokens[0], None).await);
    }
    world.get("/api/v1/events/stream", &tokens[0]).await.refused(503, "unavailable");
    open.push(Stream::open(&world, &tokens[1], None).await);
    open.remove(0);
    open.push(Stream::open(&world, &tokens[0], None).await);
    world.get("/api/v1/events/stream", &world.acme.nobody).await.refused(403, "not_permitted");
}

#[tokio::test]
async fn a_stream_ends_with_the_credential_that_opened_it() {
    let world = World::new().await;
    let (owner, me) = (&world.acme.org_owner, world.get("/api/v1/users/me", &world.acme.org_owner).await);
    let me = me.json()["id"].as_str().unwrap().to_owned();
    let mut stream = Stream::open(&world, owner, None).await;
    stream.until("following").await.unwrap();
    world.post(&format!("/api/v1/users/{me}/deactivate"), &world.acme.iam_owner, json!({})).await.expect(200);
    assert_eq!(stream.until("never told").await, None);
}

#[tokio::test]
async fn a_stream_ends_with_the_access_token_that_opened_it() {
    let world = World::new().await;
    let token = access_token(&world).await;
    // A personal token has no end. Its stream began before, and so it is not the minute that ends the other one.
    let mut lasting = Stream::open(&world, &world.acme.org_owner, None).await;
    let mut stream = Stream::open(&world, &token, None).await;
    stream.until("following").await.unwrap();
    world.solo.advance_secs(3600);
    assert_eq!(stream.until("never told").await, None);
    create_project(&world, "later").await;
    lasting.until("project later").await.unwrap();
}

/// An access token of a service account that owns acme.
async fn access_token(world: &World) -> String {
    let iam = &world.acme.iam_owner;
    let kind = json!({ "service": { "name": "Robot" } });
    let robot = json!({ "id": "robot", "organization": "acme", "username": "robot", "kind": kind });
    world.post("/api/v1/users", iam, robot).await.expect(201);
    let place = json!({ "organization": "acme" });
    let entry = json!({ "user": "robot", "within": place, "roles": ["ORG_OWNER"] });
    world.post("/api/v1/administrators", iam, entry).await.expect(201);
    let made = world.ask("POST", "/api/v1/users/robot/secret", iam, None).await.expect(200).json();
    let secret = made["client_secret"].as_str().unwrap();
    let form = format!(
        "grant_type=client_credentials&client_id=robot&client_secret={secret}&scope=openid+{}",
        identity::permission::MANAGEMENT_SCOPE
    );
    let request = Request::post("/oauth/v2/token")
        .header(header::HOST, HOST)
        .header(header::CONTENT_TYPE, "application/x-www-form-urlencoded");
    let router = api_oidc::router(world.service.clone());
    let response = router.oneshot(request.body(Body::from(form)).unwrap()).await.unwrap();
    let body = response.into_body().collect().await.unwrap().to_bytes();
    let told: Value = serde_json::from_slice(&body).unwrap();
    told["access_token"].as_str().unwrap_or_else(|| panic!("{told}")).to_owned()
}

#[tokio::test]
async fn a_setting_is_inherited_until_an_organization_decides_otherwise() {
    let world = World::new().await;
    let (iam, owner) = (&world.acme.iam_owner, &world.acme.org_owner);
    let of_acme = "/api/v1/organizations/acme/settings/password-complexity";
    let of_instance = "/api/v1/settings/password-complexity";
    let shown = world.get(of_acme, owner).await.expect(200).json();
    assert_eq!((&shown["from"], &shown["min_length"]), (&json!("default"), &json!(8)));
    let with = |length: u64| {
        let mut value = shown.clone();
        value["min_length"] = length.into();
        value
    };
    world.ask("PUT", of_instance, iam, Some(with(12))).await.expect(200);
    let inherited = world.get(of_acme, owner).await.expect(200).json();
    assert_eq!((&inherited["from"], &inherited["min_length"]), (&json!("instance"), &json!(12)));
    let own = world.ask("PUT", of_acme, owner, Some(with(20))).await.expect(200).json();
    assert_eq!((&own["from"], &own["min_length"]), (&json!("organization"), &json!(20)));
    world.ask("DELETE", of_acme, owner, None).await.expect(204);
    assert_eq!(world.get(of_acme, owner).await.expect(200).json(), inherited);
    world.ask("PUT", of_instance, owner, Some(with(9))).await.refused(403, "not_permitted");
    world.ask("PUT", of_acme, &world.globex.org_owner, Some(with(9))).await.refused(404, "not_found");
    let short = json!({ "min_length": 12 });
    world.ask("PUT", of_acme, owner, Some(short)).await.refused(400, "invalid_body");
    world.get("/api/v1/organizations/acme/settings/lifetimes", owner).await.expect(404);
    world.get("/api/v1/settings/colours", iam).await.expect(404);
}

#[tokio::test]
async fn of_two_who_change_a_setting_neither_undoes_what_the_other_did() {
    let world = World::new().await;
    let owner = &world.acme.iam_owner;
    let path = "/api/v1/organizations/acme/settings/login";
    let read = world.get(path, owner).await.expect(200);
    let tag = read.header("etag");
    assert_eq!(tag, format!("\"{}\"", read.json()["revision"]));
    let with = |name: &str, value: Value| {
        let mut values = read.json();
        values[name] = value;
        Some(values)
    };
    let seen = [("if-match", tag.as_str())];
    let send = async |body| world.ask_with("PUT", path, owner, &seen, body).await;
    send(with("password_check_secs", json!(3600))).await.expect(200);
    send(with("password_allowed", json!(true))).await.refused(412, "revision_changed");
    let now = world.get(path, owner).await.expect(200);
    assert_eq!(now.json()["password_check_secs"], 3600);
    let tag = now.header("etag");
    let seen = [("if-match", tag.as_str())];
    world.ask_with("PUT", path, owner, &seen, Some(now.json())).await.expect(200);
    let stale = [("if-match", "\"1\"")];
    world.ask_with("DELETE", path, owner, &stale, None).await.refused(412, "revision_changed");
    world.ask_with("DELETE", path, owner, &seen, None).await.expect(204);
}

#[tokio::test]
async fn a_setting_tells_who_set_it_and_what_it_was() {
    let world = World::new().await;
    let (iam, owner) = (&world.acme.iam_owner, &world.acme.org_owner);
    let (of_acme, of_instance) =
        ("/api/v1/organizations/acme/settings/password-complexity", "/api/v1/settings/password-complexity");
    let shown = world.get(of_acme, owner).await.expect(200).json();
    for (path, caller, length) in [(of_instance, iam, 12), (of_acme, owner, 20), (of_acme, owner, 21)] {
        let mut value = shown.clone();
        value["min_length"] = length.into();
        world.ask("PUT", path, caller, Some(value)).await.expect(200);
    }
    let told = async |path: &str, token: &str| {
        let events = world.get(&format!("{path}/history"), token).await.expect(200).json();
        let after = |event: &Value| event["changes"][0]["after"].clone();
        events["items"].as_array().unwrap().iter().map(after).collect::<Vec<_>>()
    };
    assert_eq!(told(of_acme, owner).await, [json!(21), json!(20)], "not what the instance has set");
    assert_eq!(told(of_instance, iam).await, [json!(12)]);
    let history = |path: &str| format!("{path}/history");
    world.get(&history(of_instance), owner).await.refused(403, "not_permitted");
    world.get(&history(of_acme), &world.globex.org_owner).await.refused(404, "not_found");
    let viewer = Within::Organization(world.acme.organization.clone());
    let manager = world.appoint(&world.acme, viewer, AdministratorRole::OrgSettingsManager).await;
    world.get(of_acme, &manager).await.expect(200);
    world.get(&history(of_acme), &manager).await.refused(403, "not_permitted");
}

#[tokio::test]
async fn a_password_says_all_that_it_lacks() {
    let world = World::new().await;
    let owner = &world.acme.org_owner;
    let human = json!({ "human": { "given_name": "A", "family_name": "B" } });
    let body = json!({ "id": "alice", "organization": "acme", "username": "alice", "kind": human });
    world.post("/api/v1/users", owner, body).await.expect(201);
    let mut strict = world.get("/api/v1/organizations/acme/settings/password-complexity", owner).await.json();
    for name in ["uppercase", "number"] {
        strict[name] = true.into();
    }
    let path = "/api/v1/organizations/acme/settings/password-complexity";
    world.ask("PUT", path, owner, Some(strict)).await.expect(200);
    let weak = world.post("/api/v1/users/alice/password", owner, json!({ "password": "short" })).await;
    let problem = weak.refused(400, "invalid_body").json();
    assert_eq!(problem["errors"].as_array().unwrap().len(), 3, "{problem}");
    assert!(!problem.to_string().contains("short\""), "the password is not repeated");
    let strong = json!({ "password": "Long and 1 digit" });
    world.post("/api/v1/users/alice/password", owner, strong).await.expect(204);
}
