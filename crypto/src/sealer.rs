//! AES-256-SIV (RFC 5297), deterministic: for personal fields inside events.
//!
//! Every replica seals the same event by itself and must arrive at the same bytes, so there is no nonce.
//! The price is that equal fields of one person under equal associated data look equal; the associated data
//! names the field and the event's position where that would tell something. Deleting the key is what
//! "deleting the person" means.
//!
//! Layout: `version (1) | synthetic IV (16) | ciphertext`.

use std::fmt;

use aes_siv::KeyInit as _;
use aes_siv::siv::Aes256Siv;

use crate::{Error, Secret};

/// Bytes that a sealed field is longer than its content.
pub const OVERHEAD: usize = 17;

const LAYOUT: u8 = 1;
const DOMAIN: &[u8] = b"conclave.person.v1";

/// The key of one person, living as long as the person does.
#[derive(Clone)]
pub struct PersonKey(Secret<[u8; 64]>);

impl PersonKey {
    /// Takes the 64 bytes: half for the MAC, half for the cipher.
    pub const fn new(key: Secret<[u8; 64]>) -> Self {
        Self(key)
    }

    /// Seals one field; equal input gives equal output, on every node and build.
    pub fn seal(&self, aad: &[u8], plain: &[u8]) -> Vec<u8> {
        let sealed =
            self.cipher().encrypt([DOMAIN, aad], plain).expect("two headers are under the limit of 126");
        let mut out = Vec::with_capacity(1 + sealed.len());
        out.push(LAYOUT);
        out.extend_from_slice(&sealed);
        out
    }

    /// Opens what [`seal`](Self::seal) made under the same key and associated data.
    ///
    /// # Errors
    /// [`Error::Short`] and [`Error::Layout`] for what was never ours; [`Error::Open`] for everything else.
    pub fn open(&self, aad: &[u8], sealed: &[u8]) -> Result<Secret<Vec<u8>>, Error> {
        if sealed.len() < OVERHEAD {
            return Err(Error::Short { found: sealed.len(), needed: OVERHEAD });
        }
        match sealed {
            [LAYOUT, body @ ..] => {
                self.cipher().decrypt([DOMAIN, aad], body).map(Secret::new).map_err(|_| Error::Open)
            }
            [found, ..] => Err(Error::Layout { found: *found, known: LAYOUT }),
            [] => Err(Error::Short { found: 0, needed: OVERHEAD }),
        }
    }

    /// The cipher counts inside, so each call starts its own, for a few microseconds.
    fn cipher(&self) -> Aes256Siv {
        Aes256Siv::new(self.0.expose().into())
    }
}

impl fmt::Debug for PersonKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PersonKey([redacted])")
    }
}

#[cfg(test)]
mod tests {
    use aes_siv::siv::Aes128Siv;

    use super::*;
    use crate::{hex, unhex};

    fn key(byte: u8) -> PersonKey {
        PersonKey::new(Secret::new([byte; 64]))
    }

    #[test]
    fn the_library_follows_rfc_5297_a_1() {
        // The RFC has vectors for 256-bit keys only; this guards S2V and the counter, which both sizes share.
        let bytes = |text: &str| unhex(text).unwrap();
        let key = bytes("fffefdfcfbfaf9f8f7f6f5f4f3f2f1f0f0f1f2f3f4f5f6f7f8f9fafbfcfdfeff");
        let mut siv = Aes128Siv::new_from_slice(&key).unwrap();
        let header = bytes("101112131415161718191a1b1c1d1e1f2021222324252627");
        let sealed = siv.encrypt([header], &bytes("112233445566778899aabbccddee")).unwrap();
        assert_eq!(hex(&sealed), "85632d07c6e8f37f950acd320a2ecc9340c02b9690c4dc04daef7f6afe5c");
    }

    #[test]
    fn the_layout_is_pinned() {
        // Made with Python's cryptography 48, AESSIV.
        let key = PersonKey::new(Secret::new(std::array::from_fn(|i| u8::try_from(i).unwrap())));
        let expected = "01eb41e6d5771becf0a33aed1fc9a415a37c9f823bc843b8f0517723456520946374";
        assert_eq!(hex(&key.seal(b"user-1|email", b"alice@example.com")), expected);
    }

    #[test]
    fn what_was_sealed_opens_and_repeats() {
        for plain in [&b""[..], b"x", &[7; 17], &[7; 4000]] {
            let sealed = key(1).seal(b"a", plain);
            assert_eq!(sealed, key(1).seal(b"a", plain));
            assert_eq!(sealed.len(), plain.len() + OVERHEAD);
            assert_eq!(key(1).open(b"a", &sealed).unwrap().expose(), plain);
        }
    }

    #[test]
    fn another_person_or_field_does_not_open() {
        let sealed = key(1).seal(b"email", b"alice");
        assert_eq!(key(2).open(b"email", &sealed).unwrap_err(), Error::Open);
        assert_eq!(key(1).open(b"name", &sealed).unwrap_err(), Error::Open);
        assert_eq!(key(1).open(b"", &sealed).unwrap_err(), Error::Open);
    }

    #[test]
    fn every_flipped_bit_is_noticed() {
        let sealed = key(1).seal(b"a", b"alice");
        for bit in 0..sealed.len() * 8 {
            let mut bad = sealed.clone();
            bad[bit / 8] ^= 1 << (bit % 8);
            assert!(key(1).open(b"a", &bad).is_err(), "bit {bit}");
        }
    }

    #[test]
    fn every_truncation_is_noticed() {
        let sealed = key(1).seal(b"a", b"alice");
        for length in 0..sealed.len() {
            assert!(key(1).open(b"a", &sealed[..length]).is_err(), "{length} bytes");
        }
        assert_eq!(key(1).open(b"a", &[2; 40]).unwrap_err(), Error::Layout { found: 2, known: 1 });
    }
}
