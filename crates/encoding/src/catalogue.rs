//! The one-pass recipes of this crate, by name.

use mlsys_core::Catalogue;

use crate::{OneHotEncoder, OrdinalEncoder, StandardScaler};

/// The one-pass recipes of this crate.
pub fn catalogue() -> Catalogue {
    Catalogue::new()
        .recipe::<OneHotEncoder>("OneHotEncoder")
        .recipe::<OrdinalEncoder>("OrdinalEncoder")
        .recipe::<StandardScaler>("StandardScaler")
}
