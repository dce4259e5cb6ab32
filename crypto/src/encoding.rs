//! base64url without padding (RFC 4648 §5, RFC 7515 §2), base64 (§4) and hex, read strictly.
//!
//! Strict means one text per value: padding, spaces, the other alphabet and non-zero trailing bits are
//! refused, so that a token, a hash of it and a deny list entry always speak of the same bytes.

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};

/// Writes base64url without padding.
pub fn b64url(data: &[u8]) -> String {
    URL_SAFE_NO_PAD.encode(data)
}

/// Appends base64url without padding to `out`.
pub(crate) fn b64url_into(data: &[u8], out: &mut String) {
    URL_SAFE_NO_PAD.encode_string(data, out);
}

/// Reads canonical base64url without padding; anything else is `None`.
pub fn unb64url(text: &str) -> Option<Vec<u8>> {
    URL_SAFE_NO_PAD.decode(text).ok()
}

/// Writes base64 with padding (RFC 4648 §4), as JSON has bytes that are no part of a token.
pub fn b64(data: &[u8]) -> String {
    STANDARD.encode(data)
}

/// Reads canonical base64 with padding; anything else is `None`.
pub fn unb64(text: &str) -> Option<Vec<u8>> {
    STANDARD.decode(text).ok()
}

/// Writes lower-case hex.
pub fn hex(data: &[u8]) -> String {
    const DIGITS: [char; 16] =
        ['0', '1', '2', '3', '4', '5', '6', '7', '8', '9', 'a', 'b', 'c', 'd', 'e', 'f'];
    let digit = |nibble: u8| DIGITS[usize::from(nibble & 15)]; // 16 digits, 4 bits
    data.iter().flat_map(|byte| [digit(byte >> 4), digit(*byte)]).collect()
}

/// Reads hex of either case; odd lengths and other characters are `None`.
pub fn unhex(text: &str) -> Option<Vec<u8>> {
    let nibble = |byte: u8| char::from(byte).to_digit(16).and_then(|value| u8::try_from(value).ok());
    let (pairs, []) = text.as_bytes().as_chunks::<2>() else {
        return None;
    };
    pairs.iter().map(|[high, low]| Some((nibble(*high)? << 4) | nibble(*low)?)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn base64url_follows_rfc_7515_appendix_c() {
        assert_eq!(b64url(&[3, 236, 255, 224, 193]), "A-z_4ME");
        assert_eq!(unb64url("A-z_4ME"), Some(vec![3, 236, 255, 224, 193]));
    }

    #[test]
    fn a_value_has_one_text_only() {
        for other in ["A-z_4ME=", "A+z/4ME", "A-z_4MF", " A-z_4ME", "A-z_4ME\n", "A-z_4", "A-z_4M\u{e9}"] {
            assert_eq!(unb64url(other), None, "{other:?}");
        }
    }

    #[test]
    fn base64_has_its_own_alphabet_and_padding() {
        assert_eq!(b64(&[3, 236, 255, 224, 193]), "A+z/4ME=");
        assert_eq!(unb64("A+z/4ME="), Some(vec![3, 236, 255, 224, 193]));
        assert_eq!(unb64(""), Some(vec![]));
        for other in ["A+z/4ME", "A-z_4ME=", "A+z/4MF=", "A+z/4ME==", " A+z/4ME=", "A+z/4ME=\n"] {
            assert_eq!(unb64(other), None, "{other:?}");
        }
    }

    #[test]
    fn hex_is_read_in_both_cases_and_written_in_lower() {
        assert_eq!(hex(&[0, 0xab, 0xff]), "00abff");
        assert_eq!(unhex("00aBfF"), Some(vec![0, 0xab, 0xff]));
    }

    #[test]
    fn broken_hex_is_refused() {
        for text in ["0", "0g", "+1", " 01", "é"] {
            assert_eq!(unhex(text), None, "{text:?}");
        }
    }
}
