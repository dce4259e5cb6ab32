//! How things become bytes that last: minicbor with numbered fields, a version before each record, and strictness.
//!
//! What is read back must equal its own re-encoding, byte for byte. So an unknown field or variant, a longer form of a
//! number or a byte too many is found at once, instead of being dropped by one build and kept by another.

use crate::tables::Fault;
use minicbor::{Decode, Encode};

/// Why a text is not what it should be; says what it should be.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct Invalid(pub &'static str);

/// A row's value: its shape has a version, which stands as the first byte.
pub trait Stored: Encode<()> + for<'b> Decode<'b, ()> + Sized {
    /// The version that is written.
    const VERSION: u8 = 1;

    /// Reads an older shape. `None`: that version never existed.
    fn upgrade(_version: u8, _body: &[u8]) -> Option<Result<Self, Fault>> {
        None
    }
}

/// The bytes of a value.
pub fn encode<T: Encode<()>>(value: &T) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(128);
    // A `Vec` refuses no write, and our types have no other reason to fail.
    let written = minicbor::encode(value, &mut bytes);
    assert!(written.is_ok(), "encoding into memory can't fail");
    bytes
}

/// The value of `bytes`, which must be exactly what `encode` makes of it.
pub fn decode<T: Encode<()> + for<'b> Decode<'b, ()>>(bytes: &[u8]) -> Result<T, Fault> {
    let what = std::any::type_name::<T>();
    let value: T =
        minicbor::decode(bytes).map_err(|error| Fault(format!("{what} can't be read: {error}")))?;
    if encode(&value) != bytes {
        return Err(Fault(format!(
            "{what} holds what this version does not know; run the version that wrote it"
        )));
    }
    Ok(value)
}

/// The bytes of a row's value: version and body.
pub fn encode_row<T: Stored>(value: &T) -> Vec<u8> {
    let mut bytes = vec![T::VERSION];
    bytes.extend(encode(value));
    bytes
}

/// A row's value, of this version or of one it can upgrade.
pub fn decode_row<T: Stored>(bytes: &[u8]) -> Result<T, Fault> {
    let what = std::any::type_name::<T>();
    let Some((&version, body)) = bytes.split_first() else {
        return Err(Fault(format!("{what} is empty")));
    };
    if version == T::VERSION {
        return decode(body);
    }
    T::upgrade(version, body).unwrap_or_else(|| {
        Err(Fault(format!("{what} has version {version}, which this program does not know")))
    })
}
