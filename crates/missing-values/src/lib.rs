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
mod end_of_tail_imputer;
mod equation;
mod fitted_imputer;
mod fitted_iterative_imputer;
mod fitted_knn_imputer;
mod grouped_imputer;
mod iterative_imputer;
mod judge;
mod knn_imputer;
mod mean_imputer;
mod median_imputer;
mod model_imputer;
mod most_frequent_imputer;
mod multiple_imputer;
mod ordered_fill;
mod pool;
mod random_donor_imputer;
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
pub use end_of_tail_imputer::{EndOfTailImputer, Tail, TailEnd};
pub use fitted_imputer::{FittedImputer, Indicators};
pub use fitted_iterative_imputer::{FittedIterativeImputer, ImputationRound, ImputedCategory, ImputedColumn};
pub use fitted_knn_imputer::FittedKnnImputer;
pub use grouped_imputer::{FittedGroupedImputer, GroupedImputer};
pub use iterative_imputer::{ImputationMethod, ImputationOrder, IterativeImputer, Matching};
pub use judge::{ImputationScore, ImputationScores, ImputationTrial, ImputerSummary};
pub use knn_imputer::{KnnImputer, KnnMetric, KnnWeights};
pub use mean_imputer::MeanImputer;
pub use median_imputer::MedianImputer;
pub use model_imputer::{FittedModelImputer, ModelImputer, ModelRound, NoModel};
pub use most_frequent_imputer::MostFrequentImputer;
pub use multiple_imputer::{CompletedTable, MultipleImputer};
pub use ordered_fill::{FillBy, OrderedFill};
pub use pool::{Pooled, pool};
pub use random_donor_imputer::{FittedRandomDonorImputer, RandomDonorImputer};
pub use register::register;
