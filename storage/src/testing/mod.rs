//! For tests of this crate and of those above it.
//!
//! `MemoryLog` is a log without a disk: it loses nothing while it lives, and completions fire before a call returns.

mod memory_log;

pub use memory_log::MemoryLog;
