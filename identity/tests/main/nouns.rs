//! Groups and their members, metadata, keys of service accounts: what each refuses, and what goes with its parent.

use crate::scenario::{delete, set_state};
use crypto::Alg;
use crypto::testing::signing_key;
use identity::change::{Create, Saved, Update};
use identity::credential::service_key::{KEYS_MAX, PublicJwk, ServiceKey, usable};
use identity::envelope::Caller;
use identity::event::{Value, What};
use identity::group::Group;
use identity::group::member::{GroupMember, MEMBERS_MAX, count};
use identity::id::{Id, InstanceId};
use identity::keys::{Key, Space};
use identity::list::condition::{Condition, Test};
use identity::list::{Direction, Query, Sort, list};
use identity::metadata::{
    CLAIM_BYTES_MAX, METADATA_MAX, MetadataKey, MetadataValue, OrganizationMetadata, UserMetadata, of_user,
};
use identity::name::Name;
use identity::organization::Organization;
use identity::permission::{AdministratorRole, Within};
use identity::reader::Names;
use identity::record::State;
use identity::refusal::Refusal;
use identity::resource::Resource;
use identity::see::Eyes;
use identity::sweep::Sweep;
use identity::tables::{Changes, Table};
use identity::testing::fixtures::{World, id, name};
use identity::testing::given::Then;
use identity::testing::tenant::{self, Tenant, Tenants};
use identity::user::User;
use serde::de::DeserializeOwned;
use serde_json::{Value as Json, from_value, json};

fn group(text: &str) -> Group {
    Group { name: name(text), description: None }
}

fn member(user: &Id) -> GroupMember {
    GroupMember { user: user.clone() }
}

fn user_metadata(key: &str, value: &[u8]) -> UserMetadata {
    UserMetadata { key: MetadataKey::parse(key).unwrap(), value: MetadataValue::new(value).unwrap() }
}

fn organization_metadata(text: &str) -> OrganizationMetadata {
    let UserMetadata { key, value } = user_metadata(text, b"v");
    OrganizationMetadata { key, value }
}

fn jwk(alg: Alg) -> PublicJwk {
    PublicJwk::parse(&signing_key(alg).public_jwk().key.canonical()).unwrap()
}

fn key() -> ServiceKey {
    ServiceKey { jwk: jwk(Alg::Es256), expires: None }
}

/// What comes of creating one.
pub(crate) fn create<T: Resource<Birth = ()>>(
    world: &mut World,
    (caller, instance): (&Caller, InstanceId),
    new: &str,
    parent: &Id,
    spec: T,
) -> Then<Saved> {
    world.when(caller, instance, &Create { id: id(new), parent: parent.clone(), spec, birth: () })
}

/// Creates one as the owner of its organization, after all that must be refused: of anybody but him, by the owner of
/// another organization and the owner of another instance, and while what it belongs to is switched off.
fn create_after_refusals<T, P>(world: &mut World, tenants: &Tenants, parent: &Id, spec: T)
where
    T: Resource<Birth = (), Parent = P>,
    P: Resource,
{
    let Tenants { acme, globex, umbra } = tenants;
    let instance = acme.instance;
    let strangers =
        [acme.user.caller(), acme.project_owner.caller(), acme.service.caller(), globex.org_owner.caller()];
    for caller in strangers.iter().chain([&acme.web.caller(), &Caller::nobody()]) {
        create(world, (caller, instance), "new", parent, spec.clone()).refused(Refusal::NotPermitted);
    }
    let foreign = (&umbra.iam_owner.caller(), instance);
    create(world, foreign, "new", parent, spec.clone()).refused(Refusal::CallerNotAlive);
    let from_afar = (&umbra.iam_owner.caller(), umbra.instance);
    create(world, from_afar, "new", parent, spec.clone()).refused(Refusal::NotFound);
    let owner = (&acme.org_owner.caller(), instance);
    create(world, owner, "new", &id("nothing"), spec.clone()).refused(Refusal::NotFound);
    // The operator switches it off: it may be what the owner signs in by.
    for (state, refusal) in [(State::Inactive, Some(Refusal::ParentNotActive)), (State::Active, None)] {
        world.must(&Caller::system(), instance, &set_state::<P>(parent, state));
        let then = create(world, (&Caller::system(), instance), "new", parent, spec.clone());
        match refusal {
            Some(refusal) => then.refused(refusal),
            None => assert_eq!(then.told(&[What::Created]).revision, 1),
        }
    }
    create(world, owner, "new", parent, spec.clone()).refused(Refusal::AlreadyExists);
    world.when(owner.0, instance, &delete::<T>(&id("new"))).told(&[What::Deleted]);
    sweep(world, instance);
    create(world, owner, "new", parent, spec).told(&[What::Created]);
}

