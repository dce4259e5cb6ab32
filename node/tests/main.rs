//! The real `conclave`, started as an operator starts it: on loopback, on free ports, in folders that go with the test.
//!
//! What is looked at is what an operator sees: the exit code, the one line, the status.

mod conclave;

mod configuration;
mod damage;
mod demo;
mod full_disk;
mod http;
mod keys;
mod life;
mod members;
mod switch;
