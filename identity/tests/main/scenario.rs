//! A fixed story that runs every command at least once: what recorded logs and replays are made of.

use identity::administrator::Administrator;
use identity::application::Application;
use identity::application::TokenAlg;
use identity::authorization::Authorization;
use identity::change::{Create, Delete, SetState, Update};
use identity::cluster::membership::{RemoveNode, ReplaceNode, SetNodeRole};
use identity::cluster::node::Wanted;
use identity::cluster::token::RevokeJoinToken;
use identity::credential::password::Renews;
use identity::credential::personal_token::{PersonalToken, TokenSecret};
use identity::credential::secret::{SetClientSecret, SetServiceSecret};
use identity::credential::service_key::{PublicJwk, ServiceKey};
use identity::credential::throttle::{FailPassword, Lock, Unlock};
use identity::envelope::Caller;
use identity::group::Group;
use identity::group::member::GroupMember;
use identity::id::{Hash, Id, SYSTEM};
use identity::instance::SetInstanceState;
use identity::instance::domain::Domain;
use identity::instance::lifetimes::Lifetimes;
use identity::level::RaiseLevel;
use identity::metadata::{MetadataKey, MetadataValue, OrganizationMetadata, UserMetadata};
use identity::name::HostName;
use identity::organization::Organization;
use identity::permission::{AdministratorRole, Area, CustomRole, Permission, Verb, Within};
use identity::project::Project;
use identity::project::grant::ProjectGrant;
use identity::project::role::{Role, RoleKey};
use identity::record::State;
use identity::resource::Resource;
use identity::session::{EndSession, EndSessionOf};
use identity::setting::{Reset, Set, Setting};
use identity::signing_key::RotateKeys;
use identity::sweep::Sweep;
use identity::testing::fixtures::{World, id, name, several};
use identity::testing::tenant::{self, Tenant, Tenants};
use identity::token::deny::DenyToken;
use identity::token::family::RevokeFamily;
use std::marker::PhantomData;

/// The world after the story, with all that was asked in its log.
pub(crate) fn world() -> World {
    let (mut world, Tenants { acme, globex, umbra }) = World::standard();
    system(&mut world, &umbra);
    resources(&mut world, &acme, &globex);
    sign_ins(&mut world, &acme, &umbra);
    refusals(&mut world, &acme, &globex);
    world
        .run(&acme.iam_owner.caller(), acme.instance, &delete::<Organization>(&globex.organization))
        .unwrap();
    for _ in 0..20 {
        world.advance_secs(20);
        world.must(&Caller::system(), acme.instance, &Sweep { limit: 7 });
    }
    world.must(&Caller::system(), acme.instance, &Sweep { limit: 2000 });
    cluster(&mut world);
    world
}

/// Nodes come and go, and what they came by ends.
fn cluster(world: &mut World) {
    let system = Caller::system();
    world.found_cluster();
    let second = world.join(Wanted::Voter);
    let third = world.join(Wanted::Learner);
    world.must(&system, SYSTEM, &SetNodeRole { node: third, wanted: Wanted::Voter });
    let revoked = world.ticket(Wanted::Voter);
    world.must(&system, SYSTEM, &RevokeJoinToken { id: revoked.token.clone() });
    world.run(&system, SYSTEM, &revoked).unwrap_err();
    let ticket = world.ticket(Wanted::Learner);
    let fourth = world.must(&system, SYSTEM, &ticket).node;
    assert_eq!(world.must(&system, SYSTEM, &ticket).node, fourth);
    world.must(&system, SYSTEM, &ReplaceNode { old: second, new: fourth });
    world.must(&system, SYSTEM, &RemoveNode { node: third });
    world.run(&system, SYSTEM, &RemoveNode { node: third }).unwrap_err();
    world.advance_secs(3600);
    world.must(&system, SYSTEM, &Sweep { limit: 2000 });
    // The one that has not reported yet still keeps the level where it is.
    world.run(&system, SYSTEM, &RaiseLevel { level: 1 }).unwrap_err();
}

