//! The domain as a whole, in memory: given commands, when a command, then events or a refusal.

mod diagnostic;
mod golden;
mod invariants;
mod recorded;
mod samples;
mod scenario;
mod secrecy;
