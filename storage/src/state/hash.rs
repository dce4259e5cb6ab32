//! The logical hash: what the tables hold, whatever files hold it.

use std::path::Path;

use identity::tables::Table;
use rocksdb::DBRawIterator;

use crate::Error;
use crate::error::Part;

/// BLAKE3 over the rows of `State` and then `Audit`, in the order of their keys.
///
/// For each table its number; for each row 1, key length, key, value length, value; after the last row 0. Lengths are
/// u64, big-endian. `Search` is derived and differs by build, so it stays apart, as do this crate's own rows.
pub struct LogicalHash {
    hasher: blake3::Hasher,
    table: Option<Table>,
}

impl LogicalHash {
    /// The tables that are hashed, in their order.
    pub const TABLES: [Table; 2] = [Table::State, Table::Audit];

    /// A hash of nothing yet.
    #[allow(clippy::new_without_default)]
    pub fn new() -> LogicalHash {
        LogicalHash { hasher: blake3::Hasher::new_derive_key("conclave logical hash 1"), table: None }
    }

    /// Adds a row. Rows come in the order of tables and keys; rows of `Search` are passed over.
    pub fn add(&mut self, table: Table, key: &[u8], value: &[u8]) {
        if !Self::TABLES.contains(&table) {
            return;
        }
        self.enter(table);
        self.hasher.update(&[1]);
        for part in [key, value] {
            self.hasher.update(&u64::try_from(part.len()).unwrap_or(u64::MAX).to_be_bytes());
            self.hasher.update(part);
        }
    }

    /// The hash of all rows added.
    pub fn finish(mut self) -> [u8; 32] {
        if let Some(last) = Self::TABLES.last() {
            self.enter(*last);
        }
        self.hasher.update(&[0]);
        *self.hasher.finalize().as_bytes()
    }

    /// Adds all rows of a cursor over `table`.
    pub(crate) fn add_all(
        &mut self,
        table: Table,
        rows: &mut DBRawIterator<'_>,
        part: Part,
        path: &Path,
    ) -> Result<u64, Error> {
        let mut count: u64 = 0;
        rows.seek_to_first();
        while let Some((key, value)) = rows.item() {
            self.add(table, key, value);
            count = count.saturating_add(1);
            rows.next();
        }
        rows.status().map_err(|e| Error::rocks(part, "reading the state in", path, e))?;
        Ok(count)
    }

    /// Closes the tables before `table` and opens it.
    fn enter(&mut self, table: Table) {
        for next in Self::TABLES {
            if self.table.is_none_or(|at| at < next) && next <= table {
                if self.table.is_some() {
                    self.hasher.update(&[0]);
                }
                self.hasher.update(&[next as u8]);
                self.table = Some(next);
            }
        }
    }
}
