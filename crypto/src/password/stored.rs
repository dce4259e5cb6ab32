//! The stored form: `$argon2id$v=19$m=19456,t=2,p=1$<salt>$<output>`, read in full or not at all.

use std::fmt;

use argon2::ARGON2ID_IDENT;
use argon2::password_hash::phc::{Output, ParamsString, PasswordHash, Salt};

use super::PasswordParams;
use crate::Error;

const VERSION: u32 = 19;
/// Shorter outputs could be hit by luck; 16 bytes is what other systems' exports go down to.
const OUTPUT_MIN: usize = 16;
/// A PHC string of our own is 97 bytes.
const TEXT_MAX: usize = 256;

/// A PHC string whose every part is known to be there.
pub(super) struct Stored {
    pub(super) params: PasswordParams,
    salt: Salt,
    output: Output,
}

impl Stored {
    pub(super) fn new(params: PasswordParams, salt: &[u8], output: &[u8]) -> Result<Self, Error> {
        let unfit = |_| Error::PasswordHash { detail: "its salt or output has no PHC form" };
        Ok(Self {
            params,
            salt: Salt::new(salt).map_err(unfit)?,
            output: Output::new(output).map_err(unfit)?,
        })
    }

    /// Reads the text; whether the parameters are affordable is judged where they are used.
    pub(super) fn parse(phc: &str) -> Result<Self, Error> {
        let fault = |detail| Error::PasswordHash { detail };
        if phc.len() > TEXT_MAX {
            return Err(fault("it is longer than 256 bytes"));
        }
        let read = PasswordHash::new(phc).map_err(|_| fault("it is not a PHC string"))?;
        if read.algorithm != ARGON2ID_IDENT {
            return Err(fault("its algorithm is not argon2id"));
        }
        if read.version != Some(VERSION) {
            return Err(fault("its version is not 19"));
        }
        let output = read.hash.ok_or_else(|| fault("it has no output"))?;
        if output.len() < OUTPUT_MIN {
            return Err(fault("its output is shorter than 16 bytes"));
        }
        let salt = read.salt.ok_or_else(|| fault("it has no salt"))?;
        let params =
            params(&read.params).ok_or_else(|| fault("its parameters are not exactly m, t and p"))?;
        Ok(Self { params, salt, output })
    }

    pub(super) fn salt(&self) -> &[u8] {
        self.salt.as_ref()
    }

    pub(super) fn output(&self) -> &[u8] {
        self.output.as_bytes()
    }
}

/// Missing parameters are not replaced by defaults: a hash that does not say how it was made is damaged.
fn params(text: &ParamsString) -> Option<PasswordParams> {
    let [memory_kib, passes, lanes] = ["m", "t", "p"].map(|name| text.get_decimal(name));
    let params = PasswordParams { memory_kib: memory_kib?, passes: passes?, lanes: lanes? };
    (text.as_str() == params.phc()).then_some(params)
}

impl PasswordParams {
    fn phc(self) -> String {
        format!("m={},t={},p={}", self.memory_kib, self.passes, self.lanes)
    }
}

impl fmt::Display for Stored {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "$argon2id$v={VERSION}${}${}${}", self.params.phc(), self.salt, self.output)
    }
}
