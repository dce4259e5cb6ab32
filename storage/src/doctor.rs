//! A thorough look at a data folder that no node has open: every byte that matters is read and compared.
//!
//! What covers what: RocksDB's checksums cover each block of a table file and each record of its manifest and its
//! write-ahead log; entries of the Raft log carry a checksum of their own; snapshots carry a hash of every file.
//! What no checksum covers carries nothing: RocksDB's `OPTIONS-…` and `IDENTITY` are notes that it never needs, and a
//! byte that changes in them is not found. Within the state's tables a row that the program itself wrote wrongly is
//! found only at the position of a snapshot, by its logical hash; between snapshots, replicas compare digests.

use std::path::Path;

use identity::tables::Table;
use rocksdb::statistics::Ticker;
use rocksdb::{DB, ReadOptions};

use crate::codec::meta;
use crate::error::Part;
use crate::folder::Lock;
use crate::log::wal::{self, Ending};
use crate::log::{open, scan};
use crate::snapshot::{self, Snapshot, build};
use crate::state::hash::LogicalHash;
use crate::state::{generation, schema};
use crate::{Applied, Error, NodeIdentity, Options, atomic_file};

/// What was found.
#[derive(Clone, Debug, Default)]
pub struct Report {
    /// Whose folder it is.
    pub identity: Option<NodeIdentity>,
    /// Entries in the log.
    pub entries: u64,
    /// The state's position.
    pub applied: Option<Applied>,
    /// Rows in the state, all tables together.
    pub rows: u64,
    /// The logical hash of the state, if it could be read.
    pub logical_hash: Option<[u8; 32]>,
    /// Snapshots that were looked at.
    pub snapshots: usize,
    /// What is wrong; empty for a sound folder.
    pub problems: Vec<Error>,
}

impl Report {
    fn note<T>(&mut self, result: Result<T, Error>) -> Option<T> {
        match result {
            Ok(value) => Some(value),
            Err(error) => {
                self.problems.push(error);
                None
            }
        }
    }
}

/// Reads the whole data folder `dir` and changes nothing in it. An error means that it could not be looked at (it is in
/// use, or no data folder); what is wrong with it stands in the report.
pub fn deep_check(dir: &Path) -> Result<Report, Error> {
    let identity = NodeIdentity::read(dir)?.ok_or_else(|| Error::NoIdentity { path: dir.to_path_buf() })?;
    let _log_lock = Lock::take(&dir.join("LOCK"))?;
    let options = Options::default();
    let mut report = Report { identity: Some(identity), ..Report::default() };
    let entries = check_log(&dir.join("log"), &identity, &options);
    report.entries = report.note(entries).unwrap_or_default();
    if dir.join("state").is_dir() {
        let _state_lock = Lock::take(&dir.join("state/LOCK"))?;
        check_state(&mut report, &dir.join("state"), &identity, &options);
    }
    check_snapshots(&mut report, dir, &identity)?;
    Ok(report)
}

/// The log's files, its identity, and every entry: in order, without a gap, with its own checksum.
fn check_log(path: &Path, identity: &NodeIdentity, options: &Options) -> Result<u64, Error> {
    open::check_ending(path)?;
    check_manifest(path, Part::Log)?;
    let opened = DB::open_for_read_only(&open::rocks_options(options), path, false);
    let db = opened.map_err(|e| Error::rocks(Part::Log, "opening the log in", path, e))?;
    open::check_identity(&db, path, identity)?;
    let log = scan::find(&db, path)?;
    let mut entries: u64 = 0;
    scan::each(&db, path, log.first, |_, _| {
        entries = entries.saturating_add(1);
        true
    })?;
    let last = log.newest.last().map(|entry| entry.id.index);
    let expected = last.map_or(0, |last| last.saturating_sub(log.first).saturating_add(1));
    if entries != expected {
        return Err(scan::damaged(path, format!("entry {} is missing", log.first.saturating_add(entries))));
    }
    Ok(entries)
}

