//! SHA-256, HMAC-SHA-256 and comparison in constant time.
//!
//! High-entropy secrets are stored as [`sha256`], short codes as [`hmac_sha256`] under an instance's key
//! ([`InstanceKey::hmac`](crate::InstanceKey::hmac)), passwords as neither (see [`crate::password`]).

use std::fmt;

use aws_lc_rs::{constant_time, digest, hmac};

/// Returns the SHA-256 of `data`.
pub fn sha256(data: &[u8]) -> [u8; 32] {
    bytes(digest::digest(&digest::SHA256, data).as_ref())
}

/// SHA-256 of data that arrives in pieces.
#[derive(Clone)]
pub struct Sha256(digest::Context);

impl Sha256 {
    /// Starts an empty hash.
    pub fn new() -> Self {
        Self(digest::Context::new(&digest::SHA256))
    }

    /// Appends raw bytes; the borders between pieces leave no trace (see [`Sha256::field`]).
    pub fn update(&mut self, data: &[u8]) -> &mut Self {
        self.0.update(data);
        self
    }

    /// Appends a length (u64, big endian), then the bytes, so that no two lists of fields hash alike.
    pub fn field(&mut self, data: &[u8]) -> &mut Self {
        let length = data.len() as u64; // usize is at most 64 bits on every target we build for
        self.update(&length.to_be_bytes()).update(data)
    }

    /// Returns the hash of what came so far; more may follow.
    pub fn finish(&self) -> [u8; 32] {
        bytes(self.0.clone().finish().as_ref())
    }
}

impl Default for Sha256 {
    fn default() -> Self {
        Self::new()
    }
}

/// The state holds the last bytes in clear, so they are not shown.
impl fmt::Debug for Sha256 {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Sha256")
    }
}

/// Returns HMAC-SHA-256 (RFC 2104).
pub fn hmac_sha256(key: &[u8], data: &[u8]) -> [u8; 32] {
    let key = hmac::Key::new(hmac::HMAC_SHA256, key);
    bytes(hmac::sign(&key, data).as_ref())
}

/// Tells whether both are equal, in a time that depends on the lengths only.
pub fn same(a: &[u8], b: &[u8]) -> bool {
    constant_time::verify_slices_are_equal(a, b).is_ok()
}

fn bytes(digest: &[u8]) -> [u8; 32] {
    digest.try_into().expect("SHA-256 is 32 bytes")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{hex, unhex};

    #[test]
    fn sha256_of_abc_is_that_of_fips_180() {
        let expected = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
        assert_eq!(hex(&sha256(b"abc")), expected);
        assert_eq!(hex(&Sha256::new().update(b"a").update(b"").update(b"bc").finish()), expected);
    }

    #[test]
    fn finishing_does_not_end_the_hash() {
        let mut hash = Sha256::new();
        assert_eq!(hash.update(b"a").finish(), sha256(b"a"));
        assert_eq!(hash.update(b"b").finish(), sha256(b"ab"));
    }

    #[test]
    fn fields_do_not_run_into_each_other() {
        let two = |a: &[u8], b: &[u8]| Sha256::new().field(a).field(b).finish();
        assert_ne!(two(b"ab", b"c"), two(b"a", b"bc"));
        assert_ne!(two(b"", b"a"), two(b"a", b""));
    }

    #[test]
    fn hmac_follows_rfc_4231() {
        let long = [0xaa; 131];
        let cases: [(&[u8], &[u8], &str); 4] = [
            (&[0x0b; 20], b"Hi There", "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7"),
            (
                b"Jefe",
                b"what do ya want for nothing?",
                "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843",
            ),
            (&[0xaa; 20], &[0xdd; 50], "773ea91e36800e46854db8ebd09181a72959098b3ef8c122d9635514ced565fe"),
            (
                &long,
                b"Test Using Larger Than Block-Size Key - Hash Key First",
                "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54",
            ),
        ];
        for (key, data, expected) in cases {
            assert_eq!(hmac_sha256(key, data).to_vec(), unhex(expected).unwrap());
        }
    }

    #[test]
    fn only_equal_bytes_are_the_same() {
        assert!(same(b"", b""));
        assert!(same(b"abc", b"abc"));
        for (a, b) in [(&b"abc"[..], &b"abd"[..]), (b"abc", b"ab"), (b"", b"a"), (b"xbc", b"abc")] {
            assert!(!same(a, b));
        }
    }
}
