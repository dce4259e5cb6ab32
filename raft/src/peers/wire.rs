//! What peers say to each other, as protobuf. Entries and memberships travel in their own frames (`frames`).
//!
//! Nothing here is stored. Two builds understand each other while they speak the same [`PROTOCOL`], which stands in
//! the head of each call; a message of it never changes.
#![allow(unreachable_pub, reason = "the generated service wants public messages")]

use bytes::Bytes;
use identity::execute::Outcome;
use openraft::raft as rpc;
use prost::{Message, Oneof};

use crate::frames;
use crate::position::Position;
use crate::propose::{NotApplied, Submitted};
use crate::types::{self, TypeConfig};

/// The protocol that this build speaks.
pub(crate) const PROTOCOL: &str = "1";

/// A message that can't be what a peer of ours sent.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a peer's message can't be read: {0}")]
pub struct Malformed(String);

impl From<frames::Error> for Malformed {
    fn from(error: frames::Error) -> Self {
        Malformed(error.to_string())
    }
}

fn lacks(part: &str) -> Malformed {
    Malformed(format!("it lacks its {part}"))
}

#[derive(Clone, Copy, PartialEq, Message)]
pub struct LogId {
    #[prost(uint64, tag = "1")]
    pub term: u64,
    #[prost(uint64, tag = "2")]
    pub node: u64,
    #[prost(uint64, tag = "3")]
    pub index: u64,
}

#[derive(Clone, Copy, PartialEq, Message)]
pub struct Vote {
    #[prost(uint64, tag = "1")]
    pub term: u64,
    #[prost(uint64, tag = "2")]
    pub node: u64,
    #[prost(bool, tag = "3")]
    pub committed: bool,
}

#[derive(Clone, PartialEq, Message)]
#[prost(skip_debug)]
pub struct Entry {
    #[prost(message, required, tag = "1")]
    pub id: LogId,
    /// The frame of its payload.
    #[prost(bytes = "bytes", tag = "2")]
    pub payload: Bytes,
}

#[derive(Clone, PartialEq, Message)]
pub struct AppendRequest {
    #[prost(message, required, tag = "1")]
    pub vote: Vote,
    #[prost(message, optional, tag = "2")]
    pub prev: Option<LogId>,
    #[prost(message, optional, tag = "3")]
    pub committed: Option<LogId>,
    #[prost(message, repeated, tag = "4")]
    pub entries: Vec<Entry>,
}

#[derive(Clone, Copy, PartialEq, Message)]
pub struct Empty {}

#[derive(Clone, Copy, PartialEq, Message)]
pub struct Upto {
    #[prost(message, optional, tag = "1")]
    pub last: Option<LogId>,
}

#[derive(Clone, Copy, PartialEq, Oneof)]
pub enum Appended {
    #[prost(message, tag = "1")]
    All(Empty),
    #[prost(message, tag = "2")]
    Upto(Upto),
    #[prost(message, tag = "3")]
    Conflict(Empty),
    #[prost(message, tag = "4")]
    HigherVote(Vote),
}

#[derive(Clone, Copy, PartialEq, Message)]
pub struct AppendResponse {
    #[prost(oneof = "Appended", tags = "1, 2, 3, 4")]
    pub appended: Option<Appended>,
}

/// What became of one request of a stream; any but the first kind ends it.
#[derive(Clone, Copy, PartialEq, Oneof)]
pub enum Replicated {
    /// Both logs are the same up to here.
    #[prost(message, tag = "1")]
    Upto(Upto),
    /// They differ here.
    #[prost(message, tag = "2")]
    Conflict(LogId),
    #[prost(message, tag = "3")]
    HigherVote(Vote),
}

#[derive(Clone, Copy, PartialEq, Message)]
pub struct ReplicateResponse {
    #[prost(oneof = "Replicated", tags = "1, 2, 3")]
    pub replicated: Option<Replicated>,
}

