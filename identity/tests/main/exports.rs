//! The trail as a file: it proves itself, and the first line that is wrong is named.

use crate::golden::{compare, path};
use crate::samples;
use crate::scenario::{self, delete, set_state};
use identity::audit::export::{Export, Range};
use identity::audit::file::Manifest;
use identity::audit::search::{Query, page};
use identity::audit::unseal::{Closed, Persons, Unseal};
use identity::audit::verify::{Why, Wrong, file};
use identity::audit::{self, Place};
use identity::encoding::decode_row;
use identity::envelope::Caller;
use identity::event::Class;
use identity::id::{InstanceId, SYSTEM};
use identity::list::Direction;
use identity::project::Project;
use identity::reader::{No, Reader, Run};
use identity::record::State;
use identity::refusal::Refusal;
use identity::see::Eyes;
use identity::tables::{Fault, Overlay, Read, Row, Table};
use identity::testing::fixtures::{World, id};
use identity::testing::memory::MemoryTables;
use identity::testing::tenant::Tenants;
use identity::user::User;
use serde_json::{Value as Json, json};

fn export(world: &World, instance: InstanceId, caller: &Caller, range: Range) -> Run<Vec<String>> {
    let reader = world.reader(instance);
    let eyes = Eyes::new(reader, caller);
    let persons = Persons::new(reader, &eyes, &world.machine().keyring)?;
    lines(Export::new(reader, &eyes, range)?, reader.read, &persons)
}

fn lines(mut export: Export, read: &dyn Read, unseal: &dyn Unseal) -> Run<Vec<String>> {
    std::iter::from_fn(|| export.next(read, unseal)).filter_map(Result::transpose).collect()
}

fn whole(world: &World, instance: InstanceId) -> Vec<String> {
    export(world, instance, &Caller::operator(), Range::default()).unwrap()
}

/// A short file: the trail of the second instance.
fn short() -> Vec<String> {
    let (world, Tenants { umbra, .. }) = World::standard();
    whole(&world, umbra.instance)
}

#[track_caller]
fn wrong(lines: &[String], line: usize, why: Why) {
    assert_eq!(file(lines), Err(Wrong { line: line as u64, why }));
}

/// A line with other content, and a check that fits it.
fn forged(line: &str, forge: impl FnOnce(&mut Json)) -> String {
    let mut json: Json = serde_json::from_str(line).unwrap();
    json.as_object_mut().unwrap().remove("check");
    forge(&mut json);
    let text = json.to_string();
    let check = crypto::hex(&crypto::sha256(text.as_bytes()));
    format!("{},\"check\":\"{check}\"}}", text.strip_suffix('}').unwrap())
}

#[test]
fn a_file_proves_the_whole_trail_and_says_where_it_ends() {
    let world = scenario::world();
    for instance in [SYSTEM, InstanceId(1), InstanceId(2)] {
        let trail = audit::trail(&world.tables, instance, usize::MAX).unwrap();
        let lines = whole(&world, instance);
        assert_eq!(lines.len(), trail.len() + 1);
        let Manifest { instance: number, count, end, head, first, last, .. } = file(&lines).unwrap();
        assert_eq!((number, count), (instance.0, trail.len() as u64));
        let stored = audit::head(&world.tables, instance).unwrap();
        assert!(stored.hash == end && stored.hash == head.hash && stored.count == head.count);
        assert_eq!(first.unwrap().place, trail[0].place);
        assert_eq!(last.unwrap().place, trail.last().unwrap().place);
    }
}

/// Three events with a field of each sort, at places of their own.
fn three() -> Vec<String> {
    let mut world = World::empty();
    let instance = InstanceId(7);
    let changes = {
        let mut tables = Overlay::new(&world.tables);
        for (sample, index) in samples::events().iter().zip([3, 5, 8]) {
            let event = decode_row(&sample.bytes).unwrap();
            let place = Place { index, ordinal: 1, number: 2 };
            audit::append(&mut tables, instance, Class::Configuration, place, &event).unwrap();
        }
        tables.keep();
        tables.into_changes()
    };
    world.tables.write(changes);
    whole(&world, instance)
}

#[test]
fn golden_export() {
    let golden = path("exports/1.ndjson");
    compare(&golden, &(three().join("\n") + "\n"));
    let text = std::fs::read_to_string(golden).unwrap();
    assert_eq!(file(text.lines()).unwrap().count, 3);
}

