//! Scaling by quantiles.

use mlsys_core::{Error, ErrorKind, FitByStatistic, InputColumn, Kind, Layout, Result};
use mlsys_stats::{ColumnStatistic, Infinite, PerColumn, Quantiles, QuantilesSummary};
use serde::{Deserialize, Serialize};

use crate::fitted_scaler::{FittedScaler, Scaling};

/// Scales numeric columns by what lies in the middle: outliers have no say.
///
/// ```text
/// z = (x - median) / (q_high - q_low)      (a distance of 1 where the quantiles are equal)
/// ```
/// | parameter | default | effect |
/// |---|---|---|
/// | `between` | 0.25 to 0.75 | the quantiles whose distance becomes 1 |
/// | `center` | yes | `false` leaves the median where it is |
/// | `scale` | yes | `false` leaves the spread as it is |
/// | `quantiles` | exact to 131,072 distinct values | how quantiles are taken: [`Quantiles`] |
///
/// **Input**: the features that are numbers, or with `.on(..)` exactly those, booleans included. Missing values do
/// not count and stay missing. Weights are used. **Output**: Float32 stays Float32, all others become Float64.
///
/// **Errors**: [`InvalidParameter`](mlsys_core::ErrorKind::InvalidParameter) for quantiles that are not within 0 to 1, the
/// lower first, [`ColumnType`](mlsys_core::ErrorKind::ColumnType) for a chosen column that is not numeric,
/// [`NonFinite`](mlsys_core::ErrorKind::NonFinite) for infinities while fitting,
/// [`AllMissing`](mlsys_core::ErrorKind::AllMissing) for a column without values,
/// [`InvalidValue`](mlsys_core::ErrorKind::InvalidValue) when the distance of the quantiles overflows.
///
/// One pass, mergeable; exact until a sketch begins, then within its rank error.
///
/// ```
/// use mlsys_core::{Dataset, Fit, Transform, arrow::array::{AsArray, Float64Array, RecordBatch}};
/// use mlsys_core::arrow::datatypes::Float64Type;
/// use mlsys_encoding::RobustScaler;
/// use std::sync::Arc;
///
/// let x = Arc::new(Float64Array::from(vec![1.0, 2.0, 3.0, 4.0, 1e9]));
/// let train = Dataset::new(RecordBatch::try_from_iter([("x", x as _)])?)?.into_train_all();
/// let scaled = RobustScaler::new().fit(&train)?.transform(train.batch())?;
/// assert_eq!(scaled.column(0).as_primitive::<Float64Type>().values()[..4], [-1.0, -0.5, 0.0, 0.5]);
/// # Ok::<(), mlsys_core::Error>(())
/// ```
///
/// **Misleads** where most values are one and the same: the quantiles are equal, and nothing is scaled. As
/// scikit-learn's `RobustScaler`.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[must_use = "a recipe does nothing until it is fitted"]
pub struct RobustScaler {
    between: (f64, f64),
    center: bool,
    scale: bool,
    quantiles: Quantiles,
}

impl Default for RobustScaler {
    fn default() -> Self {
        Self { between: (0.25, 0.75), center: true, scale: true, quantiles: Quantiles::new() }
    }
}

impl RobustScaler {
    /// A scaler by median and quartiles.
    pub fn new() -> Self {
        Self::default()
    }

    /// The quantiles whose distance becomes 1.
    pub fn between(mut self, low: f64, high: f64) -> Self {
        self.between = (low, high);
        self
    }

    /// Whether the median becomes 0.
    pub fn center(mut self, center: bool) -> Self {
        self.center = center;
        self
    }

    /// Whether the distance of the quantiles becomes 1.
    pub fn scale(mut self, scale: bool) -> Self {
        self.scale = scale;
        self
    }

    /// How quantiles are taken.
    pub fn quantiles(mut self, quantiles: Quantiles) -> Self {
        self.quantiles = quantiles;
        self
    }
}

impl FitByStatistic for RobustScaler {
    type Statistic = PerColumn<Quantiles>;
    type Fitted = FittedScaler;

    fn statistic(&self, layout: &Layout) -> Result<Self::Statistic> {
        let (low, high) = self.between;
        if !(0.0..=1.0).contains(&low) || !(0.0..=1.0).contains(&high) || low >= high {
            let found = format!("{low} to {high}");
            return Err(Error::invalid_parameter(
                "RobustScaler",
                "between",
                found,
                "within 0 to 1, the lower first",
            ));
        }
        let columns = layout.features_for("RobustScaler", Kind::is_number, Kind::is_numeric, "numeric")?;
        Ok(self.quantiles.infinite(Infinite::Refuse).over(columns).weighted_as(layout))
    }

    fn fitted(&self, layout: &Layout, found: Vec<(String, QuantilesSummary)>) -> Result<FittedScaler> {
        let one = |(name, found): (String, QuantilesSummary)| {
            let quantiles =
                found.median().zip(found.quantile(self.between.0)).zip(found.quantile(self.between.1));
            let Some(((median, low), high)) = quantiles else {
                let hint = "ignore it, or impute it first".into();
                return Err(ErrorKind::AllMissing { column: name, hint }.into());
            };
            let distance = high - low;
            if !distance.is_finite() {
                let what = format!("quantiles {low} and {high}, whose distance overflows");
                return Err(Error::invalid_value(&name, None, what, "of a smaller scale"));
            }
            let column = InputColumn::new(layout, &name)?;
            let center = if self.center { median } else { 0.0 };
            let scale = if self.scale && distance > 0.0 { distance } else { 1.0 };
            Ok(Scaling { column, center, scale, low: 0.0, high: 1.0, clip: false })
        };
        Ok(FittedScaler::new(found.into_iter().map(one).collect::<Result<_>>()?))
    }
}
