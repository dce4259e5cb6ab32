//! Plain resources: revisions, unique names, deletion and its sweep, the last owner.

use crate::scenario::{delete, set_state};
use identity::administrator::{Administrator, has_owner, is_owned_without};
use identity::application::redirect_uri::RedirectUri;
use identity::application::{Application, ApplicationKind, ClientAuth};
use identity::audit;
use identity::authorization::Authorization;
use identity::change::{Create, Saved, SetState, Update};
use identity::envelope::{Caller, Via};
use identity::event::What;
use identity::id::{Id, InstanceId};
use identity::name::{HostName, Name, Username};
use identity::organization::Organization;
use identity::permission::{AdministratorRole, Within};
use identity::project::Project;
use identity::project::role::{Role, RoleKey};
use identity::reader::Names;
use identity::record::{Kind, State};
use identity::refusal::Refusal;
use identity::session::Session;
use identity::sweep::{Sweep, is_due};
use identity::tables::Table;
use identity::testing::fixtures::{World, id, name, several};
use identity::testing::tenant::{self, Tenant, Tenants};
use identity::user::{self, User, UserKind};

fn project(text: &str) -> Project {
    Project { name: name(text), role_assertion: false, role_check: false, has_project_check: false }
}

fn organization(text: &str) -> Organization {
    Organization { name: name(text), domain: HostName::parse(&format!("{text}.example")).unwrap() }
}

fn sweep_all(world: &mut World, instance: InstanceId) {
    while is_due(&world.reader(instance)).unwrap() {
        world.must(&Caller::system(), instance, &Sweep { limit: 2000 });
    }
}

#[test]
fn a_change_needs_the_revision_that_was_read() {
    let (mut world, Tenants { acme, .. }) = World::standard();
    let (owner, instance) = (acme.org_owner.caller(), acme.instance);
    let update = |revision, text| Update { id: acme.project.clone(), revision, spec: project(text) };
    for stale in [0, 2, u64::MAX] {
        world.when(&owner, instance, &update(Some(stale), "x")).refused(Refusal::RevisionChanged);
    }
    let saved = world.when(&owner, instance, &update(Some(1), "x")).told(&[What::Changed]);
    assert_eq!(saved, Saved { id: acme.project.clone(), revision: 2 });
    world.when(&owner, instance, &update(Some(1), "y")).refused(Refusal::RevisionChanged);
    world.when(&owner, instance, &update(None, "y")).told(&[What::Changed]);
    let unchanged = world.when(&owner, instance, &update(Some(3), "y")).told(&[]);
    assert_eq!(unchanged.revision, 3, "nothing to change, nothing to tell");
    let mut switch = set_state::<Project>(&acme.project, State::Inactive);
    switch.revision = Some(2);
    world.when(&owner, instance, &switch).refused(Refusal::RevisionChanged);
    switch.revision = Some(3);
    world.when(&owner, instance, &switch).told(&[What::StateSet]);
    world.when(&owner, instance, &switch).told(&[]);
    world.must(&owner, instance, &set_state::<Project>(&acme.project, State::Active));
    let mut command = delete::<Project>(&acme.project);
    command.revision = Some(2);
    world.when(&owner, instance, &command).refused(Refusal::RevisionChanged);
    command.revision = Some(5);
    world.when(&owner, instance, &command).told(&[What::Deleted]);
}

#[test]
fn an_event_tells_which_fields_changed() {
    let (mut world, Tenants { acme, .. }) = World::standard();
    let spec = Project { role_check: true, ..project("Portal") };
    let then = world.when(
        &acme.org_owner.caller(),
        acme.instance,
        &Update { id: acme.project.clone(), revision: None, spec },
    );
    let numbers: Vec<u16> = then.events[0].fields.iter().map(|field| field.number).collect();
    assert_eq!(numbers, [2]);
    assert_eq!(then.events[0].organization.as_ref(), Some(&acme.organization));
}

