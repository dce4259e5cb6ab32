//! Chance as a parameter: the node gives the system's, tests give a seeded one.
//!
//! Nothing else in this crate, and nothing in the domain, draws randomness by itself. The proposing node
//! draws, and what it drew travels in the command.

use std::sync::Arc;

use crate::Secret;

/// A source of unpredictable bytes.
pub trait Entropy: Send + Sync {
    /// Fills all of `out`. An implementation that cannot must not return.
    fn fill(&self, out: &mut [u8]);

    /// Draws `N` bytes; through `&dyn Entropy` use [`draw`].
    fn bytes<const N: usize>(&self) -> [u8; N]
    where
        Self: Sized,
    {
        draw(self)
    }
}

impl<E: Entropy + ?Sized> Entropy for Arc<E> {
    fn fill(&self, out: &mut [u8]) {
        (**self).fill(out);
    }
}

impl<E: Entropy + ?Sized> Entropy for &E {
    fn fill(&self, out: &mut [u8]) {
        (**self).fill(out);
    }
}

/// Draws `N` bytes for an id, a salt or a nonce: `draw::<12>(entropy)`.
pub fn draw<const N: usize>(entropy: &(impl Entropy + ?Sized)) -> [u8; N] {
    let mut out = [0; N];
    entropy.fill(&mut out);
    out
}

/// Draws `N` bytes for a key or a secret.
pub fn draw_secret<const N: usize>(entropy: &(impl Entropy + ?Sized)) -> Secret<[u8; N]> {
    Secret::new(draw(entropy))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::SeededEntropy;

    #[test]
    fn the_trait_object_draws_what_the_type_draws() {
        let (typed, object) = (SeededEntropy::new(1), SeededEntropy::new(1));
        let object: Arc<dyn Entropy> = Arc::new(object);
        assert_eq!(typed.bytes::<16>(), draw::<16>(&*object));
        assert_eq!(typed.bytes::<16>(), draw::<16>(&object));
        assert_eq!(typed.bytes::<16>(), *draw_secret::<16>(&object).expose());
    }
}
