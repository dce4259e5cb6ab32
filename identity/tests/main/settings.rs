//! Settings: what an organization inherits, what it decides otherwise, and that each is obeyed.

use crate::scenario::{delete, set_state};
use identity::audit;
use identity::change::{Create, Update};
use identity::credential::throttle::{FailPassword, QUIET_SECS, Throttle, Unlock, delayed};
use identity::envelope::Caller;
use identity::event::{Event, Field, Value, What};
use identity::id::{Id, SYSTEM};
use identity::instance::lifetimes::Lifetimes;
use identity::name::{HostName, Username};
use identity::organization::Organization;
use identity::permission::{AdministratorRole, Within};
use identity::record::{Kind, State};
use identity::refusal::Refusal;
use identity::setting::domain::DomainSettings;
use identity::setting::lockout::Lockout;
use identity::setting::login::Login;
use identity::setting::password_complexity::{PasswordComplexity, Unmet};
use identity::setting::{ForSetting, From, NAMES, Reset, Set, Setting, dispatch, effective};
use identity::sweep::Sweep;
use identity::testing::fixtures::{World, id, name};
use identity::testing::tenant::{self, Person, Tenant, Tenants};
use identity::time::Timestamp;
use identity::user::User;
use std::marker::PhantomData;

fn lockout(password_attempts_max: u32) -> Lockout {
    Lockout { password_attempts_max }
}

fn in_force<T: Setting>(world: &World, tenant: &Tenant) -> (T, From) {
    effective(&world.reader(tenant.instance), Some(&tenant.organization)).unwrap()
}

fn set<T: Setting>(world: &mut World, tenant: &Tenant, value: T) {
    let within = Some(tenant.organization.clone());
    world.must(&tenant.iam_owner.caller(), tenant.instance, &Set { within, value, expected: None });
}

fn set_for_all<T: Setting>(world: &mut World, tenant: &Tenant, value: T) {
    world.must(&tenant.iam_owner.caller(), tenant.instance, &Set { within: None, value, expected: None });
}

fn reset<T: Setting>(within: Option<&Id>) -> Reset<T> {
    Reset { within: within.cloned(), expected: None, of: PhantomData }
}

#[test]
fn an_organization_inherits_until_it_decides_and_after_a_reset_again() {
    let (mut world, Tenants { acme, globex, umbra }) = World::standard();
    assert_eq!(in_force(&world, &acme), (Lockout::default(), From::Default));
    set_for_all(&mut world, &acme, lockout(9));
    assert_eq!(in_force(&world, &acme), (lockout(9), From::Instance));
    set(&mut world, &acme, lockout(3));
    assert_eq!(in_force(&world, &acme), (lockout(3), From::Organization));
    assert_eq!(in_force(&world, &globex), (lockout(9), From::Instance), "others still inherit");
    assert_eq!(in_force(&world, &umbra), (Lockout::default(), From::Default), "another instance");
    // What it has set is its own, even where it is what it would inherit.
    set(&mut world, &acme, lockout(9));
    set_for_all(&mut world, &acme, lockout(20));
    assert_eq!(in_force(&world, &acme), (lockout(9), From::Organization));
    world.must(&acme.iam_owner.caller(), acme.instance, &reset::<Lockout>(Some(&acme.organization)));
    assert_eq!(in_force(&world, &acme), (lockout(20), From::Instance));
    world.must(&acme.iam_owner.caller(), acme.instance, &reset::<Lockout>(None));
    assert_eq!(in_force(&world, &acme), (Lockout::default(), From::Default));
}

#[test]
fn the_instances_value_collides_with_no_organizations() {
    let (mut world, Tenants { acme, .. }) = World::standard();
    let root = Id::from_number(acme.instance.0);
    for (at, text) in ["instance", "1", "*"].into_iter().enumerate() {
        let domain = HostName::parse(&format!("host{at}.example")).unwrap();
        world.create(acme.instance, &id(text), &root, Organization { name: name("x"), domain });
        let command = Set { within: Some(id(text)), value: lockout(7), expected: None };
        world.must(&acme.iam_owner.caller(), acme.instance, &command);
        let found = effective::<Lockout>(&world.reader(acme.instance), None).unwrap();
        assert_eq!(found, (Lockout::default(), From::Default), "{text}");
    }
}

