//! Three nodes on this machine, driven through the same clients as three etcd beside them, in turn.
//!
//! What both do for one request: take 256 bytes over gRPC without TLS, agree on them between three processes, sync
//! them to two disks at least, and answer. Ours run `identity`'s commands behind it and talk to each other over mutual
//! TLS; etcd's write into its tree and talk in the clear.

mod client;
mod etcd;
mod messages;
mod trio;

use crate::Error;
use crate::disk::fdatasync;
use crate::load::Runs;
use crate::report::Report;
use std::time::Duration;
use trio::Trio;

const RUNS: usize = 3;
const CLIENTS: [usize; 3] = [1, 16, 128];
const READERS: usize = 128;

/// What a system showed.
#[derive(Default)]
struct Shown {
    puts: [Runs; CLIENTS.len()],
    gets: Runs,
}

pub(crate) async fn measure(run: Duration, report: &mut Report) -> Result<(), Error> {
    // Beside the build, so that it is the disk that holds data and not a tmpfs.
    let folder = tempfile::tempdir_in("target")?;
    let etcd = if etcd::is_installed() {
        Some(etcd::start(folder.path()).await?)
    } else {
        report.note(etcd::MISSING);
        None
    };
    let mut disk = Runs::default();
    let mut theirs = Shown::default();
    for _ in 0..RUNS {
        disk.push(fdatasync(&folder.path().join("sync"), run)?);
        for (at, clients) in CLIENTS.into_iter().enumerate() {
            theirs.put(at, clients, etcd.as_ref(), run).await?;
        }
        theirs.get(etcd.as_ref(), run).await?;
    }
    disk.report("fdatasync of 4 KiB beside the clusters", report);
    theirs.report("etcd", report);
    if let Some(etcd) = etcd {
        etcd.stop()?;
    }
    Ok(())
}

impl Shown {
    async fn put(
        &mut self,
        at: usize,
        clients: usize,
        trio: Option<&Trio>,
        run: Duration,
    ) -> Result<(), Error> {
        if let Some(trio) = trio {
            self.puts[at].push(trio.puts(clients, run).await?);
        }
        Ok(())
    }

    async fn get(&mut self, trio: Option<&Trio>, run: Duration) -> Result<(), Error> {
        if let Some(trio) = trio {
            self.gets.push(trio.gets(READERS, run).await?);
        }
        Ok(())
    }

    fn report(&self, system: &str, report: &mut Report) {
        for (clients, runs) in CLIENTS.into_iter().zip(&self.puts) {
            runs.report(&format!("{system}: durable writes, {clients} clients"), report);
        }
        self.gets.report(&format!("{system}: linearizable reads, {READERS} clients"), report);
    }
}
