//! The fitted types of this crate, for loading artefacts.

use mlsys_core::Registry;

use crate::text::{FittedHashingVectorizer, FittedVectorizer};
use crate::{
    FittedCategoryEncoder, FittedFeatureHasher, FittedOneHotEncoder, FittedOrdinalEncoder, FittedScaler,
    FittedStandardScaler, FittedTargetEncoder,
};

/// Adds the fitted types of this crate to a registry.
pub fn register(registry: Registry) -> Registry {
    registry
        .transform::<FittedStandardScaler>()
        .transform::<FittedScaler>()
        .transform::<FittedCategoryEncoder>()
        .transform::<FittedFeatureHasher>()
        .transform::<FittedHashingVectorizer>()
        .transform::<FittedVectorizer>()
        .transform::<FittedTargetEncoder>()
        .transform::<FittedOrdinalEncoder>()
        .transform::<FittedOneHotEncoder>()
}
