//! Who may do what: every line of the tables, asked by everyone, as data. Nothing here goes through an endpoint.

use crate::scenario::{delete, set_state};
use identity::administrator::Administrator;
use identity::application::{Application, TokenAlg};
use identity::authorization::Authorization;
use identity::change::{Create, Update};
use identity::cluster::membership::{RemoveNode, ReplaceNode, SetNodeRole};
use identity::cluster::node::{FoundCluster, Wanted};
use identity::cluster::token::{CreateJoinToken, RevokeJoinToken};
use identity::command::{COMMANDS, Command, RESOURCES};
use identity::credential::password::SetPassword;
use identity::credential::personal_token::{PersonalToken, TokenSecret};
use identity::credential::secret::{SetClientSecret, SetServiceSecret};
use identity::credential::service_key::{PublicJwk, ServiceKey};
use identity::credential::throttle::{FailPassword, Lock, Unlock};
use identity::encoding::encode;
use identity::envelope::{Caller, Envelope, Remember};
use identity::execute::Outcome;
use identity::group::Group;
use identity::group::member::GroupMember;
use identity::id::{Hash, Id, InstanceId, SYSTEM};
use identity::instance::domain::Domain;
use identity::instance::{CreateInstance, SetInstanceState};
use identity::level::RaiseLevel;
use identity::metadata::{MetadataKey, MetadataValue, OrganizationMetadata, UserMetadata};
use identity::name::HostName;
use identity::organization::Organization;
use identity::permission::{AdministratorRole, Area, CustomRole, Permission, Verb, Within};
use identity::project::Project;
use identity::project::grant::ProjectGrant;
use identity::project::role::{Role, RoleKey};
use identity::record::State;
use identity::refusal::Refusal;
use identity::resource::Resource;
use identity::session::{EndSession, EndSessionOf};
use identity::setting::{Reset, Set, Setting};
use identity::signing_key::RotateKeys;
use identity::sweep::Sweep;
use identity::testing::cluster;
use identity::testing::fixtures::{World, id, name, several};
use identity::testing::tenant::{self, Tenant, Tenants};
use identity::token::deny::DenyToken;
use identity::token::family::RevokeFamily;
use identity::user::User;
use std::marker::PhantomData;

/// Who asks, each by a letter.
fn callers(acme: &Tenant, globex: &Tenant, umbra: &Tenant) -> Vec<(char, Caller)> {
    vec![
        ('S', Caller::system()),
        ('I', acme.iam_owner.caller()),
        ('O', acme.org_owner.caller()),
        ('P', acme.project_owner.caller()),
        ('U', acme.user.caller()),
        ('V', acme.service.caller()),
        ('C', acme.web.caller()),
        ('N', Caller::nobody()),
        ('X', globex.org_owner.caller()),
        ('Y', umbra.iam_owner.caller()),
    ]
}

/// A line of the matrix: what is asked about acme, and by whom it may be.
struct Line {
    number: u16,
    what: String,
    instance: InstanceId,
    body: Vec<u8>,
    allowed: &'static str,
}

fn line<C: Command>(instance: InstanceId, command: &C, allowed: &'static str) -> Line {
    Line { number: C::NUMBER, what: C::NAME.to_owned(), instance, body: encode(command), allowed }
}

/// The four lines of a plain resource: created under `parent`, and `target` changed, switched off and deleted.
fn four<T: Resource>(
    instance: InstanceId,
    parent: &Id,
    target: &Id,
    (new, birth, changed): (T, T::Birth, T),
    create: &'static str,
    change: &'static str,
) -> Vec<Line> {
    let update = Update { id: target.clone(), revision: None, spec: changed };
    let mut lines = vec![
        line(instance, &Create { id: id("new"), parent: parent.clone(), spec: new, birth }, create),
        line(instance, &update, change),
        line(instance, &set_state::<T>(target, State::Inactive), change),
        line(instance, &delete::<T>(target), change),
    ];
    for line in &mut lines {
        line.what = format!("{} {}", line.what, T::KIND.word());
    }
    lines
}

