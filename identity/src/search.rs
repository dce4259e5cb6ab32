//! The search index: derived, written with its cause, outside the digest, rebuilt when its schema number differs.

use crate::application::Application;
use crate::encoding::decode_row;
use crate::id::{Id, InstanceId};
use crate::keys::{Key, Space};
use crate::name::fold;
use crate::organization::Organization;
use crate::project::Project;
use crate::record::{Kind, Record};
use crate::resource::{Indexes, Resource};
use crate::tables::{Changes, Fault, Read, Table};
use crate::user::User;

/// The number of what the index holds. Raise it when a noun declares other terms.
pub const SCHEMA: u32 = 1;

/// The key of one term of a resource.
pub fn key(instance: InstanceId, kind: Kind, field: &str, value: &str, id: &Id) -> Vec<u8> {
    // A long value is found by its beginning.
    let folded: String = fold(value).chars().take(200).collect();
    Key::instance(instance)
        .u16(kind.number())
        .text(field)
        .bytes(folded.as_bytes())
        .bytes(&[0])
        .id(id)
        .into_bytes()
}

/// Ids of resources whose `field` begins with `prefix`, in the order of the values, at most `limit`.
pub fn starting(
    read: &dyn Read,
    instance: InstanceId,
    kind: Kind,
    field: &str,
    prefix: &str,
    limit: usize,
) -> Result<Vec<Id>, Fault> {
    let (from, to) =
        Key::instance(instance).u16(kind.number()).text(field).bytes(fold(prefix).as_bytes()).range();
    let mut ids = Vec::new();
    for (key, _) in read.scan(Table::Search, &from, &to, limit)? {
        let head = 8 + 2 + 2 + field.len();
        let end = key.get(head..).and_then(|rest| rest.iter().position(|byte| *byte == 0));
        let at = end.map(|end| head + end + 1).ok_or_else(|| Fault("a search row has no end".into()))?;
        ids.push(crate::reader::id_at(&key, at)?);
    }
    Ok(ids)
}

/// Reads the keys that a stored record declares.
type Terms = fn(InstanceId, &[u8]) -> Result<Vec<Vec<u8>>, Fault>;

/// The nouns that declare search terms.
static NOUNS: &[(Kind, Terms)] = &[
    (Kind::Organization, terms::<Organization>),
    (Kind::Project, terms::<Project>),
    (Kind::Application, terms::<Application>),
    (Kind::User, terms::<User>),
];

/// How many rows are read or written at once.
const BATCH_ROWS: usize = 5_000;

fn schema_key() -> Vec<u8> {
    // No instance has this number, so that no term can stand here.
    Key::instance(InstanceId(u64::MAX)).into_bytes()
}

fn terms<T: Resource>(instance: InstanceId, row: &[u8]) -> Result<Vec<Vec<u8>>, Fault> {
    let record: Record<T> = decode_row(row)?;
    let indexes = Indexes::of(&record.spec, &record.parent);
    let keys = indexes.search.iter().map(|(field, value)| key(instance, T::KIND, field, value, &record.id));
    Ok(keys.collect())
}

/// Whether the index was written for another schema than this program's.
pub fn is_outdated(read: &dyn Read) -> Result<bool, Fault> {
    let stored = read.get(Table::Search, &schema_key())?;
    Ok(stored.as_deref() != Some(SCHEMA.to_be_bytes().as_slice()))
}

/// Writes the whole index anew from the records, in bounded batches, the schema number last: a stop in between begins
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
        let search = |tables: &MemoryTables| -> Vec<Vec<u8>> {
            let rows = tables.iter().filter(|(table, ..)| *table == Table::Search);
            rows.map(|(_, key, _)| key.to_vec()).filter(|key| *key != schema_key()).collect()
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
