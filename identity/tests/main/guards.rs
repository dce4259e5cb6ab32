//! What must not be had by going round: the instance's own project, other people's entries, and strength by weakening.

use crate::scenario::{delete, set_state};
use identity::administrator::{Administrator, Held};
use identity::application::Application;
use identity::change::{Create, Update};
use identity::credential::secret::SetClientSecret;
use identity::encoding::encode;
use identity::envelope::Caller;
use identity::event::What;
use identity::group::Group;
use identity::group::member::GroupMember;
use identity::id::{Hash, Id, hex};
use identity::permission::{AdministratorRole, Area, CustomRole, Permission, Verb, Within, entries};
use identity::project::{OWN_PROJECT, Project};
use identity::record::State;
use identity::refusal::Refusal;
use identity::testing::fixtures::{World, id, name, several};
use identity::testing::tenant::{self, Tenant, Tenants};

fn own_project() -> Project {
    Project { name: name("Conclave"), role_assertion: false, role_check: false, has_project_check: false }
}

/// The standard world with the instance's own project in acme, and an application of it.
fn with_own_project() -> (World, Tenant) {
    let (mut world, Tenants { acme, .. }) = World::standard();
    let project = id(OWN_PROJECT);
    world.create(acme.instance, &project, &acme.organization, own_project());
    world.create(acme.instance, &id("cli"), &project, tenant::native());
    (world, acme)
}

#[test]
fn a12_applications_that_get_management_tokens_are_for_who_governs_the_instance() {
    let (mut world, acme) = with_own_project();
    let instance = acme.instance;
    let within = Within::Project(id(OWN_PROJECT));
    world.appoint(instance, &acme.user.id, within, AdministratorRole::ProjectOwner);
    let new = Create { id: id("trap"), parent: id(OWN_PROJECT), spec: tenant::web(), birth: () };
    let change =
        Update { id: id("cli"), revision: None, spec: Application { refresh: false, ..tenant::native() } };
    world.create(instance, &id("server"), &id(OWN_PROJECT), tenant::web());
    let secret = SetClientSecret { application: id("server"), hash: Hash::of(b"x") };
    for caller in [acme.org_owner.caller(), acme.user.caller()] {
        world.when(&caller, instance, &new).refused(Refusal::NotPermitted);
        world.when(&caller, instance, &change).refused(Refusal::NotPermitted);
        world.when(&caller, instance, &delete::<Application>(&id("cli"))).refused(Refusal::NotPermitted);
        world.when(&caller, instance, &secret).refused(Refusal::NotPermitted);
    }
    world.must(&acme.iam_owner.caller(), instance, &change);
    world.must(&acme.iam_owner.caller(), instance, &secret);
}

#[test]
fn who_may_only_create_groups_puts_nobody_into_others() {
    let (mut world, Tenants { acme, .. }) = World::standard();
    let instance = acme.instance;
    let permissions = several([Permission { area: Area::Group, verb: Verb::Create }]);
    let root = Id::from_number(instance.0);
    world.create(instance, &id("founder"), &root, CustomRole { name: name("x"), permissions });
    let spec = Administrator {
        user: acme.user.id.clone(),
        within: Within::Organization(acme.organization.clone()),
        roles: several([Held::Custom(id("founder"))]),
    };
    world.create(instance, &id("entry"), &root, spec);
    let group = |text: &str| Group { name: name(text), description: None };
    world.create(instance, &id("staff"), &acme.organization, group("Staff"));
    let new = Create { id: id("own"), parent: acme.organization.clone(), spec: group("Own"), birth: () };
    world.when(&acme.user.caller(), instance, &new).told(&[What::Created]);
    let member = GroupMember { user: acme.user.id.clone() };
    let join = Create { id: id("m"), parent: id("staff"), spec: member, birth: () };
    world.when(&acme.user.caller(), instance, &join).refused(Refusal::NotPermitted);
}

