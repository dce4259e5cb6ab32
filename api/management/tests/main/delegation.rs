//! Who governs a part tries to govern more.

use crate::world::*;
use identity::permission::{AdministratorRole as R, Within};
use serde_json::{Value, json};

/// A person or program of acme who governs it in part, with his id.
async fn appointed(world: &World, within: Within, role: R) -> (String, Value) {
    let token = world.appoint(&world.acme, within, role).await;
    let me = world.get("/api/v1/users/me", &token).await.expect(200).json()["id"].clone();
    (token, me)
}

fn acme() -> Within {
    Within::Organization(id("acme"))
}

#[tokio::test]
async fn case_85_nobody_appoints_whom_he_could_not_replace() {
    let world = World::new().await;
    let (owner, me) = appointed(&world, acme(), R::OrgOwner).await;
    let (project_owner, _) = appointed(&world, Within::Project(id("acme-portal")), R::ProjectOwner).await;
    let entry =
        |user: &Value, within: Value, role: &str| json!({ "user": user, "within": within, "roles": [role] });
    let path = "/api/v1/administrators";
    let organization = json!({ "organization": "acme" });
    for (token, within, role, status) in [
        (&owner, json!("instance"), "IAM_OWNER", 403),
        (&owner, json!("instance"), "IAM_OWNER_VIEWER", 403),
        (&owner, json!("instance"), "ORG_OWNER", 403),
        (&owner, organization.clone(), "IAM_OWNER", 400),
        (&owner, organization.clone(), "SYSTEM_OWNER", 400),
        (&owner, organization.clone(), "ORG_ADMIN_IMPERSONATOR", 403),
        (&owner, json!({ "organization": "globex" }), "ORG_OWNER", 404),
        (&project_owner, organization.clone(), "ORG_OWNER", 404),
        (&project_owner, json!({ "project": "acme-portal" }), "ORG_OWNER", 400),
        (&project_owner, json!({ "project": "globex-portal" }), "PROJECT_OWNER", 404),
        (&world.acme.nobody, organization.clone(), "ORG_OWNER", 404),
    ] {
        let answer = world.post(path, token, entry(&me, within.clone(), role)).await;
        assert_eq!(answer.status.as_u16(), status, "{within} {role}: {}", answer.body);
    }
    // Nor by changing an entry that he may change.
    let mine = json!({ "id": "mine", "user": world.acme.nobody_id, "within": organization, "roles": ["ORG_OWNER_VIEWER"] });
    world.post(path, &owner, mine).await.expect(201);
    for patch in [
        json!({ "roles": ["ORG_OWNER_VIEWER", "ORG_ADMIN_IMPERSONATOR"] }),
        json!({ "within": "instance", "roles": ["IAM_OWNER"] }),
    ] {
        world.ask("PATCH", "/api/v1/administrators/mine", &owner, Some(patch)).await.expect(403);
    }
    for (patch, code) in [
        (json!({ "user": me }), "user_fixed"),
        (json!({ "roles": ["IAM_OWNER"] }), "role_not_of_place"),
        (json!({ "roles": [] }), "invalid_body"),
        (json!({ "roles": ["nobody-made-this"] }), "role_not_of_place"),
    ] {
        world.ask("PATCH", "/api/v1/administrators/mine", &owner, Some(patch)).await.refused(400, code);
    }
}

#[tokio::test]
async fn case_85_a_custom_role_gives_nobody_more_than_its_giver_has() {
    let world = World::new().await;
    let iam = &world.acme.iam_owner;
    let role = |id: &str, permissions: &[&str]| json!({ "id": id, "name": id, "permissions": permissions });
    let path = "/api/v1/custom-roles";
    world.post(path, iam, role("strong", &["iam.policy.write", "org.read"])).await.expect(201);
    world.post(path, iam, role("weak", &["org.read"])).await.expect(201);
    // Only who governs the instance makes roles, and not of what he lacks.
    world.post(path, &world.acme.org_owner, role("own", &["org.read"])).await.refused(403, "not_permitted");
    world.post(path, iam, role("system", &["system.write"])).await.refused(403, "exceeds_own");
    world.post(path, iam, role("IAM_OWNER", &["org.read"])).await.refused(400, "id_reserved");
    for permissions in [&["org.*"][..], &["*"], &["org"], &["org.Read"], &[""]] {
        world.post(path, iam, role("odd", permissions)).await.refused(400, "invalid_body");
    }
    for permissions in [&[][..], &["org.read", "org.read"]] {
        world.post(path, iam, role("odd", permissions)).await.refused(400, "invalid_body");
    }
    // An owner of an organization hands out the weak one, and not the strong one.
    let entry = |id: &str, role: &str| json!({ "id": id, "user": world.acme.nobody_id, "within": { "organization": "acme" }, "roles": [role] });
    let owner = &world.acme.org_owner;
    world.post("/api/v1/administrators", owner, entry("e1", "strong")).await.refused(403, "exceeds_own");
    world.post("/api/v1/administrators", owner, entry("e2", "weak")).await.expect(201);
    world.get("/api/v1/organizations/acme", &world.acme.nobody).await.expect(200);
    let patch = json!({ "roles": ["weak", "strong"] });
    world.ask("PATCH", "/api/v1/administrators/e2", owner, Some(patch)).await.refused(403, "exceeds_own");
    // Nor does it grow in his hands.
    let more = Some(json!({ "permissions": ["org.read", "user.write"] }));
    world.ask("PATCH", "/api/v1/custom-roles/weak", owner, more).await.refused(404, "not_found");
    // A role that serves somebody is not taken away under him.
    world.ask("DELETE", "/api/v1/custom-roles/weak", iam, None).await.refused(409, "in_use");
}

