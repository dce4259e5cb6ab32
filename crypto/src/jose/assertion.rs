//! Assertions: JWTs by which somebody else proves with his own key who he is (RFC 7523 §3).
//!
//! In two steps, since only the assertion says whose it is: [`Assertion::parse`] tells the kid, by which the caller
//! finds a key that he trusts, and [`Assertion::verify`] asks that key. Claims are read after the signature and never
//! before; what they must say is the caller's to check.

use serde::Deserialize;
use serde::de::DeserializeOwned;

use super::jwk::Jwk;
use super::verify::Parts;
use crate::{Error, TokenFault};

/// An assertion whose form is right. **Nothing in it is proven.**
pub struct Assertion<'t> {
    header: Header,
    parts: Parts<'t>,
}

/// As strict as that of our own tokens, but for `typ`: few libraries write one.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Header {
    alg: String,
    #[serde(default)]
    typ: Option<String>,
    kid: String,
}

impl<'t> Assertion<'t> {
    /// Reads size, shape and header of a compact JWS: `alg`, `kid`, a `typ` of `JWT` if there is any, and no other
    /// member.
    ///
    /// # Errors
    /// [`Error::Token`], with the [`TokenFault`] that says which step refused.
    pub fn parse(token: &'t str) -> Result<Self, Error> {
        let parts = Parts::split(token)?;
        let header: Header = serde_json::from_slice(&parts.header).map_err(|_| TokenFault::Header)?;
        // A media type, so that its case says nothing (RFC 7515 §4.1.9).
        if header.typ.as_ref().is_some_and(|typ| !typ.eq_ignore_ascii_case("JWT")) {
            return Err(TokenFault::Typ.into());
        }
        Ok(Self { header, parts })
    }

    /// Which key it claims to be signed with.
    pub fn kid(&self) -> &str {
        &self.header.kid
    }

