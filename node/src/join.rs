//! How a node becomes a member: the token that an operator carries, the question that goes with it, and the answer.
//!
//! A token pins the cluster's authority, so that the joiner knows whom he speaks to before anybody knows him; it holds
//! for one node and a short time. The secret is known to the token alone, the log keeps its hash. What travels back is
//! sealed under the cluster key, and that one under the master key, which an operator brings to each node by himself.

use crate::authority;
use crate::config::Config;
use crate::entropy::SystemEntropy;
use crate::exit::{Class, Failure, Outcome, io};
use crate::folder;
use api_core::{Freshness, Service, SubmitError};
use bytes::Bytes;
use crypto::certificate::fingerprint;
use crypto::{ClusterKey, Secret, draw, draw_secret, sha256};
use futures_util::future::BoxFuture;
use identity::cluster::address::PeerAddress;
use identity::cluster::node::{Wanted, is_removed};
use identity::cluster::token::{AdmitNode, CreateJoinToken, presented};
use identity::encoding::{decode, encode};
use identity::envelope::Caller;
use identity::id::{Fixed, Hash, Id, SYSTEM};
use identity::level;
use identity::reader::Reader;
use identity::time::Timestamp;
use minicbor::{Decode, Encode};
use raft::Invitation;
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};
use std::time::Duration;
use storage::{NodeIdentity, State};

/// What every join token begins with.
const PREFIX: &str = "cnv_join_";
/// How long the whole admission may take.
const PATIENCE: Duration = Duration::from_secs(30);
/// Keeps the key of an attempt, so that a repeated one is known as the same.
const ATTEMPT: &str = "joining";

/// What a token says.
#[derive(Clone, PartialEq, Eq, Encode, Decode)]
pub(crate) struct Token {
    #[n(0)]
    #[cbor(with = "minicbor::bytes")]
    cluster: [u8; 16],
    /// The authority's fingerprint.
    #[n(1)]
    #[cbor(with = "minicbor::bytes")]
    authority: [u8; 32],
    #[n(2)]
    id: Id,
    #[n(3)]
    #[cbor(with = "minicbor::bytes")]
    secret: [u8; 32],
    /// Where a member listens for peers.
    #[n(4)]
    address: PeerAddress,
    /// The id of the master key that the joiner will need.
    #[n(5)]
    master_key: String,
}

impl Token {
    fn to_text(&self) -> String {
        crypto::token::mint(PREFIX, &encode(self))
    }

    fn parse(text: &str) -> Outcome<Token> {
        let payload = crypto::token::parse(PREFIX, text.trim());
        payload.and_then(|payload| decode(&payload).ok()).ok_or_else(|| {
            let text = "this is no join token: copy all of what `conclave token create` printed";
            Failure::new(Class::Usage, text)
        })
    }
}

/// What the joiner asks.
#[derive(Clone, Encode, Decode)]
struct Question {
    #[n(0)]
    token: Id,
    #[n(1)]
    #[cbor(with = "minicbor::bytes")]
    secret: [u8; 32],
    /// Drawn for this attempt: whoever repeats it gets the same answer.
    #[n(2)]
    #[cbor(with = "minicbor::bytes")]
    attempt: [u8; 32],
    /// Where the joiner will listen for peers.
    #[n(3)]
    address: PeerAddress,
    #[n(4)]
    level_min: u32,
    #[n(5)]
    level_max: u32,
}

/// What a member answers.
#[derive(Clone, Encode, Decode)]
struct Answer {
    #[n(0)]
    node: u64,
    #[n(1)]
    lineage: u32,
    #[n(2)]
    #[cbor(with = "minicbor::bytes")]
    authority: Vec<u8>,
    /// Sealed under the cluster key.
    #[n(3)]
    #[cbor(with = "minicbor::bytes")]
    authority_key: Vec<u8>,
    /// Sealed under the master key.
    #[n(4)]
    #[cbor(with = "minicbor::bytes")]
    cluster_key: Vec<u8>,
}

/// A token that was made.
pub(crate) struct Made {
    /// Its text: the only copy.
    pub(crate) text: Secret<String>,
    /// Names it to operators.
    pub(crate) id: Id,
    /// From when it admits nobody.
    pub(crate) expires: Timestamp,
}

