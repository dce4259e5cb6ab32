//! That what RocksDB holds in memory stays within the budget, by its own count.

use std::sync::mpsc;

use bytes::Bytes;
use identity::tables::{Changes, Read, Table};

use super::*;
use crate::{Applied, Entry, Log, LogBackend, LogId, NodeIdentity, State};

const MEMORY: u64 = MEMORY_BYTES_MIN;
const IDENTITY: NodeIdentity = NodeIdentity { cluster: [1; 16], node: 1, lineage: 1 };

struct Node {
    options: Options,
    log: Log,
    state: State,
    written: u64,
    _folder: tempfile::TempDir,
}

fn node() -> Node {
    let folder = tempfile::tempdir().unwrap();
    crate::create(folder.path(), &IDENTITY).unwrap();
    let options = Options::new(MEMORY);
    let log = Log::open(folder.path(), &IDENTITY, &options).unwrap();
    let state = State::open(folder.path(), &IDENTITY, &options).unwrap();
    Node { options, log, state, written: 0, _folder: folder }
}

impl Node {
    /// Writes a thousand rows in each table and an entry of the log, 256 bytes of noise for each row.
    fn write(&mut self) {
        let mut changes = Changes::new();
        let mut entry = Vec::new();
        for row in 0..1000_u64 {
            let key = (self.written * 1000 + row).wrapping_mul(0x9e37_79b9_7f4a_7c15).to_be_bytes().to_vec();
            let mut noise = vec![0; 256];
            blake3::Hasher::new().update(&key).finalize_xof().fill(&mut noise);
            entry.extend(&noise);
            for table in Table::ALL {
                changes.insert((table, key.clone()), Some(noise.clone()));
            }
        }
        let id = LogId { term: 1, node: 1, index: self.written };
        let (done, synced) = mpsc::channel();
        let entry = Entry { id, payload: Bytes::from(entry) };
        self.log.append(vec![entry], Box::new(move |result| done.send(result).unwrap())).unwrap();
        synced.recv().unwrap().unwrap();
        self.state.write(changes, Applied { log: Some(id), ..Applied::default() }).unwrap();
        self.written += 1;
    }

    fn property(&self, table: Table, name: &str) -> u64 {
        let generation = self.state.current.load();
        let family = generation.family(table).unwrap();
        generation.db.property_int_value_cf(family, name).unwrap().unwrap()
    }

    fn filter_bytes(&self, table: Table) -> u64 {
        let generation = self.state.current.load();
        let family = generation.family(table).unwrap();
        let all =
            generation.db.property_value_cf(family, "rocksdb.aggregated-table-properties").unwrap().unwrap();
        let size = all.split("filter block size=").nth(1).and_then(|rest| rest.split(';').next()).unwrap();
        size.trim().parse().unwrap()
    }
}

#[test]
fn memtables_are_part_of_the_budget() {
    let mut node = node();
    let empty = node.options.cache().get_usage();
    for _ in 0..4 {
        node.write();
    }
    // Three tables and the log took a megabyte each.
    let taken = node.options.cache().get_usage() - empty;
    assert!(taken > 4_000_000, "{taken} bytes are counted of 4 MB that were written");
}

#[test]
fn what_rocksdb_holds_stays_within_memory() {
    let mut node = node();
    for round in 0..40 {
        node.write();
        for table in Table::ALL {
            node.state.view().scan(table, &[round], &[0xff; 9], 2000).unwrap();
        }
        let counted = u64::try_from(node.options.cache().get_usage()).unwrap();
        let tables = |table| node.property(table, "rocksdb.estimate-table-readers-mem");
        let tables: u64 = Table::ALL.into_iter().map(tables).sum();
        // Indexes and filters lie in the cache, so that open tables cost next to nothing.
        assert!(tables < MEMORY / 256, "round {round}: open tables hold {tables} bytes");
        assert!(counted + tables < MEMORY / 256 * 240, "round {round}: {counted} and {tables} bytes");
    }
    // It was really too much for memory: the tables are on disk, and the cache is not empty.
    assert!(node.property(Table::State, "rocksdb.live-sst-files-size") > 1 << 20);
    assert!(node.options.cache().get_usage() > 4 << 20);
}

#[test]
fn only_the_table_that_is_asked_for_keys_has_filters() {
    let mut node = node();
    node.write();
    node.state.flush().unwrap();
    assert!(node.filter_bytes(Table::State) > 1000);
    assert_eq!(node.filter_bytes(Table::Search), 0);
    assert_eq!(node.filter_bytes(Table::Audit), 0);
}
