//! The domain: what is true, and who may change it. Pure and synchronous: no I/O, clock, randomness or threads, so that
//! the same log gives the same state and the same digest on every node.
//!
//! Invariants of this crate: nothing changes a record but [`execute`]; a refusal writes nothing; every event belongs to
//! one position of the log; what is read back equals its re-encoding; no `match` on authorization has a wildcard arm.
//!
//! In reading order: small types, the port to the tables, how a command runs, then the resources.

#![cfg_attr(not(test), deny(clippy::indexing_slicing, clippy::unwrap_used, clippy::expect_used))]

// Small types.
pub mod encoding;
pub mod id;
pub mod name;
pub mod refusal;
pub mod time;

// The tables and what stands in them.
pub mod keys;
pub mod label;
pub mod reader;
pub mod record;
pub mod search;
pub mod several;
pub mod tables;

// How a command runs.
pub mod audit;
pub mod command;
pub mod digest;
pub mod envelope;
pub mod event;
pub mod execute;
pub mod keyring;
pub mod level;
pub mod permission;
pub mod sweep;
pub mod tx;

// The cluster's own records.
pub mod cluster;

// Plain resources.
pub mod change;
pub mod resource;
pub mod resources;

// What is shown of them, and to whom.
pub mod list;
pub mod see;

// The resources.
pub mod administrator;
pub mod application;
pub mod authorization;
pub mod group;
pub mod instance;
pub mod metadata;
pub mod organization;
pub mod project;
pub mod user;

// What administrators decide.
pub mod setting;

// What people and programs prove, and what they are given for it.
pub mod credential;
pub mod grant;
pub mod session;
pub mod signing_key;
pub mod token;

#[allow(clippy::unwrap_used, reason = "tests and their kit panic when something is not as they say")]
pub mod testing;
