#![doc = include_str!("../README.md")]

mod catalogue;
mod chained;
mod constant_imputer;
mod draws;
mod equation;
mod fitted_imputer;
mod fitted_iterative_imputer;
mod fitted_knn_imputer;
mod iterative_imputer;
mod knn_imputer;
mod mean_imputer;
mod median_imputer;
mod most_frequent_imputer;
mod multiple_imputer;
mod pool;
mod register;

pub use catalogue::catalogue;
pub use constant_imputer::{ConstantImputer, IntoFill};
pub use fitted_imputer::{FittedImputer, Indicators};
pub use fitted_iterative_imputer::{FittedIterativeImputer, ImputationRound, ImputedColumn};
pub use fitted_knn_imputer::FittedKnnImputer;
pub use iterative_imputer::{ImputationMethod, ImputationOrder, IterativeImputer, Matching};
pub use knn_imputer::{KnnImputer, KnnMetric, KnnWeights};
pub use mean_imputer::MeanImputer;
pub use median_imputer::MedianImputer;
pub use most_frequent_imputer::MostFrequentImputer;
pub use multiple_imputer::{CompletedTable, MultipleImputer};
pub use pool::{Pooled, pool};
pub use register::register;