#[test]
fn strangers_leave_a_user_room_for_what_his_own_organization_gives_him() {
    let (mut world, Tenants { acme, globex, .. }) = World::standard();
    let instance = acme.instance;
    let project = |name: &str| Project { name: self::name(name), ..own_project() };
    let entry = |number: usize, within: Within| Create {
        id: id(&format!("entry-{number}")),
        parent: Id::from_number(instance.0),
        spec: Administrator {
            user: acme.user.id.clone(),
            within,
            roles: several([AdministratorRole::ProjectOwnerViewer.into()]),
        },
        birth: (),
    };
    for number in 0..=100 {
        let place = id(&format!("place-{number}"));
        world.create(instance, &place, &globex.organization, project("x"));
        let then = world.when(&globex.org_owner.caller(), instance, &entry(number, Within::Project(place)));
        if number < 100 {
            then.told(&[What::Created]);
        } else {
            then.refused(Refusal::TooManyFromOutside);
        }
    }
    let own = Within::Project(acme.project.clone());
    world.when(&acme.org_owner.caller(), instance, &entry(101, own)).told(&[What::Created]);
}

#[test]
fn nobody_shuts_the_instances_own_project() {
    let (mut world, acme) = with_own_project();
    let instance = acme.instance;
    for caller in [acme.iam_owner.caller(), acme.org_owner.caller(), Caller::operator()] {
        let off = set_state::<Project>(&id(OWN_PROJECT), State::Inactive);
        world.when(&caller, instance, &off).refused(Refusal::NotPermitted);
        world.when(&caller, instance, &delete::<Project>(&id(OWN_PROJECT))).refused(Refusal::NotPermitted);
        for spec in [
            Project { role_check: true, ..own_project() },
            Project { has_project_check: true, ..own_project() },
        ] {
            let update = Update { id: id(OWN_PROJECT), revision: None, spec };
            world.when(&caller, instance, &update).refused(Refusal::NotPermitted);
        }
    }
}

#[test]
fn a12_an_entry_that_waits_where_anothers_will_be_made_gives_nothing() {
    let (mut world, Tenants { acme, .. }) = World::standard();
    let instance = acme.instance;
    let place = Within::Organization(acme.organization.clone());
    world.appoint(instance, &acme.user.id, place, AdministratorRole::OrgProjectCreator);
    // Once the id of the creator's entry could be computed by everybody.
    let shop = Within::Project(id("shop"));
    let foreseen = Id::parse(&hex(&Hash::of(&encode(&(&acme.user.id, &shop))).0)).unwrap();
    let spec = Administrator {
        user: acme.project_owner.id.clone(),
        within: Within::Project(acme.project.clone()),
        roles: several([AdministratorRole::ProjectOwnerViewer.into()]),
    };
    world.must(
        &acme.org_owner.caller(),
        instance,
        &delete::<Administrator>(&id("acme-project-owner-ProjectOwner")),
    );
    world.create(instance, &foreseen, &Id::from_number(instance.0), spec);
    let project = Project { name: name("Shop"), ..own_project() };
    let create = Create { id: id("shop"), parent: acme.organization.clone(), spec: project, birth: () };
    world.must(&acme.user.caller(), instance, &create);
    let places = |user: &Id| -> Vec<Within> {
        let entries = entries(&world.reader(instance), user).unwrap();
        entries.into_iter().map(|entry| entry.within).collect()
    };
    assert!(places(&acme.user.id).contains(&shop));
    assert!(!places(&acme.project_owner.id).contains(&shop));
}

#[test]
fn a12_nobody_takes_away_what_he_lacks() {
    let (mut world, Tenants { acme, .. }) = World::standard();
    let (instance, root) = (acme.instance, Id::from_number(acme.instance.0));
    let permission = |area: Area, verb: Verb| Permission { area, verb };
    let role =
        |permissions: Vec<Permission>| CustomRole { name: name("x"), permissions: several(permissions) };
    let strong = role(vec![permission(Area::Session, Verb::Delete), permission(Area::User, Verb::Read)]);
    world.create(instance, &id("strong"), &root, strong);
    let roles = vec![permission(Area::CustomRole, Verb::Write), permission(Area::User, Verb::Read)];
    world.create(instance, &id("weak"), &root, role(roles));
    let spec = Administrator {
        user: acme.user.id.clone(),
        within: Within::Instance,
        roles: several([Held::Custom(id("weak"))]),
    };
    world.create(instance, &id("entry"), &root, spec);
    let weakened = role(vec![permission(Area::User, Verb::Read)]);
    let update = Update { id: id("strong"), revision: None, spec: weakened };
    world.when(&acme.user.caller(), instance, &update).refused(Refusal::ExceedsOwn);
    world.must(&acme.iam_owner.caller(), instance, &update);
}
