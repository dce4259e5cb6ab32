//! The data key of one instance, and what is derived from it.
//!
//! The stored key itself neither encrypts nor authenticates: a key for sealing and one for HMACs per purpose
//! are derived from it, so that no two uses share a key.

use std::fmt;

use crate::seal::SealKey;
use crate::{Error, PersonKey, Secret, hmac_sha256};

const PERSON: &str = "person key";

/// What an instance seals and authenticates with.
pub struct InstanceKey {
    seal: SealKey,
    hmacs: Secret<[u8; 32]>,
}

impl InstanceKey {
    /// Takes 32 random bytes, drawn once when the instance is made; the rest is derived.
    #[expect(clippy::needless_pass_by_value, reason = "the caller hands the key over, and it is wiped here")]
    pub fn new(key: Secret<[u8; 32]>) -> Self {
        let derived = |label: &[u8]| Secret::new(hmac_sha256(key.expose(), label));
        Self {
            seal: SealKey::new(derived(b"conclave.instance.seal.v1")),
            hmacs: derived(b"conclave.instance.hmac.v1"),
        }
    }

    /// The key for cookies, flow state and secrets of this instance.
    pub const fn seal_key(&self) -> &SealKey {
        &self.seal
    }

    /// Authenticates `data` under a key of its own per purpose (a constant such as `"mail code"`).
    pub fn hmac(&self, purpose: &str, data: &[u8]) -> [u8; 32] {
        let key = Secret::new(hmac_sha256(self.hmacs.expose(), purpose.as_bytes()));
        hmac_sha256(key.expose(), data)
    }

    /// Hides the key of one person; it opens for that user id only.
    pub fn wrap_person(&self, user_id: &str, key: &Secret<[u8; 64]>, nonce: [u8; 12]) -> Vec<u8> {
        self.seal.seal(PERSON, user_id.as_bytes(), nonce, key.expose())
    }

    /// Opens the key of one person.
    ///
    /// # Errors
    /// Those of [`SealKey::open`], also for another person's key; [`Error::KeyLength`].
    pub fn unwrap_person(&self, user_id: &str, wrapped: &[u8]) -> Result<PersonKey, Error> {
        let bytes = self.seal.open(PERSON, user_id.as_bytes(), wrapped)?;
        Ok(PersonKey::new(Secret::of_bytes(bytes.expose())?))
    }
}

impl fmt::Debug for InstanceKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("InstanceKey([redacted])")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn instance(byte: u8) -> InstanceKey {
        InstanceKey::new(Secret::new([byte; 32]))
    }

    #[test]
    fn a_person_key_survives_wrapping() {
        let wrapped = instance(1).wrap_person("u1", &Secret::new([5; 64]), [6; 12]);
        let found = instance(1).unwrap_person("u1", &wrapped).unwrap();
        assert_eq!(found.seal(b"a", b"b"), PersonKey::new(Secret::new([5; 64])).seal(b"a", b"b"));
    }

    #[test]
    fn a_person_key_opens_for_its_person_and_instance_only() {
        let wrapped = instance(1).wrap_person("u1", &Secret::new([5; 64]), [6; 12]);
        assert_eq!(instance(1).unwrap_person("u2", &wrapped).unwrap_err(), Error::Open);
        assert_eq!(instance(2).unwrap_person("u1", &wrapped).unwrap_err(), Error::Open);
    }

    #[test]
    fn another_sealed_value_is_no_person_key() {
        let cookie = instance(1).seal_key().seal("cookie", b"u1", [6; 12], &[5; 64]);
        assert_eq!(instance(1).unwrap_person("u1", &cookie).unwrap_err(), Error::Open);
        let short = instance(1).seal_key().seal(PERSON, b"u1", [6; 12], &[5; 32]);
        let expected = Error::KeyLength { found: 32, needed: 64 };
        assert_eq!(instance(1).unwrap_person("u1", &short).unwrap_err(), expected);
    }

    #[test]
    fn an_hmac_depends_on_instance_purpose_and_data() {
        let found = instance(1).hmac("mail code", b"123456");
        assert_eq!(found, instance(1).hmac("mail code", b"123456"));
        for other in [
            instance(2).hmac("mail code", b"123456"),
            instance(1).hmac("sms code", b"123456"),
            instance(1).hmac("mail code", b"123457"),
            instance(1).hmac("mail", b" code123456"),
        ] {
            assert_ne!(found, other);
        }
    }

    #[test]
    fn the_derivation_is_pinned() {
        let found = crate::hex(&instance(1).hmac("mail code", b"123456"));
        assert_eq!(found, "99a68a9479b55e4ead110aad1ccaaee2a0ddabee346e109cead4b759ff062b8c");
    }
}