/// RocksDB's own manifest has the format of its log files, and an end that was damaged so that it seems cut off would
/// be forgiven.
fn check_manifest(folder: &Path, part: Part) -> Result<(), Error> {
    for path in atomic_file::list(folder)? {
        if !atomic_file::name(&path).starts_with("MANIFEST-") {
            continue;
        }
        let bytes = atomic_file::read(&path)?.unwrap_or_default();
        if wal::judge(&bytes) != Ending::Clean {
            return Err(Error::corrupt(
                part,
                path,
                "RocksDB's manifest does not end after a whole record".into(),
            ));
        }
    }
    Ok(())
}

fn check_state(report: &mut Report, folder: &Path, identity: &NodeIdentity, options: &Options) {
    let number = generation::current(folder).and_then(|number| {
        let missing =
            || Error::corrupt(Part::State, folder.join(generation::CURRENT), "it is missing".into());
        number.ok_or_else(missing)
    });
    let Some(number) = report.note(number) else { return };
    let path = generation::folder(folder, number);
    let checked = check_generation(report, &path, identity, options);
    report.note(checked);
}

/// Every block of every table file through RocksDB's checksums, and the logical hash of the rows.
fn check_generation(
    report: &mut Report,
    path: &Path,
    identity: &NodeIdentity,
    options: &Options,
) -> Result<(), Error> {
    check_manifest(path, Part::State)?;
    let (db, counted) = schema::open_to_examine(path, options)?;
    if let Some(found) = generation::read_row(&db, path, meta::STATE_IDENTITY, meta::decode_identity)? {
        identity.expect(&found, path)?;
    }
    report.applied = Some(generation::read_applied(&db, path, Part::State, &ReadOptions::default())?);
    let reading = || {
        let mut options = ReadOptions::default();
        options.fill_cache(false);
        options
    };
    let mut hash = LogicalHash::new();
    for table in Table::ALL {
        let name = schema::family(table);
        let missing = || {
            Error::corrupt(Part::State, path.to_path_buf(), format!("the column family {name} is missing"))
        };
        let family = db.cf_handle(name).ok_or_else(missing)?;
        let mut rows = db.raw_iterator_cf_opt(family, reading());
        let count = hash.add_all(table, &mut rows, Part::State, path)?;
        report.rows = report.rows.saturating_add(count);
    }
    // This crate's own rows: a look-up reads only the newest file that has the key, a cursor reads them all.
    let mut own = db.raw_iterator_opt(reading());
    own.seek_to_first();
    while own.valid() {
        own.next();
    }
    own.status().map_err(|e| Error::rocks(Part::State, "reading the state in", path, e))?;
    report.logical_hash = Some(hash.finish());
    match counted.get_ticker_count(Ticker::BlockChecksumMismatchCount) {
        0 => Ok(()),
        wrong => Err(Error::corrupt(
            Part::State,
            path.to_path_buf(),
            format!("{wrong} blocks have wrong checksums"),
        )),
    }
}

/// Every file of every snapshot against its manifest; and the state against a snapshot of the same position.
fn check_snapshots(report: &mut Report, dir: &Path, identity: &NodeIdentity) -> Result<(), Error> {
    for path in snapshot::finished(dir)? {
        report.snapshots = report.snapshots.saturating_add(1);
        let checked = Snapshot::open(&path).and_then(|snapshot| check_snapshot(report, &snapshot, identity));
        report.note(checked);
    }
    Ok(())
}

fn check_snapshot(report: &Report, snapshot: &Snapshot, identity: &NodeIdentity) -> Result<(), Error> {
    let manifest = &snapshot.manifest;
    manifest.check_cluster(identity, &snapshot.path)?;
    for file in &manifest.files {
        let path = snapshot.path.join(&file.name);
        if build::hash_file(&path)? != (file.size, file.hash) {
            return Err(snapshot::damaged(&path, "its content is not what the manifest says".into()));
        }
    }
    let same_position = report.applied.as_ref().is_some_and(|applied| applied.log == manifest.position());
    if same_position && report.logical_hash.is_some_and(|hash| hash != manifest.logical_hash) {
        return Err(snapshot::damaged(
            &snapshot.path,
            "its rows are not those of the state at its position".into(),
        ));
    }
    Ok(())
}
