//! The endpoints against a cluster of one in memory: every request goes through the real router, sign-in form included.

#![allow(unreachable_pub, clippy::unwrap_used, clippy::expect_used, clippy::indexing_slicing)]

mod authorize;
mod bad_input;
mod client;
mod code;
mod hostile;
mod jwt_bearer;
mod keys;
mod logout;
mod refresh;
mod reproof;
mod revocation;
mod roles;
mod routes;
mod secrets;
mod settings;
mod sign_in;
mod tenants;
mod tokens;
mod tools;
mod unavailable;
mod world;
