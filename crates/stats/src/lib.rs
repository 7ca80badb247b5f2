#![doc = include_str!("../README.md")]

pub mod bootstrap;
pub mod column;
mod counted;
mod counts;
pub mod hypothesis;
mod kll;
mod min_max;
mod missing;
mod moments;
mod profile;
mod quantiles;
pub mod solve;

pub use column::{Column, ColumnStatistic, Infinite, PerColumn};
pub use counts::{Count, Counts, CountsState, CountsSummary};
pub use kll::Kll;
pub use min_max::{MinMax, MinMaxState, MinMaxSummary};
pub use missing::{Missing, MissingState, MissingSummary};
pub use moments::{Moments, MomentsState, MomentsSummary};
pub use profile::{ColumnSummary, Profile, ProfileReport, ProfileState};
pub use quantiles::{Exactness, Quantiles, QuantilesState, QuantilesSummary};
