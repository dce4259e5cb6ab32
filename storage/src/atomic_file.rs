//! Small files that are either wholly old or wholly new after a crash, and directories whose entries are on disk.

use std::fs::{self, File};
use std::io::Write;
use std::path::Path;

use crate::Error;

/// Writes `bytes` to `path` so that a crash leaves the old content or the new one: temporary file, sync, rename,
/// sync of the directory.
pub(crate) fn write(path: &Path, bytes: &[u8]) -> Result<(), Error> {
    let temporary = path.with_extension("tmp");
    write_synced(&temporary, bytes)?;
    rename(&temporary, path)
}

/// Writes and syncs a file that nobody reads yet.
pub(crate) fn write_synced(path: &Path, bytes: &[u8]) -> Result<(), Error> {
    let mut file = File::create(path).map_err(|e| Error::io("creating", path, &e))?;
    file.write_all(bytes).map_err(|e| Error::io("writing", path, &e))?;
    file.sync_all().map_err(|e| Error::io("syncing", path, &e))
}

/// Renames within one directory and syncs that directory.
pub(crate) fn rename(from: &Path, to: &Path) -> Result<(), Error> {
    fs::rename(from, to).map_err(|e| Error::io("renaming", from, &e))?;
    sync_parent(to)
}

/// Syncs the entries of the directory that holds `path`.
pub(crate) fn sync_parent(path: &Path) -> Result<(), Error> {
    match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => sync(parent),
        _ => sync(Path::new(".")),
    }
}

/// Syncs a file's content or a directory's entries.
pub(crate) fn sync(path: &Path) -> Result<(), Error> {
    let file = File::open(path).map_err(|e| Error::io("opening", path, &e))?;
    file.sync_all().map_err(|e| Error::io("syncing", path, &e))
}

/// Syncs every file of a flat directory, then the directory.
pub(crate) fn sync_folder(folder: &Path) -> Result<(), Error> {
    for path in list(folder)? {
        sync(&path)?;
    }
    sync(folder)
}

/// Creates a directory (its parent must exist) and syncs the parent's entries; an existing one is fine.
pub(crate) fn make_folder(path: &Path) -> Result<(), Error> {
    make_new_folder(path).map(drop)
}

/// The same; says whether it did not exist before.
pub(crate) fn make_new_folder(path: &Path) -> Result<bool, Error> {
    match fs::create_dir(path) {
        Ok(()) => sync_parent(path).map(|()| true),
        Err(e) if e.kind() == std::io::ErrorKind::AlreadyExists => Ok(false),
        Err(e) => Err(Error::io("creating", path, &e)),
    }
}

/// Removes a directory with all it holds; a missing one is fine.
pub(crate) fn remove_folder(path: &Path) -> Result<(), Error> {
    match fs::remove_dir_all(path) {
        Ok(()) => Ok(()),
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => Ok(()),
        Err(e) => Err(Error::io("removing", path, &e)),
    }
}

/// The paths in a directory, in the order of their names; none if it is missing.
pub(crate) fn list(folder: &Path) -> Result<Vec<std::path::PathBuf>, Error> {
    let entries = match fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(e) => return Err(Error::io("listing", folder, &e)),
    };
    let mut paths = Vec::new();
    for entry in entries {
        paths.push(entry.map_err(|e| Error::io("listing", folder, &e))?.path());
    }
    paths.sort();
    Ok(paths)
}

/// The whole content of a small file, or `None` if there is no such file.
pub(crate) fn read(path: &Path) -> Result<Option<Vec<u8>>, Error> {
    match fs::read(path) {
        Ok(bytes) => Ok(Some(bytes)),
        Err(e) if e.kind() == std::io::ErrorKind::NotFound => Ok(None),
        Err(e) => Err(Error::io("reading", path, &e)),
    }
}

/// The last part of a path as text; empty when it has none or it is not UTF-8.
pub(crate) fn name(path: &Path) -> &str {
    path.file_name().and_then(|name| name.to_str()).unwrap_or_default()
}