fn system(world: &mut World, umbra: &Tenant) {
    let system = Caller::system();
    let host = |text: &str| Domain { host: HostName::parse(text).unwrap() };
    world.must(&system, SYSTEM, &RaiseLevel { level: 1 });
    world.create(SYSTEM, &id("d2"), &Id::from_number(1), host("second.example"));
    world.must(&system, SYSTEM, &Update { id: id("d2"), revision: Some(1), spec: host("third.example") });
    world.must(&system, SYSTEM, &set_state::<Domain>(&id("d2"), State::Inactive));
    world.must(&system, SYSTEM, &delete::<Domain>(&id("d2")));
    for state in [State::Inactive, State::Active] {
        world.must(&system, SYSTEM, &SetInstanceState { number: umbra.instance, state });
    }
    world.must(&system, SYSTEM, &Sweep { limit: 10 });
}

fn resources(world: &mut World, acme: &Tenant, globex: &Tenant) {
    let (instance, root) = (acme.instance, Id::from_number(acme.instance.0));
    let owner = acme.iam_owner.caller();
    settings(world, &owner, acme);
    let lifetimes =
        Lifetimes { key_active_secs: 60, key_next_secs: 20, key_verifies_secs: 900, ..Lifetimes::default() };
    world.must(&owner, instance, &Set { within: None, value: lifetimes, expected: None });

    let organization = |text: &str| Organization {
        name: name(text),
        domain: HostName::parse(&format!("{text}.example")).unwrap(),
    };
    world.create(instance, &id("initech"), &root, organization("initech"));
    four(world, &owner, acme, &id("initech"), organization("initech2"));
    let project = |text: &str| Project {
        name: name(text),
        role_assertion: true,
        role_check: false,
        has_project_check: false,
    };
    world.create(instance, &id("p2"), &acme.organization, project("two"));
    four(world, &owner, acme, &id("p2"), project("three"));
    let role = |key: &str| Role { key: RoleKey::parse(key).unwrap(), display_name: name(key), group: None };
    world.create(instance, &id("r2"), &acme.project, role("editor"));
    four(world, &owner, acme, &id("r2"), Role { display_name: name("Writer"), ..role("editor") });
    world.create(instance, &id("a2"), &acme.project, tenant::native());
    four(world, &owner, acme, &id("a2"), Application { refresh: false, ..tenant::native() });

    let bob = world.create_person(instance, &acme.organization, id("bob"));
    let roles = |key: &str| several([RoleKey::parse(key).unwrap()]);
    world.create(
        instance,
        &id("g2"),
        &acme.project,
        Authorization { user: bob.id.clone(), roles: roles("admin"), grant: None },
    );
    four(
        world,
        &owner,
        acme,
        &id("g2"),
        Authorization { user: bob.id.clone(), roles: roles("viewer"), grant: None },
    );
    let entry = Administrator {
        user: bob.id.clone(),
        within: Within::Project(acme.project.clone()),
        roles: several([AdministratorRole::ProjectOwner.into()]),
    };
    world.create(instance, &id("m2"), &root, entry.clone());
    four(world, &owner, acme, &id("m2"), entry);
    more(world, &owner, acme, globex);
    keepsakes(world, &owner, acme, &bob.id);
    four(world, &owner, acme, &bob.id, tenant::human("robert"));
}

