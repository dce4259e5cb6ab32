//! What must not be had by going round: the instance's own project, other people's entries, and strength by weakening.

use crate::scenario::{delete, set_state};
use identity::administrator::{Administrator, Held};
use identity::application::Application;
use identity::authorization::Authorization;
use identity::change::{Create, Update};
use identity::credential::personal_token::{PersonalToken, TokenSecret};
use identity::credential::secret::SetClientSecret;
use identity::encoding::encode;
use identity::envelope::Caller;
use identity::event::What;
use identity::group::Group;
use identity::group::member::GroupMember;
use identity::id::{Hash, Id, hex};
use identity::organization::Organization;
use identity::permission::{AdministratorRole, Area, CustomRole, Permission, Verb, Within, entries};
use identity::project::grant::ProjectGrant;
use identity::project::role::RoleKey;
use identity::project::{OWN_PROJECT, Project};
use identity::record::State;
use identity::refusal::Refusal;
use identity::session::EndSessionOf;
use identity::sweep::Sweep;
use identity::testing::fixtures::{World, id, name, several};
use identity::testing::tenant::{self, Tenant, Tenants};
use identity::user::User;

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

#[test]
fn nobody_ends_the_organization_of_those_who_govern_more() {
    let (mut world, Tenants { acme, globex, .. }) = World::standard();
    let instance = acme.instance;
    world.appoint(instance, &globex.user.id, Within::Instance, AdministratorRole::IamOwner);
    let off = set_state::<Organization>(&acme.organization, State::Inactive);
    let gone = delete::<Organization>(&acme.organization);
    world.when(&acme.org_owner.caller(), instance, &off).refused(Refusal::ExceedsOwn);
    world.when(&acme.org_owner.caller(), instance, &gone).refused(Refusal::ExceedsOwn);
    world.must(&acme.iam_owner.caller(), instance, &gone);
}

#[test]
fn the_organization_of_the_instances_own_project_stays() {
    let (mut world, acme) = with_own_project();
    let (instance, globex) = (acme.instance, id("globex-alice"));
    world.appoint(instance, &globex, Within::Instance, AdministratorRole::IamOwner);
    let off = set_state::<Organization>(&acme.organization, State::Inactive);
    let gone = delete::<Organization>(&acme.organization);
    for caller in [acme.iam_owner.caller(), Caller::system()] {
        world.when(&caller, instance, &off).refused(Refusal::HoldsOwnProject);
        world.when(&caller, instance, &gone).refused(Refusal::HoldsOwnProject);
    }
    // The operator stops it when he has to, and lets it go on; nobody else makes more of that.
    world.must(&Caller::operator(), instance, &off);
    world.when(&Caller::system(), instance, &gone).refused(Refusal::HoldsOwnProject);
    world.must(&Caller::operator(), instance, &set_state::<Organization>(&acme.organization, State::Active));
}

#[test]
fn a12_nobody_takes_away_a_credential_of_one_who_governs_more() {
    let (mut world, Tenants { acme, .. }) = World::standard();
    let (instance, service) = (acme.instance, acme.service.id.clone());
    let birth = TokenSecret { hash: Hash::of(b"t") };
    let token =
        Create { id: id("pat"), parent: service.clone(), spec: PersonalToken { expires: None }, birth };
    world.must(&Caller::system(), instance, &token);
    world.appoint(instance, &service, Within::Instance, AdministratorRole::IamOwner);
    let off = set_state::<PersonalToken>(&id("pat"), State::Inactive);
    let gone = delete::<PersonalToken>(&id("pat"));
    world.when(&acme.org_owner.caller(), instance, &off).refused(Refusal::ExceedsOwn);
    world.when(&acme.org_owner.caller(), instance, &gone).refused(Refusal::ExceedsOwn);
    world.must(&acme.iam_owner.caller(), instance, &gone);
    let end = EndSessionOf { session: acme.iam_owner.session.clone() };
    world.when(&acme.org_owner.caller(), instance, &end).refused(Refusal::ExceedsOwn);
    world.must(&acme.org_owner.caller(), instance, &EndSessionOf { session: acme.user.session.clone() });
    world.must(&acme.iam_owner.caller(), instance, &end);
}

