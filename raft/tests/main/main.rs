//! The real openraft on RocksDB in temporary folders: one voter alone, and several over real connections.

mod caller;
mod domain;
mod group;
mod kill;
mod limits;
mod listener;
mod peers;
mod recovery;
mod service;
mod several;
mod snapshots;
mod support;