#[tokio::test]
async fn case_85_a_delegate_changes_no_owner_and_takes_over_no_stronger_account() {
    let world = World::new().await;
    let (manager, _) = appointed(&world, acme(), R::OrgUserManager).await;
    let (_, owner) = appointed(&world, acme(), R::OrgOwner).await;
    let (_, iam) = appointed(&world, Within::Instance, R::IamOwner).await;
    let (_, peer) = appointed(&world, acme(), R::OrgUserManager).await;
    let token = json!({ "expires": null });
    for stronger in [&owner, &iam] {
        let path = format!("/api/v1/users/{}", stronger.as_str().unwrap());
        for (method, tail, body) in [
            ("POST", "/tokens", Some(token.clone())),
            ("POST", "/secret", None),
            ("POST", "/deactivate", None),
            ("DELETE", "", None),
            ("PATCH", "", Some(json!({ "username": "taken-over" }))),
        ] {
            world.ask(method, &format!("{path}{tail}"), &manager, body).await.refused(403, "exceeds_own");
        }
    }
    // Whom he could replace he may manage.
    let path = format!("/api/v1/users/{}/tokens", peer.as_str().unwrap());
    world.post(&path, &manager, token.clone()).await.expect(201);
    // Entries of administrators are not his at all.
    let entries = world.get("/api/v1/administrators", &world.acme.iam_owner).await.expect(200).json();
    for entry in entries["items"].as_array().unwrap() {
        let path = format!("/api/v1/administrators/{}", escaped(entry["id"].as_str().unwrap()));
        for method in ["GET", "DELETE"] {
            world.ask(method, &path, &manager, None).await.refused(404, "not_found");
        }
    }
}

#[tokio::test]
async fn case_85_the_password_of_a_stronger_person_is_not_set() {
    let world = World::new().await;
    let (manager, _) = appointed(&world, acme(), R::OrgUserManager).await;
    let (viewer, _) = appointed(&world, acme(), R::OrgOwnerViewer).await;
    let profile = json!({ "human": { "given_name": "A", "family_name": "B" } });
    for name in ["boss", "clerk"] {
        let body = json!({ "id": name, "organization": "acme", "username": name, "kind": profile });
        world.post("/api/v1/users", &world.acme.iam_owner, body).await.expect(201);
    }
    let entry = json!({ "user": "boss", "within": { "organization": "acme" }, "roles": ["ORG_OWNER"] });
    world.post("/api/v1/administrators", &world.acme.iam_owner, entry).await.expect(201);
    let password = json!({ "password": "a new password" });
    world.post("/api/v1/users/boss/password", &manager, password.clone()).await.refused(403, "exceeds_own");
    world.post("/api/v1/users/clerk/password", &manager, password.clone()).await.expect(204);
    world.post("/api/v1/users/clerk/password", &viewer, password.clone()).await.refused(403, "not_permitted");
    for wrong in [
        json!({ "password": "" }),
        json!({ "password": "x".repeat(201) }),
        json!({ "password": 5 }),
        json!({}),
    ] {
        world.post("/api/v1/users/clerk/password", &manager, wrong).await.refused(400, "invalid_body");
    }
    // A program has no password, and a person no secret.
    let robot = format!("/api/v1/users/{}/password", world.acme.nobody_id);
    world.post(&robot, &manager, password).await.refused(409, "not_person");
    world.ask("POST", "/api/v1/users/clerk/secret", &manager, None).await.refused(409, "not_service_account");
    world.post("/api/v1/users/clerk/tokens", &manager, json!({})).await.refused(409, "not_service_account");
}

