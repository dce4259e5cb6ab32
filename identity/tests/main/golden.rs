//! Golden files: what was once written can be read for ever. `make goldens` writes them; a change of one is a change
//! of what lasts.

use crate::diagnostic::diagnostic;
use crate::samples::{self, Sample};
use identity::credential::service_key::PublicJwk;
use identity::encoding::{Stored, decode_row, encode};
use identity::envelope::{Caller, Source};
use identity::event::{Event, What};
use identity::execute::Machine;
use identity::id::Hash;
use identity::permission::AdministratorRole;
use identity::record::Kind;
use identity::testing::fixtures::{id, machine};
use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

/// Where a golden file lies.
pub(crate) fn path(below: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("goldens").join(below)
}

#[expect(clippy::disallowed_methods, reason = "golden files are written on request")]
pub(crate) fn is_writing() -> bool {
    std::env::var("CONCLAVE_GOLDENS").is_ok_and(|what| what == "write")
}

/// Compares a text with its golden file, or writes the file when asked.
#[track_caller]
pub(crate) fn compare(file: &Path, text: &str) {
    if is_writing() {
        fs::create_dir_all(file.parent().unwrap()).unwrap();
        fs::write(file, text).unwrap();
        return;
    }
    let golden = fs::read_to_string(file)
        .unwrap_or_else(|_| panic!("{} is missing: make goldens writes it", file.display()));
    assert_eq!(text, golden, "{} differs: what lasts has changed", file.display());
}

/// Hexadecimal in lines, and below it what a person reads.
fn text_of(bytes: &[u8], body: usize) -> String {
    let hex = identity::id::hex(bytes);
    let lines: Vec<&str> = (0..hex.len()).step_by(100).map(|at| &hex[at..hex.len().min(at + 100)]).collect();
    format!("{}\n\n{}\n", lines.join("\n"), diagnostic(&bytes[body..]))
}

fn file_of(folder: &str, sample: &Sample) -> PathBuf {
    let mut words = String::new();
    for c in sample.name.chars() {
        if c.is_ascii_uppercase() && words.ends_with(|c: char| c.is_ascii_lowercase()) {
            words.push('-');
        }
        words.push(if c == ' ' || c == '_' { '-' } else { c.to_ascii_lowercase() });
    }
    path(&format!("{folder}/{:04}-{words}.cbor.hex", sample.number))
}

/// Compares every sample, and that nothing else lies in the folder.
fn check(folder: &str, samples: &[Sample], body: usize) {
    let mut expected = BTreeSet::new();
    for sample in samples {
        let file = file_of(folder, sample);
        compare(&file, &text_of(&sample.bytes, body));
        assert!(expected.insert(file), "{} {} stands twice", sample.number, sample.name);
    }
    let found = fs::read_dir(path(folder)).unwrap().map(|entry| entry.unwrap().path());
    let orphans: Vec<PathBuf> = found.filter(|file| !expected.contains(file)).collect();
    assert!(orphans.is_empty(), "these belong to no line any more: {orphans:?}");
}

fn numbers(samples: &[Sample]) -> Vec<u16> {
    let mut numbers: Vec<u16> = samples.iter().map(|sample| sample.number).collect();
    numbers.sort_unstable();
    numbers
}

fn lines(machine: &Machine) -> Vec<u16> {
    let lines = machine.resources.iter().flatten().chain(machine.commands);
    let mut numbers: Vec<u16> = lines.map(|line| line.number).collect();
    numbers.sort_unstable();
    numbers
}

#[test]
fn golden_commands() {
    check("commands", &samples::commands(), 0);
}

#[test]
fn golden_records() {
    // The first byte is the version.
    check("records", &samples::records(), 1);
}

#[test]
fn golden_events() {
    check("events", &samples::events(), 1);
}

#[test]
fn golden_callers() {
    let callers = [
        Caller::system(),
        Caller::nobody(),
        Caller::session(id("u1"), id("s1")),
        Caller::bearer(id("u1"), Hash::of(b"jti"), Source::Family(id("f1")), vec!["openid".to_owned()]),
        Caller::bearer(id("u1"), Hash::of(b"jti"), Source::Service { generation: 3 }, vec![]),
        Caller::personal(id("u1"), id("t1")),
        Caller::client(id("a1"), Some(3)),
        Caller::service(id("u1"), 3),
        Caller::operator(),
        Caller::bearer(
            id("u1"),
            Hash::of(b"jti"),
            Source::Key { key: id("k1"), jwk: Hash::of(b"jwk") },
            vec!["openid".to_owned()],
        ),
    ];
    let text: String = callers.iter().map(|caller| text_of(&encode(caller), 0)).collect();
    compare(&path("callers.cbor.hex"), &text);
}

