//! A closed loop: so many clients, each with one request under way, for a while. What comes out is a rate and waits.

use crate::Error;
use crate::report::{Report, Target, median};
use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};
use std::time::{Duration, Instant};

/// The most failed requests of a run, in percent; with more it is no measure of anything.
const FAILED_PERCENT_MAX: usize = 1;

/// One client of a load.
pub(crate) trait Client: Send + 'static {
    /// Sends a request and reads its answer.
    fn ask(&mut self) -> impl Future<Output = Result<(), Error>> + Send;
}

/// What one run showed.
pub(crate) struct Figures {
    pub(crate) rate: f64,
    pub(crate) p50_ms: f64,
    pub(crate) p99_ms: f64,
    /// The servers' CPU time for one request; not a number where nobody asked.
    pub(crate) cpu_us: f64,
}

/// The same load, several times.
#[derive(Default)]
pub(crate) struct Runs {
    rates: Vec<f64>,
    p50_ms: Vec<f64>,
    p99_ms: Vec<f64>,
    cpu_us: Vec<f64>,
}

const WARMING: u8 = 0;
const COUNTING: u8 = 1;
const OVER: u8 = 2;

/// Runs the clients for a quarter of `run` unseen, then counts for the whole of it.
pub(crate) async fn run<C: Client>(clients: Vec<C>, run: Duration) -> Result<Figures, Error> {
    watched(clients, run, || Ok(f64::NAN)).await
}

/// The same, and asks before and after the counting how much CPU time the servers have used, in microseconds.
pub(crate) async fn watched<C: Client>(
    clients: Vec<C>,
    run: Duration,
    cpu_micros: impl Fn() -> Result<f64, Error>,
) -> Result<Figures, Error> {
    let phase = Arc::new(AtomicU8::new(WARMING));
    let tasks: Vec<_> = clients.into_iter().map(|c| tokio::spawn(turns(c, Arc::clone(&phase)))).collect();
    tokio::time::sleep(run / 4).await;
    phase.store(COUNTING, Ordering::Relaxed);
    let used_before = cpu_micros()?;
    let begun = Instant::now();
    tokio::time::sleep(run).await;
    phase.store(OVER, Ordering::Relaxed);
    let (took, used) = (begun.elapsed(), cpu_micros()? - used_before);
    let (mut waits, mut failures) = (Vec::new(), Vec::new());
    for task in tasks {
        let (of_one, failed) = task.await?;
        waits.extend(of_one);
        failures.extend(failed);
    }
    if let Some(failure) = failures.first() {
        eprintln!("  {} of {} requests failed, one with: {failure}", failures.len(), waits.len());
        if failures.len() * 100 > waits.len() * FAILED_PERCENT_MAX {
            return Err("too many requests of a load failed".into());
        }
    }
    #[allow(clippy::cast_precision_loss)]
    let cpu_us = used / waits.len() as f64;
    Ok(Figures { cpu_us, ..Figures::new(waits, took) })
}

/// The waits of one client while it counted, and its failures of the whole run.
async fn turns<C: Client>(mut client: C, phase: Arc<AtomicU8>) -> (Vec<Duration>, Vec<Error>) {
    let (mut waits, mut failures) = (Vec::new(), Vec::new());
    while phase.load(Ordering::Relaxed) != OVER {
        let asked = Instant::now();
        let answered = client.ask().await;
        // What ends after the run would count a piece of time that no run had.
        match answered {
            Ok(()) if phase.load(Ordering::Relaxed) == COUNTING => waits.push(asked.elapsed()),
            Ok(()) => {}
            Err(failure) => {
                failures.push(failure);
                // Whoever is refused at once must not spin.
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
        }
    }
    (waits, failures)
}

impl Figures {
    #[allow(clippy::cast_precision_loss)]
    pub(crate) fn new(mut waits: Vec<Duration>, took: Duration) -> Figures {
        waits.sort_unstable();
        Figures {
            rate: waits.len() as f64 / took.as_secs_f64(),
            p50_ms: percentile_ms(&waits, 50),
            p99_ms: percentile_ms(&waits, 99),
            cpu_us: f64::NAN,
        }
    }
}

/// A percentile of sorted waits by nearest rank, in milliseconds.
pub(crate) fn percentile_ms(sorted: &[Duration], percent: usize) -> f64 {
    let rank = (sorted.len() * percent).div_ceil(100).saturating_sub(1);
    sorted.get(rank).map_or(f64::NAN, |wait| wait.as_secs_f64() * 1000.0)
}

impl Runs {
    pub(crate) fn push(&mut self, figures: Figures) {
        self.rates.push(figures.rate);
        self.p50_ms.push(figures.p50_ms);
        self.p99_ms.push(figures.p99_ms);
        self.cpu_us.push(figures.cpu_us);
    }

    /// Adds the medians over the runs; nothing if there were none.
    pub(crate) fn report(&self, name: &str, report: &mut Report) {
        if self.rates.is_empty() {
            return;
        }
        report.add(name, median(self.rates.clone()), "1/s", None);
        report.add(format!("{name}, wait p50"), median(self.p50_ms.clone()), "ms", None);
        report.add(format!("{name}, wait p99"), median(self.p99_ms.clone()), "ms", None);
        let cpu_us = median(self.cpu_us.clone());
        if !cpu_us.is_nan() {
            report.add(format!("{name}, server CPU"), cpu_us, "us", None);
        }
    }

    /// Adds how many times the rate of the other it was, run by run: neighbours in time saw the same machine.
    pub(crate) fn report_over(&self, other: &Runs, name: &str, target: Option<Target>, report: &mut Report) {
        let shares: Vec<f64> =
            self.rates.iter().zip(&other.rates).map(|(ours, theirs)| ours / theirs).collect();
        if !shares.is_empty() {
            report.add(name, median(shares), "x", target);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_waits_that_somebody_had() {
        let waits: Vec<Duration> = (1..=200).map(Duration::from_millis).collect();
        let of = |percent| percentile_ms(&waits, percent).round();
        assert_eq!([of(0), of(50), of(99), of(100)], [1.0, 100.0, 198.0, 200.0]);
        assert!(percentile_ms(&[], 50).is_nan());
    }
}