#[test]
fn what_changes_is_told_field_by_field_and_what_does_not_is_not() {
    let (mut world, Tenants { acme, .. }) = World::standard();
    let (owner, instance) = (acme.iam_owner.caller(), acme.instance);
    let within = Some(acme.organization.clone());
    let told = |event: &Event| {
        assert_eq!((event.kind, &event.target), (Kind::Lockout.number(), &acme.organization));
        assert_eq!(event.organization, within);
        event.fields.clone()
    };
    let value = |number: u8| Some(Value::plain(&[number]));
    let field = |before, after| vec![Field { number: 0, before, after }];

    let command = Set { within: within.clone(), value: lockout(3), expected: None };
    let then = world.when(&owner, instance, &command);
    assert_eq!(told(&then.events[0]), field(None, value(3)));
    then.told(&[What::Changed]);
    world.when(&owner, instance, &command).told(&[]);
    let then =
        world.when(&owner, instance, &Set { within: within.clone(), value: lockout(5), expected: None });
    assert_eq!(told(&then.events[0]), field(value(3), value(5)));
    then.told(&[What::Changed]);
    let then = world.when(&owner, instance, &reset::<Lockout>(within.as_ref()));
    assert_eq!(told(&then.events[0]), field(value(5), None));
    then.told(&[What::Deleted]);
    world.when(&owner, instance, &reset::<Lockout>(within.as_ref())).told(&[]);

    let lifetimes = Lifetimes { code_secs: 30, ..Lifetimes::default() };
    set_for_all(&mut world, &acme, lifetimes.clone());
    let command = Set { within: None, value: Lifetimes { code_secs: 20, ..lifetimes }, expected: None };
    let then = world.when(&acme.iam_owner.caller(), instance, &command);
    let event = then.events[0].clone();
    assert_eq!((event.target, event.organization), (Id::from_number(1), None));
    let fields: Vec<u16> = event.fields.iter().map(|field| field.number).collect();
    assert_eq!(fields, [0], "only what differs");
}

#[test]
fn nobody_sets_what_is_not_his() {
    let (mut world, Tenants { acme, globex, umbra }) = World::standard();
    let instance = acme.instance;
    let manager = world.create_person(instance, &globex.organization, id("manager"));
    let place = Within::Organization(globex.organization.clone());
    world.appoint(instance, &manager.id, place, AdministratorRole::OrgSettingsManager);
    let its = |world: &mut World, caller: &Caller, refusal: Option<Refusal>| {
        let within = Some(globex.organization.clone());
        let outcome =
            world.run(caller, instance, &Set { within: within.clone(), value: lockout(3), expected: None });
        assert_eq!(outcome.err(), refusal);
        assert_eq!(world.run(caller, instance, &reset::<Lockout>(within.as_ref())).err(), refusal);
    };
    its(&mut world, &manager.caller(), None);
    for caller in [globex.project_owner.caller(), globex.user.caller(), acme.org_owner.caller()] {
        its(&mut world, &caller, Some(Refusal::NotPermitted));
    }
    its(&mut world, &umbra.iam_owner.caller(), Some(Refusal::CallerNotAlive));
    for caller in [manager.caller(), acme.org_owner.caller(), Caller::nobody()] {
        let command = Set { within: None, value: lockout(3), expected: None };
        world.when(&caller, instance, &command).refused(Refusal::NotPermitted);
        world.when(&caller, instance, &reset::<Lockout>(None)).refused(Refusal::NotPermitted);
    }
}

