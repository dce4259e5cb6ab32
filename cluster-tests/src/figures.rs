//! Figures for a person who reads the run: told past what captures a test's output, because they are wanted from green
//! tests too.

use std::io::Write;
use std::time::Duration;

/// Tells a line.
pub fn tell(text: &str) {
    let name = std::thread::current().name().unwrap_or_default().to_owned();
    // Nobody may read it.
    let _ = writeln!(std::io::stderr(), "    {name}: {text}");
}

/// The median, the ninety-ninth percentile and the longest of some times, in words.
pub fn spread(times: &[Duration]) -> String {
    let mut sorted = times.to_vec();
    sorted.sort_unstable();
    let at = |percent: usize| {
        let last = sorted.len().saturating_sub(1);
        sorted.get(last * percent / 100).copied().unwrap_or_default().as_millis()
    };
    format!("p50 {} ms, p99 {} ms, longest {} ms of {}", at(50), at(99), at(100), sorted.len())
}
