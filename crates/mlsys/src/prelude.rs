//! The names that most programs need.

pub use mlsys_core::artifact;
pub use mlsys_core::read;
pub use mlsys_core::statistic::{summarize, summarize_batches, summarize_by};
pub use mlsys_core::{
    Batches, Category, Classes, Columns, Dataset, Error, ErrorKind, Fit, FitByStatistic, FitTransform, Fold,
    Folds, Metric, Partition, Predict, PredictProba, Prediction, Probabilities, Resample, Result, Role,
    Split, Statistic, Test, Train, Transform, Unsplit, Validation,
};
#[cfg(feature = "encoding")]
pub use mlsys_encoding::{
    BinaryEncoder, CalendarEncoder, CountEncoder, CyclicalEncoder, FeatureHasher, LeaveOneOutEncoder,
    MaxAbsScaler, MinMaxScaler, MissingAs, MissingTarget, OneHotEncoder, OrderedTargetEncoder,
    OrdinalEncoder, PolynomialFeatures, RareGrouper, RobustScaler, SplineTransformer, StandardScaler,
    TargetEncoder, Unseen, UnseenTarget, WoeEncoder,
};
#[cfg(feature = "missing-values")]
pub use mlsys_missing_values::{
    ConstantImputer, ImputationMethod, Indicators, IterativeImputer, KnnImputer, MeanImputer, MedianImputer,
    MostFrequentImputer, MultipleImputer,
};
#[cfg(feature = "stats")]
pub use mlsys_stats::{
    ColumnStatistic, Counts, MinMax, Missing, Moments, Profile, Quantiles, TargetByCategory,
};
