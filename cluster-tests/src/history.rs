//! What the outside world did, when, and what it knows of it. Checks judge it afterwards.

use crate::application::Outcome;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

/// Time since a test began.
#[derive(Clone, Copy, Debug)]
pub struct Clock(Instant);

impl Clock {
    /// Begins to count.
    pub fn start() -> Clock {
        Clock(Instant::now())
    }

    /// How long ago that was.
    pub fn now(&self) -> Duration {
        self.0.elapsed()
    }
}

/// What somebody asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Act {
    /// A code for a session; it comes back.
    Issue,
    /// Tokens for this code; the refresh token comes back.
    Redeem(String),
    /// The successor of this refresh token; it comes back.
    Refresh(String),
    /// The end of this access token.
    Revoke(String),
    /// Whether this access token counts; `active` or `inactive` comes back.
    Look(String),
}

impl Act {
    /// Whether it changes the state.
    pub fn is_write(&self) -> bool {
        match self {
            Act::Issue | Act::Redeem(_) | Act::Refresh(_) | Act::Revoke(_) => true,
            Act::Look(_) => false,
        }
    }
}

/// One request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Who asked; nobody asks twice at once.
    pub writer: usize,
    /// The node that was asked.
    pub node: usize,
    /// What for.
    pub act: Act,
    /// When it was asked.
    pub from: Duration,
    /// When the answer was there, or nobody waited for it any longer.
    pub to: Duration,
    /// What came back.
    pub outcome: Outcome<String>,
}

/// Requests in the order in which they ended.
#[derive(Clone, Debug, Default)]
pub struct History(Arc<Mutex<Vec<Entry>>>);

impl History {
    /// Adds one.
    pub fn add(&self, entry: Entry) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).push(entry);
    }

    /// All so far.
    pub fn entries(&self) -> Vec<Entry> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// How many writes that were begun after `since` are done.
    pub fn writes_since(&self, since: Duration) -> usize {
        let entries = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        entries.iter().filter(|entry| is_done_write(entry) && entry.from >= since).count()
    }

    /// The longest time within these bounds in which no write was done.
    pub fn longest_gap(&self, from: Duration, to: Duration) -> Duration {
        let entries = self.entries();
        let done = entries.iter().filter(|entry| is_done_write(entry)).map(|entry| entry.to);
        let mut last = from;
        let mut longest = Duration::ZERO;
        for at in done.filter(|at| (from..to).contains(at)).chain([to]) {
            longest = longest.max(at.saturating_sub(last));
            last = at;
        }
        longest
    }

    /// The longest that anybody waited for an answer.
    pub fn longest_wait(&self) -> Duration {
        self.entries().iter().map(|entry| entry.to.saturating_sub(entry.from)).max().unwrap_or_default()
    }

    /// How many requests ended how, in words.
    pub fn summary(&self) -> String {
        let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
        for entry in self.entries() {
            let kind = match entry.outcome {
                Outcome::Done(_) => "done",
                Outcome::Refused(_) => "refused",
                Outcome::Unknown(_) => "unknown",
                Outcome::NotSent(_) => "not sent",
            };
            *counts.entry(kind).or_default() += 1;
        }
        let counts: Vec<String> = counts.iter().map(|(kind, count)| format!("{count} {kind}")).collect();
        counts.join(", ")
    }
}

fn is_done_write(entry: &Entry) -> bool {
    entry.act.is_write() && entry.outcome.is_done()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn write(from: u64, to: u64, outcome: Outcome<String>) -> Entry {
        let (from, to) = (Duration::from_millis(from), Duration::from_millis(to));
        Entry { writer: 0, node: 1, act: Act::Issue, from, to, outcome }
    }

    #[test]
    fn a_gap_is_what_lies_between_two_writes_that_were_done() {
        let history = History::default();
        for at in [10, 20, 70, 80] {
            history.add(write(at - 5, at, Outcome::Done(String::new())));
        }
        history.add(write(40, 45, Outcome::Unknown(String::new())));
        let gap = |from, to| {
            history.longest_gap(Duration::from_millis(from), Duration::from_millis(to)).as_millis()
        };
        assert_eq!((gap(0, 85), gap(75, 200), gap(0, 15)), (50, 120, 10));
        assert_eq!(history.writes_since(Duration::from_millis(60)), 2);
        assert_eq!(history.summary(), "4 done, 1 unknown");
    }
}
