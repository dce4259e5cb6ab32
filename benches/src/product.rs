//! Three nodes through the whole product: tokens of each kind of node, memory, the start.

use crate::demo::Demo;
use crate::load::{self, Runs};
use crate::process::resident_mb;
use crate::report::{Report, Target, median};
use crate::tokens::Asker;
use crate::{Error, demo};
use std::path::Path;
use std::time::Duration;

const PORT: u16 = 28_400;
const RUNS: usize = 3;
const STARTS: usize = 5;
const CONNECTIONS: usize = 16;

pub(crate) async fn measure(conclave: &Path, run: Duration, report: &mut Report) -> Result<(), Error> {
    start(conclave, report).await?;
    let data = tempfile::tempdir_in("target")?;
    let (demo, _) = Demo::start(conclave, data.path(), PORT).await?;
    let (at, leader) = demo.leader().await?;
    let follower = demo.nodes()?.swap_remove(usize::from(at == 0));
    let path = "/oauth/v2/token";
    let ways = [
        ("the leader", leader.public(path)),
        ("a follower", follower.public(path)),
        ("the edge", format!("{}{path}", demo.issuer())),
    ];
    let (host, authorization) = (demo.issuer().trim_start_matches("http://"), demo.authorization("service"));
    let mut shown: [Runs; 3] = Default::default();
    for _ in 0..RUNS {
        for ((_, url), runs) in ways.iter().zip(&mut shown) {
            let askers = (0..CONNECTIONS).map(|_| Asker::new(url, host, &authorization));
            runs.push(load::run(askers.collect(), run).await?);
        }
    }
    for ((way, _), runs) in ways.iter().zip(&shown) {
        runs.report(&format!("three nodes: client_credentials through {way}"), report);
    }
    demo.stop()
}

/// The first start on empty folders, later starts, and the memory after them.
async fn start(conclave: &Path, report: &mut Report) -> Result<(), Error> {
    let (mut first, mut later, mut memory) = (Vec::new(), Vec::new(), Vec::new());
    for _ in 0..STARTS {
        let data = tempfile::tempdir_in("target")?;
        let (demo, took) = Demo::start(conclave, data.path(), PORT).await?;
        first.push(took);
        demo.leader().await?;
        let of_each: Result<Vec<f64>, Error> = demo.nodes()?.iter().map(demo_memory).collect();
        memory.push(of_each?.into_iter().fold(0.0, f64::max));
        demo.stop()?;
        let (demo, took) = Demo::start(conclave, data.path(), PORT).await?;
        later.push(took);
        demo.stop()?;
    }
    report.add("three nodes: first start to ready", median(first), "ms", Some(Target::AtMost(3000.0)));
    report.add("three nodes: later start to ready", median(later), "ms", Some(Target::AtMost(3000.0)));
    let name = "three nodes: resident memory, the largest node";
    report.add(name, median(memory), "MB", Some(Target::AtMost(75.0)));
    Ok(())
}

fn demo_memory(node: &demo::Node) -> Result<f64, Error> {
    resident_mb(node.pid)
}
