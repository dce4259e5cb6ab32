//! The invariants of docs/architecture.md that the domain alone can show: execution, replay, audit.

use crate::golden::path;
use crate::recorded::replay;
use crate::scenario::{self, delete};
use identity::audit;
use identity::change::Create;
use identity::encoding::{decode, encode};
use identity::envelope::{Caller, Envelope, Remember, Subject, Via};
use identity::execute::{Chunk, Outcome};
use identity::grant::code::Redeemed;
use identity::id::{Hash, InstanceId, SYSTEM};
use identity::project::Project;
use identity::record::{Kind, Record};
use identity::refusal::Refusal;
use identity::session::EndSession;
use identity::sweep::Sweep;
use identity::tables::{Fault, Read, Row, Table};
use identity::testing::fixtures::{World, id, name};
use identity::testing::memory::MemoryTables;
use identity::testing::probe::{Poison, Probe, ProbeV1};
use identity::testing::tenant::{self, Tenants};
use identity::token::family::Advanced;
use identity::user::User;
use std::collections::BTreeSet;
use std::sync::atomic::{AtomicU64, Ordering};

#[test]
fn a01_what_is_refused_changes_no_row() {
    let (mut world, Tenants { acme, .. }) = World::standard();
    let owner = acme.org_owner.caller();
    let command = delete::<Project>(&acme.project);
    let good = world.envelope(&owner, acme.instance, &command);
    let dead = Caller { via: Via::Session(id("no-such-session")), ..owner.clone() };
    let strange = Caller { subject: Subject::System, ..owner.clone() };
    let late = world.now.plus_secs(31);
    let early = identity::time::Timestamp(world.now.0 - 1);
    let cases = [
        (Envelope { not_after: early, ..good.clone() }, Refusal::Expired),
        (Envelope { not_after: late, ..good.clone() }, Refusal::DeadlineTooFar),
        (Envelope { caller: dead, ..good.clone() }, Refusal::CallerNotAlive),
        (Envelope { caller: strange, ..good.clone() }, Refusal::CallerNotAlive),
        (Envelope { caller: Caller::nobody(), ..good.clone() }, Refusal::NotPermitted),
        (Envelope { caller: acme.user.caller(), ..good.clone() }, Refusal::NotPermitted),
        (Envelope { instance: InstanceId(99), ..good.clone() }, Refusal::InstanceNotActive),
        (Envelope { instance: SYSTEM, ..good.clone() }, Refusal::CallerNotAlive),
    ];
    for (envelope, refusal) in cases {
        let before = world.tables.clone();
        assert_eq!(world.submit(&envelope), Outcome::Refused(refusal));
        assert!(world.tables == before, "{refusal:?} changed a row");
    }
    assert!(matches!(world.submit(&good), Outcome::Applied(_)), "the same command of the owner runs");
}

#[test]
fn a01_a_chunk_that_is_not_finished_changes_no_row() {
    let (mut world, Tenants { acme, .. }) = World::standard();
    let envelope = world.envelope(&Caller::system(), acme.instance, &delete::<Project>(&acme.project));
    let before = world.tables.clone();
    let at = identity::execute::At { index: 999, ordinal: 0, time: world.now };
    let mut chunk = Chunk::new(&world.tables, world.head, world.machine());
    assert!(matches!(chunk.execute(at, &encode(&envelope)).unwrap(), Outcome::Applied(_)));
    drop(chunk);
    assert!(world.tables == before);
}

#[test]
fn a03_the_same_log_gives_the_same_digest_however_it_is_cut() {
    let world = scenario::world();
    let (tables, head, digests) = replay(&world.log, &[1]);
    assert!(tables == world.tables && head == world.head);
    for lengths in [&[world.log.len()][..], &[2], &[3, 1, 7], &[50]] {
        let (others, other, some) = replay(&world.log, lengths);
        assert_eq!(other, head, "{lengths:?}");
        assert!(others == tables, "{lengths:?}");
        assert!(some.iter().all(|digest| digests.contains(digest)));
    }
}

#[test]
fn a03_another_log_gives_another_digest() {
    let world = scenario::world();
    let mut log = world.log.clone();
    log.swap(20, 21);
    assert_ne!(replay(&log, &[1]).1.digest, world.head.digest);
    let mut log = world.log.clone();
    log[30].0.index += 1_000_000;
    assert_ne!(replay(&log, &[1]).1.digest, world.head.digest);
}

