//! What tests of this and other crates share: tables in memory, a world to start from, and commands that only tests
//! have. Plain `pub`, because a feature would mean a second build of the workspace; no running node uses it.

pub mod cluster;
pub mod fixtures;
pub mod flow;
pub mod given;
pub mod memory;
pub mod probe;
pub mod tenant;
