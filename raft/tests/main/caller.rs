//! Somebody who calls a node by hand, and keeps to no rule but TLS.

use std::net::SocketAddr;
use std::sync::Arc;

use futures_util::{StreamExt, stream};
use hyper_util::rt::TokioIo;
use prost::Message;
use raft::Credentials;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use storage::NodeIdentity;
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;
use tonic::client::Grpc;
use tonic::codegen::http::Uri;
use tonic::codegen::http::uri::PathAndQuery;
use tonic::transport::{Channel, Endpoint};
use tonic::{IntoStreamingRequest, Request, Status};
use tonic_prost::ProstCodec;

use crate::group::Group;

/// The fields of a call's head, as a well member fills them in.
pub(crate) fn head(identity: &NodeIdentity, target: u64) -> Vec<(&'static str, String)> {
    vec![
        ("conclave-protocol", "1".to_owned()),
        ("conclave-cluster", crypto::hex(&identity.cluster)),
        ("conclave-lineage", identity.lineage.to_string()),
        ("conclave-target", target.to_string()),
    ]
}

/// A connection through TLS to a node of the group, with a certificate or without.
pub(crate) async fn connect(group: &Group, node: u64, proof: Option<&Credentials>) -> TlsStream<TcpStream> {
    handshake(group.addresses[&node], config(group, proof), name(node)).await.unwrap()
}

fn config(group: &Group, proof: Option<&Credentials>) -> Arc<ClientConfig> {
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from(group.authority.certificate().to_vec())).unwrap();
    let config = ClientConfig::builder().with_root_certificates(roots);
    let mut config = match proof {
        None => config.with_no_client_auth(),
        Some(proof) => {
            let key = PrivateKeyDer::from(PrivatePkcs8KeyDer::from(proof.pkcs8.expose().clone()));
            config.with_client_auth_cert(vec![proof.certificate.clone().into()], key).unwrap()
        }
    };
    config.alpn_protocols = vec![b"h2".to_vec()];
    Arc::new(config)
}

fn name(node: u64) -> ServerName<'static> {
    raft::names(&crate::group::identity(node)).remove(0).try_into().unwrap()
}

async fn handshake(
    address: SocketAddr,
    config: Arc<ClientConfig>,
    name: ServerName<'static>,
) -> std::io::Result<TlsStream<TcpStream>> {
    TlsConnector::from(config).connect(name, TcpStream::connect(address).await?).await
}

/// A caller with a connection of his own.
pub(crate) struct Caller(Channel);

impl Caller {
    /// Connects when he first calls.
    pub(crate) fn new(group: &Group, node: u64, proof: Option<&Credentials>) -> Caller {
        let (address, config) = (group.addresses[&node], config(group, proof));
        let dial = tower::service_fn(move |_: Uri| {
            let stream = handshake(address, Arc::clone(&config), name(node));
            async move { stream.await.map(TokioIo::new) }
        });
        let endpoint = Endpoint::from_shared(format!("http://{address}")).unwrap();
        Caller(endpoint.connect_with_connector_lazy(dial))
    }

    /// Calls a method with bytes for the message's first field.
    pub(crate) async fn call(
        &self,
        method: &str,
        head: &[(&'static str, String)],
        body: impl Message + 'static,
    ) -> Result<(), Status> {
        let mut grpc = self.ready().await?;
        let request = headed(Request::new(body), head);
        grpc.unary(request, path(method), ProstCodec::<_, ()>::default()).await.map(drop)
    }

    /// Begins to call a method, and never sends a message.
    pub(crate) async fn begin(&self, method: &str, head: &[(&'static str, String)]) -> Result<(), Status> {
        self.begin_with(method, head, None::<()>).await
    }

    /// Begins to call a method, and sends one message at most.
    pub(crate) async fn begin_with(
        &self,
        method: &str,
        head: &[(&'static str, String)],
        message: Option<impl Message + 'static>,
    ) -> Result<(), Status> {
        let mut grpc = self.ready().await?;
        let messages = stream::iter(message).chain(stream::pending());
        let request = headed(messages.into_streaming_request(), head);
        grpc.client_streaming(request, path(method), ProstCodec::<_, ()>::default()).await.map(drop)
    }

    async fn ready(&self) -> Result<Grpc<Channel>, Status> {
        let mut grpc = Grpc::new(self.0.clone());
        grpc.ready().await.map_err(|error| Status::unavailable(format!("{error:?}")))?;
        Ok(grpc)
    }
}

fn headed<T>(mut request: Request<T>, head: &[(&'static str, String)]) -> Request<T> {
    for (name, value) in head {
        request.metadata_mut().insert(*name, value.parse().unwrap());
    }
    request
}

fn path(method: &str) -> PathAndQuery {
    format!("/conclave.Peers/{method}").parse().unwrap()
}
