//! Plain resources: what every one of them can be asked, and what is refused.

use crate::world::*;
use crypto::Alg;
use crypto::testing::signing_key;
use serde_json::{Value, json};

#[tokio::test]
async fn a_project_lives_from_its_creation_to_its_end() {
    let world = World::new().await;
    let owner = &world.acme.org_owner;
    let body = json!({ "id": "shop", "organization": "acme", "name": "Shop" });
    let made = world.post("/api/v1/projects", owner, body).await.expect(201);
    assert_eq!(made.header("location"), "/api/v1/projects/shop");
    assert_eq!(made.header("etag"), "\"1\"");
    let json = made.json();
    assert_eq!(
        (&json["state"], &json["revision"], &json["role_check"]),
        (&json!("active"), &json!(1), &json!(false))
    );
    let patch = json!({ "role_check": true });
    let changed = world.ask("PATCH", "/api/v1/projects/shop", owner, Some(patch)).await.expect(200);
    assert_eq!(changed.json()["role_check"], json!(true));
    assert_eq!(changed.json()["name"], json!("Shop"), "a patch leaves the rest");
    let whole = json!({ "name": "Shop 2" });
    let replaced = world.ask("PUT", "/api/v1/projects/shop", owner, Some(whole)).await.expect(200);
    assert_eq!(replaced.json()["role_check"], json!(false), "a replacement does not");
    let off = world.post("/api/v1/projects/shop/deactivate", owner, json!({})).await.expect(200);
    assert_eq!(off.json()["state"], json!("inactive"));
    world.post("/api/v1/projects/shop/activate", owner, json!({})).await.expect(200);
    world.ask("DELETE", "/api/v1/projects/shop", owner, None).await.expect(204);
    world.get("/api/v1/projects/shop", owner).await.refused(404, "not_found");
}

#[tokio::test]
async fn what_was_got_can_be_sent_back() {
    let world = World::new().await;
    let owner = &world.acme.org_owner;
    let got = world.get("/api/v1/projects/acme-portal", owner).await.expect(200).json();
    let sent = world.ask("PUT", "/api/v1/projects/acme-portal", owner, Some(got.clone())).await.expect(200);
    assert_eq!(sent.json(), got);
}

#[tokio::test]
async fn a_role_is_known_by_its_key_in_its_project() {
    let world = World::new().await;
    let owner = &world.acme.project_owner;
    let body = json!({ "key": "editor", "display_name": "Editor" });
    let made = world.post("/api/v1/projects/acme-portal/roles", owner, body).await.expect(201);
    assert_eq!(made.header("location"), "/api/v1/projects/acme%2Dportal/roles/editor");
    let got = world.get("/api/v1/projects/acme-portal/roles/editor", owner).await.expect(200);
    assert_eq!(got.json()["project"], json!("acme-portal"));
    let list = world.get("/api/v1/projects/acme-portal/roles", owner).await.expect(200).json();
    assert_eq!(list["items"].as_array().unwrap().len(), 3);
    world.get("/api/v1/projects/globex-portal/roles", owner).await.refused(404, "not_found");
    world.get("/api/v1/projects/globex-portal/roles/admin", owner).await.refused(404, "not_found");
    world.get("/api/v1/projects/acme-portal/roles/nobody", owner).await.refused(404, "not_found");
}

#[tokio::test]
async fn what_hangs_under_people_and_organizations_is_known_by_its_key() {
    let world = World::new().await;
    let (owner, user) = (&world.acme.org_owner, world.acme.nobody_id.as_str());
    let group = json!({ "id": "staff", "organization": "acme", "name": "Staff" });
    world.post("/api/v1/groups", owner, group).await.expect(201);
    world.post("/api/v1/groups/staff/members", owner, json!({ "user": user })).await.expect(201);
    let value = json!({ "key": "a key", "value": "AP8=" });
    let key = serde_json::to_value(signing_key(Alg::EdDsa).public_jwk()).unwrap();
    for (collection, key, body) in [
        ("groups/staff/members".to_owned(), user, Value::Null),
        (format!("users/{user}/metadata"), "a%20key", value.clone()),
        ("organizations/acme/metadata".to_owned(), "a%20key", value),
        (format!("users/{user}/keys"), "k1", json!({ "id": "k1", "jwk": key })),
    ] {
        let collection = format!("/api/v1/{collection}");
        if body != Value::Null {
            world.post(&collection, owner, body.clone()).await.expect(201);
            world.post(&collection, &world.globex.org_owner, body).await.refused(404, "not_found");
        }
        let got = world.get(&format!("{collection}/{key}"), owner).await.expect(200).json();
        let listed = world.get(&collection, owner).await.expect(200).json();
        assert_eq!(listed["items"], json!([got]));
        world.get(&format!("{collection}/{key}"), &world.globex.org_owner).await.refused(404, "not_found");
        world.ask("DELETE", &format!("{collection}/{key}"), owner, None).await.expect(204);
        world.get(&format!("{collection}/{key}"), owner).await.refused(404, "not_found");
    }
}
