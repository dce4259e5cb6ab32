//! What can go wrong, told to the operator.
//!
//! No message holds a secret or text that a stranger chose. Public text for clients is not written here: a
//! caller who verifies a stranger's token maps [`TokenFault`] to the error its protocol names.

/// Why an operation of this crate failed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    #[error("sealed data cannot be opened: it was altered, or belongs to another key, purpose or owner")]
    Open,
    #[error("sealed data is cut short: {found} bytes where at least {needed} are needed")]
    Short { found: usize, needed: usize },
    #[error("sealed data has layout {found}, this build reads layout {known}: upgrade this node first")]
    Layout { found: u8, known: u8 },
    #[error("the secret inside is {found} bytes where {needed} are needed: it is no key of this kind")]
    KeyLength { found: usize, needed: usize },

    #[error(
        "master key {id} is needed but not configured: add it to the master keys, in any place but the first"
    )]
    UnknownMasterKey { id: String },
    #[error("no master key is configured: give one, made with `openssl rand -hex 32`")]
    NoMasterKey,
    #[error(
        "a master key must be 64 hex characters or 43 of base64url (32 bytes), this text has {found}: make one with `openssl rand -hex 32`"
    )]
    MasterKeyText { found: usize },
    #[error(
        "a master key must be random, this one repeats a single byte: make one with `openssl rand -hex 32`"
    )]
    MasterKeyWeak,
    #[error("master key {id} is configured twice: remove one")]
    MasterKeyTwice { id: String },
    #[error("the key service could not answer: {detail}")]
    KeyService { detail: String },

    #[error("the password is longer than {limit} bytes")]
    PasswordTooLong { limit: usize },
    #[error(
        "argon2 parameters memory_kib {memory_kib}, passes {passes}, lanes {lanes} are outside the bounds: lower them, and keep memory_kib at 8 per lane or more"
    )]
    PasswordParams { memory_kib: u32, passes: u32, lanes: u32 },
    #[error("the stored password hash is not one that this build reads: {detail}")]
    PasswordHash { detail: &'static str },

    #[error("a {alg} signing key is not usable: {detail}")]
    SigningKey { alg: &'static str, detail: &'static str },
    #[error("making a {alg} signing key failed: the crypto library had no randomness or memory")]
    Generate { alg: &'static str },
    #[error("signing failed: {detail}")]
    Sign { detail: String },
    #[error("a public key is not usable: {detail}")]
    PublicKey { detail: &'static str },
    #[error("key id {kid:?} stands twice in one key set")]
    KidTwice { kid: String },
    #[error("claims cannot be written as JSON: {detail}")]
    Claims { detail: String },

    #[error("a certificate can't be used: {why}")]
    Certificate { why: String },

    #[error("token refused: {0}")]
    Token(#[from] TokenFault),
}

/// Why a signed token was refused; nothing the sender wrote is repeated.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TokenFault {
    #[error("longer than 16 KiB")]
    TooLong,
    #[error("not three parts of canonical base64url")]
    Shape,
    #[error("the header is not exactly alg, typ and kid")]
    Header,
    #[error("the typ is not the one of this use")]
    Typ,
    #[error("no key with that kid")]
    UnknownKey,
    #[error("the alg is not the key's")]
    Alg,
    #[error("the signature does not match")]
    Signature,
    #[error("the claims are not the expected JSON")]
    Claims,
}
