#![doc = include_str!("../README.md")]

mod ascending;
pub mod association;
pub mod bootstrap;
mod catalogue;
pub mod column;
mod contingency;
mod counted;
mod counts;
mod covariance;
pub mod distance;
mod distinct;
mod distribution;
mod heavy_hitters;
mod histogram;
pub mod hypothesis;
mod kll;
mod min_max;
mod missing;
mod moments;
pub mod normal;
mod profile;
mod quantiles;
pub mod solve;
mod student_t;
mod target_by_category;

pub use catalogue::catalogue;
pub use column::{Column, ColumnStatistic, Infinite, PerColumn, Retract};
pub use contingency::{Contingency, ContingencyState, ContingencySummary};
pub use counts::{Count, Counts, CountsState, CountsSummary};
pub use covariance::{Covariance, CovarianceState, CovarianceSummary};
pub use distinct::{Distinct, DistinctState, DistinctSummary};
pub use distribution::Distribution;
pub use heavy_hitters::{HeavyHitters, HeavyHittersState, HeavyHittersSummary};
pub use histogram::{Histogram, HistogramState, HistogramSummary};
pub use kll::Kll;
pub use min_max::{MinMax, MinMaxState, MinMaxSummary};
pub use missing::{Missing, MissingState, MissingSummary};
pub use moments::{Moments, MomentsState, MomentsSummary};
pub use profile::{ColumnChange, ColumnSummary, Profile, ProfileComparison, ProfileReport, ProfileState};
pub use quantiles::{Exactness, Quantiles, QuantilesState, QuantilesSummary};
pub use student_t::student_t_quantile;
pub use target_by_category::{
    CategorySpread, Spread, TargetAs, TargetByCategory, TargetByCategoryState, TargetByCategorySummary,
    TargetCells, TargetValues,
};