#[test]
fn a03_the_search_table_stands_outside_the_digest() {
    let world = scenario::world();
    let is_search = |(table, _, _): &(Table, &[u8], &[u8])| *table == Table::Search;
    assert!(world.tables.iter().any(|row| is_search(&row)), "the story writes search terms");
    // Whatever a schema of another number would have written, the digest is that of the rest.
    let mut written = identity::tables::Changes::new();
    let digest =
        |written: &identity::tables::Changes| identity::digest::advance([0; 32], 1, 0, b"x", written);
    let empty = digest(&written);
    written.insert((Table::Search, b"term".to_vec()), Some(Vec::new()));
    assert_eq!(digest(&written), empty);
    written.insert((Table::State, b"row".to_vec()), None);
    assert_ne!(digest(&written), empty);
}

#[test]
fn a03_a_row_that_goes_is_never_taken_for_one_that_comes() {
    let key = |table, key: &[u8]| (table, key.to_vec());
    let gone = [(key(Table::State, b"a"), None), (key(Table::Audit, b"b"), None)].into();
    let written = [(key(Table::State, b"a"), Some(b"b".to_vec()))].into();
    let digest =
        |written: &identity::tables::Changes| identity::digest::advance([0; 32], 1, 0, b"x", written);
    assert_ne!(digest(&gone), digest(&written));
}

#[test]
fn a04_the_domain_asks_nothing_of_the_machine() {
    // `cargo xtask tidy` looks at the code word by word; here, that the crate cannot have more than it lists.
    let manifest = std::fs::read_to_string(path("../Cargo.toml")).unwrap();
    let listed = manifest.split("[dependencies]").nth(1).and_then(|rest| rest.split('[').next()).unwrap();
    let mut crates: Vec<&str> = listed.lines().filter_map(|line| line.split('.').next()).collect();
    crates.retain(|line| !line.trim().is_empty());
    assert_eq!(
        crates,
        ["blake3", "crypto", "minicbor", "schemars", "serde", "serde_json", "thiserror", "time"]
    );
}

/// Tables that allow no scan without an end.
struct Bounded<'a>(&'a MemoryTables);

impl Read for Bounded<'_> {
    fn get(&self, table: Table, key: &[u8]) -> Result<Option<Vec<u8>>, Fault> {
        self.0.get(table, key)
    }
    fn scan(&self, table: Table, from: &[u8], to: &[u8], limit: usize) -> Result<Vec<Row>, Fault> {
        assert!(limit <= 110_000, "a scan of {limit} rows");
        self.0.scan(table, from, to, limit)
    }
    fn scan_back(&self, _: Table, _: &[u8], _: &[u8], _: usize) -> Result<Vec<Row>, Fault> {
        panic!("a command reads forwards")
    }
}

#[test]
fn a06_no_command_reads_without_an_end() {
    let world = scenario::world();
    let mut tables = MemoryTables::default();
    let mut head = identity::execute::Head { time: identity::testing::fixtures::START, digest: [0; 32] };
    for (at, command) in &world.log {
        assert!(command.len() <= Envelope::MAX_BYTES);
        let bounded = Bounded(&tables);
        let mut chunk = Chunk::new(&bounded, head, world.machine());
        chunk.execute(*at, command).unwrap();
        assert_eq!(chunk.panics(), 0);
        let (changes, after) = chunk.finish();
        tables.write(changes);
        head = after;
    }
}

#[test]
fn a07_every_event_belongs_to_one_position() {
    let world = scenario::world();
    for instance in [SYSTEM, InstanceId(1), InstanceId(2)] {
        let trail = audit::trail(&world.tables, instance, usize::MAX).unwrap();
        assert_eq!(trail.len() as u64, audit::head(&world.tables, instance).unwrap().count);
        let places: BTreeSet<_> = trail.iter().map(|entry| entry.place).collect();
        assert_eq!(places.len(), trail.len(), "two events at one place");
        for entry in &trail {
            let (at, command) = &world.log[usize::try_from(entry.place.index).unwrap() - 1];
            let envelope: Envelope = decode(command).unwrap();
            assert_eq!((at.index, at.ordinal), (entry.place.index, entry.place.ordinal));
            assert_eq!(envelope.instance, instance);
            assert_eq!(envelope.request, entry.event.request);
            assert_eq!(envelope.caller.subject, entry.event.actor);
            let before = audit::Place { number: entry.place.number.wrapping_sub(1), ..entry.place };
            assert!(entry.place.number == 0 || places.contains(&before), "numbers of a command have no gap");
        }
        assert_eq!(audit::verify(&world.tables, instance), Ok(trail.len() as u64));
    }
}

