//! Taking out what has gaps.

mod complete_cases;
mod deletion_report;
mod missing_threshold;

pub use complete_cases::CompleteCases;
pub use deletion_report::{DeletionReport, DroppedColumn, Shift};
pub use missing_threshold::{FittedMissingThreshold, MissingThreshold};
