//! The filter grammar of lists (RFC 7644 §3.4.2.2, figure 1): from text to a tree, and back.
//!
//! It does not know which attributes exist, who may ask for them, or whether an operator suits a value: the
//! resource that is listed decides that on the tree. Nothing is evaluated here. Value paths
//! (`emails[type eq "work"]`) are refused by name; of URIs before an attribute only URNs are read, as SCIM's
//! schemas have no others. How trees and refusals are written stands in `text`.
//!
//! The parser is a recursive descent with one function per rule. It recurses through parentheses only, and
//! these are counted, so that no text can exhaust the stack.

mod text;

/// The longest filter that is read, in bytes.
pub const BYTES_MAX: usize = 2_000;
/// How deep parentheses may nest; those of `not (…)` count like any other.
pub const DEPTH_MAX: usize = 8;
/// How many comparisons a filter may have; `pr` counts as one.
pub const COMPARISONS_MAX: usize = 50;

/// What a row of a list has to satisfy.
///
/// Its `Display` is a filter that parses to the same tree, never longer than the one it was parsed from.
/// Trees that are built otherwise are read again if they keep to what the cases say and to the limits.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Filter {
    /// All of these, two or more, none of them an `And`.
    And(Vec<Filter>),
    /// At least one of these, two or more, none of them an `Or`.
    Or(Vec<Filter>),
    /// Not this.
    Not(Box<Filter>),
    /// An attribute is compared with a value.
    Compare(Comparison),
    /// The attribute has a value (`pr`).
    Present(Attribute),
}

/// The path of an attribute in lower case: `name`, `meta.created`, or either behind the URN of a schema and a
/// colon. The URN is in lower case too.
pub type Attribute = String;

/// One comparison, such as `meta.created gt "2026-01-01T00:00:00Z"`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Comparison {
    pub attribute: Attribute,
    pub operator: Operator,
    pub value: Value,
}

/// How an attribute is compared with a value (RFC 7644 table 3).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Operator {
    Eq,
    Ne,
    /// Contains.
    Co,
    /// Starts with.
    Sw,
    /// Ends with.
    Ew,
    Gt,
    Ge,
    Lt,
    Le,
}

/// What an attribute is compared with: a JSON value (RFC 8259) that is no object and no array.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Value {
    /// A string without its escapes. It can hold any character, also one that had to be escaped, such as NUL.
    Text(String),
    /// A number as it was written, so that nothing is rounded before its type is known.
    Number(String),
    Boolean(bool),
    Null,
}

/// Where a filter cannot be read, and why; its `Display` tells the author what to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Error {
    /// Bytes before the place.
    pub at: usize,
    /// The place as people count it: in characters, the first being 1.
    pub character: usize,
    pub reason: Reason,
}

/// Why a filter cannot be read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reason {
    TooLong,
    TooDeep,
    TooManyComparisons,
    /// What has to stand here, with its article; something else does, or nothing.
    Missing(&'static str),
    Attribute,
    /// The word that stands where an operator has to, cut after 20 characters.
    UnknownOperator(String),
    /// The attribute before the bracket.
    ValuePath(Attribute),
    Number,
    UnterminatedString,
    Escape,
    LoneSurrogate,
    ControlCharacter,
    Unopened,
    Trailing,
}

const ATTRIBUTE: &str = "an attribute such as state or meta.created";
const OPERATOR: &str = "an operator (eq, ne, co, sw, ew, gt, ge, lt, le or pr)";
const VALUE: &str = "a value (text in quotation marks, a number, true, false or null)";
const SPACE: &str = "a space";
const OPENING: &str = "an opening parenthesis";
const CLOSING: &str = "a closing parenthesis";

