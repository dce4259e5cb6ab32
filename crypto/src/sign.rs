//! Signing keys: a port for whoever signs, and the key that signs in this process.
//!
//! [`Signer`] is async and fallible so that an HSM can stand behind it. [`SigningKey`] is parsed once; signing
//! never parses again. ES256 and EdDSA take some 40 µs, RS256 half a millisecond: all are done in place.

mod pem;

use std::fmt;

use aws_lc_rs::encoding::AsDer as _;
use aws_lc_rs::rand::SystemRandom;
use aws_lc_rs::rsa::KeySize;
use aws_lc_rs::signature::{
    ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair, Ed25519KeyPair, KeyPair as _, RSA_PKCS1_SHA256, RsaKeyPair,
};
use serde::{Deserialize, Serialize};

use crate::jose::der::rsa_public_parts;
use crate::{BoxFuture, Error, Jwk, PublicKey, Secret, b64url};

/// Longest key id.
pub const KID_BYTES_MAX: usize = 128;

/// The signature algorithms that we know (RFC 7518 §3.1, RFC 8037 §3.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Alg {
    /// ECDSA on P-256 with SHA-256.
    #[serde(rename = "ES256")]
    Es256,
    /// RSASSA-PKCS1-v1_5 with SHA-256; the only one that OpenID Connect makes every client know.
    #[serde(rename = "RS256")]
    Rs256,
    /// Ed25519, by which service accounts may sign; our own tokens are not issued under it.
    #[serde(rename = "EdDSA")]
    EdDsa,
}

impl Alg {
    /// The name in a JOSE header.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Es256 => "ES256",
            Self::Rs256 => "RS256",
            Self::EdDsa => "EdDSA",
        }
    }

    /// Reads the exact name; `none`, `HS256` and the like are `None`.
    pub fn parse(name: &str) -> Option<Self> {
        [Self::Es256, Self::Rs256, Self::EdDsa].into_iter().find(|alg| alg.name() == name)
    }
}

/// Whoever holds a private key.
pub trait Signer: Send + Sync {
    /// The id under which the public key is published.
    fn kid(&self) -> &str;

    fn alg(&self) -> Alg;

    /// Signs as JWS wants it: for ES256 the 64 bytes `r | s`, not ASN.1.
    ///
    /// # Errors
    /// [`Error::Sign`].
    fn sign<'a>(&'a self, message: &'a [u8]) -> BoxFuture<'a, Result<Vec<u8>, Error>>;
}

/// A private key in this process.
pub struct SigningKey {
    pair: Pair,
    jwk: Jwk,
}

enum Pair {
    Ec(EcdsaKeyPair),
    Rsa(RsaKeyPair),
    Ed(Ed25519KeyPair),
}

/// A new key, as it is to be sealed and published.
#[derive(Clone, Debug)]
pub struct Generated {
    /// The RFC 7638 thumbprint of `jwk`.
    pub kid: String,
    /// What [`SigningKey::from_pkcs8`] reads.
    pub pkcs8: Secret<Vec<u8>>,
    pub jwk: Jwk,
}

impl SigningKey {
    /// Makes a new key, RSA with 2048 bits.
    ///
    /// Here alone the crypto library draws from its own generator and not from an
    /// [`Entropy`](crate::Entropy), since it takes no other for keys; so do ECDSA nonces and RSA blinding
    /// while signing. RSA may take a second: not on an async thread.
    ///
    /// # Errors
    /// [`Error::Generate`].
    pub fn generate(alg: Alg) -> Result<Generated, Error> {
        let failed = |_| Error::Generate { alg: alg.name() };
        let (pair, pkcs8) = match alg {
            Alg::Es256 => {
                let pair = EcdsaKeyPair::generate(&ECDSA_P256_SHA256_FIXED_SIGNING).map_err(failed)?;
                let pkcs8 = pair.to_pkcs8v1().map_err(failed)?.as_ref().to_vec();
                (Pair::Ec(pair), pkcs8)
            }
            Alg::Rs256 => {
                let pair = RsaKeyPair::generate(KeySize::Rsa2048).map_err(failed)?;
                let pkcs8 = pair.as_der().map_err(failed)?.as_ref().to_vec();
                (Pair::Rsa(pair), pkcs8)
            }
            Alg::EdDsa => {
                let pair = Ed25519KeyPair::generate().map_err(failed)?;
                let pkcs8 = pair.to_pkcs8v1().map_err(failed)?.as_ref().to_vec();
                (Pair::Ed(pair), pkcs8)
            }
        };
        let pkcs8 = Secret::new(pkcs8);
        let public = pair.public()?;
        let kid = public.thumbprint();
        Ok(Generated { kid: kid.clone(), pkcs8, jwk: Jwk { kid, alg, key: public } })
    }

