//! One sample of everything that lasts: each command, record and event, with every field filled.
//!
//! The golden files are made of these. A field that is added later gets a value here, and a new file beside the old one.

use identity::administrator::{Administrator, Held};
use identity::application::redirect_uri::RedirectUri;
use identity::application::{Application, ApplicationKind, ClientAuth, TokenAlg};
use identity::authorization::Authorization;
use identity::change::{Create, Delete, SetState, Update};
use identity::cluster::address::PeerAddress;
use identity::cluster::membership::{RemoveNode, ReplaceNode, SetNodeRole};
use identity::cluster::node::{FoundCluster, Node, NodeState, RecordNode, Wanted};
use identity::cluster::token::{AdmitNode, CreateJoinToken, JoinToken, RevokeJoinToken, Used};
use identity::cluster::version::ProgramVersion;
use identity::command::Command;
use identity::credential::password::{Password, ProvePassword, Renews, SetPassword};
use identity::credential::personal_token::{PersonalToken, TokenSecret};
use identity::credential::secret::{ClientSecret, SetClientSecret, SetServiceSecret};
use identity::credential::service_key::{PublicJwk, ServiceKey};
use identity::credential::throttle::{FailPassword, Lock, Throttle, Unlock};
use identity::encoding::{encode, encode_row};
use identity::envelope::Subject;
use identity::event::{Event, Field, Value, What};
use identity::execute::Seen;
use identity::grant::code::{Answered, Code, IssueCode, RedeemCode};
use identity::group::Group;
use identity::group::member::GroupMember;
use identity::id::{Fixed, Hash, Id, InstanceId};
use identity::instance::domain::Domain;
use identity::instance::lifetimes::Lifetimes;
use identity::instance::{CreateInstance, Instance, SetInstanceState};
use identity::label::Label;
use identity::level::RaiseLevel;
use identity::metadata::{MetadataKey, MetadataValue, OrganizationMetadata, UserMetadata};
use identity::name::{EmailAddress, HostName, LanguageTag, Username};
use identity::organization::Organization;
use identity::permission::{AdministratorRole, Area, CustomRole, Permission, Verb, Within};
use identity::project::Project;
use identity::project::grant::{GrantedRole, GrantedRoles, ProjectGrant};
use identity::project::role::{Role, RoleKey};
use identity::record::{Kind, Record, Row, State};
use identity::resource::Resource;
use identity::session::{EndSession, EndSessionOf, Session};
use identity::setting::domain::DomainSettings;
use identity::setting::lockout::Lockout;
use identity::setting::login::Login;
use identity::setting::password_complexity::PasswordComplexity;
use identity::setting::{Reset, Set, Setting};
use identity::signing_key::{NewKey, RotateKeys, SigningKey, Stage};
use identity::sweep::Sweep;
use identity::testing::fixtures::{id, name, several};
use identity::testing::probe::{Poison, Probe};
use identity::time::Timestamp;
use identity::token::deny::{Denied, DenyToken};
use identity::token::family::{AdvanceFamily, Family, Generation, Previous, RevokeFamily};
use identity::user::{Profile, User, UserKind, person};
use std::marker::PhantomData;

/// A number, a name and the bytes.
pub(crate) struct Sample {
    pub(crate) number: u16,
    pub(crate) name: String,
    pub(crate) bytes: Vec<u8>,
}

const NOW: Timestamp = Timestamp(1_790_000_000_123);
const LATER: Timestamp = Timestamp(1_790_000_600_000);

fn hash(byte: u8) -> Hash {
    Fixed([byte; 32])
}

fn sealed() -> Vec<u8> {
    vec![1, 2, 3, 0xff]
}

fn organization() -> Organization {
    Organization { name: name("Acme"), domain: HostName::parse("acme.example").unwrap() }
}

fn project() -> Project {
    Project { name: name("Portal"), role_assertion: true, role_check: true, has_project_check: true }
}

fn role() -> Role {
    Role { key: RoleKey::parse("admin").unwrap(), display_name: name("Admin"), group: Some(name("Staff")) }
}

fn application() -> Application {
    let uri = |text: &str| RedirectUri::parse(text).unwrap();
    Application {
        name: name("Web"),
        kind: ApplicationKind::Web,
        auth: ClientAuth::Post,
        redirect_uris: several([uri("https://app.example/callback"), uri("http://[::1]:8080/")]),
        post_logout_redirect_uris: several([uri("https://app.example/bye?x=1")]),
        refresh: true,
        alg: TokenAlg::Rs256,
        access_token_roles: true,
        id_token_roles: true,
        id_token_userinfo: true,
        pkce_optional: true,
    }
}

