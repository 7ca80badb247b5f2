//! The fitted types of this crate, for loading artefacts.

use mlsys_core::Registry;

use crate::text::{FittedHashingVectorizer, FittedVectorizer};
use crate::{
    FittedCalendarEncoder, FittedCategoryCross, FittedCategoryEncoder, FittedCyclicalEncoder,
    FittedFeatureHasher, FittedFourierFeatures, FittedLshEncoder, FittedMinHashEncoder, FittedOneHotEncoder,
    FittedOrdinalEncoder, FittedPolynomialFeatures, FittedPositionEncoder, FittedRareGrouper, FittedScaler,
    FittedSplineTransformer, FittedStandardScaler, FittedTargetEncoder, FittedTimeSince,
};

/// Adds the fitted types of this crate to a registry.
pub fn register(registry: Registry) -> Registry {
    registry
        .transform::<FittedStandardScaler>()
        .transform::<FittedScaler>()
        .transform::<FittedCalendarEncoder>()
        .transform::<FittedCategoryCross>()
        .transform::<FittedFourierFeatures>()
        .transform::<FittedLshEncoder>()
        .transform::<FittedMinHashEncoder>()
        .transform::<FittedPositionEncoder>()
        .transform::<FittedCategoryEncoder>()
        .transform::<FittedTimeSince>()
        .transform::<FittedCyclicalEncoder>()
        .transform::<FittedPolynomialFeatures>()
        .transform::<FittedRareGrouper>()
        .transform::<FittedSplineTransformer>()
        .transform::<FittedFeatureHasher>()
        .transform::<FittedHashingVectorizer>()
        .transform::<FittedVectorizer>()
        .transform::<FittedTargetEncoder>()
        .transform::<FittedOrdinalEncoder>()
        .transform::<FittedOneHotEncoder>()
}
