//! Scaling to a range.

use mlsys_core::{Category, Error, ErrorKind, FitByStatistic, InputColumn, Kind, Layout, Result};
use mlsys_stats::{ColumnStatistic, Infinite, MinMax, MinMaxSummary, PerColumn};
use serde::{Deserialize, Serialize};

use crate::fitted_scaler::{FittedScaler, Scaling};

/// Scales numeric columns to a range.
///
/// ```text
/// z = (x - min) / (max - min) (high - low) + low      (low for a constant column)
/// ```
/// | parameter | default | effect |
/// |---|---|---|
/// | `range` | 0 to 1 | `low` and `high` |
/// | `clip` | no | values beyond what was seen while fitting stay within the range |
///
/// **Input**: the features that are numbers, or with `.on(..)` exactly those, booleans included. Missing values do
/// not count and stay missing, rows of weight zero do not count. **Output**: Float32 stays Float32, all others become
/// Float64; a constant column becomes `low`, and moves on from there by the width of the range for each 1.
///
/// **Errors**: [`InvalidParameter`](mlsys_core::ErrorKind::InvalidParameter) for a range that is empty or not finite,
/// [`ColumnType`](mlsys_core::ErrorKind::ColumnType) for a chosen column that is not numeric,
/// [`NonFinite`](mlsys_core::ErrorKind::NonFinite) for infinities while fitting,
/// [`AllMissing`](mlsys_core::ErrorKind::AllMissing) for a column without values,
/// [`InvalidValue`](mlsys_core::ErrorKind::InvalidValue) when the width of the values overflows.
///
/// One pass, mergeable, exact; state 2 numbers per column.
///
/// ```
/// use mlsys_core::{Dataset, Fit, Transform, arrow::array::{AsArray, Float64Array, RecordBatch}};
/// use mlsys_core::arrow::datatypes::Float64Type;
/// use mlsys_encoding::MinMaxScaler;
/// use std::sync::Arc;
///
/// let x = Arc::new(Float64Array::from(vec![2.0, 3.0, 6.0]));
/// let train = Dataset::new(RecordBatch::try_from_iter([("x", x as _)])?)?.into_train_all();
/// let scaler = MinMaxScaler::new().range(-1.0, 1.0).fit(&train)?;
/// let scaled = scaler.transform(train.batch())?;
/// assert_eq!(scaled.column(0).as_primitive::<Float64Type>().values().as_ref(), [-1.0, -0.5, 1.0]);
/// # Ok::<(), mlsys_core::Error>(())
/// ```
///
/// **Misleads** with outliers: one value squeezes all others. **Instead**: [`RobustScaler`](crate::RobustScaler).
/// As scikit-learn's `MinMaxScaler`.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[must_use = "a recipe does nothing until it is fitted"]
pub struct MinMaxScaler {
    range: (f64, f64),
    clip: bool,
}

impl Default for MinMaxScaler {
    fn default() -> Self {
        Self { range: (0.0, 1.0), clip: false }
    }
}

impl MinMaxScaler {
    /// A scaler to 0 to 1.
    pub fn new() -> Self {
        Self::default()
    }

    /// Where the smallest and the largest value go.
    pub fn range(mut self, low: f64, high: f64) -> Self {
        self.range = (low, high);
        self
    }

    /// Keeps all values in the range.
    pub fn clip(mut self, clip: bool) -> Self {
        self.clip = clip;
        self
    }
}

/// The smallest and the largest value as numbers.
pub(crate) fn ends(name: &str, found: MinMaxSummary) -> Result<(f64, f64)> {
    let number = |end: &Option<Category>| end.as_ref().and_then(Category::as_f64);
    number(&found.min).zip(number(&found.max)).ok_or_else(|| {
        let hint = "ignore it, or impute it first".into();
        ErrorKind::AllMissing { column: name.into(), hint }.into()
    })
}

impl FitByStatistic for MinMaxScaler {
    type Statistic = PerColumn<MinMax>;
    type Fitted = FittedScaler;

    fn statistic(&self, layout: &Layout) -> Result<Self::Statistic> {
        let (low, high) = self.range;
        let width = high - low;
        if !width.is_finite() || width <= 0.0 {
            let found = format!("{low} to {high}");
            return Err(Error::invalid_parameter(
                "MinMaxScaler",
                "range",
                found,
                "finite, and low below high",
            ));
        }
        let columns = layout.features_for("MinMaxScaler", Kind::is_number, Kind::is_numeric, "numeric")?;
        Ok(MinMax::new().infinite(Infinite::Refuse).over(columns).weighted_as(layout))
    }

    fn fitted(&self, layout: &Layout, found: Vec<(String, MinMaxSummary)>) -> Result<FittedScaler> {
        let one = |(name, found): (String, MinMaxSummary)| {
            let (min, max) = ends(&name, found)?;
            let width = max - min;
            if !width.is_finite() {
                let what = format!("{min} to {max}, whose width overflows");
                return Err(Error::invalid_value(&name, None, what, "of a smaller scale"));
            }
            let (low, high) = self.range;
            let column = InputColumn::new(layout, &name)?;
            let scale = if width > 0.0 { width } else { 1.0 };
            Ok(Scaling { column, center: min, scale, low, high, clip: self.clip })
        };
        Ok(FittedScaler::new(found.into_iter().map(one).collect::<Result<_>>()?))
    }
}
