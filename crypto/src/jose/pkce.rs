//! Hashes of text that OAuth and OpenID Connect put into requests and claims.

use crate::{b64url, sha256};

/// Returns the `S256` challenge of a PKCE verifier (RFC 7636 §4.2).
pub fn pkce_s256(verifier: &str) -> String {
    b64url(&sha256(verifier.as_bytes()))
}

/// Tells whether `text` can be a PKCE verifier or challenge: 43 to 128 unreserved characters (RFC 7636 §4.1).
pub fn is_pkce_text(text: &str) -> bool {
    let unreserved = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~".contains(&byte);
    (43..=128).contains(&text.len()) && text.bytes().all(unreserved)
}

/// Returns `at_hash` or `c_hash` of an access token or code: the left half of its SHA-256 (OpenID Connect
/// Core §3.1.3.6), for ID tokens under ES256, RS256 and the other algorithms with 256 bits.
pub fn half_hash(token: &str) -> String {
    let hash = sha256(token.as_bytes());
    let (left, _) = hash.split_at(hash.len() / 2);
    b64url(left)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_challenge_is_that_of_rfc_7636_appendix_b() {
        let verifier = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk";
        assert!(is_pkce_text(verifier));
        assert_eq!(pkce_s256(verifier), "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM");
    }

    #[test]
    fn pkce_text_has_a_length_and_an_alphabet() {
        assert!(is_pkce_text(&"aZ0-._~".repeat(7)));
        assert!(is_pkce_text(&"a".repeat(128)));
        let short = "a".repeat(42);
        for bad in [
            "",
            &short,
            &"a".repeat(129),
            &format!("{short}+"),
            &format!("{short}="),
            &format!("{short} "),
            &format!("{short}é"),
        ] {
            assert!(!is_pkce_text(bad), "{bad:?}");
        }
    }

    #[test]
    fn at_hash_and_c_hash_follow_openid_connect_core_appendix_a() {
        assert_eq!(half_hash("jHkWEdUXMU1BwAsC4vtUsZwnNvTIxEl0z9K3vx5KF0Y"), "77QmUPtjPfzWtF2AnpK9RQ");
        assert_eq!(
            half_hash("Qcb0Orv1zh30vL1MPRsbm-diHiMwcLyZvn1arpZv-Jxf_11jnpEX3Tgfvk"),
            "LDktKdoQak3Pk0cnXxCltA"
        );
    }
}
