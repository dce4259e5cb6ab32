//! What a caller chooses about storage, and how the one number for memory is split.

use std::fmt;
use std::sync::Arc;

use rocksdb::{BlockBasedOptions, Cache, ChecksumType, InfoLogger, LogLevel, WriteBufferManager};

use crate::Error;

/// The default of `memory_bytes`.
pub const MEMORY_BYTES: u64 = 256 << 20;

/// Less than this is taken as this.
const MEMORY_BYTES_MIN: u64 = 32 << 20;

/// A place in the install of a snapshot at which a test may stop it, as a crash would.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// The new generation's folder is filled, nothing is checked.
    Copied,
    /// Its content was checked against the manifest and this node's identity is written.
    Prepared,
    /// All its files are synced; `CURRENT` still names the old one.
    Synced,
    /// `CURRENT.tmp` is written.
    Announced,
    /// `CURRENT` names the new generation; the old folder still exists.
    Switched,
}

/// What happens when a write of the log or the state failed: the process has to end, and the hook says how.
pub type OnFatal = Arc<dyn Fn(&Error) + Send + Sync>;

/// A test's hook: `true` stops the operation at this step without any clearing up.
pub type StopAt = Arc<dyn Fn(Step) -> bool + Send + Sync>;

/// How storage behaves. Clones share one budget of memory.
#[derive(Clone)]
pub struct Options {
    /// Called once for the log and once for the state at their first failed write; all later writes fail.
    pub on_fatal: OnFatal,
    /// Set by crash tests only.
    pub stop_at: Option<StopAt>,
    memory_bytes: u64,
    cache: Cache,
    state_memtables: WriteBufferManager,
    log_memtables: WriteBufferManager,
}

impl Options {
    /// Options for about `memory_bytes` of memory. Of 256 parts:
    ///
    /// - 160 are one budget of blocks, indexes, filters and memtables: the memtables take of it what they hold, which
    ///   is about 64 for the state and 2 × 16 for the log, and blocks make room. What no memtable needs caches blocks.
    /// - 16 are the log's newest entries in memory.
    /// - 80 are left to what nothing counts: iterators, open tables, files being built, the allocator's own waste.
    pub fn new(memory_bytes: u64) -> Options {
        let memory_bytes = memory_bytes.max(MEMORY_BYTES_MIN);
        // 0 lets the cache size its table by what it really holds: an empty node stays small.
        let cache = Cache::new_hyper_clock_cache(parts(memory_bytes, 160), 0);
        let memtables = |flushed_at| {
            WriteBufferManager::new_write_buffer_manager_with_cache(flushed_at, false, cache.clone())
        };
        Options {
            on_fatal: Arc::new(|error| tracing::error!(%error, "storage failed")),
            stop_at: None,
            memory_bytes,
            state_memtables: memtables(parts(memory_bytes, 64)),
            // Only counted: the number and size of the log's memtables are bounded anyway, and a bound over both
            // RocksDBs would flush a few entries of the log whenever the state has much to flush.
            log_memtables: memtables(0),
            cache,
        }
    }

    /// The same options with another hook for fatal errors.
    pub fn with_on_fatal(mut self, on_fatal: OnFatal) -> Options {
        self.on_fatal = on_fatal;
        self
    }

    pub(crate) fn cache(&self) -> &Cache {
        &self.cache
    }

    pub(crate) fn state_memtables(&self) -> &WriteBufferManager {
        &self.state_memtables
    }

    pub(crate) fn log_memtables(&self) -> &WriteBufferManager {
        &self.log_memtables
    }

    pub(crate) fn state_memtable_bytes(&self) -> usize {
        parts(self.memory_bytes, 64)
    }

    pub(crate) fn log_memtable_bytes(&self) -> usize {
        parts(self.memory_bytes, 16)
    }

    pub(crate) fn tail_bytes(&self) -> usize {
        parts(self.memory_bytes, 16)
    }
}

/// So many of 256 parts.
fn parts(memory_bytes: u64, parts: u64) -> usize {
    usize::try_from(memory_bytes / 256 * parts).unwrap_or(usize::MAX)
}

impl Default for Options {
    fn default() -> Options {
        Options::new(MEMORY_BYTES)
    }
}

impl fmt::Debug for Options {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Options").field("memory_bytes", &self.memory_bytes).finish_non_exhaustive()
    }
}

/// What every RocksDB here shares: strict checks, two background threads, no files of its own for its log lines.
pub(crate) fn rocks_base(chosen: &Options) -> rocksdb::Options {
    let mut to = rocksdb::Options::default();
    to.create_if_missing(false);
    to.set_paranoid_checks(true);
    to.set_max_background_jobs(2);
    to.set_info_logger(InfoLogger::new_callback_logger(LogLevel::Warn, relay));
    to.set_stats_dump_period_sec(0);
    to.set_stats_persist_period_sec(0);
    to.set_max_open_files(-1);
    // Memtables grow by this: with RocksDB's own choice (an eighth) four empty ones would fill a small budget by half,
    // and every write would then start a flush.
    to.set_arena_block_size(256 << 10);
    to.set_max_manifest_file_size(16 << 20);
    to.set_level_compaction_dynamic_level_bytes(true);
    to.set_block_based_table_factory(&tables(chosen, None));
    to
}

/// Tables on the shared cache, with a bloom filter if wanted. The format is pinned: a snapshot's files must be readable
/// by every node of a cluster.
pub(crate) fn tables(chosen: &Options, bloom_bits: Option<f64>) -> BlockBasedOptions {
    let mut to = BlockBasedOptions::default();
    to.set_format_version(7);
    to.set_checksum_type(ChecksumType::XXH3);
    to.set_block_size(8 << 10);
    to.set_block_cache(chosen.cache());
    to.set_cache_index_and_filter_blocks(true);
    to.set_pin_l0_filter_and_index_blocks_in_cache(true);
    if let Some(bits) = bloom_bits {
        to.set_bloom_filter(bits, false);
    }
    to
}

fn relay(level: LogLevel, line: &str) {
    match level {
        LogLevel::Error | LogLevel::Fatal => tracing::error!(target: "rocksdb", "{}", line.trim_end()),
        LogLevel::Warn => tracing::warn!(target: "rocksdb", "{}", line.trim_end()),
        _ => tracing::debug!(target: "rocksdb", "{}", line.trim_end()),
    }
}

#[cfg(test)]
mod tests;