#[test]
fn deleting_is_not_a_state_that_is_set() {
    let (mut world, Tenants { acme, .. }) = World::standard();
    let command: SetState<Project> = set_state(&acme.project, State::Deleted);
    world.when(&acme.org_owner.caller(), acme.instance, &command).refused(Refusal::InvalidSpec);
    let command: SetState<Project> = set_state(&acme.project, State::Active);
    world.when(&acme.org_owner.caller(), acme.instance, &command).told(&[]);
}

#[test]
fn a_unique_name_is_taken_once_and_given_back() {
    let (mut world, Tenants { acme, globex, .. }) = World::standard();
    let (owner, instance) = (acme.iam_owner.caller(), acme.instance);
    let rename = |user: &Id, text: &str| {
        let spec = User { username: Username::parse(text).unwrap(), ..tenant::human("x") };
        Update { id: user.clone(), revision: None, spec }
    };
    world.when(&owner, instance, &rename(&acme.user.id, "globex-alice")).refused(Refusal::UsernameTaken);
    world.when(&owner, instance, &rename(&acme.user.id, "GLOBEX-Alice")).refused(Refusal::UsernameTaken);
    world.when(&owner, instance, &rename(&acme.user.id, "ACME-Alice")).told(&[What::Changed]);
    world.when(&owner, instance, &rename(&acme.user.id, "free")).told(&[What::Changed]);
    world.when(&owner, instance, &rename(&globex.user.id, "acme-alice")).told(&[What::Changed]);
    let found = |world: &World, text: &str| {
        user::by_login_name(&world.reader(instance), text).unwrap().map(|record| record.id)
    };
    assert_eq!(found(&world, "Acme-ALICE"), Some(globex.user.id));
    assert_eq!(found(&world, "free"), Some(acme.user.id.clone()));
    assert_eq!(found(&world, "globex-alice"), None);
    let spec = Organization { domain: HostName::parse("globex.example").unwrap(), ..organization("acme") };
    let update = Update { id: acme.organization.clone(), revision: None, spec };
    world.when(&owner, instance, &update).refused(Refusal::DomainTaken);
}

#[test]
fn a_roles_key_is_unique_in_its_project_alone() {
    let (mut world, Tenants { acme, globex, .. }) = World::standard();
    let role = || Role { key: RoleKey::parse("admin").unwrap(), display_name: name("x"), group: None };
    let create = |parent: &Id| Create { id: id("r"), parent: parent.clone(), spec: role(), birth: () };
    let owner = acme.iam_owner.caller();
    world.when(&owner, acme.instance, &create(&acme.project)).refused(Refusal::KeyTaken);
    world.create(globex.instance, &id("p2"), &globex.organization, project("two"));
    world.when(&owner, acme.instance, &create(&id("p2"))).told(&[What::Created]);
    // Two projects whose ids and keys run into each other when they are written one after the other.
    world.create(acme.instance, &id("p"), &acme.organization, project("three"));
    let key = |text: &str| Role { key: RoleKey::parse(text).unwrap(), ..role() };
    world.create(acme.instance, &id("ra"), &id("p"), key("2admin"));
}

#[test]
fn an_id_is_taken_once() {
    let (mut world, Tenants { acme, globex, .. }) = World::standard();
    let create = |parent: &Id| Create {
        id: acme.project.clone(),
        parent: parent.clone(),
        spec: project("x"),
        birth: (),
    };
    let owner = acme.iam_owner.caller();
    world.when(&owner, acme.instance, &create(&acme.organization)).refused(Refusal::AlreadyExists);
    world.when(&owner, acme.instance, &create(&globex.organization)).refused(Refusal::AlreadyExists);
}