#[derive(Clone, Copy, PartialEq, Message)]
pub struct VoteRequest {
    #[prost(message, required, tag = "1")]
    pub vote: Vote,
    #[prost(message, optional, tag = "2")]
    pub last: Option<LogId>,
    /// Asked at the leader's wish: its lease is no reason to refuse.
    #[prost(bool, tag = "3")]
    pub transfer: bool,
    /// Only asks whether the vote would be granted.
    #[prost(bool, tag = "4")]
    pub pre: bool,
}

#[derive(Clone, Copy, PartialEq, Message)]
pub struct VoteResponse {
    #[prost(message, required, tag = "1")]
    pub vote: Vote,
    #[prost(message, optional, tag = "2")]
    pub last: Option<LogId>,
    #[prost(bool, tag = "3")]
    pub granted: bool,
}

#[derive(Clone, Copy, PartialEq, Message)]
pub struct TransferRequest {
    #[prost(message, required, tag = "1")]
    pub from: Vote,
    #[prost(uint64, tag = "2")]
    pub to: u64,
    #[prost(message, optional, tag = "3")]
    pub last: Option<LogId>,
}

#[derive(Clone, Copy, PartialEq, Message)]
pub struct TransferResponse {
    #[prost(bool, tag = "1")]
    pub accepted: bool,
}

/// The head comes first and once, the pieces of files after it.
#[derive(Clone, PartialEq, Oneof)]
pub enum Part {
    #[prost(message, tag = "1")]
    Head(SnapshotHead),
    #[prost(message, tag = "2")]
    Piece(SnapshotPiece),
}

#[derive(Clone, PartialEq, Message)]
pub struct SnapshotPart {
    #[prost(oneof = "Part", tags = "1, 2")]
    pub part: Option<Part>,
}

#[derive(Clone, PartialEq, Message)]
pub struct SnapshotHead {
    #[prost(message, required, tag = "1")]
    pub vote: Vote,
    /// The snapshot's manifest, as it stands in its file.
    #[prost(bytes = "bytes", tag = "2")]
    pub manifest: Bytes,
}

#[derive(Clone, PartialEq, Message)]
#[prost(skip_debug)]
pub struct SnapshotPiece {
    #[prost(string, tag = "1")]
    pub file: String,
    #[prost(uint64, tag = "2")]
    pub offset: u64,
    #[prost(bytes = "bytes", tag = "3")]
    pub bytes: Bytes,
}

#[derive(Clone, Copy, PartialEq, Message)]
pub struct SnapshotResponse {
    #[prost(message, required, tag = "1")]
    pub vote: Vote,
}

#[derive(Clone, PartialEq, Message)]
#[prost(skip_debug)]
pub struct ForwardRequest {
    #[prost(bytes = "bytes", repeated, tag = "1")]
    pub commands: Vec<Bytes>,
    /// How long they are waited for.
    #[prost(uint64, tag = "2")]
    pub patience_ms: u64,
}

#[derive(Clone, PartialEq, Message)]
#[prost(skip_debug)]
pub struct Settled {
    /// An encoded `identity::execute::Outcome`.
    #[prost(bytes = "bytes", tag = "1")]
    pub outcome: Bytes,
    #[prost(uint64, tag = "2")]
    pub index: u64,
}

#[derive(Clone, Copy, PartialEq, Message)]
pub struct NotTaken {
    /// The place of the reason in [`REASONS`].
    #[prost(uint32, tag = "1")]
    pub reason: u32,
    #[prost(uint64, optional, tag = "2")]
    pub leader: Option<u64>,
}

#[derive(Clone, PartialEq, Oneof)]
#[prost(skip_debug)]
pub enum Fate {
    #[prost(message, tag = "1")]
    Settled(Settled),
    #[prost(message, tag = "2")]
    NotTaken(NotTaken),
    #[prost(message, tag = "3")]
    Unknown(Empty),
}

#[derive(Clone, PartialEq, Message)]
#[prost(skip_debug)]
pub struct Forwarded {
    #[prost(oneof = "Fate", tags = "1, 2, 3")]
    pub fate: Option<Fate>,
}