#[test]
fn a_part_of_the_trail_proves_itself_and_follows_from_the_part_before() {
    let (world, Tenants { acme, .. }) = World::standard();
    let trail = audit::trail(&world.tables, acme.instance, usize::MAX).unwrap();
    let place = Some(trail[10].place);
    let part = |after, through| {
        let lines = export(&world, acme.instance, &Caller::operator(), Range { after, through }).unwrap();
        file(&lines).unwrap()
    };
    let (before, behind) = (part(None, place), part(place, None));
    assert_eq!((before.count, behind.count), (11, trail.len() as u64 - 11));
    assert_eq!(before.end, behind.start);
    assert_eq!(before.head, behind.head);
    assert_eq!(behind.end, behind.head.hash);
    let nothing = part(place, place);
    assert_eq!((nothing.count, nothing.first), (0, None));
    assert_eq!((nothing.start, nothing.end), (before.end, before.end));
    let beyond = part(Some(Place { index: u64::MAX, ..Place::FIRST }), None);
    assert_eq!((beyond.count, beyond.end), (0, behind.end));
}

/// Tables that give few rows at once.
struct Bounded<'a>(&'a MemoryTables);

impl Read for Bounded<'_> {
    fn get(&self, table: Table, key: &[u8]) -> Result<Option<Vec<u8>>, Fault> {
        self.0.get(table, key)
    }
    fn scan(&self, table: Table, from: &[u8], to: &[u8], limit: usize) -> Result<Vec<Row>, Fault> {
        assert!(limit <= 512, "{table:?} is read without an end");
        self.0.scan(table, from, to, limit)
    }
    fn scan_back(&self, table: Table, from: &[u8], to: &[u8], limit: usize) -> Result<Vec<Row>, Fault> {
        assert!(limit <= 512, "{table:?} is read without an end");
        self.0.scan_back(table, from, to, limit)
    }
}

#[test]
fn the_trail_is_never_read_without_an_end() {
    let (world, Tenants { acme, .. }) = World::standard();
    let tables = Bounded(&world.tables);
    let (caller, reader) = (Caller::operator(), Reader { read: &tables, ..world.reader(acme.instance) });
    let eyes = Eyes::new(reader, &caller);
    let lines = lines(Export::new(reader, &eyes, Range::default()).unwrap(), &tables, &Closed).unwrap();
    assert_eq!(file(&lines).unwrap().count, lines.len() as u64 - 1);
    let query = Query { limit: usize::MAX, ..Query::new(Direction::Descending, 1) };
    assert_eq!(page(&reader, &eyes, &query).unwrap().found.len(), lines.len() - 1);
    // Closed, personal values stay sealed.
    assert!(lines.iter().any(|line| line.contains("{\"sealed\":true}")));
    assert!(lines.iter().all(|line| !line.contains("mail.example")));
}

#[test]
fn who_is_erased_while_a_file_is_written_is_not_read_in_the_rest_of_it() {
    let (mut world, Tenants { acme, .. }) = World::standard();
    let owner = acme.org_owner.caller();
    world.create_person(acme.instance, &acme.organization, id("late"));
    let before = world.tables.clone();
    let now = Reader { read: &before, ..world.reader(acme.instance) };
    let caller = Caller::operator();
    let eyes = Eyes::new(now, &caller);
    let mut export = Export::new(now, &eyes, Range::default()).unwrap();
    let keyring = &world.machine().keyring;
    let first = export.next(&before, &Persons::new(now, &eyes, keyring).unwrap()).unwrap().unwrap().unwrap();
    world.must(&owner, acme.instance, &delete::<User>(&id("late")));
    let later = world.reader(acme.instance);
    let eyes = Eyes::new(later, &caller);
    let persons = Persons::new(later, &eyes, &world.machine().keyring).unwrap();
    let rest = lines(export, later.read, &persons).unwrap();
    let whole = [vec![first], rest].concat();
    // He is told of, and nothing of him; the file proves itself all the same.
    assert!(whole.iter().any(|line| line.contains("user late") && line.contains("{\"erased\":true}")));
    assert!(whole.iter().all(|line| !line.contains("late@")));
    assert_eq!(file(&whole).unwrap().count, whole.len() as u64 - 1);
}

