//! Tokens: what was granted, whether it still counts, and what it says.

pub mod claims;
pub mod deny;
pub mod family;
pub mod introspect;
