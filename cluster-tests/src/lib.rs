//! What the tests of a whole cluster are made of: real processes, real sockets, real signals, networks that can be cut.
//!
//! `binary` builds the program; `operator` gives it the commands that a person would give; `cluster` keeps the nodes
//! and what happens to them, on this machine's loopback or in a `network` of its own. `application` and `browser` are
//! the outside world; `load` lets them work while something breaks, and writes a `history`; `watch` looks whether
//! somebody is still let in. `check` judges a history: one property a file.
//!
//! Nothing here is mocked, and nothing here knows how a node works inside.

// The tests stand outside the cluster: they measure by this machine's clock, and read its environment.
#![allow(clippy::disallowed_methods)]

pub mod binary;
pub mod turn;
pub mod wait;

pub mod network;
pub mod process;

pub mod http;

pub mod cluster;
pub mod layout;
pub mod operator;

pub mod administration;
pub mod application;
pub mod browser;
pub mod world;

pub mod check;
pub mod figures;
pub mod history;
pub mod load;
pub mod watch;
