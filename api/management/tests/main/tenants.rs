//! Ids of others, wherever a request can carry one.

use crate::stage::Stage;
use crate::world::*;
use identity::permission::{AdministratorRole, Within};
use serde_json::{Value, json};

#[tokio::test]
async fn case_58_an_id_of_another_organization_is_not_there_in_path_body_filter_or_header() {
    let world = World::new().await;
    let owner = &world.globex.org_owner;
    let absent = world.get("/api/v1/projects/nowhere", owner).await.refused(404, "not_found").body;
    // in the path
    let acme = [
        "organizations/acme",
        "projects/acme-portal",
        "projects/acme-portal/roles",
        "projects/acme-portal/roles/admin",
    ];
    for path in acme {
        assert_eq!(world.get(&format!("/api/v1/{path}"), owner).await.expect(404).body, absent, "{path}");
    }
    let user = format!("/api/v1/users/{}", world.acme.nobody_id);
    for (method, tail) in [
        ("GET", ""),
        ("DELETE", ""),
        ("GET", "/tokens"),
        ("GET", "/sessions"),
        ("POST", "/secret"),
        ("POST", "/unlock"),
        ("POST", "/lock"),
        ("GET", "/lock"),
    ] {
        assert_eq!(
            world.ask(method, &format!("{user}{tail}"), owner, None).await.expect(404).body,
            absent,
            "{tail}"
        );
    }
    // in the body: as a parent, as a place, as a grant
    let project = |organization: &str| json!({ "organization": organization, "name": "x" });
    let entry = |within: Value| json!({ "user": world.globex.nobody_id, "within": within, "roles": ["PROJECT_OWNER"] });
    for (path, field, of_acme, of_nobody) in [
        ("projects", "organization", project("acme"), project("nowhere")),
        (
            "administrators",
            "within",
            entry(json!({ "project": "acme-portal" })),
            entry(json!({ "project": "nowhere" })),
        ),
        (
            "administrators",
            "within",
            entry(json!({ "organization": "acme" })),
            entry(json!({ "organization": "nowhere" })),
        ),
    ] {
        let told = async |body: Value| {
            let answer = world.post(&format!("/api/v1/{path}"), owner, body).await.refused(404, "not_found");
            assert_eq!(answer.json()["errors"][0]["field"], field);
            answer.body
        };
        assert_eq!(told(of_acme.clone()).await, told(of_nobody).await, "{of_acme}");
    }
    // in a filter: nothing is found, as for an id that nobody has
    for filter in [
        "organization eq \"acme\"",
        "organization eq \"nowhere\"",
        "id eq \"acme-portal\"",
        "not (organization eq \"globex\")",
    ] {
        let path = format!("/api/v1/projects?filter={}", escaped(filter));
        assert_eq!(world.get(&path, owner).await.expect(200).json(), json!({ "items": [] }), "{filter}");
    }
    // in a header: no header chooses a tenant
    let headers = [
        ("x-zitadel-orgid", "acme"),
        ("x-forwarded-host", OTHER_HOST),
        ("forwarded", "host=auth.umbra.example"),
    ];
    let got = world.ask_with("GET", "/api/v1/projects", owner, &headers, None).await.expect(200);
    assert_eq!(got.json()["items"][0]["organization"], "globex");
}

#[tokio::test]
async fn case_58_a_place_that_is_hidden_can_not_be_found_out_by_moving_something_there() {
    let world = World::new().await;
    let owner = &world.globex.org_owner;
    let entry = json!({ "id": "entry", "user": world.globex.nobody_id, "within": { "organization": "globex" }, "roles": ["ORG_OWNER_VIEWER"] });
    world.post("/api/v1/administrators", owner, entry).await.expect(201);
    let mut told = Vec::new();
    for project in ["acme-portal", "nowhere"] {
        let patch =
            json!({ "within": { "organization": null, "project": project }, "roles": ["PROJECT_OWNER"] });
        let put = json!({ "user": world.globex.nobody_id, "within": { "project": project }, "roles": ["PROJECT_OWNER"] });
        for (method, body) in [("PATCH", patch), ("PUT", put)] {
            told.push(
                world
                    .ask(method, "/api/v1/administrators/entry", owner, Some(body))
                    .await
                    .refused(404, "not_found")
                    .body,
            );
        }
    }
    told.dedup();
    assert_eq!(told.len(), 1, "{told:?}");
}

