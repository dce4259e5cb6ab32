//! The system's clocks. No other file names them: everything else is told the time.
#![expect(clippy::disallowed_methods, reason = "this is the one file that asks the system's clocks")]

use rustix::time::{ClockId, clock_gettime};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// The clocks of this machine.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct SystemClock;

impl raft::Clock for SystemClock {
    /// Before 1970 it is 1970: log time then goes on by the monotonic clock.
    fn wall_ms(&self) -> u64 {
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
    }

    /// `CLOCK_BOOTTIME` also counts the time that the machine slept, so that a view grows old meanwhile.
    fn monotonic(&self) -> Duration {
        let now = clock_gettime(ClockId::Boottime);
        let secs = u64::try_from(now.tv_sec).unwrap_or_default();
        Duration::new(secs, u32::try_from(now.tv_nsec).unwrap_or_default())
    }
}
