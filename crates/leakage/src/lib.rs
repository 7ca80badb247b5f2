#![doc = include_str!("../README.md")]

mod finding;
mod mutation;
mod point_in_time;
mod report;

pub use finding::{Finding, LeakKind, OffendingRows, Severity};
pub use mutation::{Mutation, MutationTest};
pub use point_in_time::{Aggregate, AggregateAudit, AsOfAudit, AvailabilityAudit};
pub use report::{LeakageFound, LeakageReport, Skipped};
