//! What is switched off authenticates nothing; nothing of one tenant is reached through another; nobody grants what he
//! lacks.

use crate::scenario::{delete, set_state};
use crypto::Alg;
use crypto::testing::signing_key;
use identity::administrator::Administrator;
use identity::application::Application;
use identity::authorization::Authorization;
use identity::change::{Create, Update};
use identity::credential::alive;
use identity::credential::password::SetPassword;
use identity::credential::secret::{SetClientSecret, SetServiceSecret};
use identity::credential::service_key::{PublicJwk, ServiceKey, usable};
use identity::envelope::{Caller, Source, Subject, Via};
use identity::id::{Hash, Id, SYSTEM};
use identity::instance::SetInstanceState;
use identity::instance::domain::Domain;
use identity::name::HostName;
use identity::organization::Organization;
use identity::permission::{AdministratorRole, MANAGEMENT_SCOPE, Within};
use identity::project::role::{Role, RoleKey};
use identity::project::{OWN_PROJECT, Project};
use identity::record::State;
use identity::refusal::Refusal;
use identity::resource::Resource;
use identity::session::EndSession;
use identity::testing::fixtures::{World, id, name, several};
use identity::testing::tenant::{self, Client, Tenant, Tenants};
use identity::token::introspect::{self, Bearer};
use identity::user::User;

/// Each way in which a tenant's people and programs authenticate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Way {
    Session,
    WebClient,
    PublicClient,
    Bearer,
    Service,
    Key,
}

const WAYS: [Way; 6] = [Way::Session, Way::WebClient, Way::PublicClient, Way::Bearer, Way::Service, Way::Key];

/// The bearer of an access token of a family.
fn bearer(user: Id, family: Id, scopes: Vec<String>) -> Caller {
    Caller::bearer(user, Hash::of(b"jti"), Source::Family(family), scopes)
}

/// What hangs on a new key of the tenant's service account.
fn of_key(world: &mut World, tenant: &Tenant, key: &str, alg: Alg) -> Source {
    let jwk = PublicJwk::parse(&signing_key(alg).public_jwk().key.canonical()).unwrap();
    let expires = Some(world.now.plus_secs(3600));
    world.create(tenant.instance, &id(key), &tenant.service.id, ServiceKey { jwk, expires });
    usable(&world.reader(tenant.instance), key).unwrap().unwrap().source
}

struct Callers {
    tenant: Tenant,
    family: Id,
    key: Source,
}

impl Callers {
    fn of(world: &mut World, tenant: &Tenant) -> Callers {
        let family = world.tokens(tenant.instance, &tenant.user, &tenant.web).family;
        let key = of_key(world, tenant, "a-key", Alg::Es256);
        Callers { tenant: tenant.clone(), family, key }
    }

    fn caller(&self, way: Way) -> Caller {
        match way {
            Way::Session => self.tenant.user.caller(),
            Way::WebClient => self.tenant.web.caller(),
            Way::PublicClient => self.tenant.spa.caller(),
            Way::Bearer => bearer(self.tenant.user.id.clone(), self.family.clone(), vec!["openid".into()]),
            Way::Service => self.tenant.service.caller(),
            Way::Key => {
                Caller::bearer(self.tenant.service.id.clone(), Hash::of(b"jti"), self.key.clone(), vec![])
            }
        }
    }

    /// Which ways are dead, both for commands and for queries.
    #[track_caller]
    fn expect_dead(&self, world: &mut World, dead: &[Way]) {
        for way in WAYS {
            let caller = self.caller(way);
            let is_dead = alive::check(&world.reader(self.tenant.instance), &caller).is_err();
            assert_eq!(is_dead, dead.contains(&way), "{way:?}");
            // Every command asks the same; this one is allowed to sessions only.
            let mut copy = world.clone();
            let refusal = copy.run(&caller, self.tenant.instance, &EndSession {}).err();
            let at_the_door = matches!(refusal, Some(Refusal::CallerNotAlive | Refusal::InstanceNotActive));
            assert_eq!(at_the_door, dead.contains(&way), "{way:?}: {refusal:?}");
        }
        let reader = world.reader(self.tenant.instance);
        for (way, subject, source) in [
            (Way::Bearer, &self.tenant.user.id, Source::Family(self.family.clone())),
            (
                Way::Service,
                &self.tenant.service.id,
                Source::Service { generation: self.tenant.service.generation },
            ),
            (Way::Key, &self.tenant.service.id, self.key.clone()),
        ] {
            let expires = reader.now.plus_secs(60);
            let token = Bearer { subject: subject.clone(), jti: "j".into(), expires, source };
            assert_eq!(
                introspect::bearer(&reader, &token).is_err(),
                dead.contains(&way),
                "{way:?} introspected"
            );
        }
    }
}

