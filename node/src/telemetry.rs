//! Log lines and metrics: how the process tells what it does. No line holds a secret, a query or personal data.

use crate::config::{Config, LogFormat};
use metrics_exporter_prometheus::{PrometheusBuilder, PrometheusHandle};
use std::io::IsTerminal;
use std::panic::PanicHookInfo;
use tracing_subscriber::EnvFilter;
use tracing_subscriber::filter::{LevelFilter, ParseError};

/// openraft warns of each heartbeat that finds nobody; what an operator needs of that is an alarm (`alarms`).
const QUIETER: [&str; 2] = ["openraft=error", "rocksdb=warn"];

/// The filter of a level, which may name modules too.
pub(crate) fn filter(level: &str) -> Result<EnvFilter, ParseError> {
    // The library takes any single word for a module; here it is a level, or a mistake.
    for directive in level.split(',') {
        let word = directive.rsplit('=').next().unwrap_or_default();
        word.trim().parse::<LevelFilter>()?;
    }
    let mut text = level.to_owned();
    for directive in QUIETER {
        let module = directive.split('=').next().unwrap_or_default();
        if !level.contains(module) {
            text = format!("{text},{directive}");
        }
    }
    EnvFilter::builder().parse(text)
}

/// Begins to log to standard error. A second call changes nothing.
pub(crate) fn start_logging(config: &Config) {
    // The level was checked with the configuration.
    let filter = filter(&config.log_level).unwrap_or_default();
    let builder = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr);
    let on_terminal = std::io::stderr().is_terminal();
    let text = match config.log_format {
        LogFormat::Text => true,
        LogFormat::Json => false,
        LogFormat::Auto => on_terminal,
    };
    // An error says that somebody logs already, which is what was asked for.
    let _ = if text {
        builder.with_ansi(on_terminal).try_init()
    } else {
        builder.json().flatten_event(true).try_init()
    };
    std::panic::set_hook(Box::new(note_panic));
}

/// A panic is a line and a number like any other fault; its text may quote what it was about, so only debug shows it.
fn note_panic(info: &PanicHookInfo<'_>) {
    metrics::counter!(PANICS).increment(1);
    let place = info.location().map(ToString::to_string).unwrap_or_default();
    tracing::error!(place, "a thread panicked");
    let text = info.payload().downcast_ref::<String>().map(String::as_str);
    let text = text.or_else(|| info.payload().downcast_ref::<&str>().copied());
    tracing::debug!(text, "what the panic said");
}

/// Counts panics of any thread.
pub(crate) const PANICS: &str = "conclave_panics_total";

/// Bounds of durations: from a look-up in memory to the longest request.
const SECONDS: [f64; 11] = [0.000_5, 0.001, 0.002_5, 0.005, 0.01, 0.025, 0.05, 0.1, 0.5, 2.5, 30.0];

/// Begins to gather metrics; the handle renders them. `None` if somebody gathers already.
pub(crate) fn start_metrics() -> Option<PrometheusHandle> {
    let builder = PrometheusBuilder::new().set_buckets(&SECONDS).ok()?;
    let handle = builder.install_recorder().ok()?;
    metrics::describe_counter!(PANICS, "Panics caught in any thread; each is a fault to report.");
    metrics::counter!(PANICS).increment(0);
    Some(handle)
}
