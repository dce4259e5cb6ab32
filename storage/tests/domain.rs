//! The domain on RocksDB and in memory: the same commands give the same replies, digests, rows and logical hash,
//! however they are cut into chunks and however often the disk is reopened.

use identity::change::{Create, Delete, SetState, Update};
use identity::envelope::Caller;
use identity::execute::{At, Chunk, Head, Outcome};
use identity::id::InstanceId;
use identity::name::Name;
use identity::project::Project;
use identity::record::State as On;
use identity::session::EndSession;
use identity::sweep::Sweep;
use identity::tables::Table;
use identity::testing::fixtures::{self, World};
use identity::testing::tenant::{Tenant, human};
use identity::time::Timestamp;
use identity::user::User;
use proptest::prelude::*;
use proptest::test_runner::{RngAlgorithm, TestRng};
use std::marker::PhantomData;
use storage::{Applied, LogicalHash, State};

use crate::fixture::*;

/// A command of the log, and what memory made of it.
struct Line {
    at: At,
    command: Vec<u8>,
    outcome: Outcome,
    digest: [u8; 32],
}

/// Runs a world's log once more in memory, a command a chunk, and keeps what became of each.
fn lines(world: &World) -> Vec<Line> {
    let mut again = World::empty();
    let log = world.log.iter().map(|(at, command)| {
        again.now = at.time;
        let outcome = again.execute(command).unwrap();
        Line { at: *at, command: command.clone(), outcome, digest: again.head.digest }
    });
    let lines = log.collect();
    assert_eq!(again.tables, world.tables, "the same log gives the same rows");
    lines
}

/// Applies lines to a state in chunks of these lengths, and compares each outcome and the digest after each chunk.
fn apply(state: &State, world: &World, lines: &[Line], mut chunk_lengths: impl Iterator<Item = usize>) {
    let mut rest = lines;
    while !rest.is_empty() {
        let length = chunk_lengths.next().unwrap().clamp(1, rest.len());
        let (now, later) = rest.split_at(length);
        rest = later;
        let view = state.view();
        let before = state.applied();
        // A world's head starts at its own first moment.
        let time = if before.log.is_none() { fixtures::START } else { Timestamp(before.time_ms) };
        let mut chunk = Chunk::new(&view, Head { time, digest: before.digest }, world.machine());
        for line in now {
            assert_eq!(chunk.execute(line.at, &line.command), Ok(line.outcome.clone()), "{:?}", line.at);
        }
        let (changes, head) = chunk.finish();
        let last = now.last().unwrap();
        assert_eq!(head.digest, last.digest, "after {:?}", last.at);
        let log = Some(id(1, last.at.index));
        let applied = Applied { log, time_ms: head.time.0, digest: head.digest, ..applied(last.at.index) };
        state.write(changes, applied).unwrap();
    }
}

fn hash_of(world: &World) -> [u8; 32] {
    let mut hash = LogicalHash::new();
    for table in [Table::State, Table::Audit] {
        for (_, key, value) in world.tables.iter().filter(|(of, ..)| *of == table) {
            hash.add(table, key, value);
        }
    }
    hash.finish()
}

/// One thing that may happen; the numbers choose among what there is.
#[derive(Clone, Debug)]
enum Happening {
    CreateProject(u8),
    RenameProject(u8, u8),
    SwitchUser(u8, bool),
    DeleteUser(u8),
    CreateUser(u8),
    SignIn(u8),
    SignOut(u8),
    Flow(u8),
    RefreshTwice(u8),
    Wait(u16),
    Sweep(u8),
}

fn happenings() -> impl Strategy<Value = Vec<Happening>> {
    use Happening::*;
    let one = prop_oneof![
        any::<u8>().prop_map(CreateProject),
        (any::<u8>(), any::<u8>()).prop_map(|(which, name)| RenameProject(which, name)),
        (any::<u8>(), any::<bool>()).prop_map(|(which, on)| SwitchUser(which, on)),
        any::<u8>().prop_map(DeleteUser),
        any::<u8>().prop_map(CreateUser),
        any::<u8>().prop_map(SignIn),
        any::<u8>().prop_map(SignOut),
        any::<u8>().prop_map(Flow),
        any::<u8>().prop_map(RefreshTwice),
        any::<u16>().prop_map(Wait),
        any::<u8>().prop_map(Sweep),
    ];
    prop::collection::vec(one, 1..60)
}

