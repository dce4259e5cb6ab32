//! Private keys as text (RFC 7468 §10): how they stand in the files of whoever signs.
//!
//! PKCS#8 alone. Encrypted keys and the older forms (`RSA PRIVATE KEY`, `EC PRIVATE KEY`) are refused: one form is enough
//! for keys that this crate makes.

use pem::{EncodeConfig, LineEnding, Pem};

use super::{Alg, Generated, SigningKey};
use crate::{Error, Secret};

const TAG: &str = "PRIVATE KEY";

impl Generated {
    /// What [`SigningKey::from_pem`] reads, with `\n` at the end of each line.
    pub fn pem(&self) -> Secret<String> {
        let pem = Pem::new(TAG, self.pkcs8.expose().clone());
        Secret::new(pem::encode_config(&pem, EncodeConfig::new().set_line_ending(LineEnding::LF)))
    }
}

impl SigningKey {
    /// Parses the text of a private key; its algorithm is the one that fits it.
    ///
    /// # Errors
    /// [`Error::SigningKey`] if it is not one PKCS#8 document of a kind that [`from_pkcs8`](Self::from_pkcs8) reads.
    pub fn from_pem(kid: &str, text: &Secret<String>) -> Result<Self, Error> {
        let refused = |detail| Error::SigningKey { alg: "private", detail };
        let pem = pem::parse(text.expose()).map_err(|_| refused("it is no PEM text"))?;
        if pem.tag() != TAG {
            return Err(refused("its PEM text is none of PKCS#8 (BEGIN PRIVATE KEY)"));
        }
        let pkcs8 = Secret::new(pem.into_contents());
        let fitting = [Alg::Es256, Alg::EdDsa, Alg::Rs256]
            .into_iter()
            .find_map(|alg| SigningKey::from_pkcs8(kid, alg, &pkcs8).ok());
        fitting
            .ok_or(refused("it is neither P-256, nor Ed25519, nor RSA of 2048 bits or more, or has no kid"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read_as_the_same_key() {
        for alg in [Alg::Es256, Alg::EdDsa, Alg::Rs256] {
            let made = SigningKey::generate(alg).unwrap();
            let text = made.pem();
            assert!(text.expose().starts_with("-----BEGIN PRIVATE KEY-----\n"));
            assert!(!text.expose().contains('\r'));
            assert_eq!(SigningKey::from_pem(&made.kid, &text).unwrap().public_jwk(), made.jwk);
        }
    }

    #[test]
    fn what_is_no_private_key_is_refused() {
        let good = SigningKey::generate(Alg::Es256).unwrap().pem();
        let good = good.expose();
        for (kid, text) in [
            ("k", String::new()),
            ("k", "secret".to_owned()),
            ("k", good.replace("PRIVATE", "PUBLIC")),
            ("k", good.replace("PRIVATE", "EC PRIVATE")),
            ("k", good.replace("PRIVATE", "ENCRYPTED PRIVATE")),
            ("k", good.replace("-----BEGIN PRIVATE KEY-----\n", "-----BEGIN PRIVATE KEY-----\nAAAA")),
            ("", good.clone()),
        ] {
            let error = SigningKey::from_pem(kid, &Secret::new(text)).unwrap_err();
            assert!(matches!(error, Error::SigningKey { .. }));
            assert!(!error.to_string().contains("AAAA"));
        }
    }
}
