//! The state tables: one RocksDB without a write-ahead log, because the Raft log is one.
//!
//! Each chunk of commands is one batch with its effects and the position it brings; the batch is atomic also across a
//! crash, for memtables of all column families are flushed together. What a crash takes, the log gives again.
//! Next: `schema` (column families), `generation` (a folder that a snapshot replaces as a whole), `view`, `hash`.

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use arc_swap::ArcSwap;
use bytes::Bytes;
use identity::tables::Changes;
use rocksdb::{WriteBatch, WriteOptions};

use crate::codec::meta;
use crate::error::Part;
use crate::folder::Lock;
use crate::snapshot::{self, Snapshot};
use crate::{Error, LogId, Manifest, NodeIdentity, Options, Receiver, View, atomic_file};

use generation::Generation;

pub mod hash;
pub mod view;

pub(crate) mod generation;
pub(crate) mod schema;

/// How far the state has come.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Applied {
    /// The last entry whose effects are in the tables.
    pub log: Option<LogId>,
    /// The membership in force there; `raft`'s frame.
    pub membership: Bytes,
    /// Log time there.
    pub time_ms: u64,
    /// The replica digest there.
    pub digest: [u8; 32],
    /// How far this node's own log was synced when this was written, but no further than `log`: entries that are not
    /// committed may be truncated by right, so their loss proves nothing. 0 after the install of a snapshot.
    pub log_synced: u64,
}

/// The state of a data folder.
pub struct State {
    pub(crate) dir: PathBuf,
    pub(crate) identity: NodeIdentity,
    pub(crate) options: Options,
    pub(crate) current: ArcSwap<Generation>,
    /// The first failed write. Held by whoever writes or installs.
    writing: Mutex<Option<Error>>,
    /// Held by whoever adds or removes snapshots.
    pub(crate) snapshots: Mutex<()>,
    _lock: Lock,
}

impl State {
    /// Opens the state of the data folder `dir`, which must belong to `identity`; makes an empty one if there is none.
    ///
    /// Generations that `state/CURRENT` does not name and snapshots that were not finished are removed.
    pub fn open(dir: &Path, identity: &NodeIdentity, options: &Options) -> Result<State, Error> {
        identity.check(dir)?;
        let folder = dir.join("state");
        atomic_file::make_folder(&folder)?;
        let lock = Lock::take(&folder.join("LOCK"))?;
        let number = generation::choose(&folder)?;
        let generation = Generation::open(&folder, number, identity, options)?;
        generation::remove_others(&folder, number)?;
        snapshot::remove_unfinished(dir)?;
        Ok(State {
            dir: dir.to_path_buf(),
            identity: *identity,
            options: options.clone(),
            current: ArcSwap::from_pointee(generation),
            writing: Mutex::new(None),
            snapshots: Mutex::new(()),
            _lock: lock,
        })
    }

    /// How far the tables have come, from memory.
    pub fn applied(&self) -> Applied {
        Applied::clone(&self.current.load().applied.load())
    }

    /// How far the tables would have come if the machine lost power now.
    pub fn durable(&self) -> Result<Applied, Error> {
        self.current.load().durable()
    }

    /// All tables as they are now and will stay in the view.
    pub fn view(&self) -> View {
        View::new(self.current.load_full())
    }

    /// Writes changes together with the position they bring, all or nothing, and then publishes the position.
    ///
    /// It is on disk after a later flush only. After a failed write every write fails: the process has to end. The fatal
    /// hook is then called while the state is held, so it must not ask the state for anything.
    pub fn write(&self, changes: Changes, applied: Applied) -> Result<(), Error> {
        let mut failed = self.writing();
        if let Some(error) = failed.as_ref() {
            return Err(error.clone());
        }
        let generation = self.current.load();
        let log_synced = applied.log_synced.min(applied.log.map_or(0, |id| id.index));
        let applied = Applied { log_synced, ..applied };
        let result = generation.batch(changes, &applied).and_then(|batch| generation.commit(batch));
        match result {
            Ok(()) => generation.applied.store(Arc::new(applied)),
            Err(error) => return Err(self.fail(&mut failed, error)),
        }
        Ok(())
    }

    /// Brings everything written to disk.
    pub fn flush(&self) -> Result<(), Error> {
        let generation = self.current.load_full();
        generation.flush().map_err(|error| self.fail(&mut self.writing(), error))
    }

    /// BLAKE3 over all rows of the tables that replicas share, in their order: equal on all nodes at one position.
    pub fn logical_hash(&self) -> Result<[u8; 32], Error> {
        self.view().logical_hash()
    }

    /// Makes a snapshot of the state as it is now; the newest one if it is of this position already.
    pub fn build_snapshot(&self) -> Result<Snapshot, Error> {
        snapshot::build::build(self)
    }

    /// The newest snapshot that is kept.
    pub fn latest_snapshot(&self) -> Result<Option<Snapshot>, Error> {
        snapshot::latest(&self.dir)
    }

    /// Begins to take in a snapshot of this cluster and lineage from another node.
    pub fn receive(&self, manifest: Manifest) -> Result<Receiver, Error> {
        Receiver::new(&self.dir, manifest)
    }

    /// Replaces the whole state by a snapshot's, all or nothing, while older views live on.
    ///
    /// A snapshot that is damaged or of another cluster is refused, and the state goes on as it was. Any other error
    /// is fatal as that of a write is: what `CURRENT` names on disk may no longer be what is in memory.
    pub fn install(&self, snapshot: &Snapshot) -> Result<(), Error> {
        let mut failed = self.writing();
        if let Some(error) = failed.as_ref() {
            return Err(error.clone());
        }
        match snapshot::install::install(self, snapshot) {
            Err(error @ (Error::CorruptSnapshot { .. } | Error::WrongIdentity { .. })) => Err(error),
            Err(error) => Err(self.fail(&mut failed, error)),
            Ok(()) => Ok(()),
        }
    }

    fn writing(&self) -> MutexGuard<'_, Option<Error>> {
        self.writing.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn fail(&self, failed: &mut Option<Error>, error: Error) -> Error {
        if failed.is_none() {
            *failed = Some(error.clone());
            (self.options.on_fatal)(&error);
        }
        error
    }
}

impl Generation {
    /// The batch of a chunk: its changes and its position.
    fn batch(&self, changes: Changes, applied: &Applied) -> Result<WriteBatch, Error> {
        let mut batch = WriteBatch::default();
        for ((table, key), value) in changes {
            let family = self.family(table)?;
            match value {
                Some(value) => batch.put_cf(family, key, value),
                None => batch.delete_cf(family, key),
            }
        }
        batch.put(meta::APPLIED, meta::encode_applied(applied));
        batch.put(meta::LOG_SYNCED, meta::encode_number(applied.log_synced));
        Ok(batch)
    }

    /// Writes a batch without a write-ahead log.
    pub(crate) fn commit(&self, batch: WriteBatch) -> Result<(), Error> {
        let mut options = WriteOptions::default();
        options.disable_wal(true);
        let name = |e| Error::rocks(Part::State, "writing the state in", self.path(), e);
        self.db.write_opt(batch, &options).map_err(name)
    }
}
