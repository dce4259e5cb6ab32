//! The cluster's own records: which nodes belong to it, what each is wanted as, and who may join.

pub mod address;
pub mod version;