#[test]
fn nothing_is_created_under_what_does_not_serve() {
    let (mut world, Tenants { acme, globex, .. }) = World::standard();
    let (owner, instance) = (acme.iam_owner.caller(), acme.instance);
    let create = |parent: &Id| Create { id: id("p"), parent: parent.clone(), spec: project("x"), birth: () };
    world.when(&owner, instance, &create(&id("unknown"))).refused(Refusal::NotFound);
    world.must(&owner, instance, &set_state::<Organization>(&globex.organization, State::Inactive));
    world.when(&owner, instance, &create(&globex.organization)).refused(Refusal::ParentNotActive);
    let application = Create { id: id("a"), parent: globex.project.clone(), spec: tenant::web(), birth: () };
    world.when(&owner, instance, &application).refused(Refusal::ParentNotActive);
    world.must(&owner, instance, &delete::<Organization>(&globex.organization));
    world.when(&owner, instance, &create(&globex.organization)).refused(Refusal::NotFound);
    world.when(&owner, instance, &application).refused(Refusal::NotFound);
}

#[test]
fn what_is_fixed_after_creation_stays_even_for_what_is_switched_off() {
    let (mut world, Tenants { acme, .. }) = World::standard();
    let (owner, instance) = (acme.iam_owner.caller(), acme.instance);
    world.must(&owner, instance, &set_state::<User>(&acme.user.id, State::Inactive));
    world.must(&owner, instance, &set_state::<Application>(&acme.spa.id, State::Inactive));
    world.must(&owner, instance, &set_state::<Authorization>(&id("acme-alice-grant"), State::Inactive));
    let service = User { kind: UserKind::Service { name: name("x") }, ..tenant::human("x") };
    let update = Update { id: acme.user.id.clone(), revision: None, spec: service };
    world.when(&owner, instance, &update).refused(Refusal::KindFixed);
    let update = Update { id: acme.spa.id.clone(), revision: None, spec: tenant::web() };
    world.when(&owner, instance, &update).refused(Refusal::KindFixed);
    let public = Application { pkce_optional: true, ..tenant::spa() };
    let update = Update { id: acme.spa.id.clone(), revision: None, spec: public };
    world.when(&owner, instance, &update).refused(Refusal::PkceNeeded);
    let spec = Authorization {
        user: acme.org_owner.id.clone(),
        roles: several([RoleKey::parse("viewer").unwrap()]),
        grant: None,
    };
    let update = Update { id: id("acme-alice-grant"), revision: None, spec };
    world.when(&owner, instance, &update).refused(Refusal::UserFixed);
}

#[test]
fn an_application_is_what_its_kind_allows() {
    let (mut world, Tenants { acme, .. }) = World::standard();
    let owner = acme.org_owner.caller();
    let uri = |text: &str| several([RedirectUri::parse(text).unwrap()]);
    let cases = [
        (Application { kind: ApplicationKind::SinglePage, ..tenant::web() }, Refusal::AuthNotOfKind),
        (Application { kind: ApplicationKind::Native, ..tenant::web() }, Refusal::AuthNotOfKind),
        (
            Application { redirect_uris: uri("com.example.app:/cb"), ..tenant::web() },
            Refusal::RedirectUriNotOfKind,
        ),
        (
            Application { redirect_uris: uri("https://x.example/"), ..tenant::api() },
            Refusal::RedirectUriNotOfKind,
        ),
        (
            Application { post_logout_redirect_uris: uri("https://x.example/"), ..tenant::api() },
            Refusal::LogoutUriNotOfKind,
        ),
        (Application { refresh: true, ..tenant::api() }, Refusal::RefreshNotOfKind),
        (Application { auth: ClientAuth::None, ..tenant::api() }, Refusal::AuthNotOfKind),
        (Application { pkce_optional: true, ..tenant::native() }, Refusal::PkceNeeded),
    ];
    for (spec, refusal) in cases {
        let command = Create { id: id("a"), parent: acme.project.clone(), spec, birth: () };
        world.when(&owner, acme.instance, &command).refused(refusal);
    }
    let spec = Authorization {
        user: acme.user.id.clone(),
        roles: several([RoleKey::parse("admin").unwrap()]),
        grant: None,
    };
    let command = Create { id: id("g"), parent: acme.project.clone(), spec, birth: () };
    world.when(&owner, acme.instance, &command).refused(Refusal::AlreadyAuthorized);
}

