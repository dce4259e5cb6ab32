//! Words that say nothing, and words that say "later".

use super::source::{Line, Source, word_at};
use super::{Finding, Tree};

/// Names under which anything could stand, so that in the end everything does.
const EMPTY_NAMES: &[&str] =
    &["util", "utils", "helper", "helpers", "common", "commons", "manager", "managers", "misc"];
/// Endings of files whose names are names of ours.
const NAMED: &[&str] = &["rs", "ts", "tsx", "js", "mjs", "css", "html"];
/// Macros that leave something undone or talk to the developer.
const UNDONE: &[&str] = &["todo", "unimplemented", "dbg"];
/// Marks of something left for later: an issue is the place for it. Split, so that this file is no finding itself.
const MARKS: &[&str] = &[concat!("FIX", "ME"), concat!("X", "XX"), concat!("HA", "CK")];
/// Where a panic stops a replica: an invariant is asserted with its reason there, everything else is an error.
const NO_PANIC: &[&str] = &["identity/src/", "storage/src/", "raft/src/"];
const PANICS: &[&str] = &[".unwrap()", ".unwrap_err()"];
const PANICS_WITH_TEXT: &[&str] = &[".expect(", ".expect_err("];
/// Files other than Rust where a mark would be a comment of ours.
const COMMENTED: &[&str] =
    &[".toml", ".ts", ".tsx", ".js", ".mjs", ".css", ".html", ".ftl", ".sh", ".yml", ".yaml"];

pub(crate) fn check(tree: &Tree) -> Vec<Finding> {
    let mut findings = Vec::new();
    let paths = tree.sources.iter().map(|s| &s.path).chain(tree.texts.iter().map(|(path, _)| path));
    findings.extend(paths.filter_map(|path| empty_name(path)));
    for source in &tree.sources {
        for (number, line) in source.numbered() {
            let found = in_line(source, line);
            findings.extend(found.into_iter().map(|what| Finding::new(&source.path, number, what)));
        }
    }
    for (path, text) in tree.texts.iter().filter(|(path, _)| is_commented(path)) {
        for (number, line) in (1..).zip(text.lines()) {
            findings.extend(mark(line).map(|what| Finding::new(path, number, what)));
        }
    }
    findings
}

fn empty_name(path: &str) -> Option<Finding> {
    let (stem, ending) = path.rsplit_once('.')?;
    if !NAMED.contains(&ending) {
        return None;
    }
    let empty = stem.split(['/', '_', '-', '.']).find(|part| EMPTY_NAMES.contains(part))?;
    Some(Finding::new(
        path,
        1,
        format!("\"{empty}\" names nothing: call the file after the one idea it holds"),
    ))
}

fn in_line(source: &Source, line: &Line) -> Vec<String> {
    let mut found = Vec::new();
    for name in EMPTY_NAMES.iter().filter(|name| declares_module(&line.code, name)) {
        found.push(format!("module \"{name}\" names nothing: call it after the one idea it holds"));
    }
    for name in UNDONE {
        if word_at(&line.code, name).any(|at| line.code[at + name.len()..].starts_with('!')) {
            found.push(format!("{name}! is left: write what is missing, or open an issue"));
        }
    }
    if is_ignored_test(&line.code) {
        found.push("a test is ignored: make it pass, or delete it".into());
    }
    found.extend(mark(&line.comment));
    if !line.is_test && NO_PANIC.iter().any(|room| source.path.starts_with(room)) {
        let dense: String = line.code.chars().filter(|c| !c.is_whitespace()).collect();
        for call in PANICS.iter().chain(PANICS_WITH_TEXT).filter(|call| is_call(&dense, call)) {
            found.push(format!(
                "{call} can stop a replica: return an error, or assert the invariant with its reason"
            ));
        }
    }
    found
}

fn declares_module(code: &str, name: &str) -> bool {
    word_at(code, name)
        .any(|at| code[..at].trim_end().ends_with("mod") && !code[..at].trim_end().ends_with("_mod"))
}