/// Switches a resource of the tenant off: only these ways die. On again: all live.
#[track_caller]
fn check_switch<T: Resource>(pick: impl Fn(&Tenant) -> Id, dead: &[Way]) {
    let (mut world, Tenants { globex, .. }) = World::standard();
    let callers = Callers::of(&mut world, &globex);
    callers.expect_dead(&mut world, &[]);
    let target = pick(&globex);
    world.must(&Caller::system(), globex.instance, &set_state::<T>(&target, State::Inactive));
    callers.expect_dead(&mut world, dead);
    world.must(&Caller::system(), globex.instance, &set_state::<T>(&target, State::Active));
    callers.expect_dead(&mut world, &[]);
    world.must(&Caller::system(), globex.instance, &delete::<T>(&target));
    callers.expect_dead(&mut world, dead);
}

#[test]
fn a10_a_disabled_user_authenticates_nothing() {
    check_switch::<User>(|tenant| tenant.user.id.clone(), &[Way::Session, Way::Bearer]);
}

#[test]
fn a10_a_disabled_service_account_authenticates_nothing() {
    check_switch::<User>(|tenant| tenant.service.id.clone(), &[Way::Service, Way::Key]);
}

#[test]
fn a10_a_disabled_client_authenticates_nothing() {
    check_switch::<Application>(|tenant| tenant.web.id.clone(), &[Way::WebClient, Way::Bearer]);
    check_switch::<Application>(|tenant| tenant.spa.id.clone(), &[Way::PublicClient]);
}

#[test]
fn a10_a_disabled_project_authenticates_nothing() {
    check_switch::<Project>(
        |tenant| tenant.project.clone(),
        &[Way::WebClient, Way::PublicClient, Way::Bearer],
    );
}

#[test]
fn a10_a_disabled_organization_authenticates_nothing() {
    check_switch::<Organization>(|tenant| tenant.organization.clone(), &WAYS);
}

#[test]
fn a10_a_disabled_instance_authenticates_nothing() {
    let (mut world, Tenants { umbra, acme, .. }) = World::standard();
    let (callers, others) = (Callers::of(&mut world, &umbra), Callers::of(&mut world, &acme));
    for (state, dead) in [(State::Inactive, &WAYS[..]), (State::Active, &[])] {
        world.must(&Caller::system(), SYSTEM, &SetInstanceState { number: umbra.instance, state });
        callers.expect_dead(&mut world, dead);
        others.expect_dead(&mut world, &[]);
    }
}

#[test]
fn a10_who_is_switched_off_cannot_sign_in() {
    let (mut world, Tenants { acme, .. }) = World::standard();
    let off = |id: &Id| set_state::<User>(id, State::Inactive);
    world.must(&Caller::system(), acme.instance, &off(&acme.user.id));
    let proof = world.proof(acme.instance, &acme.user.id);
    world.when(&Caller::nobody(), acme.instance, &proof).refused(Refusal::CredentialChanged);
}

#[test]
fn a10_a_host_that_is_switched_off_leads_nowhere() {
    let (mut world, Tenants { acme, .. }) = World::standard();
    let host = |world: &World| identity::instance::by_host(&world.reader(SYSTEM), "auth.example").unwrap();
    assert_eq!(host(&world), Some(acme.instance));
    world.must(&Caller::system(), SYSTEM, &set_state::<Domain>(&id("auth.example"), State::Inactive));
    assert_eq!(host(&world), None);
}

