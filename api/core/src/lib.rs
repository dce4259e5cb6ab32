//! What every HTTP room shares: the port to the cluster, the hands of the node (entropy, keys, hashing), extractors,
//! sealed state and limits. It holds no rule of the domain and no route.

pub mod backend;
pub mod bootstrap;
pub mod extract;
pub mod flow;
pub mod keys;
pub mod limits;
pub mod memo;
pub mod passwords;
pub mod sealed_state;
pub mod secrets;
pub mod service;
pub mod solo;

pub use backend::{
    Applied, Backend, BoxFuture, Freshness, Position, Proposal, SubmitError, Unavailable, View,
};
pub use service::{Service, Settings, Submitted};