fn is_ignored_test(code: &str) -> bool {
    let dense: String = code.chars().filter(|c| !c.is_whitespace()).collect();
    let in_attribute = dense.starts_with("#[ignore") || dense.starts_with("#![ignore");
    in_attribute || (dense.starts_with("#[cfg_attr(") && word_at(code, "ignore").next().is_some())
}

/// Says whether `dense` makes the call. A method of ours that is called `expect` takes something else than one text,
/// whose inside the lexer has blanked.
fn is_call(dense: &str, call: &str) -> bool {
    dense.match_indices(call).any(|(at, _)| {
        let after = &dense[at + call.len()..];
        call.ends_with(')')
            || after.is_empty()
            || [")", "&format!", "concat!"].iter().any(|s| after.starts_with(s))
    })
}

fn mark(text: &str) -> Option<String> {
    let mark = MARKS.iter().find(|mark| word_at(text, mark).next().is_some())?;
    Some(format!("{mark} is left: do it now, or open an issue and say why here"))
}

fn is_commented(path: &str) -> bool {
    let apart = path.split('/').any(|part| matches!(part, "golden" | "goldens"));
    !apart && (path == "Makefile" || path == ".ci/run" || COMMENTED.iter().any(|end| path.ends_with(end)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(path: &str, text: &str) -> usize {
        check(&Tree::of(&[(path, text)])).len()
    }

    #[test]
    fn names_that_say_nothing_are_refused() {
        for path in
            ["a/src/utils.rs", "a/src/common/mod.rs", "a/src/session_manager.rs", "a/tests/helpers.rs"]
        {
            assert_eq!(found(path, ""), 1, "{path}");
        }
        for code in ["mod utils;", "pub(crate) mod helpers {", "pub mod common;"] {
            assert_eq!(found("a/src/lib.rs", code), 1, "{code}");
        }
    }

    #[test]
    fn what_is_left_undone_is_refused() {
        for code in ["todo!()", "let x = unimplemented!(\"x\");", "dbg!(x)"] {
            assert_eq!(found("a/src/lib.rs", code), 1, "{code}");
        }
        for mark in MARKS {
            assert_eq!(found("a/src/lib.rs", &format!("f(); // {mark}: later")), 1, "{mark}");
            assert_eq!(found("Makefile", &format!("# {mark}: later")), 1, "{mark}");
        }
    }

    #[test]
    fn an_ignored_test_is_refused() {
        for code in ["#[ignore]", "#[ignore = \"slow\"]", "# [ ignore ]", "#[cfg_attr(not(x), ignore)]"] {
            assert_eq!(found("a/src/tests.rs", code), 1, "{code}");
        }
    }

    #[test]
    fn a_panicking_call_in_a_replica_is_refused() {
        for room in ["identity/src/lib.rs", "storage/src/log/writer.rs", "raft/src/propose.rs"] {
            for code in ["x.unwrap();", "x.expect(\"y\");", "x . unwrap ( );", "    .expect("] {
                assert_eq!(found(room, code), 1, "{room} {code}");
            }
        }
    }

    #[test]
    fn tests_and_the_outer_rooms_may_panic() {
        let code = "#[cfg(test)]\nmod tests {\n    fn f() { x.unwrap(); }\n}\n";
        assert_eq!(found("identity/src/lib.rs", code), 0);
        for path in [
            "identity/src/tests.rs",
            "identity/src/testing/given.rs",
            "raft/tests/main.rs",
            "node/src/main.rs",
        ] {
            assert_eq!(found(path, "x.unwrap();"), 0, "{path}");
        }
    }

    #[test]
    fn words_with_a_meaning_are_allowed() {
        assert_eq!(found("storage/src/folder.rs", "self.expect(&found, dir)"), 0);
        let code = "x.unwrap_or(1); let todo = common(); // ignore this\nlet ignore = \"#[ignore]\"; format!(\"todo!\");";
        assert_eq!(found("identity/src/communication.rs", code), 0);
        assert_eq!(found("docs/utils.md", "HACKING"), 0);
    }
}
