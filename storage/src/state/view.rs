//! A view: all tables at one moment, for as long as it lives.

use std::ops::Range;
use std::path::Path;
use std::sync::Arc;

use identity::tables::{Fault, Read, Row, Table};
use rocksdb::{ColumnFamily, DB, DBPinnableSlice, Direction, ReadOptions, Snapshot};

use crate::codec::meta;
use crate::error::Part;
use crate::state::Applied;
use crate::state::generation::Generation;
use crate::state::hash::LogicalHash;
use crate::{Error, LogId};

/// A point-in-time view of the state. It keeps its generation open, also after a snapshot has replaced it, so it
/// should not be kept for long.
pub struct View {
    // The order of the fields matters: the snapshot is released before its RocksDB may be closed.
    snapshot: Snapshot<'static>,
    generation: Arc<Generation>,
}

impl View {
    pub(crate) fn new(generation: Arc<Generation>) -> View {
        // SAFETY: the reference outlives nothing it must not: `generation` keeps the RocksDB at one address (an `Arc`
        // does not move its content) until after `snapshot` is dropped, and `snapshot` never leaves this struct.
        #[allow(unsafe_code)]
        let db: &'static DB = unsafe { &*std::ptr::from_ref(&generation.db) };
        View { snapshot: db.snapshot(), generation }
    }

    /// The position of this view, read from its own snapshot.
    pub fn applied(&self) -> Result<Applied, Error> {
        let name = |e| Error::rocks(Part::State, "reading the state in", self.generation.path(), e);
        let log_synced = self.snapshot.get(meta::LOG_SYNCED).map_err(name)?;
        let log_synced = log_synced.and_then(|bytes| meta::decode_number(&bytes)).unwrap_or(0);
        let Some(bytes) = self.snapshot.get(meta::APPLIED).map_err(name)? else {
            return Ok(Applied { log_synced, ..Applied::default() });
        };
        meta::decode_applied(&bytes, log_synced).ok_or_else(|| self.unreadable())
    }

    /// The log position alone.
    pub fn position(&self) -> Result<Option<LogId>, Error> {
        self.applied().map(|applied| applied.log)
    }

    /// BLAKE3 over all rows that replicas share; see `LogicalHash`.
    pub fn logical_hash(&self) -> Result<[u8; 32], Error> {
        let mut hash = LogicalHash::new();
        for table in LogicalHash::TABLES {
            let mut options = ReadOptions::default();
            options.fill_cache(false);
            let mut rows = self.snapshot.raw_iterator_cf_opt(self.generation.family(table)?, options);
            hash.add_all(table, &mut rows, Part::State, self.generation.path())?;
        }
        Ok(hash.finish())
    }

    fn rows(
        &self,
        table: Table,
        range: Range<&[u8]>,
        limit: usize,
        direction: Direction,
    ) -> Result<Vec<Row>, Fault> {
        if range.is_empty() || limit == 0 {
            return Ok(Vec::new());
        }
        let mut options = ReadOptions::default();
        options.set_iterate_range(range.start.to_vec()..range.end.to_vec());
        let mut cursor = self.snapshot.raw_iterator_cf_opt(self.family(table)?, options);
        match direction {
            Direction::Forward => cursor.seek(range.start),
            Direction::Reverse => cursor.seek_to_last(),
        }
        let mut rows = Vec::new();
        while let Some((key, value)) = cursor.item() {
            rows.push((key.to_vec(), value.to_vec()));
            if rows.len() >= limit {
                break;
            }
            match direction {
                Direction::Forward => cursor.next(),
                Direction::Reverse => cursor.prev(),
            }
        }
        // A cursor stops at an error as it does at the end.
        cursor.status().map_err(|e| self.fault(e))?;
        Ok(rows)
    }

    fn family(&self, table: Table) -> Result<&ColumnFamily, Fault> {
        Ok(self.generation.family(table)?)
    }

    fn fault(&self, cause: rocksdb::Error) -> Fault {
        Error::rocks(Part::State, "reading the state in", self.generation.path(), cause).into()
    }

    fn unreadable(&self) -> Error {
        let path: &Path = self.generation.path();
        Error::CorruptState { path: path.to_path_buf(), detail: "the row applied is unreadable".into() }
    }
}

impl Read for View {
    fn get(&self, table: Table, key: &[u8]) -> Result<Option<Vec<u8>>, Fault> {
        self.snapshot.get_cf(self.family(table)?, key).map_err(|e| self.fault(e))
    }

    fn get_many(&self, table: Table, keys: &[Vec<u8>]) -> Result<Vec<Option<Vec<u8>>>, Fault> {
        let mut options = ReadOptions::default();
        options.set_snapshot(&self.snapshot);
        let found = self.generation.db.batched_multi_get_cf_opt(self.family(table)?, keys, false, &options);
        let value = |value: DBPinnableSlice<'_>| value.to_vec();
        found.into_iter().map(|found| Ok(found.map_err(|e| self.fault(e))?.map(value))).collect()
    }

    fn scan(&self, table: Table, from: &[u8], to: &[u8], limit: usize) -> Result<Vec<Row>, Fault> {
        self.rows(table, from..to, limit, Direction::Forward)
    }

    fn scan_back(&self, table: Table, from: &[u8], to: &[u8], limit: usize) -> Result<Vec<Row>, Fault> {
        self.rows(table, from..to, limit, Direction::Reverse)
    }
}