/// Reads a filter.
///
/// Operators, `and`, `or`, `not` and attributes are read in any case; `true`, `false` and `null` in lower
/// case, as in JSON. More than one space is read as one, and spaces may stand around parentheses and at both
/// ends. `and`, `or` and `not` are not read as attributes. Fails at the first place that cannot be read, or
/// that is beyond a limit.
pub fn parse(text: &str) -> Result<Filter, Error> {
    let mut parser = Parser { text, at: 0, depth: 0, comparisons: 0 };
    if text.len() > BYTES_MAX {
        return Err(parser.error(text.floor_char_boundary(BYTES_MAX), Reason::TooLong));
    }
    let filter = parser.disjunction()?;
    parser.skip_spaces();
    match parser.peek() {
        None => Ok(filter),
        Some(')') => Err(parser.error(parser.at, Reason::Unopened)),
        Some(_) => Err(parser.error(parser.at, Reason::Trailing)),
    }
}

struct Parser<'a> {
    text: &'a str,
    /// Bytes that are read; always the beginning of a character, or the end.
    at: usize,
    /// Parentheses that are open.
    depth: usize,
    comparisons: usize,
}

/// The rules, from the loosest to the tightest.
impl Parser<'_> {
    /// `conjunction *( "or" conjunction )`; an `or` in parentheses joins the chain it stands in.
    fn disjunction(&mut self) -> Result<Filter, Error> {
        let mut all = Vec::new();
        while all.is_empty() || self.takes_joint("or")? {
            match self.conjunction()? {
                Filter::Or(inner) => all.extend(inner),
                other => all.push(other),
            }
        }
        Ok(chain(all, Filter::Or))
    }

    /// `operand *( "and" operand )`; an `and` in parentheses joins the chain it stands in.
    fn conjunction(&mut self) -> Result<Filter, Error> {
        let mut all = Vec::new();
        while all.is_empty() || self.takes_joint("and")? {
            match self.operand()? {
                Filter::And(inner) => all.extend(inner),
                other => all.push(other),
            }
        }
        Ok(chain(all, Filter::And))
    }

    /// `[ "not" ] "(" disjunction ")"`, or a condition.
    fn operand(&mut self) -> Result<Filter, Error> {
        self.skip_spaces();
        if self.peek() == Some('(') {
            return self.group();
        }
        if !self.run(is_of_attribute).eq_ignore_ascii_case("not") {
            return self.condition();
        }
        self.at += "not".len();
        self.skip_spaces();
        Ok(Filter::Not(Box::new(self.group()?)))
    }

    fn group(&mut self) -> Result<Filter, Error> {
        let start = self.at;
        if !self.takes("(") {
            return Err(self.error(start, Reason::Missing(OPENING)));
        }
        if self.depth == DEPTH_MAX {
            return Err(self.error(start, Reason::TooDeep));
        }
        self.depth += 1;
        let filter = self.disjunction()?;
        self.depth -= 1;
        self.skip_spaces();
        match self.next() {
            Some((_, ')')) => Ok(filter),
            Some((at, _)) => Err(self.error(at, Reason::Trailing)),
            None => Err(self.error(self.at, Reason::Missing(CLOSING))),
        }
    }

    /// `attribute "pr"` or `attribute operator value`
    fn condition(&mut self) -> Result<Filter, Error> {
        let start = self.at;
        let attribute = self.attribute()?;
        if self.comparisons == COMPARISONS_MAX {
            return Err(self.error(start, Reason::TooManyComparisons));
        }
        self.comparisons += 1;
        self.space_before(OPERATOR)?;
        let at = self.at;
        let word = self.run(|c| !matches!(c, ' ' | '"' | '(' | ')' | '['));
        if word.is_empty() {
            return Err(self.error(at, Reason::Missing(OPERATOR)));
        }
        self.at += word.len();
        if word.eq_ignore_ascii_case("pr") {
            return Ok(Filter::Present(attribute));
        }
        let Some(operator) = Operator::named(word) else {
            return Err(self.error(at, Reason::UnknownOperator(word.chars().take(20).collect())));
        };
        self.space_before(VALUE)?;
        let value = self.value()?;
        Ok(Filter::Compare(Comparison { attribute, operator, value }))
    }

    /// `[ urn ":" ] name [ "." name ]`
    fn attribute(&mut self) -> Result<Attribute, Error> {
        let start = self.at;
        let word = self.run(is_of_attribute);
        if word.is_empty() || ["and", "or"].iter().any(|joint| word.eq_ignore_ascii_case(joint)) {
            return Err(self.error(start, Reason::Missing(ATTRIBUTE)));
        }
        let (has_urn, path) = word.rsplit_once(':').map_or((true, word), |(urn, path)| (is_urn(urn), path));
        if !has_urn || !path.split('.').all(is_name) || path.split('.').count() > 2 {
            return Err(self.error(start, Reason::Attribute));
        }
        let attribute = word.to_ascii_lowercase();
        self.at += word.len();
        match self.peek() {
            _ if self.rest().trim_start_matches(' ').starts_with('[') => {
                Err(self.error(start, Reason::ValuePath(attribute)))
            }
            None | Some(' ' | ')') => Ok(attribute),
            Some(_) => Err(self.error(self.at, Reason::Attribute)),
        }
    }

    fn value(&mut self) -> Result<Value, Error> {
        let start = self.at;
        if self.takes("\"") {
            return self.string(start).map(Value::Text);
        }
        let word = self.run(|c| !matches!(c, ' ' | '(' | ')'));
        let value = match word {
            "true" => Value::Boolean(true),
            "false" => Value::Boolean(false),
            "null" => Value::Null,
            _ if is_number(word) => Value::Number(word.to_owned()),
            _ if word.starts_with(|c: char| c == '-' || c.is_ascii_digit()) => {
                return Err(self.error(start, Reason::Number));
            }
            _ => return Err(self.error(start, Reason::Missing(VALUE))),
        };
        self.at += word.len();
        Ok(value)
    }

    /// The rest of a string (RFC 8259 §7) that began at `start`.
    fn string(&mut self, start: usize) -> Result<String, Error> {
        let mut string = String::new();
        while let Some((at, c)) = self.next() {
            match c {
                '"' => return Ok(string),
                '\\' => string.push(self.escaped(at)?),
                '\0'..='\u{1f}' => return Err(self.error(at, Reason::ControlCharacter)),
                _ => string.push(c),
            }
        }
        Err(self.error(start, Reason::UnterminatedString))
    }

    /// The rest of an escape whose backslash stands at `start`.
    fn escaped(&mut self, start: usize) -> Result<char, Error> {
        match self.next() {
            Some((_, c @ ('"' | '\\' | '/'))) => Ok(c),
            Some((_, 'b')) => Ok('\u{8}'),
            Some((_, 'f')) => Ok('\u{c}'),
            Some((_, 'n')) => Ok('\n'),
            Some((_, 'r')) => Ok('\r'),
            Some((_, 't')) => Ok('\t'),
            Some((_, 'u')) => {
                let mut units = vec![self.code_unit(start)?];
                if matches!(units.first(), Some(0xd800..=0xdbff)) && self.takes("\\u") {
                    units.push(self.code_unit(start)?);
                }
                let decoded = char::decode_utf16(units).next().and_then(Result::ok);
                decoded.ok_or_else(|| self.error(start, Reason::LoneSurrogate))
            }
            Some(_) | None => Err(self.error(start, Reason::Escape)),
        }
    }

    /// Four hexadecimal digits of an escape whose backslash stands at `start`.
    fn code_unit(&mut self, start: usize) -> Result<u16, Error> {
        let digits = self.rest().get(..4).filter(|digits| digits.bytes().all(|b| b.is_ascii_hexdigit()));
        let unit = digits.and_then(|digits| u16::from_str_radix(digits, 16).ok());
        self.at += digits.map_or(0, str::len);
        unit.ok_or_else(|| self.error(start, Reason::Escape))
    }

    /// Takes `and` or `or` with the spaces around it, or nothing if another word stands there.
    fn takes_joint(&mut self, joint: &str) -> Result<bool, Error> {
        let start = self.at;
        self.skip_spaces();
        if !self.run(is_of_attribute).eq_ignore_ascii_case(joint) {
            self.at = start;
            return Ok(false);
        }
        if self.at == start {
            return Err(self.error(start, Reason::Missing(SPACE)));
        }
        self.at += joint.len();
        self.space_before(ATTRIBUTE)?;
        Ok(true)
    }

    /// Takes the spaces before a part, of which there has to be one if the part follows.
    fn space_before(&mut self, part: &'static str) -> Result<(), Error> {
        let start = self.at;
        self.skip_spaces();
        match self.peek() {
            None | Some(')') => Err(self.error(self.at, Reason::Missing(part))),
            Some(_) if self.at == start => Err(self.error(start, Reason::Missing(SPACE))),
            Some(_) => Ok(()),
        }
    }
}

