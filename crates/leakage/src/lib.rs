#![doc = include_str!("../README.md")]

mod audit;
mod columns;
mod finding;
mod report;

pub use audit::LeakageAudit;
pub use columns::column_power::{ColumnPower, ColumnPowers};
pub use columns::power;
pub use finding::{Finding, LeakKind, OffendingRows, Severity};
pub use report::{LeakageFound, LeakageReport, Skipped};