/// Makes a token by which one node may join through this one.
pub(crate) async fn create_token(
    service: &Service,
    place: &Place,
    lifetime_secs: u32,
    wanted: Wanted,
) -> Result<Made, SubmitError> {
    let secret: Secret<[u8; 32]> = draw_secret(&SystemEntropy);
    let id = Id::from_bytes(draw(&SystemEntropy));
    let hash: Hash = Fixed(sha256(secret.expose()));
    let command = CreateJoinToken { id: id.clone(), secret: hash, lifetime_secs, wanted };
    let made = service.submit(SYSTEM, Caller::operator(), &command).await?;
    let token = Token {
        cluster: place.identity.cluster,
        authority: fingerprint(&place.authority.certificate),
        id: id.clone(),
        secret: *secret.expose(),
        address: place.address.clone(),
        master_key: crypto::wrap::master::wrapped_by(&place.cluster_key).unwrap_or_default(),
    };
    Ok(Made { text: Secret::new(token.to_text()), id, expires: made.reply })
}

/// What a node hands to those who join: who it is, and what is sealed.
pub(crate) struct Place {
    /// Whose folder this is.
    pub(crate) identity: NodeIdentity,
    /// Where it listens for peers.
    pub(crate) address: PeerAddress,
    /// The authority's files.
    pub(crate) authority: authority::Files,
    /// The cluster key, sealed under the master key.
    pub(crate) cluster_key: Vec<u8>,
}

/// Decides who is let in.
pub(crate) struct Doorway {
    /// What is handed out.
    pub(crate) place: Arc<Place>,
    /// The state, for who was removed.
    pub(crate) state: Arc<State>,
    /// The hands, once the node has them.
    pub(crate) service: Arc<OnceLock<Service>>,
}

impl raft::Door for Doorway {
    fn join(&self, question: Bytes) -> BoxFuture<'static, Result<Bytes, String>> {
        let (place, service) = (Arc::clone(&self.place), self.service.get().cloned());
        Box::pin(async move {
            let service = service.ok_or("this node has just started: try again in a moment")?;
            admit(&service, &place, &question).await
        })
    }

    fn is_removed(&self, node: u64) -> bool {
        let view = self.state.view();
        let reader = Reader { read: &view, instance: SYSTEM, now: Timestamp::default() };
        // A state that can't be read ends this node; it must not talk others into ending with it.
        is_removed(&reader, node).unwrap_or_else(|fault| {
            tracing::error!(%fault, "the state can't be read");
            false
        })
    }
}

async fn admit(service: &Service, place: &Place, question: &[u8]) -> Result<Bytes, String> {
    const INVALID: &str =
        "the join token is not valid here: it was used, revoked, has expired, or never was one";
    let question: Question = decode(question)
        .map_err(|_| "the question can't be read: join with the program that the cluster runs")?;
    let secret: Hash = Fixed(sha256(&question.secret));
    let view = service.backend.view(Freshness::Linearizable).await.map_err(|error| error.to_string())?;
    let reader = view.reader(SYSTEM);
    // No stranger writes to the log: the secret is looked at first.
    let known = presented(&reader, &question.token, &secret).map_err(|fault| fault.0)?;
    known.ok_or(INVALID)?;
    let level = level::current(&*view.read).map_err(|fault| fault.0)?;
    if !(question.level_min..=question.level_max).contains(&level) {
        return Err(format!(
            "the cluster runs level {level}, the program that joins {} to {}: install the cluster's version",
            question.level_min, question.level_max
        ));
    }
    let command = AdmitNode {
        token: question.token,
        secret,
        key: Fixed(sha256(&question.attempt)),
        address: question.address,
    };
    let admitted = service.submit(SYSTEM, Caller::system(), &command).await;
    let admitted = admitted.map_err(|error| match error {
        SubmitError::Refused(_) => format!("{INVALID} ({error})"),
        SubmitError::NotApplied(_) | SubmitError::Unknown(_) => error.to_string(),
    })?;
    let answer = Answer {
        node: admitted.reply.node,
        lineage: place.identity.lineage,
        authority: place.authority.certificate.clone(),
        authority_key: place.authority.key.clone(),
        cluster_key: place.cluster_key.clone(),
    };
    Ok(encode(&answer).into())
}

