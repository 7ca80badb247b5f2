#![doc = include_str!("../README.md")]

mod aggregate;
#[cfg(feature = "ballista")]
pub mod cluster;
#[cfg(feature = "ballista")]
mod codec;
mod error;
pub mod expr;
mod frame;
mod functions;
mod on;
mod row_function;
mod sql;
mod wire;

#[cfg(feature = "ballista")]
pub use codec::Codec;
pub use datafusion;

pub use frame::{Collected, Frame};
pub use functions::Functions;
pub use on::{
    fit_on, ks_on, predict_on, predict_proba_on, profile_by_on, profile_on, psi_on, sample_on, transform_on,
};
