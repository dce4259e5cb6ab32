//! Up to where the log may be purged. A decision only: `raft` carries it out with `LogBackend::purge`.

use crate::LogState;

/// How much of the log is kept beyond what the state needs, for nodes that lag and for erasure.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Policy {
    /// When the entries hold more payload than this, the oldest go until three quarters of it are left.
    pub bytes_max: u64,
    /// Entries older than this go, in milliseconds of log time.
    pub age_ms_max: u64,
}

impl Default for Policy {
    fn default() -> Policy {
        Policy { bytes_max: 256 << 20, age_ms_max: 7 * 24 * 3600 * 1000 }
    }
}

/// What the decision needs to know of one entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Mark {
    /// The payload bytes up to and including it, from `LogBackend::bytes_upto`.
    pub bytes_upto: u64,
    /// Its log time; grows with the index.
    pub time_ms: u64,
}

/// The index up to which to purge; `None` to purge nothing.
///
/// `durable` is the state's durable position (`State::durable`): entries after it are needed after a crash and never
/// go, whatever the policy says. `mark` is asked about single entries, about twice 64 at most for any log; its errors
/// come back.
pub fn purge_upto<E>(
    policy: &Policy,
    log: &LogState,
    durable: Option<u64>,
    now_ms: u64,
    mut mark: impl FnMut(u64) -> Result<Mark, E>,
) -> Result<Option<u64>, E> {
    let (Some(durable), Some(last)) = (durable, log.last) else { return Ok(None) };
    // `after` is one more than the last index that may go, so that a search can find that none may.
    let (first, after) = (log.first_index(), durable.min(last.index).saturating_add(1));
    if first >= after {
        return Ok(None);
    }
    let surplus = match log.bytes {
        bytes if bytes > policy.bytes_max => bytes.saturating_sub(policy.bytes_max / 4 * 3),
        _ => 0,
    };
    let oldest_ms = now_ms.saturating_sub(policy.age_ms_max);
    let by_bytes = first_where(first, after, |index| Ok(mark(index)?.bytes_upto > surplus))?;
    let by_age = first_where(first, after, |index| Ok(mark(index)?.time_ms >= oldest_ms))?;
    let end = by_bytes.max(by_age);
    Ok((end > first).then(|| end.saturating_sub(1)))
}

/// The first index of `[from, to)` at which `holds`, which then holds for all later ones; `to` if there is none.
fn first_where<E>(from: u64, to: u64, mut holds: impl FnMut(u64) -> Result<bool, E>) -> Result<u64, E> {
    let (mut from, mut to) = (from, to);
    while from < to {
        let middle = from.midpoint(to);
        if holds(middle)? {
            to = middle;
        } else {
            from = middle.saturating_add(1);
        }
    }
    Ok(from)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::LogId;

    const POLICY: Policy = Policy { bytes_max: 1000, age_ms_max: 500 };

    /// A log of entries `first..=last` of ten bytes and ten milliseconds each, at time `now`.
    fn decide(first: u64, last: u64, durable: Option<u64>, now_ms: u64) -> Option<u64> {
        let id = |index| LogId { term: 1, node: 1, index };
        let log = LogState {
            purged: first.checked_sub(1).map(id),
            last: Some(id(last)),
            bytes: (last + 1 - first) * 10,
            ..LogState::default()
        };
        let mark = |index: u64| {
            assert!((first..=last).contains(&index), "index {index} is not in the log");
            Ok::<_, ()>(Mark { bytes_upto: (index + 1 - first) * 10, time_ms: index * 10 })
        };
        purge_upto(&POLICY, &log, durable, now_ms, mark).unwrap()
    }

    #[test]
    fn a_small_young_log_is_kept() {
        assert_eq!(decide(0, 99, Some(99), 500), None);
        assert_eq!(decide(0, 0, Some(0), 0), None);
    }

    #[test]
    fn a_large_log_is_cut_to_three_quarters() {
        assert_eq!(decide(0, 199, Some(199), 0), Some(124));
        assert_eq!(decide(50, 249, Some(249), 0), Some(174));
    }

    #[test]
    fn old_entries_go() {
        assert_eq!(decide(0, 99, Some(99), 990), Some(48));
        assert_eq!(decide(0, 99, Some(99), 1_000_000), Some(99));
    }

    #[test]
    fn nothing_goes_that_the_state_may_still_need() {
        assert_eq!(decide(0, 199, Some(10), 1_000_000), Some(10));
        assert_eq!(decide(20, 199, Some(10), 1_000_000), None);
        assert_eq!(decide(0, 199, None, 1_000_000), None);
    }

    #[test]
    fn an_error_of_the_log_comes_back() {
        let log =
            LogState { last: Some(LogId { term: 1, node: 1, index: 9 }), bytes: 5000, ..LogState::default() };
        assert_eq!(purge_upto(&POLICY, &log, Some(9), 0, |_| Err("gone")), Err("gone"));
    }
}
