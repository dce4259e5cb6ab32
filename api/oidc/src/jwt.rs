//! The claims of our JWTs: access tokens (RFC 9068) and ID tokens (OpenID Connect Core §2).

use identity::envelope::Source;
use identity::id::{Fixed, Hash, Id};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// An audience: one text or several (RFC 7519 §4.1.3).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum Audience {
    /// One.
    One(String),
    /// Several.
    Many(Vec<String>),
}

impl Audience {
    /// All of them.
    pub fn list(&self) -> &[String] {
        match self {
            Audience::One(one) => std::slice::from_ref(one),
            Audience::Many(many) => many,
        }
    }
}

/// An access token's claims.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AccessToken {
    /// Issuer.
    pub iss: String,
    /// The user.
    pub sub: String,
    /// The projects and clients it is meant for.
    pub aud: Audience,
    /// Expiry, seconds since the epoch.
    pub exp: u64,
    /// When it was issued.
    pub iat: u64,
    /// Its own id.
    pub jti: String,
    /// Whom it was issued to.
    pub client_id: String,
    /// What it is good for, separated by spaces.
    pub scope: String,
    /// When the person proved himself.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub auth_time: Option<u64>,
    /// The session.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sid: Option<String>,
    /// The token family that it lives and dies with.
    #[serde(rename = "urn:conclave:family", skip_serializing_if = "Option::is_none")]
    pub family: Option<String>,
    /// The generation of the service account's secret that it lives and dies with.
    #[serde(rename = "urn:conclave:generation", skip_serializing_if = "Option::is_none")]
    pub generation: Option<u32>,
    /// The service account's key that it lives and dies with.
    #[serde(rename = "urn:conclave:key", skip_serializing_if = "Option::is_none")]
    pub key: Option<KeyClaim>,
    /// Roles and whatever else the scopes asked for.
    #[serde(flatten)]
    pub more: Map<String, Value>,
}

/// Names a service account's key.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeyClaim {
    /// Its id.
    pub kid: String,
    /// SHA-256 of its JWK, in base64url.
    pub sha256: String,
}

impl KeyClaim {
    /// The claim for a key.
    pub fn new(key: &Id, jwk: &Hash) -> KeyClaim {
        KeyClaim { kid: key.to_string(), sha256: crypto::b64url(&jwk.0) }
    }

    /// The key that it names; `None` if there can be no such key.
    pub fn source(&self) -> Option<Source> {
        let jwk = crypto::unb64url(&self.sha256)?.try_into().ok()?;
        Some(Source::Key { key: Id::parse(&self.kid).ok()?, jwk: Fixed(jwk) })
    }
}

/// An ID token's claims.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct IdToken {
    /// Issuer.
    pub iss: String,
    /// The person.
    pub sub: String,
    /// The client.
    pub aud: Audience,
    /// The client again: it is the one who asked.
    pub azp: String,
    /// Expiry.
    pub exp: u64,
    /// When it was issued.
    pub iat: u64,
    /// When the person proved himself.
    pub auth_time: u64,
    /// By what he proved himself (RFC 8176).
    pub amr: Vec<String>,
    /// The session.
    pub sid: String,
    /// As the request had it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub nonce: Option<String>,
    /// Binds the access token that came with it.
    pub at_hash: String,
    /// Roles and profile.
    #[serde(flatten)]
    pub more: Map<String, Value>,
}