/// The instance has an owner outside acme, so that acme may be switched off.
fn with_two_owners() -> (World, Tenants) {
    let (mut world, tenants) = World::standard();
    let globex = &tenants.globex;
    world.appoint(globex.instance, &globex.user.id, Within::Instance, AdministratorRole::IamOwner);
    (world, tenants)
}

#[track_caller]
fn unread<T: DeserializeOwned>(values: &[Json]) {
    for value in values {
        assert!(from_value::<T>(value.clone()).is_err(), "{value}");
    }
}

fn sweep(world: &mut World, instance: InstanceId) {
    world.must(&Caller::system(), instance, &Sweep { limit: 2000 });
}

#[test]
fn each_is_created_by_who_governs_its_parent_alone() {
    let (mut world, tenants) = with_two_owners();
    let acme = &tenants.acme;
    create_after_refusals(&mut world, &tenants, &acme.organization, group("Staff"));
    create_after_refusals(&mut world, &tenants, &id("new"), member(&acme.user.id));
    create_after_refusals(&mut world, &tenants, &acme.organization, organization_metadata("k"));
    create_after_refusals(&mut world, &tenants, &acme.user.id, user_metadata("k", b"v"));
    create_after_refusals(&mut world, &tenants, &acme.service.id, key());
}

#[test]
fn a_groups_name_is_taken_once_in_its_organization_whatever_its_case() {
    let (mut world, Tenants { acme, globex, .. }) = World::standard();
    let owner = acme.iam_owner.caller();
    let by = (&owner, acme.instance);
    create(&mut world, by, "g1", &acme.organization, group("Staff")).told(&[What::Created]);
    create(&mut world, by, "g2", &acme.organization, group("STAFF")).refused(Refusal::NameTaken);
    create(&mut world, by, "g2", &globex.organization, group("staff")).told(&[What::Created]);
    create(&mut world, by, "g3", &acme.organization, group("Crew")).told(&[What::Created]);
    let rename = |text: &str| Update { id: id("g3"), revision: None, spec: group(text) };
    world.when(&owner, acme.instance, &rename("staff")).refused(Refusal::NameTaken);
    world.when(&owner, acme.instance, &rename("CREW")).told(&[What::Changed]);
}

#[test]
fn what_is_sent_about_a_group_is_read_strictly() {
    let full = json!({"name": "Staff", "description": "x".repeat(500)});
    let read: Group = from_value(full.clone()).unwrap();
    assert_eq!(serde_json::to_value(&read).unwrap(), full);
    assert_eq!(from_value::<Group>(json!({"name": "Staff"})).unwrap(), group("Staff"));
    let long = Name::<200>::parse(&"x".repeat(201)).unwrap_err().to_string();
    assert!(from_value::<Group>(json!({"name": "x".repeat(201)})).unwrap_err().to_string().contains(&long));
    unread::<Group>(&[
        json!({}),
        json!({"name": "a", "description": "x".repeat(501)}),
        json!({"name": "a", "x": 1}),
    ]);
    unread::<GroupMember>(&[json!({}), json!({"user": ""}), json!({"user": "u", "group": "g"})]);
}

/// A group of acme, and its owner.
fn with_group() -> (World, Tenants, Caller) {
    let (mut world, tenants) = World::standard();
    world.create(tenants.acme.instance, &id("g"), &tenants.acme.organization, group("Staff"));
    let owner = tenants.acme.iam_owner.caller();
    (world, tenants, owner)
}