/// Every look-up by which somebody could still find something of the tenant.
fn expect_gone(world: &World, tenant: &Tenant) {
    let reader = world.reader(tenant.instance);
    assert!(reader.existing::<Organization>(&tenant.organization).is_err());
    assert!(reader.existing::<Project>(&tenant.project).is_err());
    for client in [&tenant.web, &tenant.spa, &tenant.native, &tenant.api] {
        assert!(reader.existing::<Application>(&client.id).is_err());
        assert!(reader.live::<Application>(&client.id).is_err());
    }
    for user in [&tenant.org_owner.id, &tenant.project_owner.id, &tenant.user.id, &tenant.service.id] {
        assert!(reader.existing::<User>(user).is_err());
        assert!(reader.live::<User>(user).is_err());
    }
    for session in [&tenant.org_owner.session, &tenant.user.session] {
        assert!(identity::session::live(&reader, session).is_err());
    }
}

#[test]
fn a_deleted_organization_is_gone_at_once_and_its_names_are_taken_until_the_sweep() {
    let (mut world, Tenants { acme, globex, .. }) = World::standard();
    let (owner, instance) = (acme.iam_owner.caller(), acme.instance);
    world.when(&owner, instance, &delete::<Organization>(&globex.organization)).told(&[What::Deleted]);
    expect_gone(&world, &globex);
    let root = Id::from_number(instance.0);
    let again = Create {
        id: globex.organization.clone(),
        parent: root.clone(),
        spec: organization("new"),
        birth: (),
    };
    world.when(&owner, instance, &again).refused(Refusal::AlreadyExists);
    let domain = Create { id: id("new"), parent: root, spec: organization("globex"), birth: () };
    world.when(&owner, instance, &domain).refused(Refusal::DomainTaken);
    let birth = world.person_key(instance, &id("u"));
    let user =
        Create { id: id("u"), parent: acme.organization.clone(), spec: tenant::human("globex-alice"), birth };
    world.when(&owner, instance, &user).refused(Refusal::UsernameTaken);
    sweep_all(&mut world, instance);
    world.when(&owner, instance, &again).told(&[What::Created]);
    world.when(&owner, instance, &user).told(&[What::Created]);
    world.when(&owner, instance, &domain).told(&[What::Created]);
    expect_gone_but_the_organization(&world, &globex);
}

/// Nothing of a former organization comes back with its id.
fn expect_gone_but_the_organization(world: &World, tenant: &Tenant) {
    let reader = world.reader(tenant.instance);
    assert!(reader.existing::<Organization>(&tenant.organization).is_ok());
    assert!(reader.existing::<Project>(&tenant.project).is_err());
    assert!(reader.existing::<User>(&tenant.user.id).is_err());
    assert!(reader.existing::<Application>(&tenant.web.id).is_err());
}

