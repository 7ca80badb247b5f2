//! Imputation by the median.

use mlsys_core::{Category, FitByStatistic, Kind, Layout, Result};
use mlsys_stats::{
    ColumnStatistic, Infinite, Missing, MissingSummary, PerColumn, Quantiles, QuantilesSummary,
};
use serde::{Deserialize, Serialize};

use crate::fitted_imputer::{all_missing, asked, fill};
use crate::{FittedImputer, Indicators};

/// Fills missing values of numeric columns with the column's median.
///
/// With an even number of values the median is the mean of the middle two. A weight of 2 is a row twice.
///
/// | parameter | default | effect |
/// |---|---|---|
/// | `indicators` | `None` | adds `<column>_missing` columns |
/// | `quantiles` | [`Quantiles::new()`] | exact up to 131,072 distinct values, then a sketch |
///
/// **Input**: the numeric features, or with `.on(..)` exactly those, numeric or boolean; null and NaN are missing;
/// weights are used. **Output**: floats keep their type, other numbers become Float64.
///
/// **Errors**: [`ColumnType`](mlsys_core::ErrorKind::ColumnType) for a chosen feature that is not numeric,
/// [`NonFinite`](mlsys_core::ErrorKind::NonFinite) for infinities,
/// [`AllMissing`](mlsys_core::ErrorKind::AllMissing) for a column without values,
/// [`InvalidParameter`](mlsys_core::ErrorKind::InvalidParameter) from `quantiles`.
///
/// One pass, mergeable; state 16 bytes per distinct value of a column.
///
/// ```
/// use mlsys_core::{Dataset, Fit, arrow::array::{Int32Array, RecordBatch}};
/// use mlsys_missing_values::MedianImputer;
/// use std::sync::Arc;
///
/// let x = Arc::new(Int32Array::from(vec![Some(1), None, Some(4), Some(100), Some(3)]));
/// let train = Dataset::new(RecordBatch::try_from_iter([("x", x as _)])?)?.into_train_all();
/// let imputer = MedianImputer::new().fit(&train)?;
/// assert_eq!(imputer.value("x").and_then(|v| v.as_f64()), Some(3.5));
/// # Ok::<(), mlsys_core::Error>(())
/// ```
///
/// **Misleads**: it piles values on one point; models that split there see a spike. Keep the indicators.
///
/// Little and Rubin, *Statistical Analysis with Missing Data*, 3rd edition, 2019, section 4.2.1.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[must_use = "a recipe does nothing until it is fitted"]
pub struct MedianImputer {
    indicators: Indicators,
    quantiles: Quantiles,
}

impl MedianImputer {
    /// An imputer without indicator columns.
    pub fn new() -> Self {
        Self::default()
    }

    /// Which indicator columns to add.
    pub fn indicators(mut self, indicators: Indicators) -> Self {
        self.indicators = indicators;
        self
    }

    /// How the median is found, for columns with very many distinct values.
    pub fn quantiles(mut self, quantiles: Quantiles) -> Self {
        self.quantiles = quantiles;
        self
    }
}

impl FitByStatistic for MedianImputer {
    type Statistic = (PerColumn<Quantiles>, PerColumn<Missing>);
    type Fitted = FittedImputer;

    fn statistic(&self, layout: &Layout) -> Result<Self::Statistic> {
        let columns = layout.features_for("MedianImputer", Kind::is_number, Kind::is_numeric, "numeric")?;
        let quantiles = self.quantiles.infinite(Infinite::Refuse).over(columns.clone()).weighted_as(layout);
        Ok((quantiles, Missing::new().over(asked(self.indicators, columns)).weighted_as(layout)))
    }

    fn fitted(
        &self,
        layout: &Layout,
        (quantiles, missing): (Vec<(String, QuantilesSummary)>, Vec<(String, MissingSummary)>),
    ) -> Result<FittedImputer> {
        let one = |(name, quantiles): (String, QuantilesSummary)| {
            let missing = missing.iter().any(|(column, found)| *column == name && found.missing() > 0);
            let median = quantiles.median().ok_or_else(|| all_missing(&name))?;
            fill(layout, &name, Category::Float(median), self.indicators, missing)
        };
        Ok(FittedImputer::new(quantiles.into_iter().map(one).collect::<Result<_>>()?, true))
    }
}
