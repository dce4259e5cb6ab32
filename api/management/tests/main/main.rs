//! The management API through its router, over a cluster of one in memory.

#![allow(unreachable_pub, reason = "modules of one test binary")]
mod plain;
mod world;
