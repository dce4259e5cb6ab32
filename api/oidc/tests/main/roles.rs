//! Roles in tokens, exactly in the shape that integrations know (reference-model.md §2.3), and whom a token is meant for.

use crate::tools::*;
use crate::world::*;
use identity::authorization::Authorization;
use identity::envelope::Caller;
use identity::id::Id;
use identity::name::Name;
use identity::project::Project;
use identity::project::role::{Role, RoleKey};
use identity::record::State;
use identity::testing::fixtures::several;
use serde_json::{Map, Value, json};

const GENERAL: &str = "urn:zitadel:iam:org:project:roles";
const ALL_ROLES: &str = "urn:zitadel:iam:org:projects:roles";

fn of_project(project: &Id) -> String {
    format!("urn:zitadel:iam:org:project:{project}:roles")
}

/// The claims that speak of roles.
fn roles_in(claims: &Value) -> Map<String, Value> {
    let named = |name: &str| name.starts_with("urn:zitadel:iam:org:project");
    claims
        .as_object()
        .unwrap()
        .iter()
        .filter(|(name, _)| named(name))
        .map(|(n, v)| (n.clone(), v.clone()))
        .collect()
}

async fn with_role(world: &World, project: &Id, keys: &[&str], user: &Id) -> Id {
    let (service, system) = (&world.service, Caller::system());
    for key in keys {
        let key = RoleKey::parse(key).unwrap();
        let role = Role { key, display_name: Name::parse("Role").unwrap(), group: None };
        service.create(world.instance, &system, project, role).await.unwrap();
    }
    let roles = several(keys.iter().map(|key| RoleKey::parse(key).unwrap()).collect::<Vec<_>>());
    service
        .create(world.instance, &system, project, Authorization { user: user.clone(), roles, grant: None })
        .await
        .unwrap()
}

async fn other_project(world: &World) -> Id {
    let spec = Project {
        name: Name::parse("Other").unwrap(),
        role_assertion: false,
        role_check: false,
        has_project_check: false,
    };
    world.service.create(world.instance, &Caller::system(), &world.organization, spec).await.unwrap()
}

/// What stands in access token, ID token and userinfo.
async fn seen(world: &World, scope: &str) -> [Map<String, Value>; 3] {
    let tokens = world.tokens(&[("scope", scope)]).await;
    let userinfo = world.userinfo(tokens.access()).await.json();
    [roles_in(&claims(tokens.access())), roles_in(&claims(tokens.id())), roles_in(&userinfo)]
}

#[tokio::test]
async fn role_claims_have_exactly_the_shape_that_integrations_know() {
    let world = World::new().await;
    let role = json!({ "admin": { world.organization.as_str(): "acme.example" } });
    let mut expected = Map::new();
    expected.insert(GENERAL.into(), role.clone());
    expected.insert(of_project(&world.project), role);
    let none = Map::new();
    assert_eq!(seen(&world, "openid").await, [none.clone(), none.clone(), none.clone()]);
    // by the application's settings
    world.change_web(|web| web.access_token_roles = true).await;
    assert_eq!(seen(&world, "openid").await, [expected.clone(), none.clone(), none.clone()]);
    world.change_web(|web| (web.access_token_roles, web.id_token_roles) = (false, true)).await;
    assert_eq!(seen(&world, "openid").await, [none.clone(), expected.clone(), none.clone()]);
    world.change_web(|web| web.id_token_roles = false).await;
    // by the project's
    world.change_project(|project| project.role_assertion = true).await;
    assert_eq!(seen(&world, "openid").await, [expected.clone(), expected.clone(), expected.clone()]);
    world.change_project(|project| project.role_assertion = false).await;
    // by scope
    for scope in ["openid urn:zitadel:iam:org:project:role:admin", &format!("openid {ALL_ROLES}")] {
        assert_eq!(
            seen(&world, scope).await,
            [expected.clone(), expected.clone(), expected.clone()],
            "{scope}"
        );
    }
    for scope in
        ["openid urn:zitadel:iam:org:project:role:viewer", "openid urn:zitadel:iam:org:project:role:"]
    {
        assert_eq!(seen(&world, scope).await, [none.clone(), none.clone(), none.clone()], "{scope}");
    }
}

