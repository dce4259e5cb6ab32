//! The search index: derived, written with its cause, outside the digest, rebuilt when its schema number differs.
//!
//! Each search term has a row in the order of the values, for sorted lists; the same under what the resource hangs under,
//! so that whoever sees only some places walks past nobody else's; and one for each three characters of it, by which parts
//! of names are found. All tell where to look; whether a record matches is read from the record. The rows of events are
//! `audit`'s; they are written anew here.

use crate::audit;
use crate::encoding::decode_row;
use crate::id::{Id, InstanceId};
use crate::keys::{Key, Space, tail};
use crate::name::fold;
use crate::record::{Kind, Record};
use crate::resource::{Indexes, Resource};
use crate::tables::{Changes, Fault, Read, Table};
use std::collections::BTreeSet;

/// The number of what the index holds. Raise it when a noun declares other terms.
pub const SCHEMA: u32 = 4;

/// Where a resource stands in the order of a term's values: the tail of its keys there.
pub fn place(value: &str, id: &Id) -> Vec<u8> {
    // A long value is found by its beginning.
    let folded: String = fold(value).chars().take(SEARCHED_CHARS_MAX).collect();
    [folded.as_bytes(), &[0], &tail(id)].concat()
}

/// The beginning of the keys of all terms of a field, in the order of the values.
pub fn field(instance: InstanceId, kind: Kind, field: &str) -> Key {
    Key::instance(instance).u16(kind.number()).text(field)
}

/// Stands where a field's name stands in rows under a parent.
const UNDER: &str = "/";

/// The same for what hangs under one parent.
pub fn field_under(instance: InstanceId, kind: Kind, parent: &Id, name: &str) -> Key {
    field(instance, kind, UNDER).text(name).id(parent)
}

/// Stands where a field's name stands in rows of parts.
const PARTS: &str = "*";

/// The beginning of the keys of resources that have these three characters in one of their terms.
pub fn part(instance: InstanceId, kind: Kind, part: &str) -> Key {
    field(instance, kind, PARTS).text(part)
}

/// How many characters of a value are searched.
const SEARCHED_CHARS_MAX: usize = 200;

/// The threes of characters of a text, folded; none if it is shorter.
pub fn threes(text: &str) -> BTreeSet<String> {
    let folded: Vec<char> = fold(text).chars().take(SEARCHED_CHARS_MAX).collect();
    folded.windows(3).map(|three| three.iter().collect()).collect()
}

/// Every row of a resource's terms.
pub(crate) fn rows(instance: InstanceId, kind: Kind, indexes: &Indexes<'_>, id: &Id) -> BTreeSet<Vec<u8>> {
    let mut rows = BTreeSet::new();
    for (name, value) in &indexes.search {
        let place = place(value, id);
        rows.insert(field(instance, kind, name).bytes(&place).into_bytes());
        rows.insert(field_under(instance, kind, indexes.parent, name).bytes(&place).into_bytes());
        rows.extend(threes(value).iter().map(|three| part(instance, kind, three).id(id).into_bytes()));
    }
    rows
}

/// Reads the keys that a stored record declares.
type Terms = fn(InstanceId, &[u8]) -> Result<Vec<Vec<u8>>, Fault>;

macro_rules! nouns {
    ($($number:literal $name:ident $word:literal $plural:literal $type:ty;)*) => {
        /// Every noun, with what reads the terms that it declares.
        static NOUNS: &[(Kind, Terms)] = &[$((Kind::$name, terms::<$type>),)*];
    };
}
crate::resources!(nouns);

/// How many rows are read or written at once.
const BATCH_ROWS: usize = 5_000;

fn schema_key() -> Vec<u8> {
    // No instance has this number, so that no term can stand here.
    Key::instance(InstanceId(u64::MAX)).into_bytes()
}

fn terms<T: Resource>(instance: InstanceId, row: &[u8]) -> Result<Vec<Vec<u8>>, Fault> {
    let record: Record<T> = decode_row(row)?;
    let indexes = Indexes::of(&record.spec, &record.parent);
    Ok(rows(instance, T::KIND, &indexes, &record.id).into_iter().collect())
}

/// Whether the index was written for another schema than this program's.
pub fn is_outdated(read: &dyn Read) -> Result<bool, Fault> {
    let stored = read.get(Table::Search, &schema_key())?;
    Ok(stored.as_deref() != Some(SCHEMA.to_be_bytes().as_slice()))
}

/// Writes the whole index anew from the records and events, in bounded batches, the schema number last: a stop in between begins
/// again. `read` must not change meanwhile; `instances` are all there are.
pub fn rebuild(
    read: &dyn Read,
    instances: &[InstanceId],
    write: &mut dyn FnMut(Changes) -> Result<(), Fault>,
) -> Result<(), Fault> {
    let (from, to) = (Vec::new(), vec![u8::MAX; 9]);
    each(read, Table::Search, from, &to, &mut |rows| {
        write(rows.iter().map(|(key, _)| ((Table::Search, key.clone()), None)).collect())
    })?;
    for instance in instances {
        for (kind, terms) in NOUNS {
            let (from, to) = Key::new(*instance, Space::Record).u16(kind.number()).range();
            each(read, Table::State, from, &to, &mut |rows| {
                let mut changes = Changes::new();
                for (_, row) in rows {
                    changes.extend(
                        terms(*instance, row)?
                            .into_iter()
                            .map(|key| ((Table::Search, key), Some(Vec::new()))),
                    );
                }
                write(changes)
            })?;
        }
    }
    each(read, Table::Audit, Vec::new(), &to, &mut |rows| {
        let mut changes = Changes::new();
        for row in rows {
            let rows = audit::rows_of_stored(row)?;
            changes.extend(rows.into_iter().map(|(key, value)| ((Table::Search, key), Some(value))));
        }
        write(changes)
    })?;
    let schema = ((Table::Search, schema_key()), Some(SCHEMA.to_be_bytes().to_vec()));
    write(Changes::from([schema]))
}

/// Hands the rows of a range over in batches.
fn each(
    read: &dyn Read,
    table: Table,
    mut from: Vec<u8>,
    to: &[u8],
    take: &mut dyn FnMut(&[crate::tables::Row]) -> Result<(), Fault>,
) -> Result<(), Fault> {
    loop {
        let rows = read.scan(table, &from, to, BATCH_ROWS)?;
        let Some((last, _)) = rows.last() else { return Ok(()) };
        from = last.clone();
        from.push(0);
        take(&rows)?;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::memory::MemoryTables;

    #[test]
    fn a_rebuilt_index_is_the_one_that_commands_wrote() -> Result<(), Fault> {
        let (world, _) = crate::testing::fixtures::World::standard();
        let mut tables: MemoryTables = world.tables.clone();
        let search = |tables: &MemoryTables| -> Vec<crate::tables::Row> {
            let rows =
                tables.iter().filter(|(table, key, _)| *table == Table::Search && *key != schema_key());
            rows.map(|(_, key, value)| (key.to_vec(), value.to_vec())).collect()
        };
        let before = search(&tables);
        assert!(before.len() > 10 && is_outdated(&tables)?);
        let stale = Changes::from([((Table::Search, b"\0\0\0\0\0\0\0\x01stale".to_vec()), Some(Vec::new()))]);
        tables.write(stale);
        let read = tables.clone();
        rebuild(&read, &[InstanceId(1), InstanceId(2)], &mut |changes| {
            tables.write(changes);
            Ok(())
        })?;
        assert_eq!(search(&tables), before);
        assert!(!is_outdated(&tables)?);
        Ok(())
    }
}