#[test]
fn a08_a_code_is_redeemed_once_and_a_generation_advances_once() {
    let (mut world, Tenants { acme, .. }) = World::standard();
    let code = world.issue(acme.instance, &acme.user, &acme.web);
    let redemptions: Vec<_> = (0..5).map(|_| world.redemption(code)).collect();
    let mut granted = 0;
    for redemption in &redemptions {
        match world.must(&acme.web.caller(), acme.instance, redemption) {
            Redeemed::Granted { .. } => granted += 1,
            Redeemed::Replayed => {}
        }
    }
    assert_eq!(granted, 1);
    let tokens = world.tokens(acme.instance, &acme.user, &acme.web);
    let mut advanced = 0;
    for _ in 0..5 {
        // Each comes from another node, which knows nothing of the others and proposes a successor of its own.
        match world.refresh(acme.instance, &acme.web, &mut tokens.clone()) {
            Ok(Advanced::Next { .. }) => advanced += 1,
            Ok(Advanced::Again { .. } | Advanced::Reused) | Err(_) => {}
        }
    }
    assert_eq!(advanced, 1);
}

#[test]
fn a13_an_unknown_command_is_a_fault() {
    let (mut world, Tenants { acme, .. }) = World::standard();
    let good = world.envelope(&Caller::system(), acme.instance, &Sweep { limit: 1 });
    let unknown = Envelope { number: 999, ..good.clone() };
    let longer = Envelope { body: [good.body.as_slice(), &[0]].concat(), ..good.clone() };
    let garbage = Envelope { body: vec![0xff], ..good.clone() };
    for bad in [encode(&unknown), encode(&longer), encode(&garbage), Vec::new(), b"\xff".to_vec()] {
        assert!(!world.machine().readable(&bad), "no node proposes it");
        assert!(world.execute(&bad).is_err(), "and none runs it");
    }
    assert!(world.machine().readable(&encode(&good)));
    let huge = Envelope { body: vec![0; Envelope::MAX_BYTES], ..good };
    assert!(!world.machine().readable(&encode(&huge)));
}

#[test]
fn a13_a_panicking_command_is_refused_on_every_replica_and_the_log_goes_on() {
    let (mut world, Tenants { acme, .. }) = World::standard();
    let before = world.tables.clone();
    let digest = world.head.digest;
    let poison = Poison { target: id("poisoned") };
    assert_eq!(world.run(&Caller::system(), acme.instance, &poison), Err(Refusal::Internal));
    assert!(world.tables == before, "what it wrote is dropped");
    assert_ne!(world.head.digest, digest, "and yet it stands in the digest");
    world.must(&acme.org_owner.caller(), acme.instance, &delete::<User>(&acme.user.id));
    for lengths in [&[1][..], &[world.log.len()], &[2, 5]] {
        let (tables, head, _) = replay(&world.log, lengths);
        assert!(tables == world.tables && head == world.head, "{lengths:?}");
    }
    assert_eq!(world.run(&acme.user.caller(), acme.instance, &poison), Err(Refusal::CallerNotAlive));
}

#[test]
fn a13_panics_are_counted_for_the_operator() {
    let (mut world, Tenants { acme, .. }) = World::standard();
    let poison = world.envelope(&Caller::system(), acme.instance, &Poison { target: id("p") });
    let mut chunk = Chunk::new(&world.tables, world.head, world.machine());
    for ordinal in 0..3 {
        let at = identity::execute::At { index: 999, ordinal, time: world.now };
        assert_eq!(chunk.execute(at, &encode(&poison)), Ok(Outcome::Refused(Refusal::Internal)));
    }
    assert_eq!(chunk.panics(), 3);
}

/// Tables of which one read fails, and the next ones do not.
struct Failing<'a> {
    tables: &'a MemoryTables,
    fails: Option<u64>,
    reads: AtomicU64,
}

impl Failing<'_> {
    fn next(&self) -> Result<(), Fault> {
        let read = self.reads.fetch_add(1, Ordering::Relaxed);
        if Some(read) == self.fails { Err(Fault("the disk is gone".into())) } else { Ok(()) }
    }
}

impl Read for Failing<'_> {
    fn get(&self, table: Table, key: &[u8]) -> Result<Option<Vec<u8>>, Fault> {
        self.next()?;
        self.tables.get(table, key)
    }
    fn scan(&self, table: Table, from: &[u8], to: &[u8], limit: usize) -> Result<Vec<Row>, Fault> {
        self.next()?;
        self.tables.scan(table, from, to, limit)
    }
    fn scan_back(&self, table: Table, from: &[u8], to: &[u8], limit: usize) -> Result<Vec<Row>, Fault> {
        self.next()?;
        self.tables.scan_back(table, from, to, limit)
    }
}

