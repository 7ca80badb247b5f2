//! The one-pass recipes and the statistics of this crate, by name.

use mlsys_core::Catalogue;
use mlsys_core::catalogue::Agreement::Exact;
use mlsys_stats::PerColumn;

use crate::text::{CountVectorizer, HashingVectorizer, TfidfVectorizer, TokenCounts};
use crate::{
    BinaryEncoder, ContrastEncoder, CountEncoder, FeatureHasher, MaxAbsScaler, MinMaxScaler, OneHotEncoder,
    OrdinalEncoder, RobustScaler, StandardScaler,
};

/// The one-pass recipes and the statistics of this crate.
pub fn catalogue() -> Catalogue {
    Catalogue::new()
        .recipe::<BinaryEncoder>("BinaryEncoder")
        .recipe::<ContrastEncoder>("ContrastEncoder")
        .recipe::<CountEncoder>("CountEncoder")
        .recipe::<CountVectorizer>("CountVectorizer")
        .recipe::<FeatureHasher>("FeatureHasher")
        .recipe::<HashingVectorizer>("HashingVectorizer")
        .recipe::<MaxAbsScaler>("MaxAbsScaler")
        .recipe::<MinMaxScaler>("MinMaxScaler")
        .recipe::<OneHotEncoder>("OneHotEncoder")
        .recipe::<OrdinalEncoder>("OrdinalEncoder")
        .recipe::<RobustScaler>("RobustScaler")
        .recipe::<StandardScaler>("StandardScaler")
        .recipe::<TfidfVectorizer>("TfidfVectorizer")
        .statistic::<PerColumn<TokenCounts>>(Exact)
}
