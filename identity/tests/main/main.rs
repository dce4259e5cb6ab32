//! The domain as a whole, in memory: given commands, when a command, then events or a refusal.

mod audit;
mod claims;
mod cluster;
mod codes;
mod diagnostic;
mod exports;
mod families;
mod golden;
mod grants;
mod guards;
mod invariants;
mod keys;
mod matrix;
mod nouns;
mod properties;
mod recorded;
mod requests;
mod resources;
mod samples;
mod scenario;
mod secrecy;
mod sessions;
mod settings;
mod tenancy;
mod texts;