/// What became of the commands, in their order.
#[derive(Clone, PartialEq, Message)]
#[prost(skip_debug)]
pub struct ForwardResponse {
    #[prost(message, repeated, tag = "1")]
    pub forwarded: Vec<Forwarded>,
}

#[derive(Clone, Copy, PartialEq, Message)]
pub struct ReadIndexRequest {}

#[derive(Clone, Copy, PartialEq, Message)]
pub struct ReadIndexResponse {
    #[prost(uint64, tag = "1")]
    pub index: u64,
}

/// How a node is, told to each other member once a second.
#[derive(Clone, PartialEq, Message)]
pub struct Greeting {
    /// Milliseconds since the Unix epoch by its wall clock.
    #[prost(uint64, tag = "1")]
    pub wall_ms: u64,
    /// Up to where it has applied the log, and the replica digest there.
    #[prost(uint64, optional, tag = "2")]
    pub applied: Option<u64>,
    #[prost(bytes = "bytes", tag = "3")]
    pub digest: Bytes,
    #[prost(bool, tag = "4")]
    pub ready: bool,
    /// Why it takes no part any more; empty while it does.
    #[prost(string, tag = "5")]
    pub withdrawn: String,
    #[prost(string, tag = "6")]
    pub version: String,
    #[prost(uint32, tag = "7")]
    pub level_min: u32,
    #[prost(uint32, tag = "8")]
    pub level_max: u32,
    /// When its certificate ends, in seconds since the Unix epoch.
    #[prost(uint64, tag = "9")]
    pub certificate_ends: u64,
    /// Bytes that are free where its data is.
    #[prost(uint64, tag = "10")]
    pub disk_free: u64,
    /// Up to where its log will be found after any crash: synced, and committed, so that it is never truncated.
    #[prost(uint64, tag = "11")]
    pub kept: u64,
    /// In an answer: what is known here of the asker's `kept`; 0 if nothing is.
    #[prost(uint64, tag = "12")]
    pub remembered: u64,
    /// The newest entry after which it has hashed its tables, and the hash.
    #[prost(uint64, tag = "13")]
    pub hashed: u64,
    #[prost(bytes = "bytes", tag = "14")]
    pub hash: Bytes,
}

#[derive(Clone, PartialEq, Message)]
#[prost(skip_debug)]
pub struct JoinRequest {
    #[prost(bytes = "bytes", tag = "1")]
    pub body: Bytes,
}

#[derive(Clone, PartialEq, Message)]
#[prost(skip_debug)]
pub struct JoinResponse {
    #[prost(bytes = "bytes", tag = "1")]
    pub body: Bytes,
}

/// Messages that carry commands, files or secrets print no content.
macro_rules! silent {
    ($($message:ident)*) => {
        $(impl std::fmt::Debug for $message {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(stringify!($message))
            }
        })*
    };
}

silent! { Entry SnapshotPiece ForwardRequest Settled Fate Forwarded ForwardResponse JoinRequest JoinResponse }

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

impl From<&types::Vote> for Vote {
    fn from(vote: &types::Vote) -> Self {
        Vote { term: vote.leader_id.term, node: vote.leader_id.node_id, committed: vote.committed }
    }
}

impl From<Vote> for types::Vote {
    fn from(vote: Vote) -> Self {
        let leader_id = types::LeaderId { term: vote.term, node_id: vote.node };
        types::Vote { leader_id, committed: vote.committed }
    }
}

impl From<&rpc::AppendEntriesRequest<TypeConfig>> for AppendRequest {
    fn from(request: &rpc::AppendEntriesRequest<TypeConfig>) -> Self {
        let entries = request.entries.iter();
        AppendRequest {
            vote: Vote::from(&request.vote),
            prev: request.prev_log_id.as_ref().map(LogId::from),
            committed: request.leader_commit.as_ref().map(LogId::from),
            entries: entries
                .map(|entry| Entry {
                    id: LogId::from(&entry.log_id),
                    payload: frames::payload(&entry.payload),
                })
                .collect(),
        }
    }
}

