//! `identity` is pure: the same command on the same tables gives the same answer on every replica.
//!
//! What could make two replicas differ, or wait, has no place there, not even where it happens to be harmless today.
//! Its tests are apart. Clock and chance have a check of their own.

use super::source::word_at;
use super::{Finding, Tree};

const PURE: &str = "identity/src/";

/// A path or a word, and why replicas would differ.
const IMPURE: &[(&str, &str)] = &[
    ("std::fs", "touches files"),
    ("std::net", "touches the network"),
    ("std::env", "depends on the machine"),
    ("std::process", "leaves the process"),
    ("std::thread", "depends on the scheduler"),
    ("std::io", "performs I/O"),
    ("tokio", "waits"),
    ("async", "waits"),
    ("HashMap", "iterates in a different order in each process; use a BTreeMap"),
    ("HashSet", "iterates in a different order in each process; use a BTreeSet"),
    ("f32", "rounds differently; count in integers"),
    ("f64", "rounds differently; count in integers"),
];

pub(crate) fn check(tree: &Tree) -> Vec<Finding> {
    let mut findings = Vec::new();
    for source in tree.sources.iter().filter(|s| s.path.starts_with(PURE)) {
        for (number, line) in source.numbered().filter(|(_, line)| !line.is_test) {
            let dense = line.code.replace(" :: ", "::");
            let found = IMPURE.iter().filter(|(word, _)| word_at(&dense, word).next().is_some());
            findings.extend(found.map(|(word, why)| {
                let what =
                    format!("{word} {why}: it has no place in identity, hand the result in as a parameter");
                Finding::new(&source.path, number, what)
            }));
        }
    }
    findings
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(path: &str, text: &str) -> usize {
        check(&Tree::of(&[(path, text)])).len()
    }

    #[test]
    fn whatever_makes_replicas_differ_is_refused() {
        for code in [
            "use std::fs::File;",
            "std :: env :: var(x)",
            "pub async fn f() {}",
            "let m: HashMap<u8, u8> = x;",
            "let share = 1f64 as f64;",
        ] {
            assert_eq!(found("identity/src/user/lock.rs", code), 1, "{code}");
        }
    }

    #[test]
    fn tests_comments_and_other_rooms_may() {
        assert_eq!(
            found("identity/src/lib.rs", "// no HashMap, no async\nlet x = \"std::fs\"; is_async();"),
            0
        );
        assert_eq!(found("identity/src/testing/golden.rs", "use std::fs;"), 0);
        assert_eq!(found("identity/src/lib.rs", "#[cfg(test)]\nmod tests {\n    use std::fs;\n}\n"), 0);
        assert_eq!(found("node/src/main.rs", "use std::fs;"), 0);
    }
}
