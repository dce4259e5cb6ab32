//! A Rust file, taken apart into code, comments and tests, so that a word in a comment is no call and a call in a
//! test is no call in the product.
//!
//! It is a lexer of a few states, not a parser: it knows where comments, strings and characters begin and end, and
//! which lines a `#[cfg(test)]` covers. Text that does not close what it opens runs to the end of the file.

/// A Rust file.
pub(crate) struct Source {
    pub(crate) path: String,
    pub(crate) lines: Vec<Line>,
}

/// One line of a Rust file.
#[derive(Default)]
pub(crate) struct Line {
    /// The line with comments, and what stands inside strings and characters, replaced by spaces.
    pub(crate) code: String,
    /// What the line's comments say.
    pub(crate) comment: String,
    /// What stands inside the line's strings.
    pub(crate) literal: String,
    /// Whether it belongs to a test: a test file, or an item under `#[cfg(test)]`.
    pub(crate) is_test: bool,
}

impl Source {
    pub(crate) fn new(path: &str, text: &str) -> Self {
        let mut lines = split(text);
        mark_tests(&mut lines, is_test_path(path));
        Self { path: path.into(), lines }
    }

    /// Returns the lines with their numbers, from 1.
    pub(crate) fn numbered(&self) -> impl Iterator<Item = (usize, &Line)> {
        (1..).zip(&self.lines)
    }
}

/// Says whether a whole file is a test by its name: `tests.rs`, or below `tests/`, `testing/`, `cluster-tests/`.
pub(crate) fn is_test_path(path: &str) -> bool {
    path.split('/')
        .any(|part| matches!(part, "tests.rs" | "testing.rs" | "tests" | "testing" | "cluster-tests"))
}

/// Returns where `word` stands in `code` with no letter, digit or underscore on either side.
pub(crate) fn word_at<'a>(code: &'a str, word: &'a str) -> impl Iterator<Item = usize> + 'a {
    let is_part = |c: char| c.is_alphanumeric() || c == '_';
    code.match_indices(word).map(|(at, _)| at).filter(move |at| {
        let (before, after) = (&code[..*at], &code[at + word.len()..]);
        !before.ends_with(is_part) && !after.starts_with(is_part)
    })
}

/// What the lexer is inside of.
#[derive(Clone, Copy)]
enum Inside {
    Code,
    LineComment,
    /// Block comments nest in Rust.
    BlockComment(usize),
    String,
    /// A raw string, with the number of its hashes.
    Raw(usize),
}

fn split(text: &str) -> Vec<Line> {
    let chars: Vec<char> = text.chars().collect();
    let mut lines = vec![Line::default()];
    let mut inside = Inside::Code;
    let mut at = 0;
    while let Some(c) = chars.get(at).copied() {
        let rest = &chars[at..];
        let next = rest.get(1).copied();
        if c == '\n' {
            if matches!(inside, Inside::LineComment) {
                inside = Inside::Code;
            }
            lines.push(Line::default());
            at += 1;
            continue;
        }
        let Some(line) = lines.last_mut() else { break };
        // Each state says what comes next and how many characters it has taken.
        let (then, taken) = match inside {
            Inside::LineComment => {
                line.comment.push(c);
                (inside, 1)
            }
            Inside::BlockComment(depth) => match (c, next) {
                ('*', Some('/')) if depth == 1 => (Inside::Code, 2),
                ('*', Some('/')) => (Inside::BlockComment(depth - 1), 2),
                ('/', Some('*')) => (Inside::BlockComment(depth + 1), 2),
                _ => {
                    line.comment.push(c);
                    (inside, 1)
                }
            },
            // The character after a backslash is taken with it, but a newline must still be counted.
            Inside::String => match (c, next) {
                ('"', _) => (Inside::Code, 1),
                ('\\', Some(escaped)) if escaped != '\n' => (inside, 2),
                _ => {
                    line.literal.push(c);
                    (inside, 1)
                }
            },
            Inside::Raw(hashes) if c == '"' && count(&rest[1..], '#') >= hashes => (Inside::Code, 1 + hashes),
            Inside::Raw(_) => {
                line.literal.push(c);
                (inside, 1)
            }
            Inside::Code => code(line, rest),
        };
        if !matches!((inside, then), (Inside::Code, Inside::Code)) {
            line.code.push(' ');
        }
        inside = then;
        at += taken;
    }
    lines
}

fn code(line: &mut Line, rest: &[char]) -> (Inside, usize) {
    let next = rest.get(1).copied();
    let follows_word = line.code.ends_with(|c: char| c.is_alphanumeric() || c == '_');
    match rest[0] {
        '/' if next == Some('/') => (Inside::LineComment, 2),
        '/' if next == Some('*') => (Inside::BlockComment(1), 2),
        '"' => (Inside::String, 1),
        'r' | 'b' | 'c' if !follows_word => match raw_start(rest) {
            Some((hashes, taken)) => (Inside::Raw(hashes), taken),
            None => {
                line.code.push(rest[0]);
                (Inside::Code, 1)
            }
        },
        '\'' => {
            line.code.push(' ');
            (Inside::Code, character(rest))
        }
        c => {
            line.code.push(c);
            (Inside::Code, 1)
        }
    }
}

