//! Sessions: each proof changes the secret; wrong passwords delay, never lock.

use crate::scenario::set_state;
use identity::credential::password::{ProvePassword, Renews, SetPassword};
use identity::credential::throttle::{FailPassword, Lock, QUIET_SECS, Throttle, Unlock, delayed};
use identity::encoding::encode_row;
use identity::envelope::Caller;
use identity::event::What;
use identity::id::{Hash, Id};
use identity::instance::lifetimes::Lifetimes;
use identity::keys::{Key, Space};
use identity::permission::{AdministratorRole, Within};
use identity::reader::record_key;
use identity::record::{Kind, State};
use identity::refusal::Refusal;
use identity::see::Eyes;
use identity::session::{self, EndSession, EndSessionOf, Session, Started};
use identity::setting::lockout::Lockout;
use identity::setting::{Set, Setting};
use identity::sweep::Sweep;
use identity::tables::{Changes, Table};
use identity::testing::fixtures::World;
use identity::testing::fixtures::id;
use identity::testing::tenant::{Person, Tenant, Tenants};
use identity::user::User;

/// A person with a fresh session and the hash of its secret.
fn start() -> (World, Tenant, Renews) {
    let (mut world, Tenants { acme, .. }) = World::standard();
    let proof = world.proof(acme.instance, &acme.user.id);
    let Started { session, .. } =
        world.when(&Caller::nobody(), acme.instance, &proof).told(&[What::SignedIn]);
    (world, acme, Renews { session, secret: proof.secret })
}

fn is_alive(world: &World, tenant: &Tenant, session: &Id) -> bool {
    session::live(&world.reader(tenant.instance), session).is_ok()
}

#[test]
fn a_proof_changes_the_secret_and_the_old_one_is_worthless() {
    let (mut world, acme, old) = start();
    world.advance_secs(5);
    let proof = ProvePassword { renews: Some(old.clone()), ..world.proof(acme.instance, &acme.user.id) };
    let started = world.when(&Caller::nobody(), acme.instance, &proof).told(&[What::SessionRose]);
    assert_eq!(started.session, old.session, "the id stays: it stands in tokens");
    let row = |world: &World| world.reader(acme.instance).row::<Session>(&old.session).unwrap().unwrap();
    let session = row(&world);
    assert_eq!(session.secret, proof.secret);
    assert_eq!((session.started.plus_secs(5), session.authenticated), (world.now, world.now));
    // Whoever holds the secret of before starts a session of his own, and touches this one not.
    let thief = ProvePassword { renews: Some(old.clone()), ..world.proof(acme.instance, &acme.user.id) };
    let another = world.when(&Caller::nobody(), acme.instance, &thief).told(&[What::SignedIn]);
    assert_eq!(another.session, thief.session);
    assert_eq!(row(&world), session);
}

#[test]
fn a_session_that_was_planted_is_not_taken_over() {
    let (mut world, acme, mine) = start();
    let victim = world.proof(acme.instance, &acme.org_owner.id);
    let proof = ProvePassword { renews: Some(mine.clone()), ..victim };
    let told = [What::SessionEnded, What::SignedIn];
    let started = world.when(&Caller::nobody(), acme.instance, &proof).told(&told);
    assert_eq!(started.session, proof.session, "another person begins another session");
    assert!(!is_alive(&world, &acme, &mine.session), "and the browser forgets the first");
    let guess = Renews { session: acme.iam_owner.session.clone(), secret: Hash::of(b"guess") };
    let proof = ProvePassword { renews: Some(guess), ..world.proof(acme.instance, &acme.user.id) };
    world.must(&Caller::nobody(), acme.instance, &proof);
    assert!(is_alive(&world, &acme, &acme.iam_owner.session), "without its secret nobody ends it");
}

#[test]
fn a_session_id_is_not_used_twice() {
    let (mut world, acme, mine) = start();
    let proof = ProvePassword { session: mine.session, ..world.proof(acme.instance, &acme.org_owner.id) };
    world.when(&Caller::nobody(), acme.instance, &proof).refused(Refusal::AlreadyExists);
}

