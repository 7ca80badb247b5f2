#![doc = include_str!("../README.md")]

mod finding;
mod report;

pub use finding::{Finding, LeakKind, OffendingRows, Severity};
pub use report::{LeakageFound, LeakageReport, Skipped};
