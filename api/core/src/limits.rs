//! Limits of the public side, in one place.

use std::time::Duration;

/// The largest request body, in bytes.
pub const BODY_BYTES_MAX: usize = 1024 * 1024;
/// The largest form body of an OAuth endpoint, in bytes: nothing of theirs is longer.
pub const FORM_BYTES_MAX: usize = 64 * 1024;
/// The most parameters of a form or a query.
pub const PARAMETERS_MAX: usize = 200;
/// The longest query, in bytes.
pub const QUERY_BYTES_MAX: usize = 16 * 1024;
/// The largest sealed authorization request, in bytes; a larger one needs a pushed request.
pub const FLOW_BYTES_MAX: usize = 4096;
/// How long a request may take.
pub const REQUEST_TIME_MAX: Duration = Duration::from_secs(30);
/// How old a state may be for which client credentials are checked and tokens are signed.
pub const SIGNING_STALENESS_MAX: Duration = Duration::from_secs(5);
/// How old a published key set may be.
pub const KEY_SET_STALENESS_MAX: Duration = Duration::from_secs(60);
/// The longest new password, in characters: hashing must have an end.
pub const PASSWORD_CHARS_MAX: usize = 200;
/// Password hashes at once: each takes a core for tens of milliseconds and 19 MiB.
pub const PASSWORD_BUFFERS: usize = 2;
/// Password checks that may wait for a hash; beyond, the answer is 503.
pub const PASSWORD_QUEUE_MAX: usize = 64;