#[test]
fn a_session_ends_by_itself_and_the_sweep_takes_it() {
    let (mut world, acme, mine) = start();
    let caller = Caller::session(acme.user.id.clone(), mine.session.clone());
    world.advance_secs(12 * 3600 - 1);
    assert!(is_alive(&world, &acme, &mine.session));
    // Proven again, it is not taken at the time it would have ended.
    let proof = ProvePassword { renews: Some(mine.clone()), ..world.proof(acme.instance, &acme.user.id) };
    world.must(&Caller::nobody(), acme.instance, &proof);
    world.advance_secs(2);
    world.must(&Caller::system(), acme.instance, &Sweep { limit: 2000 });
    assert!(is_alive(&world, &acme, &mine.session));
    world.advance_secs(12 * 3600);
    assert!(!is_alive(&world, &acme, &mine.session), "nobody waits for the sweep");
    world.when(&caller, acme.instance, &EndSession {}).refused(Refusal::CallerNotAlive);
    world.must(&Caller::system(), acme.instance, &Sweep { limit: 2000 });
    assert_eq!(world.reader(acme.instance).row::<Session>(&mine.session).unwrap(), None);
}

#[test]
fn every_session_that_counts_is_on_a_page_however_many_have_ended() {
    let (mut world, Tenants { acme, .. }) = World::standard();
    let mine = world.sign_in(acme.instance, &acme.user.id);
    let living: Session = world.reader(acme.instance).row(&mine).unwrap().unwrap();
    let own = world.reader(acme.instance).referring(Kind::User, &acme.user.id, Kind::Session, 100).unwrap();
    // More than one page looks at; few of them count, the first and the last of all among them.
    let counts = |number: u32| [1, 2, 2_400, 2_600].contains(&number);
    let mut changes = Changes::new();
    for number in 1..=2_600 {
        let session = Id::parse(&format!("s{number:04}")).unwrap();
        let expires = if counts(number) { living.expires } else { world.now };
        let row = encode_row(&Session { expires, ..living.clone() });
        let reference = Key::new(acme.instance, Space::Reference).u16(Kind::User.number());
        let reference = reference.id(&acme.user.id).u16(Kind::Session.number()).id(&session).into_bytes();
        changes.insert((Table::State, record_key(acme.instance, Kind::Session, &session)), Some(row));
        changes.insert((Table::State, reference), Some(Vec::new()));
    }
    world.tables.write(changes);
    let reader = world.reader(acme.instance);
    let user = reader.existing::<User>(&acme.user.id).unwrap();
    let owner = acme.org_owner.caller();
    let page =
        |after, limit| session::of_user(&reader, &Eyes::new(reader, &owner), &user, after, limit).unwrap();
    for limit in [1, 2, 1000] {
        let (mut found, mut next, mut pages) = (Vec::new(), None, 0);
        loop {
            let page = page(next, limit);
            assert!(page.found.len() <= limit);
            found.extend(page.found.into_iter().map(|(id, _)| id));
            (next, pages) = (page.next, pages + 1);
            if next.is_none() {
                break;
            }
        }
        let mut expected: Vec<Id> = ["s0001", "s0002", "s2400", "s2600"].map(id).to_vec();
        expected.extend(own.clone());
        found.sort_unstable();
        expected.sort_unstable();
        assert_eq!(found, expected, "{limit} at once");
        assert!(pages <= 8, "{pages}");
    }
    let stranger = acme.user.caller();
    let refused = session::of_user(&reader, &Eyes::new(reader, &stranger), &user, None, 10);
    assert_eq!(refused, Err(Refusal::NotPermitted.into()));
}

#[test]
fn a_new_password_ends_every_session() {
    let (mut world, acme, mine) = start();
    let stale = world.proof(acme.instance, &acme.user.id);
    let command = SetPassword { user: acme.user.id.clone(), sealed: vec![1] };
    world.when(&acme.org_owner.caller(), acme.instance, &command).told(&[What::PasswordSet]);
    assert!(!is_alive(&world, &acme, &mine.session) && !is_alive(&world, &acme, &acme.user.session));
    world.when(&Caller::nobody(), acme.instance, &stale).refused(Refusal::CredentialChanged);
    // A proof of the new one does not revive a session of the old one.
    let proof = ProvePassword { renews: Some(mine.clone()), ..world.proof(acme.instance, &acme.user.id) };
    let started =
        world.when(&Caller::nobody(), acme.instance, &proof).told(&[What::SessionEnded, What::SignedIn]);
    assert_eq!(started.session, proof.session);
}

