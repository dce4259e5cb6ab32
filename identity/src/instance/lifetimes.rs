//! How long things last in an instance, and how many wrong passwords delay an account.

use crate::application::TokenAlg;
use crate::encoding::Stored;
use crate::label::{Label, labels};
use crate::reader::Reader;
use crate::record::{Kind, Row};
use crate::setting::{self, Setting, Unsound, first_broken};
use crate::signing_key::KEYS_MAX;
use crate::tables::Fault;
use minicbor::{Decode, Encode};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Lifetimes in seconds.
#[derive(Clone, Debug, PartialEq, Eq, Encode, Decode, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Lifetimes {
    /// Authorization codes: 1 to 60.
    #[n(0)]
    pub code_secs: u32,
    /// Access tokens: 1 second to a day.
    #[n(1)]
    pub access_token_secs: u32,
    /// ID tokens: 1 second to a day.
    #[n(2)]
    pub id_token_secs: u32,
    /// A refresh token that nobody uses.
    #[n(3)]
    pub refresh_idle_secs: u32,
    /// A token family as a whole.
    #[n(4)]
    pub refresh_absolute_secs: u32,
    /// How long the previous refresh token still yields its successor, for a lost answer: at most 60.
    #[n(5)]
    pub refresh_grace_secs: u32,
    /// A session, from its last proof.
    #[n(6)]
    pub session_secs: u32,
    /// How long a signing key signs.
    #[n(7)]
    pub key_active_secs: u32,
    /// How long a signing key is published before it signs.
    #[n(8)]
    pub key_next_secs: u32,
    /// How long a replaced signing key still verifies: at least as long as what it signed.
    #[n(9)]
    pub key_verifies_secs: u32,
    /// How many wrong passwords an account has free.
    #[n(10)]
    pub failures_free: u32,
    /// The delay after one more; it doubles with each further one.
    #[n(11)]
    pub delay_first_secs: u32,
    /// The longest delay: a stranger can delay an account, never lock it.
    #[n(12)]
    pub delay_max_secs: u32,
}

impl Default for Lifetimes {
    fn default() -> Self {
        Lifetimes {
            code_secs: 60,
            access_token_secs: 15 * 60,
            id_token_secs: 15 * 60,
            refresh_idle_secs: 30 * 86_400,
            refresh_absolute_secs: 90 * 86_400,
            refresh_grace_secs: 10,
            session_secs: 12 * 3600,
            key_active_secs: 90 * 86_400,
            key_next_secs: 86_400,
            key_verifies_secs: 2 * 86_400,
            failures_free: 5,
            delay_first_secs: 15,
            delay_max_secs: 15 * 60,
        }
    }
}

/// How many keys of an algorithm may wait for what they have signed to end: all algorithms' together, and those that sign and
/// will sign, are fewer than [`KEYS_MAX`].
const KEYS_VERIFYING_MAX: u32 = 40;
const _: () = assert!(TokenAlg::ALL.len() * (KEYS_VERIFYING_MAX as usize + 2) < KEYS_MAX);

impl Stored for Lifetimes {}
impl Row for Lifetimes {
    const KIND: Kind = Kind::Lifetimes;
}

impl Setting for Lifetimes {
    const NAME: &'static str = "lifetimes";
    const PER_ORGANIZATION: bool = false;
    const FIELDS: &'static [Label] = labels![Lifetimes: code_secs, access_token_secs, id_token_secs, refresh_idle_secs, refresh_absolute_secs, refresh_grace_secs, session_secs, key_active_secs, key_next_secs, key_verifies_secs, failures_free, delay_first_secs, delay_max_secs];

    fn check(&self) -> Result<(), Unsound> {
        const DAY: u32 = 86_400;
        const YEARS: u32 = 400 * DAY;
        // A key that is retired earlier than what it signed would refuse living tokens.
        let longest = self.access_token_secs.max(self.id_token_secs);
        first_broken(&[
            ((1..=60).contains(&self.code_secs), "code_secs", "1 to 60"),
            ((1..=DAY).contains(&self.access_token_secs), "access_token_secs", "1 to 86400 (a day)"),
            ((1..=DAY).contains(&self.id_token_secs), "id_token_secs", "1 to 86400 (a day)"),
            (
                (1..=YEARS).contains(&self.refresh_absolute_secs),
                "refresh_absolute_secs",
                "1 to 34560000 (400 days)",
            ),
            (
                (1..=self.refresh_absolute_secs).contains(&self.refresh_idle_secs),
                "refresh_idle_secs",
                "1 up to refresh_absolute_secs",
            ),
            (self.refresh_grace_secs <= 60, "refresh_grace_secs", "0 to 60"),
            ((1..=YEARS).contains(&self.session_secs), "session_secs", "1 to 34560000 (400 days)"),
            ((1..=YEARS).contains(&self.key_active_secs), "key_active_secs", "1 to 34560000 (400 days)"),
            (
                (1..=self.key_active_secs.min(30 * DAY)).contains(&self.key_next_secs),
                "key_next_secs",
                "1 to 2592000 (30 days), and no longer than key_active_secs",
            ),
            (
                (longest..=YEARS).contains(&self.key_verifies_secs),
                "key_verifies_secs",
                "as long as an access or ID token lives, up to 34560000 (400 days)",
            ),
            (
                self.key_verifies_secs.div_ceil(self.key_active_secs.max(1)) <= KEYS_VERIFYING_MAX,
                "key_verifies_secs",
                "at most 40 times key_active_secs: so many keys are kept",
            ),
            ((1..=100).contains(&self.failures_free), "failures_free", "1 to 100"),
            ((1..=3600).contains(&self.delay_max_secs), "delay_max_secs", "1 to 3600 (an hour)"),
            (
                (1..=self.delay_max_secs).contains(&self.delay_first_secs),
                "delay_first_secs",
                "1 up to delay_max_secs",
            ),
        ])
    }
}

impl Lifetimes {
    /// The delay after so many wrong passwords in a row, in seconds: none while some are free, then doubling.
    pub fn delay_after(&self, failures: u32) -> u32 {
        match failures.checked_sub(self.failures_free).and_then(|over| over.checked_sub(1)) {
            None => 0,
            Some(doublings) => {
                let factor = 1u32.checked_shl(doublings.min(20)).unwrap_or(u32::MAX);
                self.delay_first_secs.saturating_mul(factor).min(self.delay_max_secs)
            }
        }
    }
}

/// The lifetimes of an instance: what an administrator set, else the defaults. What was issued before keeps its own.
pub fn of(reader: &Reader<'_>) -> Result<Lifetimes, Fault> {
    Ok(setting::effective(reader, None)?.0)
}