#[test]
fn nobody_shuts_out_those_who_govern_more_by_settings_of_their_organization() {
    let (mut world, Tenants { acme, globex, .. }) = World::standard();
    let instance = acme.instance;
    // The owner of the instance is at home in acme.
    let within = Some(acme.organization.clone());
    let login = Login { password_allowed: false, ..Login::default() };
    for caller in [acme.org_owner.caller(), globex.org_owner.caller()] {
        let is_at_home = caller == acme.org_owner.caller();
        let refusal = if is_at_home { Refusal::ExceedsOwn } else { Refusal::NotPermitted };
        let command = Set { within: within.clone(), value: login.clone(), expected: None };
        world.when(&caller, instance, &command).refused(refusal);
        let command = Set { within: within.clone(), value: lockout(3), expected: None };
        world.when(&caller, instance, &command).refused(refusal);
        world.when(&caller, instance, &reset::<Lockout>(within.as_ref())).refused(refusal);
    }
    // What shuts out nobody is for the organization to say, as it is where nobody governs more.
    let complexity = PasswordComplexity { min_length: 14, ..PasswordComplexity::default() };
    world.must(&acme.org_owner.caller(), instance, &Set { within, value: complexity, expected: None });
    let within = Some(globex.organization.clone());
    world.must(
        &globex.org_owner.caller(),
        instance,
        &Set { within: within.clone(), value: login, expected: None },
    );
    world.must(&globex.org_owner.caller(), instance, &Set { within, value: lockout(3), expected: None });
}

#[test]
fn strangers_lock_nobody_without_whom_nobody_would_govern_the_instance() {
    let (mut world, Tenants { acme, globex, .. }) = World::standard();
    set_for_all(&mut world, &acme, lockout(3));
    for _ in 0..2 {
        fail(&mut world, &acme, &acme.iam_owner).unwrap();
    }
    let third = fail(&mut world, &acme, &acme.iam_owner).unwrap();
    assert!(!third.is_locked(), "{third:?}");
    world.advance_secs(QUIET_SECS);
    // Once there is another one, he is locked like everybody.
    world.appoint(acme.instance, &globex.user.id, Within::Instance, AdministratorRole::IamOwner);
    assert!(fail(&mut world, &acme, &acme.iam_owner).unwrap().is_locked());
}

#[test]
fn which_names_an_organization_may_give_is_not_its_own_to_say() {
    let (mut world, Tenants { acme, globex, .. }) = World::standard();
    set_for_all(&mut world, &acme, DomainSettings { usernames_end_with_domain: true });
    let command =
        Set { within: Some(globex.organization.clone()), value: DomainSettings::default(), expected: None };
    world.when(&globex.org_owner.caller(), globex.instance, &command).refused(Refusal::NotPermitted);
    let reset = reset::<DomainSettings>(Some(&globex.organization));
    world.when(&globex.org_owner.caller(), globex.instance, &reset).refused(Refusal::NotPermitted);
    world.must(&acme.iam_owner.caller(), acme.instance, &command);
}

#[test]
fn lifetimes_that_would_keep_more_keys_than_there_may_be_are_unsound() {
    let days = |active: u32, verifies: u32| Lifetimes {
        key_active_secs: active * 86_400,
        key_next_secs: 86_400,
        key_verifies_secs: verifies * 86_400,
        ..Lifetimes::default()
    };
    assert!(days(1, 40).check().is_ok() && days(9, 360).check().is_ok());
    for unsound in [days(1, 41), days(9, 361)] {
        assert_eq!(unsound.check().unwrap_err().field, "key_verifies_secs");
    }
}

#[test]
fn nothing_is_set_where_it_has_no_place() {
    let (mut world, Tenants { acme, umbra, .. }) = World::standard();
    let (owner, system) = (acme.iam_owner.caller(), Caller::system());
    let not_found = Refusal::NotFound;
    let within = Some(acme.organization.clone());
    let command = Set { within: within.clone(), value: Lifetimes::default(), expected: None };
    world.when(&owner, acme.instance, &command).refused(not_found);
    world.when(&owner, acme.instance, &reset::<Lifetimes>(within.as_ref())).refused(not_found);
    for strange in [id("nobody"), umbra.organization.clone()] {
        let command = Set { within: Some(strange), value: lockout(3), expected: None };
        world.when(&owner, acme.instance, &command).refused(not_found);
    }
    world.when(&system, SYSTEM, &Set { within: None, value: lockout(3), expected: None }).refused(not_found);
    let unsound = Set { within, value: lockout(101), expected: None };
    world.when(&owner, acme.instance, &unsound).refused(Refusal::InvalidSpec);
}