fn resources(world: &mut World, acme: &Tenant, globex: &Tenant) -> Vec<Line> {
    let instance = acme.instance;
    let root = Id::from_number(instance.0);
    let organization = |text: &str| Organization {
        name: name(text),
        domain: HostName::parse(&format!("{text}.test")).unwrap(),
    };
    let project = |text: &str| Project {
        name: name(text),
        role_assertion: false,
        role_check: false,
        has_project_check: false,
    };
    let role = |key: &str| Role { key: RoleKey::parse(key).unwrap(), display_name: name(key), group: None };
    let grant = |user: &Id, role: &str| Authorization {
        user: user.clone(),
        roles: several([RoleKey::parse(role).unwrap()]),
        grant: None,
    };
    let entry = |user: &Id| Administrator {
        user: user.clone(),
        within: Within::Project(acme.project.clone()),
        roles: several([AdministratorRole::ProjectOwner.into()]),
    };
    let host = |text: &str| Domain { host: HostName::parse(text).unwrap() };
    let key = world.person_key(instance, &id("new"));
    let mut user = tenant::human("new-user");
    user.username = identity::name::Username::parse("renamed").unwrap();
    let users = (tenant::human("new-user"), key, user);
    let web = Application { refresh: false, ..tenant::web() };
    let grants = (grant(&acme.org_owner.id, "admin"), (), grant(&acme.user.id, "admin"));
    let entries = (entry(&acme.user.id), (), entry(&acme.project_owner.id));
    let (o, p) = (&acme.organization, &acme.project);
    let received = |key: &str| ProjectGrant {
        organization: globex.organization.clone(),
        roles: several([RoleKey::parse(key).unwrap()]),
    };
    world.create(instance, &id("initech"), &root, organization("initech"));
    world.create(instance, &id("pg"), p, ProjectGrant { organization: id("initech"), roles: several([]) });
    let given = ProjectGrant { organization: id("initech"), ..received("viewer") };
    let custom = |verb: Verb| CustomRole {
        name: name("x"),
        permissions: several([Permission { area: Area::User, verb }]),
    };
    world.create(instance, &id("reader"), &root, custom(Verb::Read));
    let token = |secs: u64| PersonalToken { expires: Some(world.now.plus_secs(secs)) };
    let service = acme.service.id.clone();
    let birth = TokenSecret { hash: Hash::of(b"t") };
    let old = Create { id: id("pat"), parent: service.clone(), spec: token(60), birth: birth.clone() };
    let tokens = (token(60), birth, token(90));
    world.must(&Caller::system(), instance, &old);
    let roles = (role("x"), (), Role { display_name: name("Y"), ..role("viewer") });
    [
        // What befalls acme befalls the owner of the instance, who is at home there.
        four(instance, &root, o, (organization("x"), (), organization("y")), "SI", "SI"),
        four(instance, o, p, (project("x"), (), project("y")), "SIO", "SIOP"),
        four(instance, p, &id("acme-viewer"), roles, "SIOP", "SIOP"),
        four(
            instance,
            p,
            &acme.spa.id,
            (
                tenant::web(),
                (),
                Application {
                    auth: identity::application::ClientAuth::None,
                    pkce_optional: false,
                    redirect_uris: several([]),
                    ..tenant::spa()
                },
            ),
            "SIOP",
            "SIOP",
        ),
        four(instance, o, &acme.user.id, users, "SIO", "SIO"),
        four(instance, p, &id("acme-alice-grant"), grants, "SIOP", "SIOP"),
        four(instance, &root, &id("acme-project-owner-ProjectOwner"), entries, "SIOP", "SIOP"),
        four(instance, p, &id("pg"), (received("viewer"), (), given), "SIOP", "SIOP"),
        four(instance, &root, &id("reader"), (custom(Verb::Read), (), custom(Verb::Write)), "SI", "SI"),
        four(instance, &service, &id("pat"), tokens, "SIO", "SIO"),
        four(SYSTEM, &root, &id("auth.example"), (host("x.test"), (), host("y.test")), "S", "S"),
        vec![line(
            instance,
            &Update {
                id: acme.api.id.clone(),
                revision: None,
                spec: Application { name: web.name, ..tenant::api() },
            },
            "SIOP",
        )],
    ]
    .into_iter()
    .flatten()
    .collect()
}

