//! Imputation by the most frequent value.

use mlsys_core::{Error, FitByStatistic, Kind, Layout, Result};
use mlsys_stats::{ColumnStatistic, Counts, CountsSummary, Infinite, PerColumn};
use serde::{Deserialize, Serialize};

use crate::fitted_imputer::{all_missing, fill};
use crate::{FittedImputer, Indicators};

/// Fills missing values of any column with its most frequent value, the smallest of equally frequent ones.
///
/// | parameter | default | range | effect |
/// |---|---|---|---|
/// | `indicators` | `None` | | adds `<column>_missing` columns |
/// | `max_distinct` | 1,048,576 | 1 or more | a column with more distinct values is an error |
///
/// **Input**: features of text, booleans, numbers, dates and times; null and NaN are missing; weights are used.
/// **Output**: columns keep their type; dictionaries become plain.
///
/// **Errors**: [`ColumnType`](mlsys_core::ErrorKind::ColumnType) for nested columns,
/// [`NonFinite`](mlsys_core::ErrorKind::NonFinite) for infinities,
/// [`AllMissing`](mlsys_core::ErrorKind::AllMissing) for a column without values,
/// [`InvalidValue`](mlsys_core::ErrorKind::InvalidValue) past `max_distinct`.
///
/// One pass, mergeable; state about 48 bytes per distinct value of a column.
///
/// ```
/// use mlsys_core::{Dataset, Fit, arrow::array::{RecordBatch, StringArray}};
/// use mlsys_missing_values::MostFrequentImputer;
/// use std::sync::Arc;
///
/// let x = Arc::new(StringArray::from(vec![Some("b"), None, Some("a"), Some("b")]));
/// let train = Dataset::new(RecordBatch::try_from_iter([("x", x as _)])?)?.into_train_all();
/// let imputer = MostFrequentImputer::new().fit(&train)?;
/// assert_eq!(imputer.value("x").map(ToString::to_string), Some("b".into()));
/// # Ok::<(), mlsys_core::Error>(())
/// ```
///
/// **Misleads**: for a column without a dominant value it invents one. A missing category is often better:
/// [`ConstantImputer`](crate::ConstantImputer) with a word of its own.
///
/// Little and Rubin, *Statistical Analysis with Missing Data*, 3rd edition, 2019, section 4.2.1.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[must_use = "a recipe does nothing until it is fitted"]
pub struct MostFrequentImputer {
    indicators: Indicators,
    max_distinct: usize,
}

impl Default for MostFrequentImputer {
    fn default() -> Self {
        Self { indicators: Indicators::None, max_distinct: 1 << 20 }
    }
}

impl MostFrequentImputer {
    /// An imputer without indicator columns.
    pub fn new() -> Self {
        Self::default()
    }

    /// Which indicator columns to add.
    pub fn indicators(mut self, indicators: Indicators) -> Self {
        self.indicators = indicators;
        self
    }

    /// How many distinct values a column may have.
    pub fn max_distinct(mut self, max_distinct: usize) -> Self {
        self.max_distinct = max_distinct;
        self
    }
}

impl FitByStatistic for MostFrequentImputer {
    type Statistic = PerColumn<Counts>;
    type Fitted = FittedImputer;

    fn statistic(&self, layout: &Layout) -> Result<Self::Statistic> {
        if self.max_distinct == 0 {
            return Err(Error::invalid_parameter("MostFrequentImputer", "max_distinct", 0, "1 or more"));
        }
        let accepts = |kind| kind != Kind::Other;
        let columns = layout.features_for(
            "MostFrequentImputer",
            accepts,
            accepts,
            "text, booleans, numbers or times",
        )?;
        Ok(Counts::new().cap(self.max_distinct).infinite(Infinite::Refuse).over(columns).weighted_as(layout))
    }

    fn fitted(&self, layout: &Layout, counts: Vec<(String, CountsSummary)>) -> Result<FittedImputer> {
        let one = |(name, counts): (String, CountsSummary)| {
            if counts.values.is_none() {
                let found = format!("more than {} distinct values", self.max_distinct);
                return Err(Error::invalid_value(
                    &name,
                    None,
                    found,
                    "a column with fewer (or raise `max_distinct`)",
                ));
            }
            let value = counts.most_frequent().ok_or_else(|| all_missing(&name))?.value.clone();
            fill(layout, &name, value, self.indicators, counts.missing > 0)
        };
        Ok(FittedImputer::new(counts.into_iter().map(one).collect::<Result<_>>()?, false))
    }
}