#[test]
fn a_deleted_organization_leaves_no_settings_to_the_next_of_its_id() {
    let (mut world, Tenants { acme, globex, .. }) = World::standard();
    set(&mut world, &globex, lockout(3));
    let (owner, instance) = (acme.iam_owner.caller(), acme.instance);
    world.must(&owner, instance, &delete::<Organization>(&globex.organization));
    let command = Set { within: Some(globex.organization.clone()), value: lockout(4), expected: None };
    world.when(&owner, instance, &command).refused(Refusal::NotFound);
    world.must(&Caller::system(), instance, &Sweep { limit: 2000 });
    let (id, parent) = (globex.organization.clone(), Id::from_number(instance.0));
    let spec = Organization { name: name("Again"), domain: HostName::parse("again.example").unwrap() };
    world.must(&Caller::system(), instance, &Create { id, parent, spec, birth: () });
    assert_eq!(in_force(&world, &globex), (Lockout::default(), From::Default));
}

/// The default of a setting as JSON, and whether it is sound.
struct DefaultOf;

impl ForSetting for DefaultOf {
    type Out = (&'static str, serde_json::Value, bool);
    fn run<T: Setting>(self) -> Self::Out {
        let json = serde_json::to_value(T::default()).unwrap();
        assert!(serde_json::from_value::<T>(json.clone()).unwrap() == T::default());
        let mut more = json.clone();
        more["no such field"] = serde_json::Value::Null;
        assert!(serde_json::from_value::<T>(more).is_err(), "an unknown field of {} is dropped", T::NAME);
        (T::NAME, json, T::default().check().is_ok())
    }
}

#[test]
fn every_setting_is_known_by_its_name_and_its_default_is_sound() {
    for word in NAMES {
        let (name, json, sound) = dispatch(word, DefaultOf).unwrap();
        assert_eq!(name, *word);
        assert!(json.is_object() && sound, "{word}");
    }
    assert!(dispatch("nothing", DefaultOf).is_none());
}

fn fail(world: &mut World, tenant: &Tenant, user: &Person) -> Result<Throttle, Refusal> {
    let command = FailPassword { user: user.id.clone(), revision: 1 };
    world.run(&Caller::nobody(), tenant.instance, &command)
}

#[test]
fn an_account_is_locked_until_an_administrator_unlocks_it() {
    let (mut world, Tenants { acme, .. }) = World::standard();
    set(&mut world, &acme, lockout(3));
    for failures in [1, 2] {
        let throttle = fail(&mut world, &acme, &acme.user).unwrap();
        assert_eq!((throttle.failures, throttle.is_locked()), (failures, false));
        // Whoever is patient is counted all the same.
        world.advance_secs(QUIET_SECS * 10);
    }
    assert_eq!(fail(&mut world, &acme, &acme.user).unwrap(), Throttle { failures: 3, until: Timestamp::END });
    // A longer leash does not let go of whom the shorter one holds.
    let command = Set { within: Some(acme.organization.clone()), value: lockout(0), expected: None };
    world.must(&Caller::system(), acme.instance, &command);
    world.advance_secs(10 * 365 * 86_400);
    assert_eq!(fail(&mut world, &acme, &acme.user), Err(Refusal::Locked));
    let proof = world.proof(acme.instance, &acme.user.id);
    world.when(&Caller::nobody(), acme.instance, &proof).refused(Refusal::Locked);
    let unlock = Unlock { user: acme.user.id.clone() };
    world.when(&Caller::system(), acme.instance, &unlock).told(&[What::Unlocked]);
    assert_eq!(delayed(&world.reader(acme.instance), &acme.user.id).unwrap(), None);
    world.sign_in(acme.instance, &acme.user.id);
}

#[test]
fn only_the_people_of_the_organization_that_chose_so_are_locked() {
    let (mut world, Tenants { acme, globex, .. }) = World::standard();
    set(&mut world, &acme, lockout(3));
    for _ in 0..3 {
        fail(&mut world, &acme, &acme.user).unwrap();
        fail(&mut world, &globex, &globex.user).unwrap();
    }
    assert!(fail(&mut world, &acme, &acme.user).is_err());
    assert!(!fail(&mut world, &globex, &globex.user).unwrap().is_locked());
    // With more attempts than are free the delays come first.
    set_for_all(&mut world, &globex, lockout(7));
    fail(&mut world, &globex, &globex.user).unwrap();
    let throttle = fail(&mut world, &globex, &globex.user).unwrap();
    assert_eq!(throttle.until, world.now.plus_secs(15));
    world.advance_secs(15);
    assert!(fail(&mut world, &globex, &globex.user).unwrap().is_locked());
}

#[test]
fn a_right_password_forgets_what_would_have_locked() {
    let (mut world, Tenants { acme, .. }) = World::standard();
    set(&mut world, &acme, lockout(3));
    for _ in 0..5 {
        fail(&mut world, &acme, &acme.user).unwrap();
        fail(&mut world, &acme, &acme.user).unwrap();
        world.sign_in(acme.instance, &acme.user.id);
    }
    let trail = audit::trail(&world.tables, acme.instance, usize::MAX).unwrap();
    let failed = trail.iter().filter(|entry| entry.event.what == What::PasswordFailed as u16).count();
    assert_eq!(failed, 10);
}

#[test]
fn a_password_is_told_all_that_it_lacks() {
    let min = 8;
    let length = PasswordComplexity::default();
    let all = PasswordComplexity { uppercase: true, lowercase: true, number: true, symbol: true, ..length };
    let none: &[Unmet] = &[];
    let lacks =
        [Unmet::Short { min }, Unmet::NoUppercase, Unmet::NoLowercase, Unmet::NoNumber, Unmet::NoSymbol];
    for (complexity, password, expected) in [
        (&length, "sevenen", &lacks[..1]),
        (&length, "eight en", none),
        (&length, "\u{1f511}\u{1f511}\u{1f511}\u{1f511}", &lacks[..1]),
        (&all, "", &lacks[..]),
        (&all, "Aa1!", &lacks[..1]),
        (&all, "aaaaaa1!", &lacks[1..2]),
        (&all, "AAAAAA1!", &lacks[2..3]),
        (&all, "Aaaaaaa!", &lacks[3..4]),
        (&all, "Aaaaaaa1", &lacks[4..]),
        (&all, "\u{c9}t\u{e9} 2026", none),
    ] {
        let found = complexity.check(password);
        assert_eq!(found.err().unwrap_or_default(), expected, "{password:?}");
    }
}

#[test]
fn a_length_that_nobody_or_everybody_reaches_is_refused() {
    let (mut world, Tenants { acme, .. }) = World::standard();
    for (min_length, sound) in [(0, false), (1, true), (72, true), (73, false), (u32::MAX, false)] {
        let value = PasswordComplexity { min_length, ..PasswordComplexity::default() };
        let command = Set { within: Some(acme.organization.clone()), value, expected: None };
        let outcome = world.run(&acme.org_owner.caller(), acme.instance, &command);
        assert_eq!(outcome, if sound { Ok(()) } else { Err(Refusal::InvalidSpec) }, "{min_length}");
    }
}

#[test]
fn who_is_created_or_renamed_gets_a_name_of_the_organizations_domain() {
    let (mut world, Tenants { acme, globex, .. }) = World::standard();
    set(&mut world, &acme, DomainSettings { usernames_end_with_domain: true });
    let (owner, instance) = (acme.org_owner.caller(), acme.instance);
    let wrong = Refusal::UsernameNotOfDomain;
    let user = |username: &str| User { username: Username::parse(username).unwrap(), ..tenant::human("x") };
    for (username, outcome) in [
        ("carol", Err(wrong)),
        ("carol@globex.example", Err(wrong)),
        ("carol@sub.acme.example", Err(wrong)),
        ("carol.acme.example", Err(wrong)),
        ("carol@acme.example.", Err(wrong)),
        ("@acme.example", Err(wrong)),
        ("acme.example", Err(wrong)),
        ("Carol@ACME.example", Ok(())),
    ] {
        let mut world = world.clone();
        let birth = world.person_key(instance, &id("carol"));
        let parent = acme.organization.clone();
        let command = Create { id: id("carol"), parent, spec: user(username), birth };
        let created = world.clone().run(&owner, instance, &command).map(|_| ());
        assert_eq!(created, outcome, "created as {username}");
        let command = Update { id: acme.user.id.clone(), revision: None, spec: user(username) };
        let renamed = world.run(&owner, instance, &command).map(|_| ());
        assert_eq!(renamed, outcome, "renamed to {username}");
    }
    // Whoever had another name keeps it, whatever else changes of him.
    let username = world.reader(instance).find::<User>(&acme.user.id).unwrap().unwrap().spec.username;
    let spec = User { username, ..tenant::human("another") };
    world.must(&owner, instance, &Update { id: acme.user.id.clone(), revision: None, spec });
    for state in [State::Inactive, State::Active] {
        world.must(&owner, instance, &set_state::<User>(&acme.user.id, state));
    }
    world.create_person(instance, &globex.organization, id("dave"));
    set(&mut world, &acme, DomainSettings::default());
    world.create_person(instance, &acme.organization, id("carol"));
}

#[test]
fn where_passwords_are_not_allowed_none_is_proven_and_none_counted() {
    let (mut world, Tenants { acme, globex, umbra }) = World::standard();
    let login = Login { password_allowed: false, ..Login::default() };
    set(&mut world, &acme, login.clone());
    let (instance, nobody) = (acme.instance, Caller::nobody());
    let proof = world.proof(instance, &acme.user.id);
    world.when(&nobody, instance, &proof).refused(Refusal::PasswordNotAllowed);
    assert_eq!(fail(&mut world, &acme, &acme.user), Err(Refusal::PasswordNotAllowed));
    assert_eq!(world.reader(instance).row::<Throttle>(&acme.user.id).unwrap(), None);
    world.sign_in(instance, &globex.user.id);
    // Sessions that there are go on: an administrator can take it back.
    set(&mut world, &acme, Login::default());
    world.sign_in(instance, &acme.user.id);
    // An organization may allow what its instance does not.
    set_for_all(&mut world, &acme, login);
    world.sign_in(instance, &acme.user.id);
    let proof = world.proof(instance, &globex.user.id);
    world.when(&nobody, instance, &proof).refused(Refusal::PasswordNotAllowed);
    world.sign_in(umbra.instance, &umbra.user.id);
}

#[test]
fn a_session_ends_with_its_proof_or_its_own_lifetime_whichever_is_sooner() {
    let (mut world, Tenants { acme, globex, .. }) = World::standard();
    let started = |world: &mut World, tenant: &Tenant| {
        let proof = world.proof(tenant.instance, &tenant.user.id);
        let started = world.must(&Caller::nobody(), tenant.instance, &proof);
        started.expires.secs_since(world.now)
    };
    let usual = 12 * 3600;
    assert_eq!(started(&mut world, &acme), usual);
    set(&mut world, &acme, Login { password_check_secs: 3600, ..Login::default() });
    assert_eq!((started(&mut world, &acme), started(&mut world, &globex)), (3600, usual));
    set(&mut world, &acme, Login { password_check_secs: 30 * 86_400, ..Login::default() });
    assert_eq!(started(&mut world, &acme), usual);
    for password_check_secs in [0, 400 * 86_400 + 1] {
        let value = Login { password_check_secs, ..Login::default() };
        let command = Set { within: Some(acme.organization.clone()), value, expected: None };
        world.when(&acme.org_owner.caller(), acme.instance, &command).refused(Refusal::InvalidSpec);
    }
}
