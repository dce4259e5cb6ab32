//! Log time: milliseconds since the Unix epoch as the leader stamped them. The domain knows no other clock.

use minicbor::{Decode, Encode};

/// A moment of log time, in milliseconds since 1970-01-01T00:00:00Z.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Encode, Decode)]
#[cbor(transparent)]
pub struct Timestamp(#[n(0)] pub u64);

impl Timestamp {
    /// The moment `secs` seconds later; saturates at the end of time.
    #[must_use]
    pub fn plus_secs(self, secs: u64) -> Timestamp {
        Timestamp(self.0.saturating_add(secs.saturating_mul(1000)))
    }

    /// Whole seconds since the epoch, as JWT's NumericDate wants them (RFC 7519 §2).
    pub fn secs(self) -> u64 {
        self.0 / 1000
    }

    /// Whole seconds from `earlier` to this moment; zero if it is not earlier.
    pub fn secs_since(self, earlier: Timestamp) -> u64 {
        self.0.saturating_sub(earlier.0) / 1000
    }

    /// Days since the epoch: the day a row of the audit table belongs to.
    pub fn day(self) -> u32 {
        u32::try_from(self.0 / 86_400_000).unwrap_or(u32::MAX)
    }
}
