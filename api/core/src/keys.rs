//! Signing keys, parsed once: the hot path looks one up and signs.

use crate::backend::View;
use crypto::{Alg, Jwk, KeySet, SigningKey as Parsed};
use identity::application::TokenAlg;
use identity::execute::Machine;
use identity::id::InstanceId;
use identity::reader::Reader;
use identity::signing_key::{self, SigningKey, Stage};
use std::collections::HashMap;
use std::sync::{Arc, PoisonError, RwLock};

/// How many parsed keys are kept; beyond, all are parsed again.
const KEPT_MAX: usize = 10_000;

/// Parsed signing keys. A key id names the same key for ever, so that no entry can become untrue; which of them signs
/// or still verifies is read from the view each time.
#[derive(Default)]
pub struct Keys {
    signers: RwLock<HashMap<(InstanceId, String), Arc<Parsed>>>,
    sets: RwLock<HashMap<InstanceId, Published>>,
}

/// The ids of an instance's published keys, and those keys.
type Published = (Vec<String>, Arc<KeySet>);

/// Why there is no key.
#[derive(Debug, thiserror::Error)]
pub enum KeyError {
    /// None is active yet.
    #[error("the instance has no active {0} key yet; it is made within seconds of the instance")]
    None(&'static str),
    /// The state can't be read or a key can't be opened.
    #[error("a signing key can't be used: {0}")]
    Broken(String),
}

/// The library's name of an algorithm.
pub fn alg_of(alg: TokenAlg) -> Alg {
    match alg {
        TokenAlg::Es256 => Alg::Es256,
        TokenAlg::Rs256 => Alg::Rs256,
    }
}

impl Keys {
    /// The key that signs with this algorithm.
    pub fn signer(
        &self,
        machine: &Machine,
        reader: &Reader<'_>,
        alg: TokenAlg,
    ) -> Result<Arc<Parsed>, KeyError> {
        let keys = signing_key::published(reader).map_err(|fault| KeyError::Broken(fault.0))?;
        let active = keys.iter().find(|key| key.alg == alg && matches!(key.stage, Stage::Active { .. }));
        let active = active.ok_or(KeyError::None(alg_of(alg).name()))?;
        let name = (reader.instance, active.kid.to_string());
        if let Some(parsed) = self.signers.read().unwrap_or_else(PoisonError::into_inner).get(&name) {
            return Ok(Arc::clone(parsed));
        }
        let parsed = Arc::new(parse(machine, reader, active)?);
        let mut signers = self.signers.write().unwrap_or_else(PoisonError::into_inner);
        if signers.len() >= KEPT_MAX {
            signers.clear();
        }
        signers.insert(name, Arc::clone(&parsed));
        Ok(parsed)
    }

    /// The keys that verify this instance's tokens.
    pub fn verifiers(&self, view: &View, instance: InstanceId) -> Result<Arc<KeySet>, KeyError> {
        let keys =
            signing_key::published(&view.reader(instance)).map_err(|fault| KeyError::Broken(fault.0))?;
        let kids: Vec<String> = keys.iter().map(|key| key.kid.to_string()).collect();
        if let Some((had, set)) = self.sets.read().unwrap_or_else(PoisonError::into_inner).get(&instance)
            && *had == kids
        {
            return Ok(Arc::clone(set));
        }
        let jwks = keys.iter().map(public).collect::<Result<Vec<Jwk>, KeyError>>()?;
        let set = Arc::new(KeySet::from_jwks(jwks).map_err(|error| KeyError::Broken(error.to_string()))?);
        let mut sets = self.sets.write().unwrap_or_else(PoisonError::into_inner);
        if sets.len() >= KEPT_MAX {
            sets.clear();
        }
        sets.insert(instance, (kids, Arc::clone(&set)));
        Ok(set)
    }
}

/// The public half of a key.
pub fn public(key: &SigningKey) -> Result<Jwk, KeyError> {
    serde_json::from_str(&key.jwk).map_err(|error| KeyError::Broken(error.to_string()))
}

fn parse(machine: &Machine, reader: &Reader<'_>, key: &SigningKey) -> Result<Parsed, KeyError> {
    let instance = reader.live_instance().map_err(|no| KeyError::Broken(no.to_string()))?;
    let data_key = machine
        .keyring
        .instance(reader.instance, &instance.spec.data_key)
        .map_err(|fault| KeyError::Broken(fault.0))?;
    let pkcs8 = data_key
        .seal_key()
        .open(SigningKey::PURPOSE, key.kid.as_str().as_bytes(), &key.sealed)
        .map_err(|error| KeyError::Broken(error.to_string()))?;
    Parsed::from_pkcs8(key.kid.as_str(), alg_of(key.alg), &pkcs8)
        .map_err(|error| KeyError::Broken(error.to_string()))
}
