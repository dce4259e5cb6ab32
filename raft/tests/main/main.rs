//! One voter through the real openraft, on RocksDB in a temporary folder.

mod domain;
mod kill;
mod limits;
mod recovery;
mod service;
mod support;
