//! A code is redeemed at most once, and at all unless something may have redeemed it before.

use super::Verdict;
use crate::application::Outcome;
use crate::history::{Act, Entry};
use std::collections::BTreeMap;

/// Judges all redemptions.
///
/// # Errors
/// Names the code that was redeemed twice, or refused although nobody can have redeemed it.
pub fn redeemed_once(history: &[Entry]) -> Verdict {
    let mut tries: BTreeMap<&str, Vec<&Entry>> = BTreeMap::new();
    for entry in history {
        if let Act::Redeem(code) = &entry.act {
            tries.entry(code).or_default().push(entry);
        }
    }
    for (code, tries) in tries {
        let done = tries.iter().filter(|entry| entry.outcome.is_done()).count();
        if done > 1 {
            return Err(format!("the code {code} was redeemed {done} times: {tries:#?}"));
        }
        let refused = |entry: &&&Entry| matches!(entry.outcome, Outcome::Refused(_));
        let perhaps = |entry: &&&Entry| matches!(entry.outcome, Outcome::Done(_) | Outcome::Unknown(_));
        let Some(first) = tries.iter().filter(refused).min_by_key(|entry| entry.to) else { continue };
        if !tries.iter().filter(perhaps).any(|entry| entry.from < first.to) {
            return Err(format!("the acknowledged code {code} was refused: {first:#?}"));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::check::testing::entry;

    fn redeem(from: u64, outcome: Outcome<String>) -> Entry {
        entry(Act::Redeem("code".into()), from, outcome)
    }

    #[test]
    fn two_winners_are_found() {
        let done = || Outcome::Done("token".to_owned());
        assert!(redeemed_once(&[redeem(1, done())]).is_ok());
        assert!(redeemed_once(&[redeem(1, done()), redeem(1, done())]).is_err());
    }

    #[test]
    fn a_loser_needs_somebody_who_may_have_won() {
        let refused = || Outcome::Refused("invalid_grant".to_owned());
        assert!(redeemed_once(&[redeem(1, refused())]).is_err());
        assert!(redeemed_once(&[redeem(1, Outcome::NotSent(String::new())), redeem(5, refused())]).is_err());
        assert!(redeemed_once(&[redeem(1, Outcome::Unknown(String::new())), redeem(5, refused())]).is_ok());
        assert!(redeemed_once(&[redeem(9, Outcome::Unknown(String::new())), redeem(5, refused())]).is_err());
    }
}