impl TryFrom<AppendRequest> for rpc::AppendEntriesRequest<TypeConfig> {
    type Error = Malformed;

    fn try_from(request: AppendRequest) -> Result<Self, Malformed> {
        let entries = request.entries.into_iter().map(|Entry { id, payload }| {
            Ok(types::Entry { log_id: id.into(), payload: frames::read_payload(&payload)? })
        });
        Ok(rpc::AppendEntriesRequest {
            vote: request.vote.into(),
            prev_log_id: request.prev.map(types::LogId::from),
            entries: entries.collect::<Result<_, Malformed>>()?,
            leader_commit: request.committed.map(types::LogId::from),
        })
    }
}

impl From<rpc::AppendEntriesResponse<TypeConfig>> for AppendResponse {
    fn from(response: rpc::AppendEntriesResponse<TypeConfig>) -> Self {
        use rpc::AppendEntriesResponse as R;
        let appended = match response {
            R::Success => Appended::All(Empty {}),
            R::PartialSuccess(last) => Appended::Upto(Upto { last: last.as_ref().map(LogId::from) }),
            R::Conflict => Appended::Conflict(Empty {}),
            R::HigherVote(vote) => Appended::HigherVote(Vote::from(&vote)),
        };
        AppendResponse { appended: Some(appended) }
    }
}

impl TryFrom<AppendResponse> for rpc::AppendEntriesResponse<TypeConfig> {
    type Error = Malformed;

    fn try_from(response: AppendResponse) -> Result<Self, Malformed> {
        use rpc::AppendEntriesResponse as R;
        Ok(match response.appended.ok_or_else(|| lacks("outcome"))? {
            Appended::All(Empty {}) => R::Success,
            Appended::Upto(Upto { last }) => R::PartialSuccess(last.map(types::LogId::from)),
            Appended::Conflict(Empty {}) => R::Conflict,
            Appended::HigherVote(vote) => R::HigherVote(vote.into()),
        })
    }
}

impl From<rpc::StreamAppendResult<TypeConfig>> for ReplicateResponse {
    fn from(result: rpc::StreamAppendResult<TypeConfig>) -> Self {
        let replicated = match result {
            Ok(last) => Replicated::Upto(Upto { last: last.as_ref().map(LogId::from) }),
            Err(rpc::StreamAppendError::Conflict(at)) => Replicated::Conflict(LogId::from(&at)),
            Err(rpc::StreamAppendError::HigherVote(vote)) => Replicated::HigherVote(Vote::from(&vote)),
        };
        ReplicateResponse { replicated: Some(replicated) }
    }
}

impl ReplicateResponse {
    /// What the follower has answered.
    pub(crate) fn read(self) -> Result<rpc::StreamAppendResult<TypeConfig>, Malformed> {
        Ok(match self.replicated.ok_or_else(|| lacks("answer"))? {
            Replicated::Upto(Upto { last }) => Ok(last.map(types::LogId::from)),
            Replicated::Conflict(at) => Err(rpc::StreamAppendError::Conflict(at.into())),
            Replicated::HigherVote(vote) => Err(rpc::StreamAppendError::HigherVote(vote.into())),
        })
    }
}

impl VoteRequest {
    pub(crate) fn of(request: &rpc::VoteRequest<TypeConfig>, pre: bool) -> Self {
        VoteRequest {
            vote: Vote::from(&request.vote),
            last: request.last_log_id.as_ref().map(LogId::from),
            transfer: request.leadership_transfer,
            pre,
        }
    }
}

impl From<VoteRequest> for rpc::VoteRequest<TypeConfig> {
    fn from(request: VoteRequest) -> Self {
        rpc::VoteRequest {
            vote: request.vote.into(),
            last_log_id: request.last.map(types::LogId::from),
            leadership_transfer: request.transfer,
        }
    }
}

