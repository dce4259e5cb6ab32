//! Judges how one of RocksDB's log files ends, before RocksDB opens it.
//!
//! RocksDB forgives a last record that is too short (a crash in the middle of a write, never acknowledged) and refuses
//! wrong bytes anywhere, without saying whether they are the last record's (a power cut may do that) or stand in the
//! middle (damage). The operator's next step differs, so this module tells them apart. It also notices a record whose
//! length was damaged so that it seems to be cut off, which RocksDB would forgive.
//!
//! The format is RocksDB's: blocks of 32 KiB; a record is crc u32 LE | length u16 LE | type u8 | payload and never
//! crosses a block; a longer one is split into first, middle and last fragments. The same format holds the `MANIFEST`.

use std::path::{Path, PathBuf};

use crate::{Error, atomic_file};

const BLOCK: usize = 32 << 10;
const HEADER: usize = 7;

/// How a file ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Ending {
    /// After a whole record.
    Clean,
    /// With the beginning of a record that starts at `offset`: what a crash leaves.
    Short { offset: u64 },
    /// With a record of full length and wrong bytes that starts at `offset`.
    Torn { offset: u64 },
    /// With records after wrong bytes at `offset`: this is no ending but damage.
    Damaged { offset: u64 },
}

/// The ending of the newest log file that holds a record, and its path; `None` if there is no such file.
pub(crate) fn judge_newest(folder: &Path) -> Result<Option<(PathBuf, Ending)>, Error> {
    let mut files: Vec<(u64, PathBuf)> = Vec::new();
    for path in atomic_file::list(folder)? {
        let number = atomic_file::name(&path).strip_suffix(".log").and_then(|stem| stem.parse().ok());
        if let Some(number) = number {
            files.push((number, path));
        }
    }
    files.sort();
    for (_, path) in files.into_iter().rev() {
        let bytes = atomic_file::read(&path)?.unwrap_or_default();
        // A file without a record was made by a start that went no further: the one before it is the newest.
        match judge(&bytes) {
            Ending::Clean if !bytes.iter().any(|byte| *byte != 0) => {}
            ending => return Ok(Some((path, ending))),
        }
    }
    Ok(None)
}

/// A fragment or whole record whose checksum is right.
struct Fragment {
    kind: u8,
    next: usize,
}

const FULL: u8 = 1;
const FIRST: u8 = 2;
const MIDDLE: u8 = 3;
const LAST: u8 = 4;

/// Why no fragment could be read at a place.
enum Unread {
    /// The file ends inside it.
    Cut,
    /// Only zeros follow, as a file system may leave after a crash.
    Zeros,
    Wrong,
}

/// How the bytes of a file end.
pub(crate) fn judge(bytes: &[u8]) -> Ending {
    let mut at = 0;
    // Where the record begins whose fragments are being read.
    let mut begun: Option<usize> = None;
    while at < bytes.len() {
        let left = BLOCK - at % BLOCK;
        if left < HEADER {
            at += left;
            continue;
        }
        let start = begun.unwrap_or(at);
        match fragment(bytes, at) {
            Ok(Fragment { kind, next }) => {
                begun = match (kind, begun) {
                    (FIRST, None) => Some(at),
                    (MIDDLE, Some(start)) => Some(start),
                    (LAST, Some(_)) | (FULL, None) => None,
                    // RocksDB's notes of its own (compression, predecessors) stand between records.
                    (kind, None) if kind > LAST => None,
                    _ => return Ending::Damaged { offset: place(at) },
                };
                at = next;
            }
            Err(Unread::Zeros) if begun.is_none() => return Ending::Clean,
            Err(Unread::Zeros) => return Ending::Short { offset: place(start) },
            Err(_) if record_follows(bytes, at) => return Ending::Damaged { offset: place(at) },
            Err(Unread::Cut) if !is_whole_to_the_end(bytes, at) => {
                return Ending::Short { offset: place(start) };
            }
            Err(_) => return Ending::Torn { offset: place(start) },
        }
    }
    begun.map_or(Ending::Clean, |start| Ending::Short { offset: place(start) })
}

fn fragment(bytes: &[u8], at: usize) -> Result<Fragment, Unread> {
    let rest = bytes.get(at..).unwrap_or_default();
    if rest.iter().all(|byte| *byte == 0) {
        return Err(Unread::Zeros);
    }
    let Some((crc, length, kind, body)) = header(rest) else { return Err(Unread::Cut) };
    if HEADER + length > BLOCK - at % BLOCK {
        return Err(if bytes.len() - at < BLOCK - at % BLOCK { Unread::Cut } else { Unread::Wrong });
    }
    let Some(payload) = body.get(..length) else { return Err(Unread::Cut) };
    if kind == 0 || checksum(kind, payload) != crc {
        return Err(Unread::Wrong);
    }
    Ok(Fragment { kind, next: at + HEADER + length })
}

fn header(rest: &[u8]) -> Option<(u32, usize, u8, &[u8])> {
    let (crc, rest) = rest.split_first_chunk::<4>()?;
    let (length, rest) = rest.split_first_chunk::<2>()?;
    let (kind, body) = rest.split_first()?;
    Some((u32::from_le_bytes(*crc), usize::from(u16::from_le_bytes(*length)), *kind, body))
}

/// RocksDB stores checksums masked, because a checksum of bytes that hold checksums is weak.
fn checksum(kind: u8, payload: &[u8]) -> u32 {
    let crc = crc32c::crc32c_append(crc32c::crc32c(&[kind]), payload);
    crc.rotate_right(15).wrapping_add(0xa282_ead8)
}

