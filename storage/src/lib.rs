//! What a node keeps on its disk: the Raft log, the state tables and snapshots of them, all on RocksDB.
//!
//! A data folder holds `node.json` (who the node is), `log/` (one RocksDB with a write-ahead log, synced for each
//! group of writes), `state/gen-N/` (one RocksDB without a write-ahead log, named by `state/CURRENT`) and `snapshots/`.
//! The log is the truth: a crash may cost the state its newest writes, never the log what was acknowledged.
//!
//! Deliberately absent: async, openraft's types and every rule of the domain. Payloads of entries and memberships are
//! bytes here. `raft` drives this crate; `identity::tables` is the port that `State` and `View` implement.
//!
//! `unsafe` stands in two places, `state::view` and `allocator`, each with its argument.

#![cfg_attr(
    not(test),
    deny(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing, clippy::panic)
)]

mod atomic_file;
mod codec;
mod error;
mod folder;
mod options;

pub mod allocator;
pub mod boot;
pub mod doctor;
pub mod log;
pub mod retention;
pub mod snapshot;
pub mod state;
pub mod testing;

pub use error::Error;
pub use folder::{NodeIdentity, create};
pub use log::rocks::Log;
pub use log::{Completion, Entry, LogBackend, LogId, LogState, Vote};
pub use options::{MEMORY_BYTES, OnFatal, Options, Step, StopAt};
pub use snapshot::Snapshot;
pub use snapshot::manifest::Manifest;
pub use snapshot::receive::Receiver;
pub use state::hash::LogicalHash;
pub use state::view::View;
pub use state::{Applied, State};
