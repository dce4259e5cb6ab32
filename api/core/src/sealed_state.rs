//! Short-lived state that a browser carries for us, sealed with the data key of its instance.
//!
//! The seal binds instance and purpose, so that a blob of one form or tenant opens nothing else. It never holds a
//! proof: what was proven stands in the session record.

use crate::backend::View;
use crate::limits::FLOW_BYTES_MAX;
use crypto::{Entropy, draw};
use identity::encoding::{decode, encode};
use identity::execute::Machine;
use identity::id::InstanceId;
use minicbor::{Decode, Encode};
use std::sync::Arc;

/// Why a blob is not opened. Which of the reasons it was is nobody's business.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the state is not one of ours, or it has expired")]
pub struct NotOurs;

/// Why a blob is not made.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SealError {
    /// The parameters are longer than a browser should carry.
    #[error("the request is too long")]
    TooLong,
    /// The instance's key can't be used.
    #[error("the instance's key can't be used")]
    Key,
}

fn key_of(machine: &Machine, view: &View, instance: InstanceId) -> Option<Arc<crypto::InstanceKey>> {
    let record = view.reader(instance).live_instance().ok()?;
    machine.keyring.instance(instance, &record.spec.data_key).ok()
}

/// Seals a value for one purpose of one instance; base64url.
pub fn seal<T: Encode<()>>(
    machine: &Machine,
    entropy: &dyn Entropy,
    view: &View,
    instance: InstanceId,
    purpose: &str,
    value: &T,
) -> Result<String, SealError> {
    let plain = encode(value);
    if plain.len() > FLOW_BYTES_MAX {
        return Err(SealError::TooLong);
    }
    let key = key_of(machine, view, instance).ok_or(SealError::Key)?;
    let sealed = key.seal_key().seal(purpose, &instance.0.to_be_bytes(), draw(entropy), &plain);
    Ok(crypto::b64url(&sealed))
}

/// Opens what `seal` made for the same purpose and instance.
pub fn open<T: Encode<()> + for<'b> Decode<'b, ()>>(
    machine: &Machine,
    view: &View,
    instance: InstanceId,
    purpose: &str,
    text: &str,
) -> Result<T, NotOurs> {
    if text.len() > FLOW_BYTES_MAX * 2 {
        return Err(NotOurs);
    }
    let sealed = crypto::unb64url(text).ok_or(NotOurs)?;
    let key = key_of(machine, view, instance).ok_or(NotOurs)?;
    let plain = key.seal_key().open(purpose, &instance.0.to_be_bytes(), &sealed).map_err(|_| NotOurs)?;
    decode(plain.expose()).map_err(|_| NotOurs)
}
