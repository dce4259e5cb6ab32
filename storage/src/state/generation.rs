//! One folder of state, `state/gen-N`. Installing a snapshot makes the next one and moves `state/CURRENT` to it; the
//! old folder goes when the last view of it does.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use arc_swap::ArcSwap;
use identity::tables::Table;
use rocksdb::{ColumnFamily, DB, ReadOptions, ReadTier, WriteBatch};

use crate::codec::meta;
use crate::error::Part;
use crate::state::{Applied, schema};
use crate::{Error, NodeIdentity, Options, atomic_file};

/// An open generation.
pub(crate) struct Generation {
    // The order of the fields matters: RocksDB is closed before its folder may be removed.
    pub(crate) db: DB,
    folder: Folder,
    pub(crate) number: u64,
    /// The position of the newest batch.
    pub(crate) applied: ArcSwap<Applied>,
}

/// The folder of a generation, removed at the end if it was replaced.
struct Folder {
    path: PathBuf,
    replaced: AtomicBool,
}

impl Generation {
    /// Opens generation `number`; only the first may be made here, all others come from snapshots.
    pub(crate) fn open(
        state: &Path,
        number: u64,
        identity: &NodeIdentity,
        options: &Options,
    ) -> Result<Generation, Error> {
        let path = folder(state, number);
        if number != 1 && !path.is_dir() {
            return Err(Error::CorruptState { path, detail: "its folder is missing".into() });
        }
        let generation = Generation::over(schema::open(&path, options, number == 1)?, path, number)?;
        match read_row(&generation.db, generation.path(), meta::STATE_IDENTITY, meta::decode_identity)? {
            Some(found) => identity.expect(&found, generation.path())?,
            None if number == 1 && generation.applied.load().log.is_none() => {
                generation.write_identity(identity)?
            }
            None => return Err(damaged(generation.path(), "the row identity is missing")),
        }
        Ok(generation)
    }

    /// A generation over an open RocksDB.
    pub(crate) fn over(db: DB, path: PathBuf, number: u64) -> Result<Generation, Error> {
        let applied = read_applied(&db, &path, Part::State, &ReadOptions::default())?;
        let folder = Folder { path, replaced: AtomicBool::new(false) };
        Ok(Generation { db, folder, number, applied: ArcSwap::from(Arc::new(applied)) })
    }

    /// Notes whose state this is, and that its position says nothing about this node's log; both reach the disk.
    pub(crate) fn write_identity(&self, identity: &NodeIdentity) -> Result<(), Error> {
        let mut batch = WriteBatch::default();
        batch.put(meta::STATE_IDENTITY, meta::encode_identity(identity));
        batch.put(meta::LOG_SYNCED, meta::encode_number(0));
        self.commit(batch)?;
        self.flush()?;
        let applied = Applied { log_synced: 0, ..Applied::clone(&self.applied.load()) };
        self.applied.store(Arc::new(applied));
        Ok(())
    }

    pub(crate) fn path(&self) -> &Path {
        &self.folder.path
    }

    /// Marks the folder for removal once nobody uses it.
    pub(crate) fn replace(&self) {
        self.folder.replaced.store(true, Ordering::Release);
    }

    pub(crate) fn family(&self, table: Table) -> Result<&ColumnFamily, Error> {
        let name = schema::family(table);
        self.db
            .cf_handle(name)
            .ok_or_else(|| damaged(self.path(), &format!("the column family {name} is missing")))
    }

    /// What the table files hold: rows that are still in memory are passed over. RocksDB keeps to this because the
    /// state never uses a write-ahead log, and shows files only after its manifest was synced.
    pub(crate) fn durable(&self) -> Result<Applied, Error> {
        let mut options = ReadOptions::default();
        options.set_read_tier(ReadTier::Persisted);
        read_applied(&self.db, self.path(), Part::State, &options)
    }

    /// Flushes all column families in one step and waits for it.
    pub(crate) fn flush(&self) -> Result<(), Error> {
        let mut families = Vec::new();
        for table in Table::ALL {
            families.push(self.family(table)?);
        }
        families.extend(self.db.cf_handle(rocksdb::DEFAULT_COLUMN_FAMILY_NAME));
        let mut options = rocksdb::FlushOptions::default();
        options.set_wait(true);
        self.db
            .flush_cfs_opt(&families, &options)
            .map_err(|e| Error::rocks(Part::State, "flushing the state in", self.path(), e))
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        if self.replaced.load(Ordering::Acquire)
            && let Err(error) = atomic_file::remove_folder(&self.path)
        {
            tracing::warn!(%error, "an old generation was not removed; the next start does it");
        }
    }
}

