//! The fitted types of this crate, for loading artefacts.

use mlsys_core::Registry;

use crate::{
    FittedBinner, FittedOneHotEncoder, FittedOrdinalEncoder, FittedQuantileTransformer, FittedScaler,
    FittedStandardScaler,
};

/// Adds the fitted types of this crate to a registry.
pub fn register(registry: Registry) -> Registry {
    registry
        .transform::<FittedStandardScaler>()
        .transform::<FittedScaler>()
        .transform::<FittedBinner>()
        .transform::<FittedQuantileTransformer>()
        .transform::<FittedOrdinalEncoder>()
        .transform::<FittedOneHotEncoder>()
}