#[test]
fn a_password_is_a_persons() {
    let (mut world, acme, _) = start();
    let command = SetPassword { user: acme.service.id.clone(), sealed: vec![1] };
    world.when(&acme.org_owner.caller(), acme.instance, &command).refused(Refusal::NotPerson);
    let proof = world.proof(acme.instance, &acme.service.id);
    world.when(&Caller::nobody(), acme.instance, &proof).refused(Refusal::CredentialChanged);
    let unknown = world.proof(acme.instance, &Id::parse("nobody").unwrap());
    world.when(&Caller::nobody(), acme.instance, &unknown).refused(Refusal::CredentialChanged);
    for caller in [acme.web.caller(), acme.service.caller()] {
        let proof = world.proof(acme.instance, &acme.user.id);
        world.when(&caller, acme.instance, &proof).refused(Refusal::NotPermitted);
    }
}

#[test]
fn one_ends_ones_own_session_and_an_administrator_that_of_his_people() {
    let (mut world, acme, mine) = start();
    let (_, Tenants { globex, .. }) = World::standard();
    let command = EndSessionOf { session: mine.session.clone() };
    for caller in
        [acme.user.caller(), acme.project_owner.caller(), globex.org_owner.caller(), acme.web.caller()]
    {
        world.when(&caller, acme.instance, &command).refused(Refusal::NotPermitted);
    }
    world.when(&acme.user.caller(), acme.instance, &EndSession {}).told(&[What::SessionEnded]);
    assert!(is_alive(&world, &acme, &mine.session), "the other browser's stays");
    world.when(&acme.org_owner.caller(), acme.instance, &command).told(&[What::SessionEnded]);
    world.when(&acme.org_owner.caller(), acme.instance, &command).refused(Refusal::NotFound);
    assert!(!is_alive(&world, &acme, &mine.session));
}

fn fail(world: &mut World, acme: &Tenant) -> Result<Throttle, Refusal> {
    world.run(&Caller::nobody(), acme.instance, &FailPassword { user: acme.user.id.clone(), revision: 1 })
}

#[test]
fn wrong_passwords_delay_ever_longer_up_to_a_bound() {
    let (mut world, acme, _) = start();
    let mut delays = Vec::new();
    for _ in 0..14 {
        let throttle = fail(&mut world, &acme).unwrap();
        let delay = throttle.until.secs_since(world.now);
        delays.push(delay);
        if delay > 0 {
            // While it lasts nothing is counted and nothing proven: no flood reaches the log.
            world.advance_secs(delay - 1);
            assert_eq!(fail(&mut world, &acme), Err(Refusal::Locked));
            let proof = world.proof(acme.instance, &acme.user.id);
            world.when(&Caller::nobody(), acme.instance, &proof).refused(Refusal::Locked);
            world.advance_secs(1);
        }
    }
    assert_eq!(delays, [0, 0, 0, 0, 0, 15, 30, 60, 120, 240, 480, 900, 900, 900]);
    let owner = acme.org_owner.caller();
    let alive = world.clone().when(&owner, acme.instance, &EndSession {}).outcome.is_ok();
    assert!(alive, "others are not delayed");
}

#[test]
fn a_right_password_or_an_administrator_forgets_the_wrong_ones() {
    let (mut world, mut acme, _) = start();
    for _ in 0..5 {
        fail(&mut world, &acme).unwrap();
    }
    world.sign_in(acme.instance, &acme.user.id);
    assert_eq!(fail(&mut world, &acme).unwrap().failures, 1);
    for _ in 0..5 {
        fail(&mut world, &acme).unwrap();
    }
    assert!(delayed(&world.reader(acme.instance), &acme.user.id).unwrap().is_some());
    let unlock = Unlock { user: acme.user.id.clone() };
    for caller in [acme.user.caller(), Caller::nobody(), acme.project_owner.caller()] {
        world.when(&caller, acme.instance, &unlock).refused(Refusal::NotPermitted);
    }
    world.when(&acme.org_owner.caller(), acme.instance, &unlock).told(&[What::Unlocked]);
    let mut person: Person = acme.user.clone();
    world.renew(acme.instance, &mut person);
    acme.user = person;
    assert!(is_alive(&world, &acme, &acme.user.session));
}

