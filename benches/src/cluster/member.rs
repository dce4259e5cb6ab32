//! A node of ours as a process of its own that answers etcd's messages: a put is a command through the log, a range is
//! a linearizable view.

use super::members::{AUTHORITY, CERTIFICATE, KEY};
use super::messages::{
    KeyValue, PUT, PutRequest, PutResponse, RANGE, RangeRequest, RangeResponse, ResponseHeader, STATUS,
    StatusRequest, StatusResponse,
};
use crate::Error;
use crate::engine::{Engine, organization};
use bytes::Bytes;
use crypto::Secret;
use raft::{Credentials, Door, Peer, PeerSide, Tls, Wanted};
use std::convert::Infallible;
use std::future::Future;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use tokio::net::TcpListener;
use tokio::runtime::{Handle, Runtime};
use tokio::sync::oneshot;
use tonic::body::Body;
use tonic::codegen::http;
use tonic::server::Grpc;
use tonic::{Response, Status};
use tonic_prost::ProstCodec;

/// The longest name of an organization: a value is cut to it.
const NAME_BYTES_MAX: usize = 200;
const PEER_PORT: u16 = 28_230;

struct Member {
    engine: Engine,
    command_bytes: AtomicU64,
}

/// What a node of the three is started with.
#[derive(clap::Args)]
pub(crate) struct Arguments {
    /// Where its credentials lie and its data goes.
    folder: PathBuf,
    /// Its number; the first one makes the cluster.
    node: u64,
    /// Where it answers clients.
    port: u16,
}

/// Serves on `clients` until standard input ends: with the bench, however it ends, its nodes end too.
pub(crate) fn run(clients: &Runtime, arguments: &Arguments) -> Result<(), Error> {
    let mut builder = tokio::runtime::Builder::new_multi_thread();
    let agreement = builder.worker_threads(raft::threads()).enable_all().build()?;
    clients.block_on(serve(arguments, agreement.handle()))
}

async fn serve(arguments: &Arguments, agreement: &Handle) -> Result<(), Error> {
    let end = end_of_input();
    let member = Arc::new(start(arguments, agreement).await?);
    let service = tower::service_fn({
        let member = Arc::clone(&member);
        move |request| dispatch(Arc::clone(&member), request)
    });
    let serving = tonic::transport::Server::builder()
        .tcp_nodelay(true)
        .serve(SocketAddr::from(([127, 0, 0, 1], arguments.port)), service);
    tokio::select! {
        served = serving => served?,
        _ = end => {}
    }
    Ok(member.engine.cluster.shutdown().await?)
}

fn end_of_input() -> oneshot::Receiver<()> {
    let (ended, end) = oneshot::channel();
    // A thread, since nothing can take back a read that waits for a pipe.
    std::thread::spawn(move || {
        let _ = std::io::copy(&mut std::io::stdin(), &mut std::io::sink());
        let _ = ended.send(());
    });
    end
}

/// Joins the three; the first one returns when all of them vote.
async fn start(arguments: &Arguments, agreement: &Handle) -> Result<Member, Error> {
    let read = |name| std::fs::read(arguments.folder.join(name));
    let credentials = Credentials {
        authority: read(AUTHORITY)?,
        certificate: read(CERTIFICATE)?,
        pkcs8: Secret::new(read(KEY)?),
    };
    let (peer, folder) = (peer(arguments.node)?, arguments.folder.join("data"));
    let side = PeerSide {
        listener: TcpListener::bind(&peer.address).await?,
        tls: Arc::new(Tls::new(&credentials)?),
        door: Arc::new(Shut),
    };
    let engine = Engine::among(&folder, arguments.node, peer, side, agreement.clone()).await?;
    if arguments.node == 1 {
        let wanted = |node| Ok::<_, Error>((node, Wanted { peer: self::peer(node)?, voter: true }));
        engine.lead((1..=3).map(wanted).collect::<Result<_, _>>()?).await?;
    }
    Ok(Member { engine, command_bytes: AtomicU64::new(0) })
}

fn peer(node: u64) -> Result<Peer, Error> {
    Ok(Peer { address: format!("127.0.0.1:{}", PEER_PORT + u16::try_from(node)?) })
}

/// Nobody joins later, and nobody was removed.
struct Shut;

impl Door for Shut {
    fn join(&self, _: Bytes) -> Pin<Box<dyn Future<Output = Result<Bytes, String>> + Send>> {
        Box::pin(async { Err("this cluster is complete".to_owned()) })
    }

    fn is_removed(&self, _: u64) -> bool {
        false
    }
}

async fn dispatch(
    member: Arc<Member>,
    request: http::Request<Body>,
) -> Result<http::Response<Body>, Infallible> {
    Ok(match request.uri().path() {
        PUT => answer(member, request, Member::put).await,
        RANGE => answer(member, request, Member::range).await,
        STATUS => answer(member, request, Member::status).await,
        other => Status::unimplemented(other).into_http(),
    })
}

/// Reads the question of a unary call and writes its answer.
async fn answer<Q, A, F>(
    member: Arc<Member>,
    request: http::Request<Body>,
    give: fn(Arc<Member>, Q) -> F,
) -> http::Response<Body>
where
    Q: prost::Message + Default + 'static,
    A: prost::Message + 'static,
    F: Future<Output = Result<A, Error>>,
{
    let service = tower::service_fn(|asked: tonic::Request<Q>| {
        let given = give(Arc::clone(&member), asked.into_inner());
        async move { given.await.map(Response::new).map_err(|error| Status::unavailable(error.to_string())) }
    });
    Grpc::new(ProstCodec::<A, Q>::default()).unary(service, request).await
}

impl Member {
    async fn put(self: Arc<Self>, asked: PutRequest) -> Result<PutResponse, Error> {
        let name = std::str::from_utf8(&asked.value)?;
        let command = organization(number(&asked.key)?, name.get(..NAME_BYTES_MAX).unwrap_or(name))?;
        self.command_bytes.store(u64::try_from(command.len())?, Ordering::Relaxed);
        self.engine.submit(command).await?;
        Ok(PutResponse { header: self.header() })
    }

    async fn range(self: Arc<Self>, asked: RangeRequest) -> Result<RangeResponse, Error> {
        let found = self.engine.name(number(&asked.key)?).await?;
        let kvs = found.map(|name| KeyValue { key: asked.key, value: name.into() });
        Ok(RangeResponse { header: self.header(), kvs: kvs.into_iter().collect() })
    }

    async fn status(self: Arc<Self>, _: StatusRequest) -> Result<StatusResponse, Error> {
        let status = self.engine.cluster.status();
        Ok(StatusResponse {
            header: self.header(),
            leader: status.leader.unwrap_or_default(),
            entries: status.entries,
            commands: status.commands,
            rounds: status.rounds,
            command_bytes: self.command_bytes.load(Ordering::Relaxed),
        })
    }

    fn header(&self) -> Option<ResponseHeader> {
        Some(ResponseHeader { member_id: self.engine.node })
    }
}

fn number(key: &Bytes) -> Result<u64, Error> {
    let key: &[u8; 8] = key.as_ref().try_into()?;
    Ok(u64::from_be_bytes(*key))
}
