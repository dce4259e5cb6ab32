//! The frames that only peers exchange: log ids, votes, what a snapshot covers.
#![cfg_attr(not(test), expect(dead_code, reason = "their reader is the transport between nodes"))]

use bytes::Bytes;
use prost::Message;

use super::{Error, LogId, StoredMembership, open, seal};
use crate::types;

#[derive(Clone, Copy, PartialEq, Message)]
struct Vote {
    #[prost(uint64, tag = "1")]
    term: u64,
    #[prost(uint64, tag = "2")]
    node: u64,
    #[prost(bool, tag = "3")]
    committed: bool,
}

#[derive(Clone, PartialEq, Message)]
struct SnapshotMeta {
    #[prost(message, optional, tag = "1")]
    last: Option<LogId>,
    #[prost(message, required, tag = "2")]
    membership: StoredMembership,
}

/// The frame of a log id.
pub(crate) fn log_id(id: &types::LogId) -> Bytes {
    seal(&LogId::from(id))
}

/// Reads the frame of a log id.
pub(crate) fn read_log_id(frame: &Bytes) -> Result<types::LogId, Error> {
    open::<LogId>(frame).map(types::LogId::from)
}

/// The frame of a vote.
pub(crate) fn vote(vote: &types::Vote) -> Bytes {
    let types::LeaderId { term, node_id } = vote.leader_id;
    seal(&Vote { term, node: node_id, committed: vote.committed })
}

/// Reads the frame of a vote.
pub(crate) fn read_vote(frame: &Bytes) -> Result<types::Vote, Error> {
    let Vote { term, node, committed } = open(frame)?;
    Ok(types::Vote { leader_id: types::LeaderId { term, node_id: node }, committed })
}

/// The frame of what a snapshot covers.
pub(crate) fn snapshot_meta(meta: &types::SnapshotMeta) -> Bytes {
    seal(&SnapshotMeta {
        last: meta.last_log_id.as_ref().map(LogId::from),
        membership: StoredMembership::from(&meta.last_membership),
    })
}

/// Reads the frame of what a snapshot covers.
pub(crate) fn read_snapshot_meta(frame: &Bytes) -> Result<types::SnapshotMeta, Error> {
    let SnapshotMeta { last, membership } = open(frame)?;
    Ok(types::SnapshotMeta {
        last_log_id: last.map(types::LogId::from),
        last_membership: membership.try_into()?,
    })
}
