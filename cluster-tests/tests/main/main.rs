//! Whole clusters of real processes under what may happen to them. Each test has the machine for itself.
#![allow(clippy::disallowed_methods, reason = "tests stand outside: they measure by this machine's clock")]

mod b2b;
mod cases;
mod clocks;
mod disabled;
mod five;
mod kills;
mod members;
mod partitions;
mod races;
mod restarts;
mod revocation;
mod storm;
mod versions;
