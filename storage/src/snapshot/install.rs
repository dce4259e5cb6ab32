//! Puts a snapshot in the place of the state: a new generation is made beside the old one, checked, brought to disk,
//! and then `CURRENT` is moved to it by one rename. Until that rename a crash leaves the old state, after it the new.

use std::fs;
use std::path::Path;
use std::sync::{Arc, PoisonError};

use rocksdb::ReadOptions;

use crate::error::Part;
use crate::options::Step;
use crate::snapshot::{self, Snapshot, build, damaged};
use crate::state::generation::{self, CURRENT, CURRENT_TMP, Generation};
use crate::state::{Applied, schema};
use crate::{Error, State, atomic_file};

/// Installs a snapshot. The caller holds the right to write.
pub(crate) fn install(state: &State, snapshot: &Snapshot) -> Result<(), Error> {
    snapshot.manifest.check_cluster(&state.identity, &snapshot.path)?;
    let old = state.current.load_full();
    let number = old.number.saturating_add(1);
    let folder = state.dir.join("state");
    let path = generation::folder(&folder, number);

    atomic_file::remove_folder(&path)?;
    copy(snapshot, &path)?;
    // What RocksDB writes and removes from here on, it syncs itself.
    atomic_file::sync_folder(&path)?;
    stop_at(state, Step::Copied, &path)?;

    check(state, snapshot, &path)?;
    let new = Generation::over(schema::open(&path, &state.options, false)?, path.clone(), number)?;
    new.write_identity(&state.identity)?;
    stop_at(state, Step::Prepared, &path)?;

    atomic_file::sync(&path)?;
    atomic_file::sync(&folder)?;
    stop_at(state, Step::Synced, &path)?;

    let announced = folder.join(CURRENT_TMP);
    atomic_file::write_synced(&announced, generation::current_text(number).as_bytes())?;
    stop_at(state, Step::Announced, &path)?;
    atomic_file::rename(&announced, &folder.join(CURRENT))?;
    stop_at(state, Step::Switched, &path)?;

    state.current.store(Arc::new(new));
    old.replace();
    // The new state is in force whatever becomes of old snapshots.
    let _only = state.snapshots.lock().unwrap_or_else(PoisonError::into_inner);
    if let Err(error) = snapshot::prune(&state.dir) {
        tracing::warn!(%error, "old snapshots were not removed");
    }
    Ok(())
}

/// Fills the new generation's folder. Table files never change, so links to them do; RocksDB writes to the others.
fn copy(snapshot: &Snapshot, to: &Path) -> Result<(), Error> {
    atomic_file::make_folder(to)?;
    for file in &snapshot.manifest.files {
        let (from, to) = (snapshot.path.join(&file.name), to.join(&file.name));
        let linked = file.name.ends_with(".sst") && fs::hard_link(&from, &to).is_ok();
        if !linked {
            fs::copy(&from, &to).map_err(|e| Error::io("copying", &from, &e))?;
        }
    }
    Ok(())
}

/// Refuses a snapshot that does not hold what its manifest says.
fn check(state: &State, snapshot: &Snapshot, path: &Path) -> Result<(), Error> {
    let db = schema::open_read_only(path, &state.options, Part::Snapshot)?;
    let found = generation::read_applied(&db, path, Part::Snapshot, &ReadOptions::default())?;
    if (Applied { log_synced: 0, ..found }) != snapshot.manifest.applied() {
        return Err(damaged(&snapshot.path, "its position is not the one of its manifest".into()));
    }
    if build::logical_hash(&db, path)? != snapshot.manifest.logical_hash {
        return Err(damaged(&snapshot.path, "its rows are not those of its manifest".into()));
    }
    Ok(())
}

/// Ends the install as a crash would, if a test asks for it.
fn stop_at(state: &State, step: Step, path: &Path) -> Result<(), Error> {
    match &state.options.stop_at {
        Some(stop) if stop(step) => Err(Error::Io {
            doing: "installing a snapshot in",
            path: path.to_path_buf(),
            cause: format!("{step:?}"),
        }),
        _ => Ok(()),
    }
}
