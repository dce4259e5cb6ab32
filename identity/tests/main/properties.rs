//! Properties over random sequences; the seed is fixed, so that a failure repeats.

use crate::recorded::replay;
use crate::samples;
use crate::scenario::{delete, set_state};
use identity::application::Application;
use identity::authorization::Authorization;
use identity::change::{Create, Update};
use identity::encoding::{Stored, decode, decode_row, encode, encode_row};
use identity::envelope::{Caller, Envelope, Remember, Source};
use identity::event::Event;
use identity::id::{Fixed, Hash, Id, InstanceId};
use identity::organization::Organization;
use identity::project::Project;
use identity::record::{Record, State};
use identity::session::EndSession;
use identity::sweep::Sweep;
use identity::tables::{Overlay, Read, Table};
use identity::testing::fixtures::{World, id, machine, name};
use identity::testing::memory::MemoryTables;
use identity::testing::tenant::{self, Tenant, Tenants};
use identity::time::Timestamp;
use identity::token::family::Family;
use identity::user::User;
use proptest::collection::vec;
use proptest::prelude::{Strategy, any, prop_oneof};
use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};
use std::collections::BTreeMap;

fn runner(cases: u32) -> TestRunner {
    let config = Config { cases, failure_persistence: None, ..Config::default() };
    TestRunner::new_with_rng(config, TestRng::deterministic_rng(RngAlgorithm::ChaCha))
}

#[derive(Clone, Debug)]
enum Op {
    Put(u8, u8),
    Remove(u8),
    Keep,
    Drop,
}

#[test]
fn an_overlay_reads_like_the_tables_it_stands_for() {
    let op = prop_oneof![
        4 => (any::<u8>(), any::<u8>()).prop_map(|(key, value)| Op::Put(key % 24, value)),
        3 => any::<u8>().prop_map(|key| Op::Remove(key % 24)),
        1 => proptest::strategy::Just(Op::Keep),
        1 => proptest::strategy::Just(Op::Drop),
    ];
    let strategy =
        (vec((0u8..24, any::<u8>()), 0..16), vec(op, 0..40), vec((0u8..26, 0u8..26, 0usize..26), 1..12));
    let key = |byte: u8| vec![byte];
    runner(512)
        .run(&strategy, |(base, ops, scans)| {
            let mut tables = MemoryTables::default();
            let mut model: BTreeMap<Vec<u8>, Vec<u8>> = BTreeMap::new();
            for (at, value) in base {
                tables.write([((Table::State, key(at)), Some(vec![value]))].into());
                // A row of another table under the same key is another row.
                tables.write([((Table::Audit, key(at)), Some(vec![0]))].into());
                model.insert(key(at), vec![value]);
            }
            let mut kept = model.clone();
            let mut overlay = Overlay::new(&tables);
            for op in ops {
                match op {
                    Op::Put(at, value) => {
                        overlay.put(Table::State, key(at), vec![value]);
                        model.insert(key(at), vec![value]);
                    }
                    Op::Remove(at) => {
                        overlay.remove(Table::State, key(at));
                        model.remove(&key(at));
                    }
                    Op::Keep => {
                        overlay.keep();
                        kept = model.clone();
                    }
                    Op::Drop => {
                        overlay.drop_command();
                        model = kept.clone();
                    }
                }
            }
            for at in 0..26 {
                assert_eq!(overlay.get(Table::State, &key(at)).unwrap(), model.get(&key(at)).cloned());
            }
            for (from, to, limit) in scans {
                let found = overlay.scan(Table::State, &key(from), &key(to), limit).unwrap();
                let expected: Vec<_> = model
                    .iter()
                    .filter(|(at, _)| **at >= key(from) && **at < key(to))
                    .take(limit)
                    .map(|(at, value)| (at.clone(), value.clone()))
                    .collect();
                assert_eq!(found, expected, "{from}..{to}, {limit}");
            }
            let audit = tables.clone();
            let changes = overlay.into_changes();
            tables.write(changes);
            let state: BTreeMap<_, _> = tables
                .iter()
                .filter(|(table, ..)| *table == Table::State)
                .map(|(_, at, value)| (at.to_vec(), value.to_vec()))
                .collect();
            assert_eq!(state, kept, "what was not kept is not written");
            assert!(
                audit
                    .iter()
                    .filter(|(t, ..)| *t == Table::Audit)
                    .eq(tables.iter().filter(|(t, ..)| *t == Table::Audit))
            );
            Ok(())
        })
        .unwrap();
}

