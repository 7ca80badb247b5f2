#![doc = include_str!("../README.md")]

#[cfg(feature = "bench")]
pub mod bench;
mod contract;
pub mod golden;
mod report;
mod rows;
mod statistic;
pub mod table;

pub use contract::{Contract, Features, Target};
pub use report::Report;
pub use rows::{FoldsContract, ResampleContract, SplitContract};
pub use statistic::{StatisticContract, streamed_fit};
