//! Opaque tokens: a prefix that tells the kind, a payload, and a checksum.
//!
//! `cnv_rt_<base64url of the payload>_<6 characters>`. The checksum (CRC-32C) makes a mistyped or truncated
//! token cost no look-up, and lets scanners of leaked secrets be sure of a find. It protects nothing: a token
//! is proven by comparing the SHA-256 of its payload with what is stored.

use crate::encoding::b64url_into;
use crate::{b64url, unb64url};

/// Longest token that [`parse`] looks at.
pub const TOKEN_BYTES_MAX: usize = 512;

const CHECKSUM: usize = 6;

/// Writes `payload` as a token. The caller draws the payload and keeps only its hash.
///
/// # Panics
/// If the prefix is not 1–32 characters of `a-z 0-9 _`, the payload is empty, or the token would be longer
/// than [`TOKEN_BYTES_MAX`]: all three are constants of the code that mints.
pub fn mint(prefix: &str, payload: &[u8]) -> String {
    let printable = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'_';
    assert!(
        (1..=32).contains(&prefix.len()) && prefix.bytes().all(printable),
        "a token prefix is a short word"
    );
    assert!(!payload.is_empty(), "a token carries something");
    let mut out = String::with_capacity(prefix.len() + payload.len().div_ceil(3) * 4 + 1 + CHECKSUM);
    out.push_str(prefix);
    b64url_into(payload, &mut out);
    let checksum = checksum(prefix, out.strip_prefix(prefix).unwrap_or_default());
    out.push('_');
    out.push_str(&checksum);
    assert!(out.len() <= TOKEN_BYTES_MAX, "a token stays under its limit");
    out
}

/// Reads the payload of a token of this kind; `None` for everything that [`mint`] would not have written.
pub fn parse(prefix: &str, token: &str) -> Option<Vec<u8>> {
    if token.len() > TOKEN_BYTES_MAX {
        return None;
    }
    let (front, found) = token.split_at_checked(token.len().checked_sub(CHECKSUM)?)?;
    let body = front.strip_suffix('_')?.strip_prefix(prefix)?;
    if body.is_empty() || found != checksum(prefix, body) {
        return None;
    }
    unb64url(body)
}

/// The border between prefix and body counts, else a kind whose prefix begins another's could read its tokens.
/// Six characters hold 36 bits; the last four are zero, so comparing text compares the checksum.
fn checksum(prefix: &str, body: &str) -> String {
    let sum = [prefix.as_bytes(), &[0], body.as_bytes()].into_iter().fold(0, crc32c::crc32c_append);
    b64url(&sum.to_be_bytes())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const PREFIX: &str = "cnv_rt_";

    fn with_checksum(body: &str) -> String {
        format!("{PREFIX}{body}_{}", checksum(PREFIX, body))
    }

    #[test]
    fn the_form_is_pinned() {
        assert_eq!(mint(PREFIX, b"hello, token"), "cnv_rt_aGVsbG8sIHRva2Vu_0IF9_w");
    }

    #[test]
    fn every_truncated_token_is_refused() {
        let token = mint(PREFIX, &[0xfb; 32]);
        for length in 0..token.len() {
            assert_eq!(parse(PREFIX, &token[..length]), None, "{length} bytes");
            assert_eq!(parse(PREFIX, &token[length + 1..]), None, "without {length} bytes in front");
        }
    }

    #[test]
    fn a_padded_token_is_refused() {
        let token = mint(PREFIX, &[0xfb; 32]);
        for bad in [
            format!("{token}="),
            format!("{token} "),
            format!(" {token}"),
            format!("{token}\n"),
            token.clone() + &token,
        ] {
            assert_eq!(parse(PREFIX, &bad), None, "{bad:?}");
        }
    }

    #[test]
    fn padding_inside_is_refused_even_under_a_right_checksum() {
        for body in ["+w", "-w==", "-x", "-w ", "-w\n", ""] {
            assert_eq!(parse(PREFIX, &with_checksum(body)), None, "{body:?}");
        }
        assert_eq!(parse(PREFIX, &with_checksum("-w")), Some(vec![0xfb]));
    }

    #[test]
    fn a_token_of_another_kind_is_refused() {
        let token = mint(PREFIX, &[1; 32]);
        for prefix in ["cnv_at_", "cnv_rt", "cnv_", "", "cnv_rt_A", "CNV_RT_"] {
            assert_eq!(parse(prefix, &token), None, "{prefix}");
        }
    }

    #[test]
    fn a_token_in_another_case_is_refused() {
        let token = mint(PREFIX, &[0x1b; 32]);
        assert_eq!(parse(PREFIX, &token.to_uppercase()), None);
        assert_eq!(parse(PREFIX, &token.to_lowercase()), None);
    }

    #[test]
    fn an_endless_token_is_refused() {
        assert_eq!(parse(PREFIX, &"a".repeat(1 << 20)), None);
        assert_eq!(parse(PREFIX, &with_checksum(&"A".repeat(TOKEN_BYTES_MAX))), None);
    }

    #[test]
    fn a_token_that_is_not_ascii_is_refused() {
        for bad in ["é", "cnv_rt_é_éééééé", "cnv_rt_AAAA_ééé", "cnv_rt_\u{1F511}_AAAAAA"] {
            assert_eq!(parse(PREFIX, bad), None);
        }
    }

    proptest! {
        #[test]
        fn what_was_minted_parses(payload in prop::collection::vec(any::<u8>(), 1..300)) {
            prop_assert_eq!(parse(PREFIX, &mint(PREFIX, &payload)), Some(payload));
        }

        #[test]
        fn a_flipped_bit_is_refused(payload in prop::collection::vec(any::<u8>(), 1..64), at in any::<prop::sample::Index>(), bit in 0_u32..7) {
            let mut token = mint(PREFIX, &payload).into_bytes();
            let at = at.index(token.len());
            token[at] ^= 1_u8 << bit;
            let token = String::from_utf8(token).unwrap(); // seven low bits of ASCII stay ASCII
            prop_assert_eq!(parse(PREFIX, &token), None);
        }

        #[test]
        fn any_text_is_survived(text in "\\PC*") {
            prop_assert_eq!(parse(PREFIX, &text), None);
        }
    }
}