#[test]
fn a_locked_account_has_no_sessions_and_gets_none_until_it_is_unlocked() {
    let (mut world, acme, _) = start();
    let (owner, instance) = (acme.org_owner.caller(), acme.instance);
    let lock = Lock { user: acme.user.id.clone() };
    for caller in [acme.user.caller(), Caller::nobody(), acme.project_owner.caller()] {
        world.when(&caller, instance, &lock).refused(Refusal::NotPermitted);
    }
    world.when(&owner, instance, &lock).told(&[What::Locked]);
    assert!(!is_alive(&world, &acme, &acme.user.session));
    world.advance_secs(10 * 365 * 86_400);
    let proof = world.proof(instance, &acme.user.id);
    world.when(&Caller::nobody(), instance, &proof).refused(Refusal::Locked);
    world.must(&Caller::operator(), instance, &Unlock { user: acme.user.id.clone() });
    // The password is what it was; what it had proven before stays over.
    world.sign_in(instance, &acme.user.id);
    assert!(!is_alive(&world, &acme, &acme.user.session));
}

#[test]
fn who_was_locked_by_wrong_passwords_loses_his_sessions_when_an_administrator_locks_him() {
    let (mut world, acme, _) = start();
    let instance = acme.instance;
    let value = Lockout { password_attempts_max: 3 };
    world.must(&Caller::system(), instance, &Set { within: None, value, expected: None });
    for _ in 0..3 {
        fail(&mut world, &acme).unwrap();
    }
    assert!(is_alive(&world, &acme, &acme.user.session), "strangers end no session");
    let lock = Lock { user: acme.user.id.clone() };
    world.when(&acme.org_owner.caller(), instance, &lock).told(&[What::Locked]);
    assert!(!is_alive(&world, &acme, &acme.user.session));
}

#[test]
fn the_last_owner_who_can_sign_in_does_not_leave_a_locked_one_behind() {
    let (mut world, acme, _) = start();
    let (owner, instance) = (acme.iam_owner.caller(), acme.instance);
    world.appoint(instance, &acme.user.id, Within::Instance, AdministratorRole::IamOwner);
    world.must(&owner, instance, &Lock { user: acme.user.id.clone() });
    let off = set_state::<User>(&acme.iam_owner.id, State::Inactive);
    world.when(&owner, instance, &off).refused(Refusal::LastOwner);
    world.must(&owner, instance, &Unlock { user: acme.user.id.clone() });
    world.must(&owner, instance, &off);
}

#[test]
fn nobody_is_locked_who_stands_above_or_is_the_last_owner_or_no_person() {
    let (mut world, acme, _) = start();
    let instance = acme.instance;
    let lock = |user: &Id| Lock { user: user.clone() };
    world.when(&acme.org_owner.caller(), instance, &lock(&acme.iam_owner.id)).refused(Refusal::ExceedsOwn);
    world.when(&acme.iam_owner.caller(), instance, &lock(&acme.iam_owner.id)).refused(Refusal::LastOwner);
    world.when(&acme.org_owner.caller(), instance, &lock(&acme.service.id)).refused(Refusal::NotPerson);
    // Another owner who is locked himself is none who is left.
    world.appoint(instance, &acme.user.id, Within::Instance, AdministratorRole::IamOwner);
    world.must(&acme.iam_owner.caller(), instance, &lock(&acme.user.id));
    world.when(&acme.iam_owner.caller(), instance, &lock(&acme.iam_owner.id)).refused(Refusal::LastOwner);
    world.must(&acme.iam_owner.caller(), instance, &Unlock { user: acme.user.id.clone() });
    world.must(&acme.iam_owner.caller(), instance, &lock(&acme.iam_owner.id));
}

