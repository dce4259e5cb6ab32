//! The tables: what is written is read, at the moment it was, and after a restart.

use std::collections::BTreeMap;

use identity::tables::{Changes, Fault, Read, Row, Table};
use proptest::prelude::*;
use storage::{Applied, LogicalHash, State};

use crate::fixture::*;

#[test]
fn a_new_state_is_empty() {
    let folder = folder();
    let state = folder.state();
    assert_eq!(state.applied(), Applied::default());
    assert_eq!(state.durable(), Ok(Applied::default()));
    assert_eq!(state.view().scan(Table::State, b"", b"\xff", 10), Ok(vec![]));
    assert_eq!(state.logical_hash(), Ok(LogicalHash::new().finish()));
}

#[test]
fn a_view_stays_as_it_was() {
    let folder = folder();
    let state = folder.state();
    let empty = state.view();
    state.write(put(Table::State, "key", "1"), applied(1)).unwrap();
    let first = state.view();
    state.write(put(Table::State, "key", "2"), applied(2)).unwrap();
    state.flush().unwrap();
    state.write(Changes::from([((Table::State, b"key".to_vec()), None)]), applied(3)).unwrap();
    let get = |view: &storage::View| view.get(Table::State, b"key").unwrap();
    assert_eq!((get(&empty), empty.position()), (None, Ok(None)));
    assert_eq!((get(&first), first.position()), (Some(b"1".to_vec()), Ok(Some(id(1, 1)))));
    assert_eq!((get(&state.view()), state.view().applied()), (None, Ok(applied(3))));
    // A view outlives the state it was taken from.
    drop(state);
    assert_eq!(get(&first), Some(b"1".to_vec()));
}

#[test]
fn e06_a_view_read_by_other_threads_is_of_one_position() {
    let folder = folder();
    let state = folder.state();
    std::thread::scope(|scope| {
        let readers: Vec<_> = (0..4)
            .map(|_| {
                scope.spawn(|| {
                    let mut last = 0;
                    while last < 400 {
                        let view = state.view();
                        let position = view.position().unwrap().map_or(0, |id| id.index);
                        assert!(position >= last);
                        let value =
                            view.get(Table::State, b"position").unwrap().unwrap_or_else(|| b"0".to_vec());
                        assert_eq!(String::from_utf8(value).unwrap(), position.to_string());
                        let audit = view.scan(Table::Audit, b"", b"\xff", 1000).unwrap();
                        assert_eq!(audit.len() as u64, position);
                        last = position;
                    }
                })
            })
            .collect();
        for index in 1..=400_u64 {
            let mut changes = put(Table::State, "position", &index.to_string());
            changes.extend(put(Table::Audit, &format!("{index:05}"), "event"));
            state.write(changes, applied(index)).unwrap();
        }
        readers.into_iter().for_each(|reader| reader.join().unwrap());
    });
}

#[test]
fn what_a_crash_leaves_is_what_durable_said() {
    let folder = folder();
    let state = folder.state();
    for index in 1..=60_u64 {
        let mut changes = Changes::new();
        for table in Table::ALL {
            changes.extend(put(table, "position", &index.to_string()));
            changes.extend(put(table, &format!("{index:05}"), &"v".repeat(1000)));
        }
        state.write(changes, Applied { log_synced: index, ..applied(index) }).unwrap();
        if index % 20 == 0 {
            state.flush().unwrap();
            assert_eq!(state.durable().unwrap().log, Some(id(1, index)));
        }
        let durable = state.durable().unwrap();
        if index % 7 == 0 {
            let image = folder.image();
            let crashed = image.state();
            assert_eq!(crashed.applied(), durable, "index {index}");
            let expected = durable.log.map(|id| id.index.to_string().into_bytes());
            for table in Table::ALL {
                assert_eq!(crashed.view().get(table, b"position").unwrap(), expected, "{table:?} at {index}");
            }
        }
    }
}

#[test]
fn a_clean_stop_keeps_everything() {
    let folder = folder();
    let hash = {
        let state = folder.state();
        state.write(put(Table::State, "key", "value"), applied(5)).unwrap();
        state.logical_hash().unwrap()
    };
    let state = folder.state();
    assert_eq!(
        (state.applied(), state.durable(), state.logical_hash()),
        (applied(5), Ok(applied(5)), Ok(hash))
    );
}

#[test]
fn a_lost_current_file_is_refused_and_nothing_is_removed() {
    let folder = folder();
    drop(folder.state());
    std::fs::remove_file(folder.dir.join("state/CURRENT")).unwrap();
    assert!(matches!(folder.try_state().err(), Some(storage::Error::CorruptState { .. })));
    std::fs::write(folder.dir.join("state/CURRENT"), "gen-9\n").unwrap();
    assert!(matches!(folder.try_state().err(), Some(storage::Error::CorruptState { .. })));
    std::fs::write(folder.dir.join("state/CURRENT"), "gen-1\n").unwrap();
    folder.state();
}

