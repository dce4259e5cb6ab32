//! Builds a snapshot: a RocksDB checkpoint, and a manifest of what is really in it.

use std::fs::File;
use std::path::Path;
use std::sync::PoisonError;

use rocksdb::checkpoint::Checkpoint;
use rocksdb::{DB, ReadOptions};

use crate::error::Part;
use crate::snapshot::manifest::{FileEntry, MANIFEST};
use crate::snapshot::{self, BUILDING, Snapshot};
use crate::state::generation;
use crate::state::hash::LogicalHash;
use crate::state::schema;
use crate::{Applied, Error, Manifest, State, atomic_file};

/// Builds a snapshot of the state as it is when the checkpoint is made; writes go on meanwhile.
pub(crate) fn build(state: &State) -> Result<Snapshot, Error> {
    let _only = state.snapshots.lock().unwrap_or_else(PoisonError::into_inner);
    let folder = snapshot::folder(&state.dir);
    atomic_file::make_folder(&folder)?;
    if let Some(latest) = snapshot::latest(&state.dir)?
        && latest.manifest.position() == state.applied().log
    {
        return Ok(latest);
    }
    let building = folder.join(BUILDING);
    atomic_file::remove_folder(&building)?;
    checkpoint(state, &building)?;

    // The state may have moved on since: only the checkpoint says what is in it.
    let (applied, logical_hash) = read(state, &building)?;
    let manifest = Manifest::new(&state.identity, applied, logical_hash, list(&building)?);
    atomic_file::write_synced(&building.join(MANIFEST), &manifest.encode()?)?;
    atomic_file::sync_folder(&building)?;

    let path = folder.join(snapshot::name(manifest.position()));
    // Whatever has this name is unreadable, or it would have been the latest.
    atomic_file::remove_folder(&path)?;
    atomic_file::rename(&building, &path)?;
    snapshot::prune(&state.dir)?;
    Ok(Snapshot { manifest, path })
}

/// RocksDB flushes first: without a write-ahead log the files alone have to hold everything.
fn checkpoint(state: &State, path: &Path) -> Result<(), Error> {
    let generation = state.current.load_full();
    let name = |e| Error::rocks(Part::State, "making a snapshot of", generation.path(), e);
    Checkpoint::new(&generation.db).map_err(name)?.create_checkpoint(path).map_err(name)
}

fn read(state: &State, path: &Path) -> Result<(Applied, [u8; 32]), Error> {
    let db = schema::open_read_only(path, &state.options, Part::Snapshot)?;
    let applied = generation::read_applied(&db, path, Part::Snapshot, &ReadOptions::default())?;
    Ok((applied, logical_hash(&db, path)?))
}

/// The logical hash of a snapshot that is open for reading.
pub(crate) fn logical_hash(db: &DB, path: &Path) -> Result<[u8; 32], Error> {
    let mut hash = LogicalHash::new();
    for table in LogicalHash::TABLES {
        let name = schema::family(table);
        let family = db.cf_handle(name);
        let family =
            family.ok_or_else(|| snapshot::damaged(path, format!("the column family {name} is missing")))?;
        let mut options = ReadOptions::default();
        options.fill_cache(false);
        hash.add_all(table, &mut db.raw_iterator_cf_opt(family, options), Part::Snapshot, path)?;
    }
    Ok(hash.finish())
}

/// All files of a folder with size and hash.
fn list(folder: &Path) -> Result<Vec<FileEntry>, Error> {
    let mut files = Vec::new();
    for path in atomic_file::list(folder)? {
        let (size, hash) = hash_file(&path)?;
        files.push(FileEntry { name: atomic_file::name(&path).to_owned(), size, hash });
    }
    Ok(files)
}

/// The length and the BLAKE3 of a file.
pub(crate) fn hash_file(path: &Path) -> Result<(u64, [u8; 32]), Error> {
    let file = File::open(path).map_err(|e| Error::io("opening", path, &e))?;
    let mut hasher = blake3::Hasher::new();
    hasher.update_reader(&file).map_err(|e| Error::io("reading", path, &e))?;
    Ok((hasher.count(), *hasher.finalize().as_bytes()))
}
