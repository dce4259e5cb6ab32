use serde_json::{Value, json};

use super::*;
use crate::testing::signing_key;

fn ec() -> Value {
    serde_json::to_value(signing_key(Alg::Es256).public_jwk()).unwrap()
}

fn rsa() -> Value {
    serde_json::to_value(signing_key(Alg::Rs256).public_jwk()).unwrap()
}

fn with(mut jwk: Value, member: &str, value: Value) -> Value {
    jwk.as_object_mut().unwrap().insert(member.to_owned(), value);
    jwk
}

fn unreadable(jwk: Value) {
    assert!(serde_json::from_value::<Jwk>(jwk.clone()).is_err(), "{jwk}");
}

fn unusable(jwk: Value) {
    let read: Jwk = serde_json::from_value(jwk.clone()).unwrap();
    assert!(matches!(read.verifier(), Err(Error::PublicKey { .. })), "{jwk}");
}

#[test]
fn an_es256_key_is_written_with_its_public_members() {
    let expected = json!({
        "kty": "EC", "use": "sig", "alg": "ES256", "kid": "test-es256", "crv": "P-256",
        "x": "f83OJ3D2xF1Bg8vub9tLe1gHMzV76e8Tus9uPHvRVEU", "y": "x_FEzRu9m36HLN_tue659LNpXW6pCyStikYjKIWI5a0",
    });
    assert_eq!(ec(), expected); // x and y as in RFC 7515 A.3
}

#[test]
fn an_rs256_key_is_written_with_its_public_members() {
    let written = rsa();
    let members: Vec<_> = written.as_object().unwrap().keys().cloned().collect();
    assert_eq!(members, ["alg", "e", "kid", "kty", "n", "use"]);
    assert_eq!(written["e"], "AQAB");
    assert!(
        written["n"]
            .as_str()
            .unwrap()
            .starts_with("ofgWCuLjybRlzo0tZWJjNiuSfb4p4fAkd_wWJcyQoTbji9k0l8W26mPddx")
    );
}

#[test]
fn the_thumbprint_is_that_of_rfc_7638() {
    let jwk: Jwk = serde_json::from_str(
        r#"{"kty": "RSA", "n": "0vx7agoebGcQSuuPiLJXZptN9nndrQmbXEps2aiAFbWhM78LhWx4cbbfAAtVT86zwu1RK7aPFFxuhDR1L6tSoc_BJECPebWKRXjBZCiFV4n3oknjhMstn64tZ_2W-5JsGY4Hc5n9yBXArwl93lqt7_RN5w6Cf0h4QyQ5v-65YGjQR0_FDW2QvzqY368QQMicAtaSqzs8KJZgnYb9c7d0zgdAZHzu6qMQvRL5hajrn1n91CbOpbISD08qNLyrdkt-bFTWhAI4vMQFh6WeZu0fM4lFd2NcRwr3XPksINHaQ-G_xBniIqbw0Ls1jF44-csFCur-kEgU8awapJzKnqDKgw", "e": "AQAB", "alg": "RS256", "kid": "2011-04-29"}"#,
    )
    .unwrap();
    assert_eq!(jwk.thumbprint(), "NzbLsXh8uDCcd-6MNwXF4W_7noWXFZAfHkxZsRGC9Xs");
    assert!(jwk.verifier().is_ok());
}

fn ed() -> Value {
    serde_json::to_value(signing_key(Alg::EdDsa).public_jwk()).unwrap()
}

#[test]
fn the_ed25519_key_and_its_thumbprint_are_those_of_rfc_8037() {
    let jwk = signing_key(Alg::EdDsa).public_jwk();
    let x = "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo";
    assert_eq!(jwk.key, PublicKey::Ed25519 { x: x.into() });
    assert_eq!(jwk.thumbprint(), "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k");
    let members =
        json!({"kty": "OKP", "use": "sig", "alg": "EdDSA", "kid": "test-eddsa", "crv": "Ed25519", "x": x});
    assert_eq!(ed(), members);
}

#[test]
fn a_key_of_others_is_read_in_its_canonical_text_whatever_its_kid() {
    for mut jwk in [ec(), rsa(), ed()] {
        let full: Jwk = serde_json::from_value(jwk.clone()).unwrap();
        jwk.as_object_mut().unwrap().remove("kid");
        let read = PublicKey::parse(&jwk.to_string()).unwrap();
        assert_eq!((&read, read.alg()), (&full.key, full.alg));
        assert_eq!(PublicKey::parse(&read.canonical()), Ok(read));
    }
}