fn more(world: &mut World, owner: &Caller, acme: &Tenant, globex: &Tenant) {
    let (instance, root) = (acme.instance, Id::from_number(acme.instance.0));
    let grant = |keys: &[&str]| ProjectGrant {
        organization: globex.organization.clone(),
        roles: several(keys.iter().map(|key| RoleKey::parse(key).unwrap()).collect::<Vec<_>>()),
    };
    world.create(instance, &id("pg2"), &acme.project, grant(&["viewer"]));
    four(world, owner, acme, &id("pg2"), grant(&["admin", "viewer"]));
    let role = |verb: Verb| CustomRole {
        name: name("Reader"),
        permissions: several([Permission { area: Area::User, verb }]),
    };
    world.create(instance, &id("reader"), &root, role(Verb::Read));
    four(world, owner, acme, &id("reader"), role(Verb::Write));
    let birth = TokenSecret { hash: Hash::of(b"a token") };
    let (parent, spec) = (acme.service.id.clone(), PersonalToken { expires: None });
    world.must(owner, instance, &Create { id: id("t2"), parent, spec, birth });
    let expires = Some(world.now.plus_secs(86_400));
    four(world, owner, acme, &id("t2"), PersonalToken { expires });
}

/// Groups and their members, metadata, keys; those of bob are left for the sweep that follows him.
fn keepsakes(world: &mut World, owner: &Caller, acme: &Tenant, bob: &Id) {
    let instance = acme.instance;
    let group = |text: &str| Group { name: name(text), description: None };
    world.create(instance, &id("gr2"), &acme.organization, group("staff"));
    let member = GroupMember { user: acme.user.id.clone() };
    world.create(instance, &id("gm2"), &id("gr2"), member.clone());
    world.create(instance, &id("gm3"), &id("gr2"), GroupMember { user: bob.clone() });
    four(world, owner, acme, &id("gm2"), member);
    let value = |text: &str| MetadataValue::new(text.as_bytes()).unwrap();
    let key = || MetadataKey::parse("a key").unwrap();
    let of_user = |text: &str| UserMetadata { key: key(), value: value(text) };
    world.create(instance, &id("um2"), &acme.user.id, of_user("one"));
    world.create(instance, &id("um3"), bob, of_user("his"));
    four(world, owner, acme, &id("um2"), of_user("two"));
    let of_organization = |text: &str| OrganizationMetadata { key: key(), value: value(text) };
    world.create(instance, &id("om2"), &acme.organization, of_organization("one"));
    four(world, owner, acme, &id("om2"), of_organization("two"));
    let jwk = crypto::testing::signing_key(crypto::Alg::Es256).public_jwk().key.canonical();
    let service_key = ServiceKey { jwk: PublicJwk::parse(&jwk).unwrap(), expires: None };
    world.create(instance, &id("sk2"), &acme.service.id, service_key.clone());
    four(world, owner, acme, &id("sk2"), service_key);
    four(world, owner, acme, &id("gr2"), group("crew"));
}

/// Sets a setting wherever it can be set, and lets it inherit again.
fn setting<T: Setting>(world: &mut World, owner: &Caller, acme: &Tenant) {
    let mut places = vec![None];
    places.extend(T::PER_ORGANIZATION.then(|| Some(acme.organization.clone())));
    for within in &places {
        world.must(
            owner,
            acme.instance,
            &Set { within: within.clone(), value: T::default(), expected: None },
        );
    }
    for within in places {
        world.must(owner, acme.instance, &Reset { within, expected: None, of: PhantomData::<T> });
    }
}

macro_rules! settings {
    ($($number:literal $name:ident $word:literal $type:ty;)*) => {
        fn settings(world: &mut World, owner: &Caller, acme: &Tenant) {
            $(setting::<$type>(world, owner, acme);)*
        }
    };
}
identity::settings!(settings);

/// Changes a resource, switches it off and on, and deletes it.
fn four<T: Resource>(world: &mut World, owner: &Caller, acme: &Tenant, id: &Id, spec: T) {
    let instance = acme.instance;
    world.must(owner, instance, &Update { id: id.clone(), revision: Some(1), spec });
    world.must(owner, instance, &set_state::<T>(id, State::Inactive));
    world.must(owner, instance, &set_state::<T>(id, State::Active));
    world.must(owner, instance, &delete::<T>(id));
}

