//! The cluster's own records: which nodes belong to it, what each is wanted as, and who may join.
//!
//! They are rows of the system and say what is *wanted*; Raft's membership follows them and is not kept here. Nothing
//! here knows whether a node is up, connected or caught up, and no secret comes here: a join token is made and read by
//! the node, the log holds its hash.

pub mod address;
pub mod version;

pub mod node;

pub mod membership;
pub mod token;

use crate::id::SYSTEM;
use crate::reader::Run;
use crate::refusal::Refusal;
use crate::tx::Tx;

/// Refuses a command about the cluster that was sent to a tenant's instance.
fn require_system(tx: &Tx<'_, '_>) -> Run<()> {
    if tx.instance == SYSTEM { Ok(()) } else { Err(Refusal::InvalidSpec.into()) }
}
