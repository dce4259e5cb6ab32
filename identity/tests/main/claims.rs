//! What tokens say about roles: by setting, by scope, and never of a project that is not asked for.

use identity::application::Application;
use identity::authorization::Authorization;
use identity::change::Update;
use identity::project::Project;
use identity::project::grant::ProjectGrant;
use identity::project::role::{Role, RoleKey};
use identity::record::State;
use identity::refusal::Refusal;
use identity::testing::fixtures::{World, id, name, several};
use identity::testing::tenant::{Tenant, Tenants};
use identity::token::claims::{Asserted, audience, audience_of_service, roles};
use identity::user::User;

const ADMIN: &str = "urn:zitadel:iam:org:project:role:admin";
const VIEWER: &str = "urn:zitadel:iam:org:project:role:viewer";
const ALL: &str = "urn:zitadel:iam:org:projects:roles";
const GLOBEX: &str = "urn:zitadel:iam:org:project:id:globex-portal:aud";

/// The roles of alice as `project:key` in tokens of the web application.
fn found(world: &World, acme: &Tenant, asserted: Asserted, scopes: &[&str]) -> Vec<String> {
    let reader = world.reader(acme.instance);
    let application = reader.live::<Application>(&acme.web.id).unwrap();
    let scopes: Vec<String> = scopes.iter().map(|scope| (*scope).to_owned()).collect();
    let user = reader.live::<User>(&acme.user.id).unwrap();
    let found = roles(&reader, &application, asserted, &user, &scopes).unwrap();
    found.iter().flat_map(|roles| roles.roles.keys().map(|key| format!("{}:{key}", roles.project))).collect()
}

/// Alice of acme is a viewer at home, and an admin of globex's project.
fn start() -> (World, Tenant, Tenant) {
    let (mut world, Tenants { acme, globex, .. }) = World::standard();
    let grant = Authorization {
        user: acme.user.id.clone(),
        roles: several([RoleKey::parse("admin").unwrap()]),
        grant: None,
    };
    world.create(acme.instance, &id("abroad"), &globex.project, grant);
    let grant = ProjectGrant { organization: acme.organization.clone(), roles: several([]) };
    world.create(acme.instance, &id("open"), &globex.project, grant);
    (world, acme, globex)
}

#[test]
fn an_application_gets_no_token_for_a_strangers_project_by_asking() {
    let (mut world, acme, globex) = start();
    let own = "urn:zitadel:iam:org:project:id:conclave:aud";
    let scopes: Vec<String> = [GLOBEX, ALL, own].map(str::to_owned).into();
    let meant = |world: &World| {
        let reader = world.reader(acme.instance);
        let application = reader.live::<Application>(&acme.web.id).unwrap();
        audience(&reader, &application, &scopes).unwrap()
    };
    let of_service = |world: &World| {
        let reader = world.reader(acme.instance);
        audience_of_service(&reader, &reader.live(&acme.service.id).unwrap(), &scopes).unwrap()
    };
    assert_eq!(meant(&world), [acme.project.clone(), globex.project.clone()], "it was granted");
    assert_eq!(of_service(&world), std::slice::from_ref(&globex.project));
    let off = crate::scenario::set_state::<ProjectGrant>(&id("open"), State::Inactive);
    world.must(&globex.org_owner.caller(), acme.instance, &off);
    assert_eq!(meant(&world), std::slice::from_ref(&acme.project));
    assert_eq!(found(&world, &acme, Asserted::No, &[ALL, GLOBEX]), ["acme-portal:viewer"]);
    assert!(of_service(&world).is_empty());
    // Who holds a role there was let in by its owner.
    let role = Authorization {
        user: acme.service.id.clone(),
        roles: several([RoleKey::parse("viewer").unwrap()]),
        grant: None,
    };
    world.create(acme.instance, &id("program"), &globex.project, role);
    assert_eq!(of_service(&world), [globex.project]);
}

#[test]
fn roles_come_by_setting_or_by_scope() {
    let (mut world, acme, _) = start();
    let none: [&str; 0] = [];
    assert_eq!(found(&world, &acme, Asserted::No, &["openid"]), none);
    assert_eq!(found(&world, &acme, Asserted::Yes, &["openid"]), ["acme-portal:viewer"]);
    assert_eq!(found(&world, &acme, Asserted::No, &[VIEWER]), ["acme-portal:viewer"]);
    assert_eq!(found(&world, &acme, Asserted::No, &[ADMIN]), none, "asked for and not held");
    assert_eq!(found(&world, &acme, Asserted::No, &[GLOBEX]), none, "an audience alone tells no roles");
    assert_eq!(found(&world, &acme, Asserted::No, &[ALL]), ["acme-portal:viewer"]);
    assert_eq!(
        found(&world, &acme, Asserted::No, &[ALL, GLOBEX]),
        ["acme-portal:viewer", "globex-portal:admin"]
    );
    let spec =
        Project { name: name("Portal"), role_assertion: true, role_check: false, has_project_check: false };
    world.must(
        &acme.org_owner.caller(),
        acme.instance,
        &Update { id: acme.project.clone(), revision: None, spec },
    );
    assert_eq!(found(&world, &acme, Asserted::No, &["openid"]), ["acme-portal:viewer"]);
}

#[test]
fn what_does_not_serve_gives_no_roles() {
    let (mut world, acme, globex) = start();
    let owner = acme.iam_owner.caller();
    let off = crate::scenario::set_state::<Project>(&globex.project, State::Inactive);
    world.must(&owner, acme.instance, &off);
    assert_eq!(found(&world, &acme, Asserted::No, &[ALL, GLOBEX]), ["acme-portal:viewer"]);
    let role = crate::scenario::set_state::<Authorization>(&id("acme-alice-grant"), State::Inactive);
    world.must(&owner, acme.instance, &role);
    let none: [&str; 0] = [];
    assert_eq!(found(&world, &acme, Asserted::Yes, &[ALL, GLOBEX]), none);
}

#[test]
fn a_role_keeps_the_key_that_tokens_hold() {
    let (mut world, acme, _) = start();
    let spec = Role { key: RoleKey::parse("reader").unwrap(), display_name: name("Reader"), group: None };
    let update = Update { id: id("acme-viewer"), revision: None, spec };
    world.when(&acme.org_owner.caller(), acme.instance, &update).refused(Refusal::RoleKeyFixed);
    assert_eq!(found(&world, &acme, Asserted::Yes, &[]), ["acme-portal:viewer"]);
}

#[test]
fn an_audience_names_each_project_once() {
    let (world, acme, _) = start();
    let application = world.reader(acme.instance).live::<Application>(&acme.web.id).unwrap();
    let own = "urn:zitadel:iam:org:project:id:acme-portal:aud";
    let scopes: Vec<String> =
        [own, GLOBEX, GLOBEX, "urn:zitadel:iam:org:project:id:a b:aud"].map(str::to_owned).into();
    assert_eq!(
        audience(&world.reader(acme.instance), &application, &scopes).unwrap(),
        [acme.project, id("globex-portal")]
    );
}
