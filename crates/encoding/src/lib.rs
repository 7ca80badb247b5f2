#![doc = include_str!("../README.md")]

mod catalogue;
mod one_hot_encoder;
mod ordinal_encoder;
mod register;
mod standard_scaler;
mod vocabulary;

pub use catalogue::catalogue;
pub use one_hot_encoder::{FittedOneHotEncoder, MinFrequency, MissingAs, OneHotEncoder, Unseen};
pub use ordinal_encoder::{FittedOrdinalEncoder, OrdinalEncoder, UnseenCode};
pub use register::register;
pub use standard_scaler::{Center, FittedStandardScaler, Scale, StandardScaler};
