//! From the tree to a filter's text, and from a refusal to what its author can do about it.
//!
//! The texts of refusals quote nothing of the filter but the word or the attribute that is wrong, escaped.

use super::{BYTES_MAX, COMPARISONS_MAX, Comparison, DEPTH_MAX, Error, Filter, Operator, Reason, Value};
use std::fmt::{self, Display, Formatter, Write};

impl Operator {
    /// Finds an operator by its name, in any case.
    pub(super) fn named(word: &str) -> Option<Self> {
        use Operator::{Co, Eq, Ew, Ge, Gt, Le, Lt, Ne, Sw};
        [Eq, Ne, Co, Sw, Ew, Gt, Ge, Lt, Le].into_iter().find(|o| o.name().eq_ignore_ascii_case(word))
    }

    /// The operator as a filter writes it.
    pub fn name(self) -> &'static str {
        match self {
            Operator::Eq => "eq",
            Operator::Ne => "ne",
            Operator::Co => "co",
            Operator::Sw => "sw",
            Operator::Ew => "ew",
            Operator::Gt => "gt",
            Operator::Ge => "ge",
            Operator::Lt => "lt",
            Operator::Le => "le",
        }
    }
}

impl Display for Filter {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Filter::And(all) => join(f, all, " and "),
            Filter::Or(all) => join(f, all, " or "),
            // No space before the parenthesis: figure 1 has none, and the text must not outgrow `BYTES_MAX`.
            Filter::Not(inner) => write!(f, "not({inner})"),
            Filter::Compare(Comparison { attribute, operator, value }) => {
                write!(f, "{attribute} {} {value}", operator.name())
            }
            Filter::Present(attribute) => write!(f, "{attribute} pr"),
        }
    }
}

fn join(f: &mut Formatter<'_>, filters: &[Filter], joint: &str) -> fmt::Result {
    for (number, filter) in filters.iter().enumerate() {
        f.write_str(if number == 0 { "" } else { joint })?;
        match filter {
            // `and` binds tighter, so that only an `or` inside an `and` needs parentheses.
            Filter::Or(_) => write!(f, "({filter})")?,
            Filter::And(_) | Filter::Not(_) | Filter::Compare(_) | Filter::Present(_) => filter.fmt(f)?,
        }
    }
    Ok(())
}

impl Display for Value {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let text = match self {
            Value::Text(text) => text,
            Value::Number(number) => return f.write_str(number),
            Value::Boolean(boolean) => return write!(f, "{boolean}"),
            Value::Null => return f.write_str("null"),
        };
        f.write_char('"')?;
        for c in text.chars() {
            match c {
                '"' | '\\' => write!(f, "\\{c}")?,
                '\u{8}' => f.write_str("\\b")?,
                '\u{c}' => f.write_str("\\f")?,
                '\n' => f.write_str("\\n")?,
                '\r' => f.write_str("\\r")?,
                '\t' => f.write_str("\\t")?,
                '\0'..='\u{1f}' => write!(f, "\\u{:04x}", u32::from(c))?,
                _ => f.write_char(c)?,
            }
        }
        f.write_char('"')
    }
}

impl std::error::Error for Error {}

impl Display for Error {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        write!(f, "at character {}: {}", self.character, self.reason)
    }
}

impl Display for Reason {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        match self {
            Reason::TooLong => write!(f, "the filter is too long: write at most {BYTES_MAX} bytes"),
            Reason::TooDeep => write!(f, "parentheses nest too deep: nest at most {DEPTH_MAX}"),
            Reason::TooManyComparisons => {
                write!(f, "too many comparisons: write at most {COMPARISONS_MAX}")
            }
            Reason::Missing(part) => write!(f, "{part} is missing"),
            Reason::Attribute => {
                f.write_str("this is no attribute: write a name such as state or meta.created, and a space")
            }
            Reason::UnknownOperator(word) => {
                write!(f, "{word:?} is no operator: write eq, ne, co, sw, ew, gt, ge, lt, le or pr")
            }
            Reason::ValuePath(attribute) => {
                write!(f, "{attribute}[...] is not supported: compare a sub-attribute, as in emails.value")
            }
            Reason::Number => {
                f.write_str("the number is malformed: write it as in JSON, such as 10 or -1.5e3")
            }
            Reason::UnterminatedString => {
                f.write_str("the string is not closed: end it with a quotation mark")
            }
            Reason::Escape => f.write_str(
                r#"the escape is unknown: write \", \\, \/, \b, \f, \n, \r, \t or \u and four hex digits"#,
            ),
            Reason::LoneSurrogate => {
                f.write_str("half a surrogate pair: write the other half as well, or the character")
            }
            Reason::ControlCharacter => {
                f.write_str(r"a control character stands in the string: escape it, as in \n or \u0000")
            }
            Reason::Unopened => {
                f.write_str("no parenthesis is open here: remove this one, or open one before")
            }
            Reason::Trailing => {
                f.write_str(r#"the condition ends before this: add "and" or "or" between, or remove this"#)
            }
        }
    }
}
