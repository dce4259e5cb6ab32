//! Waiting for what one waits for. Every deadline here only catches a hang: it is ten times what is expected.

use std::time::{Duration, Instant};

/// How long to wait between two looks.
const PAUSE: Duration = Duration::from_millis(20);

/// Looks until there is something to see.
///
/// # Panics
/// When there is nothing after `max`.
pub async fn until<T>(what: &str, max: Duration, mut look: impl AsyncFnMut() -> Option<T>) -> T {
    let begun = Instant::now();
    loop {
        if let Some(seen) = look().await {
            return seen;
        }
        assert!(begun.elapsed() < max, "{what}: not within {} s", max.as_secs());
        tokio::time::sleep(PAUSE).await;
    }
}

/// Waits for the end of something.
///
/// # Panics
/// When it takes longer than `max`.
pub async fn within<T>(what: &str, max: Duration, work: impl Future<Output = T>) -> T {
    match tokio::time::timeout(max, work).await {
        Ok(done) => done,
        Err(_) => panic!("{what}: not within {} s", max.as_secs()),
    }
}
