//! The C library's allocator, which RocksDB and everything else in the process share, told to give back what is free.
//!
//! glibc returns to the kernel what is free at the end of a heap. Blocks of the cache live long, and what compactions
//! and commands need for a moment lies between them: without this, more than a hundred megabytes that nobody uses
//! stay resident after a large directory was filled (docs/adr/0015).

use std::sync::atomic::{AtomicU64, Ordering};

/// Looking for free pages holds up who allocates meanwhile, some milliseconds: it is done only when resident memory
/// has grown by this much since the last time.
const GROWTH_BYTES: u64 = 32 << 20;

/// Resident memory after the last time.
static KEPT: AtomicU64 = AtomicU64::new(0);

/// Gives free memory of the whole process back, if so much came that it is worth it. Blocks for some milliseconds.
pub fn give_back() {
    let kept = KEPT.load(Ordering::Relaxed);
    if resident_bytes().is_some_and(|resident| resident >= kept.saturating_add(GROWTH_BYTES)) {
        trim();
        KEPT.store(resident_bytes().unwrap_or(kept), Ordering::Relaxed);
    }
}

#[cfg(all(target_os = "linux", target_env = "gnu"))]
fn trim() {
    // SAFETY: it takes a number, may be called from any thread at any time, and touches free memory alone.
    #[allow(unsafe_code)]
    unsafe {
        libc::malloc_trim(0);
    }
}

#[cfg(not(all(target_os = "linux", target_env = "gnu")))]
fn trim() {}

/// Resident memory as the kernel counts it; `None` where it can't be read.
pub fn resident_bytes() -> Option<u64> {
    let text = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = text.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    let kib: u64 = line.split_whitespace().next()?.parse().ok()?;
    kib.checked_mul(1024)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_free_between_what_is_used_goes_back() {
        // Half of 192 MB stays, every other block: none of the free ones lies at the end of a heap. Other tests of this
        // process take and free memory meanwhile, but not half as much.
        let mut blocks: Vec<Option<Vec<u8>>> = (0..12_000).map(|_| Some(vec![1; 16 << 10])).collect();
        give_back();
        let full = resident_bytes().unwrap();
        for block in blocks.iter_mut().step_by(2) {
            *block = None;
        }
        trim();
        let half = resident_bytes().unwrap();
        assert!(half + (48 << 20) < full, "{half} bytes are left of {full}");
        drop(blocks);
    }
}