fn user() -> User {
    User {
        username: Username::parse("Alice").unwrap(),
        kind: UserKind::Human(Profile {
            given_name: name("Alice"),
            family_name: name("Liddell"),
            display_name: Some(name("Alice L.")),
            nick_name: Some(name("Al")),
            language: LanguageTag::parse("de-CH").ok(),
            email: EmailAddress::parse("alice@mail.example").ok(),
            email_verified: true,
        }),
    }
}

fn authorization() -> Authorization {
    let role = |key: &str| RoleKey::parse(key).unwrap();
    Authorization { user: id("u1"), roles: several([role("admin"), role("viewer")]), grant: Some(id("g1")) }
}

fn administrator() -> Administrator {
    let within = Within::Organization(id("acme"));
    Administrator {
        user: id("u1"),
        within,
        roles: several([AdministratorRole::OrgOwner.into(), Held::Custom(id("auditor"))]),
    }
}

fn grant() -> ProjectGrant {
    ProjectGrant { organization: id("globex"), roles: several([RoleKey::parse("admin").unwrap()]) }
}

fn custom_role() -> CustomRole {
    let permissions = vec![Permission { area: Area::Role, verb: Verb::Write }];
    CustomRole { name: name("Auditor"), permissions: several(permissions) }
}

fn personal_token() -> PersonalToken {
    PersonalToken { expires: Some(LATER) }
}

fn group() -> Group {
    Group { name: name("Staff"), description: identity::name::Name::parse("Who works here").ok() }
}

fn member() -> GroupMember {
    GroupMember { user: id("u1") }
}

fn user_metadata() -> UserMetadata {
    UserMetadata {
        key: MetadataKey::parse("badge").unwrap(),
        value: MetadataValue::new(b"\0\xff 4711").unwrap(),
    }
}

fn organization_metadata() -> OrganizationMetadata {
    let UserMetadata { key, value } = user_metadata();
    OrganizationMetadata { key, value }
}

fn service_key() -> ServiceKey {
    // The public key of RFC 8037, appendix A.2.
    let jwk = r#"{"crv":"Ed25519","kty":"OKP","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}"#;
    ServiceKey { jwk: PublicJwk::parse(jwk).unwrap(), expires: Some(LATER) }
}

fn domain() -> Domain {
    Domain { host: HostName::parse("auth.example").unwrap() }
}

fn person_key() -> person::NewKey {
    person::NewKey { wrapped: sealed() }
}

fn probe() -> Probe {
    Probe { name: name("Probe"), weight: 7 }
}

fn lifetimes() -> Lifetimes {
    Lifetimes { code_secs: 30, ..Lifetimes::default() }
}

fn login() -> Login {
    Login { password_allowed: false, password_check_secs: 3600 }
}

fn password_complexity() -> PasswordComplexity {
    PasswordComplexity { min_length: 12, uppercase: true, lowercase: true, number: true, symbol: true }
}

fn lockout() -> Lockout {
    Lockout { password_attempts_max: 10 }
}

fn family() -> Family {
    let previous = Previous { hash: hash(2), used: NOW, successor: Some(sealed()) };
    Family {
        client: id("web"),
        user: id("u1"),
        session: id("s1"),
        scopes: vec!["openid".into(), "offline_access".into()],
        authenticated: NOW,
        generation: Some(Generation { number: 2, current: hash(1), previous: Some(previous) }),
        idle: LATER,
        absolute: LATER,
        secret_generation: Some(3),
        began: NOW,
    }
}

fn command<C: Command>(command: &C) -> Sample {
    Sample { number: C::NUMBER, name: C::NAME.to_owned(), bytes: encode(command) }
}

fn changes<T: Resource>(spec: T, birth: T::Birth) -> Vec<Sample> {
    let id = id("the-id");
    let (of, revision) = (PhantomData::<T>, Some(4));
    let mut samples = vec![
        command(&Update { id: id.clone(), revision, spec: spec.clone() }),
        command(&SetState { id: id.clone(), state: State::Inactive, revision: Some(7), of }),
        command(&Delete { id: id.clone(), revision, of }),
        command(&Create { id: id.clone(), parent: Id::from_number(1), spec, birth }),
    ];
    for sample in &mut samples {
        sample.name = format!("{} {}", sample.name, T::KIND.word());
    }
    samples
}

/// What an organization may set is set for one, the rest for the instance.
fn setting<T: Setting>(value: T) -> [Sample; 2] {
    let within = T::PER_ORGANIZATION.then(|| id("acme"));
    let mut samples = [
        command(&Set { within: within.clone(), value, expected: Some(7) }),
        command(&Reset { within, expected: None, of: PhantomData::<T> }),
    ];
    for sample in &mut samples {
        sample.name = format!("{} {}", sample.name, T::NAME.replace('-', " "));
    }
    samples
}

fn address() -> PeerAddress {
    PeerAddress::parse("node-2.example:8081").unwrap()
}

fn version() -> ProgramVersion {
    ProgramVersion::parse("0.1.0").unwrap()
}