#[test]
fn a_member_is_of_the_groups_organization_once_and_for_good() {
    let (mut world, Tenants { acme, globex, umbra }, owner) = with_group();
    let by = (&owner, acme.instance);
    for stranger in [&globex.user.id, &umbra.user.id, &id("nobody")] {
        create(&mut world, by, "m", &id("g"), member(stranger)).refused(Refusal::NoSuchUser);
    }
    create(&mut world, by, "m", &id("g"), member(&acme.user.id)).told(&[What::Created]);
    create(&mut world, by, "m2", &id("g"), member(&acme.user.id)).refused(Refusal::AlreadyMember);
    let reader = world.reader(acme.instance);
    assert_eq!(reader.named(Names::GroupMember, &format!("g {}", acme.user.id)).unwrap(), Some(id("m")));
    let another = Update { id: id("m"), revision: None, spec: member(&acme.org_owner.id) };
    world.when(&owner, acme.instance, &another).refused(Refusal::UserFixed);
}

#[test]
fn members_are_counted_as_they_come_and_go() {
    let (mut world, Tenants { acme, .. }, owner) = with_group();
    let instance = acme.instance;
    let members = |world: &World| count(&world.reader(instance), &id("g")).unwrap();
    let users = [&acme.user.id, &acme.service.id, &acme.org_owner.id];
    for (at, user) in users.into_iter().enumerate() {
        world.create(instance, &id(&format!("m{at}")), &id("g"), member(user));
    }
    world.must(&owner, instance, &set_state::<GroupMember>(&id("m0"), State::Inactive));
    assert_eq!(members(&world), 3);
    world.must(&owner, instance, &delete::<GroupMember>(&id("m0")));
    assert_eq!(members(&world), 2);
    world.must(&owner, instance, &delete::<User>(&acme.service.id));
    sweep(&mut world, instance);
    assert_eq!(members(&world), 1, "who is deleted is no member");
    world.must(&owner, instance, &delete::<Group>(&id("g")));
    assert_eq!(members(&world), 0);
    sweep(&mut world, instance);
    world.create(instance, &id("g"), &acme.organization, group("Staff"));
    assert_eq!(members(&world), 0, "a new group under an old id begins anew");
}

#[test]
fn a_full_group_takes_nobody_until_somebody_leaves() {
    let (mut world, Tenants { acme, .. }, owner) = with_group();
    let by = (&owner, acme.instance);
    world.create(acme.instance, &id("m1"), &id("g"), member(&acme.service.id));
    // As if all the others were there.
    let row = Key::new(acme.instance, Space::Counter).u16(5).id(&id("g")).into_bytes();
    let mut full = vec![1, 0x81, 0x19];
    full.extend(u16::try_from(MEMBERS_MAX).unwrap().to_be_bytes());
    world.tables.write(Changes::from([((Table::State, row), Some(full))]));
    create(&mut world, by, "m2", &id("g"), member(&acme.user.id)).refused(Refusal::LimitReached);
    // Who is in it already is not one more.
    for state in [State::Inactive, State::Active] {
        world.must(&owner, acme.instance, &set_state::<GroupMember>(&id("m1"), state));
    }
    world.must(&owner, acme.instance, &delete::<GroupMember>(&id("m1")));
    create(&mut world, by, "m2", &id("g"), member(&acme.user.id)).told(&[What::Created]);
}

