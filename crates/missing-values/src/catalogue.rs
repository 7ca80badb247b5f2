//! The one-pass recipes of this crate, by name.

use mlsys_core::Catalogue;

use crate::{ConstantImputer, MeanImputer, MedianImputer, MostFrequentImputer};

/// The one-pass recipes of this crate.
pub fn catalogue() -> Catalogue {
    Catalogue::new()
        .recipe::<ConstantImputer>("ConstantImputer")
        .recipe::<MeanImputer>("MeanImputer")
        .recipe::<MedianImputer>("MedianImputer")
        .recipe::<MostFrequentImputer>("MostFrequentImputer")
}
