//! A value that must not be seen: redacted in Debug, wiped on drop, compared in constant time.
//!
//! It is read from configuration and requests, and never written: there is no `Serialize`, no `Display` and
//! no way to move the value out. The parser that fills it may have left copies behind in its own buffers.

use std::fmt;

use serde::{Deserialize, Deserializer};
use zeroize::Zeroize;

/// A value that is redacted in Debug and wiped when dropped.
#[derive(Clone)]
pub struct Secret<T: Zeroize>(T);

impl<T: Zeroize> Secret<T> {
    /// Takes the value into care. Copies made before are the caller's to wipe.
    pub const fn new(value: T) -> Self {
        Self(value)
    }

    /// Lends the value; the name makes every use findable.
    pub const fn expose(&self) -> &T {
        &self.0
    }
}

impl<const N: usize> Secret<[u8; N]> {
    /// Reads a secret of exactly `N` bytes.
    ///
    /// # Errors
    /// [`Error::KeyLength`](crate::Error::KeyLength) for any other length.
    pub fn of_bytes(bytes: &[u8]) -> Result<Self, crate::Error> {
        let wrong = |_| crate::Error::KeyLength { found: bytes.len(), needed: N };
        bytes.try_into().map(Self).map_err(wrong)
    }
}

impl<T: Zeroize> Drop for Secret<T> {
    fn drop(&mut self) {
        self.0.zeroize();
    }
}

impl<T: Zeroize> fmt::Debug for Secret<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[redacted]")
    }
}

impl<'de, T: Zeroize + Deserialize<'de>> Deserialize<'de> for Secret<T> {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        T::deserialize(from).map(Self)
    }
}

/// Constant time in the content; the length is not hidden.
impl<T: Zeroize + AsRef<[u8]>> PartialEq for Secret<T> {
    fn eq(&self, other: &Self) -> bool {
        crate::same(self.0.as_ref(), other.0.as_ref())
    }
}

impl<T: Zeroize + AsRef<[u8]>> Eq for Secret<T> {}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicBool, Ordering};

    use super::*;

    #[test]
    fn debug_shows_nothing() {
        let inside = Some(Secret::new("hunter2".to_owned()));
        assert_eq!(format!("{inside:?}"), "Some([redacted])");
    }

    #[test]
    fn dropping_wipes() {
        struct Spy(Arc<AtomicBool>);
        impl Zeroize for Spy {
            fn zeroize(&mut self) {
                self.0.store(true, Ordering::Relaxed);
            }
        }
        let wiped = Arc::new(AtomicBool::new(false));
        drop(Secret::new(Spy(Arc::clone(&wiped))));
        assert!(wiped.load(Ordering::Relaxed));
    }

    #[test]
    fn equality_is_of_the_whole_value() {
        let secret = |text: &str| Secret::new(text.to_owned());
        assert_eq!(secret("abc"), secret("abc"));
        for other in ["abd", "ab", "abcd", ""] {
            assert_ne!(secret("abc"), secret(other));
        }
        assert_ne!(Secret::new(vec![1_u8]), Secret::new(vec![2_u8]));
    }

    #[test]
    fn it_is_read_as_the_bare_value() {
        let read: Secret<String> = serde_json::from_str("\"hunter2\"").unwrap();
        assert_eq!(read.expose(), "hunter2");
        assert!(serde_json::from_str::<Secret<String>>("7").is_err());
    }

    #[test]
    fn a_fixed_secret_has_exactly_its_length() {
        assert!(Secret::<[u8; 4]>::of_bytes(&[1, 2, 3, 4]).is_ok());
        for wrong in [&[][..], &[1, 2, 3], &[1, 2, 3, 4, 5]] {
            let expected = crate::Error::KeyLength { found: wrong.len(), needed: 4 };
            assert_eq!(Secret::<[u8; 4]>::of_bytes(wrong).unwrap_err(), expected);
        }
    }
}