#[test]
fn a_file_is_of_its_beginning_whatever_happens_while_it_is_written() {
    let (mut world, Tenants { acme, globex, .. }) = World::standard();
    let expected = whole(&world, acme.instance);
    let (caller, reader) = (Caller::operator(), world.reader(acme.instance));
    let mut export = Export::new(reader, &Eyes::new(reader, &caller), Range::default()).unwrap();
    let owner = acme.iam_owner.caller();
    let mut written = Vec::new();
    // Each line from a later view than the one before.
    for round in 0.. {
        if round % 10 == 0 {
            let tenant = if round % 20 == 0 { &acme } else { &globex };
            let state = if round % 40 < 20 { State::Inactive } else { State::Active };
            world.must(&owner, acme.instance, &set_state::<Project>(&tenant.project, state));
        }
        match export.next(&world.tables, &Closed) {
            Some(line) => written.extend(line.unwrap()),
            None => break,
        }
    }
    let manifest = file(&written).unwrap();
    assert_eq!(manifest, file(&expected).unwrap());
    assert!(manifest.head.count < audit::head(&world.tables, acme.instance).unwrap().count);
    assert_eq!(written.len(), expected.len());
}

#[test]
fn what_lies_before_a_file_is_hashed_piece_by_piece() {
    let (mut world, Tenants { acme, .. }) = World::standard();
    for round in 0..1_100 {
        let state = if round % 2 == 0 { State::Inactive } else { State::Active };
        world.must(&Caller::system(), acme.instance, &set_state::<Project>(&acme.project, state));
    }
    let trail = audit::trail(&world.tables, acme.instance, usize::MAX).unwrap();
    let range = Range { after: trail.last().map(|entry| entry.place), through: None };
    let (caller, reader) = (Caller::operator(), world.reader(acme.instance));
    let mut export = Export::new(reader, &Eyes::new(reader, &caller), range).unwrap();
    assert_eq!(export.next(&world.tables, &Closed).unwrap().unwrap(), None, "the caller may look about");
    let lines = lines(export, &world.tables, &Closed).unwrap();
    assert_eq!((lines.len(), file(&lines).unwrap().count), (1, 0));
}

#[test]
fn an_instance_in_which_nothing_happened_has_a_file_too() {
    let lines = whole(&World::empty(), SYSTEM);
    assert_eq!(lines.len(), 1);
    assert_eq!(file(&lines).unwrap().count, 0);
}

#[test]
fn only_who_may_read_all_events_gets_a_file() {
    let (world, Tenants { acme, umbra, .. }) = World::standard();
    for caller in [acme.org_owner.caller(), acme.user.caller(), umbra.iam_owner.caller(), Caller::nobody()] {
        let refused = export(&world, acme.instance, &caller, Range::default());
        assert_eq!(refused, Err(No::Refused(Refusal::NotPermitted)), "{caller:?}");
    }
    file(export(&world, acme.instance, &acme.iam_owner.caller(), Range::default()).unwrap()).unwrap();
}

#[test]
fn an_altered_byte_of_any_line_names_the_line() {
    let lines = short();
    for at in 0..lines.len() {
        // Every byte of two lines, some of every line.
        let step = if at == 1 || at + 1 == lines.len() { 1 } else { 97 };
        for byte in (0..lines[at].len()).step_by(step) {
            let mut bytes = lines[at].clone().into_bytes();
            bytes[byte] = if bytes[byte] == b'7' { b'8' } else { b'7' };
            let mut lines = lines.clone();
            lines[at] = String::from_utf8(bytes).unwrap();
            let Wrong { line, why } = file(&lines).unwrap_err();
            assert_eq!(line, at as u64 + 1, "byte {byte}: {why}");
            assert!(matches!(why, Why::Altered | Why::Unreadable), "byte {byte}: {why}");
        }
    }
}

#[test]
fn a_missing_line_is_told_where_it_stood() {
    let lines = short();
    for at in 0..lines.len() {
        let mut lines = lines.clone();
        lines.remove(at);
        let why = if at == lines.len() { Why::Cut } else { Why::Missing };
        wrong(&lines, at + 1, why);
    }
    let mut lines = lines;
    lines.drain(4..9);
    wrong(&lines, 5, Why::Missing);
}

#[test]
fn a_line_that_was_moved_or_added_is_told() {
    let lines = short();
    let last = lines.len() - 1;
    for at in 0..last - 1 {
        let mut swapped = lines.clone();
        swapped.swap(at, at + 1);
        wrong(&swapped, at + 1, Why::Misplaced);
        let mut twice = lines.clone();
        twice.insert(at + 1, lines[at].clone());
        wrong(&twice, at + 2, Why::Misplaced);
    }
    let mut far = lines.clone();
    let moved = far.remove(3);
    far.insert(9, moved);
    wrong(&far, 4, Why::Misplaced);
    for added in [&lines[2], &lines[last]] {
        let mut behind = lines.clone();
        behind.push(added.clone());
        wrong(&behind, lines.len() + 1, Why::Misplaced);
    }
    let mut early = lines.clone();
    early.swap(last - 1, last);
    assert!(file(&early).is_err());
    // The event of another instance with the same number.
    let (world, Tenants { acme, .. }) = World::standard();
    let mut foreign = lines.clone();
    foreign[6] = whole(&world, acme.instance)[6].clone();
    wrong(&foreign, 7, Why::Chain);
}

