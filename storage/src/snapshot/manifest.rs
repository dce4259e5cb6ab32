//! The manifest: what a snapshot is of, which files it has and what is in them. It carries a hash of itself.

use std::path::Path;

use bytes::Bytes;
use serde::{Deserialize, Serialize};

use crate::codec::hex;
use crate::snapshot::damaged;
use crate::{Applied, Error, LogId, NodeIdentity, atomic_file};

/// The file of the manifest in a snapshot's folder.
pub const MANIFEST: &str = "MANIFEST.json";

const FORMAT: u32 = 1;

/// What a snapshot holds.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Manifest {
    /// The shape of this file.
    pub format: u32,
    /// The cluster it is of.
    #[serde(with = "hex::bytes")]
    pub cluster: [u8; 16],
    /// The lineage it is of.
    pub lineage: u32,
    /// The position; `None` for a state to which nothing was ever applied.
    pub log: Option<Position>,
    /// The membership there; `raft`'s frame.
    #[serde(with = "hex::bytes")]
    pub membership: Vec<u8>,
    /// Log time there.
    pub time_ms: u64,
    /// The replica digest there.
    #[serde(with = "hex::bytes")]
    pub digest: [u8; 32],
    /// The hash of all rows that replicas share.
    #[serde(with = "hex::bytes")]
    pub logical_hash: [u8; 32],
    /// Its files, in the order of their names.
    pub files: Vec<FileEntry>,
}

/// A `LogId` in JSON.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Position {
    pub term: u64,
    pub node: u64,
    pub index: u64,
}

/// One file of a snapshot.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct FileEntry {
    /// Its name within the folder.
    pub name: String,
    /// Its length in bytes.
    pub size: u64,
    /// BLAKE3 of its content.
    #[serde(with = "hex::bytes")]
    pub hash: [u8; 32],
}

/// The file: a manifest beside the BLAKE3 of its compact JSON.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Sealed {
    manifest: Manifest,
    #[serde(with = "hex::bytes")]
    hash: [u8; 32],
}

impl Manifest {
    /// A manifest of what was read from a snapshot.
    pub(crate) fn new(
        identity: &NodeIdentity,
        applied: Applied,
        logical_hash: [u8; 32],
        files: Vec<FileEntry>,
    ) -> Manifest {
        Manifest {
            format: FORMAT,
            cluster: identity.cluster,
            lineage: identity.lineage,
            log: applied.log.map(|LogId { term, node, index }| Position { term, node, index }),
            membership: applied.membership.to_vec(),
            time_ms: applied.time_ms,
            digest: applied.digest,
            logical_hash,
            files,
        }
    }

    /// The position it is of.
    pub fn position(&self) -> Option<LogId> {
        self.log.map(|Position { term, node, index }| LogId { term, node, index })
    }

    /// What a state has applied that holds this snapshot.
    pub fn applied(&self) -> Applied {
        Applied {
            log: self.position(),
            membership: Bytes::from(self.membership.clone()),
            time_ms: self.time_ms,
            digest: self.digest,
            log_synced: 0,
        }
    }

    /// The entry of a file.
    pub fn file(&self, name: &str) -> Option<&FileEntry> {
        self.files.iter().find(|file| file.name == name)
    }

    /// The bytes of all files together.
    pub fn size(&self) -> u64 {
        self.files.iter().fold(0, |sum, file| sum.saturating_add(file.size))
    }

    /// The bytes of the manifest's file; also the form in which it travels to other nodes.
    pub fn encode(&self) -> Result<Vec<u8>, Error> {
        let name = |e: serde_json::Error| damaged(Path::new(MANIFEST), e.to_string());
        let sealed = Sealed { manifest: self.clone(), hash: self.hash().map_err(name)? };
        let mut bytes = serde_json::to_vec_pretty(&sealed).map_err(name)?;
        bytes.push(b'\n');
        Ok(bytes)
    }

    /// The manifest of such bytes, its own hash checked and every name in it harmless.
    pub fn decode(bytes: &[u8]) -> Result<Manifest, Error> {
        Manifest::decode_at(bytes, Path::new(MANIFEST))
    }

    /// The manifest of a snapshot's folder.
    pub fn read(folder: &Path) -> Result<Manifest, Error> {
        let path = folder.join(MANIFEST);
        let bytes = atomic_file::read(&path)?.ok_or_else(|| damaged(&path, "it is missing".into()))?;
        Manifest::decode_at(&bytes, &path)
    }

    /// Refuses a snapshot of another cluster or lineage.
    pub(crate) fn check_cluster(&self, identity: &NodeIdentity, path: &Path) -> Result<(), Error> {
        // Any node of the cluster may have made it.
        let found = NodeIdentity { cluster: self.cluster, node: identity.node, lineage: self.lineage };
        identity.expect(&found, path)
    }

    fn decode_at(bytes: &[u8], path: &Path) -> Result<Manifest, Error> {
        let name = |e: serde_json::Error| damaged(path, e.to_string());
        let Sealed { manifest, hash } = serde_json::from_slice(bytes).map_err(name)?;
        if manifest.hash().map_err(name)? != hash {
            return Err(damaged(path, "its hash is wrong".into()));
        }
        if manifest.format != FORMAT {
            let detail = format!("a snapshot of format {}", manifest.format);
            return Err(Error::NewerFormat { path: path.to_path_buf(), detail });
        }
        let mut before = "";
        for file in &manifest.files {
            if !is_plain(&file.name) || file.name.as_str() <= before {
                return Err(damaged(path, format!("the file name {:?} is not allowed", file.name)));
            }
            before = &file.name;
        }
        Ok(manifest)
    }

    fn hash(&self) -> Result<[u8; 32], serde_json::Error> {
        Ok(*blake3::hash(&serde_json::to_vec(self)?).as_bytes())
    }
}

/// Names come from other nodes: letters, digits and a few signs, so that none can lead out of the folder.
fn is_plain(name: &str) -> bool {
    let harmless = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.');
    !name.is_empty()
        && !name.starts_with('.')
        && name != MANIFEST
        && name.len() <= 64
        && name.bytes().all(harmless)
}

#[cfg(test)]
mod tests;
