//! The bytes that raft stores: entries and memberships. Peers send them as they are, inside messages (`peers::wire`).
//!
//! A frame is one byte with the number of its format, then a protobuf message. Decoding is strict: another format, an
//! unknown field or trailing bytes are an error, and an error here stops the node, because skipping what one does not
//! understand lets replicas differ. Each frame has a golden file in `raft/goldens`.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use bytes::{BufMut, Bytes, BytesMut};
use prost::Message;

use crate::types;

/// The format that this build writes, and the only one it reads.
pub(crate) const FORMAT: u8 = 1;

/// A frame that this build can't read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Error {
    #[error("frame of format {0}, this build reads format {FORMAT}")]
    Format(u8),
    #[error("frame is empty")]
    Empty,
    #[error("frame can't be decoded: {0}")]
    Malformed(String),
    #[error("frame holds fields that this build does not know")]
    UnknownFields,
}

#[derive(Clone, Copy, PartialEq, Message)]
struct LogId {
    #[prost(uint64, tag = "1")]
    term: u64,
    #[prost(uint64, tag = "2")]
    node: u64,
    #[prost(uint64, tag = "3")]
    index: u64,
}

#[derive(Clone, PartialEq, Message)]
struct Voters {
    #[prost(uint64, repeated, tag = "1")]
    ids: Vec<u64>,
}

#[derive(Clone, PartialEq, Message)]
struct Member {
    #[prost(uint64, tag = "1")]
    id: u64,
    #[prost(string, tag = "2")]
    address: String,
}

#[derive(Clone, PartialEq, Message)]
struct Membership {
    #[prost(message, repeated, tag = "1")]
    configs: Vec<Voters>,
    #[prost(message, repeated, tag = "2")]
    members: Vec<Member>,
}

#[derive(Clone, PartialEq, Message)]
struct StoredMembership {
    #[prost(message, optional, tag = "1")]
    log_id: Option<LogId>,
    #[prost(message, required, tag = "2")]
    membership: Membership,
}

#[derive(Clone, Copy, PartialEq, Message)]
struct Blank {}

#[derive(Clone, PartialEq, Message)]
#[prost(skip_debug)]
struct EntryBatch {
    #[prost(uint64, tag = "1")]
    time_ms: u64,
    #[prost(uint32, tag = "2")]
    level: u32,
    #[prost(bytes = "bytes", repeated, tag = "3")]
    commands: Vec<Bytes>,
}

/// Prints the count only: commands are never printed.
impl fmt::Debug for EntryBatch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "batch of {} commands", self.commands.len())
    }
}

#[derive(Clone, PartialEq, prost::Oneof)]
enum Payload {
    #[prost(message, tag = "1")]
    Blank(Blank),
    #[prost(message, tag = "2")]
    Batch(EntryBatch),
    #[prost(message, tag = "3")]
    Membership(Membership),
}

/// The payload of an entry. Its log id stands beside it, in the key of the store and in the header of the wire.
#[derive(Clone, PartialEq, Message)]
struct Entry {
    #[prost(oneof = "Payload", tags = "1, 2, 3")]
    payload: Option<Payload>,
}

/// The frame of a membership with the log id that set it.
pub(crate) fn membership(membership: &types::StoredMembership) -> Bytes {
    seal(&StoredMembership::from(membership))
}

/// Reads the frame of a membership. No bytes at all are the membership of a node that has none yet.
pub(crate) fn read_membership(frame: &Bytes) -> Result<types::StoredMembership, Error> {
    if frame.is_empty() {
        return Ok(types::StoredMembership::default());
    }
    open::<StoredMembership>(frame)?.try_into()
}

/// A batch with its frame: the only place where commands are encoded.
pub(crate) fn batch(time_ms: u64, level: u32, commands: Vec<Bytes>) -> Result<types::Batch, Error> {
    let frame = seal(&Entry { payload: Some(Payload::Batch(EntryBatch { time_ms, level, commands })) });
    // Read back, so that the commands are slices of the frame and what they came in is let go.
    match read_payload(&frame)? {
        types::Payload::Normal(batch) => Ok(batch),
        types::Payload::Blank | types::Payload::Membership(_) => {
            Err(Error::Malformed("not a batch".to_owned()))
        }
    }
}

