use serde_json::{Value, json};

use super::*;
use crate::testing::{now, signing_key};
use crate::{Signer as _, b64url, hmac_sha256, issue};

fn keys() -> KeySet {
    KeySet::from_jwks([Alg::Es256, Alg::Rs256].map(|alg| signing_key(alg).public_jwk())).unwrap()
}

fn claims() -> Value {
    json!({"iss": "https://id.example", "sub": "1"})
}

fn issued(alg: Alg, typ: &str) -> String {
    now(issue(&signing_key(alg), typ, &claims())).unwrap()
}

/// Signs any header text over the claims, with a right signature of the ES256 key.
fn with_header(header: &str) -> String {
    let message = format!("{}.{}", b64url(header.as_bytes()), b64url(claims().to_string().as_bytes()));
    let signature = now(signing_key(Alg::Es256).sign(message.as_bytes())).unwrap();
    format!("{message}.{}", b64url(&signature))
}

fn refused(token: &str, typ: Typ, expected: TokenFault) {
    let found = verify::<Value>(token, typ, &keys()).unwrap_err();
    assert_eq!(found, Error::Token(expected), "{token}");
}

#[test]
fn what_was_issued_verifies() {
    for alg in [Alg::Es256, Alg::Rs256] {
        for typ in [Typ::AccessToken, Typ::IdToken, Typ::LogoutToken] {
            assert_eq!(verify::<Value>(&issued(alg, typ.name()), typ, &keys()).unwrap(), claims());
        }
    }
}

#[test]
fn the_long_access_token_typ_is_read_too() {
    let token = issued(Alg::Es256, "application/at+jwt");
    assert!(verify::<Value>(&token, Typ::AccessToken, &keys()).is_ok());
    refused(&token, Typ::IdToken, TokenFault::Typ);
}

#[test]
fn rfc_7515_signatures_verify_under_the_same_keys() {
    // A.2 and A.3 have no typ and no kid, so the key is asked, not the policy.
    let message = "eyJhbGciOiJFUzI1NiJ9.eyJpc3MiOiJqb2UiLA0KICJleHAiOjEzMDA4MTkzODAsDQogImh0dHA6Ly9leGFtcGxlLmNvbS9pc19yb290Ijp0cnVlfQ";
    let signature = "DtEhU3ljbEg8L38VWAfUAqOyKAM6-Xx-F4GawxaepmXFCgfTjDxw5djxLa8ISlSApmWQxfKTUJqPP3-Kg6NU1Q";
    let set = keys();
    let key = set.get("test-es256").unwrap();
    assert!(key.verify(message.as_bytes(), &unb64url(signature).unwrap()).is_ok());
    assert!(key.verify(b"another", &unb64url(signature).unwrap()).is_err());
}

#[test]
fn a_token_of_one_use_is_refused_in_another() {
    let uses = [Typ::AccessToken, Typ::IdToken, Typ::LogoutToken];
    for made in uses {
        for asked in uses.into_iter().filter(|asked| *asked != made) {
            refused(&issued(Alg::Es256, made.name()), asked, TokenFault::Typ);
        }
    }
}

#[test]
fn a_typ_that_only_resembles_is_refused() {
    for typ in ["", "jwt", "JWT ", "at+JWT", "AT+JWT", "at+jwt;x", "application/jwt", "dpop+jwt", "at+jwt\0"]
    {
        refused(&issued(Alg::Es256, typ), Typ::AccessToken, TokenFault::Typ);
        refused(&issued(Alg::Es256, typ), Typ::IdToken, TokenFault::Typ);
    }
}

