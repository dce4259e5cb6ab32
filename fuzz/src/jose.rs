//! Keys and tokens that others bring. The first line says what the rest is: `jwk`, `token`, or `header`, behind which
//! stand a header and, on the next line, claims, which are signed here as their owner would.

use crypto::testing::{now, signing_key};
use crypto::{Alg, Assertion, Jwk, KeySet, PublicKey, Signer, SigningKey, Typ, b64url};
use serde_json::Value;

struct Keys {
    signers: Vec<(SigningKey, Jwk)>,
    set: KeySet,
}

thread_local! {
    static KEYS: Keys = {
        let signers: Vec<_> = [Alg::Es256, Alg::EdDsa]
            .map(|alg| (signing_key(alg), signing_key(alg).public_jwk()))
            .into();
        let set = KeySet::from_jwks(signers.iter().map(|(_, jwk)| jwk.clone()));
        Keys { set: set.expect("published keys are keys"), signers }
    };
}

/// What is read as a key is written and read as the same, without a private member; what is accepted as signed has the
/// header of our profile and the claims that were signed, and not one character may be another.
pub fn check(input: &[u8]) {
    let Ok(text) = std::str::from_utf8(input) else { return };
    let Some((kind, rest)) = text.split_once('\n') else { return };
    match kind {
        "jwk" => jwk(rest),
        "token" => {
            let _ = Assertion::parse(rest);
            KEYS.with(|keys| assert!(crypto::verify::<Value>(rest, Typ::AccessToken, &keys.set).is_err()));
        }
        "header" => {
            let (header, claims) = rest.split_once('\n').unwrap_or((rest, ""));
            KEYS.with(|keys| {
                keys.signers.iter().for_each(|(key, jwk)| signed(key, jwk, &keys.set, header, claims))
            });
        }
        _ => {}
    }
}

fn jwk(text: &str) {
    if let Ok(key) = PublicKey::parse(text) {
        let canonical = key.canonical();
        assert_eq!(PublicKey::parse(&canonical).as_ref(), Ok(&key));
        let value: Value = serde_json::from_str(&canonical).expect("the canonical text is JSON");
        assert_eq!(value.to_string(), canonical, "its members are in order and need no escape");
        assert!(["d", "k", "p", "q"].iter().all(|name| value.get(name).is_none()));
    }
    if let Ok(jwk) = serde_json::from_str::<Jwk>(text) {
        let written = serde_json::to_string(&jwk).expect("a JWK is written");
        assert_eq!(serde_json::from_str::<Jwk>(&written).ok().as_ref(), Some(&jwk));
        if jwk.verifier().is_ok() {
            assert!(KeySet::from_jwks([jwk.clone()]).is_ok());
            assert!(KeySet::from_jwks([jwk.clone(), jwk]).is_err(), "one kid for two keys");
        }
    }
}

fn signed(key: &SigningKey, jwk: &Jwk, set: &KeySet, header: &str, claims: &str) {
    let message = format!("{}.{}", b64url(header.as_bytes()), b64url(claims.as_bytes()));
    let signature = now(key.sign(message.as_bytes())).expect("a key in memory signs");
    let token = format!("{message}.{}", b64url(&signature));
    let claimed: Option<Value> = serde_json::from_str(claims).ok();
    let found = Assertion::parse(&token).and_then(|assertion| assertion.verify::<Value>(jwk)).ok();
    if found.is_some() {
        assert_eq!(found, claimed);
        let typ = profile(header, jwk);
        assert!(typ.is_none_or(|typ| typ.eq_ignore_ascii_case("JWT")), "{header}");
        // Behind the signature's last full byte stand bits that are no part of it; elsewhere each letter counts.
        let at = claims.len() % message.len();
        let mut bytes = token.into_bytes();
        bytes[at] = if bytes[at] == b'A' { b'B' } else { b'A' };
        let other = String::from_utf8(bytes).expect("ASCII stays ASCII");
        assert!(
            Assertion::parse(&other).and_then(|assertion| assertion.verify::<Value>(jwk)).is_err(),
            "{other}"
        );
        return;
    }
    if let Ok(found) = crypto::verify::<Value>(&token, Typ::AccessToken, set) {
        assert_eq!(Some(found), claimed);
        let typ = profile(header, jwk).expect("an access token says that it is one");
        assert!(["at+jwt", "application/at+jwt"].contains(&typ.as_str()), "{header}");
    }
}

/// The `typ` of a header that has nothing but what our profile has, by a reader of JSON that is not ours.
fn profile(header: &str, jwk: &Jwk) -> Option<String> {
    let Ok(Value::Object(mut members)) = serde_json::from_str(header) else {
        panic!("a header that is no object was accepted: {header}");
    };
    assert_eq!(members.remove("alg"), Some(jwk.alg.name().into()), "{header}");
    assert_eq!(members.remove("kid"), Some(jwk.kid.as_str().into()), "{header}");
    let typ = members.remove("typ").and_then(|typ| typ.as_str().map(str::to_owned));
    assert!(members.is_empty(), "{header}");
    typ
}
