#![doc = include_str!("../README.md")]

pub use mlsys_core as core;
#[cfg(feature = "encoding")]
pub use mlsys_encoding as encoding;
#[cfg(feature = "eval")]
pub use mlsys_eval as eval;
#[cfg(feature = "imbalance")]
pub use mlsys_imbalance as imbalance;
#[cfg(feature = "leakage")]
pub use mlsys_leakage as leakage;
#[cfg(feature = "missing-values")]
pub use mlsys_missing_values as missing_values;
#[cfg(feature = "models")]
pub use mlsys_models as models;
#[cfg(feature = "neighbors")]
pub use mlsys_neighbors as neighbors;
#[cfg(feature = "sampling")]
pub use mlsys_sampling as sampling;
#[cfg(feature = "stats")]
pub use mlsys_stats as stats;

pub use mlsys_core::{arrow, artifact, ndarray, rand, read};

/// The names that most programs need: `use mlsys::prelude::*;`
pub mod prelude;
mod registry;

pub use registry::{catalogue, registry};