#[tokio::test]
async fn case_58_the_owner_of_another_instance_is_nobody_here_and_finds_nothing_of_ours_there() {
    let mut stage = Stage::new().await;
    let foreign = stage.world.umbra.iam_owner.clone();
    let elsewhere = [("host", stage.world.umbra.host)];
    let before = stage.world.solo.tables();
    for asked in stage.asked() {
        let (method, path) = (asked.method.as_str(), &asked.path);
        let here = stage.world.ask(method, path, &foreign, asked.body.clone()).await;
        assert_eq!(here.status, 401, "{method} {path}");
        if path.contains("acme") || path.contains("globex") {
            let there = stage.world.ask_with(method, path, &foreign, &elsewhere, asked.body.clone()).await;
            assert_eq!(there.status, 404, "{method} {path}: {}", there.body);
        }
        let ours = stage
            .world
            .ask_with(method, path, &stage.world.acme.iam_owner.clone(), &elsewhere, asked.body)
            .await;
        assert_eq!(ours.status, 401, "{method} {path}");
    }
    assert_eq!(*stage.world.solo.tables(), *before);
    for host in ["", "unknown.example", "auth.example.", "auth.example@umbra"] {
        let answer = stage.world.ask_with("GET", "/api/v1/users/me", &foreign, &[("host", host)], None).await;
        answer.refused(404, "no_instance");
    }
}

#[tokio::test]
async fn an_organization_that_received_a_grant_sees_the_grant_and_not_the_project() {
    let world = World::new().await;
    let grant =
        json!({ "id": "grant", "project": "acme-portal", "organization": "globex", "roles": ["viewer"] });
    world.post("/api/v1/project-grants", &world.acme.org_owner, grant).await.expect(201);
    let owner = &world.globex.org_owner;
    assert_eq!(
        world.get("/api/v1/project-grants/grant", owner).await.expect(200).json()["roles"],
        json!(["viewer"])
    );
    world.get("/api/v1/projects/acme-portal", owner).await.refused(404, "not_found");
    let patch = json!({ "roles": ["viewer", "admin"] });
    world
        .ask("PATCH", "/api/v1/project-grants/grant", owner, Some(patch))
        .await
        .refused(403, "not_permitted");
    world.ask("DELETE", "/api/v1/project-grants/grant", owner, None).await.refused(403, "not_permitted");
    // He gives what was granted, to his own, and nothing else to nobody else.
    let give = |user: &identity::id::Id, role: &str| json!({ "project": "acme-portal", "user": user, "grant": "grant", "roles": [role] });
    let path = "/api/v1/authorizations";
    world.post(path, owner, give(&world.globex.nobody_id, "admin")).await.refused(400, "no_such_role");
    world.post(path, owner, give(&world.acme.nobody_id, "viewer")).await.refused(400, "no_such_user");
    world.post(path, owner, give(&world.globex.nobody_id, "viewer")).await.expect(201);
    // Taken out of the grant, a role is told as one that gives nothing.
    let given = &world.get(path, owner).await.expect(200).json()["items"][0];
    assert_eq!((&given["roles"], &given["lapsed"]), (&json!(["viewer"]), &json!([])));
    let narrower = Some(json!({ "roles": [] }));
    world.ask("PATCH", "/api/v1/project-grants/grant", &world.acme.org_owner, narrower).await.expect(200);
    let given = &world.get(path, owner).await.expect(200).json()["items"][0];
    assert_eq!((&given["roles"], &given["lapsed"]), (&json!(["viewer"]), &json!(["viewer"])));
    // A third one does not learn that there is such a grant.
    let third = json!({ "id": "third", "name": "Third", "domain": "third.example" });
    world.post("/api/v1/organizations", &world.acme.iam_owner, third).await.expect(201);
    let stranger = Tenant { organization: id("third"), ..world.acme.clone() };
    let stranger =
        world.appoint(&stranger, Within::Organization(id("third")), AdministratorRole::OrgOwner).await;
    let user = world.get("/api/v1/users/me", &stranger).await.expect(200).json()["id"].clone();
    for grant in ["grant", "nowhere"] {
        let body = json!({ "project": "acme-portal", "user": user, "grant": grant, "roles": ["viewer"] });
        world.post(path, &stranger, body).await.refused(404, "not_found");
    }
}