/// Becomes a member by a token: asks, and makes the data folder of the answer. Returns the node's number.
pub(crate) async fn join(config: &Config, token: &str) -> Outcome<u64> {
    let token = Token::parse(token)?;
    let dir = &config.data_dir;
    if let Some(identity) = NodeIdentity::read(dir)? {
        return Err(Failure::new(
            Class::WrongCluster,
            format_args!("{} belongs to {identity} already: name an empty folder", dir.display()),
        ));
    }
    folder::make(dir)?;
    let Some(master) = folder::master_keys(config)? else {
        return Err(folder::no_master_key(dir, Some(&token.master_key)));
    };
    if !master.ids().any(|id| id == token.master_key) {
        return Err(folder::other_master_key(config, &master, "the cluster", &token.master_key));
    }
    let attempt = attempt(&dir.join(ATTEMPT))?;
    let question = Question {
        token: token.id,
        secret: token.secret,
        attempt,
        address: config.peer_address(config.peers_listen)?,
        level_min: level::MIN,
        level_max: level::MAX,
    };
    let invitation =
        Invitation { cluster: token.cluster, authority: token.authority, address: token.address.to_string() };
    let answer = raft::join(&invitation, encode(&question).into(), PATIENCE).await;
    let answer = answer.map_err(|why| {
        Failure::new(Class::NotJoined, format_args!("{} did not let this node in: {why}", token.address))
    })?;
    let answer: Answer = decode(&answer)?;
    if fingerprint(&answer.authority) != token.authority {
        return Err(Failure::new(Class::NotJoined, "the answer is of another authority than the token"));
    }
    let identity = NodeIdentity { cluster: token.cluster, node: answer.node, lineage: answer.lineage };
    let cluster_key = ClusterKey::unwrap(&master, &answer.cluster_key).await;
    let cluster_key = cluster_key.map_err(|error| Failure::new(Class::MasterKey, error))?;
    let files = authority::Files { certificate: answer.authority, key: answer.authority_key };
    files.open(&identity.cluster, &cluster_key)?;
    files.write(dir)?;
    folder::write_private(&folder::cluster_key_path(dir), &answer.cluster_key)?;
    folder::found(dir, &identity)?;
    folder::remove(&dir.join(ATTEMPT))?;
    Ok(answer.node)
}

/// The key of this attempt: that of an earlier one whose answer was lost, else a new one.
fn attempt(path: &PathBuf) -> Outcome<[u8; 32]> {
    match std::fs::read(path) {
        Ok(bytes) => {
            if let Ok(attempt) = bytes.try_into() {
                return Ok(attempt);
            }
        }
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
        Err(error) => return Err(io("reading", path, &error)),
    }
    let attempt = draw(&SystemEntropy);
    folder::write_private(path, &attempt)?;
    Ok(attempt)
}

/// The file that only a folder has which is about to join.
pub(crate) const ATTEMPT_FILE: &str = ATTEMPT;

/// What a member of the folder hands out.
pub(crate) fn place(dir: &Path, identity: NodeIdentity, address: PeerAddress) -> Outcome<Place> {
    let path = folder::cluster_key_path(dir);
    let cluster_key = std::fs::read(&path).map_err(|error| io("reading", &path, &error))?;
    Ok(Place { identity, address, authority: authority::Files::read(dir)?, cluster_key })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn token() -> Token {
        Token {
            cluster: [1; 16],
            authority: [2; 32],
            id: Id::from_bytes([3; 16]),
            secret: [4; 32],
            address: PeerAddress::parse("node-1.example.com:8081").unwrap(),
            master_key: "0123456789abcdef".to_owned(),
        }
    }

    #[test]
    fn a_token_is_read_as_it_was_written() {
        let text = token().to_text();
        assert!(text.starts_with("cnv_join_") && text.len() <= 400, "{text}");
        assert!(Token::parse(&format!("  {text}\n")).unwrap() == token());
    }

    #[test]
    fn what_is_no_token_is_said_to_be_none() {
        let text = token().to_text();
        for wrong in ["", "cnv_join_", &text[..text.len() - 1], &text.replace("cnv_join_", "cnv_rt_")] {
            assert_eq!(Token::parse(wrong).err().unwrap().class, Class::Usage, "{wrong}");
        }
    }
}
