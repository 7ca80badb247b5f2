//! The fitted types of this crate, for loading artefacts.

use mlsys_core::Registry;

use crate::{FittedImputer, FittedIterativeImputer, FittedKnnImputer, FittedMissingThreshold};

/// Adds the fitted types of this crate to a registry.
pub fn register(registry: Registry) -> Registry {
    registry
        .transform::<FittedImputer>()
        .transform::<FittedIterativeImputer>()
        .transform::<FittedKnnImputer>()
        .transform::<FittedMissingThreshold>()
}
