//! Grants: how an application comes to tokens for a person.

pub mod code;
pub mod scope;
