//! The statistics of this crate, for running them in another process.

use mlsys_core::Catalogue;
use mlsys_core::catalogue::Agreement::{Draw, Exact};

use crate::sample::{BottomK, RowReservoir};

/// The statistics of this crate.
pub fn catalogue() -> Catalogue {
    Catalogue::new().statistic::<BottomK>(Exact).statistic::<RowReservoir>(Draw)
}
