//! Three nodes on this machine, driven through the same clients as three etcd beside them, in turn.
//!
//! What both do for one write: take 256 bytes over gRPC without TLS, agree on them between three processes, sync them
//! to two disks at least, and answer. Ours make an organization of them, with its domain, search rows and audit entry,
//! and talk to each other over mutual TLS; etcd's put them into their tree and talk in the clear.

mod client;
mod etcd;
mod members;
mod messages;
mod trio;

pub(crate) mod member;

use crate::Error;
use crate::disk::fdatasync;
use crate::load::Runs;
use crate::report::{Report, Target, median};
use std::time::Duration;
use trio::{Spread, Trio};

const RUNS: usize = 3;
const CLIENTS: [usize; 3] = [1, 16, 128];
/// How many times etcd's rate is wanted for each; none at 16.
const WRITES_OVER_ETCD: [Option<f64>; 3] = [Some(1.0), None, Some(1.5)];
const WRITERS_AT_LEADER: usize = 128;
const READERS: usize = 128;
const READS_OVER_ETCD: f64 = 2.0;

/// Which systems to measure.
#[derive(Clone, Copy)]
pub(crate) struct Systems {
    pub(crate) ours: bool,
    pub(crate) etcd: bool,
}

/// A system and what it showed; without nodes it is left out.
struct Subject {
    name: &'static str,
    trio: Option<Trio>,
    writes: [Runs; CLIENTS.len()],
    at_leader: Runs,
    reads: Runs,
    /// Commands in each entry of the log under the most clients; of ours only.
    packed: Vec<f64>,
}

pub(crate) async fn measure(systems: Systems, run: Duration, report: &mut Report) -> Result<(), Error> {
    // Beside the build, so that it is the disk that holds data and not a tmpfs.
    let folder = tempfile::tempdir_in("target")?;
    let ours = if systems.ours { Some(members::start(folder.path()).await?) } else { None };
    let etcd =
        if systems.etcd && etcd::is_installed() { Some(etcd::start(folder.path()).await?) } else { None };
    if systems.etcd && etcd.is_none() {
        report.note(etcd::MISSING);
    }
    let (mut ours, mut etcd) = (Subject::new("three nodes", ours), Subject::new("etcd", etcd));
    let mut disk = Runs::default();
    for _ in 0..RUNS {
        disk.push(fdatasync(&folder.path().join("sync"), run)?);
        for at in 0..CLIENTS.len() {
            ours.write(at, run).await?;
            etcd.write(at, run).await?;
        }
        ours.write_at_leader(run).await?;
        etcd.write_at_leader(run).await?;
        ours.read(run).await?;
        etcd.read(run).await?;
    }
    disk.report("fdatasync of 4 KiB beside them", report);
    ours.report(report);
    etcd.report(report);
    compare(&ours, &etcd, report);
    ours.stop()?;
    etcd.stop()
}

fn compare(ours: &Subject, etcd: &Subject, report: &mut Report) {
    for (at, clients) in CLIENTS.into_iter().enumerate() {
        let target = WRITES_OVER_ETCD[at].map(Target::AtLeast);
        let name = format!("durable writes over etcd, {}", of(clients));
        ours.writes[at].report_over(&etcd.writes[at], &name, target, report);
    }
    let name = format!("durable writes at the leader over etcd, {}", of(WRITERS_AT_LEADER));
    ours.at_leader.report_over(&etcd.at_leader, &name, None, report);
    let name = format!("linearizable reads over etcd, {}", of(READERS));
    ours.reads.report_over(&etcd.reads, &name, Some(Target::AtLeast(READS_OVER_ETCD)), report);
}

impl Subject {
    fn new(name: &'static str, trio: Option<Trio>) -> Subject {
        Subject {
            name,
            trio,
            writes: Default::default(),
            at_leader: Runs::default(),
            reads: Runs::default(),
            packed: Vec::new(),
        }
    }

    async fn write(&mut self, at: usize, run: Duration) -> Result<(), Error> {
        let Some(trio) = &self.trio else { return Ok(()) };
        let (_, before) = trio.leader().await?;
        self.writes[at].push(trio.writes(Spread::All, CLIENTS[at], run).await?);
        let (_, after) = trio.leader().await?;
        // A leader that changed meanwhile has counted from elsewhere.
        let entries = after.entries.saturating_sub(before.entries);
        if at + 1 == CLIENTS.len() && before.leader == after.leader && entries > 0 {
            #[allow(clippy::cast_precision_loss)]
            self.packed.push(after.commands.saturating_sub(before.commands) as f64 / entries as f64);
        }
        Ok(())
    }

    async fn write_at_leader(&mut self, run: Duration) -> Result<(), Error> {
        if let Some(trio) = &self.trio {
            self.at_leader.push(trio.writes(Spread::Leader, WRITERS_AT_LEADER, run).await?);
        }
        Ok(())
    }

    async fn read(&mut self, run: Duration) -> Result<(), Error> {
        if let Some(trio) = &self.trio {
            self.reads.push(trio.reads(READERS, run).await?);
        }
        Ok(())
    }

    fn report(&self, report: &mut Report) {
        for (clients, runs) in CLIENTS.into_iter().zip(&self.writes) {
            runs.report(&format!("{}: durable writes, {}", self.name, of(clients)), report);
        }
        let name = format!("{}: durable writes at the leader, {}", self.name, of(WRITERS_AT_LEADER));
        self.at_leader.report(&name, report);
        self.reads.report(&format!("{}: linearizable reads, {}", self.name, of(READERS)), report);
        if !self.packed.is_empty() {
            let name = format!("{}: commands in an entry, {}", self.name, of(READERS));
            report.add(name, median(self.packed.clone()), "", Some(Target::AtLeast(4.0)));
        }
    }

    fn stop(self) -> Result<(), Error> {
        self.trio.map_or(Ok(()), Trio::stop)
    }
}

fn of(clients: usize) -> String {
    if clients == 1 { "1 client".to_owned() } else { format!("{clients} clients") }
}
