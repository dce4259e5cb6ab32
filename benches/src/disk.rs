//! What the disk itself can do: fdatasync on a preallocated file, which is what a log has to wait for at least.

use crate::Error;
use crate::load::Figures;
use std::fs::File;
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::time::{Duration, Instant};

/// Writes and syncs 4 KiB again and again, one after the other.
pub(crate) fn fdatasync(path: &Path, run: Duration) -> Result<Figures, Error> {
    const BLOCKS: u64 = 4096;
    let file = File::create(path)?;
    let block = [7u8; 4096];
    for at in 0..BLOCKS {
        file.write_all_at(&block, at * 4096)?;
    }
    file.sync_all()?;
    let (mut waits, begun) = (Vec::new(), Instant::now());
    for at in (0..BLOCKS).cycle() {
        let asked = Instant::now();
        if asked.duration_since(begun) >= run {
            break;
        }
        file.write_all_at(&block, at * 4096)?;
        file.sync_data()?;
        waits.push(asked.elapsed());
    }
    Ok(Figures::new(waits, begun.elapsed()))
}
