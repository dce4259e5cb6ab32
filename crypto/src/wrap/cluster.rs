//! The cluster key: one per cluster, hidden by the master key, hides the data keys of instances.

use std::fmt;

use super::Wrap;
use super::instance::InstanceKey;
use crate::seal::SealKey;
use crate::{Error, Secret, sha256};

const PURPOSE: &str = "instance key";
const AUTHORITY: &str = "authority key";

/// The key that hides the data key of each instance.
pub struct ClusterKey(SealKey);

impl ClusterKey {
    /// Takes 32 random bytes, drawn once when the cluster is made.
    pub fn new(key: Secret<[u8; 32]>) -> Self {
        Self(SealKey::new(key))
    }

    /// Opens the stored cluster key through the master key or a KMS.
    ///
    /// # Errors
    /// Those of `wrap`, and [`Error::KeyLength`] if what it reveals is not 32 bytes.
    pub async fn unwrap(wrap: &dyn Wrap, wrapped: &[u8]) -> Result<Self, Error> {
        let bytes = wrap.unwrap(wrapped).await?;
        Ok(Self::new(Secret::of_bytes(bytes.expose())?))
    }

    /// Hides the data key of one instance; it opens for that instance only.
    pub fn wrap_instance(&self, instance: u64, key: &Secret<[u8; 32]>, nonce: [u8; 12]) -> Vec<u8> {
        self.0.seal(PURPOSE, &instance.to_be_bytes(), nonce, key.expose())
    }

    /// Hides the private key of the cluster's authority; it opens beside the same certificate only.
    pub fn wrap_authority(&self, certificate: &[u8], pkcs8: &Secret<Vec<u8>>, nonce: [u8; 12]) -> Vec<u8> {
        self.0.seal(AUTHORITY, &sha256(certificate), nonce, pkcs8.expose())
    }

    /// Opens the private key of the authority that has this certificate.
    ///
    /// # Errors
    /// Those of [`SealKey::open`], also for another authority's key.
    pub fn unwrap_authority(&self, certificate: &[u8], wrapped: &[u8]) -> Result<Secret<Vec<u8>>, Error> {
        self.0.open(AUTHORITY, &sha256(certificate), wrapped)
    }

    /// Opens the data key of one instance.
    ///
    /// # Errors
    /// Those of [`SealKey::open`], also for another instance's key; [`Error::KeyLength`].
    pub fn unwrap_instance(&self, instance: u64, wrapped: &[u8]) -> Result<InstanceKey, Error> {
        let bytes = self.0.open(PURPOSE, &instance.to_be_bytes(), wrapped)?;
        Ok(InstanceKey::new(Secret::of_bytes(bytes.expose())?))
    }
}

impl fmt::Debug for ClusterKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ClusterKey([redacted])")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::MasterKey;
    use crate::testing::now;

    fn cluster(byte: u8) -> ClusterKey {
        ClusterKey::new(Secret::new([byte; 32]))
    }

    #[test]
    fn the_authoritys_key_opens_beside_its_certificate_alone() {
        let wrapped = cluster(1).wrap_authority(b"certificate", &Secret::new(vec![7; 40]), [4; 12]);
        assert_eq!(cluster(1).unwrap_authority(b"certificate", &wrapped).unwrap().expose(), &[7; 40]);
        assert_eq!(cluster(1).unwrap_authority(b"another", &wrapped).err(), Some(Error::Open));
        assert_eq!(cluster(2).unwrap_authority(b"certificate", &wrapped).err(), Some(Error::Open));
    }

    #[test]
    fn the_chain_opens_from_master_to_instance() {
        let master = MasterKey::parse("AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8").unwrap();
        let stored = now(master.wrap(&[1; 32], [2; 12])).unwrap();
        let opened = now(ClusterKey::unwrap(&master, &stored)).unwrap();
        let wrapped = cluster(1).wrap_instance(7, &Secret::new([3; 32]), [4; 12]);
        let found = opened.unwrap_instance(7, &wrapped).unwrap();
        assert_eq!(found.hmac("p", b"d"), InstanceKey::new(Secret::new([3; 32])).hmac("p", b"d"));
    }

    #[test]
    fn a_cluster_key_of_another_length_is_refused() {
        let master = MasterKey::parse("AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8").unwrap();
        let stored = now(master.wrap(&[1; 31], [2; 12])).unwrap();
        let error = now(ClusterKey::unwrap(&master, &stored)).unwrap_err();
        assert_eq!(error, Error::KeyLength { found: 31, needed: 32 });
    }

    #[test]
    fn an_instance_key_opens_for_its_instance_and_cluster_only() {
        let wrapped = cluster(1).wrap_instance(7, &Secret::new([3; 32]), [4; 12]);
        assert_eq!(cluster(1).unwrap_instance(8, &wrapped).unwrap_err(), Error::Open);
        assert_eq!(cluster(2).unwrap_instance(7, &wrapped).unwrap_err(), Error::Open);
    }

    #[test]
    fn another_secret_of_the_cluster_is_no_instance_key() {
        let other = cluster(1).0.seal("something else", &7_u64.to_be_bytes(), [4; 12], &[3; 32]);
        assert_eq!(cluster(1).unwrap_instance(7, &other).unwrap_err(), Error::Open);
    }
}