/// The number that `CURRENT` names. A new state begins with 1, and `CURRENT` says so before anything else is made: a
/// generation without it means that the file was lost, and nothing is removed on that suspicion.
pub(crate) fn choose(state: &Path) -> Result<u64, Error> {
    if let Some(number) = current(state)? {
        return Ok(number);
    }
    let path = state.join(CURRENT);
    if atomic_file::list(state)?.iter().any(|path| number_of(atomic_file::name(path)).is_some()) {
        return Err(damaged(&path, "it is missing, but there are generations"));
    }
    atomic_file::write(&path, current_text(1).as_bytes())?;
    Ok(1)
}

/// The number that `CURRENT` names, if there is that file.
pub(crate) fn current(state: &Path) -> Result<Option<u64>, Error> {
    let path = state.join(CURRENT);
    let Some(bytes) = atomic_file::read(&path)? else { return Ok(None) };
    let number = std::str::from_utf8(&bytes).ok().and_then(|text| number_of(text.strip_suffix('\n')?));
    number.map(Some).ok_or_else(|| damaged(&path, "it does not name a generation"))
}

/// Removes what an install left behind, finished or not: every generation but `number`, and an unfinished `CURRENT`.
pub(crate) fn remove_others(state: &Path, number: u64) -> Result<(), Error> {
    for path in atomic_file::list(state)? {
        let name = atomic_file::name(&path);
        if number_of(name).is_some_and(|other| other != number) {
            atomic_file::remove_folder(&path)?;
        } else if name == CURRENT_TMP {
            std::fs::remove_file(&path).map_err(|e| Error::io("removing", &path, &e))?;
        }
    }
    Ok(())
}

/// The file that names the generation in use.
pub(crate) const CURRENT: &str = "CURRENT";
pub(crate) const CURRENT_TMP: &str = "CURRENT.tmp";

pub(crate) fn current_text(number: u64) -> String {
    format!("gen-{number}\n")
}

pub(crate) fn folder(state: &Path, number: u64) -> PathBuf {
    state.join(format!("gen-{number}"))
}

fn number_of(name: &str) -> Option<u64> {
    name.strip_prefix("gen-")?.parse().ok()
}

/// The position that a state's rows name.
pub(crate) fn read_applied(
    db: &DB,
    path: &Path,
    part: Part,
    options: &ReadOptions,
) -> Result<Applied, Error> {
    let name = |e| Error::rocks(part, "reading the state in", path, e);
    // This one first: if a flush comes between the two reads, it is too low and not too high.
    let log_synced = db.get_opt(meta::LOG_SYNCED, options).map_err(name)?;
    let log_synced = log_synced.map_or(Some(0), |bytes| meta::decode_number(&bytes));
    let applied = db.get_opt(meta::APPLIED, options).map_err(name)?;
    decode(log_synced, applied)
        .ok_or_else(|| Error::corrupt(part, path.to_path_buf(), "the row applied is unreadable".into()))
}

fn decode(log_synced: Option<u64>, applied: Option<Vec<u8>>) -> Option<Applied> {
    let log_synced = log_synced?;
    match applied {
        Some(bytes) => meta::decode_applied(&bytes, log_synced),
        None => Some(Applied { log_synced, ..Applied::default() }),
    }
}

/// A row of this crate's own in a state.
pub(crate) fn read_row<T>(
    db: &DB,
    path: &Path,
    key: &[u8],
    decode: impl Fn(&[u8]) -> Option<T>,
) -> Result<Option<T>, Error> {
    let bytes = db.get(key).map_err(|e| Error::rocks(Part::State, "reading the state in", path, e))?;
    let Some(bytes) = bytes else { return Ok(None) };
    let unreadable = || damaged(path, &format!("the row {} is unreadable", String::from_utf8_lossy(key)));
    decode(&bytes).map(Some).ok_or_else(unreadable)
}

fn damaged(path: &Path, detail: &str) -> Error {
    Error::CorruptState { path: path.to_path_buf(), detail: detail.to_owned() }
}