#[test]
fn metadata_is_base64_in_json_and_bounded() {
    let sent = json!({"key": "a key", "value": "AP/+"});
    let read: UserMetadata = from_value(sent.clone()).unwrap();
    assert_eq!(read.value.as_bytes(), [0, 0xff, 0xfe]);
    assert_eq!(serde_json::to_value(&read).unwrap(), sent);
    let largest = vec![7; MetadataValue::MAX];
    let value = json!({"key": "k".repeat(200), "value": crypto::b64(&largest)});
    assert_eq!(from_value::<OrganizationMetadata>(value).unwrap().value.as_bytes(), largest);
    let refused = [
        json!({"key": "", "value": ""}),
        json!({"key": "k".repeat(201), "value": ""}),
        json!({"key": "a\nb", "value": ""}),
        json!({"key": "k"}),
        json!({"key": "k", "value": null}),
        json!({"key": "k", "value": "AP_-"}),
        json!({"key": "k", "value": "AP8"}),
        json!({"key": "k", "value": crypto::b64(&vec![7; MetadataValue::MAX + 1])}),
        json!({"key": "k", "value": "", "more": 1}),
    ];
    unread::<UserMetadata>(&refused);
    unread::<OrganizationMetadata>(&refused);
}

#[test]
fn a_key_of_metadata_is_taken_once_under_its_parent() {
    let (mut world, Tenants { acme, .. }) = World::standard();
    let owner = acme.org_owner.caller();
    let by = (&owner, acme.instance);
    create(&mut world, by, "a", &acme.user.id, user_metadata("k", b"1")).told(&[What::Created]);
    create(&mut world, by, "b", &acme.user.id, user_metadata("k", b"2")).refused(Refusal::KeyTaken);
    create(&mut world, by, "b", &acme.service.id, user_metadata("k", b"2")).told(&[What::Created]);
    create(&mut world, by, "c", &acme.user.id, user_metadata("K", b"3")).told(&[What::Created]);
    create(&mut world, by, "a", &acme.organization, organization_metadata("k")).told(&[What::Created]);
    create(&mut world, by, "b", &acme.organization, organization_metadata("k")).refused(Refusal::KeyTaken);
}

#[test]
fn a_user_and_an_organization_have_so_much_metadata() {
    let (mut world, Tenants { acme, .. }) = World::standard();
    let owner = acme.org_owner.caller();
    let by = (&owner, acme.instance);
    for at in 0..METADATA_MAX {
        let new = format!("m{at:03}");
        world.create(acme.instance, &id(&new), &acme.user.id, user_metadata(&new, b"v"));
        world.create(acme.instance, &id(&new), &acme.organization, organization_metadata(&new));
    }
    create(&mut world, by, "z", &acme.user.id, user_metadata("z", b"v")).refused(Refusal::LimitReached);
    create(&mut world, by, "z", &acme.organization, organization_metadata("z"))
        .refused(Refusal::LimitReached);
    create(&mut world, by, "z", &acme.service.id, user_metadata("z", b"v")).told(&[What::Created]);
    let update = Update { id: id("m000"), revision: None, spec: user_metadata("k", b"v") };
    world.when(&owner, acme.instance, &update).told(&[What::Changed]);
    world.when(&owner, acme.instance, &delete::<UserMetadata>(&id("m001"))).told(&[What::Deleted]);
    create(&mut world, by, "z2", &acme.user.id, user_metadata("z", b"v")).told(&[What::Created]);
}

#[test]
fn metadata_is_written_by_who_may_change_what_it_describes() {
    let (mut world, Tenants { acme, globex, .. }) = World::standard();
    let instance = acme.instance;
    // Whoever may create organizations changes none of those that are there.
    world.appoint(instance, &acme.user.id, Within::Instance, AdministratorRole::SelfManagementGlobal);
    let creator = acme.user.caller();
    create(&mut world, (&creator, instance), "m", &globex.organization, organization_metadata("k"))
        .refused(Refusal::NotPermitted);
    // Nor does who stands below a user change what his tokens say.
    let owner = acme.org_owner.caller();
    create(&mut world, (&owner, instance), "m", &acme.iam_owner.id, user_metadata("k", b"v"))
        .refused(Refusal::ExceedsOwn);
    world.create(instance, &id("m"), &acme.iam_owner.id, user_metadata("k", b"v"));
    let update = Update { id: id("m"), revision: None, spec: user_metadata("k", b"w") };
    world.when(&owner, instance, &update).refused(Refusal::ExceedsOwn);
    world.when(&owner, instance, &delete::<UserMetadata>(&id("m"))).refused(Refusal::ExceedsOwn);
}

