//! `cargo xtask test`: all tests, by cargo-nextest when the machine has it, else by `cargo test`.
//!
//! Every line of the runner is passed on as it comes. A runner calls a skipped test a success; here it is a failure,
//! because nobody reads the numbers of a green run.

use std::io::{BufRead, BufReader, Read, Write};
use std::process::{Command, Stdio};

/// Runs the tests of the whole workspace.
///
/// # Errors
/// When a test fails, or when the runner says that it has skipped one.
pub(crate) fn run() -> Result<(), String> {
    let (mut runner, summary) = runner();
    let mut child = runner
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .map_err(|e| format!("cannot run cargo: {e}"))?;
    let (out, err) = (child.stdout.take(), child.stderr.take());
    // Two pipes, two threads: a full one would stop the runner.
    let (skipped_out, skipped_err) = std::thread::scope(|scope| {
        let err = scope.spawn(|| err.map_or(0, |pipe| pass_on(pipe, std::io::stderr(), summary)));
        (out.map_or(0, |pipe| pass_on(pipe, std::io::stdout(), summary)), err.join().unwrap_or(0))
    });
    let status = child.wait().map_err(|e| format!("cannot wait for cargo: {e}"))?;
    match skipped_out + skipped_err {
        _ if !status.success() => Err("tests failed".into()),
        0 => Ok(()),
        skipped => Err(format!("{skipped} skipped: make them pass, or delete them")),
    }
}

/// The runner, and how the line begins in which it sums up.
fn runner() -> (Command, &'static str) {
    let has_nextest = crate::cargo()
        .args(["nextest", "--version"])
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status()
        .is_ok_and(|status| status.success());
    let (words, summary) = match has_nextest {
        true => (["nextest", "run"].as_slice(), "Summary ["),
        false => (["test"].as_slice(), "test result:"),
    };
    let mut command = crate::cargo();
    command.args(words).args(["--workspace", "--no-fail-fast"]);
    (command, summary)
}

/// Copies `from` to `to` line by line; returns how many skipped tests the lines speak of that begin with `summary`.
fn pass_on(from: impl Read, mut to: impl Write, summary: &str) -> u64 {
    let mut from = BufReader::new(from);
    let mut line = Vec::new();
    let mut skipped = 0;
    while from.read_until(b'\n', &mut line).is_ok_and(|read| read > 0) {
        skipped += skipped_in(&String::from_utf8_lossy(&line), summary);
        // A closed terminal is no reason to stop counting.
        let _ = to.write_all(&line).and_then(|()| to.flush());
        line.clear();
    }
    skipped
}

/// Reads a runner's summary: `test result: ok. 3 passed; 0 failed; 1 ignored; …` or
/// `Summary [ 0.1s] 3 tests run: 3 passed, 1 skipped`. The second runner starts each test through the first and may pass
/// that one's summary on, in which all other tests are filtered out: it counts nothing.
fn skipped_in(line: &str, summary: &str) -> u64 {
    let plain = without_colours(line);
    let is_summary = plain.trim_start().starts_with(summary);
    let words: Vec<&str> = plain.split([' ', ';', ',', ':']).filter(|word| !word.is_empty()).collect();
    let counts = words.windows(2).filter(|pair| {
        let word = pair[1].trim();
        is_summary && (word == "ignored" || word == "skipped" || word == "filtered")
    });
    counts.filter_map(|pair| pair[0].parse::<u64>().ok()).sum()
}

/// Drops escape sequences of the form `ESC [ … letter`.
fn without_colours(line: &str) -> String {
    let mut plain = String::new();
    let mut chars = line.chars();
    while let Some(c) = chars.next() {
        if c == '\u{1b}' {
            chars.by_ref().skip(1).find(char::is_ascii_alphabetic);
        } else {
            plain.push(c);
        }
    }
    plain
}

#[cfg(test)]
mod tests {
    use super::*;

    const LIBTEST: &str = "test result:";
    const NEXTEST: &str = "Summary [";

    #[test]
    fn skipped_tests_are_counted_in_both_runners_summaries() {
        for (line, summary, skipped) in [
            (
                "test result: ok. 3 passed; 0 failed; 2 ignored; 0 measured; 1 filtered out; finished in 0.1s\n",
                LIBTEST,
                3,
            ),
            ("     Summary [   0.1s] 3 tests run: 3 passed, 2 skipped\n", NEXTEST, 2),
            ("\u{1b}[32;1m     Summary\u{1b}[0m [   0.1s] 3 tests run: 3 passed, 1 skipped", NEXTEST, 1),
        ] {
            assert_eq!(skipped_in(line, summary), skipped, "{line}");
        }
    }

    #[test]
    fn other_lines_count_nothing() {
        for line in ["", "test result: ok. 3 passed; 0 failed; 0 ignored", "5 skipped", "\u{1b}", "\u{1b}["] {
            assert_eq!(skipped_in(line, LIBTEST), 0, "{line}");
        }
        let one_of_many = "    test result: ok. 1 passed; 0 failed; 0 ignored; 0 measured; 17 filtered out";
        assert_eq!(skipped_in(one_of_many, NEXTEST), 0);
    }

    #[test]
    fn every_byte_is_passed_on() {
        let mut copy = Vec::new();
        let bytes = b"a\n\xff\xfe\ntest result: ok. 0 passed; 0 failed; 4 ignored;\nno newline";
        assert_eq!(pass_on(bytes.as_slice(), &mut copy, LIBTEST), 4);
        assert_eq!(copy, bytes);
    }
}
