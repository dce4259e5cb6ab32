//! AES-256-GCM under a key that is parsed once: for cookies, flow state and secrets before they enter the log.
//!
//! Layout: `version (1) | nonce (12) | ciphertext | tag (16)`. The version, the purpose and the associated
//! data are bound, each with its length, so that no blob opens in another place than its own.
//!
//! The caller gives the nonce, since this crate draws none: fresh from [`Entropy`](crate::Entropy) for each
//! call. Two blobs under one key and nonce betray both; with random nonces a key is good for 2^32 blobs
//! (NIST SP 800-38D §8.3). Where equal input must give equal output, use [`crate::sealer`] instead.

use std::fmt;

use aws_lc_rs::aead::{AES_256_GCM, Aad, LessSafeKey, Nonce, UnboundKey};

use crate::{Error, Secret};

/// Bytes that a sealed blob is longer than its content.
pub const OVERHEAD: usize = 1 + NONCE + TAG;

const LAYOUT: u8 = 1;
const NONCE: usize = 12;
const TAG: usize = 16;

/// A parsed AES-256-GCM key.
pub struct SealKey(LessSafeKey);

impl SealKey {
    /// Parses the key; the bytes given are wiped with `key`.
    #[expect(clippy::needless_pass_by_value, reason = "the caller hands the key over, and it is wiped here")]
    pub fn new(key: Secret<[u8; 32]>) -> Self {
        let key = UnboundKey::new(&AES_256_GCM, key.expose()).expect("32 bytes are an AES-256 key");
        Self(LessSafeKey::new(key))
    }

    /// Seals `plain` for one purpose (a constant such as `"flow"`) and one place (`aad`: instance, owner …).
    pub fn seal(&self, purpose: &str, aad: &[u8], nonce: [u8; NONCE], plain: &[u8]) -> Vec<u8> {
        let mut out = Vec::with_capacity(plain.len() + OVERHEAD);
        out.push(LAYOUT);
        out.extend_from_slice(&nonce);
        out.extend_from_slice(plain);
        let (_, body) = out.split_at_mut(1 + NONCE);
        let tag = self
            .0
            .seal_in_place_separate_tag(Nonce::assume_unique_for_key(nonce), bound(purpose, aad), body)
            .expect("AES-GCM seals anything shorter than 64 GiB");
        out.extend_from_slice(tag.as_ref());
        out
    }

    /// Opens what [`seal`](Self::seal) made under the same key, purpose and associated data.
    ///
    /// # Errors
    /// [`Error::Short`] and [`Error::Layout`] for what was never ours; [`Error::Open`] for everything else,
    /// without saying which of key, purpose, associated data or content is wrong.
    pub fn open(&self, purpose: &str, aad: &[u8], sealed: &[u8]) -> Result<Secret<Vec<u8>>, Error> {
        let short = Error::Short { found: sealed.len(), needed: OVERHEAD };
        let (&[layout], rest) = sealed.split_first_chunk::<1>().ok_or(short.clone())?;
        if layout != LAYOUT {
            return Err(Error::Layout { found: layout, known: LAYOUT });
        }
        let (nonce, body) = rest.split_first_chunk::<NONCE>().ok_or(short.clone())?;
        let length = body.len().checked_sub(TAG).ok_or(short)?;
        let (ciphertext, tag) = body.split_at(length);
        let mut plain = vec![0; length];
        self.0
            .open_separate_gather(
                Nonce::assume_unique_for_key(*nonce),
                bound(purpose, aad),
                ciphertext,
                tag,
                &mut plain,
            )
            .map_err(|_| Error::Open)?;
        Ok(Secret::new(plain))
    }
}

impl fmt::Debug for SealKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SealKey([redacted])")
    }
}

/// Frames what is authenticated beside the content, so that no two places frame alike.
fn bound(purpose: &str, aad: &[u8]) -> Aad<Vec<u8>> {
    let mut out = Vec::with_capacity(64 + purpose.len() + aad.len());
    out.push(LAYOUT);
    for field in [&b"conclave.seal"[..], purpose.as_bytes(), aad] {
        out.extend_from_slice(&(field.len() as u64).to_be_bytes()); // usize is at most 64 bits
        out.extend_from_slice(field);
    }
    Aad::from(out)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::hex;

    fn key(byte: u8) -> SealKey {
        SealKey::new(Secret::new([byte; 32]))
    }

    #[test]
    fn the_layout_is_pinned() {
        // Made with Python's cryptography 48, AESGCM.
        let key = SealKey::new(Secret::new(std::array::from_fn(|i| u8::try_from(i).unwrap())));
        let nonce = std::array::from_fn(|i| u8::try_from(i).unwrap());
        let sealed = key.seal("cookie", b"alpha", nonce, b"plain text");
        let expected = "01000102030405060708090a0b376eb772abc5b67ef535bc936a4a538988ffb01e3a6021996372";
        assert_eq!(hex(&sealed), expected);
        assert_eq!(sealed.len(), b"plain text".len() + OVERHEAD);
    }

    #[test]
    fn what_was_sealed_opens() {
        for plain in [&b""[..], b"x", &[7; 5000]] {
            let sealed = key(1).seal("flow", b"instance 1", [9; 12], plain);
            assert_eq!(key(1).open("flow", b"instance 1", &sealed).unwrap().expose(), plain);
        }
    }

    #[test]
    fn another_key_purpose_or_place_does_not_open() {
        let sealed = key(1).seal("flow", b"instance 1", [9; 12], b"secret");
        for (opener, purpose, aad) in [
            (key(2), "flow", &b"instance 1"[..]),
            (key(1), "cookie", b"instance 1"),
            (key(1), "flow", b"instance 2"),
            (key(1), "flow", b""),
            (key(1), "flowi", b"nstance 1"),
            (key(1), "", b"flowinstance 1"),
        ] {
            assert_eq!(opener.open(purpose, aad, &sealed).unwrap_err(), Error::Open);
        }
    }

    #[test]
    fn every_flipped_bit_is_noticed() {
        let sealed = key(1).seal("flow", b"a", [9; 12], b"secret");
        for bit in 0..sealed.len() * 8 {
            let mut bad = sealed.clone();
            bad[bit / 8] ^= 1 << (bit % 8);
            assert!(key(1).open("flow", b"a", &bad).is_err(), "bit {bit}");
        }
    }

    #[test]
    fn every_truncation_and_extension_is_noticed() {
        let mut sealed = key(1).seal("flow", b"a", [9; 12], b"secret");
        for length in 0..sealed.len() {
            assert!(key(1).open("flow", b"a", &sealed[..length]).is_err(), "{length} bytes");
        }
        sealed.push(0);
        assert_eq!(key(1).open("flow", b"a", &sealed).unwrap_err(), Error::Open);
    }

    #[test]
    fn an_unknown_layout_is_named() {
        let mut sealed = key(1).seal("flow", b"a", [9; 12], b"secret");
        sealed[0] = 9;
        assert_eq!(key(1).open("flow", b"a", &sealed).unwrap_err(), Error::Layout { found: 9, known: 1 });
    }

    #[test]
    fn debug_shows_no_key() {
        assert_eq!(format!("{:?}", key(0x41)), "SealKey([redacted])");
    }
}