fn contains(bytes: &[u8], text: &str) -> bool {
    bytes.windows(text.len()).any(|window| window == text.as_bytes())
}

#[test]
fn a05_metadata_of_a_user_is_sealed_in_events_and_goes_with_him() {
    let (mut world, Tenants { acme, .. }) = World::standard();
    let (owner, instance) = (acme.iam_owner.caller(), acme.instance);
    let spec = user_metadata("queen.of.hearts", b"off.with.her.head");
    let told = create(&mut world, (&owner, instance), "m", &acme.user.id, spec.clone());
    let sealed = |value: &Option<Value>| matches!(value, Some(Value::Sealed(_)));
    assert!(
        told.events[0].fields.len() == 2 && told.events[0].fields.iter().all(|field| sealed(&field.after))
    );
    assert!(!format!("{spec:?}").contains("queen"));
    let long = user_metadata("queen.of.hearts", &b"off.with.her.head".repeat(1000));
    let told = world.when(&owner, instance, &Update { id: id("m"), revision: None, spec: long });
    assert_eq!(told.events[0].fields[0].after, Some(Value::Secret), "too long to be kept for ten years");
    for (table, key, value) in world.tables.iter().filter(|(table, ..)| *table == Table::Audit) {
        for text in ["queen.of.hearts", "off.with"] {
            assert!(!contains(key, text) && !contains(value, text), "{text} stands in {table:?}");
        }
    }
    world.must(&owner, instance, &delete::<User>(&acme.user.id));
    sweep(&mut world, instance);
    assert!(world.reader(instance).find::<UserMetadata>(&id("m")).unwrap().is_none());
    for (table, key, value) in world.tables.iter() {
        assert!(!contains(key, "queen.of") && !contains(value, "queen.of"), "{table:?} keeps it");
    }
    identity::audit::verify(&world.tables, instance).unwrap();
}

#[test]
fn tokens_tell_the_metadata_that_serves_and_fits() {
    let (mut world, Tenants { acme, .. }) = World::standard();
    let instance = acme.instance;
    let found = |world: &World| -> Vec<String> {
        let metadata = of_user(&world.reader(instance), &acme.user.id).unwrap();
        metadata.keys().map(|key| key.as_str().to_owned()).collect()
    };
    let none: [&str; 0] = [];
    assert_eq!(found(&world), none);
    let large = vec![7; CLAIM_BYTES_MAX - 10];
    for (new, key, value) in
        [("1", "z", b"1".as_slice()), ("2", "large", &large), ("3", "one too many", &large)]
    {
        world.create(instance, &id(new), &acme.user.id, user_metadata(key, value));
    }
    world.create(instance, &id("4"), &acme.user.id, user_metadata("a", b"2"));
    world.create(instance, &id("5"), &acme.service.id, user_metadata("another's", b"2"));
    assert_eq!(found(&world), ["a", "large", "z"]);
    let owner = acme.org_owner.caller();
    world.must(&owner, instance, &set_state::<UserMetadata>(&id("4"), State::Inactive));
    world.must(&owner, instance, &delete::<UserMetadata>(&id("1")));
    assert_eq!(found(&world), ["large"]);
}

#[test]
fn a_service_key_is_public_and_strictly_read() {
    for alg in [Alg::Es256, Alg::Rs256, Alg::EdDsa] {
        let public = signing_key(alg).public_jwk();
        let sent = json!({"jwk": serde_json::to_value(&public).unwrap()});
        let key = from_value::<ServiceKey>(sent).unwrap();
        let stored = identity::encoding::encode(&key);
        assert_eq!(identity::encoding::decode::<ServiceKey>(&stored).unwrap(), key);
        let read = serde_json::to_value(key).unwrap();
        assert_eq!(read["jwk"], serde_json::from_str::<Json>(&public.key.canonical()).unwrap());
    }
    let mut private = serde_json::to_value(signing_key(Alg::Es256).public_jwk()).unwrap();
    private["d"] = json!("AAAA");
    unread::<ServiceKey>(&[
        json!({}),
        json!({"jwk": private}),
        json!({"jwk": signing_key(Alg::Es256).public_jwk().key.canonical()}),
        json!({"jwk": {"kty": "oct", "k": "AAAA"}}),
        json!({"jwk": {"kty": "RSA", "n": "AQAB", "e": "AQAB"}}),
        json!({"jwk": "-----BEGIN PUBLIC KEY-----"}),
        json!({"jwk": key().jwk, "expires": "tomorrow"}),
        json!({"jwk": key().jwk, "kid": "mine"}),
    ]);
}

