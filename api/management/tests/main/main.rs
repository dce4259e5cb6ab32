//! The management API through its router, over a cluster of one in memory.

#![allow(unreachable_pub, reason = "modules of one test binary")]
mod delegation;
mod goldens;
mod lists;
mod matrix;
mod plain;
mod random;
mod samples;
mod stage;
mod tenants;
mod trail;
mod unavailable;
mod world;
mod writes;