#[test]
fn a11_a_host_belongs_to_one_instance() {
    let (mut world, Tenants { umbra, .. }) = World::standard();
    let spec = Domain { host: HostName::parse("auth.example").unwrap() };
    let parent = Id::from_number(umbra.instance.0);
    let command = Create { id: id("mine"), parent, spec, birth: () };
    world.when(&Caller::system(), SYSTEM, &command).refused(Refusal::HostTaken);
    world.when(&umbra.iam_owner.caller(), umbra.instance, &command).refused(Refusal::NotFound);
    world.when(&umbra.iam_owner.caller(), SYSTEM, &command).refused(Refusal::CallerNotAlive);
}

#[test]
fn a11_no_credential_counts_in_another_instance() {
    let (mut world, Tenants { acme, umbra, .. }) = World::standard();
    let callers = Callers::of(&mut world, &acme);
    for way in WAYS {
        world.when(&callers.caller(way), umbra.instance, &EndSession {}).refused(Refusal::CallerNotAlive);
    }
    world
        .when(&acme.iam_owner.caller(), umbra.instance, &delete::<User>(&umbra.user.id))
        .refused(Refusal::CallerNotAlive);
}

#[test]
fn a11_the_owner_of_an_instance_finds_nothing_of_another() {
    let (mut world, Tenants { acme, umbra, .. }) = World::standard();
    let owner = acme.iam_owner.caller();
    let instance = acme.instance;
    let gone = Refusal::NotFound;
    world.when(&owner, instance, &delete::<Organization>(&umbra.organization)).refused(gone);
    world.when(&owner, instance, &delete::<Project>(&umbra.project)).refused(gone);
    world.when(&owner, instance, &set_state::<Application>(&umbra.web.id, State::Inactive)).refused(gone);
    let hash = Hash::of(b"x");
    world.when(&owner, instance, &SetClientSecret { application: umbra.web.id.clone(), hash }).refused(gone);
    world.when(&owner, instance, &SetServiceSecret { user: umbra.service.id.clone(), hash }).refused(gone);
    let command = SetPassword { user: umbra.user.id.clone(), sealed: vec![1] };
    world.when(&owner, instance, &command).refused(gone);
    let spec = Authorization {
        user: umbra.user.id.clone(),
        roles: several([RoleKey::parse("viewer").unwrap()]),
        grant: None,
    };
    let command = Create { id: id("g"), parent: acme.project.clone(), spec, birth: () };
    world.when(&owner, instance, &command).refused(Refusal::NoSuchUser);
    let code = world.code_for(&umbra.web);
    world.when(&acme.user.caller(), instance, &code).refused(gone);
}

#[test]
fn a11_a_code_and_a_family_of_another_instance_are_unknown() {
    let (mut world, Tenants { acme, umbra, .. }) = World::standard();
    let code = world.issue(acme.instance, &acme.user, &acme.web);
    let redemption = world.redemption(code);
    world.when(&umbra.web.caller(), umbra.instance, &redemption).refused(Refusal::CodeUnknown);
    let tokens = world.tokens(acme.instance, &acme.user, &acme.web);
    let advancement = world.advancement(umbra.instance, &tokens);
    world.when(&umbra.web.caller(), umbra.instance, &advancement).refused(Refusal::FamilyNotAlive);
}