/// One step of a random life: what, about which of a few things, asked by whom.
fn step(world: &mut World, tenants: &[&Tenant], (what, which, who): (u8, u8, u8)) {
    let tenant = tenants[usize::from(which) % tenants.len()];
    let asker = tenants[usize::from(who / 8) % tenants.len()];
    let caller = match who % 8 {
        0 | 1 => Caller::system(),
        2 => asker.iam_owner.caller(),
        3 => asker.org_owner.caller(),
        4 => asker.project_owner.caller(),
        5 => asker.web.caller(),
        6 => asker.service.caller(),
        _ => Caller::nobody(),
    };
    let instance = tenant.instance;
    let new = id(&format!("n{}", which % 5));
    let state = if which % 2 == 0 { State::Inactive } else { State::Active };
    let project = |text: &str| Project {
        name: name(text),
        role_assertion: which % 3 == 0,
        role_check: false,
        has_project_check: false,
    };
    match what % 16 {
        0 => drop(world.run(
            &caller,
            instance,
            &Create { id: new, parent: tenant.organization.clone(), spec: project("p"), birth: () },
        )),
        1 => drop(world.run(
            &caller,
            instance,
            &Create { id: new.clone(), parent: new, spec: tenant::spa(), birth: () },
        )),
        2 => {
            let birth = world.person_key_or_none(instance, &new);
            let Some(birth) = birth else { return };
            let spec = tenant::human(&format!("name{}", who % 4));
            drop(world.run(
                &caller,
                instance,
                &Create { id: new, parent: tenant.organization.clone(), spec, birth },
            ));
        }
        3 => drop(world.run(&caller, instance, &Update { id: new, revision: None, spec: project("q") })),
        4 => drop(world.run(&caller, instance, &delete::<Project>(&new))),
        5 => drop(world.run(&caller, instance, &delete::<User>(&new))),
        6 => drop(world.run(&caller, instance, &delete::<Organization>(&tenant.organization))),
        7 => drop(world.run(&caller, instance, &set_state::<User>(&tenant.user.id, state))),
        8 => drop(world.run(&caller, instance, &set_state::<Application>(&tenant.web.id, state))),
        9 => drop(world.run(&caller, instance, &delete::<Authorization>(&id("acme-alice-grant")))),
        10 => drop(world.run(&tenant.user.caller(), instance, &EndSession {})),
        11 => {
            let proof = world.proof(instance, &tenant.user.id);
            drop(world.run(&Caller::nobody(), instance, &proof));
        }
        12 => {
            let code = world.code_for(&tenant.web);
            let _ = world.run(&tenant.user.caller(), instance, &code);
            let redemption = world.redemption(code.code);
            for _ in 0..=(which % 2) {
                drop(world.run(&tenant.web.caller(), instance, &redemption));
            }
        }
        13 => world.advance_secs(u64::from(who) * 40),
        _ => drop(world.run(&Caller::system(), instance, &Sweep { limit: u32::from(who % 16) })),
    }
}

trait PersonKey {
    fn person_key_or_none(
        &mut self,
        instance: InstanceId,
        user: &Id,
    ) -> Option<identity::user::person::NewKey>;
}

impl PersonKey for World {
    fn person_key_or_none(
        &mut self,
        instance: InstanceId,
        user: &Id,
    ) -> Option<identity::user::person::NewKey> {
        self.reader(instance).live_instance().ok()?;
        Some(self.person_key(instance, user))
    }
}