#[test]
fn a_service_key_is_of_a_service_account_and_fixed() {
    let (mut world, Tenants { acme, .. }) = World::standard();
    let (owner, instance) = (acme.org_owner.caller(), acme.instance);
    let by = (&owner, instance);
    create(&mut world, by, "k", &acme.user.id, key()).refused(Refusal::NotServiceAccount);
    let expires = |secs: u64| ServiceKey { expires: Some(world.now.plus_secs(secs)), ..key() };
    let (now, later) = (expires(0), expires(60));
    create(&mut world, by, "k", &acme.service.id, now).refused(Refusal::ExpiresInPast);
    create(&mut world, by, "k", &acme.service.id, later.clone()).told(&[What::Created]);
    for spec in [key(), ServiceKey { jwk: jwk(Alg::EdDsa), ..later }] {
        let update = Update { id: id("k"), revision: None, spec };
        world.when(&owner, instance, &update).refused(Refusal::KeyFixed);
    }
    world.when(&owner, instance, &set_state::<ServiceKey>(&id("k"), State::Inactive)).told(&[What::StateSet]);
    world.advance_secs(60);
    let on = set_state::<ServiceKey>(&id("k"), State::Active);
    world.when(&owner, instance, &on).refused(Refusal::ExpiresInPast);
}

#[test]
fn a_service_account_has_so_many_keys() {
    let (mut world, Tenants { acme, .. }) = World::standard();
    let by = (&acme.org_owner.caller(), acme.instance);
    for at in 0..KEYS_MAX {
        create(&mut world, by, &format!("k{at:02}"), &acme.service.id, key()).told(&[What::Created]);
    }
    create(&mut world, by, "z", &acme.service.id, key()).refused(Refusal::LimitReached);
    for state in [State::Inactive, State::Active] {
        world.must(by.0, by.1, &set_state::<ServiceKey>(&id("k00"), state));
    }
    world.must(by.0, by.1, &delete::<ServiceKey>(&id("k00")));
    create(&mut world, by, "z", &acme.service.id, key()).told(&[What::Created]);
}

#[test]
fn nobody_gives_a_key_to_a_service_account_above_him() {
    let (mut world, Tenants { acme, .. }) = World::standard();
    world.appoint(acme.instance, &acme.service.id, Within::Instance, AdministratorRole::IamOwner);
    let by = (&acme.org_owner.caller(), acme.instance);
    create(&mut world, by, "k", &acme.service.id, key()).refused(Refusal::ExceedsOwn);
    let by = (&acme.iam_owner.caller(), acme.instance);
    create(&mut world, by, "k", &acme.service.id, key()).told(&[What::Created]);
    world.must(by.0, by.1, &set_state::<ServiceKey>(&id("k"), State::Inactive));
    let on = set_state::<ServiceKey>(&id("k"), State::Active);
    world.when(&acme.org_owner.caller(), acme.instance, &on).refused(Refusal::ExceedsOwn);
}

/// Whether the service account of a tenant may sign with the key `kid`.
fn is_usable(world: &World, tenant: &Tenant, kid: &str) -> bool {
    let found = usable(&world.reader(tenant.instance), kid).unwrap();
    found.is_some_and(|found| found.user.id == tenant.service.id)
}