fn of_people(world: &mut World, acme: &Tenant) -> Vec<Line> {
    let (instance, o) = (acme.instance, &acme.organization);
    let group = |text: &str| Group { name: name(text), description: None };
    let member = |user: &Id| GroupMember { user: user.clone() };
    let metadata = |text: &str| UserMetadata {
        key: MetadataKey::parse(text).unwrap(),
        value: MetadataValue::new(b"v").unwrap(),
    };
    let of_organization = |text: &str| {
        let UserMetadata { key, value } = metadata(text);
        OrganizationMetadata { key, value }
    };
    let jwk = crypto::testing::signing_key(crypto::Alg::EdDsa).public_jwk().key.canonical();
    let key = ServiceKey { jwk: PublicJwk::parse(&jwk).unwrap(), expires: None };
    let (user, service) = (&acme.user.id, &acme.service.id);
    world.create(instance, &id("gr"), o, group("staff"));
    world.create(instance, &id("gm"), &id("gr"), member(user));
    world.create(instance, &id("um"), user, metadata("k"));
    world.create(instance, &id("om"), o, of_organization("k"));
    world.create(instance, &id("sk"), service, key.clone());
    let members = (member(service), (), member(user));
    let of_organizations = (of_organization("x"), (), of_organization("y"));
    [
        four(instance, o, &id("gr"), (group("x"), (), group("y")), "SIO", "SIO"),
        four(instance, &id("gr"), &id("gm"), members, "SIO", "SIO"),
        four(instance, user, &id("um"), (metadata("x"), (), metadata("y")), "SIO", "SIO"),
        four(instance, o, &id("om"), of_organizations, "SIO", "SIO"),
        four(instance, service, &id("sk"), (key.clone(), (), key), "SIO", "SIO"),
    ]
    .into_iter()
    .flatten()
    .collect()
}

fn others(world: &mut World, acme: &Tenant) -> Vec<Line> {
    let instance = acme.instance;
    let key = crypto::Secret::new([7; 32]);
    let data_key = world.machine().keyring.wrap_instance(InstanceId(3), &key, [7; 12]);
    let host = HostName::parse("third.test").unwrap();
    let (user, application, hash) = (acme.user.id.clone(), acme.web.id.clone(), Hash::of(b"x"));
    let tokens = world.tokens(instance, &acme.user, &acme.web);
    let issued = world.issue(instance, &acme.user, &acme.web);
    let expires = world.now.plus_secs(60);
    let new = Some(world.new_key(instance));
    let (proof, code) = (world.proof(instance, &user), world.code_for(&acme.web));
    let (redemption, advancement) = (world.redemption(issued), world.advancement(instance, &tokens));
    let session = world.sign_in(instance, &user);
    vec![
        line(SYSTEM, &CreateInstance { number: InstanceId(3), name: name("x"), host, data_key }, "S"),
        line(SYSTEM, &SetInstanceState { number: InstanceId(2), state: State::Inactive }, "S"),
        line(SYSTEM, &RaiseLevel { level: 1 }, "S"),
        line(instance, &Sweep { limit: 1 }, "S"),
        line(instance, &SetClientSecret { application, hash }, "SIOP"),
        line(instance, &SetServiceSecret { user: acme.service.id.clone(), hash }, "SIO"),
        line(instance, &SetPassword { user: user.clone(), sealed: vec![1] }, "SIO"),
        line(instance, &proof, "SIOPUNX"),
        line(instance, &FailPassword { user: user.clone(), revision: 1 }, "SIOPUNX"),
        line(instance, &Unlock { user: user.clone() }, "SIO"),
        line(instance, &Lock { user }, "SIO"),
        line(instance, &EndSession {}, "IOPUX"),
        line(instance, &EndSessionOf { session }, "SIO"),
        line(instance, &code, "IOPUX"),
        line(instance, &redemption, "C"),
        line(instance, &advancement, "C"),
        line(instance, &RevokeFamily { family: tokens.family }, "C"),
        line(instance, &DenyToken { jti: "j".into(), expires }, "CV"),
        line(instance, &RotateKeys { alg: TokenAlg::Rs256, new }, "S"),
    ]
}