/// Recognizes `r"`, `r#"`, `br#"`, `cr"`, …; returns the hashes and the characters up to the opening quote.
fn raw_start(rest: &[char]) -> Option<(usize, usize)> {
    let r = rest.iter().take(2).position(|c| *c == 'r')?;
    let hashes = count(&rest[r + 1..], '#');
    (rest.get(r + 1 + hashes) == Some(&'"')).then_some((hashes, r + 2 + hashes))
}

/// Returns how many characters to take at a `'`: a whole character literal, or 1 for a lifetime.
fn character(rest: &[char]) -> usize {
    match (rest.get(1), rest.get(2)) {
        (Some('\\'), _) => rest.iter().skip(3).take(10).position(|c| *c == '\'').map_or(1, |end| end + 4),
        (Some(_), Some('\'')) => 3,
        _ => 1,
    }
}

fn count(chars: &[char], wanted: char) -> usize {
    chars.iter().take_while(|c| **c == wanted).count()
}

/// Marks the lines from a `#[cfg(test)]` (also `cfg(all(test, …))`) to the end of the item that follows it.
fn mark_tests(lines: &mut [Line], all: bool) {
    let mut pending = false;
    let mut depth: i64 = 0;
    let mut ends_at: Option<i64> = None;
    for line in lines {
        let starts = is_test_attribute(&line.code);
        pending |= starts && ends_at.is_none();
        line.is_test = all || pending || ends_at.is_some();
        let after = if starts { line.code.find(']').map_or(0, |at| at + 1) } else { 0 };
        for c in line.code[after..].chars() {
            match c {
                '{' => {
                    if pending {
                        (pending, ends_at) = (false, Some(depth));
                    }
                    depth += 1;
                }
                '}' => {
                    depth -= 1;
                    if ends_at.is_some_and(|end| depth <= end) {
                        ends_at = None;
                    }
                }
                ';' if ends_at.is_none() => pending = false,
                _ => {}
            }
        }
    }
}

fn is_test_attribute(code: &str) -> bool {
    let dense: String = code.chars().filter(|c| !c.is_whitespace()).collect();
    ["#[cfg(test)]", "#[cfg(all(test,", "#[test]", "#[tokio::test"]
        .iter()
        .any(|start| dense.starts_with(start))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn code_of(text: &str) -> String {
        Source::new("a.rs", text).lines.iter().map(|l| l.code.trim_end()).collect::<Vec<_>>().join("\n")
    }

    fn test_lines(text: &str) -> Vec<usize> {
        Source::new("a.rs", text).numbered().filter(|(_, l)| l.is_test).map(|(n, _)| n).collect()
    }

    #[test]
    fn text_that_never_closes_does_not_panic() {
        for text in
            ["\"", "r#\"", "/*", "'", "'\\", "b'", "\\", "r#", "\"\\", "#[cfg(test)]", "}}}", "\u{0}é'é"]
        {
            Source::new("a.rs", text);
        }
    }

    #[test]
    fn words_in_comments_and_strings_are_not_code() {
        let text = "a(); // b()\n/* c() /* d() */ e() */ f();\ng(\"h() \\\" i()\"); j(r#\"k() \" l()\"#, br\"m()\");";
        let code = code_of(text);
        for word in ["a()", "f()", "g(", "j("] {
            assert!(code.contains(word), "{word} in {code}");
        }
        for word in ["b()", "c()", "d()", "e()", "h()", "i()", "k()", "l()", "m()"] {
            assert!(!code.contains(word), "{word} in {code}");
        }
    }

    #[test]
    fn a_quote_in_a_character_opens_no_string_and_a_lifetime_no_character() {
        let code = code_of("x('\"'); y::<'a>(); z('\\''); w(b'\\x41'); '\\u{1F600}'; v");
        for word in ["x(", "y::<", "z(", "w(", "v"] {
            assert!(code.contains(word), "{word} in {code}");
        }
    }

    #[test]
    fn lines_keep_their_numbers_through_strings_and_comments() {
        let source = Source::new("a.rs", "let s = \"one\\\n two\n three\"; /*\n*/ last();\n");
        let at = source.numbered().find(|(_, l)| l.code.contains("last")).map(|(n, _)| n);
        assert_eq!(at, Some(4));
    }

    #[test]
    fn only_the_item_under_cfg_test_is_a_test() {
        assert_eq!(test_lines("fn a() {}\n#[cfg(test)]\nmod tests;\nfn b() {}\n"), [2, 3]);
        assert_eq!(
            test_lines("#[cfg(test)]\nmod tests {\n  fn x() { if y {} }\n}\nfn b() {}\n"),
            [1, 2, 3, 4]
        );
        assert_eq!(test_lines("impl A {\n #[cfg(test)]\n fn x(&self) {\n }\n fn y() {}\n}\n"), [2, 3, 4]);
        assert_eq!(test_lines("#[cfg(not(test))]\nfn a() {}\n"), Vec::<usize>::new());
    }

    #[test]
    fn test_files_are_tests_from_their_first_line() {
        for path in
            ["a/src/b/tests.rs", "a/tests/main.rs", "a/src/testing/kit.rs", "cluster-tests/src/faults.rs"]
        {
            assert!(Source::new(path, "fn a() {}").lines[0].is_test, "{path}");
        }
        assert!(!Source::new("a/src/attest.rs", "fn a() {}").lines[0].is_test);
    }

    #[test]
    fn a_word_is_found_only_whole() {
        assert_eq!(word_at("rand::x brand::y rand_core", "rand").collect::<Vec<_>>(), [0]);
    }
}
