//! How long writes stop when the leader is killed or stopped in order, seen through the edge by eight writers.
//!
//! A write is the revocation of an access token of its own, acknowledged when it is durable on two nodes. Tokens are
//! made before, so that nothing but the write waits.

use crate::Error;
use crate::demo::Demo;
use crate::http::Client;
use crate::load::percentile_ms;
use crate::process;
use crate::report::{Report, Target};
use rustix::process::Signal;
use serde_json::Value;
use std::collections::VecDeque;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

const PORT: u16 = 28_500;
const WRITERS: usize = 8;
/// Between the writes of one writer.
const PACE: Duration = Duration::from_millis(8);
/// Writes go on for so long before the leader ends.
const BEFORE: Duration = Duration::from_millis(500);
/// And so long after; far more than an election takes.
const AFTER: Duration = Duration::from_millis(4500);
/// More than the writers can use in that time.
const TOKENS: usize = 5000;

pub(crate) async fn measure(conclave: &Path, times: usize, report: &mut Report) -> Result<(), Error> {
    // Beside the build, so that it is the disk that holds data and not a tmpfs.
    let data = tempfile::tempdir_in("target")?;
    let killed = ends(conclave, data.path(), Signal::KILL, times).await?;
    report.add("writes stop after SIGKILL of the leader, p50", killed.gap(50), "ms", None);
    report.add(
        "writes stop after SIGKILL of the leader, p99",
        killed.gap(99),
        "ms",
        Some(Target::AtMost(2000.0)),
    );
    report.add(
        "longest wait of a request meanwhile",
        killed.longest_ms(),
        "ms",
        Some(Target::AtMost(5000.0)),
    );
    report.add("requests that failed, of each SIGKILL", killed.failed_each(), "", None);
    let stopped = ends(conclave, data.path(), Signal::TERM, times).await?;
    report.add("writes stop after a stop in order, p50", stopped.gap(50), "ms", Some(Target::AtMost(150.0)));
    report.add("writes stop after a stop in order, p99", stopped.gap(99), "ms", None);
    report.add("longest wait of a request meanwhile, stop in order", stopped.longest_ms(), "ms", None);
    report.add("requests that failed, of each stop in order", stopped.failed_each(), "", None);
    Ok(())
}

/// What the writers saw of all ends of one kind.
#[derive(Default)]
struct Seen {
    gaps: Vec<Duration>,
    longest: Duration,
    failed: usize,
}

/// What one writer saw: when writes were acknowledged, how long any request waited at most, how many failed.
#[derive(Default)]
struct Told {
    acknowledged: Vec<Instant>,
    longest: Duration,
    failed: usize,
}

/// Ends the leader again and again, each time of a demo that was just started: it waits longer and longer before it
/// starts a node again that keeps ending.
async fn ends(conclave: &Path, data: &Path, signal: Signal, times: usize) -> Result<Seen, Error> {
    let mut seen = Seen::default();
    for _ in 0..times {
        let (demo, _) = Demo::start(conclave, data, PORT).await?;
        let (_, leader) = demo.leader().await?;
        let tokens = Arc::new(Mutex::new(tokens(&demo).await?));
        let until = Instant::now() + BEFORE + AFTER;
        let writers = (0..WRITERS).map(|_| {
            let (url, tokens) = (format!("{}/oauth/v2/revoke", demo.issuer()), Arc::clone(&tokens));
            tokio::spawn(write(url, demo.authorization("service"), tokens, until))
        });
        let writers: Vec<_> = writers.collect();
        tokio::time::sleep(BEFORE).await;
        process::signal(leader.pid, signal)?;
        let mut acknowledged = Vec::new();
        for writer in writers {
            let told = writer.await?;
            acknowledged.extend(told.acknowledged);
            seen.longest = seen.longest.max(told.longest);
            seen.failed += told.failed;
        }
        acknowledged.sort_unstable();
        seen.gaps.push(longest_gap(&acknowledged, until));
        demo.stop()?;
    }
    seen.gaps.sort_unstable();
    Ok(seen)
}

/// The longest time without an acknowledged write; up to the end, if there was none after the leader's.
fn longest_gap(acknowledged: &[Instant], until: Instant) -> Duration {
    let later = acknowledged.iter().skip(1).chain([&until]);
    acknowledged
        .iter()
        .zip(later)
        .map(|(one, next)| next.saturating_duration_since(*one))
        .max()
        .unwrap_or(AFTER)
}

async fn write(
    url: String,
    authorization: String,
    tokens: Arc<Mutex<VecDeque<String>>>,
    until: Instant,
) -> Told {
    let (client, mut told) = (Client::new(), Told::default());
    while Instant::now() < until {
        let next = tokens.lock().unwrap_or_else(PoisonError::into_inner).pop_front();
        let Some(token) = next else { break };
        let body = form_urlencoded::Serializer::new(String::new()).append_pair("token", &token).finish();
        let asked = Instant::now();
        let answer = client.form(&url, &[("authorization", &authorization)], body).await;
        told.longest = told.longest.max(asked.elapsed());
        if answer.is_ok_and(|answer| answer.status == 200) {
            told.acknowledged.push(Instant::now());
        } else {
            told.failed += 1;
        }
        tokio::time::sleep(PACE).await;
    }
    told
}

/// New access tokens of the demo's service account.
async fn tokens(demo: &Demo) -> Result<VecDeque<String>, Error> {
    let mut makers = Vec::new();
    for _ in 0..WRITERS {
        let (url, authorization) =
            (format!("{}/oauth/v2/token", demo.issuer()), demo.authorization("service"));
        makers.push(tokio::spawn(async move {
            let (client, mut made) = (Client::new(), Vec::new());
            for _ in 0..TOKENS / WRITERS {
                let body = "grant_type=client_credentials&scope=openid".to_owned();
                let answer = client.form(&url, &[("authorization", &authorization)], body).await?;
                let said: Value = serde_json::from_slice(&answer.body)?;
                made.push(said["access_token"].as_str().ok_or("no token was given")?.to_owned());
            }
            Ok::<_, Error>(made)
        }));
    }
    let mut all = VecDeque::new();
    for maker in makers {
        all.extend(maker.await??);
    }
    Ok(all)
}

impl Seen {
    fn gap(&self, percent: usize) -> f64 {
        percentile_ms(&self.gaps, percent)
    }

    fn longest_ms(&self) -> f64 {
        self.longest.as_secs_f64() * 1000.0
    }

    #[allow(clippy::cast_precision_loss)]
    fn failed_each(&self) -> f64 {
        self.failed as f64 / self.gaps.len() as f64
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_gap_is_the_longest_silence_also_the_one_up_to_the_end() {
        let begun = Instant::now();
        let at = |ms| begun + Duration::from_millis(ms);
        assert_eq!(longest_gap(&[at(0), at(5), at(300), at(310)], at(320)), Duration::from_millis(295));
        assert_eq!(longest_gap(&[at(0), at(5)], at(4000)), Duration::from_millis(3995));
        assert_eq!(longest_gap(&[], at(4000)), AFTER);
    }
}
