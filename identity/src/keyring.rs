//! The keys that execution needs: each instance's data key, unwrapped once and kept.

use crate::id::InstanceId;
use crate::tables::Fault;
use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

/// Keys by instance and wrapped form.
type Opened = BTreeMap<(InstanceId, Vec<u8>), Arc<crypto::InstanceKey>>;

/// Unwraps and keeps instance keys. One lives in each process.
pub struct Keyring {
    cluster: crypto::ClusterKey,
    opened: Mutex<Opened>,
}

/// How many unwrapped keys are kept; beyond, all are dropped and unwrapped again when needed.
const KEPT_MAX: usize = 10_000;

impl Keyring {
    /// A keyring over the cluster's key.
    pub fn new(cluster: crypto::ClusterKey) -> Keyring {
        Keyring { cluster, opened: Mutex::new(BTreeMap::new()) }
    }

    /// The data key of an instance, from its wrapped form in the instance's record.
    pub fn instance(&self, instance: InstanceId, wrapped: &[u8]) -> Result<Arc<crypto::InstanceKey>, Fault> {
        let mut opened = self.opened.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(key) = opened.get(&(instance, wrapped.to_vec())) {
            return Ok(Arc::clone(key));
        }
        let key = self.cluster.unwrap_instance(instance.0, wrapped).map_err(|error| {
            Fault(format!(
                "the key of instance {} can't be opened: {error}; is this the cluster's key?",
                instance.0
            ))
        })?;
        let key = Arc::new(key);
        if opened.len() >= KEPT_MAX {
            opened.clear();
        }
        opened.insert((instance, wrapped.to_vec()), Arc::clone(&key));
        Ok(key)
    }

    /// Wraps a new instance's data key.
    pub fn wrap_instance(
        &self,
        instance: InstanceId,
        key: &crypto::Secret<[u8; 32]>,
        nonce: [u8; 12],
    ) -> Vec<u8> {
        self.cluster.wrap_instance(instance.0, key, nonce)
    }
}

impl std::fmt::Debug for Keyring {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Keyring")
    }
}