#[test]
fn a_failure_against_another_password_or_nobody_says_nothing() {
    let (mut world, acme, _) = start();
    let fail = |user: &Id, revision| FailPassword { user: user.clone(), revision };
    let nobody = Caller::nobody();
    let changed = Refusal::CredentialChanged;
    world.when(&nobody, acme.instance, &fail(&acme.user.id, 2)).refused(changed);
    world.when(&nobody, acme.instance, &fail(&acme.service.id, 1)).refused(changed);
    world.when(&nobody, acme.instance, &fail(&Id::parse("x").unwrap(), 1)).refused(Refusal::NotFound);
    world.must(&Caller::system(), acme.instance, &set_state::<User>(&acme.user.id, State::Inactive));
    world.when(&nobody, acme.instance, &fail(&acme.user.id, 1)).refused(Refusal::NotActive);
    for caller in [acme.web.caller(), acme.service.caller()] {
        world.when(&caller, acme.instance, &fail(&acme.org_owner.id, 1)).refused(Refusal::NotPermitted);
    }
}

#[test]
fn lifetimes_that_contradict_each_other_are_refused() {
    let (mut world, acme, _) = start();
    let good = Lifetimes::default();
    let cases = [
        ("code_secs", Lifetimes { code_secs: 0, ..good.clone() }),
        ("code_secs", Lifetimes { code_secs: 61, ..good.clone() }),
        ("access_token_secs", Lifetimes { access_token_secs: 86_401, ..good.clone() }),
        ("key_verifies_secs", Lifetimes { key_verifies_secs: 899, ..good.clone() }),
        (
            "refresh_idle_secs",
            Lifetimes { refresh_idle_secs: good.refresh_absolute_secs + 1, ..good.clone() },
        ),
        ("refresh_idle_secs", Lifetimes { refresh_idle_secs: 0, ..good.clone() }),
        ("refresh_grace_secs", Lifetimes { refresh_grace_secs: 61, ..good.clone() }),
        ("session_secs", Lifetimes { session_secs: 0, ..good.clone() }),
        ("key_next_secs", Lifetimes { key_next_secs: 0, ..good.clone() }),
        ("key_next_secs", Lifetimes { key_next_secs: good.key_active_secs + 1, ..good.clone() }),
        ("failures_free", Lifetimes { failures_free: 0, ..good.clone() }),
        ("delay_first_secs", Lifetimes { delay_first_secs: 0, ..good.clone() }),
        ("delay_first_secs", Lifetimes { delay_first_secs: 901, ..good.clone() }),
        ("delay_max_secs", Lifetimes { delay_max_secs: 3601, ..good.clone() }),
    ];
    for (field, lifetimes) in cases {
        assert_eq!(lifetimes.check().unwrap_err().field, field);
        let command = Set { within: None, value: lifetimes, expected: None };
        world.when(&acme.iam_owner.caller(), acme.instance, &command).refused(Refusal::InvalidSpec);
    }
    let command = Set { within: None, value: good, expected: None };
    world.when(&acme.org_owner.caller(), acme.instance, &command).refused(Refusal::NotPermitted);
    world.when(&acme.iam_owner.caller(), acme.instance, &command).told(&[What::Changed]);
}

#[test]
fn the_id_of_a_session_that_ended_is_never_a_new_ones() {
    // Else every token of the old session would live again.
    let (mut world, Tenants { acme, .. }) = World::standard();
    let held = world.reader(acme.instance).row::<Session>(&acme.user.session).unwrap().unwrap().secret;
    world.set_password(acme.instance, &acme.user.id);
    let mut proof = world.proof(acme.instance, &acme.user.id);
    proof.session = acme.user.session.clone();
    proof.renews = Some(Renews { session: acme.user.session.clone(), secret: held });
    world.when(&Caller::nobody(), acme.instance, &proof).refused(Refusal::AlreadyExists);
}

#[test]
fn wrong_passwords_are_forgotten_when_nobody_goes_on() {
    let (mut world, acme, _) = start();
    for _ in 0..6 {
        fail(&mut world, &acme).unwrap();
    }
    let delay = 15;
    let mut early = world.clone();
    early.advance_secs(delay + QUIET_SECS);
    assert_eq!(fail(&mut early, &acme).unwrap().failures, 7);
    world.advance_secs(delay + QUIET_SECS + 1);
    assert_eq!(fail(&mut world, &acme).unwrap().failures, 1);
}
