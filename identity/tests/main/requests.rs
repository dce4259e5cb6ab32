//! A request runs once, in time, whatever is retried.

use identity::change::Create;
use identity::envelope::{Caller, Envelope, Remember};
use identity::execute::{Outcome, look_up};
use identity::id::Id;
use identity::project::Project;
use identity::refusal::Refusal;
use identity::sweep::{Sweep, is_due};
use identity::testing::fixtures::{World, id, name};
use identity::testing::tenant::{Tenant, Tenants};
use identity::time::Timestamp;

fn start() -> (World, Tenant, Envelope) {
    let (mut world, Tenants { acme, .. }) = World::standard();
    let envelope = creation(&mut world, &acme, &id("p1"));
    (world, acme, envelope)
}

fn creation(world: &mut World, acme: &Tenant, id: &Id) -> Envelope {
    let spec =
        Project { name: name("x"), role_assertion: false, role_check: false, has_project_check: false };
    let command = Create { id: id.clone(), parent: acme.organization.clone(), spec, birth: () };
    world.envelope(&acme.org_owner.caller(), acme.instance, &command)
}

#[test]
fn a_request_that_comes_again_gets_the_same_reply_and_changes_nothing() {
    let (mut world, _, envelope) = start();
    assert_eq!(look_up(&world.tables, envelope.instance, &envelope.request).unwrap(), None);
    let first = world.submit(&envelope);
    let seen = look_up(&world.tables, envelope.instance, &envelope.request).unwrap().unwrap();
    assert_eq!((Outcome::Applied(seen.reply), seen.index), (first.clone(), world.index));
    for secs in [0, 1, 29] {
        world.advance_secs(secs);
        let before = world.tables.clone();
        assert_eq!(world.submit(&envelope), first);
        assert!(world.tables == before);
    }
}

#[test]
fn a_refused_request_is_not_remembered() {
    let (mut world, acme, envelope) = start();
    let other = Envelope { caller: acme.user.caller(), ..envelope.clone() };
    assert_eq!(world.submit(&other), Outcome::Refused(Refusal::NotPermitted));
    assert!(matches!(world.submit(&envelope), Outcome::Applied(_)), "the same id, now by one who may");
}

#[test]
fn another_request_under_the_same_id_is_refused() {
    let (mut world, acme, envelope) = start();
    world.submit(&envelope);
    let body = creation(&mut world, &acme, &id("p2")).body;
    let session = world.sign_in(acme.instance, &acme.org_owner.id);
    let other_session = Caller::session(acme.org_owner.id.clone(), session);
    for other in [
        Envelope { body, ..envelope.clone() },
        Envelope { number: envelope.number + 1, ..envelope.clone() },
        Envelope { caller: acme.iam_owner.caller(), ..envelope.clone() },
        Envelope { caller: other_session, ..envelope.clone() },
    ] {
        assert_eq!(world.submit(&other), Outcome::Refused(Refusal::RequestIdReused));
    }
}

#[test]
fn the_same_id_in_another_instance_is_another_request() {
    let (mut world, Tenants { acme, umbra, .. }) = World::standard();
    let mine = world.envelope(&Caller::system(), acme.instance, &Sweep { limit: 1 });
    let theirs = Envelope { instance: umbra.instance, ..mine.clone() };
    world.submit(&mine);
    assert_eq!(look_up(&world.tables, theirs.instance, &theirs.request).unwrap(), None);
    assert!(matches!(world.submit(&theirs), Outcome::Applied(_)));
}

#[test]
fn a_request_runs_until_its_deadline_and_not_after() {
    let (mut world, _, envelope) = start();
    let mut late = world.clone();
    late.now = Timestamp(envelope.not_after.0 + 1);
    assert_eq!(late.submit(&envelope), Outcome::Refused(Refusal::Expired));
    assert_eq!(
        look_up(&late.tables, envelope.instance, &envelope.request).unwrap(),
        None,
        "definitely not applied"
    );
    world.now = envelope.not_after;
    assert!(matches!(world.submit(&envelope), Outcome::Applied(_)));
    world.now = Timestamp(envelope.not_after.0 + 1);
    assert_eq!(world.submit(&envelope), Outcome::Refused(Refusal::Expired), "even if it was applied in time");
}

#[test]
fn a_deadline_too_far_is_refused() {
    let (mut world, _, envelope) = start();
    let far = Envelope { not_after: Timestamp(envelope.not_after.0 + 1), ..envelope.clone() };
    assert_eq!(world.submit(&far), Outcome::Refused(Refusal::DeadlineTooFar));
    let never = Envelope { not_after: Timestamp(u64::MAX), ..envelope };
    assert_eq!(world.submit(&never), Outcome::Refused(Refusal::DeadlineTooFar));
}

#[test]
fn a_request_is_remembered_for_ninety_seconds_longer_than_any_deadline() {
    let (mut world, acme, envelope) = start();
    world.submit(&envelope);
    let sweep = |world: &mut World| world.must(&Caller::system(), acme.instance, &Sweep { limit: 2000 });
    world.advance_secs(89);
    sweep(&mut world);
    assert!(look_up(&world.tables, envelope.instance, &envelope.request).unwrap().is_some());
    assert!(Remember::Retry.secs() > 2 * Envelope::DEADLINE_SECS);
    world.advance_secs(1);
    sweep(&mut world);
    assert_eq!(look_up(&world.tables, envelope.instance, &envelope.request).unwrap(), None);
    let again = Envelope { not_after: world.now, ..envelope };
    assert_eq!(world.submit(&again), Outcome::Refused(Refusal::AlreadyExists), "it runs as a new request");
}

#[test]
fn a_sweep_of_requests_is_bounded_and_ends() {
    let (mut world, Tenants { umbra, .. }) = World::standard();
    world.advance_secs(200);
    let mut rounds = 0;
    while is_due(&world.reader(umbra.instance)).unwrap() {
        let swept = world.must(&Caller::system(), umbra.instance, &Sweep { limit: 4 });
        assert!((1..=4).contains(&swept.rows));
        rounds += 1;
        assert!(rounds < 100, "a sweep that never ends");
    }
    assert!(rounds > 5);
    let swept = world.must(&Caller::system(), umbra.instance, &Sweep { limit: 2000 });
    assert_eq!(swept.rows, 0);
}
