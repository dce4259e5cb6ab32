//! The data folder as a whole: who it belongs to, and that one process at a time has it open.

use std::fmt;
use std::fs::{self, File};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::{Error, atomic_file, codec, log};

/// Who a data folder belongs to. Written once, and echoed in the log and in the state, so that folders that were
/// mixed up are noticed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct NodeIdentity {
    /// The cluster's random id.
    pub cluster: [u8; 16],
    /// The node's number; never reused within a cluster.
    pub node: u64,
    /// Counts restores: positions of another lineage mean nothing here.
    pub lineage: u32,
}

impl NodeIdentity {
    /// Reads `node.json` of a data folder; `None` if there is none.
    pub fn read(dir: &Path) -> Result<Option<NodeIdentity>, Error> {
        let path = dir.join(NODE_FILE);
        let Some(bytes) = atomic_file::read(&path)? else { return Ok(None) };
        let unreadable = |cause: String| Error::Io { doing: "understanding", path: path.clone(), cause };
        let file: NodeFile = serde_json::from_slice(&bytes).map_err(|e| unreadable(e.to_string()))?;
        if file.format != 1 {
            return Err(Error::NewerFormat { path, detail: format!("node.json of format {}", file.format) });
        }
        let cluster = codec::hex::decode(&file.cluster).and_then(|bytes| <[u8; 16]>::try_from(bytes).ok());
        let cluster =
            cluster.ok_or_else(|| unreadable("the cluster id is not 32 hexadecimal digits".into()))?;
        Ok(Some(NodeIdentity { cluster, node: file.node, lineage: file.lineage }))
    }

    /// Refuses unless the folder belongs to this identity.
    pub(crate) fn check(&self, dir: &Path) -> Result<(), Error> {
        match NodeIdentity::read(dir)? {
            None => Err(Error::NoIdentity { path: dir.to_path_buf() }),
            Some(found) => self.expect(&found, dir),
        }
    }

    /// Refuses an identity that differs from this one.
    pub(crate) fn expect(&self, found: &NodeIdentity, path: &Path) -> Result<(), Error> {
        if found == self {
            return Ok(());
        }
        Err(Error::WrongIdentity { path: path.to_path_buf(), found: *found, expected: *self })
    }
}

impl fmt::Display for NodeIdentity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "node {} of cluster {} (lineage {})",
            self.node,
            codec::hex::encode(&self.cluster),
            self.lineage
        )
    }
}

const NODE_FILE: &str = "node.json";

/// The shape of `node.json`.
#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct NodeFile {
    format: u32,
    cluster: String,
    node: u64,
    lineage: u32,
}

/// Makes a data folder for `identity`, with an empty log. Repeating it is fine; a folder of another identity is refused,
/// and so is a log that holds something although `node.json` is missing.
pub fn create(dir: &Path, identity: &NodeIdentity) -> Result<(), Error> {
    fs::create_dir_all(dir).map_err(|e| Error::io("creating", dir, &e))?;
    let _lock = Lock::take(&dir.join("LOCK"))?;
    if let Some(found) = NodeIdentity::read(dir)? {
        return identity.expect(&found, dir);
    }
    // The log first: where there is a `node.json`, there was a log, so that a lost one is noticed.
    log::open::create(&dir.join("log"), identity)?;
    let file = NodeFile {
        format: 1,
        cluster: codec::hex::encode(&identity.cluster),
        node: identity.node,
        lineage: identity.lineage,
    };
    let path = dir.join(NODE_FILE);
    let mut text = serde_json::to_vec_pretty(&file).map_err(|e| Error::Io {
        doing: "writing",
        path: path.clone(),
        cause: e.to_string(),
    })?;
    text.push(b'\n');
    atomic_file::write(&path, &text)?;
    atomic_file::sync_parent(dir)
}

/// A lock on a file, held while this value lives. The log holds `LOCK`, the state `state/LOCK`: each half guards what
/// it would clear up at its start, before RocksDB's own lock could help.
#[derive(Debug)]
pub(crate) struct Lock {
    _file: File,
}

impl Lock {
    pub(crate) fn take(path: &Path) -> Result<Lock, Error> {
        let file = File::options()
            .create(true)
            .truncate(false)
            .write(true)
            .open(path)
            .map_err(|e| Error::io("opening", path, &e))?;
        match rustix::fs::flock(&file, rustix::fs::FlockOperation::NonBlockingLockExclusive) {
            Ok(()) => Ok(Lock { _file: file }),
            Err(rustix::io::Errno::WOULDBLOCK) => Err(Error::Locked { path: folder_of(path) }),
            Err(e) => Err(Error::io("locking", path, &e.into())),
        }
    }
}

fn folder_of(path: &Path) -> PathBuf {
    path.parent().unwrap_or(path).to_path_buf()
}
