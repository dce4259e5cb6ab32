//! client_credentials with ES256: server CPU per request and requests per second, beside the bare handler.

use crate::Error;
use crate::http::{Client, basic};
use crate::process::{Process, credentials, ready};
use crate::report::{Report, Target, median};
use std::path::Path;
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

const PORT: u16 = 28_080;
const BARE_PORT: u16 = 28_090;
const CONNECTIONS: usize = 16;
const RUNS: usize = 3;

pub(crate) async fn measure(conclave: &Path, run: Duration, report: &mut Report) -> Result<(), Error> {
    let data = tempfile::tempdir()?;
    let demo = Process::demo(conclave, data.path(), PORT)?;
    ready(&format!("http://127.0.0.1:{}/ready", PORT + 2)).await?;
    let bare = Process::start(Command::new(std::env::current_exe()?).arg("bare").arg(BARE_PORT.to_string()))?;
    ready(&format!("http://127.0.0.1:{BARE_PORT}/ready")).await?;
    let known = credentials(data.path())?;
    let text = |name: &str| known["service"][name].as_str().unwrap_or_default().to_owned();
    let ours = basic(&text("client_id"), &text("client_secret"));
    let url = format!("{}/oauth/v2/token", known["issuer"].as_str().unwrap_or_default());
    let bare_url = format!("http://127.0.0.1:{BARE_PORT}/token");
    let bare_auth = basic("bare", "bare");
    let mut figures: [Vec<f64>; 4] = Default::default();
    for _ in 0..RUNS {
        let (rate, cpu) = load(&demo, &url, &ours, run).await?;
        let (bare_rate, bare_cpu) = load(&bare, &bare_url, &bare_auth, run).await?;
        for (runs, figure) in figures.iter_mut().zip([rate, cpu, bare_rate, bare_cpu]) {
            runs.push(figure);
        }
    }
    let [rate, cpu, bare_rate, bare_cpu] = figures.map(median);
    report.add("client_credentials ES256, requests", rate, "1/s", None);
    report.add("client_credentials ES256, server CPU", cpu, "us", None);
    report.add("bare handler, requests", bare_rate, "1/s", None);
    report.add("bare handler, server CPU", bare_cpu, "us", None);
    report.add("client_credentials CPU over bare", cpu / bare_cpu, "x", Some(Target::AtMost(1.6)));
    bare.stop()?;
    demo.stop()
}

/// Requests per second, and server CPU-microseconds for each.
async fn load(server: &Process, url: &str, authorization: &str, run: Duration) -> Result<(f64, f64), Error> {
    let stop = Arc::new(AtomicBool::new(false));
    let count = Arc::new(AtomicU64::new(0));
    let mut tasks = Vec::new();
    for _ in 0..CONNECTIONS {
        let (stop, count) = (Arc::clone(&stop), Arc::clone(&count));
        let (url, authorization) = (url.to_owned(), authorization.to_owned());
        tasks.push(tokio::spawn(async move {
            let client = Client::new();
            while !stop.load(Ordering::Relaxed) {
                let body = "grant_type=client_credentials&scope=openid".to_owned();
                let answer = client.form(&url, &[("authorization", &authorization)], body).await?;
                if answer.status != 200 {
                    return Err(format!("{url} answered {}: {:?}", answer.status, answer.body).into());
                }
                count.fetch_add(1, Ordering::Relaxed);
            }
            Ok::<(), Error>(())
        }));
    }
    // Connections and caches are warm before anything is counted.
    tokio::time::sleep(run / 4).await;
    let (from, cpu_from, begun) = (count.load(Ordering::Relaxed), server.cpu_micros()?, Instant::now());
    tokio::time::sleep(run).await;
    let (to, cpu_to, took) = (count.load(Ordering::Relaxed), server.cpu_micros()?, begun.elapsed());
    stop.store(true, Ordering::Relaxed);
    for task in tasks {
        task.await??;
    }
    #[allow(clippy::cast_precision_loss)]
    let requests = (to - from) as f64;
    Ok((requests / took.as_secs_f64(), (cpu_to - cpu_from) / requests))
}
