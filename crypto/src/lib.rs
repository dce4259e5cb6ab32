//! Keys, seals, signatures, hashes and tokens: the only home of aws-lc-rs, argon2 and AES-SIV.
//!
//! What is deliberately absent: a clock, the environment, files, and a source of chance. Salts, nonces and
//! key bytes come in as arguments, drawn by the caller from an [`Entropy`]; expiry is judged by callers who
//! hold a clock. Exceptions are [`SigningKey::generate`] and
//! [`certificate`], which say so.
//!
//! Reading order: [`Secret`] and [`digest`] are the alphabet; [`seal`] and [`sealer`] hide bytes; [`wrap`]
//! is the chain master → cluster → instance → person; [`token`] and [`password`] are what people and clients
//! hold; [`sign`] and [`jose`] are what other parties verify; [`certificate`] is how nodes know each other.

pub mod certificate;
pub mod digest;
pub mod encoding;
pub mod entropy;
mod error;
pub mod jose;
pub mod password;
pub mod seal;
pub mod sealer;
mod secret;
pub mod sign;
pub mod testing;
pub mod token;
pub mod wrap;

pub use digest::{Sha256, hmac_sha256, same, sha256};
pub use encoding::{b64, b64url, hex, unb64, unb64url, unhex};
pub use entropy::{Entropy, draw, draw_secret};
pub use error::{Error, TokenFault};
pub use jose::assertion::Assertion;
pub use jose::issue::issue;
pub use jose::jwk::{Jwk, Jwks, PublicKey};
pub use jose::pkce::{half_hash, is_pkce_text, pkce_s256};
pub use jose::verify::{KeySet, Typ, VerifyKey, denial_hash, verify};
pub use password::{PASSWORD_BYTES_MAX, PasswordHasher, PasswordParams};
pub use seal::SealKey;
pub use sealer::PersonKey;
pub use secret::Secret;
pub use sign::{Alg, Generated, Signer, SigningKey};
pub use wrap::cluster::ClusterKey;
pub use wrap::instance::InstanceKey;
pub use wrap::master::{MasterKey, MasterKeys};
pub use wrap::{BoxFuture, Wrap};
