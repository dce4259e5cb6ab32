//! The port to the tables: what a storage engine offers to the domain, and nothing more.
//!
//! Keys and values are bytes; `keys` says which bytes. A storage engine implements `Read` over a snapshot that does
//! not change while it lives, and writes the `Changes` of a chunk in one atomic batch. RocksDB's implementation lives
//! in `storage`, the one in memory in `testing::memory`; one property test compares them.

use std::collections::BTreeMap;

/// The families of rows. They differ in how they are stored, not in what may stand in them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum Table {
    /// Records and the indexes that `execute` decides by.
    State = 0,
    /// Events, append-only, keyed by instance, class, day and position.
    Audit = 1,
    /// Search and sort indexes: derived, outside the digest, rebuilt when their schema number differs.
    Search = 2,
}

impl Table {
    /// Every table, in the order of their numbers.
    pub const ALL: [Table; 3] = [Table::State, Table::Audit, Table::Search];
}

/// A fault of the storage engine or of what it holds: the node stops, because going on would let replicas differ.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct Fault(pub String);

/// A key and its value.
pub type Row = (Vec<u8>, Vec<u8>);

/// Reads of one unchanging snapshot of all tables.
pub trait Read: Sync {
    /// The value of `key`, if there is one.
    fn get(&self, table: Table, key: &[u8]) -> Result<Option<Vec<u8>>, Fault>;

    /// The values of several keys, in their order. Who wants many asks once: neighbours are then read together.
    fn get_many(&self, table: Table, keys: &[Vec<u8>]) -> Result<Vec<Option<Vec<u8>>>, Fault> {
        keys.iter().map(|key| self.get(table, key)).collect()
    }

    /// The rows of `[from, to)` in the order of their keys, at most `limit`.
    fn scan(&self, table: Table, from: &[u8], to: &[u8], limit: usize) -> Result<Vec<Row>, Fault>;

    /// The same from the end of the range, the last row first. Queries only: a command reads forwards.
    fn scan_back(&self, table: Table, from: &[u8], to: &[u8], limit: usize) -> Result<Vec<Row>, Fault>;
}

impl<R: Read + ?Sized> Read for &R {
    fn get(&self, table: Table, key: &[u8]) -> Result<Option<Vec<u8>>, Fault> {
        (**self).get(table, key)
    }
    fn get_many(&self, table: Table, keys: &[Vec<u8>]) -> Result<Vec<Option<Vec<u8>>>, Fault> {
        (**self).get_many(table, keys)
    }
    fn scan(&self, table: Table, from: &[u8], to: &[u8], limit: usize) -> Result<Vec<Row>, Fault> {
        (**self).scan(table, from, to, limit)
    }
    fn scan_back(&self, table: Table, from: &[u8], to: &[u8], limit: usize) -> Result<Vec<Row>, Fault> {
        (**self).scan_back(table, from, to, limit)
    }
}

/// What a chunk of commands writes: a value, or `None` for a row that goes.
pub type Changes = BTreeMap<(Table, Vec<u8>), Option<Vec<u8>>>;

/// A snapshot with unwritten changes laid over it, in two layers: those of the chunk so far, and those of the command
/// that runs. A command that is refused drops only its own.
pub struct Overlay<'a> {
    base: &'a dyn Read,
    chunk: Changes,
    command: Changes,
}

impl<'a> Overlay<'a> {
    /// An overlay without changes.
    pub fn new(base: &'a dyn Read) -> Self {
        Overlay { base, chunk: Changes::new(), command: Changes::new() }
    }

    /// Writes a row in the layer of the running command.
    pub fn put(&mut self, table: Table, key: Vec<u8>, value: Vec<u8>) {
        self.command.insert((table, key), Some(value));
    }

    /// Removes a row in the layer of the running command.
    pub fn remove(&mut self, table: Table, key: Vec<u8>) {
        self.command.insert((table, key), None);
    }

    /// What the running command has written so far.
    pub fn written(&self) -> &Changes {
        &self.command
    }

    /// Keeps the running command's changes.
    pub fn keep(&mut self) {
        // Not `append`, which builds the whole chunk anew: a chunk has hundreds of commands.
        self.chunk.extend(std::mem::take(&mut self.command));
    }

    /// Forgets the running command's changes.
    pub fn drop_command(&mut self) {
        self.command.clear();
    }

    /// All kept changes.
    pub fn into_changes(self) -> Changes {
        self.chunk
    }
}

impl Read for Overlay<'_> {
    fn get(&self, table: Table, key: &[u8]) -> Result<Option<Vec<u8>>, Fault> {
        // One owned key serves both look-ups: `BTreeMap<(Table, Vec<u8>)>` cannot be asked with a borrowed pair.
        let wanted = (table, key.to_vec());
        match self.command.get(&wanted).or_else(|| self.chunk.get(&wanted)) {
            Some(value) => Ok(value.clone()),
            None => self.base.get(table, key),
        }
    }

    fn scan(&self, table: Table, from: &[u8], to: &[u8], limit: usize) -> Result<Vec<Row>, Fault> {
        if from >= to || limit == 0 {
            return Ok(Vec::new());
        }
        let range = (table, from.to_vec())..(table, to.to_vec());
        let mut laid: BTreeMap<&[u8], Option<&Vec<u8>>> = BTreeMap::new();
        for layer in [&self.chunk, &self.command] {
            for ((_, key), value) in layer.range(range.clone()) {
                laid.insert(key, value.as_ref());
            }
        }
        // Each removed row may hide one row of the base, so that many more are asked for.
        let removed = laid.values().filter(|value| value.is_none()).count();
        let mut rows: BTreeMap<Vec<u8>, Vec<u8>> = BTreeMap::new();
        for (key, value) in self.base.scan(table, from, to, limit.saturating_add(removed))? {
            if !laid.contains_key(key.as_slice()) {
                rows.insert(key, value);
            }
        }
        for (key, value) in laid {
            if let Some(value) = value {
                rows.insert(key.to_vec(), value.clone());
            }
        }
        Ok(rows.into_iter().take(limit).collect())
    }

    fn scan_back(&self, _: Table, _: &[u8], _: &[u8], _: usize) -> Result<Vec<Row>, Fault> {
        Err(Fault("a command does not read backwards".into()))
    }
}
