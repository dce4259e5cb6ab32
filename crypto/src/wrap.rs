//! Keys that hide keys: master → cluster → instance → person.
//!
//! A [`MasterKey`](master::MasterKey) comes from outside and hides one [`ClusterKey`](cluster::ClusterKey),
//! which hides a data key per instance ([`InstanceKey`](instance::InstanceKey)), which hides a key per
//! person. Only wrapped keys are stored; rotating the master key rewraps one blob.
//!
//! The first step is a port, [`Wrap`]: async and fallible, so that a KMS or an HSM can stand there later.
//! The steps below it are plain functions, since they run beside every read.

pub mod cluster;
pub mod instance;
pub mod master;

use std::pin::Pin;

use crate::{Error, Secret};

/// A boxed future as traits with `dyn` need it; std only.
pub type BoxFuture<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// What hides and reveals the cluster key.
pub trait Wrap: Send + Sync {
    /// The key that [`wrap`](Self::wrap) uses now; it stands in what it wraps and may be shown.
    fn key_id(&self) -> &str;

    /// Hides `plain`. A service that draws its own nonce ignores `nonce`.
    fn wrap<'a>(&'a self, plain: &'a [u8], nonce: [u8; 12]) -> BoxFuture<'a, Result<Vec<u8>, Error>>;

    /// Reveals what this or a former key of the same port wrapped.
    fn unwrap<'a>(&'a self, wrapped: &'a [u8]) -> BoxFuture<'a, Result<Secret<Vec<u8>>, Error>>;
}
