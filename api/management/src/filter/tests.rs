//! What is read and what is refused, as tables; then properties and a loop of mutations, with fixed seeds.

use super::{
    BYTES_MAX, COMPARISONS_MAX, Comparison, DEPTH_MAX, Error, Filter, Operator, Reason, Value, parse,
};
use proptest::collection::vec;
use proptest::prelude::{Just, Strategy, any, prop_oneof};
use proptest::sample::select;
use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};
use std::fmt::Debug;

/// Filters, and their trees as `shape` writes them.
const GOOD: &[(&str, &str)] = &[
    // The forms of a condition.
    (r#"userName eq "bjensen""#, r#"(eq username "bjensen")"#),
    (r#"name.familyName co "O'Malley""#, r#"(co name.familyname "O'Malley")"#),
    (r#"title pr"#, "(pr title)"),
    (r#"state ne "active""#, r#"(ne state "active")"#),
    (r#"email ew "@acme.com""#, r#"(ew email "@acme.com")"#),
    (r#"meta.created gt "2026-01-01T00:00:00Z""#, r#"(gt meta.created "2026-01-01T00:00:00Z")"#),
    (r#"meta.created ge "2026""#, r#"(ge meta.created "2026")"#),
    (r#"meta.created lt "2026""#, r#"(lt meta.created "2026")"#),
    (r#"meta.created le "2026""#, r#"(le meta.created "2026")"#),
    // The caller refuses the attribute; the grammar does not know it.
    (r#"password sw "a""#, r#"(sw password "a")"#),
    // Names.
    (r#"a-b_c9 pr"#, "(pr a-b_c9)"),
    (r#"eq eq "eq""#, r#"(eq eq "eq")"#),
    (r#"pr pr"#, "(pr pr)"),
    (r#"true eq true"#, "(eq true true)"),
    (r#"nothing eq null"#, "(eq nothing null)"),
    (r#"android pr or orange pr"#, "(or (pr android) (pr orange))"),
    (
        r#"urn:ietf:params:scim:schemas:core:2.0:User:name.familyName sw "J""#,
        r#"(sw urn:ietf:params:scim:schemas:core:2.0:user:name.familyname "J")"#,
    ),
    (r#"URN:x:Y:Name pr"#, "(pr urn:x:y:name)"),
    (r#"urn:x:y:not pr"#, "(pr urn:x:y:not)"),
    // Any case.
    (r#"NAME Eq "A""#, r#"(eq name "A")"#),
    (r#"a PR AND NOT (b Pr) oR c pR"#, "(or (and (pr a) (not (pr b))) (pr c))"),
    // Values.
    ("a eq true", "(eq a true)"),
    ("a eq false", "(eq a false)"),
    ("a eq null", "(eq a null)"),
    ("a eq 0", "(eq a 0)"),
    ("a eq -0", "(eq a -0)"),
    ("a eq 10", "(eq a 10)"),
    ("a gt -1.50", "(gt a -1.50)"),
    ("a lt 2e3", "(lt a 2e3)"),
    ("a lt 0.1E+05", "(lt a 0.1E+05)"),
    ("a lt 1e-9", "(lt a 1e-9)"),
    ("a eq 123456789012345678901234567890", "(eq a 123456789012345678901234567890)"),
    // Strings.
    (r#"a eq """#, r#"(eq a "")"#),
    (r#"a eq "and (b pr) or not""#, r#"(eq a "and (b pr) or not")"#),
    (r#"a eq "emails[type eq 1]""#, r#"(eq a "emails[type eq 1]")"#),
    (r#"a eq "\"\\\/\b\f\n\r\t""#, r#"(eq a "\"\\/\u{8}\u{c}\n\r\t")"#),
    (r#"a eq "\"; drop table users; --""#, r#"(eq a "\"; drop table users; --")"#),
    (r#"a eq "' or '1'='1""#, r#"(eq a "' or '1'='1")"#),
    (r#"a eq "\u0041\u00e9\u20AC""#, r#"(eq a "Aé€")"#),
    (r#"a eq "\ud83d\uDE00""#, r#"(eq a "😀")"#),
    (r#"a eq "\udbff\udfff""#, r#"(eq a "\u{10ffff}")"#),
    (r#"a eq "\u0000x""#, r#"(eq a "\0x")"#),
    (r#"a eq "Zoë 😀 日本""#, r#"(eq a "Zoë 😀 日本")"#),
    ("a eq \"\u{7f}\u{85}\"", r#"(eq a "\u{7f}\u{85}")"#),
    // Precedence: grouping, not, and, or; chains are flat.
    ("a pr and b pr and c pr", "(and (pr a) (pr b) (pr c))"),
    ("a pr or b pr or c pr", "(or (pr a) (pr b) (pr c))"),
    ("a pr or b pr and c pr", "(or (pr a) (and (pr b) (pr c)))"),
    ("a pr and b pr or c pr", "(or (and (pr a) (pr b)) (pr c))"),
    ("a pr and b pr or c pr and d pr", "(or (and (pr a) (pr b)) (and (pr c) (pr d)))"),
    ("(a pr or b pr) and c pr", "(and (or (pr a) (pr b)) (pr c))"),
    ("a pr and (b pr or c pr)", "(and (pr a) (or (pr b) (pr c)))"),
    ("a pr and (b pr and c pr)", "(and (pr a) (pr b) (pr c))"),
    ("(a pr or b pr) or (c pr or d pr)", "(or (pr a) (pr b) (pr c) (pr d))"),
    ("not (a pr) and b pr", "(and (not (pr a)) (pr b))"),
    ("not (a pr and b pr)", "(not (and (pr a) (pr b)))"),
    ("not(not(a pr))", "(not (not (pr a)))"),
    ("not (a pr and (b pr and c pr))", "(not (and (pr a) (pr b) (pr c)))"),
    ("((((((((a pr))))))))", "(pr a)"),
    (
        r#"userType ne "Employee" and not (emails co "acme.com" or emails.value co "acme.org")"#,
        r#"(and (ne usertype "Employee") (not (or (co emails "acme.com") (co emails.value "acme.org"))))"#,
    ),
    // Spaces.
    ("  a   eq   1   and   b   pr  ", "(and (eq a 1) (pr b))"),
    ("( a pr )  or  not  ( b eq 1 )", "(or (pr a) (not (eq b 1)))"),
];

const ATTRIBUTE: &str = "an attribute such as state or meta.created is missing";
const NO_ATTRIBUTE: &str = "this is no attribute: write a name such as state or meta.created, and a space";
const OPERATOR: &str = "an operator (eq, ne, co, sw, ew, gt, ge, lt, le or pr) is missing";
const VALUE: &str = "a value (text in quotation marks, a number, true, false or null) is missing";
const SPACE: &str = "a space is missing";
const OPENING: &str = "an opening parenthesis is missing";
const CLOSING: &str = "a closing parenthesis is missing";
const NUMBER: &str = "the number is malformed: write it as in JSON, such as 10 or -1.5e3";
const UNTERMINATED: &str = "the string is not closed: end it with a quotation mark";
const ESCAPE: &str =
    r#"the escape is unknown: write \", \\, \/, \b, \f, \n, \r, \t or \u and four hex digits"#;
const LONE: &str = "half a surrogate pair: write the other half as well, or the character";
const CONTROL: &str = r"a control character stands in the string: escape it, as in \n or \u0000";
const UNOPENED: &str = "no parenthesis is open here: remove this one, or open one before";
const TRAILING: &str = r#"the condition ends before this: add "and" or "or" between, or remove this"#;

/// Filters, the character at which they are refused, and what their author is told.
const REFUSED: &[(&str, usize, &str)] = &[
    // Attributes.
    ("", 1, ATTRIBUTE),
    ("   ", 4, ATTRIBUTE),
    ("()", 2, ATTRIBUTE),
    ("not ()", 6, ATTRIBUTE),
    ("\"a\" eq 1", 1, ATTRIBUTE),
    ("'a' eq 1", 1, ATTRIBUTE),
    ("and", 1, ATTRIBUTE),
    ("or eq 1", 1, ATTRIBUTE),
    ("and b pr", 1, ATTRIBUTE),
    ("a pr and", 9, ATTRIBUTE),
    ("a pr or  ", 10, ATTRIBUTE),
    ("a pr and and b pr", 10, ATTRIBUTE),
    ("(a pr or) ", 9, ATTRIBUTE),
    ("a pr and ]", 10, ATTRIBUTE),
    ("$ref pr", 1, ATTRIBUTE),
    ("*", 1, ATTRIBUTE),
    ("日本 pr", 1, ATTRIBUTE),
    ("\0", 1, ATTRIBUTE),
    ("\ta pr", 1, ATTRIBUTE),
    ("\u{feff}a pr", 1, ATTRIBUTE),
    ("\u{a0}a pr", 1, ATTRIBUTE),
    ("1a pr", 1, NO_ATTRIBUTE),
    ("-a pr", 1, NO_ATTRIBUTE),
    ("_a pr", 1, NO_ATTRIBUTE),
    (".a pr", 1, NO_ATTRIBUTE),
    ("a. pr", 1, NO_ATTRIBUTE),
    ("a..b pr", 1, NO_ATTRIBUTE),
    ("a.1 pr", 1, NO_ATTRIBUTE),
    ("a.b.c pr", 1, NO_ATTRIBUTE),
    ("naïve pr", 3, NO_ATTRIBUTE),
    ("a$b pr", 2, NO_ATTRIBUTE),
    ("a\0 pr", 2, NO_ATTRIBUTE),
    ("a\tpr", 2, NO_ATTRIBUTE),
    ("name=\"x\"", 5, NO_ATTRIBUTE),
    ("a(b pr)", 2, NO_ATTRIBUTE),
    (":a pr", 1, NO_ATTRIBUTE),
    ("a:b pr", 1, NO_ATTRIBUTE),
    ("urn:a pr", 1, NO_ATTRIBUTE),
    ("urn:x:a pr", 1, NO_ATTRIBUTE),
    ("urn::x:a pr", 1, NO_ATTRIBUTE),
    ("urn:x:y: pr", 1, NO_ATTRIBUTE),
    ("urn:x:y:2.0 pr", 1, NO_ATTRIBUTE),
    ("http://example.com/schema:a pr", 1, NO_ATTRIBUTE),
    // Operators.
    ("a", 2, OPERATOR),
    ("a  ", 4, OPERATOR),
    ("(a)", 3, OPERATOR),
    ("a \"x\"", 3, OPERATOR),
    ("a (eq 1)", 3, OPERATOR),
    // Values.
    ("a eq", 5, VALUE),
    ("a eq ", 6, VALUE),
    ("(a eq )", 7, VALUE),
    ("a eq active", 6, VALUE),
    ("a eq 'x'", 6, VALUE),
    ("a eq “x”", 6, VALUE),
    ("a eq True", 6, VALUE),
    ("a eq NULL", 6, VALUE),
    ("a eq truely", 6, VALUE),
    ("a eq (1)", 6, VALUE),
    ("a eq [1]", 6, VALUE),
    ("a eq {}", 6, VALUE),
    ("a eq NaN", 6, VALUE),
    ("a eq .5", 6, VALUE),
    ("a eq +1", 6, VALUE),
    ("a eq ١", 6, VALUE),
    ("a eq and b pr", 6, VALUE),
    ("a eq 01", 6, NUMBER),
    ("a eq -", 6, NUMBER),
    ("a eq -01", 6, NUMBER),
    ("a eq --1", 6, NUMBER),
    ("a eq 1.", 6, NUMBER),
    ("a eq 1.e1", 6, NUMBER),
    ("a eq 1e", 6, NUMBER),
    ("a eq 1e+", 6, NUMBER),
    ("a eq 1e+-1", 6, NUMBER),
    ("a eq 1e1e1", 6, NUMBER),
    ("a eq 1e1.0", 6, NUMBER),
    ("a eq 1.1.1", 6, NUMBER),
    ("a eq 0x10", 6, NUMBER),
    ("a eq 1_000", 6, NUMBER),
    ("a eq -Infinity", 6, NUMBER),
    ("a eq 1;drop", 6, NUMBER),
    ("a eq 1\0", 6, NUMBER),
    // Strings.
    ("a eq \"", 6, UNTERMINATED),
    ("a eq \"x and b pr", 6, UNTERMINATED),
    (r#"a eq "x\""#, 6, UNTERMINATED),
    (r#"a eq "x" and b eq "y"#, 19, UNTERMINATED),
    (r#"a eq "\"#, 7, ESCAPE),
    (r#"a eq "\x41""#, 7, ESCAPE),
    (r#"a eq "\'""#, 7, ESCAPE),
    (r#"a eq "\0""#, 7, ESCAPE),
    (r#"a eq "\N""#, 7, ESCAPE),
    (r#"a eq "\é""#, 7, ESCAPE),
    (r#"a eq "\u""#, 7, ESCAPE),
    (r#"a eq "\u12""#, 7, ESCAPE),
    (r#"a eq "\u+123""#, 7, ESCAPE),
    (r#"a eq "\u{41}""#, 7, ESCAPE),
    (r#"a eq "\U0041""#, 7, ESCAPE),
    (r#"a eq "\u00ég""#, 7, ESCAPE),
    (r#"a eq "é\q""#, 8, ESCAPE),
    (r#"a eq "\ud83d\u00""#, 7, ESCAPE),
    (r#"a eq "\ud83d""#, 7, LONE),
    (r#"a eq "\ud83dx""#, 7, LONE),
    (r#"a eq "\ud83d\n""#, 7, LONE),
    (r#"a eq "\ud83d\u0041""#, 7, LONE),
    (r#"a eq "\ud83d\ud83d""#, 7, LONE),
    (r#"a eq "x\ude00""#, 8, LONE),
    (r#"a eq "\ude00\ud83d""#, 7, LONE),
    ("a eq \"x\0\"", 8, CONTROL),
    ("a eq \"\n\"", 7, CONTROL),
    ("a eq \"\t\"", 7, CONTROL),
    ("a eq \"日本\u{1f}\"", 9, CONTROL),
    // Spaces.
    (r#"a eq"x""#, 5, SPACE),
    (r#"a eq(1)"#, 5, SPACE),
    (r#"a eq "x"and b pr"#, 9, SPACE),
    ("(a pr)and b pr", 7, SPACE),
    ("(a pr)or(b pr)", 7, SPACE),
    ("a pr and(b pr)", 9, SPACE),
    ("a pr or\tb pr", 8, SPACE),
    // Parentheses.
    ("(", 2, ATTRIBUTE),
    (")", 1, ATTRIBUTE),
    ("(a pr", 6, CLOSING),
    ("(a pr ", 7, CLOSING),
    (r#"(a eq "é" or b pr"#, 18, CLOSING),
    ("((a pr)", 8, CLOSING),
    ("not (a pr", 10, CLOSING),
    (r#"(a eq ")""#, 10, CLOSING),
    ("a pr)", 5, UNOPENED),
    ("(a pr))", 7, UNOPENED),
    ("a pr ) or ( b pr", 6, UNOPENED),
    ("not", 4, OPENING),
    ("not a pr", 5, OPENING),
    ("NOT eq 1", 5, OPENING),
    ("not not (a pr)", 5, OPENING),
    ("a pr and not b pr", 14, OPENING),
    ("not[a pr]", 4, OPENING),
    ("not)", 4, OPENING),
    // More than a filter.
    ("a pr b pr", 6, TRAILING),
    ("a pr xor b pr", 6, TRAILING),
    ("a pr andy b pr", 6, TRAILING),
    ("a pr \"x\"", 6, TRAILING),
    ("a eq \"x\"; drop table users; --", 9, TRAILING),
    ("a eq \"x\"\0", 9, TRAILING),
    ("a eq \"x\"\n", 9, TRAILING),
    ("a eq \"x\"\"y\"", 9, TRAILING),
    ("a eq \"é\" && b pr", 10, TRAILING),
    ("(a pr b pr)", 7, TRAILING),
    ("(a eq \"x\" not (b pr))", 11, TRAILING),
    ("(a pr)(b pr)", 7, TRAILING),
    ("a eq \"x\" not (b pr)", 10, TRAILING),
];

/// Filters, the character at which a word stands for an operator, and the word as it is told.
const UNKNOWN_OPERATORS: &[(&str, usize, &str)] = &[
    ("a = 1", 3, r#""=""#),
    ("a == \"x\"", 3, r#""==""#),
    ("a like 1", 3, r#""like""#),
    ("a equ 1", 3, r#""equ""#),
    ("a e 1", 3, r#""e""#),
    ("a prand b pr", 3, r#""prand""#),
    ("a pr, b pr", 3, r#""pr,""#),
    ("(a pr](b pr)", 4, r#""pr]""#),
    ("a and b pr", 3, r#""and""#),
    ("a pr or b not (c pr)", 11, r#""not""#),
    // A long s is an s to Unicode, but not to the grammar.
    ("a \u{17f}w \"x\"", 3, "\"\u{17f}w\""),
    ("a e\u{1b}q 1", 3, r#""e\u{1b}q""#),
    ("a eq\0 1", 3, r#""eq\0""#),
    ("a \u{202e}eq 1", 3, r#""\u{202e}eq""#),
    ("a abcdefghijklmnopqrstuvwxyz 1", 3, r#""abcdefghijklmnopqrst""#),
];

/// Filters with value paths, the character at which they begin, and the attribute that is told.
const VALUE_PATHS: &[(&str, usize, &str)] = &[
    (r#"emails[type eq "work"]"#, 1, "emails"),
    (r#"emails [type eq "work"]"#, 1, "emails"),
    (r#"a pr or Emails[type eq "work" and value co "@x.com"].value pr"#, 9, "emails"),
    (r#"not (emails[type pr])"#, 6, "emails"),
    ("urn:x:y:Emails[", 1, "urn:x:y:emails"),
];

const OPERATORS: &[(&str, Operator)] = &[
    ("eq", Operator::Eq),
    ("ne", Operator::Ne),
    ("co", Operator::Co),
    ("sw", Operator::Sw),
    ("ew", Operator::Ew),
    ("gt", Operator::Gt),
    ("ge", Operator::Ge),
    ("lt", Operator::Lt),
    ("le", Operator::Le),
];

/// The tree with a parenthesis around each node, so that grouping shows.
fn shape(filter: &Filter) -> String {
    let chain = |name: &str, all: &[Filter]| {
        let all: Vec<String> = all.iter().map(shape).collect();
        format!("({name} {})", all.join(" "))
    };
    match filter {
        Filter::And(all) => chain("and", all),
        Filter::Or(all) => chain("or", all),
        Filter::Not(inner) => format!("(not {})", shape(inner)),
        Filter::Present(attribute) => format!("(pr {attribute})"),
        Filter::Compare(Comparison { attribute, operator, value }) => {
            let value = match value {
                Value::Text(text) => format!("{text:?}"),
                Value::Number(number) => number.clone(),
                Value::Boolean(boolean) => boolean.to_string(),
                Value::Null => "null".into(),
            };
            format!("({} {attribute} {value})", operator.name())
        }
    }
}

fn refusal(text: &str) -> Error {
    parse(text).expect_err("it is refused")
}

/// Asserts what holds for any text, and says whether it is a filter.
fn is_read_or_refused_in_order(text: &str) -> bool {
    match parse(text) {
        Ok(filter) => {
            let written = filter.to_string();
            assert_eq!(parse(&written).as_ref(), Ok(&filter), "{text:?} is written as {written:?}");
            assert!(written.len() <= text.len(), "{text:?} grows to {written:?}");
            true
        }
        Err(error) => {
            assert!(text.is_char_boundary(error.at), "{text:?} {error:?}");
            assert_eq!(text[..error.at].chars().count() + 1, error.character, "{text:?}");
            let told = error.to_string();
            assert!(told.starts_with("at character "), "{told}");
            assert!(!told.contains(char::is_control) && !told.ends_with('.'), "{told:?}");
            false
        }
    }
}

#[test]
fn a_filter_is_read_as_its_tree() {
    for (text, expected) in GOOD {
        let read = parse(text).map(|filter| shape(&filter)).map_err(|error| error.to_string());
        assert_eq!(read.as_deref(), Ok(*expected), "{text}");
    }
}

#[test]
fn a_filter_that_is_written_is_read_as_the_same_tree() {
    for (text, _) in GOOD {
        assert!(is_read_or_refused_in_order(text), "{text}");
    }
}

#[test]
fn a_filter_is_written_in_one_form() {
    let written = |text| parse(text).map(|filter| filter.to_string());
    let text = r#"  ( A.b  EQ "\u00e9\/\u001F\"" aNd (c PR or NOT (( d gt -1.0E5 ))) ) "#;
    assert_eq!(written(text).as_deref(), Ok(r#"a.b eq "é/\u001f\"" and (c pr or not(d gt -1.0E5))"#));
}

#[test]
fn what_is_no_filter_is_refused_with_its_place_and_reason() {
    for (text, character, reason) in REFUSED {
        let told = parse(text).map(|filter| shape(&filter)).map_err(|error| error.to_string());
        assert_eq!(told, Err(format!("at character {character}: {reason}")), "{text:?}");
        assert!(!is_read_or_refused_in_order(text));
    }
}

#[test]
fn an_unknown_operator_is_named() {
    for (text, character, word) in UNKNOWN_OPERATORS {
        let advice = "is no operator: write eq, ne, co, sw, ew, gt, ge, lt, le or pr";
        let told = format!("at character {character}: {word} {advice}");
        assert_eq!(refusal(text).to_string(), told, "{text:?}");
        assert!(!is_read_or_refused_in_order(text));
    }
}

#[test]
fn a_value_path_is_refused_by_name() {
    for (text, character, attribute) in VALUE_PATHS {
        assert_eq!(refusal(text).reason, Reason::ValuePath((*attribute).into()), "{text}");
        let advice = "is not supported: compare a sub-attribute, as in emails.value";
        let told = format!("at character {character}: {attribute}[...] {advice}");
        assert_eq!(refusal(text).to_string(), told, "{text}");
    }
}

#[test]
fn refusals_outnumber_good_cases() {
    assert!(REFUSED.len() > 2 * GOOD.len(), "{} and {}", REFUSED.len(), GOOD.len());
}

#[test]
fn every_cut_of_a_good_filter_is_survived() {
    for (text, _) in GOOD {
        for (at, _) in text.char_indices() {
            is_read_or_refused_in_order(&text[..at]);
            is_read_or_refused_in_order(&text[at..]);
        }
    }
}

#[test]
fn a_place_is_told_in_bytes_and_in_characters() {
    let error = refusal(r#"a eq "日本" und b pr"#);
    assert_eq!((error.at, error.character, error.reason), (14, 11, Reason::Trailing));
}

#[test]
fn case_81_nested_filters_are_refused_however_deep() {
    let deep = |depth: usize, open: &str| format!("{}a pr{}", open.repeat(depth), ")".repeat(depth));
    for (open, before) in [("(", 0), ("not(", 3), ("not (", 4), ("b pr and (", 9)] {
        assert!(is_read_or_refused_in_order(&deep(DEPTH_MAX, open)), "{open}");
        for depth in [DEPTH_MAX + 1, 100] {
            let error = refusal(&deep(depth, open));
            assert_eq!(
                (error.at, error.reason),
                (DEPTH_MAX * open.len() + before, Reason::TooDeep),
                "{open}"
            );
        }
    }
    assert_eq!(
        refusal(&deep(9, "(")).to_string(),
        "at character 9: parentheses nest too deep: nest at most 8"
    );
}

#[test]
fn parentheses_side_by_side_are_not_deep() {
    let groups = vec!["(not (a pr))"; 40].join(" or ");
    assert!(is_read_or_refused_in_order(&groups));
}

#[test]
fn a_megabyte_of_parentheses_is_refused() {
    for text in ["(", "not(", "not (", "((a pr) or ", "a pr and ("] {
        assert_eq!(refusal(&text.repeat(1 << 20)).reason, Reason::TooLong, "{text}");
        assert_eq!(refusal(&text.repeat(BYTES_MAX / text.len())).reason, Reason::TooDeep, "{text}");
    }
}

#[test]
fn ten_megabytes_are_refused_at_the_limit() {
    for text in ["a", " ", "\"", "(", "a pr or ", "\0"] {
        let error = refusal(&text.repeat(10_000_000 / text.len()));
        assert_eq!((error.at, error.reason), (BYTES_MAX, Reason::TooLong), "{text:?}");
    }
    let error = refusal(&format!("a{}", "é".repeat(5_000_000)));
    assert_eq!((error.at, error.character), (BYTES_MAX - 1, BYTES_MAX / 2 + 1));
    assert_eq!(error.to_string(), "at character 1001: the filter is too long: write at most 2000 bytes");
}

#[test]
fn the_longest_filter_is_read_and_one_byte_more_is_refused() {
    let filter = |bytes: usize| format!(r#"a eq "{}""#, "x".repeat(bytes - 7));
    assert!(is_read_or_refused_in_order(&filter(BYTES_MAX)));
    assert_eq!(refusal(&filter(BYTES_MAX + 1)).reason, Reason::TooLong);
    // Written with a space after `not`, this one would no longer be read.
    let not = |bytes: usize| format!(r#"not(a eq "{}")"#, "x".repeat(bytes - 12));
    assert!(is_read_or_refused_in_order(&not(BYTES_MAX)));
}

#[test]
fn one_comparison_too_many_is_refused() {
    for (joint, leaf) in [(" and ", "a pr"), (" or ", "a eq 1"), (" and ", "(a pr)"), (" or ", "not (a pr)")]
    {
        assert!(is_read_or_refused_in_order(&vec![leaf; COMPARISONS_MAX].join(joint)), "{leaf}");
        let error = refusal(&vec![leaf; COMPARISONS_MAX + 1].join(joint));
        let at = COMPARISONS_MAX * (leaf.len() + joint.len()) + leaf.find('a').unwrap_or_default();
        assert_eq!((error.at, error.reason), (at, Reason::TooManyComparisons), "{leaf}");
    }
    let text = vec!["a pr"; 51].join(" or ");
    assert_eq!(refusal(&text).to_string(), "at character 401: too many comparisons: write at most 50");
}

#[test]
fn every_operator_is_read_by_its_name() {
    for (name, operator) in OPERATORS {
        for text in [format!("a {name} null"), format!("a {} null", name.to_uppercase())] {
            let attribute = "a".into();
            let expected = Filter::Compare(Comparison { attribute, operator: *operator, value: Value::Null });
            assert_eq!(parse(&text), Ok(expected), "{text}");
        }
        assert_eq!(operator.name(), *name);
    }
}

fn check<S: Strategy<Value: Debug>>(cases: u32, strategy: S, holds: impl Fn(S::Value)) {
    let config = Config { cases, failure_persistence: None, ..Config::default() };
    let mut runner = TestRunner::new_with_rng(config, TestRng::deterministic_rng(RngAlgorithm::ChaCha));
    let outcome = runner.run(&strategy, |value| {
        holds(value);
        Ok(())
    });
    outcome.unwrap_or_else(|failure| panic!("{failure}"));
}

#[test]
fn any_bytes_are_survived() {
    check(4096, vec(any::<u8>(), 0..300), |bytes| {
        is_read_or_refused_in_order(&String::from_utf8_lossy(&bytes));
    });
    check(4096, vec(any::<char>(), 0..100), |characters| {
        is_read_or_refused_in_order(&characters.into_iter().collect::<String>());
    });
}

/// Pieces of which filters are made, and some that have no place in one.
const PIECES: &str = "a|a.b|urn:x:y:z| |  | and | or |not|not(|(|)| pr| eq | GT |\"|\"x\"|\\|\\u\
    |\\ud83d|\\ude00|12|-1.5e3|true|null|[|]|.|:|é|😀|\0|\n|$|'";

fn pieces() -> Vec<&'static str> {
    PIECES.split('|').collect()
}

#[test]
fn any_order_of_pieces_is_survived() {
    check(8192, vec(select(pieces()), 0..40), |pieces| {
        is_read_or_refused_in_order(&pieces.concat());
    });
}

/// Trees as `parse` makes them: chains of two or more, flat, within the limits.
fn trees() -> impl Strategy<Value = Filter> {
    let attribute = || {
        "(urn:[a-z0-9]{1,6}:[a-z0-9.:]{0,3}[a-z0-9]:)?[a-z][a-z0-9_-]{0,5}([.][a-z][a-z0-9_-]{0,3})?"
            .prop_filter("and, or and not are no attributes", |name| {
                !["and", "or", "not"].contains(&name.as_str())
            })
            .prop_filter("a part of a URN is not empty", |name| !name.contains("::"))
    };
    let operator = select(OPERATORS).prop_map(|(_, operator)| operator);
    let value = prop_oneof![
        vec(any::<char>(), 0..6).prop_map(|text| Value::Text(text.into_iter().collect())),
        "[\\x00-\\x7f]{0,4}".prop_map(Value::Text),
        "-?(0|[1-9][0-9]{0,4})([.][0-9]{1,3})?([eE][+-]?[0-9]{1,2})?".prop_map(Value::Number),
        any::<bool>().prop_map(Value::Boolean),
        Just(Value::Null),
    ];
    let compare = (attribute(), operator, value)
        .prop_map(|(attribute, operator, value)| Filter::Compare(Comparison { attribute, operator, value }));
    let leaf = prop_oneof![3 => compare, 1 => attribute().prop_map(Filter::Present)];
    leaf.prop_recursive(4, 20, 4, |inner| {
        prop_oneof![
            vec(inner.clone(), 2..5).prop_map(|all| {
                let flat = |one| if let Filter::And(all) = one { all } else { vec![one] };
                Filter::And(all.into_iter().flat_map(flat).collect())
            }),
            vec(inner.clone(), 2..5).prop_map(|all| {
                let flat = |one| if let Filter::Or(all) = one { all } else { vec![one] };
                Filter::Or(all.into_iter().flat_map(flat).collect())
            }),
            inner.prop_map(|one| Filter::Not(Box::new(one))),
        ]
    })
}

fn comparisons(filter: &Filter) -> usize {
    match filter {
        Filter::And(all) | Filter::Or(all) => all.iter().map(comparisons).sum(),
        Filter::Not(inner) => comparisons(inner),
        Filter::Compare(_) | Filter::Present(_) => 1,
    }
}

#[test]
fn any_tree_that_is_written_is_read_again() {
    let within_limits =
        |tree: &Filter| comparisons(tree) <= COMPARISONS_MAX && tree.to_string().len() <= BYTES_MAX;
    check(2048, trees().prop_filter("it is within the limits", within_limits), |tree| {
        assert_eq!(parse(&tree.to_string()), Ok(tree));
    });
}

/// A generator of numbers (xorshift64), so that a failure repeats.
struct Numbers(u64);

impl Numbers {
    fn below(&mut self, bound: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 >> 16).unwrap() % bound.max(1)
    }

    fn good(&mut self) -> &'static [u8] {
        GOOD[self.below(GOOD.len())].0.as_bytes()
    }

    fn mutate(&mut self, bytes: &mut Vec<u8>, pieces: &[&str]) {
        let from = self.below(bytes.len() + 1);
        let to = from + self.below(bytes.len() + 1 - from).min(12);
        let new = match self.below(6) {
            0 => Vec::new(),
            1 => bytes[from..to].repeat(2),
            2 => self.good().to_vec(),
            3 => bytes[from..to].iter().map(|byte| byte ^ (1 << self.below(8))).collect(),
            _ => pieces[self.below(pieces.len())].into(),
        };
        bytes.splice(from..to, new);
    }
}

#[test]
fn mutations_of_good_filters_are_survived() {
    const SEED: u64 = 0x5eed_f117_e2ed_0001;
    let mut numbers = Numbers(SEED);
    let pieces = pieces();
    let mut read = 0;
    for round in 0..20_000 {
        let mut bytes = numbers.good().to_vec();
        for _ in 0..=numbers.below(4) {
            numbers.mutate(&mut bytes, &pieces);
        }
        let text = String::from_utf8_lossy(&bytes);
        let survived = std::panic::catch_unwind(|| is_read_or_refused_in_order(&text));
        read += usize::from(survived.unwrap_or_else(|_| panic!("seed {SEED:#x}, round {round}: {text:?}")));
    }
    assert!((1_000..19_000).contains(&read), "{read} of the mutations are filters: they try one side only");
}
