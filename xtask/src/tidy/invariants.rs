//! Which invariants and attack cases have no test that bears their name.
//!
//! An invariant of docs/architecture.md is tested by functions named `a01_…` to `a14_…`, one of the engine by `e01_…` to
//! `e30_…` (docs/engine-invariants.md), an attack case by `case_NN_…`. What is missing is listed, and is no finding yet: not everything can be shown by one node.

use super::Tree;
use std::collections::BTreeSet;

const INVARIANTS: std::ops::RangeInclusive<u32> = 1..=14;
const ENGINE: std::ops::RangeInclusive<u32> = 1..=30;
/// The attack cases that what is built so far can meet.
const CASES: &[std::ops::RangeInclusive<u32>] =
    &[1..=9, 12..=14, 21..=21, 24..=32, 35..=37, 46..=48, 50..=53, 57..=58, 62..=63, 81..=83, 85..=85];

/// Returns the lines to print, none when nothing is missing.
pub(crate) fn report(tree: &Tree) -> String {
    let tests = tests(tree);
    let lacks = |prefix: &str| !tests.iter().any(|name| name.starts_with(prefix));
    let invariants: Vec<String> = INVARIANTS.map(|n| format!("a{n:02}_")).filter(|p| lacks(p)).collect();
    let engine: Vec<String> = ENGINE.map(|n| format!("e{n:02}_")).filter(|p| lacks(p)).collect();
    let cases: Vec<String> =
        CASES.iter().cloned().flatten().map(|n| format!("case_{n:02}_")).filter(|p| lacks(p)).collect();
    [
        ("invariants without a test", invariants),
        ("invariants of the engine without a test", engine),
        ("attack cases without a test", cases),
    ]
    .into_iter()
    .filter(|(_, missing)| !missing.is_empty())
    .map(|(title, missing)| {
        let names: Vec<&str> = missing.iter().map(|p| p.trim_end_matches('_')).collect();
        format!("{title} ({}): {}\n", names.len(), names.join(" "))
    })
    .collect()
}

/// Returns the names of all test functions: those whose attributes name a test, whatever runs them.
fn tests(tree: &Tree) -> BTreeSet<String> {
    let mut names = BTreeSet::new();
    for source in &tree.sources {
        let mut is_next = false;
        for line in &source.lines {
            let code = line.code.trim();
            is_next |= code.starts_with("#[") && code.contains("test") && !code.contains("cfg(");
            if let Some(name) = function(code) {
                if is_next {
                    names.insert(name.to_string());
                }
                is_next = false;
            }
        }
    }
    names
}

fn function(code: &str) -> Option<&str> {
    let at =
        code.find("fn ").filter(|at| *at == 0 || code[..*at].ends_with(' ') || code[..*at].ends_with(']'))?;
    let rest = code[at + "fn ".len()..].trim_start();
    let end = rest.find(|c: char| !c.is_alphanumeric() && c != '_').unwrap_or(rest.len());
    Some(&rest[..end])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn report_on(text: &str) -> String {
        report(&Tree::of(&[("a/src/tests.rs", text)]))
    }

    #[test]
    fn without_tests_everything_is_missing() {
        let report = report_on("");
        assert!(report.starts_with("invariants without a test (14): a01 a02 "), "{report}");
        assert!(report.contains("attack cases without a test (40): case_01 "), "{report}");
    }

    #[test]
    fn a_function_that_no_runner_calls_is_no_test() {
        assert!(report_on("fn a01_x() {}").contains("a01"));
        assert!(report_on("// #[test]\n// fn a01_x() {}").contains("a01"));
        assert!(report_on("#[cfg(test)]\nfn a01_x() {}").contains("a01"));
        assert!(report_on("#[test]\nfn a_good_one() {}\nfn a01_x() {}").contains("a01"));
    }

    #[test]
    fn a_number_is_not_the_beginning_of_another() {
        assert!(report_on("#[test]\nfn a010_x() {}").contains("a01"));
        assert!(report_on("#[test]\nfn case_1_x() {}").contains("case_01"));
    }

    #[test]
    fn a_test_under_any_runner_counts() {
        for text in [
            "#[test]\nfn a01_x() {}",
            "#[test] fn a01_x() {}",
            "#[tokio::test(flavor = \"multi_thread\")]\nasync fn a01_x() {}",
            "#[test]\n#[should_panic]\n/// Says why.\npub(crate) fn a01_x() {}",
        ] {
            assert!(!report_on(text).contains("a01"), "{text}");
        }
    }
}