/// The checksum does not cover the length: bytes to the end of the file that fit it are a whole record whose length
/// was damaged, not one that was cut off.
fn is_whole_to_the_end(bytes: &[u8], at: usize) -> bool {
    let rest = bytes.get(at..).unwrap_or_default();
    header(rest).is_some_and(|(crc, _, kind, payload)| checksum(kind, payload) == crc)
}

/// Whether a record begins somewhere after the wrong bytes at `at`: at any byte of their block, then in the order of
/// fragments from the start of each later block.
fn record_follows(bytes: &[u8], at: usize) -> bool {
    let begins =
        |place: usize| fragment(bytes, place).ok().filter(|found| matches!(found.kind, FULL | FIRST));
    let block_end = (at / BLOCK + 1).saturating_mul(BLOCK).min(bytes.len());
    if (at + 1..block_end).any(|place| begins(place).is_some()) {
        return true;
    }
    let mut block = block_end;
    while block < bytes.len() {
        let mut place = block;
        while place < bytes.len() && BLOCK - place % BLOCK >= HEADER {
            match fragment(bytes, place) {
                Ok(Fragment { kind: FULL | FIRST, .. }) => return true,
                Ok(Fragment { next, .. }) if next < block + BLOCK => place = next,
                _ => break,
            }
        }
        block += BLOCK;
    }
    false
}

fn place(at: usize) -> u64 {
    u64::try_from(at).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A file of records of these lengths, and where each begins.
    fn file(lengths: &[usize]) -> (Vec<u8>, Vec<usize>) {
        let (mut bytes, mut starts) = (Vec::new(), Vec::new());
        for (number, length) in lengths.iter().enumerate() {
            let payload: Vec<u8> = (0..*length).map(|i| (i * 7 + number * 31 + 1) as u8).collect();
            let mut rest = payload.as_slice();
            let mut first = true;
            while first || !rest.is_empty() {
                let left = BLOCK - bytes.len() % BLOCK;
                if left < HEADER {
                    bytes.resize(bytes.len() + left, 0);
                    continue;
                }
                let (part, after) = rest.split_at(rest.len().min(left - HEADER));
                let kind = match (first, after.is_empty()) {
                    (true, true) => FULL,
                    (true, false) => FIRST,
                    (false, false) => MIDDLE,
                    (false, true) => LAST,
                };
                if first {
                    starts.push(bytes.len());
                }
                bytes.extend(checksum(kind, part).to_le_bytes());
                bytes.extend((part.len() as u16).to_le_bytes());
                bytes.push(kind);
                bytes.extend(part);
                (rest, first) = (after, false);
            }
        }
        (bytes, starts)
    }

    #[test]
    fn whole_files_end_cleanly_also_with_zeros_behind() {
        for lengths in [&[][..], &[10], &[10, 40_000, 5], &[32_761, 32_755, 1], &[100_000]] {
            let (mut bytes, _) = file(lengths);
            assert_eq!(judge(&bytes), Ending::Clean, "{lengths:?}");
            bytes.resize(bytes.len() + 500, 0);
            assert_eq!(judge(&bytes), Ending::Clean, "{lengths:?} with zeros");
        }
    }

    #[test]
    fn a_cut_inside_the_last_record_is_short_and_at_its_border_clean() {
        let (bytes, starts) = file(&[10, 40_000, 50_000]);
        let last = *starts.last().unwrap();
        for cut in [last + 1, last + 6, last + 7, last + 8, last + 30_000, bytes.len() - 1] {
            assert_eq!(judge(&bytes[..cut]), Ending::Short { offset: last as u64 }, "cut at {cut}");
        }
        assert_eq!(judge(&bytes[..last]), Ending::Clean);
    }

    #[test]
    fn any_flipped_byte_of_the_last_record_is_a_torn_tail() {
        for lengths in [&[10, 300][..], &[40_000, 300], &[10]] {
            let (bytes, starts) = file(lengths);
            let last = *starts.last().unwrap();
            for at in last..bytes.len() {
                for bit in 0..8 {
                    let mut wrong = bytes.clone();
                    wrong[at] ^= 1 << bit;
                    assert_eq!(
                        judge(&wrong),
                        Ending::Torn { offset: last as u64 },
                        "{lengths:?} byte {at} bit {bit}"
                    );
                }
            }
        }
    }

    #[test]
    fn wrong_bytes_in_any_fragment_of_a_long_last_record_are_a_torn_tail() {
        let (bytes, starts) = file(&[10, 100_000]);
        for at in [starts[1] + 3, 20_000, 32_768 + 100, 65_536 + 2, bytes.len() - 1] {
            let mut wrong = bytes.clone();
            wrong[at] ^= 1;
            assert_eq!(judge(&wrong), Ending::Torn { offset: starts[1] as u64 }, "byte {at}");
        }
    }

    #[test]
    fn any_flipped_byte_before_the_last_record_is_damage() {
        let (bytes, starts) = file(&[60, 50, 40]);
        for at in 0..starts[2] {
            for bit in 0..8 {
                let mut wrong = bytes.clone();
                wrong[at] ^= 1 << bit;
                assert!(
                    matches!(judge(&wrong), Ending::Damaged { .. }),
                    "byte {at} bit {bit}: {:?}",
                    judge(&wrong)
                );
            }
        }
        let (bytes, _) = file(&[10, 40_000, 40_000, 9]);
        for at in [0, 20, 20_000, 32_770, 50_000, 66_000] {
            let mut wrong = bytes.clone();
            wrong[at] ^= 1;
            assert!(matches!(judge(&wrong), Ending::Damaged { .. }), "byte {at}: {:?}", judge(&wrong));
        }
    }
}
