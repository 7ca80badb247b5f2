#![doc = include_str!("../README.md")]

mod ampute;
mod catalogue;
mod chain;
mod chained;
mod class_equation;
mod constant_imputer;
mod delete;
mod diagnose;
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
mod ordered_fill;
mod pool;
mod register;
mod regress;
mod variable;

pub use ampute::{Ampute, AmputeBy};
pub use catalogue::catalogue;
pub use constant_imputer::{ConstantImputer, IntoFill};
pub use delete::{
    CompleteCases, DeletionReport, DroppedColumn, FittedMissingThreshold, MissingThreshold, Shift,
};
pub use diagnose::{
    Flux, Link, LittleMcar, LittleMcarReport, MarEvidence, Mechanism, MissingColumn, MissingPattern,
    MissingPatterns, MissingPatternsState, MissingPatternsSummary, MissingReport, PatternMoments,
    mar_evidence,
};
pub use fitted_imputer::{FittedImputer, Indicators};
pub use fitted_iterative_imputer::{FittedIterativeImputer, ImputationRound, ImputedCategory, ImputedColumn};
pub use fitted_knn_imputer::FittedKnnImputer;
pub use iterative_imputer::{ImputationMethod, ImputationOrder, IterativeImputer, Matching};
pub use knn_imputer::{KnnImputer, KnnMetric, KnnWeights};
pub use mean_imputer::MeanImputer;
pub use median_imputer::MedianImputer;
pub use most_frequent_imputer::MostFrequentImputer;
pub use multiple_imputer::{CompletedTable, MultipleImputer};
pub use ordered_fill::{FillBy, OrderedFill};
pub use pool::{Pooled, pool};
pub use register::register;
