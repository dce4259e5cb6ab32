//! Passwords under Argon2id (RFC 9106), stored as PHC strings.
//!
//! The calls are synchronous and take tens of milliseconds: run them on a blocking pool. Memory is a pool of
//! buffers that are reused, at most so many at once; a further caller waits. A buffer is wiped after each use,
//! since what stands in it would let a guess be checked for less than the full cost.
//!
//! What a password may consist of, and its Unicode form, is the domain's; here it is bytes.

mod pool;
mod stored;

use argon2::{Algorithm, Argon2, Params, Version};

use self::pool::Pool;
use self::stored::Stored;
use crate::{Error, Secret, same};

/// Longest password that is hashed, in bytes of UTF-8.
pub const PASSWORD_BYTES_MAX: usize = 512;

/// Most memory that one hash may ask for: 256 MiB.
pub const MEMORY_KIB_MAX: u32 = 256 * 1024;
/// Most passes that one hash may ask for.
pub const PASSES_MAX: u32 = 16;
/// Most lanes that one hash may ask for.
pub const LANES_MAX: u32 = 16;
/// Most memory times passes, which is the time a hash takes: 1 GiB, about a second.
pub const MEMORY_KIB_TIMES_PASSES_MAX: u32 = 1024 * 1024;

const SALT: usize = 16;
const OUTPUT: usize = 32;

/// What one hash costs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PasswordParams {
    pub memory_kib: u32,
    pub passes: u32,
    pub lanes: u32,
}

/// 19 MiB, two passes, one lane: OWASP's recommendation.
impl Default for PasswordParams {
    fn default() -> Self {
        Self { memory_kib: 19_456, passes: 2, lanes: 1 }
    }
}

impl PasswordParams {
    /// Checks the bounds that stand above, for configured and for stored parameters alike.
    fn argon2(self, output: usize) -> Result<Argon2<'static>, Error> {
        let Self { memory_kib, passes, lanes } = self;
        let refused = Error::PasswordParams { memory_kib, passes, lanes };
        let within = memory_kib <= MEMORY_KIB_MAX
            && passes <= PASSES_MAX
            && lanes <= LANES_MAX
            && memory_kib.saturating_mul(passes) <= MEMORY_KIB_TIMES_PASSES_MAX;
        if !within {
            return Err(refused);
        }
        let params = Params::new(memory_kib, passes, lanes, Some(output)).map_err(|_| refused)?;
        Ok(Argon2::new(Algorithm::Argon2id, Version::V0x13, params))
    }
}

/// Hashes and verifies, at most so many at once as it has buffers.
#[derive(Debug)]
pub struct PasswordHasher {
    params: PasswordParams,
    pool: Pool,
}

impl PasswordHasher {
    /// Checks `params`; buffers are made on first use and kept. `buffers` of 0 counts as 1.
    ///
    /// # Errors
    /// [`Error::PasswordParams`] outside the bounds of this module and of Argon2.
    pub fn new(params: PasswordParams, buffers: usize) -> Result<Self, Error> {
        let blocks = params.argon2(OUTPUT)?.params().block_count();
        Ok(Self { params, pool: Pool::new(buffers.max(1), blocks) })
    }

    /// Hashes a new password under a fresh salt from [`Entropy`](crate::Entropy); returns a PHC string.
    ///
    /// # Errors
    /// [`Error::PasswordTooLong`] above [`PASSWORD_BYTES_MAX`].
    pub fn hash(&self, password: &Secret<String>, salt: [u8; SALT]) -> Result<String, Error> {
        let mut out = [0; OUTPUT];
        self.run(self.params, password, &salt, &mut out)?;
        Stored::new(self.params, &salt, &out).map(|stored| stored.to_string())
    }

    /// Tells whether `password` is the one behind `phc`, at the parameters that stand in `phc`.
    ///
    /// # Errors
    /// [`Error::PasswordTooLong`], without hashing; [`Error::PasswordHash`] if `phc` is not Argon2id version
    /// 19 in full; [`Error::PasswordParams`] if it asks for more than the bounds of this module.
    pub fn verify(&self, password: &Secret<String>, phc: &str) -> Result<bool, Error> {
        let stored = Stored::parse(phc)?;
        let mut out = vec![0; stored.output().len()];
        self.run(stored.params, password, stored.salt(), &mut out)?;
        Ok(same(&out, stored.output()))
    }

    /// Tells whether a hash that just verified should be replaced by one at today's parameters.
    pub fn needs_rehash(&self, phc: &str) -> bool {
        match Stored::parse(phc) {
            Ok(stored) => {
                stored.params != self.params || stored.salt().len() < SALT || stored.output().len() != OUTPUT
            }
            Err(_) => true,
        }
    }

    /// Costs what [`verify`](Self::verify) costs, for a user who does not exist.
    pub fn dummy(&self, password: &Secret<String>) {
        let mut out = [0; OUTPUT];
        let outcome = self.run(self.params, password, &[0; SALT], &mut out);
        let _ = std::hint::black_box((outcome, out)); // the work was the point
    }

    fn run(
        &self,
        params: PasswordParams,
        password: &Secret<String>,
        salt: &[u8],
        out: &mut [u8],
    ) -> Result<(), Error> {
        let password = password.expose().as_bytes();
        if password.len() > PASSWORD_BYTES_MAX {
            return Err(Error::PasswordTooLong { limit: PASSWORD_BYTES_MAX });
        }
        let argon2 = params.argon2(out.len())?;
        let mut memory = self.pool.take(argon2.params().block_count());
        argon2
            .hash_password_into_with_memory(password, salt, out, memory.blocks())
            .map_err(|_| Error::PasswordHash { detail: "argon2 refused its salt or output length" })
    }
}

#[cfg(test)]
mod tests;