impl From<rpc::VoteResponse<TypeConfig>> for VoteResponse {
    fn from(response: rpc::VoteResponse<TypeConfig>) -> Self {
        VoteResponse {
            vote: Vote::from(&response.vote),
            last: response.last_log_id.as_ref().map(LogId::from),
            granted: response.vote_granted,
        }
    }
}

impl From<VoteResponse> for rpc::VoteResponse<TypeConfig> {
    fn from(response: VoteResponse) -> Self {
        rpc::VoteResponse {
            vote: response.vote.into(),
            vote_granted: response.granted,
            last_log_id: response.last.map(types::LogId::from),
        }
    }
}

impl From<&rpc::TransferLeaderRequest<TypeConfig>> for TransferRequest {
    fn from(request: &rpc::TransferLeaderRequest<TypeConfig>) -> Self {
        TransferRequest {
            from: Vote::from(request.from_leader()),
            to: *request.to_node_id(),
            last: request.last_log_id().map(LogId::from),
        }
    }
}

impl From<TransferRequest> for rpc::TransferLeaderRequest<TypeConfig> {
    fn from(request: TransferRequest) -> Self {
        Self::new(request.from.into(), request.to, request.last.map(types::LogId::from))
    }
}

/// The reasons of [`NotApplied`] by their numbers. Only appended to.
const REASONS: [NotApplied; 8] = [
    NotApplied::Overloaded,
    NotApplied::TooLarge,
    NotApplied::Unreadable,
    NotApplied::Late,
    NotApplied::NotLeader { leader: None },
    NotApplied::Stopped,
    NotApplied::ClockOff,
    NotApplied::Withdrawn,
];

impl From<Submitted> for Forwarded {
    fn from(submitted: Submitted) -> Self {
        let settled = |outcome: &Outcome, position: Position| {
            let outcome = identity::encoding::encode(outcome).into();
            Fate::Settled(Settled { outcome, index: position.index })
        };
        let fate = match submitted {
            Submitted::Applied { reply, position } => settled(&Outcome::Applied(reply.to_vec()), position),
            Submitted::Refused { refusal, position } => settled(&Outcome::Refused(refusal), position),
            Submitted::NotApplied(why) => {
                let leader = match why {
                    NotApplied::NotLeader { leader } => leader,
                    _ => None,
                };
                let alike =
                    |reason: &NotApplied| std::mem::discriminant(reason) == std::mem::discriminant(&why);
                let reason =
                    (0..).zip(&REASONS).find(|(_, reason)| alike(reason)).map_or(u32::MAX, |(n, _)| n);
                Fate::NotTaken(NotTaken { reason, leader })
            }
            Submitted::Unknown => Fate::Unknown(Empty {}),
        };
        Forwarded { fate: Some(fate) }
    }
}

impl Forwarded {
    /// What became of the command, at a position of this node's history, which is also the peer's.
    pub(crate) fn read(self, position: impl Fn(u64) -> Position) -> Result<Submitted, Malformed> {
        match self.fate.ok_or_else(|| lacks("fate"))? {
            Fate::Settled(Settled { outcome, index }) => {
                let position = position(index);
                let outcome = identity::encoding::decode::<Outcome>(&outcome);
                match outcome.map_err(|fault| Malformed(fault.0))? {
                    Outcome::Applied(reply) => Ok(Submitted::Applied { reply: reply.into(), position }),
                    Outcome::Refused(refusal) => Ok(Submitted::Refused { refusal, position }),
                }
            }
            Fate::NotTaken(NotTaken { reason, leader }) => {
                let reason = usize::try_from(reason).ok().and_then(|at| REASONS.get(at)).copied();
                Ok(Submitted::NotApplied(match reason.ok_or_else(|| lacks("reason"))? {
                    NotApplied::NotLeader { .. } => NotApplied::NotLeader { leader },
                    other => other,
                }))
            }
            Fate::Unknown(Empty {}) => Ok(Submitted::Unknown),
        }
    }
}

#[cfg(test)]
mod tests;
