//! The small rows beside entries and records: vote, positions, identity, what the state has applied.

use bytes::Bytes;

use super::Reader;
use crate::{Applied, LogId, NodeIdentity, Vote};

const VERSION: u8 = 1;

/// Metadata keys of the log; entries stand after them.
pub(crate) const VOTE: &[u8] = b"\x00vote";
pub(crate) const PURGED: &[u8] = b"\x00purged";
pub(crate) const COMMITTED: &[u8] = b"\x00committed";
pub(crate) const LOG_IDENTITY: &[u8] = b"\x00identity";

/// Keys of the state's own rows, in the default column family.
pub(crate) const APPLIED: &[u8] = b"applied";
pub(crate) const LOG_SYNCED: &[u8] = b"log_synced";
pub(crate) const STATE_IDENTITY: &[u8] = b"identity";

/// Version | present | term | node | index.
pub(crate) fn encode_position(id: Option<LogId>) -> Vec<u8> {
    let mut to = vec![VERSION];
    put_position(&mut to, id);
    to
}

pub(crate) fn decode_position(from: &[u8]) -> Option<Option<LogId>> {
    let mut from = versioned(from)?;
    let id = take_position(&mut from)?;
    from.end()?;
    Some(id)
}

/// The purged position, and the byte of the log at which it ends.
pub(crate) fn encode_purged(id: LogId, end: u64) -> Vec<u8> {
    let mut to = vec![VERSION];
    put_position(&mut to, Some(id));
    to.extend_from_slice(&end.to_be_bytes());
    to
}

pub(crate) fn decode_purged(from: &[u8]) -> Option<(LogId, u64)> {
    let mut from = versioned(from)?;
    let id = take_position(&mut from)??;
    let end = from.u64()?;
    from.end()?;
    Some((id, end))
}

/// Version | term | node | committed.
pub(crate) fn encode_vote(vote: Vote) -> Vec<u8> {
    let mut to = vec![VERSION];
    to.extend_from_slice(&vote.term.to_be_bytes());
    to.extend_from_slice(&vote.node.to_be_bytes());
    to.push(u8::from(vote.committed));
    to
}

pub(crate) fn decode_vote(from: &[u8]) -> Option<Vote> {
    let mut from = versioned(from)?;
    let vote = Vote { term: from.u64()?, node: from.u64()?, committed: from.bool()? };
    from.end()?;
    Some(vote)
}

/// Version | cluster | node | lineage.
pub(crate) fn encode_identity(identity: &NodeIdentity) -> Vec<u8> {
    let mut to = vec![VERSION];
    to.extend_from_slice(&identity.cluster);
    to.extend_from_slice(&identity.node.to_be_bytes());
    to.extend_from_slice(&identity.lineage.to_be_bytes());
    to
}

pub(crate) fn decode_identity(from: &[u8]) -> Option<NodeIdentity> {
    let mut from = versioned(from)?;
    let identity = NodeIdentity { cluster: from.take()?, node: from.u64()?, lineage: from.u32()? };
    from.end()?;
    Some(identity)
}

/// Version | position | time | digest | membership to the end. The same bytes on every node at the same position:
/// `log_synced`, which is this node's own, has a row of its own.
pub(crate) fn encode_applied(applied: &Applied) -> Vec<u8> {
    let mut to = vec![VERSION];
    put_position(&mut to, applied.log);
    to.extend_from_slice(&applied.time_ms.to_be_bytes());
    to.extend_from_slice(&applied.digest);
    to.extend_from_slice(&applied.membership);
    to
}

pub(crate) fn decode_applied(from: &[u8], log_synced: u64) -> Option<Applied> {
    let mut from = versioned(from)?;
    Some(Applied {
        log: take_position(&mut from)?,
        time_ms: from.u64()?,
        digest: from.take()?,
        membership: Bytes::copy_from_slice(from.0),
        log_synced,
    })
}

/// Version | number.
pub(crate) fn encode_number(number: u64) -> Vec<u8> {
    let mut to = vec![VERSION];
    to.extend_from_slice(&number.to_be_bytes());
    to
}

pub(crate) fn decode_number(from: &[u8]) -> Option<u64> {
    let mut from = versioned(from)?;
    let number = from.u64()?;
    from.end()?;
    Some(number)
}

fn versioned(from: &[u8]) -> Option<Reader<'_>> {
    let mut reader = Reader(from);
    (reader.u8()? == VERSION).then_some(reader)
}

fn put_position(to: &mut Vec<u8>, id: Option<LogId>) {
    let LogId { term, node, index } = id.unwrap_or(LogId { term: 0, node: 0, index: 0 });
    to.push(u8::from(id.is_some()));
    for number in [term, node, index] {
        to.extend_from_slice(&number.to_be_bytes());
    }
}

fn take_position(from: &mut Reader<'_>) -> Option<Option<LogId>> {
    let present = from.bool()?;
    let id = LogId { term: from.u64()?, node: from.u64()?, index: from.u64()? };
    Some(present.then_some(id))
}

#[cfg(test)]
mod tests;
