//! One entry of the log: its key, and its value with a checksum of its own.
//!
//! Value: version 1 | term u64 | node u64 | end u64 | crc32c u32 | payload. `end` counts the payload bytes of the log
//! up to and including this entry (of this node's log: another node's may differ), so that the size of any stretch is
//! one subtraction. The checksum covers index, term, node, end and payload: it also finds an entry in a wrong place.

use bytes::Bytes;

use super::Reader;
use crate::{Entry, LogId};

const VERSION: u8 = 1;
const HEADER: usize = 29;

/// The first byte of entry keys; metadata keys begin with 0.
const ENTRY: u8 = 1;

/// The key of the entry at `index`.
pub(crate) fn key(index: u64) -> [u8; 9] {
    let [a, b, c, d, e, f, g, h] = index.to_be_bytes();
    [ENTRY, a, b, c, d, e, f, g, h]
}

/// A key after every entry's.
pub(crate) fn end_key() -> [u8; 1] {
    [ENTRY + 1]
}

/// The index of an entry's key.
pub(crate) fn index_of(key: &[u8]) -> Option<u64> {
    let mut reader = Reader(key);
    if reader.u8()? != ENTRY {
        return None;
    }
    let index = reader.u64()?;
    reader.end()?;
    Some(index)
}

/// The value of an entry whose payload ends at byte `end` of the log.
pub(crate) fn encode(entry: &Entry, end: u64) -> Vec<u8> {
    let mut value = Vec::with_capacity(HEADER.saturating_add(entry.payload.len()));
    value.push(VERSION);
    value.extend_from_slice(&entry.id.term.to_be_bytes());
    value.extend_from_slice(&entry.id.node.to_be_bytes());
    value.extend_from_slice(&end.to_be_bytes());
    value.extend_from_slice(&checksum(&entry.id, end, &entry.payload).to_be_bytes());
    value.extend_from_slice(&entry.payload);
    value
}

/// The entry and its end, or what is wrong with the value.
pub(crate) fn decode(index: u64, value: &[u8]) -> Result<(Entry, u64), String> {
    let (id, end, crc, payload) = parts(index, value)?;
    if checksum(&id, end, payload) != crc {
        return Err(format!("the checksum of entry {index} is wrong"));
    }
    Ok((Entry { id, payload: Bytes::copy_from_slice(payload) }, end))
}

/// The id and the end alone, without a look at the payload.
pub(crate) fn decode_head(index: u64, value: &[u8]) -> Result<(LogId, u64), String> {
    parts(index, value).map(|(id, end, ..)| (id, end))
}

fn parts(index: u64, value: &[u8]) -> Result<(LogId, u64, u32, &[u8]), String> {
    let mut reader = Reader(value);
    let version = reader.u8().ok_or_else(|| format!("entry {index} is empty"))?;
    if version != VERSION {
        return Err(format!("entry {index} has the unknown version {version}"));
    }
    let mut head = || Some((reader.u64()?, reader.u64()?, reader.u64()?, reader.u32()?));
    let (term, node, end, crc) = head().ok_or_else(|| format!("entry {index} is too short"))?;
    Ok((LogId { term, node, index }, end, crc, reader.0))
}

fn checksum(id: &LogId, end: u64, payload: &[u8]) -> u32 {
    let crc = crc32c::crc32c(&id.index.to_be_bytes());
    let crc = crc32c::crc32c_append(crc, &id.term.to_be_bytes());
    let crc = crc32c::crc32c_append(crc, &id.node.to_be_bytes());
    let crc = crc32c::crc32c_append(crc, &end.to_be_bytes());
    crc32c::crc32c_append(crc, payload)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry() -> Entry {
        Entry { id: LogId { term: 3, node: 2, index: 7 }, payload: Bytes::from_static(b"payload") }
    }

    #[test]
    fn an_entry_comes_back_whole() {
        assert_eq!(decode(7, &encode(&entry(), 99)), Ok((entry(), 99)));
        assert_eq!(index_of(&key(7)), Some(7));
        assert_eq!(index_of(b"\x00vote"), None);
        assert!(key(u64::MAX).as_slice() < end_key().as_slice());
    }

    #[test]
    fn any_flipped_bit_and_any_other_index_is_noticed() {
        let value = encode(&entry(), 99);
        for at in 0..value.len() {
            let mut wrong = value.clone();
            wrong[at] ^= 4;
            assert!(decode(7, &wrong).is_err(), "byte {at}");
        }
        assert!(decode(8, &value).is_err());
        assert!(decode(7, &value[..20]).is_err());
    }
}
