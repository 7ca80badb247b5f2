//! The fitted types of this crate, for loading artefacts.

use mlsys_core::Registry;

use crate::{
    FittedBinner, FittedLogTransformer, FittedNormalizer, FittedOneHotEncoder, FittedOrdinalEncoder,
    FittedPowerTransformer, FittedQuantileTransformer, FittedScaler, FittedStandardScaler, FittedWinsorizer,
    FittedWoeBinner,
};

/// Adds the fitted types of this crate to a registry.
pub fn register(registry: Registry) -> Registry {
    registry
        .transform::<FittedStandardScaler>()
        .transform::<FittedScaler>()
        .transform::<FittedBinner>()
        .transform::<FittedLogTransformer>()
        .transform::<FittedNormalizer>()
        .transform::<FittedWinsorizer>()
        .transform::<FittedWoeBinner>()
        .transform::<FittedPowerTransformer>()
        .transform::<FittedQuantileTransformer>()
        .transform::<FittedOrdinalEncoder>()
        .transform::<FittedOneHotEncoder>()
}
