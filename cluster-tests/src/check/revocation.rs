//! What was revoked counts nowhere any more, later than the bound after the acknowledgement.

use super::Verdict;
use crate::application::Outcome;
use crate::history::{Act, Entry};
use std::collections::BTreeMap;
use std::time::Duration;

/// How old a node's knowledge may be when it answers.
pub const BOUND: Duration = Duration::from_millis(250);

/// Judges every look at a token that was revoked before.
///
/// # Errors
/// Names the look that found it active too late.
pub fn is_bounded(history: &[Entry]) -> Verdict {
    let mut acknowledged: BTreeMap<&str, Duration> = BTreeMap::new();
    for entry in history {
        if let (Act::Revoke(token), Outcome::Done(_)) = (&entry.act, &entry.outcome) {
            let at = acknowledged.entry(token).or_insert(entry.to);
            *at = (*at).min(entry.to);
        }
    }
    for entry in history {
        let (Act::Look(token), Outcome::Done(found)) = (&entry.act, &entry.outcome) else { continue };
        let Some(at) = acknowledged.get(token.as_str()) else { continue };
        if found == "active" && entry.from > *at + BOUND {
            let late = entry.from.saturating_sub(*at).as_millis();
            return Err(format!("active {late} ms after its revocation was acknowledged: {entry:#?}"));
        }
    }
    Ok(())
}

/// The latest look, counted from the acknowledgement, that still found a revoked token active.
pub fn latest_active(history: &[Entry]) -> Duration {
    let mut latest = Duration::ZERO;
    for revoke in history.iter().filter(|entry| entry.outcome.is_done()) {
        let Act::Revoke(token) = &revoke.act else { continue };
        let active = history.iter().filter(|entry| {
            matches!(&entry.act, Act::Look(looked) if looked == token)
                && entry.outcome == Outcome::Done("active".to_owned())
        });
        latest = active.map(|entry| entry.from.saturating_sub(revoke.to)).fold(latest, Duration::max);
    }
    latest
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::check::testing::entry;

    #[test]
    fn a_token_that_lives_on_is_found() {
        let token = || "token".to_owned();
        let revoked = entry(Act::Revoke(token()), 1000, Outcome::Done(String::new()));
        let look = |from, found: &str| entry(Act::Look(token()), from, Outcome::Done(found.to_owned()));
        let judged = |look: Entry| is_bounded(&[look, revoked.clone()]);
        assert!(judged(look(1100, "active")).is_ok(), "within the bound");
        assert!(judged(look(1300, "inactive")).is_ok());
        assert!(judged(look(1300, "active")).is_err());
        let seen = [look(1100, "active"), revoked.clone()];
        assert_eq!(latest_active(&seen), Duration::from_millis(99));
    }
}
