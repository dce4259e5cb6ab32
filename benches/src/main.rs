//! Measures Conclave beside what the machine itself can do, interleaved, because machines drift: only runs of one
//! session compare. Prints a table and writes the same numbers as JSON.
//!
//! `make bench` builds everything with the release profile and runs all of it.

// A bench reads the system's clock and environment: that is its work.
#![allow(clippy::disallowed_methods)]

mod bare;
mod bulk;
mod cluster;
mod commands;
mod demo;
mod directory;
mod disk;
mod engine;
mod failover;
mod http;
mod load;
mod passwords;
mod process;
mod product;
mod report;
mod start;
mod tokens;

use clap::{Parser, Subcommand};
use cluster::Systems;
use report::Report;
use std::path::PathBuf;
use std::time::Duration;

type Error = Box<dyn std::error::Error + Send + Sync>;

/// Measures Conclave beside what the machine itself can do.
#[derive(Parser)]
struct Arguments {
    /// The `conclave` binary to measure.
    #[arg(long, default_value = "target/release/conclave")]
    conclave: PathBuf,
    /// Seconds of each run.
    #[arg(long, default_value_t = 4)]
    seconds: u64,
    /// How often the leader is killed, and how often it is stopped in order.
    #[arg(long, default_value_t = 20)]
    ends: usize,
    /// How many users the large directory has.
    #[arg(long, default_value_t = 1_000_000)]
    users: u64,
    /// Where the numbers go as JSON.
    #[arg(long, default_value = "target/bench.json")]
    json: PathBuf,
    /// Measure only these, separated by commas.
    #[arg(long, value_delimiter = ',')]
    only: Vec<Only>,
    #[command(subcommand)]
    part: Option<Part>,
}

#[derive(Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Only {
    Tokens,
    Passwords,
    Commands,
    Start,
    /// Three nodes, without HTTP.
    ThreeNodes,
    /// Debian's etcd beside them.
    Etcd,
    /// Three nodes through the whole product.
    Product,
    Failover,
    /// Users through the management API of three nodes.
    Bulk,
    /// Lists and searches in a large directory.
    Directory,
}

#[derive(Subcommand)]
enum Part {
    /// Serves the bare handler that token requests are compared with.
    #[command(hide = true)]
    Bare { port: u16 },
    /// Runs a node without HTTP that answers etcd's messages.
    #[command(hide = true)]
    Member(cluster::member::Arguments),
}

fn main() -> Result<(), Error> {
    let arguments = Arguments::parse();
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    match arguments.part {
        Some(Part::Bare { port }) => return runtime.block_on(bare::serve(port)),
        Some(Part::Member(arguments)) => return cluster::member::run(&runtime, &arguments),
        None => {}
    }
    let run = Duration::from_secs(arguments.seconds.max(1));
    let wanted = |part: Only| arguments.only.is_empty() || arguments.only.contains(&part);
    let mut report = Report::default();
    runtime.block_on(async {
        if wanted(Only::Start) {
            start::measure(&arguments.conclave, &mut report).await?;
        }
        if wanted(Only::Tokens) {
            tokens::measure(&arguments.conclave, run, &mut report).await?;
        }
        if wanted(Only::Passwords) {
            passwords::measure(&arguments.conclave, run, &mut report).await?;
        }
        if wanted(Only::Commands) {
            commands::measure(run, &mut report).await?;
        }
        let systems = Systems { ours: wanted(Only::ThreeNodes), etcd: wanted(Only::Etcd) };
        if systems.ours || systems.etcd {
            cluster::measure(systems, run, &mut report).await?;
        }
        if wanted(Only::Product) {
            product::measure(&arguments.conclave, run, &mut report).await?;
        }
        if wanted(Only::Failover) {
            failover::measure(&arguments.conclave, arguments.ends.max(1), &mut report).await?;
        }
        if wanted(Only::Bulk) {
            bulk::measure(&arguments.conclave, &mut report).await?;
        }
        if wanted(Only::Directory) {
            directory::measure(arguments.users, &mut report).await?;
        }
        Ok::<(), Error>(())
    })?;
    report.print();
    report.write(&arguments.json)?;
    Ok(())
}
