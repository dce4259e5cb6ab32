//! What a new password must have. A node asks before it hashes one: the log never sees a password.

use crate::encoding::Stored;
use crate::label::{Label, labels};
use crate::record::{Kind, Row};
use crate::setting::{Setting, Unsound, first_broken};
use minicbor::{Decode, Encode};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What a new password must have. Passwords that are set already stay.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PasswordComplexity {
    /// At least so many characters: 1 to 72.
    #[n(0)]
    pub min_length: u32,
    /// An upper-case letter.
    #[n(1)]
    pub uppercase: bool,
    /// A lower-case letter.
    #[n(2)]
    pub lowercase: bool,
    /// A digit.
    #[n(3)]
    pub number: bool,
    /// A character that is no letter and no digit.
    #[n(4)]
    pub symbol: bool,
}

impl Default for PasswordComplexity {
    /// Length alone: that is what makes a password hard to guess (NIST SP 800-63B §3.1.1.2).
    fn default() -> Self {
        PasswordComplexity { min_length: 8, uppercase: false, lowercase: false, number: false, symbol: false }
    }
}

impl Stored for PasswordComplexity {}
impl Row for PasswordComplexity {
    const KIND: Kind = Kind::PasswordComplexity;
}

impl Setting for PasswordComplexity {
    const NAME: &'static str = "password-complexity";
    const PER_ORGANIZATION: bool = true;
    const FIELDS: &'static [Label] =
        labels![PasswordComplexity: min_length, uppercase, lowercase, number, symbol];

    fn check(&self) -> Result<(), Unsound> {
        first_broken(&[((1..=72).contains(&self.min_length), "min_length", "1 to 72")])
    }
}

/// What a password lacks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unmet {
    /// It is shorter than demanded.
    #[error("use at least {min} characters")]
    Short {
        /// How many are demanded.
        min: u32,
    },
    /// It has no upper-case letter.
    #[error("use an upper-case letter")]
    NoUppercase,
    /// It has no lower-case letter.
    #[error("use a lower-case letter")]
    NoLowercase,
    /// It has no digit.
    #[error("use a digit")]
    NoNumber,
    /// It has letters and digits only.
    #[error("use a character that is no letter and no digit")]
    NoSymbol,
}

impl PasswordComplexity {
    /// Says all that a password lacks, in a fixed order. Characters are Unicode's: `é` is one letter.
    pub fn check(&self, password: &str) -> Result<(), Vec<Unmet>> {
        let length = u32::try_from(password.chars().count()).unwrap_or(u32::MAX);
        let lacks = |demanded: bool, has: fn(char) -> bool| demanded && !password.chars().any(has);
        let cases = [
            (length < self.min_length, Unmet::Short { min: self.min_length }),
            (lacks(self.uppercase, char::is_uppercase), Unmet::NoUppercase),
            (lacks(self.lowercase, char::is_lowercase), Unmet::NoLowercase),
            (lacks(self.number, char::is_numeric), Unmet::NoNumber),
            (lacks(self.symbol, |c| !c.is_alphanumeric()), Unmet::NoSymbol),
        ];
        let unmet: Vec<Unmet> =
            cases.into_iter().filter(|(lacks, _)| *lacks).map(|(_, unmet)| unmet).collect();
        if unmet.is_empty() { Ok(()) } else { Err(unmet) }
    }
}
