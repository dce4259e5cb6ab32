//! The clients of the loads: unary gRPC calls, the same for both systems.

use super::messages::{
    PUT, PutRequest, PutResponse, RANGE, RangeRequest, RangeResponse, STATUS, StatusRequest, StatusResponse,
};
use crate::{Error, load};
use bytes::Bytes;
use hyper::http::uri::PathAndQuery;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;
use tonic::client::Grpc;
use tonic::transport::{Channel, Endpoint};
use tonic_prost::ProstCodec;

/// How long a request may take; only a hang takes so long.
const HANG: Duration = Duration::from_secs(20);
/// The bytes of a value. Text, because our nodes write it as a name.
const VALUE: &[u8; 256] = &[b'v'; 256];

/// A connection to one node. Clones share it.
#[derive(Clone)]
pub(crate) struct Node(Grpc<Channel>);

impl Node {
    /// A connection that is made with its first request.
    pub(crate) fn new(url: &str) -> Result<Node, Error> {
        let endpoint = Endpoint::from_shared(url.to_owned())?.tcp_nodelay(true).timeout(HANG);
        Ok(Node(Grpc::new(endpoint.connect_lazy())))
    }

    pub(crate) async fn status(&mut self) -> Result<StatusResponse, Error> {
        self.call(STATUS, StatusRequest {}).await
    }

    async fn put(&mut self, key: Bytes, value: Bytes) -> Result<(), Error> {
        let PutResponse { header } = self.call(PUT, PutRequest { key, value }).await?;
        if header.is_some() { Ok(()) } else { Err("a put was answered without a header".into()) }
    }

    async fn get(&mut self, key: Bytes) -> Result<Bytes, Error> {
        let found: RangeResponse = self.call(RANGE, RangeRequest { key }).await?;
        let [found] = found.kvs.as_slice() else { return Err("a written key was not found".into()) };
        Ok(found.value.clone())
    }

    async fn call<Q, A>(&mut self, path: &'static str, question: Q) -> Result<A, Error>
    where
        Q: prost::Message + 'static,
        A: prost::Message + Default + 'static,
    {
        self.0.ready().await?;
        let codec = ProstCodec::<Q, A>::new();
        let path = PathAndQuery::from_static(path);
        let answer = self.0.unary(tonic::Request::new(question), path, codec).await;
        answer.map(tonic::Response::into_inner).map_err(|status| status.to_string().into())
    }
}

/// Keys that no load has used before, and those that one has.
#[derive(Clone, Default)]
pub(crate) struct Keys(Arc<AtomicU64>);

impl Keys {
    fn new_one(&self) -> Bytes {
        bytes(self.0.fetch_add(1, Ordering::Relaxed))
    }

    /// How many have been handed out.
    pub(crate) fn count(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

fn bytes(key: u64) -> Bytes {
    Bytes::copy_from_slice(&key.to_be_bytes())
}

/// Writes a new key with each request.
pub(crate) struct Putter {
    pub(crate) node: Node,
    pub(crate) keys: Keys,
}

impl load::Client for Putter {
    async fn ask(&mut self) -> Result<(), Error> {
        self.node.put(self.keys.new_one(), Bytes::from_static(VALUE)).await
    }
}

/// Reads one of the keys below `end` with each request, all of them in turn.
pub(crate) struct Getter {
    pub(crate) node: Node,
    pub(crate) next: u64,
    pub(crate) step: u64,
    pub(crate) end: u64,
}

impl load::Client for Getter {
    async fn ask(&mut self) -> Result<(), Error> {
        let key = self.next % self.end;
        self.next = self.next.wrapping_add(self.step);
        let value = self.node.get(bytes(key)).await?;
        if value.len() >= VALUE.len() / 2 { Ok(()) } else { Err("a value came back too short".into()) }
    }
}
