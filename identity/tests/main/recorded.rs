//! Recorded logs: what was once agreed gives the same digest after each command, on every build, for ever.

use crate::golden::{compare, path};
use crate::scenario;
use identity::command::{COMMANDS, RESOURCES};
use identity::encoding::decode;
use identity::envelope::Envelope;
use identity::execute::{At, Chunk, Head};
use identity::id::hex;
use identity::testing::fixtures::{START, World, machine};
use identity::testing::memory::MemoryTables;
use identity::time::Timestamp;
use std::collections::BTreeSet;
use std::fmt::Write as _;

const GENESIS: Head = Head { time: START, digest: [0; 32] };

/// Runs a log on a machine of its own, in chunks of the given lengths, repeated; the digest after each chunk.
pub(crate) fn replay(log: &[(At, Vec<u8>)], lengths: &[usize]) -> (MemoryTables, Head, Vec<[u8; 32]>) {
    let machine = machine();
    let mut tables = MemoryTables::default();
    let mut head = GENESIS;
    let mut digests = Vec::new();
    let mut lengths = lengths.iter().copied().cycle();
    let mut rest = log;
    while !rest.is_empty() {
        let (now, later) = rest.split_at(lengths.next().unwrap_or(1).min(rest.len()));
        rest = later;
        let mut chunk = Chunk::new(&tables, head, &machine);
        for (at, command) in now {
            chunk.execute(*at, command).unwrap();
        }
        let (changes, after) = chunk.finish();
        tables.write(changes);
        head = after;
        digests.push(head.digest);
    }
    (tables, head, digests)
}

fn text_of(world: &World) -> String {
    let (_, _, digests) = replay(&world.log, &[1]);
    let mut text = String::new();
    for ((at, command), digest) in world.log.iter().zip(digests) {
        let At { index, ordinal, time } = at;
        writeln!(text, "{index} {ordinal} {} {} {}", time.0, hex(&digest), hex(command)).unwrap();
    }
    text
}

fn read(text: &str) -> Vec<(At, [u8; 32], Vec<u8>)> {
    let line = |line: &str| {
        let words: Vec<&str> = line.split(' ').collect();
        let [index, ordinal, time, digest, command] = words[..] else { panic!("five words a line") };
        let (index, ordinal) = (index.parse().unwrap(), ordinal.parse().unwrap());
        let at = At { index, ordinal, time: Timestamp(time.parse().unwrap()) };
        (at, crypto::unhex(digest).unwrap().try_into().unwrap(), crypto::unhex(command).unwrap())
    };
    text.lines().map(line).collect()
}

#[test]
fn golden_log_of_the_first_level() {
    compare(&path("logs/0001.txt"), &text_of(&scenario::world()));
}

#[test]
fn every_recorded_log_gives_the_digests_it_gave() {
    let mut logs = 0;
    for file in std::fs::read_dir(path("logs")).unwrap() {
        let recorded = read(&std::fs::read_to_string(file.unwrap().path()).unwrap());
        let log: Vec<(At, Vec<u8>)> =
            recorded.iter().map(|(at, _, command)| (*at, command.clone())).collect();
        let (_, _, digests) = replay(&log, &[1]);
        for ((at, expected, _), found) in recorded.iter().zip(digests) {
            assert_eq!(hex(expected), hex(&found), "after entry {}", at.index);
        }
        logs += 1;
    }
    assert!(logs > 0);
}

#[test]
fn the_story_runs_every_command_and_some_refusals() {
    let world = scenario::world();
    let ran: BTreeSet<u16> =
        world.log.iter().map(|(_, command)| decode::<Envelope>(command).unwrap().number).collect();
    let lines = RESOURCES.iter().flatten().chain(COMMANDS);
    let missing: Vec<&str> = lines.filter(|line| !ran.contains(&line.number)).map(|line| line.name).collect();
    assert!(missing.is_empty(), "{missing:?}");
}
