#![doc = include_str!("../README.md")]

mod binary_encoder;
mod catalogue;
mod category_table;
mod contrast_encoder;
mod count_encoder;
mod cross_fit;
mod feature_hasher;
mod fitted_category_encoder;
mod fitted_scaler;
mod fitted_target_encoder;
mod leave_one_out_encoder;
mod max_abs_scaler;
mod min_max_scaler;
mod murmur;
mod one_hot_encoder;
mod ordered_target_encoder;
mod ordinal_encoder;
mod register;
mod robust_scaler;
mod standard_scaler;
mod target_encoder;
mod target_encoding;
pub mod text;
mod vocabulary;
mod woe_encoder;

pub use binary_encoder::{BinaryEncoder, Code};
pub use catalogue::catalogue;
pub use contrast_encoder::{Contrast, ContrastEncoder};
pub use count_encoder::{CountAs, CountEncoder};
pub use cross_fit::{CrossFit, FoldBy};
pub use feature_hasher::{CollisionReport, FeatureHasher, FittedFeatureHasher, Sign};
pub use fitted_category_encoder::{FittedCategoryEncoder, UnseenAs};
pub use fitted_scaler::FittedScaler;
pub use fitted_target_encoder::{FittedTargetEncoder, MissingTarget, UnseenTarget};
pub use leave_one_out_encoder::{Alone, LeaveOneOutEncoder};
pub use max_abs_scaler::MaxAbsScaler;
pub use min_max_scaler::MinMaxScaler;
pub use murmur::murmur3_32;
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