/// Lets it happen. Refusals are welcome: they must be the same everywhere.
fn happen(world: &mut World, tenant: &Tenant, what: &Happening) {
    let instance: InstanceId = tenant.instance;
    let system = Caller::system();
    let numbered = |kind: &str, which: u8| fixtures::id(&format!("{kind}-{}", which % 8));
    let project = |name: u8| Project {
        name: Name::parse(&format!("Project {name}")).unwrap(),
        role_assertion: name.is_multiple_of(2),
        role_check: false,
        has_project_check: false,
    };
    match what {
        Happening::CreateProject(which) => {
            let id = numbered("project", *which);
            let create = Create { id, parent: tenant.organization.clone(), spec: project(*which), birth: () };
            let _ = world.run(&tenant.org_owner.caller(), instance, &create);
        }
        Happening::RenameProject(which, name) => {
            let update = Update { id: numbered("project", *which), revision: None, spec: project(*name) };
            let _ = world.run(&tenant.org_owner.caller(), instance, &update);
        }
        Happening::SwitchUser(which, on) => {
            let state = if *on { On::Active } else { On::Inactive };
            let switch =
                SetState::<User> { id: numbered("user", *which), state, revision: None, of: PhantomData };
            let _ = world.run(&system, instance, &switch);
        }
        Happening::DeleteUser(which) => {
            let delete = Delete::<User> { id: numbered("user", *which), revision: None, of: PhantomData };
            let _ = world.run(&system, instance, &delete);
        }
        Happening::CreateUser(which) => {
            let id = numbered("user", *which);
            let birth = world.person_key(instance, &id);
            let spec = human(&format!("name-{}", which % 5));
            let create = Create { id, parent: tenant.organization.clone(), spec, birth };
            let _ = world.run(&system, instance, &create);
        }
        Happening::SignIn(which) => {
            let proof = world.proof(instance, &numbered("user", *which));
            let _ = world.run(&Caller::nobody(), instance, &proof);
        }
        Happening::SignOut(which) => {
            let person = if which.is_multiple_of(2) { &tenant.user } else { &tenant.project_owner };
            let _ = world.run(&person.caller(), instance, &EndSession {});
        }
        Happening::Flow(which) => {
            let code = world.code_for(&tenant.web);
            let redemption = world.redemption(code.code);
            let _ = world.run(&tenant.user.caller(), instance, &code);
            for _ in 0..=which % 2 {
                let _ = world.run(&tenant.web.caller(), instance, &redemption);
            }
        }
        Happening::RefreshTwice(which) => {
            let code = world.code_for(&tenant.web);
            let redemption = world.redemption(code.code);
            let _ = world.run(&tenant.org_owner.caller(), instance, &code);
            let _ = world.run(&tenant.web.caller(), instance, &redemption);
            let tokens = identity::testing::flow::Tokens {
                family: redemption.family.clone(),
                refresh: redemption.refresh,
            };
            for _ in 0..=which % 3 {
                let advancement = world.advancement(instance, &tokens);
                let _ = world.run(&tenant.web.caller(), instance, &advancement);
            }
        }
        Happening::Wait(secs) => world.advance_secs(u64::from(*secs)),
        Happening::Sweep(limit) => {
            let _ = world.run(&system, instance, &Sweep { limit: u32::from(*limit) });
        }
    }
}

#[test]
fn random_commands_end_the_same_in_memory_and_on_disk() {
    let config = ProptestConfig { cases: 24, failure_persistence: None, ..ProptestConfig::default() };
    let rng = TestRng::deterministic_rng(RngAlgorithm::ChaCha);
    let mut runner = proptest::test_runner::TestRunner::new_with_rng(config, rng);
    let input = (happenings(), prop::collection::vec(1usize..20, 4), any::<bool>());
    let result = runner.run(&input, |(happenings, lengths, reopened)| {
        let (mut world, tenants) = World::standard();
        for what in &happenings {
            happen(&mut world, &tenants.acme, what);
        }
        let lines = lines(&world);
        let folder = folder();
        let half = lines.len() / 2;
        let state = folder.state();
        apply(&state, &world, &lines[..half], lengths.iter().copied().cycle());
        let state = if reopened {
            state.flush().unwrap();
            drop(state);
            folder.state()
        } else {
            state
        };
        apply(&state, &world, &lines[half..], lengths.iter().rev().copied().cycle());
        prop_assert_eq!(state.logical_hash(), Ok(hash_of(&world)));
        Ok(())
    });
    if let Err(failure) = result {
        panic!("{failure}");
    }
}

#[test]
fn recorded_logs_end_on_disk_as_they_were_recorded() {
    let recorded = std::fs::read_dir("../identity/goldens/logs").unwrap();
    let mut count = 0;
    for path in recorded {
        let text = std::fs::read_to_string(path.unwrap().path()).unwrap();
        let folder = folder();
        let state = folder.state();
        let machine = fixtures::machine();
        for line in text.lines().filter(|line| !line.starts_with('#')) {
            let fields: Vec<&str> = line.split_whitespace().collect();
            let number = |at: usize| fields[at].parse::<u64>().unwrap();
            let bytes = |at: usize| -> Vec<u8> {
                let digits = fields[at].as_bytes().chunks(2);
                digits
                    .map(|pair| u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16).unwrap())
                    .collect()
            };
            let at = At {
                index: number(0),
                ordinal: u32::try_from(number(1)).unwrap(),
                time: Timestamp(number(2)),
            };
            let (view, before) = (state.view(), state.applied());
            let head = Head { time: Timestamp(before.time_ms), digest: before.digest };
            let mut chunk = Chunk::new(&view, head, &machine);
            chunk.execute(at, &bytes(4)).unwrap();
            let (changes, head) = chunk.finish();
            assert_eq!(head.digest.to_vec(), bytes(3), "after index {}", at.index);
            let applied = Applied { time_ms: head.time.0, digest: head.digest, ..applied(at.index) };
            state.write(changes, applied).unwrap();
            count += 1;
        }
    }
    assert!(count > 50, "only {count} recorded commands were found");
}