#[test]
fn who_has_nothing_to_prove_himself_by_is_no_owner_who_is_left() {
    let (mut world, Tenants { acme, globex, .. }) = World::standard();
    let (instance, root) = (acme.instance, Id::from_number(acme.instance.0));
    let program = id("program");
    let birth = world.person_key(instance, &program);
    let spec = tenant::service("program");
    let parent = globex.organization.clone();
    world.must(&Caller::system(), instance, &Create { id: program.clone(), parent, spec, birth });
    let spec = Administrator {
        user: program.clone(),
        within: Within::Instance,
        roles: several([AdministratorRole::IamOwner.into()]),
    };
    world.create(instance, &id("entry"), &root, spec);
    let last = delete::<User>(&acme.iam_owner.id);
    world.when(&acme.iam_owner.caller(), instance, &last).refused(Refusal::LastOwner);
    let birth = TokenSecret { hash: Hash::of(b"t") };
    let expires = Some(world.now.plus_secs(60));
    let token = Create { id: id("pat"), parent: program, spec: PersonalToken { expires }, birth };
    world.must(&Caller::system(), instance, &token);
    let mut later = world.clone();
    later.advance_secs(61);
    later.when(&Caller::system(), instance, &last).refused(Refusal::LastOwner);
    world.must(&Caller::system(), instance, &last);
}

#[test]
fn nothing_gets_an_id_by_which_a_program_authenticates() {
    let (mut world, Tenants { acme, globex, .. }) = World::standard();
    let instance = acme.instance;
    let spec = tenant::service("deploy-bot");
    world.must(&Caller::system(), instance, &Update { id: acme.service.id.clone(), revision: None, spec });
    for text in ["deploy-bot", "Deploy-Bot"] {
        let parent = globex.project.clone();
        let trap = Create { id: id(text), parent, spec: tenant::web(), birth: () };
        world.when(&globex.org_owner.caller(), instance, &trap).refused(Refusal::IdOfProgram);
        let birth = world.person_key(instance, &id(text));
        let parent = globex.organization.clone();
        let trap = Create { id: id(text), parent, spec: tenant::service("other"), birth };
        world.when(&globex.org_owner.caller(), instance, &trap).refused(Refusal::IdOfProgram);
    }
    // Nor does a program take the id of something else as its username.
    for taken in [&globex.web.id, &globex.service.id] {
        let spec = tenant::service(taken.as_str());
        let rename = Update { id: acme.service.id.clone(), revision: None, spec };
        world.when(&acme.org_owner.caller(), instance, &rename).refused(Refusal::UsernameTaken);
    }
}

#[test]
fn what_is_governed_in_an_organization_is_told_of_there() {
    let (mut world, Tenants { acme, globex, .. }) = World::standard();
    let instance = acme.instance;
    let viewer = || RoleKey::parse("viewer").unwrap();
    let organization = globex.organization.clone();
    let grant = ProjectGrant { organization, roles: several([viewer()]) };
    world.create(instance, &id("g"), &acme.project, grant);
    let (user, roles) = (globex.user.id.clone(), several([viewer()]));
    let spec = Authorization { user, roles, grant: Some(id("g")) };
    let by_grant = Create { id: id("a"), parent: acme.project.clone(), spec, birth: () };
    let then = world.when(&globex.org_owner.caller(), instance, &by_grant);
    assert_eq!(then.events[0].organization.as_ref(), Some(&globex.organization));
    then.told(&[What::Created]);
    let root = Id::from_number(instance.0);
    for (within, organization) in [
        (Within::Instance, None),
        (Within::Organization(globex.organization.clone()), Some(&globex.organization)),
        (Within::Project(acme.project.clone()), Some(&acme.organization)),
        (Within::ProjectGrant(id("g")), Some(&globex.organization)),
    ] {
        let role = match within {
            Within::Instance => AdministratorRole::IamOwnerViewer,
            Within::Organization(_) => AdministratorRole::OrgOwnerViewer,
            Within::Project(_) => AdministratorRole::ProjectOwnerViewer,
            Within::ProjectGrant(_) => AdministratorRole::ProjectGrantOwner,
        };
        let spec = Administrator { user: globex.user.id.clone(), within, roles: several([role.into()]) };
        let entry = id(&format!("entry-{}", role.name()));
        let appoint = Create { id: entry.clone(), parent: root.clone(), spec, birth: () };
        let then = world.when(&acme.iam_owner.caller(), instance, &appoint);
        assert_eq!(then.outcome.clone().err(), None, "{role:?}");
        assert_eq!(then.events[0].organization.as_ref(), organization, "{role:?}");
        let then = world.when(&acme.iam_owner.caller(), instance, &delete::<Administrator>(&entry));
        assert_eq!(then.events[0].organization.as_ref(), organization, "{role:?}");
    }
    // What ends by itself is told of where it was.
    let place = Within::Organization(acme.organization.clone());
    let entry = world.appoint(instance, &globex.user.id, place, AdministratorRole::OrgOwnerViewer);
    world.must(&acme.iam_owner.caller(), instance, &delete::<User>(&globex.user.id));
    let then = world.when(&Caller::system(), instance, &Sweep { limit: 100 });
    let of =
        |target: &Id| then.events.iter().find(|event| event.target == *target).unwrap().organization.clone();
    assert_eq!((of(&entry), of(&id("a"))), (Some(acme.organization), Some(globex.organization)));
}
