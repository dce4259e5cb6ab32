//! Takes a snapshot in from another node: files in pieces of any order, accepted only when every hash is right.

use std::fs::File;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

use crate::snapshot::manifest::MANIFEST;
use crate::snapshot::{self, INCOMING, Snapshot, build, damaged};
use crate::{Error, Manifest, NodeIdentity, atomic_file};

/// A snapshot on its way in, in `snapshots/incoming-…`. Dropping it before `finish` removes what has come.
pub struct Receiver {
    dir: PathBuf,
    path: PathBuf,
    manifest: Manifest,
    finished: bool,
}

impl Receiver {
    /// Begins to receive into the data folder `dir`, which must be of the manifest's cluster and lineage. Each begins in
    /// a folder of its own, so that one that is given up can't remove what another has received of the same position.
    pub fn new(dir: &Path, manifest: Manifest) -> Result<Receiver, Error> {
        let identity =
            NodeIdentity::read(dir)?.ok_or_else(|| Error::NoIdentity { path: dir.to_path_buf() })?;
        let folder = snapshot::folder(dir);
        manifest.check_cluster(&identity, &folder)?;
        // What travelled as a value is checked as strictly as what is read from a file.
        let manifest = Manifest::decode(&manifest.encode()?)?;
        atomic_file::make_folder(&folder)?;
        let path = own_folder(&folder, &manifest)?;
        for file in &manifest.files {
            let path = path.join(&file.name);
            File::create(&path).map_err(|e| Error::io("creating", &path, &e))?;
        }
        Ok(Receiver { dir: dir.to_path_buf(), path, manifest, finished: false })
    }

    /// Writes a piece of a file. A file or place that the manifest does not have is refused.
    pub fn write(&mut self, file: &str, offset: u64, bytes: &[u8]) -> Result<(), Error> {
        let path = self.path.join(file);
        let Some(entry) = self.manifest.file(file) else {
            return Err(damaged(&path, "the manifest does not name this file".into()));
        };
        let end = u64::try_from(bytes.len()).ok().and_then(|length| offset.checked_add(length));
        if end.is_none_or(|end| end > entry.size) {
            return Err(damaged(&path, format!("it is longer than {} bytes", entry.size)));
        }
        let opened = File::options().write(true).open(&path).map_err(|e| Error::io("opening", &path, &e))?;
        opened.write_all_at(bytes, offset).map_err(|e| Error::io("writing", &path, &e))
    }

    /// Checks every file, brings all to disk and makes it a finished snapshot.
    pub fn finish(mut self) -> Result<Snapshot, Error> {
        for file in &self.manifest.files {
            let path = self.path.join(&file.name);
            let (size, hash) = build::hash_file(&path)?;
            if size != file.size {
                return Err(damaged(&path, format!("it has {size} of {} bytes", file.size)));
            }
            if hash != file.hash {
                return Err(damaged(&path, "its content is not what the manifest says".into()));
            }
        }
        atomic_file::write_synced(&self.path.join(MANIFEST), &self.manifest.encode()?)?;
        atomic_file::sync_folder(&self.path)?;
        let path = snapshot::folder(&self.dir).join(snapshot::name(self.manifest.position()));
        if let Ok(existing) = Snapshot::open(&path)
            && existing.manifest == self.manifest
        {
            return Ok(existing);
        }
        atomic_file::remove_folder(&path)?;
        atomic_file::rename(&self.path, &path)?;
        self.finished = true;
        // Nothing older is removed here: that waits until this one is installed.
        Ok(Snapshot { manifest: self.manifest.clone(), path })
    }
}

/// Makes a folder that nobody else has.
fn own_folder(folder: &Path, manifest: &Manifest) -> Result<PathBuf, Error> {
    let name = snapshot::name(manifest.position());
    let mut number = 0_u64;
    loop {
        let path = folder.join(format!("{INCOMING}{name}-{number}"));
        if atomic_file::make_new_folder(&path)? {
            return Ok(path);
        }
        number = number.saturating_add(1);
    }
}

impl Drop for Receiver {
    fn drop(&mut self) {
        if !self.finished
            && let Err(error) = atomic_file::remove_folder(&self.path)
        {
            tracing::warn!(%error, "an unfinished snapshot was not removed; the next start does it");
        }
    }
}