/// Moving over the text.
impl<'a> Parser<'a> {
    fn rest(&self) -> &'a str {
        self.text.get(self.at..).unwrap_or_default()
    }

    fn peek(&self) -> Option<char> {
        self.rest().chars().next()
    }

    /// Takes a character, and says where it stood.
    fn next(&mut self) -> Option<(usize, char)> {
        let (at, c) = (self.at, self.peek()?);
        self.at += c.len_utf8();
        Some((at, c))
    }

    fn takes(&mut self, expected: &str) -> bool {
        let is_next = self.rest().starts_with(expected);
        self.at += if is_next { expected.len() } else { 0 };
        is_next
    }

    fn skip_spaces(&mut self) {
        self.at += self.run(|c| c == ' ').len();
    }

    /// The longest run of such characters from here; takes nothing.
    fn run(&self, is_in: fn(char) -> bool) -> &'a str {
        let rest = self.rest();
        rest.split_once(|c| !is_in(c)).map_or(rest, |(run, _)| run)
    }

    fn error(&self, at: usize, reason: Reason) -> Error {
        Error { at, character: self.text.get(..at).unwrap_or_default().chars().count() + 1, reason }
    }
}

/// The chain of all, or the one there is.
fn chain(mut all: Vec<Filter>, kind: fn(Vec<Filter>) -> Filter) -> Filter {
    match all.pop() {
        Some(only) if all.is_empty() => only,
        last => {
            all.extend(last);
            kind(all)
        }
    }
}

