#![doc = include_str!("../README.md")]

mod catalogue;
mod category_table;
mod cross_fit;
mod fitted_scaler;
mod fitted_target_encoder;
mod leave_one_out_encoder;
mod max_abs_scaler;
mod min_max_scaler;
mod one_hot_encoder;
mod ordered_target_encoder;
mod ordinal_encoder;
mod register;
mod robust_scaler;
mod standard_scaler;
mod target_encoder;
mod target_encoding;
mod vocabulary;
mod woe_encoder;

pub use catalogue::catalogue;
pub use cross_fit::{CrossFit, FoldBy};
pub use fitted_scaler::FittedScaler;
pub use fitted_target_encoder::{FittedTargetEncoder, MissingTarget, UnseenTarget};
pub use leave_one_out_encoder::{Alone, LeaveOneOutEncoder};
pub use max_abs_scaler::MaxAbsScaler;
pub use min_max_scaler::MinMaxScaler;
pub use one_hot_encoder::{
    FittedOneHotEncoder, MinFrequency, MissingAs, OneHotEncoder, OneHotOutput, Unseen,
};
pub use ordered_target_encoder::{OrderedTargetEncoder, RowOrder};
pub use ordinal_encoder::{FittedOrdinalEncoder, OrdinalEncoder, UnseenCode};
pub use register::register;
pub use robust_scaler::RobustScaler;
pub use standard_scaler::{Center, FittedStandardScaler, Scale, StandardScaler};
pub use target_encoder::{Smoothing, TargetEncoder};
pub use woe_encoder::WoeEncoder;