#[test]
fn a_service_key_counts_while_it_and_all_above_it_serve() {
    let (mut world, Tenants { acme, globex, umbra }) = with_two_owners();
    let (system, instance) = (Caller::system(), acme.instance);
    let expires = Some(world.now.plus_secs(60));
    world.create(instance, &id("k"), &acme.service.id, ServiceKey { jwk: jwk(Alg::EdDsa), expires });
    let found = usable(&world.reader(instance), "k").unwrap().unwrap();
    assert_eq!(found.user.id, acme.service.id);
    let found = found.jwk;
    assert_eq!((found.kid.as_str(), found.alg), ("k", Alg::EdDsa));
    assert_eq!(found.key, signing_key(Alg::EdDsa).public_jwk().key);
    assert!(found.verifier().is_ok());
    for kid in ["", "K", "k ", "another", "\u{e9}"] {
        assert!(!is_usable(&world, &acme, kid), "{kid:?}");
    }
    assert!(!is_usable(&world, &globex, "k") && !is_usable(&world, &umbra, "k"));
    for state in [State::Inactive, State::Active] {
        let serves = state == State::Active;
        world.must(&system, instance, &set_state::<ServiceKey>(&id("k"), state));
        assert_eq!(is_usable(&world, &acme, "k"), serves);
        world.must(&system, instance, &set_state::<ServiceKey>(&id("k"), State::Active));
        world.must(&system, instance, &set_state::<User>(&acme.service.id, state));
        assert_eq!(is_usable(&world, &acme, "k"), serves);
        world.must(&system, instance, &set_state::<User>(&acme.service.id, State::Active));
        world.must(&system, instance, &set_state::<Organization>(&acme.organization, state));
        assert_eq!(is_usable(&world, &acme, "k"), serves);
        world.must(&system, instance, &set_state::<Organization>(&acme.organization, State::Active));
    }
    world.advance_secs(59);
    assert!(is_usable(&world, &acme, "k"));
    world.advance_secs(1);
    assert!(!is_usable(&world, &acme, "k"), "it has expired");
    world.create(instance, &id("k2"), &acme.service.id, key());
    world.must(&system, instance, &delete::<User>(&acme.service.id));
    assert!(!is_usable(&world, &acme, "k2"));
    sweep(&mut world, instance);
    let birth = world.person_key(instance, &acme.service.id);
    let spec = tenant::human("again");
    let again = Create { id: acme.service.id.clone(), parent: acme.organization.clone(), spec, birth };
    world.must(&system, instance, &again);
    assert!(!is_usable(&world, &acme, "k2"), "a new user inherits no keys");
}

/// How many of a kind a caller finds under a parent.
fn listed<T: Resource>(world: &World, tenant: &Tenant, caller: &Caller, parent: &Id) -> usize {
    let reader = world.reader(tenant.instance);
    let condition = Some(Condition::Test(Test::Parent(parent.clone())));
    let sort = Sort { field: None, direction: Direction::Ascending };
    let query = Query { condition, sort, after: Vec::new(), limit: 10 };
    list::<T>(&reader, &Eyes::new(reader, caller), &query).unwrap().found.len()
}

#[test]
fn what_hangs_two_steps_under_an_organization_is_found_by_who_governs_it() {
    let (mut world, Tenants { acme, globex, .. }, _) = with_group();
    let (instance, user, service) = (acme.instance, &acme.user.id, &acme.service.id);
    world.create(instance, &id("gm"), &id("g"), member(user));
    world.create(instance, &id("um"), user, user_metadata("k", b"v"));
    world.create(instance, &id("sk"), service, key());
    let strangers = [globex.org_owner.caller(), acme.project_owner.caller(), acme.service.caller()];
    for (caller, found) in [(acme.org_owner.caller(), 1), (acme.iam_owner.caller(), 1)]
        .into_iter()
        .chain(strangers.map(|stranger| (stranger, 0)))
    {
        assert_eq!(listed::<GroupMember>(&world, &acme, &caller, &id("g")), found);
        assert_eq!(listed::<UserMetadata>(&world, &acme, &caller, user), found);
        assert_eq!(listed::<ServiceKey>(&world, &acme, &caller, service), found);
    }
}