#[test]
fn a_sweep_is_bounded_ends_and_leaves_no_row_behind() {
    for limit in [1, 2, 3, 10, 2000] {
        let (mut world, Tenants { acme, globex, .. }) = World::standard();
        let instance = acme.instance;
        // Things of others that refer to what goes.
        world.appoint(
            instance,
            &acme.user.id,
            Within::Project(globex.project.clone()),
            AdministratorRole::ProjectOwner,
        );
        let grant = Authorization {
            user: globex.user.id.clone(),
            roles: several([RoleKey::parse("viewer").unwrap()]),
            grant: None,
        };
        world.create(instance, &id("foreign-grant"), &acme.project, grant);
        world.must(&acme.iam_owner.caller(), instance, &delete::<Organization>(&globex.organization));
        let before = audit::head(&world.tables, instance).unwrap().count;
        let mut rounds = 0;
        while is_due(&world.reader(instance)).unwrap() {
            let swept = world.must(&Caller::system(), instance, &Sweep { limit });
            assert!(swept.rows <= limit && swept.rows > 0, "{} of {limit}", swept.rows);
            rounds += 1;
            assert!(rounds < 200);
            expect_gone(&world, &globex);
        }
        let told = audit::trail(&world.tables, instance, usize::MAX)
            .unwrap()
            .split_off(usize::try_from(before).unwrap());
        let of = |what: What| told.iter().filter(|entry| entry.event.what == what as u16).count();
        // 1 organization, 1 project, 2 roles, 4 applications, 3 people and a service account, 2 grants, 3 entries.
        assert_eq!((of(What::Swept), of(What::Erased), of(What::SessionEnded)), (17, 4, 3), "limit {limit}");
        assert_eq!(told.len(), 24);
        audit::verify(&world.tables, instance).unwrap();
        // Replies to requests hold ids, for ninety seconds.
        world.advance_secs(120);
        sweep_all(&mut world, instance);
        // Events stay, and the rows by which they are found.
        let is_of_events = |table, key: &[u8]| {
            table == Table::Audit || (table == Table::Search && key[8..].starts_with(&[0xff, 0xff]))
        };
        for (table, key, value) in world.tables.iter().filter(|(table, key, _)| !is_of_events(*table, key)) {
            let holds = |bytes: &[u8]| bytes.windows(6).any(|window| window == b"globex");
            assert!(!holds(key) && !holds(value), "{table:?} {key:?} outlives the organization");
        }
    }
}

#[test]
fn what_is_deleted_once_is_not_deleted_again() {
    let (mut world, Tenants { acme, .. }) = World::standard();
    let (owner, instance) = (acme.org_owner.caller(), acme.instance);
    world.must(&owner, instance, &delete::<Project>(&acme.project));
    world.when(&owner, instance, &delete::<Project>(&acme.project)).refused(Refusal::NotFound);
    world
        .when(&owner, instance, &set_state::<Project>(&acme.project, State::Active))
        .refused(Refusal::NotFound);
    world.when(&owner, instance, &delete::<Application>(&acme.web.id)).refused(Refusal::NotFound);
    let update = Update { id: acme.project.clone(), revision: None, spec: project("x") };
    world.when(&owner, instance, &update).refused(Refusal::NotFound);
}

#[test]
fn a_deleted_user_leaves_no_credential_and_no_grant() {
    let (mut world, Tenants { acme, .. }) = World::standard();
    let instance = acme.instance;
    let user = acme.user.id.clone();
    world.must(&acme.org_owner.caller(), instance, &delete::<User>(&user));
    sweep_all(&mut world, instance);
    let reader = world.reader(instance);
    assert_eq!(reader.row::<Session>(&acme.user.session).unwrap(), None);
    assert_eq!(reader.named(Names::Username, "acme-alice").unwrap(), None);
    assert!(reader.find::<Authorization>(&id("acme-alice-grant")).unwrap().is_none());
    assert!(reader.referring(Kind::User, &user, Kind::Session, 10).unwrap().is_empty());
    // Created again, he has nothing of the former.
    world.create_person(instance, &acme.organization, user.clone());
    let reader = world.reader(instance);
    let (project, again) =
        (reader.live::<Project>(&acme.project).unwrap(), reader.live::<User>(&user).unwrap());
    assert!(identity::authorization::roles(&reader, &project, &again).unwrap().is_empty());
    world
        .when(&acme.user.caller(), instance, &identity::session::EndSession {})
        .refused(Refusal::CallerNotAlive);
}

