//! What handlers take out of a request: the tenant, the parameters, the client, cookies.

pub mod client;
pub mod cookie;
pub mod form;
pub mod tenant;