#[tokio::test]
async fn roles_of_other_projects_come_with_their_audience_and_under_their_own_name_only() {
    let world = World::new().await;
    let other = other_project(&world).await;
    with_role(&world, &other, &["viewer", "editor"], &world.alice).await;
    let audience = format!("urn:zitadel:iam:org:project:id:{other}:aud");
    let tokens = world.tokens(&[("scope", &format!("openid {audience} {ALL_ROLES}"))]).await;
    let access = claims(tokens.access());
    assert_eq!(access["aud"], json!([world.web, world.project, other]));
    let held = roles_in(&access);
    let organization = json!({ world.organization.as_str(): "acme.example" });
    assert_eq!(held.len(), 3, "{held:?}");
    assert_eq!(held[GENERAL], json!({ "admin": organization }));
    assert_eq!(held[&of_project(&world.project)], json!({ "admin": organization }));
    assert_eq!(held[&of_project(&other)], json!({ "editor": organization, "viewer": organization }));
    // Without the audience there is nothing of the other project, whatever role is asked for.
    let [access, ..] =
        seen(&world, &format!("openid {ALL_ROLES} urn:zitadel:iam:org:project:role:viewer")).await;
    assert_eq!(access.keys().collect::<Vec<_>>(), [&of_project(&world.project), GENERAL]);
}

#[tokio::test]
async fn roles_that_were_taken_away_stand_in_no_new_token() {
    let world = World::new().await;
    world.change_project(|project| project.role_assertion = true).await;
    let tokens = world.tokens(&[]).await;
    assert!(!roles_in(&claims(tokens.access())).is_empty());
    let view = world.view().await;
    let name = format!("{} {}", world.project, world.alice);
    let names = identity::reader::Names::Authorization;
    let id = view.reader(world.instance).named(names, &name).unwrap().unwrap();
    drop(view);
    world.switch::<Authorization>(&id, State::Inactive).await;
    let next = Tokens(world.refresh(tokens.refresh()).await.json());
    assert!(roles_in(&claims(next.access())).is_empty());
    assert!(roles_in(&claims(next.id())).is_empty());
    // Userinfo and introspection answer by today's roles, whatever the token says.
    assert!(roles_in(&world.userinfo(tokens.access()).await.json()).is_empty());
}

#[tokio::test]
async fn a10_a_role_that_was_taken_away_ends_what_it_had_opened() {
    let world = World::new().await;
    world.change_project(|project| project.role_check = true).await;
    let tokens = world.tokens(&[]).await;
    let code = world.code(&[]).await;
    let view = world.view().await;
    let name = format!("{} {}", world.project, world.alice);
    let names = identity::reader::Names::Authorization;
    let id = view.reader(world.instance).named(names, &name).unwrap().unwrap();
    drop(view);
    world.switch::<Authorization>(&id, State::Inactive).await;
    assert!(!world.is_active(tokens.access()).await && !world.is_active(tokens.refresh()).await);
    assert_eq!(world.userinfo(tokens.access()).await.status, 401);
    refused(&world.refresh(tokens.refresh()).await, 400, "invalid_grant", "no role");
    refused(&world.redeem(&code).await, 400, "invalid_grant", "no role");
}

#[tokio::test]
async fn an_audience_that_is_no_project_of_this_instance_is_not_named() {
    let world = World::new().await;
    let scopes = [
        "openid urn:zitadel:iam:org:project:id:unknown:aud",
        "openid urn:zitadel:iam:org:project:id:https://api.example:aud",
        "openid urn:zitadel:iam:org:project:id:zitadel:aud",
    ];
    for scope in scopes {
        let tokens = world.tokens(&[("scope", scope)]).await;
        assert_eq!(claims(tokens.access())["aud"], json!([world.web, world.project]), "{scope}");
        let robot = world.robot_token(scope).await.json();
        assert_eq!(claims(robot["access_token"].as_str().unwrap())["aud"], ISSUER, "{scope}");
    }
}

