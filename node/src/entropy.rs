//! The system's randomness. No other file names it: everything else is given an [`Entropy`].

use crypto::Entropy;
use rustix::rand::{GetRandomFlags, getrandom};

/// The kernel's generator. It waits for its first seeding after a boot, as getrandom(2) does.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct SystemEntropy;

impl Entropy for SystemEntropy {
    fn fill(&self, out: &mut [u8]) {
        let mut filled = 0;
        while let Some(rest) = out.get_mut(filled..).filter(|rest| !rest.is_empty()) {
            match getrandom(rest, GetRandomFlags::empty()) {
                Ok(count) => filled += count,
                Err(rustix::io::Errno::INTR) => {}
                // A key without chance is worse than no process; no Linux since 3.17 comes here.
                Err(error) => panic!("the kernel gives no randomness: {error}"),
            }
        }
    }
}
