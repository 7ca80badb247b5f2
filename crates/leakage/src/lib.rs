#![doc = include_str!("../README.md")]

mod ablation;
mod across;
mod adversarial_validation;
mod audit;
mod column_watch;
mod columns;
mod finding;
mod fitted;
mod mutation;
mod point_in_time;
mod report;
mod wear;

pub use ablation::{Ablation, AblationReport, Removed};
pub use across::duplicates::{DuplicatesAcross, duplicates_across, duplicates_across_batches};
pub use across::near_duplicates::{NearDuplicates, NearDuplicatesAcross};
pub use adversarial_validation::{AdversarialColumn, AdversarialReport, AdversarialValidation};
pub use audit::LeakageAudit;
pub use column_watch::ColumnWatch;
pub use columns::column_power::{ColumnPower, ColumnPowers, ConditionalPower};
pub use columns::power;
pub use finding::{Finding, LeakKind, OffendingRows, Severity};
pub use fitted::{audit_artifact, audit_fitted};
pub use mutation::{Mutation, MutationTest};
pub use point_in_time::{Aggregate, AggregateAudit, AsOfAudit, AvailabilityAudit};
pub use report::{LeakageFound, LeakageReport, Skipped};
pub use wear::{Evaluation, Ladder, Released, TestLedger, Wear, optimism, optimism_adaptive};
