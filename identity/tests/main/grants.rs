//! Grants of projects, what is given by them, and what nobody learns by trying.

use crate::nouns::create;
use crate::scenario::{delete, set_state};
use identity::administrator::Administrator;
use identity::authorization::{self, Authorization};
use identity::change::{Create, Update};
use identity::envelope::Caller;
use identity::event::What;
use identity::id::Id;
use identity::name::HostName;
use identity::organization::Organization;
use identity::permission::{AdministratorRole, Within};
use identity::project::grant::ProjectGrant;
use identity::project::role::{Role, RoleKey};
use identity::reader::Names;
use identity::record::State;
use identity::refusal::Refusal;
use identity::resource::Resource;
use identity::testing::fixtures::{World, id, name, several};
use identity::testing::tenant::Tenants;
use identity::user::User;

#[test]
fn a_grant_is_to_another_organization_once_and_stays_with_it() {
    let (mut world, Tenants { acme, globex, .. }) = World::standard();
    let (owner, instance) = (acme.iam_owner.caller(), acme.instance);
    let by = (&owner, instance);
    let grant = |organization: &Id| ProjectGrant { organization: organization.clone(), roles: several([]) };
    create(&mut world, by, "g", &acme.project, grant(&acme.organization)).refused(Refusal::GrantToOwner);
    create(&mut world, by, "g", &acme.project, grant(&id("nobody"))).refused(Refusal::NoSuchOrganization);
    create(&mut world, by, "g", &acme.project, grant(&globex.organization)).told(&[What::Created]);
    create(&mut world, by, "h", &acme.project, grant(&globex.organization)).refused(Refusal::AlreadyGranted);
    let third = Organization { name: name("Third"), domain: HostName::parse("third.example").unwrap() };
    world.create(instance, &id("third"), &Id::from_number(instance.0), third);
    let moved = Update { id: id("g"), revision: None, spec: grant(&id("third")) };
    world.when(&owner, instance, &moved).refused(Refusal::OrganizationFixed);
}

#[test]
fn by_a_grant_its_receivers_own_users_are_given_roles_and_nobody_learns_of_others() {
    let (mut world, Tenants { acme, globex, .. }) = World::standard();
    let instance = acme.instance;
    let viewer = || several([RoleKey::parse("viewer").unwrap()]);
    let organization = globex.organization.clone();
    world.create(instance, &id("g"), &acme.project, ProjectGrant { organization, roles: viewer() });
    let owner = globex.org_owner.caller();
    let by = (&owner, instance);
    let given = |user: &Id, grant: &str| Authorization {
        user: user.clone(),
        roles: several([RoleKey::parse("viewer").unwrap()]),
        grant: Some(id(grant)),
    };
    // One of another organization is told from one who does not exist by nothing.
    for stranger in [&acme.user.id, &id("nobody")] {
        create(&mut world, by, "a", &acme.project, given(stranger, "g")).refused(Refusal::NoSuchUser);
    }
    // Nor is a project that was not granted from one that does not exist.
    for project in [&globex.project, &id("nowhere")] {
        create(&mut world, by, "a", project, given(&globex.user.id, "g")).refused(Refusal::NotFound);
    }
    create(&mut world, by, "a", &acme.project, given(&globex.user.id, "h")).refused(Refusal::NotFound);
    create(&mut world, by, "a", &acme.project, given(&globex.user.id, "g")).told(&[What::Created]);
    let without = Authorization { grant: None, ..given(&globex.user.id, "g") };
    let moved = Update { id: id("a"), revision: None, spec: without };
    world.when(&acme.iam_owner.caller(), instance, &moved).refused(Refusal::GrantFixed);
}

#[test]
fn whether_a_stranger_is_switched_off_is_not_told() {
    let (mut world, Tenants { acme, globex, .. }) = World::standard();
    let instance = acme.instance;
    world.must(&Caller::system(), instance, &set_state::<User>(&acme.user.id, State::Inactive));
    let entry = |within: Within| Administrator {
        user: acme.user.id.clone(),
        within,
        roles: several([AdministratorRole::OrgOwnerViewer.into()]),
    };
    let root = Id::from_number(instance.0);
    let of_globex = entry(Within::Organization(globex.organization.clone()));
    let by = (&globex.org_owner.caller(), instance);
    create(&mut world, by, "e", &root, of_globex).refused(Refusal::NoSuchUser);
    let of_acme = entry(Within::Organization(acme.organization.clone()));
    let by = (&acme.org_owner.caller(), instance);
    create(&mut world, by, "e", &root, of_acme).refused(Refusal::UserNotActive);
}

