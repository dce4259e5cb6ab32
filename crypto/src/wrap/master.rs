//! Master keys: 32 bytes from a file or the environment, several at once while one replaces another.
//!
//! To rotate: put the new key first and keep the old one, let the node rewrap, then drop the old one.
//! A wrapped blob names its key: `version (1) | key id (8) | sealed`, so a missing key is missed by name.

use std::fmt;

use super::{BoxFuture, Wrap};
use crate::seal::SealKey;
use crate::{Error, Secret, Sha256, hex, unb64url, unhex};

const LAYOUT: u8 = 1;
const ID: usize = 8;
const PURPOSE: &str = "cluster key";

/// One key from outside, known by an id that is safe to show.
pub struct MasterKey {
    id: String,
    id_bytes: [u8; ID],
    seal: SealKey,
}

impl MasterKey {
    /// Takes 32 random bytes. The id is the start of a hash of the key, so equal keys have equal ids.
    ///
    /// # Errors
    /// [`Error::MasterKeyWeak`] if all bytes are equal, as in a file of zeros.
    pub fn new(key: Secret<[u8; 32]>) -> Result<Self, Error> {
        let [first, ..] = *key.expose();
        if crate::same(key.expose(), &[first; 32]) {
            return Err(Error::MasterKeyWeak);
        }
        let hash = Sha256::new().field(b"conclave.master-key-id.v1").field(key.expose()).finish();
        let [a, b, c, d, e, f, g, h, ..] = hash;
        let id_bytes = [a, b, c, d, e, f, g, h];
        Ok(Self { id: hex(&id_bytes), id_bytes, seal: SealKey::new(key) })
    }

    /// Reads 64 hex characters or 43 of base64url (one `=` more is allowed); space around them is ignored.
    ///
    /// # Errors
    /// [`Error::MasterKeyText`] tells the length found and never the text; [`Error::MasterKeyWeak`].
    pub fn parse(text: &str) -> Result<Self, Error> {
        let text = text.trim();
        let bytes = match text.len() {
            64 => unhex(text),
            44 => text.strip_suffix('=').and_then(unb64url),
            _ => unb64url(text),
        };
        let bytes = Secret::new(bytes.unwrap_or_default());
        let key = Secret::of_bytes(bytes.expose())
            .map_err(|_| Error::MasterKeyText { found: text.chars().count() })?;
        Self::new(key)
    }

    /// 16 hex characters; tells which key, not what key.
    pub fn id(&self) -> &str {
        &self.id
    }

    fn hide(&self, plain: &[u8], nonce: [u8; 12]) -> Vec<u8> {
        let mut out = vec![LAYOUT];
        out.extend_from_slice(&self.id_bytes);
        out.extend_from_slice(&self.seal.seal(PURPOSE, &self.id_bytes, nonce, plain));
        out
    }
}

impl Wrap for MasterKey {
    fn key_id(&self) -> &str {
        &self.id
    }

    fn wrap<'a>(&'a self, plain: &'a [u8], nonce: [u8; 12]) -> BoxFuture<'a, Result<Vec<u8>, Error>> {
        Box::pin(async move { Ok(self.hide(plain, nonce)) })
    }

    fn unwrap<'a>(&'a self, wrapped: &'a [u8]) -> BoxFuture<'a, Result<Secret<Vec<u8>>, Error>> {
        Box::pin(async move { reveal(std::slice::from_ref(self), wrapped) })
    }
}

impl fmt::Debug for MasterKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "MasterKey({})", self.id)
    }
}

/// The configured master keys: the first wraps, any unwraps.
#[derive(Debug)]
pub struct MasterKeys {
    first_id: String,
    keys: Vec<MasterKey>,
}

impl MasterKeys {
    /// # Errors
    /// [`Error::NoMasterKey`] for none, [`Error::MasterKeyTwice`] for the same key twice.
    pub fn new(keys: Vec<MasterKey>) -> Result<Self, Error> {
        let first_id = keys.first().ok_or(Error::NoMasterKey)?.id.clone();
        for (place, key) in keys.iter().enumerate() {
            if keys.iter().take(place).any(|before| before.id == key.id) {
                return Err(Error::MasterKeyTwice { id: key.id.clone() });
            }
        }
        Ok(Self { first_id, keys })
    }

    /// Reads keys separated by white space or commas, in the order that [`MasterKeys::new`] gives meaning to.
    ///
    /// # Errors
    /// Those of [`MasterKey::parse`] and [`MasterKeys::new`].
    pub fn parse(text: &str) -> Result<Self, Error> {
        let words = text.split(|c: char| c.is_whitespace() || c == ',').filter(|word| !word.is_empty());
        Self::new(words.map(MasterKey::parse).collect::<Result<_, _>>()?)
    }

    /// The ids, the wrapping one first.
    pub fn ids(&self) -> impl Iterator<Item = &str> {
        self.keys.iter().map(MasterKey::id)
    }

    fn first(&self) -> &MasterKey {
        self.keys.first().expect("there is at least one key since new()")
    }
}

impl Wrap for MasterKeys {
    fn key_id(&self) -> &str {
        &self.first_id
    }

    fn wrap<'a>(&'a self, plain: &'a [u8], nonce: [u8; 12]) -> BoxFuture<'a, Result<Vec<u8>, Error>> {
        self.first().wrap(plain, nonce)
    }

    fn unwrap<'a>(&'a self, wrapped: &'a [u8]) -> BoxFuture<'a, Result<Secret<Vec<u8>>, Error>> {
        Box::pin(async move { reveal(&self.keys, wrapped) })
    }
}

/// Tells which master key a blob needs, without opening it: to see whether it must be rewrapped.
///
/// # Errors
/// [`Error::Short`] and [`Error::Layout`].
pub fn wrapped_by(wrapped: &[u8]) -> Result<String, Error> {
    split(wrapped).map(|(id, _)| hex(id))
}

fn reveal(keys: &[MasterKey], wrapped: &[u8]) -> Result<Secret<Vec<u8>>, Error> {
    let (id, sealed) = split(wrapped)?;
    let key =
        keys.iter().find(|key| key.id_bytes == *id).ok_or_else(|| Error::UnknownMasterKey { id: hex(id) })?;
    key.seal.open(PURPOSE, id, sealed)
}

fn split(wrapped: &[u8]) -> Result<(&[u8; ID], &[u8]), Error> {
    let short = Error::Short { found: wrapped.len(), needed: 1 + ID + crate::seal::OVERHEAD };
    match wrapped {
        [] => Err(short),
        [LAYOUT, rest @ ..] => rest.split_first_chunk().ok_or(short),
        [found, ..] => Err(Error::Layout { found: *found, known: LAYOUT }),
    }
}

#[cfg(test)]
mod tests;
