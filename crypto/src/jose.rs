//! JSON Web Signatures as we issue and accept them (RFC 7515, 7517, 7518, 7638, 9068).
//!
//! A closed profile: compact form, ES256 and RS256, a header of exactly `alg`, `typ` and `kid`; others may sign
//! their assertions with Ed25519 as well, and leave `typ` out. Nothing in a token chooses how it is verified: the
//! kid names a key of the caller's, the key brings its algorithm, and no address is ever fetched.
//!
//! Signatures are verified with aws-lc-rs on keys parsed once. The crate jsonwebtoken would parse the key
//! again for each token, skips header members it does not know, and checks neither `typ` nor `crit`; it is
//! the oracle in the tests instead. JWE, other algorithms and tokens of other issuers come when a feature
//! needs them.

pub mod assertion;
pub(crate) mod der;
pub mod issue;
pub mod jwk;
pub mod pkce;
pub mod verify;

#[cfg(test)]
mod oracle;
