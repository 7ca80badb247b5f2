//! The fitted types of this crate, for loading artefacts.

use mlsys_core::Registry;

use crate::text::{FittedHashingVectorizer, FittedVectorizer};
use crate::{
    FittedBinner, FittedCalendarEncoder, FittedCategoryCross, FittedCategoryEncoder, FittedCyclicalEncoder,
    FittedFeatureHasher, FittedFourierFeatures, FittedLogTransformer, FittedLshEncoder, FittedMinHashEncoder,
    FittedNormalizer, FittedOneHotEncoder, FittedOrdinalEncoder, FittedPolynomialFeatures,
    FittedPositionEncoder, FittedPowerTransformer, FittedQuantileTransformer, FittedRareGrouper,
    FittedScaler, FittedSplineTransformer, FittedStandardScaler, FittedTargetEncoder, FittedTimeSince,
    FittedWinsorizer, FittedWoeBinner,
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
