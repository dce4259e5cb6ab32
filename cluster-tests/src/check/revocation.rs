//! What was revoked counts nowhere any more, later than the bound after the acknowledgement.

use super::Verdict;
use crate::application::Outcome;
use crate::history::{Act, Entry};
use std::collections::BTreeMap;
use std::time::Duration;

/// How old a node's knowledge may be when it answers.
pub const BOUND: Duration = Duration::from_millis(250);

/// How long is waited between two looks.
pub const PACE: Duration = Duration::from_millis(50);

/// How many looks beyond the bound there must be: a slow machine has fewer than the pace allows.
const BEYOND_MIN: usize = 5;

/// How long before the end the last of them may be.
const LATE_MAX: Duration = Duration::from_millis(500);

/// How long after the acknowledgement a token is looked at.
pub const LOOKED_FOR: Duration = Duration::from_millis(1500);

/// Judges every look at a token that was revoked before.
///
/// # Errors
/// Names the look that found it active too late.
pub fn is_bounded(history: &[Entry]) -> Verdict {
    let acknowledged = acknowledged(history);
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

/// Every revoked token was looked at on every one of these nodes beyond the bound, and to the end: otherwise that it is
/// kept says nothing.
///
/// # Errors
/// Names the token and the node.
pub fn was_looked_for(history: &[Entry], nodes: &[usize]) -> Verdict {
    let acknowledged = acknowledged(history);
    if acknowledged.is_empty() {
        return Err("no revocation was acknowledged".to_owned());
    }
    for (token, at) in acknowledged {
        for node in nodes {
            let looks = history.iter().filter(|entry| {
                entry.node == *node
                    && entry.outcome.is_done()
                    && matches!(&entry.act, Act::Look(looked) if looked == token)
            });
            let beyond = looks.map(|look| look.from).filter(|from| *from > at + BOUND).collect::<Vec<_>>();
            let latest = beyond.iter().max().copied().unwrap_or_default().saturating_sub(at);
            if beyond.len() < BEYOND_MIN || latest + LATE_MAX < LOOKED_FOR {
                let (looks, latest) = (beyond.len(), latest.as_millis());
                return Err(format!(
                    "{looks} looks at {token} on node {node} beyond the bound, the latest after {latest} ms"
                ));
            }
        }
    }
    Ok(())
}

/// When each token's revocation was acknowledged first.
fn acknowledged(history: &[Entry]) -> BTreeMap<&str, Duration> {
    let mut acknowledged: BTreeMap<&str, Duration> = BTreeMap::new();
    for entry in history {
        if let (Act::Revoke(token), Outcome::Done(_)) = (&entry.act, &entry.outcome) {
            let at = acknowledged.entry(token).or_insert(entry.to);
            *at = (*at).min(entry.to);
        }
    }
    acknowledged
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

    #[test]
    fn looks_that_end_too_early_or_leave_a_node_out_are_found() {
        let token = || "token".to_owned();
        let revoked = entry(Act::Revoke(token()), 1000, Outcome::Done(String::new()));
        let looks = |from: &[u64], node| {
            let look = |from| entry(Act::Look(token()), from, Outcome::Done("inactive".to_owned()));
            from.iter().map(|from| Entry { node, ..look(*from) }).collect::<Vec<_>>()
        };
        let judged = |of_two: &[u64]| {
            let all =
                [looks(&[1300, 1500, 1800, 2000, 2450], 1), looks(of_two, 2), vec![revoked.clone()]].concat();
            was_looked_for(&all, &[1, 2])
        };
        assert_eq!(judged(&[1300, 1500, 1800, 2000, 2450]), Ok(()));
        assert!(judged(&[]).is_err());
        assert!(judged(&[1000, 1100, 1200, 1240, 1250, 2450]).is_err(), "too few beyond the bound");
        assert!(judged(&[1300, 1310, 1320, 1330, 1340]).is_err(), "they end too early");
        assert!(was_looked_for(&[], &[1]).is_err());
    }
}