#[test]
fn the_last_owner_of_an_instance_stays() {
    let (mut world, Tenants { acme, globex, .. }) = World::standard();
    let (owner, instance) = (acme.iam_owner.caller(), acme.instance);
    let last = Refusal::LastOwner;
    let entry = id("acme-iam-owner-IamOwner");
    let no_owner_yet = |world: &mut World| {
        world.when(&owner, instance, &delete::<Administrator>(&entry)).refused(last);
        world.when(&owner, instance, &set_state::<Administrator>(&entry, State::Inactive)).refused(last);
        world.when(&owner, instance, &delete::<User>(&acme.iam_owner.id)).refused(last);
        world.when(&owner, instance, &set_state::<User>(&acme.iam_owner.id, State::Inactive)).refused(last);
        world.when(&owner, instance, &delete::<Organization>(&acme.organization)).refused(last);
        world
            .when(&owner, instance, &set_state::<Organization>(&acme.organization, State::Inactive))
            .refused(last);
        world.when(&Caller::system(), instance, &delete::<User>(&acme.iam_owner.id)).refused(last);
    };
    no_owner_yet(&mut world);
    // A second owner who can't sign in does not count.
    world.appoint(instance, &globex.user.id, Within::Instance, AdministratorRole::IamOwner);
    let switch = |state| set_state::<User>(&globex.user.id, state);
    world.must(&owner, instance, &switch(State::Inactive));
    no_owner_yet(&mut world);
    world.must(&owner, instance, &switch(State::Active));
    world.must(&owner, instance, &set_state::<Organization>(&globex.organization, State::Inactive));
    no_owner_yet(&mut world);
    world.must(&owner, instance, &set_state::<Organization>(&globex.organization, State::Active));
    let second = id("globex-alice-IamOwner");
    world.must(&owner, instance, &set_state::<Administrator>(&second, State::Inactive));
    no_owner_yet(&mut world);
    world.must(&owner, instance, &set_state::<Administrator>(&second, State::Active));
    // One who can does.
    world.clone().must(&owner, instance, &delete::<Organization>(&acme.organization));
    world.clone().must(&owner, instance, &delete::<User>(&acme.iam_owner.id));
    world.must(&owner, instance, &delete::<Administrator>(&entry));
    world.when(&owner, instance, &delete::<User>(&globex.user.id)).refused(Refusal::NotPermitted);
    world.when(&globex.user.caller(), instance, &delete::<User>(&globex.user.id)).refused(last);
}

#[test]
fn the_operator_switches_even_the_last_owner_off_and_the_trail_names_him() {
    let (mut world, Tenants { acme, .. }) = World::standard();
    let (operator, instance) = (Caller::operator(), acme.instance);
    let owns = |world: &World| {
        let reader = world.reader(instance);
        (is_owned_without(&reader, |_| false).unwrap(), has_owner(&reader).unwrap())
    };
    for state in [State::Inactive, State::Active] {
        let then = world.when(&operator, instance, &set_state::<User>(&acme.iam_owner.id, state));
        assert_eq!(
            then.events[0].sentence(),
            format!("the operator switched the state of user {}", acme.iam_owner.id)
        );
        then.told(&[What::StateSet]);
        assert_eq!(owns(&world), (state == State::Active, true));
        world.when(&operator, instance, &set_state::<User>(&acme.iam_owner.id, state)).told(&[]);
    }
    for state in [State::Inactive, State::Active] {
        world
            .when(&operator, instance, &set_state::<Organization>(&acme.organization, state))
            .told(&[What::StateSet]);
    }
    let nobody = set_state::<User>(&id("nobody"), State::Inactive);
    world.when(&operator, instance, &nobody).refused(Refusal::NotFound);
    // What is the operator's alone can't be reached with another credential.
    for via in [Via::Login, Via::Session(acme.iam_owner.session.clone())] {
        let posing = Caller { via, ..Caller::operator() };
        world
            .when(&posing, instance, &set_state::<User>(&acme.user.id, State::Inactive))
            .refused(Refusal::CallerNotAlive);
    }
}