#[test]
fn a11_the_owner_of_an_organization_changes_nothing_of_another() {
    let (mut world, Tenants { acme, globex, .. }) = World::standard();
    let (owner, instance) = (globex.org_owner.caller(), globex.instance);
    let no = Refusal::NotPermitted;
    let spec =
        || Project { name: name("mine"), role_assertion: false, role_check: false, has_project_check: false };
    let parent = acme.organization.clone();
    world.when(&owner, instance, &Create { id: id("p"), parent, spec: spec(), birth: () }).refused(no);
    let update = Update { id: acme.project.clone(), revision: None, spec: spec() };
    world.when(&owner, instance, &update).refused(no);
    let role = Role { key: RoleKey::parse("boss").unwrap(), display_name: name("Boss"), group: None };
    let parent = acme.project.clone();
    world.when(&owner, instance, &Create { id: id("r"), parent, spec: role, birth: () }).refused(no);
    let parent = acme.project.clone();
    world.when(&owner, instance, &Create { id: id("a"), parent, spec: tenant::web(), birth: () }).refused(no);
    let birth = world.person_key(instance, &id("u"));
    let parent = acme.organization.clone();
    world
        .when(&owner, instance, &Create { id: id("u"), parent, spec: tenant::human("u"), birth })
        .refused(no);
    world.when(&owner, instance, &SetPassword { user: acme.user.id.clone(), sealed: vec![1] }).refused(no);
    let hash = Hash::of(b"x");
    world.when(&owner, instance, &SetClientSecret { application: acme.web.id.clone(), hash }).refused(no);
    world.when(&owner, instance, &SetServiceSecret { user: acme.service.id.clone(), hash }).refused(no);
    world.when(&owner, instance, &delete::<Authorization>(&id("acme-alice-grant"))).refused(no);
    world.when(&owner, instance, &delete::<Administrator>(&id("acme-org-owner-OrgOwner"))).refused(no);
}

#[test]
fn a11_roles_are_those_of_the_project_itself() {
    let (mut world, Tenants { acme, globex, .. }) = World::standard();
    let owner = globex.org_owner.caller();
    let key = RoleKey::parse("acme-only").unwrap();
    let role = Role { key: key.clone(), display_name: name("x"), group: None };
    world.create(acme.instance, &id("r"), &acme.project, role);
    let spec = Authorization { user: globex.org_owner.id.clone(), roles: several([key]), grant: None };
    let command = Create { id: id("g"), parent: globex.project.clone(), spec, birth: () };
    world.when(&owner, globex.instance, &command).refused(Refusal::NoSuchRole);
}

#[test]
fn a11_an_application_never_takes_the_id_of_a_user_nor_the_reverse() {
    // They share the client_id of the token endpoint and, under one id, would share a secret.
    let (mut world, Tenants { acme, globex, .. }) = World::standard();
    let (owner, instance) = (globex.org_owner.caller(), globex.instance);
    let parent = globex.project.clone();
    let command = Create { id: acme.service.id.clone(), parent, spec: tenant::web(), birth: () };
    world.when(&owner, instance, &command).refused(Refusal::AlreadyExists);
    let birth = world.person_key(instance, &acme.web.id);
    let (id, parent) = (acme.web.id.clone(), globex.organization.clone());
    let command = Create { id, parent, spec: tenant::human("web"), birth };
    world.when(&owner, instance, &command).refused(Refusal::AlreadyExists);
    // Not even while the other waits for its sweep.
    world.must(&Caller::system(), instance, &delete::<User>(&acme.service.id));
    let parent = globex.project.clone();
    let command = Create { id: acme.service.id.clone(), parent, spec: tenant::web(), birth: () };
    world.when(&owner, instance, &command).refused(Refusal::AlreadyExists);
}

#[test]
fn a11_an_application_named_like_a_project_learns_nothing_of_its_tokens() {
    let (mut world, Tenants { acme, globex, .. }) = World::standard();
    let parent = globex.project.clone();
    let (owner, instance) = (globex.org_owner.caller(), globex.instance);
    let command = Create { id: acme.project.clone(), parent, spec: tenant::web(), birth: () };
    world.when(&owner, instance, &command).refused(Refusal::AlreadyExists);
    let spec =
        Project { name: name("x"), role_assertion: false, role_check: false, has_project_check: false };
    let command = Create { id: acme.web.id.clone(), parent: globex.organization.clone(), spec, birth: () };
    world.when(&owner, instance, &command).refused(Refusal::AlreadyExists);
    let reader = world.reader(acme.instance);
    let application = |id: &Id| reader.live::<Application>(id).unwrap();
    let audience = [acme.web.id.to_string(), acme.project.to_string()];
    let may = |id: &Id| introspect::may_introspect(&application(id), acme.web.id.as_str(), &audience);
    assert!(may(&acme.web.id) && may(&acme.api.id));
    assert!(!may(&acme.spa.id) && !may(&globex.api.id) && !may(&globex.web.id));
}