#[test]
fn a_key_of_others_is_refused_by_its_form() {
    let modulus = |bytes: usize| {
        let mut n = vec![0xff; bytes];
        n[0] = 0xc1;
        b64url(&n)
    };
    let refused = |jwk: Value| assert!(PublicKey::parse(&jwk.to_string()).is_err(), "{jwk}");
    assert!(PublicKey::parse(&with(rsa(), "n", json!(modulus(512))).to_string()).is_ok());
    for n in [modulus(513), modulus(1024), modulus(255), format!("{}=", modulus(256)), "\"".into()] {
        refused(with(rsa(), "n", json!(n)));
    }
    for jwk in [ec(), ed()] {
        for x in ["", "AAAA", "\",\"d\":\"", &b64url(&[1; 33])] {
            refused(with(jwk.clone(), "x", json!(x)));
        }
    }
    for jwk in [ec(), rsa(), ed()] {
        refused(with(jwk.clone(), "d", json!("AAAA")));
        refused(with(jwk.clone(), "use", json!("enc")));
        refused(with(jwk.clone(), "more", json!("x".repeat(4096))));
    }
    for text in ["", "null", "[]", "{}", r#"{"kty":"oct","k":"AAAA"}"#, "-----BEGIN PUBLIC KEY-----"] {
        assert!(PublicKey::parse(text).is_err(), "{text}");
    }
}

#[test]
fn what_was_written_is_read() {
    for jwk in [ec(), rsa(), ed()] {
        let read: Jwk = serde_json::from_value(jwk.clone()).unwrap();
        assert_eq!(serde_json::to_value(&read).unwrap(), jwk);
        assert!(read.verifier().is_ok());
    }
    let set = Jwks { keys: vec![signing_key(Alg::Es256).public_jwk()] };
    assert_eq!(serde_json::to_value(&set).unwrap(), json!({"keys": [ec()]}));
}

#[test]
fn a_key_that_leaves_out_use_and_alg_is_read() {
    for mut jwk in [ec(), rsa()] {
        let full: Jwk = serde_json::from_value(jwk.clone()).unwrap();
        let members = jwk.as_object_mut().unwrap();
        members.remove("use");
        members.remove("alg");
        members.insert("x5t".to_owned(), json!("ignored"));
        assert_eq!(serde_json::from_value::<Jwk>(jwk).unwrap(), full);
    }
}

#[test]
fn a_private_or_symmetric_key_is_refused() {
    for member in ["d", "k", "p", "q"] {
        unreadable(with(ec(), member, json!("AAAA")));
        unreadable(with(rsa(), member, json!("AAAA")));
        unreadable(with(ed(), member, json!("AAAA")));
    }
    unreadable(json!({"kty": "oct", "kid": "k", "k": "AAAA"}));
}

#[test]
fn a_key_of_another_use_or_kind_is_refused() {
    unreadable(with(ec(), "use", json!("enc")));
    unreadable(with(ec(), "alg", json!("RS256")));
    unreadable(with(rsa(), "alg", json!("ES256")));
    unreadable(with(rsa(), "alg", json!("PS256")));
    unreadable(with(ec(), "alg", json!("none")));
    unreadable(with(ec(), "crv", json!("P-384")));
    unreadable(with(ec(), "crv", json!("secp256k1")));
    unreadable(with(ec(), "kty", json!("RSA")));
    unreadable(with(ec(), "kty", json!("OKP")));
    unreadable(with(ed(), "crv", json!("Ed448")));
    unreadable(with(ed(), "alg", json!("ES256")));
    unreadable(with(ec(), "y", json!(null)));
    unreadable(with(rsa(), "e", json!(null)));
    unreadable(with(ec(), "kid", json!(null)));
}

#[test]
fn a_point_that_is_not_on_the_curve_is_refused() {
    let zero = b64url(&[0; 32]);
    unusable(with(ec(), "x", json!(zero)));
    unusable(with(with(ec(), "x", json!(zero)), "y", json!(zero)));
    unusable(with(ec(), "y", ec()["x"].clone()));
    unusable(with(ec(), "x", json!(b64url(&[0xff; 32]))));
}

#[test]
fn coordinates_have_one_form() {
    let x = ec()["x"].as_str().unwrap().to_owned();
    for bad in ["", "AAAA", &format!("{x}="), &x[..42], &b64url(&[0; 33]), &x.replace('U', "+")] {
        unusable(with(ec(), "x", json!(bad)));
    }
}

#[test]
fn weak_or_strange_rsa_numbers_are_refused() {
    let odd = |bytes: usize| {
        let mut n = vec![0xff; bytes];
        n[0] = 0xc1;
        b64url(&n)
    };
    for n in ["", "AQ", &odd(128), &odd(255), &odd(1025), &b64url(&[0; 256]), &b64url(&[0xfe; 256])] {
        unusable(with(rsa(), "n", json!(n)));
    }
    for e in ["", "AQ", "Ag", "AAEAAQ", "AQAA", &b64url(&[0xff; 5]), &odd(256)] {
        unusable(with(rsa(), "e", json!(e)));
    }
}

#[test]
fn a_leading_zero_in_the_modulus_is_refused() {
    let n = unb64url(rsa()["n"].as_str().unwrap()).unwrap();
    unusable(with(rsa(), "n", json!(b64url(&[&[0], &n[..]].concat()))));
}
