//! Parsed texts: what has been checked once need not be checked again.

use crate::encoding::Invalid;
use minicbor::{Decode, Decoder, Encode, Encoder, decode, encode};

macro_rules! text {
    ($(#[$doc:meta])* $name:ident $(<const $n:ident: usize>)? [$schema:expr]) => {
        $(#[$doc])*
        #[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name$(<const $n: usize>)?(Box<str>);

        impl$(<const $n: usize>)? $name$(<$n>)? {
            /// The text.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }
        impl$(<const $n: usize>)? std::fmt::Display for $name$(<$n>)? {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(&self.0)
            }
        }
        impl<$(const $n: usize,)? C> Encode<C> for $name$(<$n>)? {
            fn encode<W: encode::Write>(&self, e: &mut Encoder<W>, _: &mut C) -> Result<(), encode::Error<W::Error>> {
                e.str(&self.0)?.ok()
            }
        }
        impl<'b, $(const $n: usize,)? C> Decode<'b, C> for $name$(<$n>)? {
            fn decode(d: &mut Decoder<'b>, _: &mut C) -> Result<Self, decode::Error> {
                Self::parse(d.str()?).map_err(decode::Error::custom)
            }
        }
        impl$(<const $n: usize>)? serde::Serialize for $name$(<$n>)? {
            fn serialize<S: serde::Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
                s.serialize_str(&self.0)
            }
        }
        impl<'de $(, const $n: usize)?> serde::Deserialize<'de> for $name$(<$n>)? {
            fn deserialize<D: serde::Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
                Self::parse(&String::deserialize(d)?).map_err(serde::de::Error::custom)
            }
        }
        impl$(<const $n: usize>)? schemars::JsonSchema for $name$(<$n>)? {
            fn schema_name() -> std::borrow::Cow<'static, str> {
                stringify!($name).into()
            }
            fn inline_schema() -> bool {
                true
            }
            fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
                $schema
            }
        }
    };
}
pub(crate) use text;

/// The description of a text for programs: how many characters it has, and an expression that it matches.
pub(crate) fn described(least: usize, most: usize, pattern: &str) -> schemars::Schema {
    let mut schema = schemars::json_schema!({ "type": "string", "minLength": least, "maxLength": most });
    if !pattern.is_empty() {
        schema.insert("pattern".into(), pattern.into());
    }
    schema
}

text! {
    /// A text shown to people: 1 to `N` characters, no control characters, no white space at its ends.
    Name<const N: usize> [described(1, N, "^\\S(.*\\S)?$")]
}

impl<const N: usize> Name<N> {
    /// Parses a name.
    pub fn parse(text: &str) -> Result<Self, Invalid> {
        if text.is_empty() {
            return Err(Invalid("it is empty"));
        }
        if text.chars().count() > N {
            return Err(Invalid(match N {
                200 => "it is longer than 200 characters",
                500 => "it is longer than 500 characters",
                _ => "it is too long",
            }));
        }
        if text.trim() != text {
            return Err(Invalid("it begins or ends with white space"));
        }
        if text.chars().any(char::is_control) {
            return Err(Invalid("it has a control character in it"));
        }
        Ok(Name(text.into()))
    }
}

text! {
    /// A user's name for signing in, unique in its instance without regard to ASCII case: 1 to 200 characters, no
    /// white space or control characters.
    Username [described(1, 200, "^\\S+$")]
}

impl Username {
    /// Parses a username.
    pub fn parse(text: &str) -> Result<Self, Invalid> {
        let length = text.chars().count();
        if length == 0 || length > 200 || text.chars().any(|c| c.is_control() || c.is_whitespace()) {
            return Err(Invalid("a username is 1 to 200 characters without white space"));
        }
        Ok(Username(text.into()))
    }

    /// The form by which usernames are compared. Only ASCII letters fold: Unicode's tables change with its versions,
    /// and replicas must agree.
    pub fn folded(&self) -> String {
        fold(&self.0)
    }
}

/// The form by which usernames, addresses and host names are compared.
pub fn fold(text: &str) -> String {
    text.to_ascii_lowercase()
}

text! {
    /// A mail address: one `@`, something on both sides, 3 to 254 bytes, no white space or control characters.
    EmailAddress [described(3, 254, "^[^@\\s]+@[^@\\s]+$")]
}

impl EmailAddress {
    /// Parses an address. Whether it exists is told by the mail that arrives, not by its form.
    pub fn parse(text: &str) -> Result<Self, Invalid> {
        let plain = text.len() <= 254 && !text.chars().any(|c| c.is_control() || c.is_whitespace());
        match text.split_once('@') {
            Some((local, host)) if plain && !local.is_empty() && !host.is_empty() && !host.contains('@') => {
                Ok(EmailAddress(text.into()))
            }
            _ => Err(Invalid("a mail address has one @ with something on both sides, at most 254 bytes")),
        }
    }
}

text! {
    /// A DNS host name in lower case (RFC 1123): labels of letters, digits and hyphens, at most 253 bytes.
    HostName [described(1, 253, "^[a-z0-9.-]+$|^\\[::1\\]$")]
}

impl HostName {
    /// Parses a host name; a bracketed or plain IP address is one of loopback's only.
    pub fn parse(text: &str) -> Result<Self, Invalid> {
        let label = |label: &str| {
            !label.is_empty()
                && label.len() <= 63
                && !label.starts_with('-')
                && !label.ends_with('-')
                && label.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')
        };
        if text == "[::1]" || (text.len() <= 253 && !text.is_empty() && text.split('.').all(label)) {
            return Ok(HostName(text.into()));
        }
        Err(Invalid("a host name is labels of lower-case letters, digits and hyphens, at most 253 bytes"))
    }
}

text! {
    /// A BCP 47 language tag such as `en` or `de-CH`, at most 35 bytes.
    LanguageTag [described(1, 35, "^[A-Za-z0-9]{1,8}(-[A-Za-z0-9]{1,8})*$")]
}

impl LanguageTag {
    /// Parses a tag by its outer form; whether the language is offered is the page's question.
    pub fn parse(text: &str) -> Result<Self, Invalid> {
        let part = |part: &str| {
            !part.is_empty() && part.len() <= 8 && part.bytes().all(|b| b.is_ascii_alphanumeric())
        };
        if text.len() <= 35 && text.split('-').all(part) {
            return Ok(LanguageTag(text.into()));
        }
        Err(Invalid("a language tag looks like en or de-CH"))
    }
}
