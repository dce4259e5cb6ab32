//! Tests of storage on a real disk: one binary, because each one links RocksDB.

mod fixture;

mod boot;
mod crash;
mod doctor;
mod domain;
mod folder;
mod full_disk;
mod log;
mod snapshot;
mod state;
