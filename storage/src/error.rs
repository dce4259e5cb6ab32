//! What can go wrong with a data folder, one variant for each thing that an operator meets and must do.
//!
//! Every message is one line that says what happened and what to do. The node gives each variant its exit code.

use std::path::{Path, PathBuf};

use crate::{LogId, NodeIdentity};

/// A fault of the data folder. Cloneable, because one failed write answers every operation that waits behind it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// Another process has the folder open.
    #[error(
        "{path} is in use by another process: stop that process, or give this node a data folder of its own"
    )]
    Locked { path: PathBuf },

    /// The folder has no `node.json`: nothing was ever initialised here.
    #[error("{path} is not a data folder of Conclave: run `conclave init`, or correct the configured path")]
    NoIdentity { path: PathBuf },

    /// The folder, or a part of it, belongs to another node or cluster.
    #[error(
        "{path} belongs to {found}, but this node is {expected}: restore the right folder or correct the configured path"
    )]
    WrongIdentity { path: PathBuf, found: NodeIdentity, expected: NodeIdentity },

    /// The last record of the newest log file has its full length and wrong bytes, as a power cut may leave it.
    #[error(
        "the last record of {path} (at byte {offset}) is torn: with a quorum elsewhere let this node rejoin under a new id; without, `conclave recover --truncate-torn-tail` drops that record"
    )]
    TornTail { path: PathBuf, offset: u64 },

    /// The log ends before what this node is known to have synced: a piece of its end is gone.
    #[error(
        "the log ends at index {last}, but this node had synced index {synced}: restore the log folder, or let this node rejoin under a new id; do not start it as it is"
    )]
    LogTailLost { last: u64, synced: u64 },

    /// The log is damaged elsewhere than in its last record.
    #[error(
        "the log in {path} is damaged ({detail}): restore the folder, or let this node rejoin under a new id"
    )]
    CorruptLog { path: PathBuf, detail: String },

    /// The state tables are damaged or do not fit the log.
    #[error(
        "the state in {path} is damaged ({detail}): let this node rejoin under a new id, or restore a backup"
    )]
    CorruptState { path: PathBuf, detail: String },

    /// A snapshot is not what its manifest says, or its manifest is unreadable.
    #[error("the snapshot {path} is damaged ({detail}): remove it; a new one is made or fetched")]
    CorruptSnapshot { path: PathBuf, detail: String },

    /// Persisted bytes of a newer version than this binary knows.
    #[error("{path} was written by a newer version ({detail}): start that version, or a later one")]
    NewerFormat { path: PathBuf, detail: String },

    /// No space is left. Nothing acknowledged is lost; the node stops and starts again once there is space.
    #[error(
        "no space left on the device of {path} ({doing}): free some and start the node again; nothing acknowledged is lost"
    )]
    DiskFull { path: PathBuf, doing: &'static str },

    /// The operating system refused an operation.
    #[error(
        "{doing} {path} failed ({cause}): check the device and its permissions, then start the node again"
    )]
    Io { doing: &'static str, path: PathBuf, cause: String },

    /// The caller appended entries that do not continue the log: a programming fault, refused before it is written.
    #[error(
        "an entry {found} does not follow the log's end {last:?}: this is a fault of the program, please report it"
    )]
    OutOfOrder { last: Option<LogId>, found: LogId },

    /// The log was closed.
    #[error("the log in {path} is closed: start the node again")]
    Closed { path: PathBuf },
}

/// What part of the folder a RocksDB error speaks of, for it says so itself only by path.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Part {
    Log,
    State,
    Snapshot,
}

impl Error {
    /// Names an error of the operating system.
    pub(crate) fn io(doing: &'static str, path: &Path, cause: &std::io::Error) -> Error {
        if cause.kind() == std::io::ErrorKind::StorageFull {
            return Error::DiskFull { path: path.to_path_buf(), doing };
        }
        Error::Io { doing, path: path.to_path_buf(), cause: cause.to_string() }
    }

    /// Names an error of RocksDB, which comes as text: its first word is the kind, the rest is the system's message.
    pub(crate) fn rocks(part: Part, doing: &'static str, path: &Path, cause: rocksdb::Error) -> Error {
        let kind = cause.kind();
        let text = cause.into_string();
        let path = path.to_path_buf();
        if text.contains("No space left on device") {
            return Error::DiskFull { path, doing };
        }
        if text.contains("lock ") && text.contains("LOCK") {
            return Error::Locked { path };
        }
        match kind {
            // A live table file that is missing is an "IO error: No such file" to RocksDB, and damage to an operator.
            rocksdb::ErrorKind::Corruption => Error::corrupt(part, path, text),
            rocksdb::ErrorKind::IOError if text.contains("No such file") => Error::corrupt(part, path, text),
            rocksdb::ErrorKind::InvalidArgument if text.contains("create_if_missing") => {
                Error::corrupt(part, path, "it is missing, or its file CURRENT is".into())
            }
            _ => Error::Io { doing, path, cause: text },
        }
    }

    /// The damage of one part.
    pub(crate) fn corrupt(part: Part, path: PathBuf, detail: String) -> Error {
        match part {
            Part::Log => Error::CorruptLog { path, detail },
            Part::State => Error::CorruptState { path, detail },
            Part::Snapshot => Error::CorruptSnapshot { path, detail },
        }
    }
}

/// Turns this crate's errors into the domain's: there, every one of them stops the node.
impl From<Error> for identity::tables::Fault {
    fn from(error: Error) -> Self {
        identity::tables::Fault(error.to_string())
    }
}
