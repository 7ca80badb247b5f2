//! Imputation by the mean.

use mlsys_core::{Category, Error, FitByStatistic, Kind, Layout, Result};
use mlsys_stats::{ColumnStatistic, Infinite, Missing, MissingSummary, Moments, MomentsSummary, PerColumn};
use serde::{Deserialize, Serialize};

use crate::fitted_imputer::{all_missing, asked, fill};
use crate::{FittedImputer, Indicators};

/// Fills missing values of numeric columns with the column's mean.
///
/// ```text
/// x̄ = Σ wᵢ xᵢ / Σ wᵢ      over the rows where x is not missing
/// ```
/// | parameter | default | effect |
/// |---|---|---|
/// | `indicators` | `None` | adds `<column>_missing` columns |
///
/// **Input**: the numeric features, or with `.on(..)` exactly those, numeric or boolean; null and NaN are missing;
/// weights are used. **Output**: floats keep their type, other numbers become Float64.
///
/// **Errors**: [`ColumnType`](mlsys_core::ErrorKind::ColumnType) for a chosen feature that is not numeric,
/// [`NonFinite`](mlsys_core::ErrorKind::NonFinite) for infinities,
/// [`AllMissing`](mlsys_core::ErrorKind::AllMissing) for a column without values.
///
/// One pass, mergeable; state 9 numbers per column.
///
/// ```
/// use mlsys_core::{Dataset, Fit, arrow::array::{Float64Array, RecordBatch}};
/// use mlsys_missing_values::MeanImputer;
/// use std::sync::Arc;
///
/// let x = Arc::new(Float64Array::from(vec![Some(1.0), None, Some(4.0)]));
/// let train = Dataset::new(RecordBatch::try_from_iter([("x", x as _)])?)?.into_train_all();
/// let imputer = MeanImputer::new().fit(&train)?;
/// assert_eq!(imputer.value("x").and_then(|v| v.as_f64()), Some(2.5));
/// # Ok::<(), mlsys_core::Error>(())
/// ```
///
/// **Misleads**: it shrinks the column's variance, and outliers move it; for skewed columns use
/// [`MedianImputer`](crate::MedianImputer). Values that are not missing at random bias it: keep the indicators.
///
/// Little and Rubin, *Statistical Analysis with Missing Data*, 3rd edition, 2019, section 4.2.1.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[must_use = "a recipe does nothing until it is fitted"]
pub struct MeanImputer {
    indicators: Indicators,
}

impl MeanImputer {
    /// An imputer without indicator columns.
    pub fn new() -> Self {
        Self::default()
    }

    /// Which indicator columns to add.
    pub fn indicators(mut self, indicators: Indicators) -> Self {
        self.indicators = indicators;
        self
    }
}

impl FitByStatistic for MeanImputer {
    type Statistic = (PerColumn<Moments>, PerColumn<Missing>);
    type Fitted = FittedImputer;

    fn statistic(&self, layout: &Layout) -> Result<Self::Statistic> {
        let columns = layout.features_for("MeanImputer", Kind::is_number, Kind::is_numeric, "numeric")?;
        let moments =
            Moments::new().order(2).infinite(Infinite::Refuse).over(columns.clone()).weighted_as(layout);
        Ok((moments, Missing::new().over(asked(self.indicators, columns)).weighted_as(layout)))
    }

    fn fitted(
        &self,
        layout: &Layout,
        (moments, missing): (Vec<(String, MomentsSummary)>, Vec<(String, MissingSummary)>),
    ) -> Result<FittedImputer> {
        let one = |(name, moments): (String, MomentsSummary)| {
            let missing = missing.iter().any(|(column, found)| *column == name && found.missing() > 0);
            if moments.count() == 0 {
                return Err(all_missing(&name));
            }
            if !moments.mean().is_finite() {
                return Err(Error::invalid_value(
                    &name,
                    None,
                    "values whose mean overflows",
                    "of a smaller scale",
                ));
            }
            fill(layout, &name, Category::Float(moments.mean()), self.indicators, missing)
        };
        Ok(FittedImputer::new(moments.into_iter().map(one).collect::<Result<_>>()?, true))
    }
}