#[test]
fn any_other_header_member_is_refused() {
    for member in [
        r#""crit":["exp"]"#,
        r#""crit":[]"#,
        r#""b64":false"#,
        r#""b64":true"#,
        r#""jku":"https://evil.example/jwks""#,
        r#""x5u":"https://evil.example/cert""#,
        r#""x5c":["AAAA"]"#,
        r#""x5t":"AAAA""#,
        r#""x5t#S256":"AAAA""#,
        r#""jwk":{"kty":"EC"}"#,
        r#""zip":"DEF""#,
        r#""cty":"JWT""#,
        r#""enc":"A256GCM""#,
        r#""nonce":"x""#,
        r#""alg":"ES256""#,
        r#""kid":"test-es256""#,
        r#""Alg":"none""#,
        r#""":null"#,
    ] {
        let header = format!(r#"{{"alg":"ES256","kid":"test-es256","typ":"JWT",{member}}}"#);
        refused(&with_header(&header), Typ::IdToken, TokenFault::Header);
    }
}

#[test]
fn a_header_that_lacks_a_member_or_is_no_object_is_refused() {
    for header in [
        "",
        "null",
        "[]",
        "{}",
        r#"{"alg":"ES256","kid":"test-es256"}"#,
        r#"{"alg":"ES256","typ":"JWT"}"#,
        r#"{"kid":"test-es256","typ":"JWT"}"#,
        r#"{"alg":null,"kid":"test-es256","typ":"JWT"}"#,
        r#"{"alg":["ES256"],"kid":"test-es256","typ":"JWT"}"#,
        r#"{"alg":"ES256","kid":1,"typ":"JWT"}"#,
        r#"{"alg":"ES256","kid":"test-es256","typ":"JWT"}{}"#,
        r#"{"alg":"ES256","kid":"test-es256","typ":"JWT","#,
    ] {
        refused(&with_header(header), Typ::IdToken, TokenFault::Header);
    }
}

#[test]
fn a_header_may_be_written_with_escapes_and_spaces() {
    let token = with_header("{ \"typ\":\"J\\u0057T\", \"kid\":\"test-es256\",\"alg\":\"ES256\" }");
    assert!(verify::<Value>(&token, Typ::IdToken, &keys()).is_ok());
}

#[test]
fn a_kid_is_compared_and_never_interpreted() {
    for kid in [
        "",
        "../../dev/null",
        "' OR 1=1 --",
        "https://evil.example",
        "TEST-ES256",
        "test-es256 ",
        "test-es256\\u0000",
    ] {
        let header = format!(r#"{{"alg":"ES256","kid":"{kid}","typ":"JWT"}}"#);
        refused(&with_header(&header), Typ::IdToken, TokenFault::UnknownKey);
    }
}

#[test]
fn the_alg_must_be_that_of_the_key() {
    for alg in ["none", "None", "NONE", "", "HS256", "RS256", "ES384", "ES256K", "PS256", "EdDSA", "es256"] {
        let header = format!(r#"{{"alg":"{alg}","kid":"test-es256","typ":"JWT"}}"#);
        refused(&with_header(&header), Typ::IdToken, TokenFault::Alg);
    }
    let other_key = r#"{"alg":"ES256","kid":"test-rs256","typ":"JWT"}"#;
    refused(&with_header(other_key), Typ::IdToken, TokenFault::Alg);
}

#[test]
fn an_hmac_under_the_public_key_is_refused() {
    let jwk = serde_json::to_vec(&signing_key(Alg::Rs256).public_jwk()).unwrap();
    for alg in ["HS256", "RS256"] {
        let header = format!(r#"{{"alg":"{alg}","kid":"test-rs256","typ":"JWT"}}"#);
        let message = format!("{}.{}", b64url(header.as_bytes()), b64url(b"{}"));
        let token = format!("{message}.{}", b64url(&hmac_sha256(&jwk, message.as_bytes())));
        assert!(verify::<Value>(&token, Typ::IdToken, &keys()).is_err());
    }
}

#[test]
fn signatures_that_no_key_makes_are_refused() {
    let token = issued(Alg::Es256, "JWT");
    let (message, real) = token.rsplit_once('.').unwrap();
    let real = unb64url(real).unwrap();
    let order = crate::unhex("ffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551").unwrap();
    let (r, s) = real.split_at(32);
    let zero = [0; 32];
    let cases = [
        vec![],
        vec![0; 64],              // r = s = 0
        [&zero[..], s].concat(),  // r = 0
        [r, &zero[..]].concat(),  // s = 0
        [&order[..], s].concat(), // r = n
        [r, &order[..]].concat(), // s = n
        [&order[..], &order[..]].concat(),
        vec![0xff; 64],
        [s, r].concat(),
        real[..63].to_vec(),
        [&real[..], &[0]].concat(),
        [&[0], &real[..]].concat(),
        vec![0x30, 6, 2, 1, 1, 2, 1, 1], // ASN.1, as other protocols have it
    ];
    for signature in cases {
        refused(&format!("{message}.{}", b64url(&signature)), Typ::IdToken, TokenFault::Signature);
    }
}

#[test]
fn the_twin_of_a_denied_token_is_denied_too() {
    let token = issued(Alg::Es256, "JWT");
    let (message, signature) = token.rsplit_once('.').unwrap();
    let mut twin = unb64url(signature).unwrap();
    let order = crate::unhex("ffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551").unwrap();
    let mut borrow = 0_i16;
    for at in (0..32).rev() {
        let difference = i16::from(order[at]) - i16::from(twin[32 + at]) - borrow;
        borrow = i16::from(difference < 0);
        twin[32 + at] = u8::try_from(difference.rem_euclid(256)).unwrap();
    }
    let twin = format!("{message}.{}", b64url(&twin));
    assert_ne!(twin, token);
    assert!(verify::<Value>(&twin, Typ::IdToken, &keys()).is_ok());
    assert_eq!(denial_hash(&twin), denial_hash(&token));
    assert_ne!(denial_hash(&issued(Alg::Es256, "at+jwt")), denial_hash(&token));
}

#[test]
fn a_signature_of_another_key_is_refused() {
    let made = crate::SigningKey::generate(Alg::Es256).unwrap();
    let other = crate::SigningKey::from_pkcs8("test-es256", Alg::Es256, &made.pkcs8).unwrap();
    refused(&now(issue(&other, "JWT", &claims())).unwrap(), Typ::IdToken, TokenFault::Signature);
}

#[test]
fn changed_claims_are_refused() {
    let token = issued(Alg::Rs256, "JWT");
    let parts: Vec<_> = token.split('.').collect();
    let forged = format!("{}.{}.{}", parts[0], b64url(br#"{"sub":"2"}"#), parts[2]);
    refused(&forged, Typ::IdToken, TokenFault::Signature);
}

#[test]
fn every_flipped_bit_and_truncation_is_refused() {
    let token = issued(Alg::Es256, "JWT");
    for at in 0..token.len() {
        assert!(verify::<Value>(&token[..at], Typ::IdToken, &keys()).is_err(), "{at} bytes");
        for bit in 0..7 {
            let mut bad = token.clone().into_bytes();
            bad[at] ^= 1 << bit;
            let bad = String::from_utf8(bad).unwrap();
            assert!(verify::<Value>(&bad, Typ::IdToken, &keys()).is_err(), "bit {bit} of byte {at}");
        }
    }
}

#[test]
fn a_token_of_another_shape_is_refused() {
    let token = issued(Alg::Es256, "JWT");
    for bad in [
        String::new(),
        "..".to_owned() + ".",
        token.replace('.', ""),
        format!("{token}."),
        format!(".{token}"),
        format!("{token}.AAAA"),
        format!("{token}="),
        format!(" {token}"),
        format!("{token}\n"),
        token.replacen('.', "=.", 1),
        format!("Bearer {token}"),
        r#"{"payload":"","signatures":[]}"#.to_owned(),
    ] {
        refused(&bad, Typ::IdToken, TokenFault::Shape);
    }
}

#[test]
fn a_token_above_16_kib_is_refused_unread() {
    refused(&"a".repeat(JWS_BYTES_MAX + 1), Typ::IdToken, TokenFault::TooLong);
    refused(&"a".repeat(JWS_BYTES_MAX), Typ::IdToken, TokenFault::Shape);
}

#[test]
fn signed_claims_of_another_form_are_refused() {
    #[derive(Debug, Deserialize)]
    struct Needs {
        #[serde(rename = "aud")]
        _aud: String,
    }
    let found = verify::<Needs>(&issued(Alg::Es256, "JWT"), Typ::IdToken, &keys()).unwrap_err();
    assert_eq!(found, Error::Token(TokenFault::Claims));
}

#[test]
fn an_empty_set_knows_no_key() {
    let found = verify::<Value>(&issued(Alg::Es256, "JWT"), Typ::IdToken, &KeySet::default()).unwrap_err();
    assert_eq!(found, Error::Token(TokenFault::UnknownKey));
}

#[test]
fn a_kid_twice_in_one_set_is_refused() {
    let jwk = signing_key(Alg::Es256).public_jwk();
    let error = KeySet::from_jwks([jwk.clone(), jwk]).unwrap_err();
    assert_eq!(error, Error::KidTwice { kid: "test-es256".to_owned() });
}

#[test]
fn a_set_lists_its_kids() {
    assert_eq!(keys().kids().collect::<Vec<_>>(), ["test-es256", "test-rs256"]);
}