#[test]
fn a_role_that_was_made_anew_is_told_as_lapsed_until_it_is_given_again() {
    let (mut world, Tenants { acme, globex, .. }) = World::standard();
    let (owner, instance) = (acme.iam_owner.caller(), acme.instance);
    let roles = || several([RoleKey::parse("viewer").unwrap()]);
    let organization = globex.organization.clone();
    let grant = ProjectGrant { organization, roles: several([RoleKey::parse("viewer").unwrap()]) };
    world.create(instance, &id("g"), &acme.project, grant.clone());
    let given = Authorization { user: acme.user.id.clone(), roles: roles(), grant: None };
    let by_grant = Authorization { user: globex.user.id.clone(), roles: roles(), grant: Some(id("g")) };
    world.create(instance, &id("by-grant"), &acme.project, by_grant.clone());
    let lapsed = |world: &World, which: &str| {
        let reader = world.reader(instance);
        let record = reader.find::<Authorization>(&id(which)).unwrap().unwrap();
        Authorization::derived(&reader, &record).unwrap()[0].clone()
    };
    let none = serde_json::json!([]);
    let viewer = serde_json::json!(["viewer"]);
    let own = "acme-alice-grant";
    assert_eq!((lapsed(&world, own), lapsed(&world, "by-grant")), (none.clone(), none.clone()));
    world.advance_secs(1);
    let reader = world.reader(instance);
    let role = reader.named(Names::RoleKey, &format!("{} viewer", acme.project)).unwrap().unwrap();
    let spec = reader.find::<Role>(&role).unwrap().unwrap().spec;
    world.must(&owner, instance, &delete::<Role>(&role));
    assert_eq!((lapsed(&world, own), lapsed(&world, "by-grant")), (viewer.clone(), viewer.clone()));
    world.create(instance, &id("anew"), &acme.project, spec);
    assert_eq!((lapsed(&world, own), lapsed(&world, "by-grant")), (viewer.clone(), viewer.clone()));
    // Written once more, the same values are a change; and a second time they are none.
    let again = Update { id: id(own), revision: None, spec: given };
    world.when(&owner, instance, &again).told(&[What::Changed]);
    world.when(&owner, instance, &again).told(&[]);
    assert_eq!(lapsed(&world, own), none);
    // What is given by a grant waits for the grant, and is given anew.
    let again = Update { id: id("by-grant"), revision: None, spec: by_grant };
    world.when(&owner, instance, &again).told(&[What::Changed]);
    assert_eq!(lapsed(&world, "by-grant"), viewer);
    world.advance_secs(1);
    world.when(&owner, instance, &Update { id: id("g"), revision: None, spec: grant }).told(&[What::Changed]);
    assert_eq!(lapsed(&world, "by-grant"), viewer);
    world.when(&owner, instance, &again).told(&[What::Changed]);
    assert_eq!(lapsed(&world, "by-grant"), none);
}

#[test]
fn a_role_that_comes_back_into_a_grant_is_nobodys_until_it_is_given_again() {
    let (mut world, Tenants { acme, globex, .. }) = World::standard();
    let (owner, instance) = (acme.iam_owner.caller(), acme.instance);
    let keys = |keys: &[&str]| keys.iter().map(|key| RoleKey::parse(key).unwrap()).collect::<Vec<_>>();
    let grant =
        |of: &[&str]| ProjectGrant { organization: globex.organization.clone(), roles: several(keys(of)) };
    world.create(instance, &id("g"), &acme.project, grant(&["admin", "viewer"]));
    let both = Authorization {
        user: globex.user.id.clone(),
        roles: several(keys(&["admin", "viewer"])),
        grant: Some(id("g")),
    };
    let given = Create { id: id("a"), parent: acme.project.clone(), spec: both.clone(), birth: () };
    world.must(&globex.org_owner.caller(), instance, &given);
    let held = |world: &World| {
        let reader = world.reader(instance);
        let (project, user) = (reader.live(&acme.project).unwrap(), reader.live(&globex.user.id).unwrap());
        let roles = authorization::roles(&reader, &project, &user).unwrap();
        roles.into_iter().map(|(_, role)| role.to_string()).collect::<Vec<_>>()
    };
    assert_eq!(held(&world), ["admin", "viewer"]);
    for roles in [&["viewer"][..], &["admin", "viewer"]] {
        world.advance_secs(1);
        world.must(&owner, instance, &Update { id: id("g"), revision: None, spec: grant(roles) });
        assert_eq!(held(&world), ["viewer"], "{roles:?}");
    }
    let again = Update { id: id("a"), revision: None, spec: both };
    world.when(&globex.org_owner.caller(), instance, &again).told(&[What::Changed]);
    assert_eq!(held(&world), ["admin", "viewer"]);
}
