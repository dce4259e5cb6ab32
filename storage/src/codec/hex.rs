//! Hexadecimal text for the JSON files.

/// Lower-case digits, two for each byte.
pub(crate) fn encode(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len().saturating_mul(2));
    for byte in bytes {
        for nibble in [byte >> 4, byte & 15] {
            text.push(char::from_digit(u32::from(nibble), 16).unwrap_or('0'));
        }
    }
    text
}

/// The bytes, or `None` unless the text is pairs of lower-case digits: one byte string has one text.
pub(crate) fn decode(text: &str) -> Option<Vec<u8>> {
    let (pairs, rest) = text.as_bytes().as_chunks::<2>();
    if !rest.is_empty() {
        return None;
    }
    pairs.iter().map(|[high, low]| Some(digit(*high)? << 4 | digit(*low)?)).collect()
}

fn digit(byte: u8) -> Option<u8> {
    match byte {
        b'0'..=b'9' => Some(byte - b'0'),
        b'a'..=b'f' => Some(byte - b'a' + 10),
        _ => None,
    }
}

/// A field of bytes as hexadecimal text in JSON.
pub(crate) mod bytes {
    use serde::{Deserialize, Deserializer, Serializer, de};

    pub(crate) fn serialize<T: AsRef<[u8]>, S: Serializer>(value: &T, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_str(&super::encode(value.as_ref()))
    }

    pub(crate) fn deserialize<'de, T: TryFrom<Vec<u8>>, D: Deserializer<'de>>(
        from: D,
    ) -> Result<T, D::Error> {
        let text = String::deserialize(from)?;
        let bytes = super::decode(&text).ok_or_else(|| de::Error::custom("not hexadecimal digits"))?;
        T::try_from(bytes).map_err(|_| de::Error::custom("hexadecimal text of the wrong length"))
    }
}

#[cfg(test)]
mod tests {
    #[test]
    fn text_and_bytes_are_one_to_one() {
        assert_eq!(super::encode(&[0, 255, 26]), "00ff1a");
        assert_eq!(super::decode("00ff1a"), Some(vec![0, 255, 26]));
        for wrong in ["0", "0g", "FF", " 0", "é"] {
            assert_eq!(super::decode(wrong), None, "{wrong}");
        }
    }
}
