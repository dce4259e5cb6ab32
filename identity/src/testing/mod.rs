//! What tests of this and other crates share: tables in memory, and a world to start from.

pub mod memory;