    /// Returns the claims, if this key has signed them by its own algorithm and under its own kid.
    ///
    /// **Only the signature is checked**: expiry, issuer, subject and audience are the caller's to check.
    ///
    /// # Errors
    /// [`Error::Token`], and those of [`Jwk::verifier`].
    pub fn verify<C: DeserializeOwned>(&self, key: &Jwk) -> Result<C, Error> {
        if self.header.kid != key.kid {
            return Err(TokenFault::UnknownKey.into());
        }
        if self.header.alg != key.alg.name() {
            return Err(TokenFault::Alg.into());
        }
        key.verifier()?.verify(self.parts.message.as_bytes(), &self.parts.signature)?;
        serde_json::from_slice(&self.parts.claims).map_err(|_| TokenFault::Claims.into())
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;
    use crate::testing::{now, signing_key};
    use crate::{Alg, Signer as _, b64url, hmac_sha256};

    const ALGS: [Alg; 3] = [Alg::Es256, Alg::Rs256, Alg::EdDsa];

    fn claims() -> Value {
        json!({"iss": "robot", "sub": "robot"})
    }

    /// Any header over the claims, rightly signed by the test key of this algorithm.
    fn signed(alg: Alg, header: &str) -> String {
        let message = format!("{}.{}", b64url(header.as_bytes()), b64url(claims().to_string().as_bytes()));
        let signature = now(signing_key(alg).sign(message.as_bytes())).unwrap();
        format!("{message}.{}", b64url(&signature))
    }

    fn header(alg: Alg) -> Value {
        json!({"alg": alg.name(), "kid": signing_key(alg).kid()})
    }

    fn found(token: &str, key: &Jwk) -> Result<Value, Error> {
        Assertion::parse(token)?.verify(key)
    }

    #[track_caller]
    fn refused(token: &str, expected: TokenFault) {
        let found = found(token, &signing_key(Alg::Es256).public_jwk());
        assert_eq!(found, Err(Error::Token(expected)), "{token}");
    }

    #[test]
    fn each_algorithm_is_read_with_a_typ_and_without() {
        for alg in ALGS {
            let key = signing_key(alg).public_jwk();
            for typ in [None, Some("JWT"), Some("jwt")] {
                let mut header = header(alg);
                if let Some(typ) = typ {
                    header["typ"] = typ.into();
                }
                let token = signed(alg, &header.to_string());
                assert_eq!(Assertion::parse(&token).unwrap().kid(), key.kid);
                assert_eq!(found(&token, &key), Ok(claims()), "{header}");
            }
        }
    }

    #[test]
    fn a_token_of_another_use_is_none() {
        for typ in ["", "at+jwt", "logout+jwt", "dpop+jwt", "JWT ", "application/at+jwt", "JOSE"] {
            let mut header = header(Alg::Es256);
            header["typ"] = typ.into();
            refused(&signed(Alg::Es256, &header.to_string()), TokenFault::Typ);
        }
    }

    #[test]
    fn any_other_header_is_refused_before_a_key_is_asked_for() {
        let members = [
            r#""crit":["exp"]"#,
            r#""b64":false"#,
            r#""jku":"https://evil.example/jwks""#,
            r#""x5u":"https://evil.example/cert""#,
            r#""x5c":["AAAA"]"#,
            r#""jwk":{"kty":"EC"}"#,
            r#""zip":"DEF""#,
            r#""alg":"ES256""#,
            r#""kid":"test-es256""#,
        ];
        let with = |member: &&str| format!(r#"{{"alg":"ES256","kid":"test-es256",{member}}}"#);
        let incomplete = ["", "null", "[]", "{}", r#"{"alg":"ES256"}"#, r#"{"kid":"test-es256"}"#];
        for header in members.iter().map(with).chain(incomplete.map(str::to_owned)) {
            let token = signed(Alg::Es256, &header);
            let found = Assertion::parse(&token).err();
            assert_eq!(found, Some(Error::Token(TokenFault::Header)), "{header}");
        }
    }

    #[test]
    fn the_alg_is_that_of_the_key() {
        for alg in ["none", "None", "", "HS256", "RS256", "PS256", "EdDSA", "es256"] {
            refused(
                &signed(Alg::Es256, &json!({"alg": alg, "kid": "test-es256"}).to_string()),
                TokenFault::Alg,
            );
        }
        // The public key as the secret of an HMAC, under either name.
        let key = signing_key(Alg::Es256).public_jwk();
        for (alg, fault) in [("HS256", TokenFault::Alg), ("ES256", TokenFault::Signature)] {
            let header = json!({"alg": alg, "kid": "test-es256"}).to_string();
            let message =
                format!("{}.{}", b64url(header.as_bytes()), b64url(claims().to_string().as_bytes()));
            let mac = hmac_sha256(key.key.canonical().as_bytes(), message.as_bytes());
            refused(&format!("{message}.{}", b64url(&mac)), fault);
        }
    }

    #[test]
    fn another_key_or_another_kid_is_refused() {
        refused(&signed(Alg::Es256, r#"{"alg":"ES256","kid":"another"}"#), TokenFault::UnknownKey);
        refused(&signed(Alg::EdDsa, &header(Alg::Es256).to_string()), TokenFault::Signature);
    }

    #[test]
    fn damage_is_refused() {
        let token = signed(Alg::Es256, &header(Alg::Es256).to_string());
        let (message, _) = token.rsplit_once('.').unwrap();
        for shape in ["", "x", "..", "a.b", &format!("{token}.x"), &format!("{token}="), &format!(".{token}")]
        {
            assert!(found(shape, &signing_key(Alg::Es256).public_jwk()).is_err(), "{shape}");
        }
        refused(&format!("{message}."), TokenFault::Signature);
        refused(&format!("{message}.{}", b64url(&[0; 64])), TokenFault::Signature);
        refused(&"x".repeat(crate::jose::verify::JWS_BYTES_MAX + 1), TokenFault::TooLong);
    }

    #[test]
    fn claims_of_another_form_are_refused() {
        let token = signed(Alg::Es256, &header(Alg::Es256).to_string());
        let found = Assertion::parse(&token).unwrap().verify::<u64>(&signing_key(Alg::Es256).public_jwk());
        assert_eq!(found, Err(Error::Token(TokenFault::Claims)));
    }
}
