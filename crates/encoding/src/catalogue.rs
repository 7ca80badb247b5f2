//! The one-pass recipes and the statistics of this crate, by name.

use mlsys_core::Catalogue;
use mlsys_core::catalogue::Agreement::Exact;
use mlsys_stats::PerColumn;

use crate::text::{CountVectorizer, HashingVectorizer, TfidfVectorizer, TokenCounts};
use crate::{
    BinaryEncoder, Binner, CalendarEncoder, CategoryCross, ContrastEncoder, CooccurrenceEncoder,
    CountEncoder, CrossCounts, CyclicalEncoder, FeatureHasher, FourierFeatures, LshEncoder, MaxAbsScaler,
    MinHashEncoder, MinMaxScaler, Normalizer, OneHotEncoder, OrdinalEncoder, PolynomialFeatures,
    PositionEncoder, PowerTransformer, QuantileTransformer, RareGrouper, RobustScaler, SplineTransformer,
    StandardScaler, TimeSince, Winsorizer,
};

/// The one-pass recipes and the statistics of this crate.
pub fn catalogue() -> Catalogue {
    Catalogue::new()
        .recipe::<BinaryEncoder>("BinaryEncoder")
        .recipe::<CalendarEncoder>("CalendarEncoder")
        .recipe::<CategoryCross>("CategoryCross")
        .recipe::<ContrastEncoder>("ContrastEncoder")
        .recipe::<CooccurrenceEncoder>("CooccurrenceEncoder")
        .recipe::<CountEncoder>("CountEncoder")
        .recipe::<CountVectorizer>("CountVectorizer")
        .recipe::<CyclicalEncoder>("CyclicalEncoder")
        .recipe::<FeatureHasher>("FeatureHasher")
        .recipe::<FourierFeatures>("FourierFeatures")
        .recipe::<HashingVectorizer>("HashingVectorizer")
        .recipe::<LshEncoder>("LshEncoder")
        .recipe::<Binner>("Binner")
        .recipe::<MaxAbsScaler>("MaxAbsScaler")
        .recipe::<MinHashEncoder>("MinHashEncoder")
        .recipe::<MinMaxScaler>("MinMaxScaler")
        .recipe::<Normalizer>("Normalizer")
        .recipe::<OneHotEncoder>("OneHotEncoder")
        .recipe::<OrdinalEncoder>("OrdinalEncoder")
        .recipe::<PolynomialFeatures>("PolynomialFeatures")
        .recipe::<PositionEncoder>("PositionEncoder")
        .recipe::<RareGrouper>("RareGrouper")
        .recipe::<PowerTransformer>("PowerTransformer")
        .recipe::<QuantileTransformer>("QuantileTransformer")
        .recipe::<RobustScaler>("RobustScaler")
        .recipe::<SplineTransformer>("SplineTransformer")
        .recipe::<StandardScaler>("StandardScaler")
        .recipe::<TfidfVectorizer>("TfidfVectorizer")
        .recipe::<TimeSince>("TimeSince")
        .statistic::<CrossCounts>(Exact)
        .statistic::<PerColumn<TokenCounts>>(Exact)
        .recipe::<Winsorizer>("Winsorizer")
}
