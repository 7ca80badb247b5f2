//! The names that most programs need.

pub use mlsys_core::artifact;
pub use mlsys_core::read;
pub use mlsys_core::statistic::{summarize, summarize_batches, summarize_by};
pub use mlsys_core::{
    Batches, Category, Classes, Columns, Dataset, DecisionFunction, Error, ErrorKind, Fit, FitByStatistic,
    FitTransform, FitValidated, Fold, Folds, Metric, Partition, Predict, PredictProba, Prediction,
    Probabilities, Progress, Resample, Result, Role, RowTracking, Split, Statistic, Step, Test, Train,
    Transform, Unsplit, Validation,
};
#[cfg(feature = "encoding")]
pub use mlsys_encoding::{
    BinBy, BinOutput, BinaryEncoder, Binner, CalendarEncoder, CategoryCross, CountEncoder, CyclicalEncoder,
    FeatureHasher, LeaveOneOutEncoder, LogTransformer, MaxAbsScaler, MdlpBinner, MinMaxScaler, MissingAs,
    MissingTarget, Normalizer, OneHotEncoder, OrderedTargetEncoder, OrdinalEncoder, PolynomialFeatures,
    PowerTransformer, QuantileTransformer, RareGrouper, RobustScaler, SplineTransformer, StandardScaler,
    TargetEncoder, TimeSince, Unseen, UnseenTarget, Winsorizer, WoeBinner, WoeEncoder,
};
#[cfg(feature = "imbalance")]
pub use mlsys_imbalance::{
    Adasyn, Adjusted, AllKnn, BalancedBagging, BorderlineSmote, ClassSizes, ClassWeighter, ClusterCentroids,
    CondensedNearestNeighbour, CostMatrix, DynamicSampling, EasyEnsemble, EditedNearestNeighbours, Imbalance,
    ImbalanceReport, InstanceHardnessThreshold, KMeansSmote, MetaCost, NearMiss, NeighbourhoodCleaningRule,
    OneSidedSelection, PlanResample, PriorCorrection, RandomOverSampler, RandomUnderSampler, Relevance,
    RepeatedEditedNearestNeighbours, RusBoost, Smogn, SmoothedBootstrap, Smote, SmoteEnn, SmoteN, SmoteNc,
    SmoteTomek, Smoter, SvmSmote, ThresholdGoal, ThresholdTuner, TomekLinks, TwoPhase,
};
#[cfg(feature = "leakage")]
pub use mlsys_leakage::{
    ColumnPowers, LeakKind, LeakageAudit, LeakageReport, Severity, audit_artifact, audit_fitted,
};
#[cfg(feature = "missing-values")]
pub use mlsys_missing_values::{
    Ampute, CompleteCases, ConstantImputer, EndOfTailImputer, GroupedImputer, ImputationMethod,
    ImputationTrial, Indicators, IterativeImputer, KnnImputer, LittleMcar, MeanImputer, MedianImputer,
    MissingPatterns, MissingReport, MissingThreshold, ModelImputer, MostFrequentImputer, MultipleImputer,
    RandomDonorImputer, mar_evidence,
};
#[cfg(feature = "stats")]
pub use mlsys_stats::{
    ColumnStatistic, Counts, MinMax, Missing, Moments, Profile, Quantiles, TargetByCategory,
};
