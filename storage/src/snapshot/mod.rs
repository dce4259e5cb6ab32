//! Snapshots: the state at one position as a folder of files with a manifest, `snapshots/INDEX-TERM-NODE/`.
//!
//! Table files are hard links to the state's own, so a snapshot costs a flush, whatever the size, and the reading that
//! its hashes need. A finished folder never changes; the newest two are kept. Next: `build` makes one, `receive` takes
//! one in from another node, `install` puts one in the place of the state.

use std::fs::File;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

use bytes::Bytes;

use crate::{Error, LogId, Manifest, atomic_file};

pub mod manifest;
pub mod receive;

pub(crate) mod build;
pub(crate) mod install;

/// How many finished snapshots are kept.
const KEPT: usize = 2;

/// A finished snapshot.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Snapshot {
    /// What it holds.
    pub manifest: Manifest,
    /// Its folder.
    pub path: PathBuf,
}

impl Snapshot {
    /// Reads at most `length` bytes of one of its files from `offset`; fewer only at the file's end.
    ///
    /// An old snapshot may be removed while it is sent: the read then fails, and the sender begins with a newer one.
    pub fn read(&self, file: &str, offset: u64, length: usize) -> Result<Bytes, Error> {
        let path = self.path.join(file);
        if self.manifest.file(file).is_none() {
            return Err(damaged(&path, "the manifest does not name this file".into()));
        }
        let opened = File::open(&path).map_err(|e| Error::io("opening", &path, &e))?;
        let mut bytes = vec![0; length];
        let mut filled = 0;
        while let Some(rest) = bytes.get_mut(filled..).filter(|rest| !rest.is_empty()) {
            let at = offset.saturating_add(u64::try_from(filled).unwrap_or(u64::MAX));
            match opened.read_at(rest, at).map_err(|e| Error::io("reading", &path, &e))? {
                0 => break,
                read => filled += read,
            }
        }
        bytes.truncate(filled);
        Ok(Bytes::from(bytes))
    }

    /// Opens a finished folder.
    pub fn open(path: &Path) -> Result<Snapshot, Error> {
        Ok(Snapshot { manifest: Manifest::read(path)?, path: path.to_path_buf() })
    }
}

/// The folder of snapshots in a data folder.
pub(crate) fn folder(dir: &Path) -> PathBuf {
    dir.join("snapshots")
}

/// The name of a finished snapshot: names are in the order of positions.
pub(crate) fn name(position: Option<LogId>) -> String {
    match position {
        Some(LogId { term, node, index }) => format!("{index:020}-{term}-{node}"),
        None => "-empty".to_owned(),
    }
}

/// The newest finished snapshot whose manifest can be read.
pub(crate) fn latest(dir: &Path) -> Result<Option<Snapshot>, Error> {
    for path in finished(dir)?.into_iter().rev() {
        match Snapshot::open(&path) {
            Ok(snapshot) => return Ok(Some(snapshot)),
            Err(error) => tracing::warn!(%error, "a snapshot is passed over"),
        }
    }
    Ok(None)
}

/// Finished folders, oldest position first.
pub(crate) fn finished(dir: &Path) -> Result<Vec<PathBuf>, Error> {
    let mut paths = atomic_file::list(&folder(dir))?;
    paths.retain(|path| !is_unfinished(path));
    Ok(paths)
}

/// Removes the oldest finished ones beyond the number that is kept.
pub(crate) fn prune(dir: &Path) -> Result<(), Error> {
    let finished = finished(dir)?;
    let surplus = finished.len().saturating_sub(KEPT);
    for path in finished.into_iter().take(surplus) {
        atomic_file::remove_folder(&path)?;
    }
    Ok(())
}

/// Removes what a crash left of building and receiving.
pub(crate) fn remove_unfinished(dir: &Path) -> Result<(), Error> {
    for path in atomic_file::list(&folder(dir))? {
        if is_unfinished(&path) {
            atomic_file::remove_folder(&path)?;
        }
    }
    Ok(())
}

/// Unfinished folders have these names and are renamed when they are whole.
pub(crate) const BUILDING: &str = "building";
pub(crate) const INCOMING: &str = "incoming-";

fn is_unfinished(path: &Path) -> bool {
    let name = atomic_file::name(path);
    name == BUILDING || name.starts_with(INCOMING)
}

pub(crate) fn damaged(path: &Path, detail: String) -> Error {
    Error::CorruptSnapshot { path: path.to_path_buf(), detail }
}
