//! The schedule of signing keys: published, then signing, then verifying, then gone.

use identity::application::TokenAlg;
use identity::envelope::Caller;
use identity::event::What;
use identity::id::Id;
use identity::instance::lifetimes::Lifetimes;
use identity::refusal::Refusal;
use identity::setting::Set;
use identity::signing_key::{NewKey, RotateKeys, Stage, Step, due, published};
use identity::sweep::Sweep;
use identity::testing::fixtures::World;
use identity::testing::tenant::{Tenant, Tenants};

/// Keys sign for 10 seconds, are published 3 before, and verify for 4.
fn start() -> (World, Tenant) {
    let (mut world, Tenants { acme, .. }) = World::standard();
    let lifetimes = Lifetimes {
        access_token_secs: 4,
        id_token_secs: 4,
        key_active_secs: 10,
        key_next_secs: 3,
        key_verifies_secs: 4,
        ..Lifetimes::default()
    };
    world.must(
        &acme.iam_owner.caller(),
        acme.instance,
        &Set { within: None, value: lifetimes, expected: None },
    );
    (world, acme)
}

fn rotate(world: &mut World, acme: &Tenant) -> Step {
    let new = Some(world.new_key(acme.instance));
    world.must(&Caller::system(), acme.instance, &RotateKeys { alg: TokenAlg::Es256, new })
}

/// The keys that verify, and the one that signs.
fn keys(world: &World, acme: &Tenant) -> (Vec<Id>, Id) {
    let keys = published(&world.reader(acme.instance)).unwrap();
    let mut signing = keys.iter().filter(|key| matches!(key.stage, Stage::Active { .. }));
    let active = signing.next().unwrap().kid.clone();
    assert!(signing.next().is_none(), "one key signs");
    (keys.into_iter().map(|key| key.kid).collect(), active)
}

#[test]
fn three_rotations_keep_every_key_until_what_it_signed_has_ended() {
    let (mut world, acme) = start();
    let mut signed: Vec<(Id, u64)> = Vec::new(); // key id and the second until which its last token lives
    let mut rotations = 0;
    for second in 0..40u64 {
        while let Some(step) = due(&world.reader(acme.instance), TokenAlg::Es256).unwrap() {
            assert_eq!(rotate(&mut world, &acme), step);
            rotations += u32::from(step == Step::Activate);
        }
        world.must(&Caller::system(), acme.instance, &Sweep { limit: 100 });
        let (verifying, active) = keys(&world, &acme);
        signed.push((active, second + 4));
        for (kid, until) in &signed {
            assert!(second >= *until || verifying.contains(kid), "second {second}: {kid} verifies no more");
        }
        assert!(verifying.len() <= 3, "{verifying:?}");
        world.advance_secs(1);
    }
    assert_eq!(rotations, 3);
}

#[test]
fn a_key_signs_only_after_it_was_published_long_enough() {
    let (mut world, acme) = start();
    // The node slept: the next key is late, and still waits its time.
    world.advance_secs(60);
    assert_eq!(rotate(&mut world, &acme), Step::Publish);
    let (_, active) = keys(&world, &acme);
    world.advance_secs(2);
    assert_eq!(due(&world.reader(acme.instance), TokenAlg::Es256).unwrap(), None);
    let early = RotateKeys { alg: TokenAlg::Es256, new: None };
    world.when(&Caller::system(), acme.instance, &early).refused(Refusal::NotDue);
    world.advance_secs(1);
    let told = [What::KeyActivated, What::KeyReplaced];
    let then = world.when(&Caller::system(), acme.instance, &early);
    let mut found: Vec<u16> = then.events.iter().map(|event| event.what).collect();
    found.sort_unstable();
    assert_eq!(found, told.map(|what| what as u16));
    let (verifying, new) = keys(&world, &acme);
    assert!(new != active && verifying.contains(&active));
    world.advance_secs(4);
    assert!(!keys(&world, &acme).0.contains(&active), "hidden before the sweep");
    world.when(&Caller::system(), acme.instance, &Sweep { limit: 1000 }).told(&[What::KeyRetired]);
}

#[test]
fn a_step_that_needs_a_key_is_refused_without_one_or_with_a_known_one() {
    let (mut world, acme) = start();
    world.advance_secs(7);
    let none = RotateKeys { alg: TokenAlg::Es256, new: None };
    world.when(&Caller::system(), acme.instance, &none).refused(Refusal::InvalidSpec);
    let (_, active) = keys(&world, &acme);
    let same = NewKey { kid: active, jwk: "{}".into(), sealed: vec![1] };
    let twice = RotateKeys { alg: TokenAlg::Es256, new: Some(same.clone()) };
    world.when(&Caller::system(), acme.instance, &twice).refused(Refusal::AlreadyExists);
    // Another algorithm has a schedule, but no key ids, of its own.
    let other = RotateKeys { alg: TokenAlg::Rs256, new: Some(same) };
    world.when(&Caller::system(), acme.instance, &other).refused(Refusal::AlreadyExists);
    let new = Some(world.new_key(acme.instance));
    let begun = world.when(&Caller::system(), acme.instance, &RotateKeys { alg: TokenAlg::Rs256, new });
    assert_eq!(begun.told(&[What::KeyActivated]), Step::Begin);
    for caller in [acme.iam_owner.caller(), acme.web.caller(), Caller::nobody()] {
        world.when(&caller, acme.instance, &none).refused(Refusal::NotPermitted);
    }
}

#[test]
fn keys_that_no_sweep_takes_are_bounded() {
    let (mut world, acme) = start();
    let lifetimes =
        Lifetimes { key_active_secs: 60, key_next_secs: 60, key_verifies_secs: 2400, ..Lifetimes::default() };
    world.must(
        &acme.iam_owner.caller(),
        acme.instance,
        &Set { within: None, value: lifetimes, expected: None },
    );
    let mut refused = None;
    for _ in 0..300 {
        if due(&world.reader(acme.instance), TokenAlg::Es256).unwrap().is_some() {
            let new = Some(world.new_key(acme.instance));
            let command = RotateKeys { alg: TokenAlg::Es256, new };
            refused = world.run(&Caller::system(), acme.instance, &command).err();
            if refused.is_some() {
                break;
            }
        }
        world.advance_secs(30);
    }
    assert_eq!(refused, Some(Refusal::LimitReached));
}
