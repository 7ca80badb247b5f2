#![doc = include_str!("../README.md")]

pub mod artifact;
mod batches;
pub mod catalogue;
pub mod category;
pub mod chain;
mod classes;
mod coder;
pub mod column;
mod columns;
pub mod dataset;
mod error;
mod fit;
mod fold;
pub mod hash;
pub mod input;
pub mod metric;
mod objective;
pub mod partition;
pub mod passes;
pub mod portable;
mod progress;
pub mod read;
pub mod roles;
mod row_hash;
mod row_hash_128;
mod row_ids;
mod row_keys;
mod row_overlap;
mod row_set;
mod rows_seen;
pub mod seed;
pub mod sparse;
pub mod statistic;
mod tracked;

pub use arrow;
pub use ndarray;
pub use rand;

pub use artifact::{Artifact, LoadArtifact, NamedArtifact, Registry};
pub use batches::Batches;
pub use catalogue::Catalogue;
pub use category::{Category, Coded};
pub use chain::{BoxedFit, BoxedStep, Chain, FittedChain, Identity, On, Resampled};
pub use classes::{Classes, Probabilities};
pub use column::Kind;
pub use columns::Columns;
pub use dataset::{Dataset, Missing};
pub use error::{Error, ErrorKind, Result, first_error};
pub use fit::{
    DecisionFunction, Fit, FitByStatistic, FitTransform, FitValidated, Folds, PartialFit, Predict,
    PredictProba, Resample, Split, ThreeWay, Transform, Watch,
};
pub use fold::Fold;
pub use input::InputColumn;
pub use metric::{Direction, Estimate, Metric, Prediction};
pub use objective::{ClassLoss, Objective, ValueLoss};
pub use partition::{Partition, Test, Train, Unsplit, Validation};
pub use passes::{FitByPasses, Scan};
pub use portable::NamedStatistic;
pub use progress::{Progress, Step, silent};
pub use roles::{Layout, Role, Roles};
pub use row_keys::RowSource;
pub use row_overlap::{Comparable, RowOverlap};
pub use row_set::RowTracking;
pub use rows_seen::RowsSeen;
pub use statistic::Statistic;
pub use tracked::{FittedTracked, RowsUsed, Tracked};