#[test]
fn a12_nobody_appoints_to_more_than_he_governs() {
    let (mut world, Tenants { acme, globex, .. }) = World::standard();
    let instance = acme.instance;
    let root = Id::from_number(instance.0);
    let places = [
        (Within::Instance, AdministratorRole::IamOwner),
        (Within::Organization(acme.organization.clone()), AdministratorRole::OrgOwner),
        (Within::Project(acme.project.clone()), AdministratorRole::ProjectOwner),
        (Within::Organization(globex.organization.clone()), AdministratorRole::OrgOwner),
    ];
    let callers = [
        (acme.iam_owner.caller(), [true, true, true, true]),
        (acme.org_owner.caller(), [false, true, true, false]),
        (acme.project_owner.caller(), [false, false, true, false]),
        (acme.user.caller(), [false; 4]),
        (acme.service.caller(), [false; 4]),
        (acme.web.caller(), [false; 4]),
        (Caller::nobody(), [false; 4]),
    ];
    for (caller, allowed) in callers {
        for ((within, role), allowed) in places.iter().zip(allowed) {
            let spec = Administrator {
                user: acme.user.id.clone(),
                within: within.clone(),
                roles: several([(*role).into()]),
            };
            let command = Create { id: id("entry"), parent: root.clone(), spec, birth: () };
            let outcome = world.clone().run(&caller, instance, &command).map(|_| ());
            let expected = if allowed { Ok(()) } else { Err(Refusal::NotPermitted) };
            assert_eq!(outcome, expected, "{caller:?} appoints {role:?} at {within:?}");
        }
    }
    let spec = |within, role: AdministratorRole| Administrator {
        user: acme.user.id.clone(),
        within,
        roles: several([role.into()]),
    };
    for (within, role) in [
        (Within::Organization(acme.organization.clone()), AdministratorRole::IamOwner),
        (Within::Project(acme.project.clone()), AdministratorRole::OrgOwner),
        (Within::Instance, AdministratorRole::ProjectOwner),
    ] {
        let command = Create { id: id("entry"), parent: root.clone(), spec: spec(within, role), birth: () };
        world.when(&acme.iam_owner.caller(), instance, &command).refused(Refusal::RoleNotOfPlace);
    }
}

#[test]
fn a12_nobody_takes_the_credential_of_one_who_governs_more() {
    let (mut world, Tenants { acme, .. }) = World::standard();
    let instance = acme.instance;
    world.appoint(instance, &acme.service.id, Within::Instance, AdministratorRole::IamOwner);
    let password = |user: &Id| SetPassword { user: user.clone(), sealed: vec![1] };
    let secret = |user: &Id| SetServiceSecret { user: user.clone(), hash: Hash::of(b"mine") };
    let owner = acme.org_owner.caller();
    world.when(&owner, instance, &password(&acme.iam_owner.id)).refused(Refusal::ExceedsOwn);
    world.when(&owner, instance, &secret(&acme.service.id)).refused(Refusal::ExceedsOwn);
    world.must(&owner, instance, &password(&acme.project_owner.id));
    world.must(&owner, instance, &password(&acme.user.id));
    world.must(&acme.iam_owner.caller(), instance, &password(&acme.org_owner.id));
    world.must(&acme.iam_owner.caller(), instance, &secret(&acme.service.id));
    world.must(&acme.iam_owner.caller(), instance, &password(&acme.iam_owner.id));
}

#[test]
fn a12_who_governs_a_deleted_place_governs_nothing() {
    let (mut world, Tenants { acme, globex, .. }) = World::standard();
    let instance = acme.instance;
    world.appoint(
        instance,
        &acme.user.id,
        Within::Organization(globex.organization.clone()),
        AdministratorRole::OrgOwner,
    );
    let command = SetPassword { user: acme.user.id.clone(), sealed: vec![1] };
    world.when(&acme.org_owner.caller(), instance, &command).refused(Refusal::ExceedsOwn);
    world.must(&acme.iam_owner.caller(), instance, &delete::<Organization>(&globex.organization));
    world.must(&acme.org_owner.caller(), instance, &command);
    let session = world.sign_in(instance, &acme.user.id);
    let caller = Caller::session(acme.user.id.clone(), session);
    world.when(&caller, instance, &delete::<User>(&globex.user.id)).refused(Refusal::NotFound);
}