#[test]
fn golden_keys_of_service_accounts() {
    // The public keys of RFC 7517, appendix A.1, and of RFC 8037, appendix A.2.
    let keys = [
        r#"{"crv":"P-256","kty":"EC","x":"MKBCTNIcKUSDii11ySs3526iDZ8AiTo7Tu6KPAqv7D4","y":"4Etl6SRW2YiLUrN5vfvVHuhp7x8PxltmWWlbbM4IFyM"}"#,
        r#"{"e":"AQAB","kty":"RSA","n":"0vx7agoebGcQSuuPiLJXZptN9nndrQmbXEps2aiAFbWhM78LhWx4cbbfAAtVT86zwu1RK7aPFFxuhDR1L6tSoc_BJECPebWKRXjBZCiFV4n3oknjhMstn64tZ_2W-5JsGY4Hc5n9yBXArwl93lqt7_RN5w6Cf0h4QyQ5v-65YGjQR0_FDW2QvzqY368QQMicAtaSqzs8KJZgnYb9c7d0zgdAZHzu6qMQvRL5hajrn1n91CbOpbISD08qNLyrdkt-bFTWhAI4vMQFh6WeZu0fM4lFd2NcRwr3XPksINHaQ-G_xBniIqbw0Ls1jF44-csFCur-kEgU8awapJzKnqDKgw"}"#,
        r#"{"crv":"Ed25519","kty":"OKP","x":"11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"}"#,
    ];
    let text: String = keys.map(|key| text_of(&encode(&PublicJwk::parse(key).unwrap()), 0)).concat();
    compare(&path("service-keys.cbor.hex"), &text);
}

#[test]
fn every_command_has_one_number_and_a_golden_file() {
    let lines = lines(&machine());
    assert_eq!(lines.iter().collect::<BTreeSet<_>>().len(), lines.len(), "a number stands twice");
    assert_eq!(numbers(&samples::commands()), lines);
}

#[test]
fn every_kind_has_a_golden_file() {
    // The cluster has no row: events of the level are about it.
    let kinds: Vec<u16> = (1..=u16::MAX)
        .filter(|number| Kind::from_number(*number).is_some_and(|kind| kind != Kind::Cluster))
        .collect();
    assert_eq!(numbers(&samples::records())[1..], kinds);
}

#[test]
fn every_event_has_one_number_and_a_golden_file() {
    let events: Vec<u16> = (0..=u16::MAX).filter(|number| What::from_number(*number).is_some()).collect();
    assert_eq!(numbers(&samples::events()), events);
    assert_eq!(What::ALL.len(), events.len(), "a number stands twice");
    let sentences: BTreeSet<&str> = What::ALL.iter().map(|what| what.sentence()).collect();
    assert_eq!(sentences.len(), events.len(), "two events read alike");
}

#[test]
fn no_number_of_tests_stands_in_a_running_node() {
    let node = Machine::new(machine().keyring);
    let tests: Vec<u16> =
        lines(&machine()).into_iter().filter(|number| !lines(&node).contains(number)).collect();
    let probe = 0x1000 + Kind::Probe.number() * 8;
    assert_eq!(tests, [241, probe, probe + 1, probe + 2, probe + 3]);
}

#[test]
fn every_sample_reads_back_and_no_shortened_or_lengthened_one_does() {
    let machine = machine();
    for sample in samples::commands() {
        let line = identity::command::find(machine.resources, machine.commands, sample.number).unwrap();
        assert!((line.readable)(&sample.bytes), "{}", sample.name);
        for end in 0..sample.bytes.len() {
            assert!(!(line.readable)(&sample.bytes[..end]), "{} cut to {end} bytes", sample.name);
        }
        let longer = [sample.bytes.as_slice(), &[0]].concat();
        assert!(!(line.readable)(&longer), "{} with a byte too many", sample.name);
    }
}

#[test]
fn an_event_reads_back() {
    for sample in samples::events() {
        let event: Event = decode_row(&sample.bytes).unwrap();
        assert_eq!(event.what, sample.number);
        assert!(event.sentence().starts_with("user u1 "), "{}", event.sentence());
    }
}

#[test]
fn a_row_of_a_version_that_never_was_is_a_fault() {
    for sample in samples::records() {
        let mut bytes = sample.bytes.clone();
        bytes[0] = 99;
        let fault = decode_row::<AnyRow>(&bytes).unwrap_err();
        assert!(fault.0.contains("version 99"), "{fault}");
    }
    assert!(decode_row::<AnyRow>(&[]).is_err());
}

#[derive(Debug, minicbor::Encode, minicbor::Decode)]
struct AnyRow {}
impl Stored for AnyRow {}

#[test]
fn the_golden_table_of_permissions_is_what_the_roles_have() {
    let mut text = String::new();
    for role in AdministratorRole::ALL {
        let mut words: Vec<String> = role.permissions().map(|it| it.to_string()).collect();
        words.sort();
        text += &format!("{} ({:?})\n", role.name(), role.level());
        for word in words {
            text += &format!("  {word}\n");
        }
    }
    compare(&path("permissions.txt"), &text);
}
