//! Files that have grown beyond one idea. Tests and golden files are apart: a long list of cases is no tangle.

use super::source::is_test_path;
use super::{Finding, Tree};

/// Lines of a file, without those of its tests.
const LINES_MAX: usize = 600;
/// What people write by hand besides Rust.
const WRITTEN: &[&str] = &[".ts", ".tsx", ".js", ".mjs", ".css", ".html", ".sh", ".py"];

pub(crate) fn check(tree: &Tree) -> Vec<Finding> {
    let rust = tree.sources.iter().map(|s| (&s.path, s.lines.iter().filter(|l| !l.is_test).count()));
    let other = tree.texts.iter().filter(|(path, _)| WRITTEN.iter().any(|end| path.ends_with(end)));
    let other = other.map(|(path, text)| (path, text.lines().count()));
    rust.chain(other)
        .filter(|(path, lines)| *lines > LINES_MAX && !is_apart(path))
        .map(|(path, lines)| {
            let what = format!("{lines} lines without tests, {LINES_MAX} are allowed: split it by idea");
            Finding::new(path, LINES_MAX + 1, what)
        })
        .collect()
}

fn is_apart(path: &str) -> bool {
    is_test_path(path) || path.split('/').any(|part| matches!(part, "golden" | "goldens"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(path: &str, text: &str) -> usize {
        check(&Tree::of(&[(path, text)])).len()
    }

    #[test]
    fn a_long_file_is_refused() {
        for path in ["a/src/lib.rs", "console/src/app.ts", "api/pages/static/page.css"] {
            assert_eq!(found(path, &"x\n".repeat(601)), 1, "{path}");
            assert_eq!(found(path, &"x\n".repeat(599)), 0, "{path}");
        }
    }

    #[test]
    fn tests_goldens_and_prose_may_be_long() {
        for path in
            ["a/src/tests.rs", "a/tests/main.rs", "identity/goldens/x.rs", "docs/long.md", "Cargo.lock"]
        {
            assert_eq!(found(path, &"x\n".repeat(2000)), 0, "{path}");
        }
        let text = format!("{}#[cfg(test)]\nmod tests {{\n{}}}\n", "x\n".repeat(500), "y\n".repeat(500));
        assert_eq!(found("a/src/lib.rs", &text), 0);
    }
}
