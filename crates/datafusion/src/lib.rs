#![doc = include_str!("../README.md")]

mod aggregate;
mod error;
mod frame;
mod functions;
mod on;
mod row_function;
mod sql;
mod wire;

pub use datafusion;

pub use frame::{Collected, Frame};
pub use functions::Functions;
pub use on::{
    fit_on, ks_on, predict_on, predict_proba_on, profile_by_on, profile_on, psi_on, sample_on, transform_on,
};
