//! The statistics of this crate, for running them in another process.

use mlsys_core::Catalogue;
use mlsys_core::catalogue::Agreement::{Exact, Rounding, Sketch};

use crate::{
    Contingency, Counts, Covariance, Distinct, HeavyHitters, Histogram, MinMax, Missing, Moments, PerColumn,
    Profile, Quantiles, TargetByCategory,
};

/// The statistics of this crate. Weights that are no whole numbers add rounding to the exact ones.
pub fn catalogue() -> Catalogue {
    Catalogue::new()
        .statistic::<Contingency>(Exact)
        .statistic::<Covariance>(Rounding(1e-11))
        .statistic::<PerColumn<Counts>>(Exact)
        .statistic::<PerColumn<Distinct>>(Exact)
        .statistic::<PerColumn<HeavyHitters>>(Sketch)
        .statistic::<PerColumn<Histogram>>(Exact)
        .statistic::<PerColumn<MinMax>>(Exact)
        .statistic::<PerColumn<Missing>>(Exact)
        .statistic::<PerColumn<Moments>>(Rounding(1e-11))
        .statistic::<PerColumn<Quantiles>>(Sketch)
        .statistic::<Profile>(Sketch)
        .statistic::<TargetByCategory>(Rounding(1e-11))
}