    /// Parses a PKCS#8 document. `kid` is taken as it is given, up to [`KID_BYTES_MAX`].
    ///
    /// # Errors
    /// [`Error::SigningKey`] if it is not a P-256 key (ES256), an RSA key of 2048 to 8192 bits (RS256) or an
    /// Ed25519 key (EdDSA).
    pub fn from_pkcs8(kid: &str, alg: Alg, pkcs8: &Secret<Vec<u8>>) -> Result<Self, Error> {
        let refused = |detail| Error::SigningKey { alg: alg.name(), detail };
        if kid.is_empty() || kid.len() > KID_BYTES_MAX {
            return Err(refused("its kid is not 1 to 128 bytes"));
        }
        let pkcs8 = pkcs8.expose();
        let pair = match alg {
            Alg::Es256 => EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, pkcs8).map(Pair::Ec),
            Alg::Rs256 => RsaKeyPair::from_pkcs8(pkcs8).map(Pair::Rsa),
            Alg::EdDsa => Ed25519KeyPair::from_pkcs8(pkcs8).map(Pair::Ed),
        };
        let pair = pair.map_err(|_| refused("it is no PKCS#8 document of that kind and size"))?;
        let jwk = Jwk { kid: kid.to_owned(), alg, key: pair.public()? };
        Ok(Self { pair, jwk })
    }

    /// What other parties verify with.
    pub fn public_jwk(&self) -> Jwk {
        self.jwk.clone()
    }

    fn sign_now(&self, message: &[u8]) -> Result<Vec<u8>, Error> {
        let failed = |_| Error::Sign { detail: "the crypto library refused".to_owned() };
        let ignored = SystemRandom::new(); // asked for by the signatures, ignored by the library
        match &self.pair {
            Pair::Ec(pair) => {
                pair.sign(&ignored, message).map(|signature| signature.as_ref().to_vec()).map_err(failed)
            }
            Pair::Rsa(pair) => {
                let mut out = vec![0; pair.public_modulus_len()];
                pair.sign(&RSA_PKCS1_SHA256, &ignored, message, &mut out).map_err(failed)?;
                Ok(out)
            }
            Pair::Ed(pair) => Ok(pair.sign(message).as_ref().to_vec()),
        }
    }
}

impl Signer for SigningKey {
    fn kid(&self) -> &str {
        &self.jwk.kid
    }

    fn alg(&self) -> Alg {
        self.jwk.alg
    }

    fn sign<'a>(&'a self, message: &'a [u8]) -> BoxFuture<'a, Result<Vec<u8>, Error>> {
        Box::pin(std::future::ready(self.sign_now(message)))
    }
}

impl Pair {
    fn public(&self) -> Result<PublicKey, Error> {
        match self {
            Self::Ec(pair) => match pair.public_key().as_ref() {
                [4, point @ ..] if point.len() == 64 => {
                    let (x, y) = point.split_at(32);
                    Ok(PublicKey::P256 { x: b64url(x), y: b64url(y) })
                }
                _ => Err(Error::PublicKey { detail: "its point is not an uncompressed one of P-256" }),
            },
            Self::Rsa(pair) => {
                let (n, e) = rsa_public_parts(pair.public_key().as_ref())
                    .ok_or(Error::PublicKey { detail: "it is no RSAPublicKey (RFC 8017)" })?;
                Ok(PublicKey::Rsa { n: b64url(n), e: b64url(e) })
            }
            Self::Ed(pair) => Ok(PublicKey::Ed25519 { x: b64url(pair.public_key().as_ref()) }),
        }
    }
}

