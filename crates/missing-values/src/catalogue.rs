//! The one-pass recipes and the statistic of this crate, by name.

use mlsys_core::Catalogue;
use mlsys_core::catalogue::Agreement::Rounding;

use crate::{
    ConstantImputer, EndOfTailImputer, MeanImputer, MedianImputer, MissingPatterns, MissingThreshold,
    MostFrequentImputer, RandomDonorImputer,
};

/// The one-pass recipes and the statistic of this crate.
pub fn catalogue() -> Catalogue {
    Catalogue::new()
        .recipe::<ConstantImputer>("ConstantImputer")
        .recipe::<EndOfTailImputer>("EndOfTailImputer")
        .recipe::<MeanImputer>("MeanImputer")
        .recipe::<MedianImputer>("MedianImputer")
        .recipe::<MissingThreshold>("MissingThreshold")
        .recipe::<MostFrequentImputer>("MostFrequentImputer")
        .recipe::<RandomDonorImputer>("RandomDonorImputer")
        .statistic::<MissingPatterns>(Rounding(1e-11))
}
