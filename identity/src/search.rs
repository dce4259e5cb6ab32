//! The search index: derived, written with its cause, outside the digest, rebuilt when its schema number differs.

use crate::id::{Id, InstanceId};
use crate::keys::Key;
use crate::name::fold;
use crate::record::Kind;
use crate::tables::{Fault, Read, Table};

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