/// The two lines of a setting: of the instance, and of acme if an organization has it too.
fn setting<T: Setting>(tenant: &Tenant) -> Vec<Line> {
    let (instance, value, of) = (tenant.instance, T::default(), PhantomData::<T>);
    let mut lines = vec![
        line(instance, &Set { within: None, value: value.clone(), expected: None }, "SI"),
        line(instance, &Reset { within: None, expected: None, of }, "SI"),
    ];
    if T::PER_ORGANIZATION {
        let within = Some(tenant.organization.clone());
        // The owner of the instance is at home in acme.
        let allowed = if T::INSTANCE_DECIDES || T::SHUTS_OUT { "SI" } else { "SIO" };
        lines.push(line(instance, &Set { within: within.clone(), value, expected: None }, allowed));
        lines.push(line(instance, &Reset { within, expected: None, of }, allowed));
    }
    for line in &mut lines {
        line.what = format!("{} {}", line.what, T::NAME);
    }
    lines
}

macro_rules! settings {
    ($($number:literal $name:ident $word:literal $type:ty;)*) => {
        fn settings(tenant: &Tenant) -> Vec<Line> {
            [$(setting::<$type>(tenant)),*].into_iter().flatten().collect()
        }
    };
}
identity::settings!(settings);

fn of_the_cluster(world: &mut World) -> Vec<Line> {
    world.found_cluster();
    let (second, third) = (world.join(Wanted::Voter), world.join(Wanted::Learner));
    let (ticket, secret) = (world.ticket(Wanted::Voter), Hash::of(b"x"));
    let token = CreateJoinToken { id: id("t"), secret, lifetime_secs: 60, wanted: Wanted::Voter };
    vec![
        line(SYSTEM, &FoundCluster { address: cluster::address(1) }, "S"),
        line(SYSTEM, &token, "S"),
        line(SYSTEM, &RevokeJoinToken { id: ticket.token.clone() }, "S"),
        line(SYSTEM, &ticket, "S"),
        line(SYSTEM, &cluster::report(second), "S"),
        line(SYSTEM, &SetNodeRole { node: third, wanted: Wanted::Voter }, "S"),
        line(SYSTEM, &ReplaceNode { old: second, new: third }, "S"),
        line(SYSTEM, &RemoveNode { node: second }, "S"),
    ]
}

fn matrix() -> (World, Tenants, Vec<Line>) {
    let (mut world, tenants) = World::standard();
    // So that the organization of the IAM owner may go.
    world.appoint(InstanceId(1), &tenants.globex.user.id, Within::Instance, AdministratorRole::IamOwner);
    let mut lines = resources(&mut world, &tenants.acme, &tenants.globex);
    lines.extend(of_people(&mut world, &tenants.acme));
    lines.extend(others(&mut world, &tenants.acme));
    lines.extend(settings(&tenants.acme));
    lines.extend(of_the_cluster(&mut world));
    (world, tenants, lines)
}

fn envelope(world: &mut World, line: &Line, caller: &Caller) -> Envelope {
    Envelope {
        request: world.request(),
        not_after: world.now.plus_secs(Envelope::DEADLINE_SECS),
        instance: line.instance,
        caller: caller.clone(),
        remember: Remember::Retry,
        number: line.number,
        body: line.body.clone(),
    }
}

#[test]
fn the_matrix_has_every_line_of_the_tables() {
    let (_, _, lines) = matrix();
    let mut found: Vec<u16> = lines.iter().map(|line| line.number).collect();
    found.sort_unstable();
    found.dedup();
    let mut expected: Vec<u16> = RESOURCES.iter().flatten().chain(COMMANDS).map(|line| line.number).collect();
    expected.sort_unstable();
    assert_eq!(found, expected);
}