/// The tables in memory, with which the ones on disk are compared.
#[derive(Default)]
struct Model(BTreeMap<(Table, Vec<u8>), Vec<u8>>);

impl Model {
    fn write(&mut self, changes: &Changes) {
        for (key, value) in changes {
            match value {
                Some(value) => self.0.insert(key.clone(), value.clone()),
                None => self.0.remove(key),
            };
        }
    }

    fn hash(&self) -> [u8; 32] {
        let mut hash = LogicalHash::new();
        self.0.iter().for_each(|((table, key), value)| hash.add(*table, key, value));
        hash.finish()
    }
}

impl Read for Model {
    fn get(&self, table: Table, key: &[u8]) -> Result<Option<Vec<u8>>, Fault> {
        Ok(self.0.get(&(table, key.to_vec())).cloned())
    }

    fn scan(&self, table: Table, from: &[u8], to: &[u8], limit: usize) -> Result<Vec<Row>, Fault> {
        let rows = self
            .0
            .iter()
            .filter(|((t, key), _)| *t == table && from <= key.as_slice() && key.as_slice() < to);
        Ok(rows.map(|((_, key), value)| (key.clone(), value.clone())).take(limit).collect())
    }

    fn scan_back(&self, table: Table, from: &[u8], to: &[u8], limit: usize) -> Result<Vec<Row>, Fault> {
        let mut rows = self.scan(table, from, to, usize::MAX)?;
        rows.reverse();
        rows.truncate(limit);
        Ok(rows)
    }
}

#[derive(Clone, Debug)]
enum Step {
    Write(Changes),
    Scan(Table, Vec<u8>, Vec<u8>, usize),
    Flush,
    Reopen,
    Install,
}

/// Short keys of few letters, so that they meet: empty ones, prefixes of each other, and the highest byte.
fn key() -> impl Strategy<Value = Vec<u8>> {
    prop::collection::vec(prop::sample::select(vec![0_u8, 1, b'a', 0xff]), 0..4)
}

fn table() -> impl Strategy<Value = Table> {
    prop::sample::select(Table::ALL.to_vec())
}

fn step() -> impl Strategy<Value = Step> {
    let value = prop::option::weighted(0.7, prop::collection::vec(any::<u8>(), 0..40));
    prop_oneof![
        12 => prop::collection::btree_map((table(), key()), value, 0..12).prop_map(Step::Write),
        12 => (table(), key(), key(), 0..20_usize).prop_map(|(table, from, to, limit)| Step::Scan(table, from, to, limit)),
        2 => Just(Step::Flush),
        1 => Just(Step::Reopen),
        1 => Just(Step::Install),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig {
        cases: 60,
        failure_persistence: None,
        rng_seed: prop::test_runner::RngSeed::Fixed(1),
        ..ProptestConfig::default()
    })]

    #[test]
    fn tables_on_disk_equal_a_map_in_memory(steps in prop::collection::vec(step(), 1..60)) {
        let folder = folder();
        let (mut state, mut model) = (folder.state(), Model::default());
        let mut index = 0;
        for step in steps {
            match step {
                Step::Write(changes) => {
                    index += 1;
                    model.write(&changes);
                    state.write(changes, applied(index)).unwrap();
                }
                Step::Scan(table, from, to, limit) => {
                    let view = state.view();
                    prop_assert_eq!(view.scan(table, &from, &to, limit), model.scan(table, &from, &to, limit));
                    let back = view.scan_back(table, &from, &to, limit);
                    prop_assert_eq!(back, model.scan_back(table, &from, &to, limit));
                    prop_assert_eq!(view.get(table, &from), model.get(table, &from));
                }
                Step::Flush => state.flush().unwrap(),
                Step::Reopen => {
                    drop(state);
                    state = folder.state();
                }
                Step::Install => {
                    let snapshot = state.build_snapshot().unwrap();
                    state.install(&snapshot).unwrap();
                }
            }
            prop_assert_eq!(state.applied().log, (index > 0).then(|| id(1, index)));
        }
        prop_assert_eq!(state.logical_hash().unwrap(), model.hash());
        everything_is_equal(&state, &model);
    }
}

fn everything_is_equal(state: &State, model: &Model) {
    let view = state.view();
    for table in Table::ALL {
        let all = |tables: &dyn Read| tables.scan(table, b"", &[0xff; 8], usize::MAX).unwrap();
        assert_eq!(all(&view), all(model));
    }
}