#[test]
fn a12_a_token_governs_only_with_the_scope_that_its_family_was_granted() {
    let (mut world, Tenants { acme, .. }) = World::standard();
    let instance = acme.instance;
    let spec = Project {
        name: name("Conclave"),
        role_assertion: false,
        role_check: false,
        has_project_check: false,
    };
    world.create(instance, &id(OWN_PROJECT), &acme.organization, spec);
    let own = world.create_client(instance, &id(OWN_PROJECT), id("own-web"), tenant::web());
    let mut family_with_scope = |client: &Client| {
        let mut code = world.code_for(client);
        code.scopes = vec!["openid".into(), MANAGEMENT_SCOPE.into()];
        world.must(&acme.org_owner.caller(), instance, &code);
        let redemption = world.redemption(code.code);
        world.must(&client.caller(), instance, &redemption);
        redemption
    };
    // Whoever owns an application must not get the rights of the administrators who visit it.
    let foreign = family_with_scope(&acme.web).family;
    let redemption = family_with_scope(&own);
    let plain = world.tokens(instance, &acme.org_owner, &acme.web).family;
    let bearer = |family: &Id, scopes: &[&str]| {
        let scopes = scopes.iter().map(|scope| (*scope).to_owned()).collect();
        bearer(acme.org_owner.id.clone(), family.clone(), scopes)
    };
    let command = delete::<User>(&acme.user.id);
    let cases = [
        (bearer(&plain, &["openid"]), Refusal::NotPermitted),
        (bearer(&plain, &["openid", MANAGEMENT_SCOPE]), Refusal::CallerNotAlive),
        (bearer(&redemption.family, &["openid"]), Refusal::NotPermitted),
        (bearer(&foreign, &["openid", MANAGEMENT_SCOPE]), Refusal::CallerNotAlive),
    ];
    for (caller, refusal) in cases {
        world.when(&caller, instance, &command).refused(refusal);
    }
    let stolen =
        Caller { subject: Subject::User(acme.iam_owner.id.clone()), ..bearer(&redemption.family, &[]) };
    world.when(&stolen, instance, &command).refused(Refusal::CallerNotAlive);
    let stolen = Caller { via: Via::Session(acme.org_owner.session.clone()), ..acme.iam_owner.caller() };
    world.when(&stolen, instance, &command).refused(Refusal::CallerNotAlive);
    world.must(&bearer(&redemption.family, &[MANAGEMENT_SCOPE]), instance, &command);
}

#[test]
fn a12_no_number_of_entries_hides_what_somebody_governs() {
    // Whoever could hide the entry of the instance's owner behind others could take his password.
    let (mut world, Tenants { acme, .. }) = World::standard();
    let (owner, instance) = (acme.org_owner.caller(), acme.instance);
    let root = Id::from_number(instance.0);
    let mut refused = 0;
    for number in 0..identity::permission::ENTRIES_MAX + 5 {
        let project = id(&format!("a{number:03}"));
        let spec =
            Project { name: name("x"), role_assertion: false, role_check: false, has_project_check: false };
        world.create(instance, &project, &acme.organization, spec);
        let within = Within::Project(project.clone());
        let spec = Administrator {
            user: acme.iam_owner.id.clone(),
            within,
            roles: several([AdministratorRole::ProjectOwner.into()]),
        };
        let command = Create { id: project.clone(), parent: root.clone(), spec, birth: () };
        match world.run(&owner, instance, &command) {
            Ok(_) => {
                drop(world.must(&owner, instance, &set_state::<Administrator>(&project, State::Inactive)))
            }
            Err(refusal) => {
                assert_eq!(refusal, Refusal::LimitReached);
                refused += 1;
            }
        }
    }
    assert_eq!(refused, 6, "one entry was there before");
    let command = SetPassword { user: acme.iam_owner.id.clone(), sealed: vec![1] };
    world.when(&owner, instance, &command).refused(Refusal::ExceedsOwn);
    // A limit that is reached does not keep what is there from being switched on.
    world.must(&owner, instance, &set_state::<Administrator>(&id("a000"), State::Active));
}