#[test]
fn everyone_may_exactly_what_the_matrix_says() {
    let (world, Tenants { acme, globex, umbra }, lines) = matrix();
    let mut wrong = Vec::new();
    for line in &lines {
        for (letter, caller) in callers(&acme, &globex, &umbra) {
            let mut world = world.clone();
            let envelope = envelope(&mut world, line, &caller);
            let outcome = world.submit(&envelope);
            let is_expected = match &outcome {
                Outcome::Applied(_) => line.allowed.contains(letter),
                Outcome::Refused(
                    Refusal::NotPermitted
                    | Refusal::CallerNotAlive
                    | Refusal::ExceedsOwn
                    | Refusal::DomainByInstance,
                ) => !line.allowed.contains(letter),
                Outcome::Refused(_) => false,
            };
            if !is_expected {
                wrong.push(format!("{} by {letter}: {outcome:?}", line.what));
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

/// Ends a credential.
type Revoke = Box<dyn Fn(&mut World)>;

/// What ends the credential of a caller between the look at the edge and the log, each in a way of its own.
fn revocations(letter: char, acme: &Tenant, globex: &Tenant) -> Vec<Revoke> {
    let system = Caller::system();
    let instance = acme.instance;
    let person = |person: &tenant::Person| -> Vec<Revoke> {
        let (caller, user) = (person.caller(), person.id.clone());
        let (user2, user3) = (user.clone(), user.clone());
        let (system2, system3) = (system.clone(), system.clone());
        vec![
            Box::new(move |world| world.must(&caller, instance, &EndSession {})),
            Box::new(move |world| {
                world.must(&system2, instance, &SetPassword { user: user2.clone(), sealed: vec![9] });
            }),
            Box::new(move |world| {
                world.must(&system3, instance, &set_state::<User>(&user3, State::Inactive));
            }),
            Box::new(move |world| {
                world.must(&Caller::system(), instance, &delete::<User>(&user));
            }),
        ]
    };
    let hash = Hash::of(b"rotated");
    match letter {
        'I' => person(&acme.iam_owner),
        'O' => person(&acme.org_owner),
        'P' => person(&acme.project_owner),
        'U' => person(&acme.user),
        'X' => person(&globex.org_owner),
        'V' => {
            let user = acme.service.id.clone();
            let user2 = user.clone();
            vec![
                Box::new(move |world| {
                    world.must(&Caller::system(), instance, &SetServiceSecret { user: user.clone(), hash });
                }),
                Box::new(move |world| {
                    world.must(&Caller::system(), instance, &set_state::<User>(&user2, State::Inactive));
                }),
            ]
        }
        'C' => {
            let application = acme.web.id.clone();
            let application2 = application.clone();
            vec![
                Box::new(move |world| {
                    let command = SetClientSecret { application: application.clone(), hash };
                    world.must(&Caller::system(), instance, &command);
                }),
                Box::new(move |world| {
                    world.must(
                        &Caller::system(),
                        instance,
                        &set_state::<Application>(&application2, State::Inactive),
                    );
                }),
            ]
        }
        // The system and nobody have no credential to end; the owner of another instance is refused anyway.
        _ => Vec::new(),
    }
}

#[test]
fn what_was_revoked_between_the_edge_and_the_log_allows_nothing() {
    let (world, Tenants { acme, globex, umbra }, lines) = matrix();
    let mut tried = 0;
    for line in &lines {
        for (letter, caller) in callers(&acme, &globex, &umbra) {
            for revoke in revocations(letter, &acme, &globex) {
                let mut world = world.clone();
                let envelope = envelope(&mut world, line, &caller);
                revoke(&mut world);
                let outcome = world.submit(&envelope);
                assert_eq!(outcome, Outcome::Refused(Refusal::CallerNotAlive), "{} by {letter}", line.what);
                tried += 1;
            }
        }
    }
    assert!(tried > 1000, "{tried}");
}
