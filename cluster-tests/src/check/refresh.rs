//! Refresh tokens form chains: a token has one successor, whoever presents it, and a successor one predecessor.

use super::Verdict;
use crate::application::Outcome;
use crate::history::{Act, Entry};
use std::collections::BTreeMap;
use std::time::Duration;

/// Within this time a lost answer is given again, once; a little less than the domain's ten seconds, because it counts
/// from when the command was stamped.
const GRACE: Duration = Duration::from_secs(9);

/// Judges who follows whom.
///
/// # Errors
/// Names a token with two successors, or a successor of two.
pub fn has_no_forks(history: &[Entry]) -> Verdict {
    let (mut next, mut previous) = (BTreeMap::new(), BTreeMap::new());
    for entry in history {
        let (Act::Refresh(token), Outcome::Done(given)) = (&entry.act, &entry.outcome) else { continue };
        let other = next.insert(token, given).filter(|other| *other != given);
        if let Some(other) = other {
            return Err(format!("{token} was followed by {other}, and by {given}: {entry:#?}"));
        }
        let other = previous.insert(given, token).filter(|other| *other != token);
        if let Some(other) = other {
            return Err(format!("{given} follows {other}, and {token}: {entry:#?}"));
        }
    }
    Ok(())
}

/// Judges refusals: an acknowledged token is refused only to somebody who may have used it before, and has used up the
/// grace for lost answers.
///
/// # Errors
/// Names the token that was lost.
pub fn was_never_lost(history: &[Entry]) -> Verdict {
    let mut tries: BTreeMap<&str, Vec<&Entry>> = BTreeMap::new();
    for entry in history {
        if let Act::Refresh(token) = &entry.act {
            tries.entry(token).or_default().push(entry);
        }
    }
    for (token, tries) in tries {
        let Some(refused) = tries.iter().find(|entry| matches!(entry.outcome, Outcome::Refused(_))) else {
            continue;
        };
        let perhaps = |entry: &&&Entry| matches!(entry.outcome, Outcome::Done(_) | Outcome::Unknown(_));
        let before: Vec<_> = tries.iter().filter(perhaps).filter(|entry| entry.from < refused.to).collect();
        let since_first =
            before.first().map_or(Duration::ZERO, |first| refused.to.saturating_sub(first.from));
        if before.len() < 2 && since_first < GRACE {
            return Err(format!("the acknowledged refresh token {token} was refused: {tries:#?}"));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::check::testing::entry;

    fn refresh(token: &str, from: u64, outcome: Outcome<&str>) -> Entry {
        entry(Act::Refresh(token.into()), from, outcome.map(str::to_owned))
    }

    #[test]
    fn a_fork_is_found_on_either_side() {
        let chain = [refresh("a", 1, Outcome::Done("b")), refresh("b", 2, Outcome::Done("c"))];
        assert!(has_no_forks(&chain).is_ok());
        let again = refresh("a", 3, Outcome::Done("b"));
        assert!(has_no_forks(&[&chain[..], &[again]].concat()).is_ok(), "a lost answer is given again");
        for fork in [refresh("a", 3, Outcome::Done("x")), refresh("x", 3, Outcome::Done("c"))] {
            assert!(has_no_forks(&[&chain[..], &[fork]].concat()).is_err());
        }
    }

    #[test]
    fn a_refusal_needs_two_earlier_uses_or_the_end_of_the_grace() {
        let unknown = |from| refresh("a", from, Outcome::Unknown(String::new()));
        let refused = |from| refresh("a", from, Outcome::Refused(String::new()));
        assert!(was_never_lost(&[refused(5)]).is_err());
        assert!(was_never_lost(&[unknown(1), refused(5)]).is_err());
        assert!(was_never_lost(&[unknown(1), unknown(2), refused(5)]).is_ok());
        assert!(was_never_lost(&[unknown(1), refused(9500)]).is_ok());
    }
}