#[test]
fn an_entry_that_is_switched_off_governs_nothing() {
    let (mut world, Tenants { acme, .. }) = World::standard();
    let command = delete::<User>(&acme.user.id);
    let entry = set_state::<Administrator>(&id("acme-org-owner-OrgOwner"), State::Inactive);
    world.must(&acme.iam_owner.caller(), acme.instance, &entry);
    world.when(&acme.org_owner.caller(), acme.instance, &command).refused(Refusal::NotPermitted);
    world
        .when(&acme.org_owner.caller(), acme.instance, &delete::<Project>(&acme.project))
        .refused(Refusal::NotPermitted);
}

#[test]
fn a_confidential_client_does_not_call_without_a_secret_nor_a_public_one_with() {
    let (mut world, Tenants { acme, .. }) = World::standard();
    let instance = acme.instance;
    let code = world.issue(instance, &acme.user, &acme.web);
    let redemption = world.redemption(code);
    let generation = acme.web.generation.unwrap();
    for bad in [None, Some(generation + 1), Some(generation - 1), Some(0)] {
        let caller = Caller::client(acme.web.id.clone(), bad);
        world.when(&caller, instance, &redemption).refused(Refusal::CallerNotAlive);
    }
    let posing = Caller { subject: Subject::Client(acme.web.id.clone()), ..acme.spa.caller() };
    world.when(&posing, instance, &redemption).refused(Refusal::CallerNotAlive);
    let caller = Caller::client(acme.spa.id.clone(), Some(1));
    world.when(&caller, instance, &redemption).refused(Refusal::CallerNotAlive);
    // Made public, it has no use for the secret it had.
    let spec = Application { auth: identity::application::ClientAuth::None, ..tenant::web() };
    world.must(&acme.org_owner.caller(), instance, &Update { id: acme.web.id.clone(), revision: None, spec });
    world.when(&acme.web.caller(), instance, &redemption).refused(Refusal::CallerNotAlive);
    let hash = Hash::of(b"x");
    let command = SetClientSecret { application: acme.web.id.clone(), hash };
    world.when(&acme.org_owner.caller(), instance, &command).refused(Refusal::PublicClient);
}

#[test]
fn a_token_counts_for_its_subject_until_it_ends() {
    let (mut world, Tenants { acme, .. }) = World::standard();
    let family = world.tokens(acme.instance, &acme.user, &acme.web).family;
    let reader = world.reader(acme.instance);
    let good = Bearer {
        subject: acme.user.id.clone(),
        jti: "j".into(),
        expires: identity::time::Timestamp(reader.now.0 + 1),
        source: Source::Family(family),
    };
    assert_eq!(introspect::bearer(&reader, &good).unwrap().id, acme.user.id);
    let service = Source::Service { generation: acme.service.generation };
    for bad in [
        Bearer { expires: reader.now, ..good.clone() },
        Bearer { subject: acme.org_owner.id.clone(), ..good.clone() },
        Bearer { source: Source::Family(id("f")), ..good.clone() },
        Bearer { source: service, ..good.clone() },
        Bearer {
            source: Source::Service { generation: 0 },
            subject: acme.service.id.clone(),
            ..good.clone()
        },
    ] {
        assert!(introspect::bearer(&reader, &bad).is_err(), "{bad:?}");
    }
    let expires = world.now.plus_secs(60);
    let deny = identity::token::deny::DenyToken { jti: "j".into(), expires };
    world.must(&acme.web.caller(), acme.instance, &deny);
    assert!(introspect::bearer(&world.reader(acme.instance), &good).is_err(), "denied");
}