#[tokio::test]
async fn a_deleted_role_is_held_by_nobody() {
    let world = World::new().await;
    world.change_project(|project| (project.role_assertion, project.role_check) = (true, true)).await;
    let view = world.view().await;
    let names = identity::reader::Names::RoleKey;
    let role =
        view.reader(world.instance).named(names, &format!("{} admin", world.project)).unwrap().unwrap();
    drop(view);
    world.delete::<Role>(&role).await;
    let answer = Browser::new(&world).sign_in(&world.authorize_path(&[]), "alice", PASSWORD).await;
    sent_back(&answer, "access_denied", "no role is left");
}

#[tokio::test]
async fn an_organization_scope_lets_its_members_in_and_nobody_else() {
    let world = World::new().await;
    let own = format!("urn:zitadel:iam:org:id:{}", world.organization);
    for scope in [own.as_str(), "urn:zitadel:iam:org:domain:primary:acme.example"] {
        let tokens = world.tokens(&[("scope", &format!("openid {scope}"))]).await;
        let me = world.userinfo(tokens.access()).await.json();
        let domain = scope.contains("domain").then(|| json!("acme.example"));
        assert_eq!(me.get("urn:zitadel:iam:org:domain:primary"), domain.as_ref(), "{scope}");
    }
    for scope in [
        "urn:zitadel:iam:org:id:globex",
        "urn:zitadel:iam:org:id:",
        "urn:zitadel:iam:org:domain:primary:globex.example",
        "urn:zitadel:iam:org:domain:primary:",
        "urn:zitadel:iam:org:domain:primary:ACME.example",
        &format!("{own} urn:zitadel:iam:org:domain:primary:globex.example"),
    ] {
        let path = world.authorize_path(&[("scope", &format!("openid {scope}"))]);
        let browser = Browser::new(&world);
        sent_back(&browser.sign_in(&path, "alice", PASSWORD).await, "access_denied", scope);
        sent_back(&browser.get(&path).await, "access_denied", scope);
    }
}

#[tokio::test]
async fn an_access_token_is_meant_for_the_projects_that_it_names() {
    let world = World::new().await;
    let robot = world.robot_token("openid").await.json();
    let of = |token: &Value| claims(token["access_token"].as_str().unwrap())["aud"].clone();
    assert_eq!(of(&robot), ISSUER);
    assert!(!world.is_active(robot["access_token"].as_str().unwrap()).await, "meant for us, not for an API");
    let scope = format!("openid urn:zitadel:iam:org:project:id:{}:aud", world.project);
    let robot = world.robot_token(&scope).await.json();
    assert_eq!(of(&robot), json!([world.project]));
    assert!(world.is_active(robot["access_token"].as_str().unwrap()).await);
    assert_eq!(robot["scope"], scope);
}

#[tokio::test]
async fn a_service_account_gets_the_roles_of_the_projects_that_it_asks_about() {
    let world = World::new().await;
    with_role(&world, &world.project, &["writer", "auditor"], &world.robot).await;
    let audience = format!("urn:zitadel:iam:org:project:id:{}:aud", world.project);
    let asked = async |scope: String| {
        let pairs = [("grant_type", "client_credentials"), ("scope", scope.as_str())];
        let auth = basic(world.robot.as_str(), &world.robot_secret);
        let token = world.post("/oauth/v2/token", Some(&auth), &pairs).await.json();
        let token = token["access_token"].as_str().unwrap().to_owned();
        let introspected = roles_in(&world.introspect(&token).await.json());
        assert_eq!(introspected, roles_in(&claims(&token)), "{scope}");
        introspected
    };
    let of = |keys: &[&str]| {
        let given = |key: &&str| ((*key).to_owned(), json!({ world.organization.as_str(): "acme.example" }));
        let roles: Map<String, Value> = keys.iter().map(given).collect();
        Map::from_iter([(of_project(&world.project), Value::Object(roles))])
    };
    assert_eq!(asked(format!("openid {audience} {ALL_ROLES}")).await, of(&["auditor", "writer"]));
    let one = "urn:zitadel:iam:org:project:role:auditor";
    assert_eq!(asked(format!("openid {audience} {one}")).await, of(&["auditor"]));
    assert_eq!(asked(format!("openid {audience}")).await, Map::new(), "who does not ask is told nothing");
}
