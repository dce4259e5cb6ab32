//! The two numbers of an `RSAPublicKey` (RFC 8017 A.1.1), read from what the crypto library just wrote.

/// Returns modulus and exponent, big endian without leading zeros; `None` if this is not that structure.
pub(crate) fn rsa_public_parts(der: &[u8]) -> Option<(&[u8], &[u8])> {
    const SEQUENCE: u8 = 0x30;
    let (body, rest) = element(SEQUENCE, der)?;
    let (n, after) = integer(body)?;
    let (e, end) = integer(after)?;
    (rest.is_empty() && end.is_empty()).then_some((n, e))
}

/// A positive integer; DER puts one zero before a high first bit.
fn integer(der: &[u8]) -> Option<(&[u8], &[u8])> {
    const INTEGER: u8 = 0x02;
    let (value, rest) = element(INTEGER, der)?;
    let value = match value {
        [0, digits @ ..] => digits,
        [first, ..] if *first < 0x80 => value,
        _ => return None,
    };
    (*value.first()? != 0).then_some((value, rest))
}

fn element(tag: u8, der: &[u8]) -> Option<(&[u8], &[u8])> {
    let (&[found, length], rest) = der.split_first_chunk::<2>()?;
    let (length, rest) = match length {
        0..=0x7f => (usize::from(length), rest),
        0x81 => rest.split_first().map(|(low, rest)| (usize::from(*low), rest))?,
        0x82 => rest.split_first_chunk().map(|(two, rest)| (usize::from(u16::from_be_bytes(*two)), rest))?,
        _ => return None,
    };
    (found == tag).then_some(())?;
    rest.split_at_checked(length)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::unhex;

    #[test]
    fn both_numbers_are_read() {
        let der = unhex("300a020300ff010203010001").unwrap();
        assert_eq!(rsa_public_parts(&der), Some((&[0xff, 1][..], &[1, 0, 1][..])));
    }

    #[test]
    fn anything_else_is_refused() {
        for text in [
            "",
            "30",
            "3000",
            "310a020300ff010203010001",   // another tag
            "300a020300ff01020301000100", // more behind
            "300b020300ff01020301000100", // more inside
            "300a020300ff0102030100",     // cut
            "30090202ff010203010001",     // negative
            "3007020100020301000",        // zero, and cut
            "3083000a020300ff010203010001",
            "3080020300ff0102030100010000",
        ] {
            let der = unhex(text).unwrap_or_default();
            assert_eq!(rsa_public_parts(&der), None, "{text}");
        }
    }
}
