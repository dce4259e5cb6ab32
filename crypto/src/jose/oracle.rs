//! The same tokens through the crate jsonwebtoken, which knows nothing of our code.

use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header, Validation, decode, encode};
use serde_json::{Value, json};

use crate::testing::{now, pkcs8, signing_key};
use crate::{Alg, KeySet, Typ, issue, verify};

fn algorithm(alg: Alg) -> Algorithm {
    match alg {
        Alg::Es256 => Algorithm::ES256,
        Alg::Rs256 => Algorithm::RS256,
        Alg::EdDsa => Algorithm::EdDSA,
    }
}

#[test]
fn what_we_issue_jsonwebtoken_verifies() {
    for alg in [Alg::Es256, Alg::Rs256, Alg::EdDsa] {
        let key = signing_key(alg);
        let token = now(issue(&key, "JWT", &json!({"sub": "1"}))).unwrap();
        let jwk = serde_json::from_value(serde_json::to_value(key.public_jwk()).unwrap()).unwrap();
        let mut rules = Validation::new(algorithm(alg));
        rules.required_spec_claims.clear();
        rules.validate_exp = false;
        let found = decode::<Value>(&token, &DecodingKey::from_jwk(&jwk).unwrap(), &rules).unwrap();
        assert_eq!(found.claims, json!({"sub": "1"}));
        assert_eq!(found.header.kid.as_deref(), Some(key.public_jwk().kid.as_str()));
    }
}

#[test]
fn what_jsonwebtoken_issues_we_verify() {
    for alg in [Alg::Es256, Alg::Rs256, Alg::EdDsa] {
        let public = signing_key(alg).public_jwk();
        let mut header = Header::new(algorithm(alg));
        header.kid = Some(public.kid.clone());
        let key = match alg {
            Alg::Es256 => EncodingKey::from_ec_der(pkcs8(alg).expose()),
            Alg::Rs256 => EncodingKey::from_rsa_der(rsa_private_key(pkcs8(alg).expose())),
            Alg::EdDsa => EncodingKey::from_ed_der(pkcs8(alg).expose()),
        };
        let token = encode(&header, &json!({"sub": "1"}), &key).unwrap();
        let keys = KeySet::from_jwks([public]).unwrap();
        assert_eq!(verify::<Value>(&token, Typ::IdToken, &keys).unwrap(), json!({"sub": "1"}));
    }
}

/// jsonwebtoken wants the `RSAPrivateKey` inside: for a 2048-bit key it begins at byte 26.
fn rsa_private_key(pkcs8: &[u8]) -> &[u8] {
    &pkcs8[26..]
}
