//! Memory with an empty state, and the time from start to ready after a clean stop.

use crate::Error;
use crate::process::{Process, ready};
use crate::report::{Report, Target, median};
use std::path::Path;

const PORT: u16 = 28_110;
const RUNS: usize = 5;

pub(crate) async fn measure(conclave: &Path, report: &mut Report) -> Result<(), Error> {
    let data = tempfile::tempdir()?;
    let url = format!("http://127.0.0.1:{}/ready", PORT + 2);
    let first = Process::demo(conclave, data.path(), PORT)?;
    ready(&url).await?;
    report.add("resident memory, demo's few records", first.resident_mb()?, "MB", Some(Target::AtMost(60.0)));
    first.stop()?;
    let mut times = Vec::new();
    for _ in 0..RUNS {
        let again = Process::demo(conclave, data.path(), PORT)?;
        times.push(ready(&url).await?);
        again.stop()?;
    }
    report.add("start to ready after a clean stop", median(times), "ms", Some(Target::AtMost(300.0)));
    Ok(())
}
