//! How the people of an organization sign in.

use crate::encoding::Stored;
use crate::label::{Label, labels};
use crate::record::{Kind, Row};
use crate::setting::{Setting, Unsound, first_broken};
use minicbor::{Decode, Encode};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

const DAY: u32 = 86_400;

/// How people sign in. It is the setting of a person's own organization that counts, whatever the application is.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Login {
    /// Whether a password signs in at all. Sessions and tokens that there are go on: by one of those it can be taken back
    /// by whoever has forbidden it to himself.
    #[n(0)]
    pub password_allowed: bool,
    /// How long a proof by password counts, in seconds: five minutes to 400 days. A session ends with it, or with its own
    /// lifetime if that is shorter; sessions that there are keep their end.
    #[n(1)]
    pub password_check_secs: u32,
}

impl Default for Login {
    fn default() -> Self {
        Login { password_allowed: true, password_check_secs: 10 * DAY }
    }
}

/// Shorter, nobody could finish anything, not even taking it back.
const CHECK_SECS_MIN: u32 = 300;

impl Stored for Login {}
impl Row for Login {
    const KIND: Kind = Kind::Login;
}

impl Setting for Login {
    const NAME: &'static str = "login";
    const PER_ORGANIZATION: bool = true;
    const SHUTS_OUT: bool = true;
    const FIELDS: &'static [Label] = labels![Login: password_allowed, password_check_secs];

    fn check(&self) -> Result<(), Unsound> {
        let in_range = (CHECK_SECS_MIN..=400 * DAY).contains(&self.password_check_secs);
        first_broken(&[(in_range, "password_check_secs", "300 (five minutes) to 34560000 (400 days)")])
    }
}
