//! The column families of a state and how each is stored.

use std::path::Path;

use identity::tables::Table;
use rocksdb::{BlockBasedOptions, ColumnFamilyDescriptor, DB, DBCompressionType, DEFAULT_COLUMN_FAMILY_NAME};

use crate::error::Part;
use crate::{Error, Options, options};

/// The column family of a table. The default one holds this crate's own rows (position, identity).
pub(crate) fn family(table: Table) -> &'static str {
    match table {
        Table::State => "state",
        Table::Audit => "audit",
        Table::Search => "search",
    }
}

/// Opens a state to write to.
pub(crate) fn open(path: &Path, chosen: &Options, create: bool) -> Result<DB, Error> {
    let mut base = base(chosen);
    base.create_if_missing(create);
    base.create_missing_column_families(create);
    DB::open_cf_descriptors(&base, path, families(chosen))
        .map_err(|e| Error::rocks(Part::State, "opening the state in", path, e))
}

/// Opens a state that nothing may change: a snapshot, or one that is examined.
pub(crate) fn open_read_only(path: &Path, chosen: &Options, part: Part) -> Result<DB, Error> {
    DB::open_cf_descriptors_read_only(&base(chosen), path, families(chosen), false)
        .map_err(|e| Error::rocks(part, "opening the state in", path, e))
}

/// Opens a state to read every byte of it: filters too, which RocksDB otherwise reads on demand and does without when
/// they are damaged. The options count blocks with wrong checksums, also those that no read reports.
pub(crate) fn open_to_examine(path: &Path, chosen: &Options) -> Result<(DB, rocksdb::Options), Error> {
    let mut base = base(chosen);
    base.enable_statistics();
    let families = families_with(chosen, |_| {
        let mut tables = options::tables(chosen, FILTER);
        tables.set_cache_index_and_filter_blocks(false);
        tables
    });
    let opened = DB::open_cf_descriptors_read_only(&base, path, families, false);
    let db = opened.map_err(|e| Error::rocks(Part::State, "opening the state in", path, e))?;
    Ok((db, base))
}

/// Without a write-ahead log, only the joint flush of all column families keeps a crash from tearing a batch apart.
fn base(chosen: &Options) -> rocksdb::Options {
    let mut to = options::rocks_base(chosen);
    to.set_atomic_flush(true);
    to.set_write_buffer_manager(chosen.state_memtables());
    to
}

/// Bits of a bloom filter for each key.
const FILTER: Option<f64> = Some(10.0);

fn families(chosen: &Options) -> Vec<ColumnFamilyDescriptor> {
    families_with(chosen, |table| match table {
        // Asked for keys that are not there: whether a name or a request is new.
        Some(Table::State) => options::tables(chosen, FILTER),
        // Read by range alone, which no filter helps. Those of the search table's many short keys would take some 34 MB
        // for a million users, and RocksDB gathers the hashes of a file's keys until the file is done.
        Some(Table::Audit | Table::Search) | None => options::tables(chosen, None),
    })
}

fn families_with(
    chosen: &Options,
    tables: impl Fn(Option<Table>) -> BlockBasedOptions,
) -> Vec<ColumnFamilyDescriptor> {
    let options = |bottom, tables: &BlockBasedOptions| {
        let mut to = options::rocks_base(chosen);
        to.set_write_buffer_size(chosen.state_memtable_bytes());
        to.set_compression_type(DBCompressionType::Lz4);
        to.set_bottommost_compression_type(bottom);
        to.set_block_based_table_factory(tables);
        to
    };
    let sys = options(DBCompressionType::Lz4, &tables(None));
    let mut families = vec![ColumnFamilyDescriptor::new(DEFAULT_COLUMN_FAMILY_NAME, sys)];
    for table in Table::ALL {
        let bottom = match table {
            // Read by key all day: cheap to unpack.
            Table::State | Table::Search => DBCompressionType::Lz4,
            // Written once, read seldom, kept for years.
            Table::Audit => DBCompressionType::Zstd,
        };
        families.push(ColumnFamilyDescriptor::new(family(table), options(bottom, &tables(Some(table)))));
    }
    families
}
