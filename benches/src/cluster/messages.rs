//! The few messages of etcd's interface that the loads need, written by hand after its `rpc.proto` and `kv.proto`.
//! Our own nodes answer the very same ones, so that client and wire cost both systems the same.

use bytes::Bytes;

#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct ResponseHeader {
    #[prost(uint64, tag = "2")]
    pub(crate) member_id: u64,
}

#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct PutRequest {
    #[prost(bytes = "bytes", tag = "1")]
    pub(crate) key: Bytes,
    #[prost(bytes = "bytes", tag = "2")]
    pub(crate) value: Bytes,
}

#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct PutResponse {
    #[prost(message, optional, tag = "1")]
    pub(crate) header: Option<ResponseHeader>,
}

/// Linearizable, as long as the field `serializable` is not sent.
#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct RangeRequest {
    #[prost(bytes = "bytes", tag = "1")]
    pub(crate) key: Bytes,
}

#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct RangeResponse {
    #[prost(message, optional, tag = "1")]
    pub(crate) header: Option<ResponseHeader>,
    #[prost(message, repeated, tag = "2")]
    pub(crate) kvs: Vec<KeyValue>,
}

#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct KeyValue {
    #[prost(bytes = "bytes", tag = "1")]
    pub(crate) key: Bytes,
    #[prost(bytes = "bytes", tag = "5")]
    pub(crate) value: Bytes,
}

#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct StatusRequest {}

#[derive(Clone, PartialEq, prost::Message)]
pub(crate) struct StatusResponse {
    #[prost(message, optional, tag = "1")]
    pub(crate) header: Option<ResponseHeader>,
    /// The member id of the leader; 0 without one.
    #[prost(uint64, tag = "4")]
    pub(crate) leader: u64,
    /// Entries that the node has proposed. This and what follows only our nodes answer; etcd does not use the numbers.
    #[prost(uint64, tag = "1001")]
    pub(crate) entries: u64,
    /// Commands in them.
    #[prost(uint64, tag = "1002")]
    pub(crate) commands: u64,
    /// Rounds for reads that the node has begun.
    #[prost(uint64, tag = "1003")]
    pub(crate) rounds: u64,
    /// The bytes of the last command that the node has proposed.
    #[prost(uint64, tag = "1004")]
    pub(crate) command_bytes: u64,
}

pub(crate) const PUT: &str = "/etcdserverpb.KV/Put";
pub(crate) const RANGE: &str = "/etcdserverpb.KV/Range";
pub(crate) const STATUS: &str = "/etcdserverpb.Maintenance/Status";
