//! When wrong passwords lock an account until an administrator unlocks it.
//!
//! Without this a stranger can only delay an account. Whoever switches it on decides that guessing is the worse evil,
//! and lets anybody who knows a username lock its account.

use crate::encoding::Stored;
use crate::label::{Label, labels};
use crate::record::{Kind, Row};
use crate::setting::{Setting, Unsound, first_broken};
use minicbor::{Decode, Encode};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// When an account is locked. What was locked stays so when this is changed.
#[derive(Clone, Debug, Default, PartialEq, Eq, Encode, Decode, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Lockout {
    /// How many wrong passwords in a row lock an account: 3 to 100. 0: none do.
    #[n(0)]
    pub password_attempts_max: u32,
}

/// Fewer would lock out whoever mistypes twice.
const ATTEMPTS_MIN: u32 = 3;

impl Stored for Lockout {}
impl Row for Lockout {
    const KIND: Kind = Kind::Lockout;
}

impl Setting for Lockout {
    const NAME: &'static str = "lockout";
    const PER_ORGANIZATION: bool = true;
    const SHUTS_OUT: bool = true;
    const FIELDS: &'static [Label] = labels![Lockout: password_attempts_max];

    fn check(&self) -> Result<(), Unsound> {
        let in_range =
            self.password_attempts_max == 0 || (ATTEMPTS_MIN..=100).contains(&self.password_attempts_max);
        first_broken(&[(in_range, "password_attempts_max", "3 to 100, or 0 to lock nobody")])
    }
}

impl Lockout {
    /// Whether accounts are locked at all.
    pub fn is_on(&self) -> bool {
        self.password_attempts_max > 0
    }

    /// Whether so many wrong passwords in a row lock an account.
    pub fn locks(&self, failures: u32) -> bool {
        self.is_on() && failures >= self.password_attempts_max
    }
}