#[test]
fn a_fault_of_the_engine_is_never_taken_for_a_no() {
    // A replica that answers "refused" where the others read on would differ from them for ever.
    let world = scenario::world();
    let mut tables = MemoryTables::default();
    let mut head = identity::execute::Head { time: identity::testing::fixtures::START, digest: [0; 32] };
    for (at, command) in &world.log {
        for reads in 0..reads_of(&tables, head, *at, command, &world) {
            let failing = Failing { tables: &tables, fails: Some(reads), reads: AtomicU64::new(0) };
            let outcome = Chunk::new(&failing, head, world.machine()).execute(*at, command);
            let number = decode::<Envelope>(command).unwrap().number;
            assert!(outcome.is_err(), "command {number} answered {outcome:?} after a fault at read {reads}");
        }
        let mut chunk = Chunk::new(&tables, head, world.machine());
        chunk.execute(*at, command).unwrap();
        let (changes, after) = chunk.finish();
        tables.write(changes);
        head = after;
    }
}

/// How many reads a command makes when nothing fails.
fn reads_of(
    tables: &MemoryTables,
    head: identity::execute::Head,
    at: identity::execute::At,
    command: &[u8],
    world: &World,
) -> u64 {
    let counting = Failing { tables, fails: None, reads: AtomicU64::new(0) };
    let mut chunk = Chunk::new(&counting, head, world.machine());
    chunk.execute(at, command).unwrap();
    counting.reads.load(Ordering::Relaxed)
}

#[test]
fn a_record_of_an_older_version_is_read_and_written_as_the_newer() {
    let (mut world, Tenants { acme, .. }) = World::standard();
    let spec = ProbeV1 { name: name("old") };
    let record = Record {
        id: id("p"),
        parent: identity::id::Id::from_number(1),
        revision: 3,
        created: world.now,
        changed: world.now,
        state: identity::record::State::Active,
        spec,
    };
    let key = identity::reader::record_key(acme.instance, Kind::Probe, &id("p"));
    let row = identity::encoding::encode_row(&record);
    assert_eq!(row[0], 1);
    world.tables.write([((Table::State, key.clone()), Some(row))].into());
    let found = world.reader(acme.instance).find::<Probe>(&id("p")).unwrap().unwrap();
    assert_eq!((found.spec, found.revision), (Probe { name: name("old"), weight: 1 }, 3));
    let update = identity::change::Update {
        id: id("p"),
        revision: Some(3),
        spec: Probe { name: name("old"), weight: 2 },
    };
    let saved = world.must(&acme.iam_owner.caller(), acme.instance, &update);
    assert_eq!(saved.revision, 4);
    assert_eq!(world.tables.get(Table::State, &key).unwrap().unwrap()[0], 2, "it is written as the newer");
    // The newer is not read as the older, and what was never written is a fault.
    let mut row = world.tables.get(Table::State, &key).unwrap().unwrap();
    row[0] = 7;
    world.tables.write([((Table::State, key), Some(row))].into());
    assert!(world.reader(acme.instance).find::<Probe>(&id("p")).is_err());
}

#[test]
fn log_time_never_runs_backwards() {
    let (mut world, Tenants { acme, .. }) = World::standard();
    world.advance_secs(100);
    world.must(&Caller::system(), acme.instance, &Sweep { limit: 1 });
    let time = world.head.time;
    world.now = identity::time::Timestamp(world.now.0 - 50_000);
    let user = acme.user.caller();
    world.must(&user, acme.instance, &EndSession {});
    assert_eq!(world.head.time, time, "a leader whose clock is behind");
    let events = world.told_at(acme.instance, world.index);
    assert_eq!(events[0].time, time);
}

#[test]
fn remembering_longer_is_part_of_the_log() {
    let (mut world, Tenants { acme, .. }) = World::standard();
    let birth = world.person_key(acme.instance, &id("u2"));
    let command =
        Create { id: id("u2"), parent: acme.organization.clone(), spec: tenant::human("u2"), birth };
    let envelope = world.envelope(&acme.org_owner.caller(), acme.instance, &command);
    let envelope = Envelope { remember: Remember::Key { asked: Hash::of(b"asked") }, ..envelope };
    let first = world.submit(&envelope);
    world.advance_secs(3600);
    world.must(&Caller::system(), acme.instance, &Sweep { limit: 2000 });
    let again = Envelope { not_after: world.now.plus_secs(30), ..envelope };
    assert_eq!(world.submit(&again), first, "an Idempotency-Key lasts a day");
    world.advance_secs(24 * 3600);
    world.must(&Caller::system(), acme.instance, &Sweep { limit: 2000 });
    let after = Envelope { not_after: world.now.plus_secs(30), ..again };
    assert_eq!(world.submit(&after), Outcome::Refused(Refusal::CallerNotAlive), "then it is a new request");
}
