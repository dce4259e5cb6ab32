//! Memory with an empty state, and the time from start to ready after a clean stop.

use crate::Error;
use crate::process::{Process, node_ready, ready};
use crate::report::{Report, Target, median};
use std::path::Path;

const PORT: u16 = 28_110;
const RUNS: usize = 5;

pub(crate) async fn measure(conclave: &Path, report: &mut Report) -> Result<(), Error> {
    let data = tempfile::tempdir()?;
    let url = node_ready(PORT);
    let first = Process::node(conclave, data.path(), PORT).await?;
    ready(&url).await?;
    first.stop()?;
    let (mut times, mut memory) = (Vec::new(), Vec::new());
    for _ in 0..RUNS {
        let again = Process::node(conclave, data.path(), PORT).await?;
        times.push(ready(&url).await?);
        memory.push(again.resident_mb()?);
        again.stop()?;
    }
    report.add("resident memory, the demo's few records", median(memory), "MB", Some(Target::AtMost(60.0)));
    report.add("start to ready after a clean stop", median(times), "ms", Some(Target::AtMost(300.0)));
    Ok(())
}
