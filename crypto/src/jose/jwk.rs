//! Public keys as JSON (RFC 7517) and their thumbprints (RFC 7638).
//!
//! Only public members exist here. A JWK that brings a private or symmetric one is refused whole, since
//! someone has just published a secret.

use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED, ED25519, ParsedPublicKey, RSA_PKCS1_2048_8192_SHA256, RsaPublicKeyComponents,
};
use serde::de::IgnoredAny;
use serde::{Deserialize, Serialize};

use super::verify::VerifyKey;
use crate::{Alg, Error, b64url, sha256, unb64url};

/// A public signing key. In JSON: `kty`, `use`, `alg`, `kid`, and `crv`, `x`, `y` or `n`, `e`
/// or `crv`, `x`.
///
/// Reading it skips members that say nothing about the key, fills in a missing `alg` from `kty`, and refuses
/// a `use` other than `sig`, an `alg` that does not fit, and private members. Whether the numbers are a key
/// is decided by [`verifier`](Self::verifier).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(into = "Wire", try_from = "Wire")]
pub struct Jwk {
    pub kid: String,
    pub alg: Alg,
    pub key: PublicKey,
}

/// The numbers of a public key, in base64url.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PublicKey {
    P256 { x: String, y: String },
    Rsa { n: String, e: String },
    Ed25519 { x: String },
}

/// A published set: `{"keys": [...]}`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Jwks {
    pub keys: Vec<Jwk>,
}

impl Jwk {
    /// The RFC 7638 thumbprint (SHA-256, base64url): the kid of our own keys.
    pub fn thumbprint(&self) -> String {
        self.key.thumbprint()
    }

    /// Parses the key, once for many verifications.
    ///
    /// # Errors
    /// [`Error::PublicKey`] for text that is not canonical base64url, a point off the curve, RSA outside
    /// 2048 to 8192 bits or with an even exponent, and an `alg` of the other kind.
    pub fn verifier(&self) -> Result<VerifyKey, Error> {
        let parsed = match (&self.key, self.alg) {
            (PublicKey::P256 { x, y }, Alg::Es256) => {
                ParsedPublicKey::new(&ECDSA_P256_SHA256_FIXED, point(x, y)?)
                    .map_err(|_| Error::PublicKey { detail: "its point is not on P-256" })?
            }
            (PublicKey::Rsa { n, e }, Alg::Rs256) => {
                let (n, e) = rsa(n, e)?;
                RsaPublicKeyComponents { n, e }
                    .to_parsed_public_key(&RSA_PKCS1_2048_8192_SHA256)
                    .map_err(|_| Error::PublicKey { detail: REFUSED })?
            }
            (PublicKey::Ed25519 { x }, Alg::EdDsa) => ParsedPublicKey::new(&ED25519, coordinate(x)?)
                .map_err(|_| Error::PublicKey { detail: REFUSED })?,
            (PublicKey::P256 { .. }, Alg::Rs256 | Alg::EdDsa)
            | (PublicKey::Rsa { .. }, Alg::Es256 | Alg::EdDsa)
            | (PublicKey::Ed25519 { .. }, Alg::Es256 | Alg::Rs256) => {
                return Err(Error::PublicKey { detail: "its alg does not fit its kty" });
            }
        };
        Ok(VerifyKey::new(self.alg, parsed))
    }
}

const REFUSED: &str = "the crypto library refused its numbers";

impl PublicKey {
    /// The longest JWK that [`parse`](Self::parse) reads, in bytes.
    pub const JWK_BYTES_MAX: usize = 4096;

    /// Reads somebody else's key from a JWK of at most 4 KiB, whatever kid it has: P-256, Ed25519, or RSA of 2048 to
    /// 4096 bits.
    ///
    /// Only its form is judged, by rules of this crate alone, so that all builds answer alike. Whether a point lies on
    /// its curve is decided by [`Jwk::verifier`].
    ///
    /// # Errors
    /// [`Error::PublicKey`].
    pub fn parse(json: &str) -> Result<Self, Error> {
        if json.len() > Self::JWK_BYTES_MAX {
            return Err(Error::PublicKey { detail: "a JWK is at most 4 KiB long" });
        }
        let wire: Wire = serde_json::from_str(json)
            .map_err(|_| Error::PublicKey { detail: "it is no JWK of kty EC, OKP or RSA" })?;
        Self::try_from(wire)?.judged()
    }

    /// The key, if its form is one that [`parse`](Self::parse) takes.
    ///
    /// # Errors
    /// [`Error::PublicKey`].
    pub fn judged(self) -> Result<Self, Error> {
        match &self {
            Self::P256 { x, y } => drop(point(x, y)?),
            Self::Ed25519 { x } => drop(coordinate(x)?),
            Self::Rsa { n, e } if rsa(n, e)?.0.len() > RSA_BYTES_MAX => {
                return Err(Error::PublicKey { detail: "an RSA key of others has at most 4096 bits" });
            }
            Self::Rsa { .. } => {}
        }
        Ok(self)
    }

