//! The fitted types of this crate, for loading artefacts.

use mlsys_core::Registry;

use crate::{
    FittedGroupedImputer, FittedImputer, FittedIterativeImputer, FittedKnnImputer, FittedMissingThreshold,
    FittedRandomDonorImputer,
};

/// Adds the fitted types of this crate to a registry.
pub fn register(registry: Registry) -> Registry {
    registry
        .transform::<FittedImputer>()
        .transform::<FittedIterativeImputer>()
        .transform::<FittedKnnImputer>()
        .transform::<FittedMissingThreshold>()
        .transform::<FittedGroupedImputer>()
        .transform::<FittedRandomDonorImputer>()
}
