//! Opening the log: its files judged, its identity compared, its content found.

use std::path::Path;

use rocksdb::{DB, DBCompressionType, DBRecoveryMode, WriteBatch, WriteOptions};

use crate::codec::meta;
use crate::error::Part;
use crate::log::ledger::Ledger;
use crate::log::scan;
use crate::log::tail::Tail;
use crate::log::wal::{self, Ending};
use crate::{Error, NodeIdentity, Options, atomic_file, options};

/// Makes the empty log of a new data folder. One that is there already is replaced only if nothing was ever written
/// to it but an identity: a folder whose making was interrupted.
pub(crate) fn create(path: &Path, identity: &NodeIdentity) -> Result<(), Error> {
    atomic_file::make_folder(path)?;
    let mut options = rocks_options(&Options::default());
    options.create_if_missing(true);
    let name = |e| Error::rocks(Part::Log, "making the log in", path, e);
    let db = DB::open(&options, path).map_err(name)?;
    let mut rows = db.raw_iterator();
    rows.seek_to_first();
    while let Some(key) = rows.key() {
        if key != meta::LOG_IDENTITY {
            return Err(scan::damaged(
                path,
                "it holds entries, but the folder's node.json is missing".into(),
            ));
        }
        rows.next();
    }
    rows.status().map_err(name)?;
    let mut batch = WriteBatch::default();
    batch.put(meta::LOG_IDENTITY, meta::encode_identity(identity));
    let mut synced = WriteOptions::default();
    synced.set_sync(true);
    db.write_opt(batch, &synced).map_err(name)
}

/// Opens an existing log of this identity.
pub(crate) fn open(path: &Path, identity: &NodeIdentity, options: &Options) -> Result<DB, Error> {
    check_ending(path)?;
    let db = DB::open(&rocks_options(options), path)
        .map_err(|e| Error::rocks(Part::Log, "opening the log in", path, e))?;
    check_identity(&db, path, identity)?;
    Ok(db)
}

/// Refuses a log of another identity, or of none.
pub(crate) fn check_identity(db: &DB, path: &Path, identity: &NodeIdentity) -> Result<(), Error> {
    match scan::read_row(db, path, meta::LOG_IDENTITY, meta::decode_identity)? {
        Some(found) => identity.expect(&found, path),
        None => Err(scan::damaged(path, "the row identity is missing".into())),
    }
}

/// The ledger of a log that was just opened.
pub(crate) fn ledger(found: &scan::Found, options: &Options) -> Ledger {
    let (purged, purged_end) = found.purged.map_or((None, 0), |(id, end)| (Some(id), end));
    let (before, before_end) = found.before.map_or((purged, purged_end), |(id, end)| (Some(id), end));
    let mut tail = Tail::new(options.tail_bytes(), before, before_end);
    for entry in &found.newest {
        tail.push(entry.clone(), 0);
    }
    tail.evict(0);
    Ledger {
        tail,
        vote: found.vote,
        committed: found.committed,
        purged,
        purged_end,
        first: found.first,
        failed: None,
        submitted: 0,
        synced: 0,
    }
}

/// Refuses a log whose last record is torn or which is damaged before it; warns of one that was cut short.
pub(crate) fn check_ending(path: &Path) -> Result<(), Error> {
    match wal::judge_newest(path)? {
        None | Some((_, Ending::Clean)) => Ok(()),
        Some((file, Ending::Short { offset })) => {
            tracing::warn!(file = %file.display(), offset, "the last record was cut short by a crash and is dropped");
            Ok(())
        }
        Some((file, Ending::Torn { offset })) => Err(Error::TornTail { path: file, offset }),
        Some((file, Ending::Damaged { offset })) => Err(Error::CorruptLog {
            path: file,
            detail: format!("wrong bytes at {offset}, with records after them"),
        }),
    }
}

/// RocksDB for the log. The default recovery would drop everything after the first wrong record, votes and
/// acknowledged entries among it; this one drops a last record that was cut short and refuses everything else.
pub(crate) fn rocks_options(chosen: &Options) -> rocksdb::Options {
    let mut to = options::rocks_base(chosen);
    to.set_wal_recovery_mode(DBRecoveryMode::TolerateCorruptedTailRecords);
    to.set_track_and_verify_wals_in_manifest(true);
    to.set_wal_bytes_per_sync(0);
    to.set_compression_type(DBCompressionType::None);
    to.set_write_buffer_size(chosen.log_memtable_bytes());
    to.set_max_write_buffer_number(2);
    to.set_write_buffer_manager(chosen.log_memtables());
    to.set_block_based_table_factory(&options::tables(chosen, None));
    to
}