#[test]
fn an_entry_is_for_one_who_serves_and_stays_with_him() {
    let (mut world, Tenants { acme, globex, .. }) = World::standard();
    let (owner, instance) = (acme.iam_owner.caller(), acme.instance);
    let root = Id::from_number(instance.0);
    let within = Within::Organization(acme.organization.clone());
    let spec = |user: &Id, within: &Within| Administrator {
        user: user.clone(),
        within: within.clone(),
        roles: several([AdministratorRole::OrgOwner.into()]),
    };
    let create = |spec| Create { id: id("e"), parent: root.clone(), spec, birth: () };
    world.when(&owner, instance, &create(spec(&id("nobody"), &within))).refused(Refusal::NoSuchUser);
    world
        .when(&owner, instance, &create(spec(&acme.org_owner.id, &within)))
        .refused(Refusal::AlreadyAdministrator);
    let unknown = Within::Organization(id("unknown"));
    world.when(&owner, instance, &create(spec(&acme.user.id, &unknown))).refused(Refusal::NotFound);
    let moved = spec(&acme.user.id, &within);
    let update = Update { id: id("acme-org-owner-OrgOwner"), revision: None, spec: moved };
    world.when(&owner, instance, &update).refused(Refusal::UserFixed);
    let moved = spec(&acme.org_owner.id, &Within::Organization(globex.organization.clone()));
    let update = Update { id: id("acme-org-owner-OrgOwner"), revision: None, spec: moved };
    world.when(&owner, instance, &update).refused(Refusal::WithinFixed);
    world.must(&owner, instance, &set_state::<User>(&acme.user.id, State::Inactive));
    world.when(&owner, instance, &create(spec(&acme.user.id, &within))).refused(Refusal::UserNotActive);
}

#[test]
fn an_instance_is_created_with_a_key_that_opens_and_the_next_number() {
    let (mut world, _) = World::standard();
    let system = Caller::system();
    let create = |world: &mut World, number: u64, bound_to: u64, host: &str| {
        let key = crypto::Secret::new(world.draw::<32>());
        let nonce = world.draw();
        let data_key = world.machine().keyring.wrap_instance(InstanceId(bound_to), &key, nonce);
        let host = HostName::parse(host).unwrap();
        identity::instance::CreateInstance {
            number: InstanceId(number),
            name: Name::parse("x").unwrap(),
            host,
            data_key,
        }
    };
    let cases = [
        (3, 2, "third.example", Refusal::InvalidSpec),
        (2, 2, "third.example", Refusal::AlreadyExists),
        (4, 4, "third.example", Refusal::AlreadyExists),
        (3, 3, "auth.example", Refusal::AlreadyExists),
    ];
    for (number, bound_to, host, refusal) in cases {
        let command = create(&mut world, number, bound_to, host);
        world.when(&system, identity::id::SYSTEM, &command).refused(refusal);
    }
    let command = create(&mut world, 3, 3, "third.example");
    world.when(&system, InstanceId(1), &command).refused(Refusal::AlreadyExists);
    world.when(&system, identity::id::SYSTEM, &command).told(&[What::Created, What::Created]);
    let raise = |level| identity::level::RaiseLevel { level };
    world
        .when(&system, identity::id::SYSTEM, &raise(identity::level::MAX + 1))
        .refused(Refusal::LevelNotSupported);
    world.when(&system, identity::id::SYSTEM, &raise(0)).refused(Refusal::LevelNotSupported);
    world.when(&system, InstanceId(1), &raise(1)).refused(Refusal::InvalidSpec);
}

#[test]
fn nothing_comes_back_with_the_id_of_its_parent_while_the_sweep_is_under_way() {
    let (mut world, Tenants { acme, globex, .. }) = World::standard();
    let (owner, instance) = (acme.iam_owner.caller(), acme.instance);
    world.must(&owner, instance, &delete::<Organization>(&globex.organization));
    let root = Id::from_number(instance.0);
    let again =
        Create { id: globex.organization.clone(), parent: root, spec: organization("other"), birth: () };
    let mut created = 0;
    while is_due(&world.reader(instance)).unwrap() {
        world.must(&Caller::system(), instance, &Sweep { limit: 1 });
        let mut world = world.clone();
        if world.run(&owner, instance, &again).is_ok() {
            expect_gone_but_the_organization(&world, &globex);
            created += 1;
        }
    }
    assert!(created > 5, "the id is free before its last child is swept");
}