fn is_of_attribute(c: char) -> bool {
    c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.' | ':')
}

/// Whether it is a name of figure 1, given that its characters are those of attributes.
fn is_name(text: &str) -> bool {
    text.starts_with(|c: char| c.is_ascii_alphabetic())
}

/// Whether it is `urn:`, a namespace and more (RFC 8141 §2), in the characters that schemas use.
fn is_urn(text: &str) -> bool {
    let parts: Vec<&str> = text.split(':').collect();
    let begins = parts.first().is_some_and(|scheme| scheme.eq_ignore_ascii_case("urn"));
    begins && parts.len() > 2 && parts.iter().all(|part| !part.is_empty())
}

/// Whether it is a number of JSON (RFC 8259 §6); a part that is left out counts as 0.
fn is_number(text: &str) -> bool {
    let is_digits = |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit());
    let number = text.strip_prefix('-').unwrap_or(text);
    let (number, exponent) = number.split_once(['e', 'E']).unwrap_or((number, "0"));
    let (whole, fraction) = number.split_once('.').unwrap_or((number, "0"));
    let exponent = exponent.strip_prefix(['+', '-']).unwrap_or(exponent);
    [whole, fraction, exponent].into_iter().all(is_digits) && (whole == "0" || !whole.starts_with('0'))
}

#[cfg(test)]
mod tests;
