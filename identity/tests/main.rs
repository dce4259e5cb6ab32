//! The domain as a whole, in memory: given commands, when a command, then events or a refusal.

mod start;