fn of_the_cluster() -> Vec<Sample> {
    let (token, secret, wanted) = (id("t1"), hash(11), Wanted::Learner);
    vec![
        command(&FoundCluster { address: address() }),
        command(&CreateJoinToken { id: token.clone(), secret, lifetime_secs: 3600, wanted }),
        command(&RevokeJoinToken { id: token.clone() }),
        command(&AdmitNode { token, secret, key: hash(12), address: address() }),
        command(&RecordNode { node: 2, address: address(), version: version(), level_min: 1, level_max: 3 }),
        command(&SetNodeRole { node: 2, wanted }),
        command(&ReplaceNode { old: 2, new: 3 }),
        command(&RemoveNode { node: 2 }),
    ]
}

/// One of every command, those of tests too.
pub(crate) fn commands() -> Vec<Sample> {
    let new = Some(NewKey { kid: id("kid"), jwk: "{}".into(), sealed: sealed() });
    let renews = Some(Renews { session: id("s0"), secret: hash(4) });
    let mut samples = vec![
        command(&CreateInstance {
            number: InstanceId(1),
            name: name("First"),
            host: HostName::parse("auth.example").unwrap(),
            data_key: sealed(),
        }),
        command(&SetInstanceState { number: InstanceId(1), state: State::Inactive }),
        command(&RaiseLevel { level: 1 }),
        command(&Sweep { limit: 500 }),
        command(&SetClientSecret { application: id("web"), hash: hash(5) }),
        command(&SetServiceSecret { user: id("u1"), hash: hash(5) }),
        command(&SetPassword { user: id("u1"), sealed: sealed() }),
        command(&ProvePassword { user: id("u1"), revision: 2, session: id("s1"), secret: hash(6), renews }),
        command(&FailPassword { user: id("u1"), revision: 2 }),
        command(&Unlock { user: id("u1") }),
        command(&Lock { user: id("u1") }),
        command(&EndSession {}),
        command(&EndSessionOf { session: id("s1") }),
        command(&IssueCode {
            code: hash(7),
            request: id("r1"),
            client: id("web"),
            redirect_uri: "https://app.example/callback".into(),
            challenge: Some("challenge".into()),
            nonce: Some("nonce".into()),
            scopes: vec!["openid".into()],
            other_than: Some(hash(8)),
        }),
        command(&RedeemCode {
            code: hash(7),
            redirect_uri: Some("https://app.example/callback".into()),
            challenge: Some("challenge".into()),
            family: id("f1"),
            refresh: hash(9),
        }),
        command(&AdvanceFamily { family: id("f1"), presented: hash(9), next: hash(10), sealed: sealed() }),
        command(&RevokeFamily { family: id("f1") }),
        command(&DenyToken { jti: "jti".into(), expires: LATER }),
        command(&RotateKeys { alg: TokenAlg::Es256, new }),
        command(&Poison { target: id("p") }),
    ];
    samples.extend(of_the_cluster());
    samples.extend(setting(lifetimes()));
    samples.extend(setting(password_complexity()));
    samples.extend(setting(lockout()));
    samples.extend(setting(login()));
    samples.extend(setting(DomainSettings { usernames_end_with_domain: true }));
    samples.extend(changes(organization(), ()));
    samples.extend(changes(project(), ()));
    samples.extend(changes(role(), ()));
    samples.extend(changes(application(), ()));
    samples.extend(changes(user(), person_key()));
    samples.extend(changes(authorization(), ()));
    samples.extend(changes(administrator(), ()));
    samples.extend(changes(domain(), ()));
    samples.extend(changes(grant(), ()));
    samples.extend(changes(custom_role(), ()));
    samples.extend(changes(personal_token(), TokenSecret { hash: hash(13) }));
    samples.extend(changes(group(), ()));
    samples.extend(changes(member(), ()));
    samples.extend(changes(user_metadata(), ()));
    samples.extend(changes(organization_metadata(), ()));
    samples.extend(changes(service_key(), ()));
    samples.extend(changes(probe(), ()));
    samples
}

fn record<T: Resource>(spec: T) -> Sample {
    let record = Record {
        id: id("the-id"),
        parent: Id::from_number(1),
        revision: 4,
        created: NOW,
        changed: LATER,
        state: State::Inactive,
        spec,
    };
    Sample { number: T::KIND.number(), name: T::KIND.word().to_owned(), bytes: encode_row(&record) }
}

fn row<T: Row>(row: &T) -> Sample {
    Sample { number: T::KIND.number(), name: T::KIND.word().to_owned(), bytes: encode_row(row) }
}

