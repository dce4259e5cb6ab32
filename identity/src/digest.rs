//! The replica digest: equal on all nodes at equal positions, or something is wrong with one of them.

use crate::tables::{Changes, Table};

/// `d' = BLAKE3(d, index, ordinal, command bytes, write set)`. The search table is derived and stays outside.
pub fn advance(before: [u8; 32], index: u64, ordinal: u32, command: &[u8], written: &Changes) -> [u8; 32] {
    let mut hasher = blake3::Hasher::new();
    hasher.update(&before);
    hasher.update(&index.to_be_bytes());
    hasher.update(&ordinal.to_be_bytes());
    let mut part = |bytes: &[u8]| {
        hasher.update(&(bytes.len() as u64).to_be_bytes());
        hasher.update(bytes);
    };
    part(command);
    for ((table, key), value) in written {
        if *table == Table::Search {
            continue;
        }
        part(&[*table as u8]);
        part(key);
        match value {
            Some(value) => {
                part(&[1]);
                part(value);
            }
            None => part(&[0]),
        }
    }
    *hasher.finalize().as_bytes()
}
