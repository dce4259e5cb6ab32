//! What libFuzzer drives (`fuzz/run`): for each room that reads what strangers send, a function from any bytes to nothing
//! that panics when something does not hold which must always hold. That nothing panics is the least of it.
//!
//! It owns no rule and is linked into nothing. `TARGETS` is also run by a plain test over the files of `corpus/`, so
//! that an input that once led to a failure stays tried in every build.

pub mod audit;
pub mod body;
pub mod cursor;
pub mod filter;
mod ground;
pub mod jose;
pub mod list;
pub mod oidc;

// The stage of the management API's own tests: one of each noun, so that a new noun is fuzzed without a line here.
#[allow(dead_code, unreachable_pub, reason = "they are the modules of a test binary")]
#[path = "../../api/management/tests/main/samples.rs"]
mod samples;
#[allow(dead_code, unreachable_pub, reason = "they are the modules of a test binary")]
#[path = "../../api/management/tests/main/stage.rs"]
mod stage;
#[allow(dead_code, unreachable_pub, reason = "they are the modules of a test binary")]
#[path = "../../api/management/tests/main/world.rs"]
mod world;

/// A target by its name, which is that of its program and of its folder in `corpus/`.
pub type Target = (&'static str, fn(&[u8]));

/// Every target.
pub const TARGETS: &[Target] = &[
    ("audit", audit::check),
    ("body", body::check),
    ("cursor", cursor::check),
    ("filter", filter::check),
    ("jose", jose::check),
    ("list", list::check),
    ("oidc", oidc::check),
];
