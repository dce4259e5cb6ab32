//! Credentials: what users and applications prove themselves by, and whether it still counts.

pub mod alive;
pub mod password;
pub mod personal_token;
pub mod secret;
pub mod service_key;
pub mod throttle;
