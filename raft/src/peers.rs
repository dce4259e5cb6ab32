//! The protocol between nodes: tonic over mutual TLS, one service.
//!
//! `wire` says what is spoken, `tls` and `names` who may speak, `dial` makes connections, `arrivals` takes them
//! in (to `places` while they are strangers'), `server` answers them, `snapshot` is the one long message. What openraft asks of all this is in `network`.

pub(crate) mod dial;
pub(crate) mod names;
pub(crate) mod server;
pub(crate) mod snapshot;
pub(crate) mod tls;
pub(crate) mod wire;

mod arrivals;
mod places;

/// The generated client and server.
mod service {
    #![allow(
        clippy::all,
        clippy::pedantic,
        missing_docs,
        unreachable_pub,
        unused_qualifications,
        reason = "generated code"
    )]
    include!(concat!(env!("OUT_DIR"), "/conclave.Peers.rs"));
}

use std::time::Duration;

use bytes::Bytes;

/// Where a cluster is to be joined, and by what its members are known before any certificate is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Invitation {
    /// The cluster's id.
    pub cluster: [u8; 16],
    /// SHA-256 of the authority's certificate.
    pub authority: [u8; 32],
    /// `host:port` of a member's peer listener.
    pub address: String,
}

/// Asks a member to be let in; question and answer are opaque here ([`Door::join`](crate::Door)).
///
/// # Errors
/// What the member said, or why it could not be asked.
pub async fn join(invitation: &Invitation, question: Bytes, patience: Duration) -> Result<Bytes, String> {
    let Invitation { cluster, authority, address } = invitation;
    let answer = dial::join(*cluster, *authority, address, question, patience).await;
    answer.map_err(|status| crate::network::said(&status))
}
