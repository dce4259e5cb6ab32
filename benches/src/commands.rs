//! Durable commands per second through the log of one node, beside fdatasync on a preallocated file of the same disk.

use crate::disk::fdatasync;
use crate::engine::{Engine, organization};
use crate::load::{Client, Runs};
use crate::report::Report;
use crate::{Error, load};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

const RUNS: usize = 3;
const CLIENTS: [usize; 3] = [1, 16, 128];

pub(crate) async fn measure(run: Duration, report: &mut Report) -> Result<(), Error> {
    // Beside the build, so that it is the disk that holds data and not a tmpfs.
    let folder = tempfile::tempdir_in("target")?;
    let engine = Arc::new(Engine::alone(&folder.path().join("node")).await?);
    let next = Arc::new(AtomicU64::new(0));
    let mut syncs = Runs::default();
    let mut commands: [Runs; CLIENTS.len()] = Default::default();
    for _ in 0..RUNS {
        syncs.push(fdatasync(&folder.path().join("sync"), run)?);
        for (count, runs) in CLIENTS.into_iter().zip(&mut commands) {
            let clients =
                (0..count).map(|_| Founder { engine: Arc::clone(&engine), next: Arc::clone(&next) });
            runs.push(load::run(clients.collect(), run).await?);
        }
    }
    syncs.report("fdatasync of 4 KiB, preallocated", report);
    for (clients, runs) in CLIENTS.into_iter().zip(commands) {
        let s = if clients == 1 { "" } else { "s" };
        runs.report(&format!("one node: durable commands, {clients} client{s}"), report);
    }
    Ok(engine.cluster.shutdown().await?)
}

/// Makes a new organization with each request.
struct Founder {
    engine: Arc<Engine>,
    next: Arc<AtomicU64>,
}

impl Client for Founder {
    async fn ask(&mut self) -> Result<(), Error> {
        let number = self.next.fetch_add(1, Ordering::Relaxed);
        self.engine.submit(organization(number, "Bench")?).await
    }
}