fn sign_ins(world: &mut World, acme: &Tenant, umbra: &Tenant) {
    let instance = acme.instance;
    let owner = acme.org_owner.caller();
    let new = Some(world.new_key(instance));
    world.advance_secs(40);
    world.must(&Caller::system(), instance, &RotateKeys { alg: TokenAlg::Es256, new });
    world.advance_secs(20);
    world.must(&Caller::system(), instance, &RotateKeys { alg: TokenAlg::Es256, new: None });

    // Wrong passwords until there is a delay, which an administrator lifts.
    for _ in 0..6 {
        let revision = 1;
        world.must(&Caller::nobody(), instance, &FailPassword { user: acme.user.id.clone(), revision });
    }
    world.must(&owner, instance, &Unlock { user: acme.user.id.clone() });
    world.must(&owner, instance, &Lock { user: acme.user.id.clone() });
    world.must(&owner, instance, &Unlock { user: acme.user.id.clone() });

    // Signing in, rising, and a flow whose code and refresh token come back.
    let first = world.proof(instance, &acme.user.id);
    let mut person = acme.user.clone();
    person.session = world.must(&Caller::nobody(), instance, &first).session;
    let mut again = world.proof(instance, &acme.user.id);
    again.renews = Some(Renews { session: person.session.clone(), secret: first.secret });
    world.must(&Caller::nobody(), instance, &again);
    let mut tokens = world.tokens(instance, &person, &acme.web);
    let old = tokens.clone();
    world.refresh(instance, &acme.web, &mut tokens).unwrap();
    for _ in 0..2 {
        world.refresh(instance, &acme.web, &mut old.clone()).unwrap();
    }
    let code = world.issue(instance, &person, &acme.spa);
    for _ in 0..2 {
        let redemption = world.redemption(code);
        world.must(&acme.spa.caller(), instance, &redemption);
    }
    let tokens = world.tokens(umbra.instance, &umbra.user, &umbra.spa);
    world.must(&umbra.spa.caller(), umbra.instance, &RevokeFamily { family: tokens.family });
    let expires = world.now.plus_secs(60);
    world.must(&umbra.service.caller(), umbra.instance, &DenyToken { jti: "j".into(), expires });
    world.must(&person.caller(), instance, &EndSession {});
    world.must(&owner, instance, &EndSessionOf { session: acme.user.session.clone() });
    world.set_password(instance, &acme.user.id);
    let hash = Hash::of(b"new");
    world.must(&owner, instance, &SetServiceSecret { user: acme.service.id.clone(), hash });
    world.must(&owner, instance, &SetClientSecret { application: acme.web.id.clone(), hash });
}

fn refusals(world: &mut World, acme: &Tenant, globex: &Tenant) {
    let instance = acme.instance;
    for caller in [acme.user.caller(), globex.org_owner.caller(), acme.web.caller(), Caller::nobody()] {
        world.run(&caller, instance, &delete::<Project>(&acme.project)).unwrap_err();
    }
    let spec =
        Project { name: name("x"), role_assertion: false, role_check: false, has_project_check: false };
    let stale = Update { id: acme.project.clone(), revision: Some(9), spec: spec.clone() };
    world.run(&acme.org_owner.caller(), instance, &stale).unwrap_err();
    let twice = Create { id: acme.project.clone(), parent: acme.organization.clone(), spec, birth: () };
    world.run(&acme.org_owner.caller(), instance, &twice).unwrap_err();
}

/// Deletes whatever revision there is.
pub(crate) fn delete<T: Resource>(id: &Id) -> Delete<T> {
    Delete { id: id.clone(), revision: None, of: PhantomData }
}

/// Switches a resource on or off.
pub(crate) fn set_state<T: Resource>(id: &Id, state: State) -> SetState<T> {
    SetState { id: id.clone(), state, revision: None, of: PhantomData }
}
