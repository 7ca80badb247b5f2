#![doc = include_str!("../README.md")]

mod bin_names;
mod binner;
mod catalogue;
mod equal_frequency;
mod fitted_binner;
mod fitted_scaler;
mod log_transformer;
mod max_abs_scaler;
mod memo;
mod min_max_scaler;
mod normalizer;
mod one_hot_encoder;
mod ordinal_encoder;
mod quantile_transformer;
mod register;
mod robust_scaler;
mod standard_scaler;
mod vocabulary;
mod winsorizer;

pub use binner::{BinBy, Binner, QuantileRule};
pub use catalogue::catalogue;
pub use fitted_binner::{BinOutput, FittedBinner, MissingBin};
pub use fitted_scaler::FittedScaler;
pub use log_transformer::{FittedLogTransformer, Log, LogTransformer};
pub use max_abs_scaler::MaxAbsScaler;
pub use min_max_scaler::MinMaxScaler;
pub use normalizer::{FittedNormalizer, Norm, Normalizer};
pub use one_hot_encoder::{FittedOneHotEncoder, MinFrequency, MissingAs, OneHotEncoder, Unseen};
pub use ordinal_encoder::{FittedOrdinalEncoder, OrdinalEncoder, UnseenCode};
pub use quantile_transformer::{FittedQuantileTransformer, OutputDistribution, QuantileTransformer};
pub use register::register;
pub use robust_scaler::RobustScaler;
pub use standard_scaler::{Center, FittedStandardScaler, Scale, StandardScaler};
pub use winsorizer::{CapBy, FittedWinsorizer, Tails, Winsorizer};
