//! The bytes of everything this crate persists itself: fixed hand-written layouts, all integers big-endian.
//!
//! Each value begins with its version byte. A version this binary does not know is refused, never guessed. The golden
//! files in `storage/goldens` hold one example of each; a layout is never edited, only a new version added.
//! (prost was the alternative: it would spare nothing here, and an entry's header is on the hot path.)

pub(crate) mod entry;
pub(crate) mod hex;
pub(crate) mod meta;

/// Reads a layout from front to back. `None` from any method means that the bytes are too short.
pub(crate) struct Reader<'a>(pub(crate) &'a [u8]);

impl<'a> Reader<'a> {
    pub(crate) fn take<const N: usize>(&mut self) -> Option<[u8; N]> {
        let (head, rest) = self.0.split_first_chunk::<N>()?;
        self.0 = rest;
        Some(*head)
    }

    pub(crate) fn u8(&mut self) -> Option<u8> {
        self.take::<1>().map(|[byte]| byte)
    }

    pub(crate) fn u32(&mut self) -> Option<u32> {
        self.take().map(u32::from_be_bytes)
    }

    pub(crate) fn u64(&mut self) -> Option<u64> {
        self.take().map(u64::from_be_bytes)
    }

    /// A byte that may only be 0 or 1.
    pub(crate) fn bool(&mut self) -> Option<bool> {
        match self.u8()? {
            0 => Some(false),
            1 => Some(true),
            _ => None,
        }
    }

    /// `Some` only when nothing is left: trailing bytes are as wrong as missing ones.
    pub(crate) fn end(self) -> Option<()> {
        self.0.is_empty().then_some(())
    }
}
