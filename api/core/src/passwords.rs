//! Password hashing behind a bounded queue on blocking threads: a storm of sign-ins can't starve anything else.

use crate::limits::PASSWORD_QUEUE_MAX;
use crypto::{Error, PasswordHasher, Secret};
use std::sync::Arc;
use tokio::sync::Semaphore;

/// Password hashing.
pub struct Passwords {
    hasher: Arc<PasswordHasher>,
    queue: Arc<Semaphore>,
}

/// Why a password was not hashed.
#[derive(Debug, thiserror::Error)]
pub enum PasswordError {
    /// Too many wait; try again soon.
    #[error("too many sign-ins at once; try again")]
    Busy,
    /// It can't be hashed, or the stored hash can't be read.
    #[error(transparent)]
    Hash(#[from] Error),
}

impl Passwords {
    /// Hashing with this hasher.
    pub fn new(hasher: PasswordHasher) -> Passwords {
        Passwords { hasher: Arc::new(hasher), queue: Arc::new(Semaphore::new(PASSWORD_QUEUE_MAX)) }
    }

    async fn blocking<T: Send + 'static>(
        &self,
        work: impl FnOnce(&PasswordHasher) -> T + Send + 'static,
    ) -> Result<T, PasswordError> {
        let place = Arc::clone(&self.queue).try_acquire_owned().map_err(|_| PasswordError::Busy)?;
        let hasher = Arc::clone(&self.hasher);
        let done = tokio::task::spawn_blocking(move || {
            let result = work(&hasher);
            drop(place);
            result
        });
        done.await.map_err(|_| PasswordError::Busy)
    }

    /// The PHC text of a new password.
    pub async fn hash(&self, password: Secret<String>, salt: [u8; 16]) -> Result<String, PasswordError> {
        Ok(self.blocking(move |hasher| hasher.hash(&password, salt)).await??)
    }

    /// Whether a password is the one of a PHC text.
    pub async fn verify(&self, password: Secret<String>, phc: String) -> Result<bool, PasswordError> {
        Ok(self.blocking(move |hasher| hasher.verify(&password, &phc)).await??)
    }

    /// The same work for a name that nobody has.
    pub async fn dummy(&self, password: Secret<String>) -> Result<(), PasswordError> {
        self.blocking(move |hasher| hasher.dummy(&password)).await
    }
}
