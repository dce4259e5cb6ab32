//! The management API through its router, over a cluster of one in memory.

#![allow(unreachable_pub, reason = "modules of one test binary")]
mod goldens;
mod matrix;
mod plain;
mod samples;
mod stage;
mod world;
