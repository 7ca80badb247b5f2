//! Scaling by the largest absolute value.

use mlsys_core::{FitByStatistic, InputColumn, Kind, Layout, Result};
use mlsys_stats::{ColumnStatistic, Infinite, MinMax, MinMaxSummary, PerColumn};
use serde::{Deserialize, Serialize};

use crate::fitted_scaler::{FittedScaler, Scaling};
use crate::min_max_scaler::ends;

/// Scales numeric columns by their largest absolute value, to -1 to 1. Zeros stay zeros.
///
/// ```text
/// z = x / max |xᵢ|      (x for a column of zeros)
/// ```
/// **Input**: the features that are numbers, or with `.on(..)` exactly those, booleans included. Missing values do
/// not count and stay missing, rows of weight zero do not count. **Output**: Float32 stays Float32, all others become
/// Float64.
///
/// **Errors**: [`ColumnType`](mlsys_core::ErrorKind::ColumnType) for a chosen column that is not numeric,
/// [`NonFinite`](mlsys_core::ErrorKind::NonFinite) for infinities while fitting,
/// [`AllMissing`](mlsys_core::ErrorKind::AllMissing) for a column without values.
///
/// One pass, mergeable, exact; state 2 numbers per column.
///
/// ```
/// use mlsys_core::{Dataset, Fit, Transform, arrow::array::{AsArray, Float64Array, RecordBatch}};
/// use mlsys_core::arrow::datatypes::Float64Type;
/// use mlsys_encoding::MaxAbsScaler;
/// use std::sync::Arc;
///
/// let x = Arc::new(Float64Array::from(vec![2.0, 0.0, -4.0]));
/// let train = Dataset::new(RecordBatch::try_from_iter([("x", x as _)])?)?.into_train_all();
/// let scaled = MaxAbsScaler::new().fit(&train)?.transform(train.batch())?;
/// assert_eq!(scaled.column(0).as_primitive::<Float64Type>().values().as_ref(), [0.5, 0.0, -1.0]);
/// # Ok::<(), mlsys_core::Error>(())
/// ```
///
/// **Misleads** with outliers, which set the scale alone. As scikit-learn's `MaxAbsScaler`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[must_use = "a recipe does nothing until it is fitted"]
pub struct MaxAbsScaler {}

impl MaxAbsScaler {
    /// The scaler; it has no parameters.
    pub fn new() -> Self {
        Self {}
    }
}

impl FitByStatistic for MaxAbsScaler {
    type Statistic = PerColumn<MinMax>;
    type Fitted = FittedScaler;

    fn statistic(&self, layout: &Layout) -> Result<Self::Statistic> {
        let columns = layout.features_for("MaxAbsScaler", Kind::is_number, Kind::is_numeric, "numeric")?;
        Ok(MinMax::new().infinite(Infinite::Refuse).over(columns).weighted_as(layout))
    }

    fn fitted(&self, layout: &Layout, found: Vec<(String, MinMaxSummary)>) -> Result<FittedScaler> {
        let one = |(name, found): (String, MinMaxSummary)| {
            let (min, max) = ends(&name, found)?;
            let largest = min.abs().max(max.abs());
            let column = InputColumn::new(layout, &name)?;
            let scale = if largest > 0.0 { largest } else { 1.0 };
            Ok(Scaling { column, center: 0.0, scale, low: 0.0, high: 1.0, clip: false })
        };
        Ok(FittedScaler::new(found.into_iter().map(one).collect::<Result<_>>()?))
    }
}
