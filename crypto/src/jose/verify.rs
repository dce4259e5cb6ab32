//! Verifying: the header policy and the signature, and nothing that needs a clock or a name.
//!
//! `exp`, `iss`, `aud` and the rest are the caller's, who holds a clock and knows for whom he asks. The order
//! is cheap before dear: size, shape, header, key, signature, and only then are the claims read.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt;

use aws_lc_rs::signature::ParsedPublicKey;
use serde::Deserialize;
use serde::de::DeserializeOwned;

use super::jwk::Jwk;
use crate::{Alg, Error, TokenFault, sha256, unb64url};

/// Longest token that [`verify`] looks at.
pub const JWS_BYTES_MAX: usize = 16 * 1024;

/// What a token is for. One key signs several kinds, and the kind keeps them apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Typ {
    /// `at+jwt` (RFC 9068 §2.1; `application/at+jwt` is read as the same).
    AccessToken,
    /// `JWT`.
    IdToken,
    /// `logout+jwt` (OpenID Connect Back-Channel Logout §2.4).
    LogoutToken,
}

impl Typ {
    /// The value that we issue, for [`issue`](crate::issue).
    pub const fn name(self) -> &'static str {
        match self {
            Self::AccessToken => "at+jwt",
            Self::IdToken => "JWT",
            Self::LogoutToken => "logout+jwt",
        }
    }

    fn reads(self, typ: &str) -> bool {
        let long = match self {
            Self::AccessToken => Some("application/at+jwt"),
            Self::IdToken | Self::LogoutToken => None,
        };
        typ == self.name() || Some(typ) == long
    }
}

/// A parsed public key, bound to its one algorithm.
#[derive(Clone)]
pub struct VerifyKey {
    alg: Alg,
    key: ParsedPublicKey,
}

impl VerifyKey {
    pub(crate) const fn new(alg: Alg, key: ParsedPublicKey) -> Self {
        Self { alg, key }
    }

    pub const fn alg(&self) -> Alg {
        self.alg
    }

    /// Checks a signature in the form of JWS; for ES256 exactly 64 bytes.
    ///
    /// # Errors
    /// [`TokenFault::Signature`].
    pub fn verify(&self, message: &[u8], signature: &[u8]) -> Result<(), Error> {
        self.key.verify_sig(message, signature).map_err(|_| TokenFault::Signature.into())
    }
}

impl fmt::Debug for VerifyKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "VerifyKey({})", self.alg.name())
    }
}

/// The keys a token may be signed with, by kid.
#[derive(Clone, Debug, Default)]
pub struct KeySet(BTreeMap<String, VerifyKey>);

impl KeySet {
    /// Parses every key.
    ///
    /// # Errors
    /// [`Error::KidTwice`], and those of [`Jwk::verifier`].
    pub fn from_jwks(jwks: impl IntoIterator<Item = Jwk>) -> Result<Self, Error> {
        let mut keys = BTreeMap::new();
        for jwk in jwks {
            let key = jwk.verifier()?;
            if keys.contains_key(&jwk.kid) {
                return Err(Error::KidTwice { kid: jwk.kid });
            }
            keys.insert(jwk.kid, key);
        }
        Ok(Self(keys))
    }

    /// The key of that exact kid. A kid is compared, never interpreted.
    pub fn get(&self, kid: &str) -> Option<&VerifyKey> {
        self.0.get(kid)
    }

    /// The kids, sorted.
    pub fn kids(&self) -> impl Iterator<Item = &str> {
        self.0.keys().map(String::as_str)
    }
}

/// Every other member (`crit`, `b64`, `jku`, `x5u`, `x5c`, `jwk`, `zip`, `cty` …) and every double is refused.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Header<'a> {
    #[serde(borrow)]
    alg: Cow<'a, str>,
    #[serde(borrow)]
    typ: Cow<'a, str>,
    #[serde(borrow)]
    kid: Cow<'a, str>,
}

/// A compact JWS, taken apart: what is signed, and the bytes behind the base64url.
pub(super) struct Parts<'t> {
    pub(super) message: &'t str,
    pub(super) header: Vec<u8>,
    pub(super) claims: Vec<u8>,
    pub(super) signature: Vec<u8>,
}

impl<'t> Parts<'t> {
    pub(super) fn split(token: &'t str) -> Result<Self, Error> {
        if token.len() > JWS_BYTES_MAX {
            return Err(TokenFault::TooLong.into());
        }
        let (message, signature) = token.rsplit_once('.').ok_or(TokenFault::Shape)?;
        let (header, claims) = message.split_once('.').ok_or(TokenFault::Shape)?;
        let [header, claims, signature] = [header, claims, signature].map(unb64url); // a fourth part has a dot inside
        let (Some(header), Some(claims), Some(signature)) = (header, claims, signature) else {
            return Err(TokenFault::Shape.into());
        };
        Ok(Self { message, header, claims, signature })
    }
}

/// Returns the claims of a token of this kind that one of `keys` has signed.
///
/// **Only the signature is checked**: expiry, issuer and audience are the caller's to check.
///
/// # Errors
/// [`Error::Token`], with the [`TokenFault`] that says which step refused.
pub fn verify<C: DeserializeOwned>(token: &str, typ: Typ, keys: &KeySet) -> Result<C, Error> {
    let Parts { message, header, claims, signature } = Parts::split(token)?;
    let header: Header<'_> = serde_json::from_slice(&header).map_err(|_| TokenFault::Header)?;
    if !typ.reads(&header.typ) {
        return Err(TokenFault::Typ.into());
    }
    let key = keys.get(&header.kid).ok_or(TokenFault::UnknownKey)?;
    if header.alg != key.alg.name() {
        return Err(TokenFault::Alg.into());
    }
    key.verify(message.as_bytes(), &signature)?;
    serde_json::from_slice(&claims).map_err(|_| TokenFault::Claims.into())
}

/// Returns the SHA-256 under which a single token is denied: that of what was signed, without the signature.
///
/// An ES256 signature `(r, s)` has a twin `(r, n - s)` that verifies as well and that anyone can compute, so a
/// hash of the whole token could be stepped around. A text without a dot is hashed whole.
pub fn denial_hash(token: &str) -> [u8; 32] {
    let signed = token.rsplit_once('.').map_or(token, |(signed, _)| signed);
    sha256(signed.as_bytes())
}

#[cfg(test)]
mod tests;
