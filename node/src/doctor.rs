//! `conclave doctor`: looks at what a node needs, and with `--deep` at every byte of a stopped node's folder.
//!
//! It changes nothing. The exit code is that of the first thing that is wrong.

use crate::config::Config;
use crate::exit::{Class, Failure, Outcome, storage_class};
use crate::output::{self, Form};
use crate::{folder, listener};
use rustix::fs::{FlockOperation, flock, statvfs};
use std::fs::File;
use std::path::{Path, PathBuf};
use storage::NodeIdentity;

/// Less free space than this is worth a word.
const FREE_BYTES_LOW: u64 = 1 << 30;

/// One thing that was looked at.
struct Finding {
    what: &'static str,
    /// What is wrong, if anything.
    wrong: Option<Class>,
    detail: String,
}

fn well(what: &'static str, detail: impl ToString) -> Finding {
    Finding { what, wrong: None, detail: detail.to_string() }
}

fn bad(what: &'static str, failure: &Failure) -> Finding {
    Finding { what, wrong: Some(failure.class), detail: failure.text.clone() }
}

/// Looks, prints, and fails with the first thing that is wrong.
pub(crate) async fn run(config: &Config, deep: bool, form: Form) -> Outcome<()> {
    let mut findings = vec![well("configuration", "sound")];
    let dir = config.data_dir.clone();
    match NodeIdentity::read(&dir) {
        Ok(Some(identity)) => {
            findings.push(well("data folder", identity));
            findings.push(key(config).await);
            findings.push(lock(&dir));
        }
        Ok(None) => findings.push(bad(
            "data folder",
            &Failure::new(
                Class::NoData,
                format_args!(
                    "{} holds no node: `conclave init` begins a cluster in it, `conclave join` makes it a member of \
                     one that runs; or correct data_dir",
                    dir.display()
                ),
            ),
        )),
        Err(error) => findings.push(bad("data folder", &error.into())),
    }
    findings.push(space(&dir));
    let in_use = findings.iter().any(|finding| finding.wrong == Some(Class::Locked));
    // A running node holds its own addresses.
    if !in_use {
        findings.push(port("public.listen", config.public_listen).await);
        findings.push(port("peers.listen", config.peers_listen).await);
        findings.push(port("operations.listen", config.operations_listen).await);
    }
    if deep && !in_use {
        findings.extend(contents(dir).await?);
    }
    print(form, &findings);
    match findings.iter().find_map(|finding| Some((finding.wrong?, finding))) {
        None => Ok(()),
        Some((class, finding)) => {
            Err(Failure::new(class, format_args!("{}: {}", finding.what, finding.detail)))
        }
    }
}

async fn key(config: &Config) -> Finding {
    match folder::open(config).await {
        Ok(_) => well("master key", "opens the cluster key"),
        Err(failure) => bad("master key", &failure),
    }
}

/// Whether a node has the folder open. The lock is taken and given back, and no file is made for it.
fn lock(dir: &Path) -> Finding {
    let path = dir.join("LOCK");
    let taken = File::open(&path).map(|file| flock(&file, FlockOperation::NonBlockingLockShared));
    match taken {
        Ok(Err(rustix::io::Errno::WOULDBLOCK)) => {
            bad("lock", &storage::Error::Locked { path: dir.to_path_buf() }.into())
        }
        Ok(_) | Err(_) => well("lock", "no process has the folder open"),
    }
}

fn space(dir: &Path) -> Finding {
    // Of a folder that does not exist yet, the file system is the one of its nearest ancestor.
    let mut place: PathBuf = dir.to_path_buf();
    while !place.exists() && place.pop() {}
    if place.as_os_str().is_empty() {
        place = PathBuf::from(".");
    }
    match statvfs(&place) {
        Err(error) => bad("disk space", &Failure::new(Class::Io, error)),
        Ok(found) => {
            let free = found.f_bavail.saturating_mul(found.f_frsize);
            let mib = free >> 20;
            let low = if free < FREE_BYTES_LOW { ": that is little; give it 1 GiB at least" } else { "" };
            well("disk space", format_args!("{mib} MiB free{low}"))
        }
    }
}

async fn port(what: &'static str, address: std::net::SocketAddr) -> Finding {
    match listener::bind(what, address).await {
        Ok(_) => well(what, format_args!("{address} is free")),
        Err(failure) => bad(what, &failure),
    }
}

async fn contents(dir: PathBuf) -> Outcome<Vec<Finding>> {
    let checked = tokio::task::spawn_blocking(move || storage::doctor::deep_check(&dir));
    let report = match checked.await.map_err(Failure::other)? {
        Ok(report) => report,
        Err(error) => return Ok(vec![bad("contents", &error.into())]),
    };
    let applied = report.applied.as_ref().and_then(|applied| applied.log);
    let mut findings: Vec<Finding> = report
        .problems
        .iter()
        .map(|error| bad("contents", &Failure::new(storage_class(error), error)))
        .collect();
    let hash = report.logical_hash.map_or("none".to_owned(), |hash| crypto::hex(&hash));
    findings.push(well(
        "contents",
        format_args!(
            "{} entries in the log, {} rows applied up to {}, {} snapshots, logical hash {hash}",
            report.entries,
            report.rows,
            applied.map_or("nothing".to_owned(), |id| id.to_string()),
            report.snapshots
        ),
    ));
    Ok(findings)
}

fn print(form: Form, findings: &[Finding]) {
    let row = |finding: &Finding| {
        let verdict = if finding.wrong.is_some() { "WRONG" } else { "ok" };
        [finding.what.to_owned(), verdict.to_owned(), finding.detail.clone()]
    };
    let rows: Vec<[String; 3]> = findings.iter().map(row).collect();
    output::rows(form, ["check", "verdict", "detail"], &rows);
}
