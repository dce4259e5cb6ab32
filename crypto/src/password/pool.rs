//! Memory for Argon2: a fixed number of buffers, made once, lent out one hash at a time.

use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};

use argon2::Block;
use zeroize::Zeroize;

/// Buffers in a box; taking one from an empty box waits.
pub(super) struct Pool {
    /// What is not lent; a buffer is empty until its first use.
    free: Mutex<Vec<Vec<Block>>>,
    returned: Condvar,
    blocks: usize,
}

/// A buffer on loan; it goes back when dropped, also by a panic.
pub(super) struct Loan<'a> {
    pool: &'a Pool,
    buffer: Vec<Block>,
}

impl Pool {
    /// `blocks` (of 1 KiB) is the usual size, to which every buffer returns.
    pub(super) fn new(buffers: usize, blocks: usize) -> Self {
        Self { free: Mutex::new(vec![Vec::new(); buffers]), returned: Condvar::new(), blocks }
    }

    /// Lends a buffer of at least `blocks`, growing it for the length of the loan if need be.
    pub(super) fn take(&self, blocks: usize) -> Loan<'_> {
        let mut free = self.lock();
        let mut buffer = loop {
            match free.pop() {
                Some(buffer) => break buffer,
                None => free = self.returned.wait(free).unwrap_or_else(PoisonError::into_inner),
            }
        };
        drop(free);
        let wanted = blocks.max(self.blocks);
        if buffer.len() < wanted {
            buffer.reserve_exact(wanted - buffer.len());
            buffer.resize(wanted, Block::new());
        }
        Loan { pool: self, buffer }
    }

    /// No holder of the lock can panic half way through a change, so poison means nothing here.
    fn lock(&self) -> MutexGuard<'_, Vec<Vec<Block>>> {
        self.free.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Loan<'_> {
    pub(super) fn blocks(&mut self) -> &mut [Block] {
        &mut self.buffer
    }
}

impl Drop for Loan<'_> {
    fn drop(&mut self) {
        let mut buffer = std::mem::take(&mut self.buffer);
        buffer.iter_mut().for_each(Zeroize::zeroize); // 4 % of the hash
        buffer.truncate(self.pool.blocks);
        buffer.shrink_to_fit();
        self.pool.lock().push(buffer);
        self.pool.returned.notify_one();
    }
}

/// Shows no block: they are made from passwords.
impl std::fmt::Debug for Pool {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Pool").field("blocks", &self.blocks).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::thread;

    use super::*;

    #[test]
    fn a_buffer_is_reused_and_keeps_its_size() {
        let pool = Pool::new(1, 8);
        let place = pool.take(8).blocks().as_ptr();
        assert_eq!(pool.take(8).blocks().as_ptr(), place);
        assert_eq!(pool.take(100).blocks().len(), 100);
        assert_eq!(pool.take(8).blocks().len(), 8);
    }

    #[test]
    fn a_buffer_comes_back_wiped() {
        let pool = Pool::new(1, 8);
        for block in pool.take(8).blocks() {
            block.as_mut().fill(7);
        }
        assert!(pool.take(8).blocks().iter().all(|block| block.as_ref().iter().all(|word| *word == 0)));
    }

    #[test]
    fn never_more_loans_than_buffers() {
        let (pool, lent, most) = (Pool::new(2, 8), AtomicUsize::new(0), AtomicUsize::new(0));
        thread::scope(|scope| {
            for _ in 0..8 {
                scope.spawn(|| {
                    for _ in 0..200 {
                        let loan = pool.take(8);
                        most.fetch_max(lent.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
                        thread::yield_now();
                        lent.fetch_sub(1, Ordering::SeqCst);
                        drop(loan);
                    }
                });
            }
        });
        assert!((1..=2).contains(&most.into_inner()));
        assert_eq!(pool.lock().len(), 2);
    }

    #[test]
    fn a_panic_returns_the_buffer() {
        let pool = Pool::new(1, 8);
        let fallen = thread::scope(|scope| {
            scope
                .spawn(|| {
                    let _loan = pool.take(8);
                    std::panic::resume_unwind(Box::new("fell"));
                })
                .join()
        });
        assert!(fallen.is_err());
        assert_eq!(pool.take(8).blocks().len(), 8);
    }
}