#[tokio::test]
async fn a_person_is_locked_and_unlocked_by_whom_he_does_not_stand_above() {
    let world = World::new().await;
    let (owner, iam) = (&world.acme.org_owner, &world.acme.iam_owner);
    let human = json!({ "human": { "given_name": "A", "family_name": "B" } });
    let body = json!({ "id": "alice", "organization": "acme", "username": "alice", "kind": human });
    world.post("/api/v1/users", owner, body).await.expect(201);
    let shown = async |path: &str| world.get(path, owner).await.expect(200).json();
    let lock = "/api/v1/users/alice/lock";
    assert_eq!(shown(lock).await, json!({ "locked": false, "until": null, "failures": 0 }));
    world.ask("POST", lock, &world.acme.project_owner, None).await.refused(404, "not_found");
    world.ask("POST", lock, owner, None).await.expect(204);
    assert_eq!(shown(lock).await, json!({ "locked": true, "until": null, "failures": 0 }));
    assert_eq!(shown("/api/v1/users/alice").await["locked"], true);
    world.ask("POST", "/api/v1/users/alice/unlock", owner, None).await.expect(204);
    assert_eq!(shown(lock).await["locked"], false);
    assert_eq!(shown("/api/v1/users/alice").await["locked"], false);
    let robot = format!("/api/v1/users/{}/lock", world.acme.nobody_id);
    world.ask("POST", &robot, owner, None).await.refused(409, "not_person");
    // An owner of the instance is not his to lock.
    let entry = json!({ "user": "alice", "within": "instance", "roles": ["IAM_OWNER"] });
    world.post("/api/v1/administrators", iam, entry).await.expect(201);
    world.ask("POST", lock, owner, None).await.refused(403, "exceeds_own");
}

#[tokio::test]
async fn case_85_a_credential_is_deleted_only_by_whose_right_it_is() {
    let world = World::new().await;
    let (viewer, _) = appointed(&world, acme(), R::OrgOwnerViewer).await;
    let (editor, _) = appointed(&world, acme(), R::OrgUserPermissionEditor).await;
    let tokens = format!("/api/v1/users/{}/tokens", world.acme.nobody_id);
    let made = world.post(&tokens, &world.acme.org_owner, json!({})).await.expect(201);
    let path = made.header("location");
    let token = made.json()["token"].as_str().unwrap().to_owned();
    for (caller, status) in [
        (&viewer, 403),
        (&editor, 404),
        (&world.acme.project_owner, 404),
        (&world.globex.org_owner, 404),
        (&world.acme.nobody, 404),
    ] {
        world.ask("DELETE", &path, caller, None).await.expect(status);
        world.ask("POST", &format!("{path}/deactivate"), caller, None).await.expect(status);
        world
            .ask("PATCH", &path, caller, Some(json!({ "expires": "2030-01-01T00:00:00Z" })))
            .await
            .expect(status);
    }
    world.get("/api/v1/users/me", &token).await.expect(200);
    world.ask("DELETE", &path, &world.acme.org_owner, None).await.expect(204);
    world.get("/api/v1/users/me", &token).await.refused(401, "invalid_token");
}

#[tokio::test]
async fn case_85_who_may_only_create_owns_what_he_creates_and_nothing_else() {
    let world = World::new().await;
    let (creator, _) = appointed(&world, acme(), R::OrgProjectCreator).await;
    let project =
        |id: &str, organization: &str| json!({ "id": id, "organization": organization, "name": "x" });
    world.post("/api/v1/projects", &creator, project("own", "acme")).await.expect(201);
    world.ask("PATCH", "/api/v1/projects/own", &creator, Some(json!({ "name": "y" }))).await.expect(200);
    world.get("/api/v1/projects/acme-portal", &creator).await.refused(404, "not_found");
    world.ask("DELETE", "/api/v1/projects/acme-portal", &creator, None).await.refused(404, "not_found");
    world.post("/api/v1/projects", &creator, project("x", "globex")).await.refused(404, "not_found");
    world
        .post("/api/v1/projects", &creator, project("acme-portal", "acme"))
        .await
        .refused(409, "already_exists");
    // The instance's own project is the system's.
    world
        .post("/api/v1/projects", &world.acme.iam_owner, project("conclave", "acme"))
        .await
        .refused(403, "not_permitted");
    // Nobody goes up through an authorization: its roles are the project's.
    let give = json!({ "project": "own", "user": world.acme.nobody_id, "roles": ["IAM_OWNER"] });
    world.post("/api/v1/authorizations", &creator, give).await.refused(400, "no_such_role");
}