#[test]
fn a_token_of_a_key_ends_with_the_key() {
    let (mut world, Tenants { acme, globex, umbra }) = World::standard();
    let (system, instance) = (Caller::system(), acme.instance);
    let source = of_key(&mut world, &acme, "k", Alg::Es256);
    let Source::Key { key, jwk } = source.clone() else { panic!("{source:?}") };
    let counts = |world: &World, tenant: &Tenant, subject: &Id, source: &Source| {
        let reader = world.reader(tenant.instance);
        let expires = reader.now.plus_secs(60);
        let token = Bearer { subject: subject.clone(), jti: "j".into(), expires, source: source.clone() };
        let introspected = introspect::bearer(&reader, &token).is_ok();
        let caller = Caller::bearer(subject.clone(), Hash::of(b"j"), source.clone(), vec![]);
        assert_eq!(alive::check(&reader, &caller).is_ok(), introspected, "{token:?}");
        introspected
    };
    let robot = &acme.service.id;
    assert!(counts(&world, &acme, robot, &source));
    // another's, another tenant's, of a key that is not there
    assert!(!counts(&world, &acme, &acme.user.id, &source));
    assert!(!counts(&world, &globex, &globex.service.id, &source));
    assert!(!counts(&world, &umbra, &umbra.service.id, &source));
    for (key, jwk) in [(id("k2"), jwk), (id("K"), jwk), (key, Hash::of(b"another"))] {
        assert!(!counts(&world, &acme, robot, &Source::Key { key, jwk }));
    }
    let other = of_key(&mut world, &acme, "k2", Alg::EdDsa);
    // switched off, and deleted
    world.must(&system, instance, &set_state::<ServiceKey>(&id("k"), State::Inactive));
    assert!(!counts(&world, &acme, robot, &source) && counts(&world, &acme, robot, &other));
    world.must(&system, instance, &set_state::<ServiceKey>(&id("k"), State::Active));
    assert!(counts(&world, &acme, robot, &source));
    world.must(&system, instance, &delete::<ServiceKey>(&id("k")));
    assert!(!counts(&world, &acme, robot, &source) && counts(&world, &acme, robot, &other));
    // Under the id of the old key, another one revives nothing.
    let new = of_key(&mut world, &acme, "k", Alg::EdDsa);
    assert!(!counts(&world, &acme, robot, &source) && counts(&world, &acme, robot, &new));
    // expired
    world.advance_secs(3599);
    assert!(counts(&world, &acme, robot, &new));
    world.advance_secs(1);
    assert!(!counts(&world, &acme, robot, &new) && !counts(&world, &acme, robot, &other));
}

#[test]
fn instances_are_switched_by_the_system_alone() {
    let (mut world, Tenants { acme, umbra, .. }) = World::standard();
    let system = Caller::system();
    let command = |state| SetInstanceState { number: umbra.instance, state };
    world.when(&system, acme.instance, &command(State::Inactive)).refused(Refusal::InvalidSpec);
    world.when(&system, umbra.instance, &command(State::Inactive)).refused(Refusal::InvalidSpec);
    world.when(&system, SYSTEM, &command(State::Deleted)).refused(Refusal::InvalidSpec);
    let unknown = SetInstanceState { number: identity::id::InstanceId(9), state: State::Inactive };
    world.when(&system, SYSTEM, &unknown).refused(Refusal::NotFound);
}

#[test]
fn a12_nobody_changes_a_person_who_governs_more() {
    let (mut world, Tenants { acme, .. }) = World::standard();
    let owner = world.reader(acme.instance).existing::<User>(&acme.iam_owner.id).unwrap().spec;
    let renamed = User { username: identity::name::Username::parse("renamed").unwrap(), ..owner };
    let update = Update { id: acme.iam_owner.id.clone(), revision: None, spec: renamed };
    world.when(&acme.org_owner.caller(), acme.instance, &update).refused(Refusal::ExceedsOwn);
    world
        .when(&acme.org_owner.caller(), acme.instance, &delete::<User>(&acme.iam_owner.id))
        .refused(Refusal::ExceedsOwn);
}

#[test]
fn a12_only_the_system_makes_the_instances_own_project() {
    let (mut world, Tenants { acme, .. }) = World::standard();
    let spec =
        Project { name: name("x"), role_assertion: false, role_check: false, has_project_check: false };
    let command = Create { id: id(OWN_PROJECT), parent: acme.organization.clone(), spec, birth: () };
    for caller in [acme.org_owner.caller(), acme.iam_owner.caller()] {
        world.when(&caller, acme.instance, &command).refused(Refusal::NotPermitted);
    }
    world.must(&Caller::system(), acme.instance, &command);
}
