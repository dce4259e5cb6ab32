//! Issuing: claims to a compact JWS. The hot path, so one string grows and no key is parsed.

use serde::Serialize;

use crate::encoding::b64url_into;
use crate::{Error, Signer};

/// Signs `claims` as a compact JWS with the header `{"alg","kid","typ"}`.
///
/// `typ` tells the uses of one key apart: [`Typ::name`](crate::Typ::name) of what is issued.
///
/// # Errors
/// [`Error::Claims`] if the claims are no JSON, and those of the signer.
pub async fn issue<C: Serialize + ?Sized>(
    signer: &dyn Signer,
    typ: &str,
    claims: &C,
) -> Result<String, Error> {
    let mut token = unsigned(signer, typ, claims)?;
    let signature = signer.sign(token.as_bytes()).await?;
    token.push('.');
    b64url_into(&signature, &mut token);
    Ok(token)
}

#[derive(Serialize)]
struct Header<'a> {
    alg: &'static str,
    kid: &'a str,
    typ: &'a str,
}

/// Writes `header.claims`, with room left for the signature.
fn unsigned<C: Serialize + ?Sized>(signer: &dyn Signer, typ: &str, claims: &C) -> Result<String, Error> {
    const SIGNATURE_CHARS: usize = 1 + 342; // RS256 with 2048 bits
    let mut json = Vec::with_capacity(1024);
    let unwritable = |error: serde_json::Error| Error::Claims { detail: error.to_string() };
    serde_json::to_writer(&mut json, &Header { alg: signer.alg().name(), kid: signer.kid(), typ })
        .map_err(unwritable)?;
    let border = json.len();
    serde_json::to_writer(&mut json, claims).map_err(unwritable)?;
    let (header, claims) = json.split_at(border);
    let mut token = String::with_capacity(json.len().div_ceil(3) * 4 + 4 + SIGNATURE_CHARS);
    b64url_into(header, &mut token);
    token.push('.');
    b64url_into(claims, &mut token);
    Ok(token)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use serde_json::{Value, json};

    use super::*;
    use crate::testing::{now, signing_key};
    use crate::{Alg, BoxFuture, unb64url};

    #[test]
    fn the_header_is_exactly_alg_kid_and_typ() {
        let token = now(issue(&signing_key(Alg::Es256), "at+jwt", &json!({"sub": "1"}))).unwrap();
        let parts: Vec<_> = token.split('.').map(|part| unb64url(part).unwrap()).collect();
        let [header, claims, signature] = &parts[..] else { panic!("three parts") };
        assert_eq!(header, br#"{"alg":"ES256","kid":"test-es256","typ":"at+jwt"}"#);
        assert_eq!(claims, br#"{"sub":"1"}"#);
        assert_eq!(signature.len(), 64);
    }

    #[test]
    fn an_rs256_token_is_pinned() {
        // Its signature is deterministic; made with Python's cryptography 48 and the key of RFC 7515 A.2.
        let token =
            now(issue(&signing_key(Alg::Rs256), "JWT", &json!({"iss": "https://id.example", "sub": "é"})))
                .unwrap();
        assert_eq!(token, include_str!("issue/rs256.txt").trim());
    }

    #[test]
    fn a_strange_kid_stays_inside_its_string() {
        struct Strange;
        impl Signer for Strange {
            fn kid(&self) -> &str {
                "a\",\"alg\":\"none"
            }
            fn alg(&self) -> Alg {
                Alg::Es256
            }
            fn sign<'a>(&'a self, _: &'a [u8]) -> BoxFuture<'a, Result<Vec<u8>, Error>> {
                Box::pin(async { Ok(vec![0; 64]) })
            }
        }
        let token = now(issue(&Strange, "JWT", &json!({}))).unwrap();
        let header: Value =
            serde_json::from_slice(&unb64url(token.split('.').next().unwrap()).unwrap()).unwrap();
        assert_eq!(header, json!({"alg": "ES256", "kid": "a\",\"alg\":\"none", "typ": "JWT"}));
    }

    #[test]
    fn issuing_may_move_between_threads() {
        fn moves(_: impl Send) {}
        moves(issue(&signing_key(Alg::Es256), "JWT", &json!({})));
    }

    #[test]
    fn claims_that_are_no_json_are_refused() {
        let bad = BTreeMap::from([((1, 2), 3)]);
        assert!(matches!(now(issue(&signing_key(Alg::Es256), "JWT", &bad)), Err(Error::Claims { .. })));
    }

    #[test]
    fn a_signer_that_fails_fails_the_token() {
        struct Dead;
        impl Signer for Dead {
            fn kid(&self) -> &str {
                "k"
            }
            fn alg(&self) -> Alg {
                Alg::Rs256
            }
            fn sign<'a>(&'a self, _: &'a [u8]) -> BoxFuture<'a, Result<Vec<u8>, Error>> {
                Box::pin(async { Err(Error::Sign { detail: "the module is gone".to_owned() }) })
            }
        }
        let error = now(issue(&Dead, "JWT", &json!({}))).unwrap_err();
        assert_eq!(error.to_string(), "signing failed: the module is gone");
    }
}