/// The frame of an entry's payload.
pub(crate) fn payload(payload: &types::Payload) -> Bytes {
    let payload = match payload {
        types::Payload::Normal(batch) => return batch.frame.clone(),
        types::Payload::Blank => Payload::Blank(Blank {}),
        types::Payload::Membership(membership) => Payload::Membership(Membership::from(membership)),
    };
    seal(&Entry { payload: Some(payload) })
}

/// Reads the frame of an entry's payload. The commands of a batch are slices of `frame`.
pub(crate) fn read_payload(frame: &Bytes) -> Result<types::Payload, Error> {
    match open::<Entry>(frame)?.payload {
        None => Err(Error::Malformed("an entry without payload".to_owned())),
        Some(Payload::Blank(Blank {})) => Ok(types::Payload::Blank),
        Some(Payload::Membership(membership)) => Ok(types::Payload::Membership(membership.try_into()?)),
        Some(Payload::Batch(EntryBatch { time_ms, level, commands })) => {
            Ok(types::Payload::Normal(types::Batch { time_ms, level, commands, frame: frame.clone() }))
        }
    }
}

fn seal(message: &impl Message) -> Bytes {
    let mut frame = BytesMut::with_capacity(1 + message.encoded_len());
    frame.put_u8(FORMAT);
    message.encode_raw(&mut frame);
    frame.freeze()
}

fn open<M: Message + Default>(frame: &Bytes) -> Result<M, Error> {
    match frame.first() {
        None => return Err(Error::Empty),
        Some(&FORMAT) => {}
        Some(&other) => return Err(Error::Format(other)),
    }
    let body = frame.slice(1..);
    let length = body.len();
    let message = M::decode(body).map_err(|error| Error::Malformed(error.to_string()))?;
    // Protobuf skips what it does not know; what was skipped is missing from the length of what was understood.
    if message.encoded_len() == length { Ok(message) } else { Err(Error::UnknownFields) }
}

impl From<&types::LogId> for LogId {
    fn from(id: &types::LogId) -> Self {
        LogId { term: id.leader_id.term, node: id.leader_id.node_id, index: id.index }
    }
}

impl From<LogId> for types::LogId {
    fn from(id: LogId) -> Self {
        types::LogId { leader_id: types::LeaderId { term: id.term, node_id: id.node }, index: id.index }
    }
}

impl From<&types::Membership> for Membership {
    fn from(membership: &types::Membership) -> Self {
        let configs = membership.get_joint_config().iter();
        Membership {
            configs: configs.map(|voters| Voters { ids: voters.iter().copied().collect() }).collect(),
            members: membership
                .nodes()
                .map(|(id, peer)| Member { id: *id, address: peer.address.clone() })
                .collect(),
        }
    }
}

impl TryFrom<Membership> for types::Membership {
    type Error = Error;

    fn try_from(membership: Membership) -> Result<Self, Error> {
        let configs =
            membership.configs.into_iter().map(|voters| voters.ids.into_iter().collect::<BTreeSet<_>>());
        let members =
            membership.members.into_iter().map(|Member { id, address }| (id, types::Peer { address }));
        types::Membership::new(configs.collect(), members.collect::<BTreeMap<_, _>>())
            .map_err(|error| Error::Malformed(error.to_string()))
    }
}

impl From<&types::StoredMembership> for StoredMembership {
    fn from(stored: &types::StoredMembership) -> Self {
        StoredMembership {
            log_id: stored.log_id().as_ref().map(LogId::from),
            membership: Membership::from(stored.membership()),
        }
    }
}

impl TryFrom<StoredMembership> for types::StoredMembership {
    type Error = Error;

    fn try_from(stored: StoredMembership) -> Result<Self, Error> {
        let membership = types::Membership::try_from(stored.membership)?;
        Ok(types::StoredMembership::new(stored.log_id.map(types::LogId::from), membership))
    }
}

#[cfg(test)]
mod tests;