#[test]
fn a_file_without_its_end_is_told() {
    let lines = short();
    wrong(&[], 1, Why::Empty);
    for length in 1..lines.len() {
        wrong(&lines[..length], length + 1, Why::Cut);
    }
    let mut torn = lines.clone();
    let last = torn.last_mut().unwrap();
    last.truncate(last.len() / 2);
    wrong(&torn, lines.len(), Why::Unreadable);
}

#[test]
fn what_is_no_export_is_told() {
    let check = |text: &str| {
        let hash = crypto::hex(&crypto::sha256(text.as_bytes()));
        format!("{},\"check\":\"{hash}\"}}", text.strip_suffix('}').unwrap())
    };
    let lines = short();
    let spaced = lines[0].replacen("\":", "\": ", 1);
    let twice = {
        let (head, _) = lines[0].split_once(",\"check\"").unwrap();
        check(&(head.replacen('{', "{\"number\":99,", 1) + "}"))
    };
    for text in ["", "{}", "null", "garbage", "ü\"}", "{\"event\":{}}", &check("{}"), &check("[1}"), &twice]
    {
        wrong(&[text.to_owned()], 1, Why::Unreadable);
    }
    assert!(file([spaced]).is_err());
}

#[test]
fn a_forger_who_mends_the_checks_is_found_by_the_chain() {
    let lines = short();
    let with = |at: usize, forge: &dyn Fn(&mut Json)| {
        let mut lines = lines.clone();
        lines[at] = forged(&lines[at], forge);
        lines
    };
    wrong(&with(4, &|line| line["event"]["actor"] = json!({"type": "nobody"})), 5, Why::Readable);
    wrong(&with(4, &|line| line["event"]["time"] = "2020-01-01T00:00:00Z".into()), 5, Why::Readable);
    wrong(&with(4, &|line| line["event"]["more"] = true.into()), 5, Why::Readable);
    wrong(&with(4, &|line| line["hash"] = "00".repeat(32).into()), 5, Why::Chain);
    wrong(&with(0, &|line| line["hash"] = "00".repeat(32).into()), 1, Why::Chain);
    wrong(&with(4, &|line| line["place"] = "9999.0.0".into()), 5, Why::Chain);
    wrong(&with(4, &|line| line["number"] = 99.into()), 5, Why::Missing);
    wrong(&with(4, &|line| line["number"] = 1.into()), 5, Why::Misplaced);
    let other: Json = serde_json::from_str(&lines[5]).unwrap();
    wrong(&with(4, &|line| line["stored"] = other["stored"].clone()), 5, Why::Chain);
    wrong(&with(4, &|line| line["extra"] = true.into()), 5, Why::Unreadable);
    let last = lines.len() - 1;
    for (member, value) in [
        ("count", json!(3)),
        ("start", json!("11".repeat(32))),
        ("end", json!("11".repeat(32))),
        ("first", json!({"number": 2, "place": "1.0.0"})),
        ("first", Json::Null),
        ("last", Json::Null),
        ("head", json!({"count": 1, "hash": "11".repeat(32)})),
        ("head", json!({"count": last, "hash": "11".repeat(32)})),
    ] {
        let forged = with(last, &|line| line["manifest"][member] = value.clone());
        assert!(file(&forged).is_err(), "{member}");
    }
    wrong(&with(last, &|line| line["manifest"]["format"] = 2.into()), last + 1, Why::Format);
}

#[test]
fn an_erased_person_is_in_no_line_and_the_file_is_whole() {
    let (mut world, Tenants { acme, .. }) = World::standard();
    let (instance, user) = (acme.instance, &acme.user.id);
    let named =
        |lines: &[String]| lines.iter().filter(|line| line.contains("acme-alice@mail.example")).count();
    let before = whole(&world, instance);
    assert_eq!(named(&before), 1);
    world.must(&acme.org_owner.caller(), instance, &delete::<User>(user));
    let after = whole(&world, instance);
    assert_eq!(named(&after), 0);
    assert!(after.iter().any(|line| line.contains("{\"erased\":true}")));
    assert_eq!(file(&after).unwrap().count, after.len() as u64 - 1);
    // An older file is still a true one: its chain leads to where the new one passes.
    let end = file(&before).unwrap().end;
    assert!(after[before.len() - 2].contains(&crypto::hex(&end.0)));
}
