//! The one-pass recipes of this crate, by name.

use mlsys_core::Catalogue;

use crate::{
    Binner, MaxAbsScaler, MinMaxScaler, Normalizer, OneHotEncoder, OrdinalEncoder, PowerTransformer,
    QuantileTransformer, RobustScaler, StandardScaler, Winsorizer,
};

/// The one-pass recipes of this crate.
pub fn catalogue() -> Catalogue {
    Catalogue::new()
        .recipe::<Binner>("Binner")
        .recipe::<MaxAbsScaler>("MaxAbsScaler")
        .recipe::<MinMaxScaler>("MinMaxScaler")
        .recipe::<Normalizer>("Normalizer")
        .recipe::<OneHotEncoder>("OneHotEncoder")
        .recipe::<OrdinalEncoder>("OrdinalEncoder")
        .recipe::<PowerTransformer>("PowerTransformer")
        .recipe::<QuantileTransformer>("QuantileTransformer")
        .recipe::<RobustScaler>("RobustScaler")
        .recipe::<StandardScaler>("StandardScaler")
        .recipe::<Winsorizer>("Winsorizer")
}