    /// The one text of the key: the members that make it up, in alphabetical order (RFC 7638 §3.2).
    pub fn canonical(&self) -> String {
        // base64url needs no escape.
        match self {
            Self::P256 { x, y } => format!(r#"{{"crv":"P-256","kty":"EC","x":"{x}","y":"{y}"}}"#),
            Self::Rsa { n, e } => format!(r#"{{"e":"{e}","kty":"RSA","n":"{n}"}}"#),
            Self::Ed25519 { x } => format!(r#"{{"crv":"Ed25519","kty":"OKP","x":"{x}"}}"#),
        }
    }

    /// See [`Jwk::thumbprint`].
    pub fn thumbprint(&self) -> String {
        b64url(&sha256(self.canonical().as_bytes()))
    }

    /// The one algorithm that fits.
    pub const fn alg(&self) -> Alg {
        match self {
            Self::P256 { .. } => Alg::Es256,
            Self::Rsa { .. } => Alg::Rs256,
            Self::Ed25519 { .. } => Alg::EdDsa,
        }
    }
}

/// The longest modulus of others' keys, in bytes.
const RSA_BYTES_MAX: usize = 512;

fn coordinate(text: &str) -> Result<Vec<u8>, Error> {
    let bytes = unb64url(text).filter(|bytes| bytes.len() == 32);
    bytes.ok_or(Error::PublicKey { detail: "x and y must be 32 bytes of base64url each" })
}

fn point(x: &str, y: &str) -> Result<Vec<u8>, Error> {
    Ok([vec![4], coordinate(x)?, coordinate(y)?].concat())
}

/// Modulus and exponent, of 2048 to 8192 bits.
fn rsa(n: &str, e: &str) -> Result<(Vec<u8>, Vec<u8>), Error> {
    let number = |text| unb64url(text).filter(|bytes| bytes.first().is_some_and(|first| *first != 0));
    let (Some(n), Some(e)) = (number(n), number(e)) else {
        return Err(Error::PublicKey { detail: "n and e must be base64url without leading zeros" });
    };
    let bits = n.first().map_or(0, |first| n.len() * 8 - first.leading_zeros() as usize);
    if !(2048..=8192).contains(&bits) {
        return Err(Error::PublicKey { detail: "an RSA key must have 2048 to 8192 bits" });
    }
    let odd = |number: &[u8]| number.last().is_some_and(|last| last % 2 == 1);
    if !odd(&n) || !odd(&e) || e == [1] || e.len() > 4 {
        return Err(Error::PublicKey { detail: "its modulus or exponent is none of RSA" });
    }
    Ok((n, e))
}

/// The JSON object, member by member.
#[derive(Serialize, Deserialize)]
struct Wire {
    kty: Kty,
    #[serde(rename = "use", default, skip_serializing_if = "Option::is_none")]
    usage: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    alg: Option<Alg>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    kid: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    crv: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    x: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    y: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    n: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    e: Option<String>,
    /// Of a private key (`d`, `p`, `q`) or a symmetric one (`k`): there to be refused.
    #[serde(default, skip_serializing)]
    d: Option<IgnoredAny>,
    #[serde(default, skip_serializing)]
    k: Option<IgnoredAny>,
    #[serde(default, skip_serializing)]
    p: Option<IgnoredAny>,
    #[serde(default, skip_serializing)]
    q: Option<IgnoredAny>,
}

#[derive(Clone, Copy, Serialize, Deserialize)]
enum Kty {
    #[serde(rename = "EC")]
    Ec,
    #[serde(rename = "OKP")]
    Okp,
    #[serde(rename = "RSA")]
    Rsa,
}

impl From<Jwk> for Wire {
    fn from(jwk: Jwk) -> Self {
        let (kty, crv, [x, y, n, e]) = match jwk.key {
            PublicKey::P256 { x, y } => (Kty::Ec, Some("P-256".to_owned()), [Some(x), Some(y), None, None]),
            PublicKey::Rsa { n, e } => (Kty::Rsa, None, [None, None, Some(n), Some(e)]),
            PublicKey::Ed25519 { x } => (Kty::Okp, Some("Ed25519".to_owned()), [Some(x), None, None, None]),
        };
        let usage = Some("sig".to_owned());
        Self {
            kty,
            usage,
            alg: Some(jwk.alg),
            kid: Some(jwk.kid),
            crv,
            x,
            y,
            n,
            e,
            d: None,
            k: None,
            p: None,
            q: None,
        }
    }
}

impl TryFrom<Wire> for PublicKey {
    type Error = Error;

    fn try_from(wire: Wire) -> Result<Self, Error> {
        let refused = |detail| Err(Error::PublicKey { detail });
        if wire.d.is_some() || wire.k.is_some() || wire.p.is_some() || wire.q.is_some() {
            return refused("it holds private members: replace it, its secret has been shown");
        }
        if wire.usage.is_some_and(|usage| usage != "sig") {
            return refused("its use is not sig");
        }
        let key = match (wire.kty, wire.crv.as_deref(), wire.x, wire.y, wire.n, wire.e) {
            (Kty::Ec, Some("P-256"), Some(x), Some(y), _, _) => Self::P256 { x, y },
            (Kty::Okp, Some("Ed25519"), Some(x), _, _, _) => Self::Ed25519 { x },
            (Kty::Rsa, _, _, _, Some(n), Some(e)) => Self::Rsa { n, e },
            _ => {
                return refused("it is neither P-256 with x and y, nor Ed25519 with x, nor RSA with n and e");
            }
        };
        if wire.alg.is_some_and(|alg| alg != key.alg()) {
            return refused("its alg does not fit its kty");
        }
        Ok(key)
    }
}

impl TryFrom<Wire> for Jwk {
    type Error = Error;

    fn try_from(mut wire: Wire) -> Result<Self, Error> {
        let kid = wire.kid.take().ok_or(Error::PublicKey { detail: "it has no kid" })?;
        let key = PublicKey::try_from(wire)?;
        Ok(Self { kid, alg: key.alg(), key })
    }
}

#[cfg(test)]
mod tests;
