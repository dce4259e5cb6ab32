//! Agreement: identity commands in one log, the same on every node, and what may be read when.
//!
//! [`Cluster`] is all that the rest of the node needs: `submit` a command, take a `view`, ask for the `status`. Inside,
//! openraft agrees on the log (`log_store` keeps it through `storage`), and `state_machine` runs what is committed.
//! Deliberately absent: what commands mean (`machine` is the port to it), HTTP, and the system's clocks (`clock`).
//!
//! No type of openraft is seen from outside, and none of its encodings is stored or sent (`frames`): its shapes change.
#![cfg_attr(not(test), deny(clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing))]

mod carrier;
mod changes;
mod clock;
mod cluster;
mod digests;
mod fatal;
mod forward;
mod frames;
mod freshness;
mod handover;
mod log_store;
mod machine;
mod membership;
mod neighbours;
mod network;
mod pack;
mod peers;
mod pool;
mod position;
mod prober;
mod propose;
mod replicate;
mod retention;
mod scrub;
mod settings;
mod standing;
mod start;
mod state_machine;
mod status;
mod types;

pub use changes::Change;
pub use clock::{Clock, ManualClock, Stamp, Stamper};
pub use cluster::{Cluster, Config, Error, PeerSide, Ports};
pub use fatal::{Cause, Fatal, OnFatal};
pub use freshness::{Freshness, Unavailable, WAIT_MAX};
pub use machine::{Machine, Ran, Step};
pub use membership::{Members, Step as MemberStep, Wanted, spare};
pub use neighbours::{About, CLOCK_OFF_MAX_MS, Neighbour};
pub use peers::names::names;
pub use peers::server::Door;
pub use peers::tls::{Credentials, Tls, Unusable};
pub use peers::{Invitation, join};
pub use position::Position;
pub use propose::{COMMAND_BYTES_MAX, NotApplied, Submitted};
pub use retention::Retention;
pub use settings::{Timing, threads};
pub use status::{Role, Status};
pub use types::Peer;
