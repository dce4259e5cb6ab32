//! Mutual TLS between nodes: TLS 1.3, the cluster's own authority, one name for each node.
//!
//! A caller demands the certificate of the very node it means to reach, and a listener learns from the caller's who
//! calls. A certificate that is renewed takes effect with the next connection; those that stand live on.

use std::sync::Arc;

use arc_swap::ArcSwap;
use crypto::Secret;
use crypto::certificate::fingerprint;
use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, verify_tls13_signature};
use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer, ServerName, UnixTime};
use rustls::server::WebPkiClientVerifier;
use rustls::version::TLS13;
use rustls::{ClientConfig, DigitallySignedStruct, RootCertStore, ServerConfig, SignatureScheme};

/// The protocol that is agreed on within TLS: gRPC speaks HTTP/2.
const ALPN: &[u8] = b"h2";

/// What a node proves itself by, and by what it knows others.
#[derive(Clone)]
pub struct Credentials {
    /// The authority's certificate, in DER.
    pub authority: Vec<u8>,
    /// The node's own, in DER.
    pub certificate: Vec<u8>,
    /// Its private key, PKCS #8 in DER.
    pub pkcs8: Secret<Vec<u8>>,
}

/// Credentials that can't be used; the text says why.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the credentials between nodes can't be used: {0}")]
pub struct Unusable(String);

fn unusable(error: impl std::fmt::Display) -> Unusable {
    Unusable(error.to_string())
}

struct Configured {
    server: Arc<ServerConfig>,
    client: Arc<ClientConfig>,
}

/// Credentials in use. They can be replaced while connections are made.
pub struct Tls {
    current: ArcSwap<Configured>,
}

impl Tls {
    /// Takes credentials into use.
    ///
    /// # Errors
    /// If certificate, key and authority do not belong together.
    pub fn new(credentials: &Credentials) -> Result<Tls, Unusable> {
        Ok(Tls { current: ArcSwap::from_pointee(configure(credentials)?) })
    }

    /// Takes others into use instead. On an error the old ones stay.
    ///
    /// # Errors
    /// As [`Tls::new`].
    pub fn renew(&self, credentials: &Credentials) -> Result<(), Unusable> {
        self.current.store(Arc::new(configure(credentials)?));
        Ok(())
    }

    pub(crate) fn server(&self) -> Arc<ServerConfig> {
        Arc::clone(&self.current.load().server)
    }

    pub(crate) fn client(&self) -> Arc<ClientConfig> {
        Arc::clone(&self.current.load().client)
    }
}

impl std::fmt::Debug for Tls {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Tls")
    }
}

fn configure(credentials: &Credentials) -> Result<Configured, Unusable> {
    let provider = provider();
    let roots = Arc::new(roots(&credentials.authority)?);
    // The authority goes along: who joins pins it.
    let chain = vec![
        CertificateDer::from(credentials.certificate.clone()),
        CertificateDer::from(credentials.authority.clone()),
    ];
    let key = || PrivateKeyDer::from(PrivatePkcs8KeyDer::from(credentials.pkcs8.expose().clone()));
    // Who has no certificate may ask to join, and nothing else: the service looks at who calls.
    let verifier = WebPkiClientVerifier::builder_with_provider(Arc::clone(&roots), Arc::clone(&provider));
    let verifier = verifier.allow_unauthenticated().build().map_err(unusable)?;
    let mut server = ServerConfig::builder_with_provider(Arc::clone(&provider))
        .with_protocol_versions(&[&TLS13])
        .map_err(unusable)?
        .with_client_cert_verifier(verifier)
        .with_single_cert(chain.clone(), key())
        .map_err(unusable)?;
    server.alpn_protocols = vec![ALPN.to_vec()];
    // No resumption: each connection proves anew who calls.
    server.send_tls13_tickets = 0;
    let mut client = ClientConfig::builder_with_provider(provider)
        .with_protocol_versions(&[&TLS13])
        .map_err(unusable)?
        .with_root_certificates(roots)
        .with_client_auth_cert(chain, key())
        .map_err(unusable)?;
    client.alpn_protocols = vec![ALPN.to_vec()];
    client.resumption = rustls::client::Resumption::disabled();
    Ok(Configured { server: Arc::new(server), client: Arc::new(client) })
}

/// The cryptography of TLS: the only provider that is linked, which rustls finds by itself.
fn provider() -> Arc<CryptoProvider> {
    Arc::clone(ClientConfig::builder().crypto_provider())
}

fn roots(authority: &[u8]) -> Result<RootCertStore, Unusable> {
    let mut roots = RootCertStore::empty();
    roots.add(CertificateDer::from(authority.to_vec())).map_err(unusable)?;
    Ok(roots)
}

/// The configuration of one who has no certificate yet and knows the authority by its fingerprint alone.
pub(crate) fn pinned(authority: [u8; 32]) -> Result<ClientConfig, Unusable> {
    let provider = provider();
    let verifier = Arc::new(Pinned { authority, provider: Arc::clone(&provider) });
    let mut client = ClientConfig::builder_with_provider(provider)
        .with_protocol_versions(&[&TLS13])
        .map_err(unusable)?
        .dangerous()
        .with_custom_certificate_verifier(verifier)
        .with_no_client_auth();
    client.alpn_protocols = vec![ALPN.to_vec()];
    Ok(client)
}

/// Believes in the one authority with this fingerprint, which the listener must send along; everything else is judged
/// as usual, by rustls.
#[derive(Debug)]
struct Pinned {
    authority: [u8; 32],
    provider: Arc<CryptoProvider>,
}

impl ServerCertVerifier for Pinned {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        ocsp: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        let pinned = intermediates.iter().find(|der| crypto::same(&fingerprint(der), &self.authority));
        let Some(authority) = pinned else {
            return Err(rustls::Error::General(
                "the cluster's authority is not the one that the token names".to_owned(),
            ));
        };
        let roots = roots(authority).map_err(|error| rustls::Error::General(error.to_string()))?;
        let verifier =
            WebPkiServerVerifier::builder_with_provider(Arc::new(roots), Arc::clone(&self.provider)).build();
        let verifier = verifier.map_err(|error| rustls::Error::General(error.to_string()))?;
        verifier.verify_server_cert(end_entity, &[], server_name, ocsp, now)
    }

    fn verify_tls12_signature(
        &self,
        _message: &[u8],
        _cert: &CertificateDer<'_>,
        _dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        Err(rustls::Error::General("TLS 1.3 only".to_owned()))
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        cert: &CertificateDer<'_>,
        dss: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls13_signature(message, cert, dss, &self.provider.signature_verification_algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider.signature_verification_algorithms.supported_schemes()
    }
}