/// A row of every kind. 0 stands for the row of a request, which has no kind.
pub(crate) fn records() -> Vec<Sample> {
    let session = Session {
        user: id("u1"),
        organization: id("acme"),
        secret: hash(6),
        started: NOW,
        authenticated: NOW,
        password: 2,
        expires: LATER,
    };
    let code = Code {
        client: id("web"),
        redirect_uri: "https://app.example/callback".into(),
        challenge: Some("challenge".into()),
        nonce: Some("nonce".into()),
        scopes: vec!["openid".into()],
        session: id("s1"),
        user: id("u1"),
        authenticated: NOW,
        expires: LATER,
        redeemed: Some(id("f1")),
    };
    let key = SigningKey {
        kid: id("kid"),
        alg: TokenAlg::Es256,
        jwk: "{}".into(),
        sealed: sealed(),
        stage: Stage::Verifying { until: LATER },
    };
    let seen = Seen { asked: hash(1), reply: sealed(), index: 12, ordinal: 3 };
    vec![
        Sample { number: 0, name: "seen request".into(), bytes: encode_row(&seen) },
        record(Instance { name: name("First"), data_key: sealed() }),
        record(domain()),
        record(organization()),
        record(project()),
        record(role()),
        record(application()),
        record(user()),
        record(authorization()),
        record(administrator()),
        record(grant()),
        record(custom_role()),
        record(personal_token()),
        record(group()),
        record(member()),
        record(user_metadata()),
        record(organization_metadata()),
        record(service_key()),
        row(&TokenSecret { hash: hash(13) }),
        row(&session),
        row(&code),
        row(&family()),
        row(&key),
        row(&lifetimes()),
        row(&password_complexity()),
        row(&lockout()),
        row(&login()),
        row(&DomainSettings { usernames_end_with_domain: true }),
        row(&GrantedRoles { since: vec![GrantedRole { key: RoleKey::parse("admin").unwrap(), since: NOW }] }),
        row(&Denied { expires: LATER }),
        row(&Throttle { failures: 6, until: LATER }),
        row(&Password { revision: 2, sealed: sealed(), set: NOW }),
        row(&ClientSecret { generation: 2, hash: hash(5), set: NOW }),
        row(&Answered {}),
        row(&person_key()),
        row(&Node {
            number: 2,
            address: address(),
            wanted: Wanted::Learner,
            version: version(),
            level_min: 1,
            level_max: 3,
            state: NodeState::Removed,
        }),
        row(&JoinToken {
            id: id("t1"),
            secret: hash(11),
            expires: LATER,
            wanted: Wanted::Learner,
            used: Some(Used { by: 2, key: hash(12) }),
        }),
        record(probe()),
    ]
}

/// A spec's names in JSON as serde has them, in order, and as events have them; and how many members it is stored with.
pub(crate) struct Named {
    pub(crate) kind: Kind,
    pub(crate) json: Option<String>,
    pub(crate) fields: &'static [Label],
    pub(crate) members: Vec<Vec<u8>>,
}

fn stored<T: Resource>(spec: &T) -> Named {
    let bytes = encode(spec);
    let mut d = minicbor::Decoder::new(&bytes);
    let count = d.array().unwrap().unwrap();
    let member = |_| {
        let from = d.position();
        d.skip().unwrap();
        bytes[from..d.position()].to_vec()
    };
    Named { kind: T::KIND, json: None, fields: T::FIELDS, members: (0..count).map(member).collect() }
}

fn named<T: Resource + serde::Serialize>(spec: &T) -> Named {
    Named { json: Some(serde_json::to_string(spec).unwrap()), ..stored(spec) }
}

/// Every noun.
pub(crate) fn names() -> Vec<Named> {
    vec![
        stored(&domain()),
        named(&organization()),
        named(&project()),
        named(&role()),
        named(&application()),
        named(&user()),
        named(&authorization()),
        named(&administrator()),
        named(&grant()),
        named(&custom_role()),
        named(&personal_token()),
        named(&group()),
        named(&member()),
        named(&user_metadata()),
        named(&organization_metadata()),
        named(&service_key()),
    ]
}

/// Every event, with a field of each sort.
pub(crate) fn events() -> Vec<Sample> {
    let fields = vec![
        Field { number: 0, before: None, after: Some(Value::plain(b"\x64Acme")) },
        Field { number: 1, before: Some(Value::Sealed(sealed())), after: Some(Value::Secret) },
        Field { number: 2, before: Some(Value::plain(&[7; 2000])), after: None },
    ];
    let event = |what: &What| Event {
        what: *what as u16,
        time: NOW,
        request: Fixed([9; 16]),
        actor: Subject::User(id("u1")),
        kind: Kind::Organization.number(),
        target: id("acme"),
        organization: Some(id("acme")),
        fields: fields.clone(),
        person: None,
    };
    let sample = |what: &What| Sample {
        number: *what as u16,
        name: format!("{what:?}"),
        bytes: encode_row(&event(what)),
    };
    What::ALL.iter().map(sample).collect()
}
