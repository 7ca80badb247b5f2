//! What runs on the engine equals what runs in memory.
#![allow(clippy::unwrap_used, missing_docs)]

mod bad_input;
mod memory;
mod rows;
mod sql;
mod statistics;
mod steps;
mod table;