#[test]
fn random_lives_replay_to_the_same_digest_and_their_trails_verify() {
    let strategy = (vec(any::<(u8, u8, u8)>(), 1..60), vec(1usize..9, 1..6));
    runner(48)
        .run(&strategy, |(steps, lengths)| {
            let (mut world, Tenants { acme, globex, umbra }) = World::standard();
            for choice in steps {
                step(&mut world, &[&acme, &globex, &umbra], choice);
            }
            let (tables, head, _) = replay(&world.log, &lengths);
            assert!(head == world.head && tables == world.tables);
            for instance in [InstanceId(0), acme.instance, umbra.instance] {
                identity::audit::verify(&world.tables, instance).unwrap();
            }
            // Whoever still owns the first instance can sign in.
            let owned = identity::administrator::is_owned_without(&world.reader(acme.instance), |_| false);
            assert!(owned.unwrap(), "an instance without an owner");
            sweep_to_the_end(&mut world, acme.instance);
            Ok(())
        })
        .unwrap();
}

fn sweep_to_the_end(world: &mut World, instance: InstanceId) {
    for _ in 0..1000 {
        if !identity::sweep::is_due(&world.reader(instance)).unwrap() {
            return;
        }
        let swept = world.must(&Caller::system(), instance, &Sweep { limit: 50 });
        assert!(swept.rows > 0, "a sweep that is due and does nothing");
    }
    panic!("a sweep that does not end");
}

/// Every flipped bit is found, or makes another value: no two byte strings are the same thing.
fn check_bits<T: PartialEq>(bytes: &[u8], read: impl Fn(&[u8]) -> Option<T>, write: impl Fn(&T) -> Vec<u8>) {
    let original = read(bytes).expect("the sample reads");
    assert_eq!(write(&original), bytes);
    for bit in 0..bytes.len() * 8 {
        let mut flipped = bytes.to_vec();
        flipped[bit / 8] ^= 1 << (bit % 8);
        if let Some(value) = read(&flipped) {
            assert!(value != original, "bit {bit} means nothing");
            assert_eq!(write(&value), flipped, "bit {bit} is lost");
        }
    }
}

fn check_row<T: Stored + PartialEq>(number: u16) {
    let samples = samples::records();
    let sample = samples.iter().find(|sample| sample.number == number).unwrap();
    check_bits(&sample.bytes, |bytes| decode_row::<T>(bytes).ok(), encode_row);
}

#[test]
fn every_flipped_bit_is_found_or_means_something_else() {
    for sample in samples::commands() {
        let envelope = Envelope {
            request: Fixed([3; 16]),
            not_after: Timestamp(1_790_000_000_000),
            instance: InstanceId(1),
            caller: Caller::bearer(id("u1"), Hash::of(b"j"), Source::Family(id("f1")), vec!["openid".into()]),
            remember: Remember::Key { asked: Hash::of(b"asked") },
            number: sample.number,
            body: sample.bytes,
        };
        check_bits(&encode(&envelope), |bytes| decode::<Envelope>(bytes).ok(), encode);
    }
    check_row::<Record<Application>>(6);
    check_row::<Record<User>>(7);
    check_row::<identity::session::Session>(10);
    check_row::<Family>(12);
    for sample in samples::events() {
        check_bits(&sample.bytes, |bytes| decode_row::<Event>(bytes).ok(), encode_row);
    }
}

#[test]
fn no_bytes_at_all_make_reading_panic() {
    let machine = machine();
    let numbers: Vec<u16> =
        machine.resources.iter().flatten().chain(machine.commands).map(|line| line.number).collect();
    runner(2000)
        .run(&(proptest::sample::select(numbers), vec(any::<u8>(), 0..80)), |(number, body)| {
            let line = identity::command::find(machine.resources, machine.commands, number).unwrap();
            (line.readable)(&body);
            machine.readable(&body);
            Ok(())
        })
        .unwrap();
    // An array that claims to hold more than there is memory for.
    let bomb = [0x9b, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff];
    for line in machine.resources.iter().flatten().chain(machine.commands) {
        assert!(!(line.readable)(&bomb));
        assert!(!(line.readable)(&[&[0x82, 0x61, 0x61][..], &bomb].concat()));
        // Nested deeper than any stack.
        for start in [&[][..], &[0x85, 0x61, 0x61, 0x61, 0x61], &[0x82, 0x61, 0x61]] {
            assert!(!(line.readable)(&[start, &[0x81; 200_000]].concat()));
        }
    }
}
