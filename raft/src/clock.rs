//! Time as raft may know it: the port to the clocks, and the rule by which the leader stamps log time.
//!
//! Log time never runs backwards. While the wall clock is behind it, log time goes on at the speed of the monotonic
//! clock, and the operator is told; any idle or stopped period is fine. Only `node` names the system's clocks.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

/// The clocks of the machine.
pub trait Clock: Send + Sync + 'static {
    /// Milliseconds since the Unix epoch, as the wall clock says. May jump in both directions.
    fn wall_ms(&self) -> u64;

    /// Time since some fixed moment that never jumps and runs on while the machine sleeps (CLOCK_BOOTTIME): a watermark
    /// must grow old during a suspension.
    fn monotonic(&self) -> Duration;
}

/// The time stamped on a batch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stamp {
    /// Log time in milliseconds since the Unix epoch, not less than any before it.
    pub time_ms: u64,
    /// How far the wall clock is behind log time; zero is well.
    pub behind_ms: u64,
}

/// The stamping rule with its one memory: a moment of log time and the monotonic reading that belongs to it.
#[derive(Clone, Copy, Debug)]
pub struct Stamper {
    log_time_ms: u64,
    at: Duration,
}

impl Stamper {
    /// Begins at `log_time_ms`, the log time of the last entry, read at the monotonic time `at`.
    pub fn new(log_time_ms: u64, at: Duration) -> Self {
        Stamper { log_time_ms, at }
    }

    /// Takes notice of log time that others stamped, as of a monotonic reading now.
    pub fn not_before(&mut self, log_time_ms: u64, monotonic: Duration) {
        if log_time_ms > self.log_time_ms {
            *self = Stamper::new(log_time_ms, monotonic);
        }
    }

    /// The stamp for a batch made now, given both clocks.
    ///
    /// The wall clock where it is not behind; otherwise the last moment at which it was not, plus the monotonic time
    /// since then.
    pub fn stamp(&mut self, wall_ms: u64, monotonic: Duration) -> Stamp {
        let elapsed = u64::try_from(monotonic.saturating_sub(self.at).as_millis()).unwrap_or(u64::MAX);
        let carried = self.log_time_ms.saturating_add(elapsed);
        // The first comparison is with what was stamped, not with what is carried: two clocks never run at quite the
        // same speed, and a wall clock that is a millisecond slower is not behind.
        if wall_ms >= self.log_time_ms {
            *self = Stamper::new(wall_ms, monotonic);
            return Stamp { time_ms: wall_ms, behind_ms: 0 };
        }
        if elapsed > 0 {
            // Whole milliseconds only, so that the parts of a millisecond are not lost at each stamp.
            *self = Stamper::new(carried, self.at.saturating_add(Duration::from_millis(elapsed)));
        }
        Stamp { time_ms: carried, behind_ms: carried.saturating_sub(wall_ms) }
    }
}

/// A clock that goes where a test says.
#[derive(Debug, Default)]
pub struct ManualClock {
    now: Mutex<(u64, Duration)>,
}

impl ManualClock {
    /// A clock that shows `wall_ms` and a monotonic zero.
    pub fn new(wall_ms: u64) -> Self {
        ManualClock { now: Mutex::new((wall_ms, Duration::ZERO)) }
    }

    /// Lets `duration` pass on both clocks.
    pub fn pass(&self, duration: Duration) {
        self.change(|(wall_ms, monotonic)| {
            *wall_ms = wall_ms.saturating_add(u64::try_from(duration.as_millis()).unwrap_or(u64::MAX));
            *monotonic = monotonic.saturating_add(duration);
        });
    }

    /// Sets the wall clock, as an operator or a time server does; the monotonic clock does not notice.
    pub fn set_wall_ms(&self, wall_ms: u64) {
        self.change(|now| now.0 = wall_ms);
    }

    fn change(&self, change: impl FnOnce(&mut (u64, Duration))) {
        change(&mut self.now.lock().unwrap_or_else(PoisonError::into_inner));
    }

    fn now(&self) -> (u64, Duration) {
        *self.now.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Clock for ManualClock {
    fn wall_ms(&self) -> u64 {
        self.now().0
    }

    fn monotonic(&self) -> Duration {
        self.now().1
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HOUR_MS: u64 = 3_600_000;

    /// Stamps at each (wall, monotonic) reading in milliseconds and compares the (time, behind) given.
    fn check(start_ms: u64, readings: &[(u64, u64)], expect: &[(u64, u64)]) {
        let mut stamper = Stamper::new(start_ms, Duration::ZERO);
        let stamps = readings.iter().map(|(wall, monotonic)| {
            let Stamp { time_ms, behind_ms } = stamper.stamp(*wall, Duration::from_millis(*monotonic));
            (time_ms, behind_ms)
        });
        assert_eq!(stamps.collect::<Vec<_>>(), expect);
    }

    #[test]
    fn the_wall_clock_is_followed_while_it_is_ahead() {
        check(
            1000,
            &[(1000, 0), (1005, 5), (1005, 5), (9_000_000, 6)],
            &[(1000, 0), (1005, 0), (1005, 0), (9_000_000, 0)],
        );
    }

    #[test]
    fn a_wall_clock_that_steps_back_does_not_move_log_time_back() {
        let now = 10 * HOUR_MS;
        check(
            now,
            &[(now, 0), (now - HOUR_MS, 10), (now - HOUR_MS + 20, 30), (now + 40, 50)],
            &[(now, 0), (now + 10, HOUR_MS + 10), (now + 30, HOUR_MS + 10), (now + 40, 0)],
        );
    }

    #[test]
    fn a_start_behind_log_time_goes_on_from_it() {
        check(5000, &[(10, 0), (10, 3000)], &[(5000, 4990), (8000, 7990)]);
    }

    #[test]
    fn parts_of_a_millisecond_are_not_lost_behind_log_time() {
        let mut stamper = Stamper::new(1000, Duration::ZERO);
        let mut last = 0;
        for step in 0..=2000 {
            last = stamper.stamp(0, Duration::from_micros(500 * step)).time_ms;
        }
        assert_eq!(last, 2000);
    }

    #[test]
    fn any_idle_period_is_fine() {
        check(1, &[(1, 0), (400 * 24 * HOUR_MS, 10)], &[(1, 0), (400 * 24 * HOUR_MS, 0)]);
    }
}