impl fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SigningKey({} {})", self.jwk.alg.name(), self.jwk.kid)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{now, signing_key};

    #[test]
    fn a_generated_key_parses_and_signs_for_its_jwk() {
        for alg in [Alg::Es256, Alg::Rs256, Alg::EdDsa] {
            let made = SigningKey::generate(alg).unwrap();
            let key = SigningKey::from_pkcs8(&made.kid, alg, &made.pkcs8).unwrap();
            assert_eq!(key.public_jwk(), made.jwk);
            assert_eq!(made.kid, made.jwk.thumbprint());
            let signature = now(key.sign(b"message")).unwrap();
            made.jwk.verifier().unwrap().verify(b"message", &signature).unwrap();
        }
    }

    #[test]
    fn no_key_is_made_twice() {
        let [a, b] = [(), ()].map(|()| SigningKey::generate(Alg::Es256).unwrap());
        assert_ne!(a.kid, b.kid);
    }

    #[test]
    fn an_es256_signature_is_64_bytes() {
        for _ in 0..32 {
            assert_eq!(now(signing_key(Alg::Es256).sign(b"m")).unwrap().len(), 64);
        }
    }

    #[test]
    fn a_key_of_another_kind_or_none_is_refused() {
        let [ec, rsa] = [Alg::Es256, Alg::Rs256].map(|alg| SigningKey::generate(alg).unwrap().pkcs8);
        let cut = Secret::new(ec.expose()[..ec.expose().len() - 1].to_vec());
        for (alg, pkcs8) in [
            (Alg::Es256, &rsa),
            (Alg::Rs256, &ec),
            (Alg::EdDsa, &ec),
            (Alg::Es256, &cut),
            (Alg::Es256, &Secret::new(vec![])),
            (Alg::Rs256, &Secret::new(b"-----BEGIN PRIVATE KEY-----".to_vec())),
        ] {
            let error = SigningKey::from_pkcs8("k", alg, pkcs8).unwrap_err();
            assert!(matches!(error, Error::SigningKey { .. }));
        }
    }

    #[test]
    fn a_small_rsa_key_is_refused() {
        let small = Secret::new(crate::unb64url(include_str!("sign/rsa1024.txt").trim()).unwrap());
        assert!(SigningKey::from_pkcs8("k", Alg::Rs256, &small).is_err());
    }

    #[test]
    fn a_kid_has_bounds() {
        let pkcs8 = SigningKey::generate(Alg::Es256).unwrap().pkcs8;
        assert!(SigningKey::from_pkcs8("", Alg::Es256, &pkcs8).is_err());
        assert!(SigningKey::from_pkcs8(&"k".repeat(129), Alg::Es256, &pkcs8).is_err());
        assert!(SigningKey::from_pkcs8(&"k".repeat(128), Alg::Es256, &pkcs8).is_ok());
    }

    #[test]
    fn only_exact_names_are_algorithms() {
        assert_eq!(Alg::parse("ES256"), Some(Alg::Es256));
        assert_eq!(Alg::parse("RS256"), Some(Alg::Rs256));
        assert_eq!(Alg::parse("EdDSA"), Some(Alg::EdDsa));
        for name in ["EDDSA", "none", "None", "HS256", "es256", "ES256 ", "PS256", "ES384", ""] {
            assert_eq!(Alg::parse(name), None, "{name}");
        }
    }

    #[test]
    fn debug_shows_the_kid_alone() {
        assert_eq!(format!("{:?}", signing_key(Alg::Es256)), "SigningKey(ES256 test-es256)");
        let made = format!("{:?}", SigningKey::generate(Alg::Es256).unwrap());
        assert!(made.contains("[redacted]"));
    }
}
