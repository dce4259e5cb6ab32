//! Time and chance are parameters: replicas that ask their own clock or dice disagree.
//!
//! Only node/src/clock.rs and node/src/entropy.rs name the system's. Tests, measures and these checks are apart: they
//! decide nothing that is replicated. Clippy refuses the calls it can resolve (clippy.toml); this check also sees the
//! crates, the devices and what stands in macros.

use super::manifest::Table;
use super::source::{Line, word_at};
use super::{Finding, Tree};

const CLOCK: &str = "node/src/clock.rs";
const ENTROPY: &str = "node/src/entropy.rs";
/// Folders that decide nothing replicated.
const APART: &[&str] = &["benches/", "cluster-tests/", "xtask/"];

const CLOCK_WORDS: &[&str] = &[
    "SystemTime::now",
    "Instant::now",
    "OffsetDateTime::now_utc",
    "OffsetDateTime::now_local",
    "clock_gettime",
    "now_v7",
];
const ENTROPY_WORDS: &[&str] = &["getrandom", "thread_rng", "OsRng", "fastrand", "new_v4"];
const DEVICES: &[&str] = &["/dev/urandom", "/dev/random"];
const ENTROPY_CRATES: &[&str] = &["rand", "getrandom", "fastrand", "oorandom"];

pub(crate) fn check(tree: &Tree) -> Vec<Finding> {
    let mut findings = Vec::new();
    for manifest in tree.manifests.iter().filter(|m| m.package != "conclave" && !is_apart(&m.path)) {
        for d in manifest.dependencies.iter().filter(|d| d.table != Table::Dev) {
            if ENTROPY_CRATES.contains(&d.name.as_str()) {
                findings.push(Finding::new(&manifest.path, d.line, chance(&d.name)));
            }
        }
    }
    for source in tree.sources.iter().filter(|s| !is_apart(&s.path)) {
        for (number, line) in source.numbered().filter(|(_, line)| !line.is_test) {
            let time = time_in(line).filter(|_| source.path != CLOCK).map(time);
            let chance = chance_in(line).filter(|_| source.path != ENTROPY).map(chance);
            findings
                .extend(time.into_iter().chain(chance).map(|what| Finding::new(&source.path, number, what)));
        }
    }
    findings
}

fn is_apart(path: &str) -> bool {
    APART.iter().any(|folder| path.starts_with(folder)) || path.split('/').any(|part| part == "benches")
}

fn time_in(line: &Line) -> Option<&'static str> {
    let dense: String = line.code.chars().filter(|c| !c.is_whitespace()).collect();
    CLOCK_WORDS.iter().find(|word| word_at(&dense, word).next().is_some()).copied()
}

fn chance_in(line: &Line) -> Option<&'static str> {
    if let Some(device) = DEVICES.iter().find(|device| line.literal.contains(**device)) {
        return Some(device);
    }
    if let Some(word) = ENTROPY_WORDS.iter().find(|word| word_at(&line.code, word).next().is_some()) {
        return Some(word);
    }
    // A signature needs the library's own randomness; crypto is its home, and nobody else can name it.
    let own = |at: usize| line.code[..at].ends_with("aws_lc_rs::");
    let is_path = |at: usize| line.code[at + "rand".len()..].starts_with("::");
    word_at(&line.code, "rand").any(|at| is_path(at) && !own(at)).then_some("rand")
}

fn time(word: &str) -> String {
    format!("{word} asks the system's clock: take the time as a parameter; only {CLOCK} may ask")
}

fn chance(word: &str) -> String {
    format!("{word} draws chance: take the bytes as a parameter; only {ENTROPY} may draw")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(path: &str, text: &str) -> usize {
        check(&Tree::of(&[(path, text)])).len()
    }

    #[test]
    fn the_systems_clock_is_refused_everywhere_else() {
        for path in
            ["identity/src/time.rs", "raft/src/clock.rs", "node/src/entropy.rs", "api/core/src/limits.rs"]
        {
            for code in ["std::time::SystemTime::now()", "Instant :: now()", "tokio::time::Instant::now()"] {
                assert_eq!(found(path, code), 1, "{path} {code}");
            }
        }
    }

    #[test]
    fn chance_is_refused_everywhere_else() {
        for path in ["crypto/src/token.rs", "node/src/clock.rs"] {
            for code in ["getrandom::fill(b)", "rand::random()", "use rand::Rng;", "open(\"/dev/urandom\")"] {
                assert_eq!(found(path, code), 1, "{path} {code}");
            }
        }
    }

    #[test]
    fn a_crate_that_draws_chance_is_refused_in_a_manifest() {
        let text = "[package]\nname = 'identity'\n[dependencies]\nrand.workspace = true\n";
        assert_eq!(found("identity/Cargo.toml", text), 1);
    }

    #[test]
    fn the_two_files_tests_measures_and_checks_may() {
        assert_eq!(found(CLOCK, "Instant::now()"), 0);
        assert_eq!(found(ENTROPY, "getrandom::fill(b)"), 0);
        for path in
            ["raft/src/tests.rs", "benches/src/load.rs", "cluster-tests/src/client.rs", "xtask/src/main.rs"]
        {
            assert_eq!(found(path, "Instant::now(); rand::random()"), 0, "{path}");
        }
    }

    #[test]
    fn signing_may_use_the_librarys_own_randomness() {
        assert_eq!(found("crypto/src/sign.rs", "use aws_lc_rs::rand::SystemRandom;"), 0);
        assert_eq!(found("crypto/src/sign.rs", "operand::x(); self.instant_now(); // Instant::now()"), 0);
    }
}
