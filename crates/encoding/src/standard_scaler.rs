//! Scaling to mean 0 and standard deviation 1.

use mlsys_core::arrow::array::RecordBatch;
use mlsys_core::arrow::datatypes::{Schema, SchemaRef};
use mlsys_core::{Error, ErrorKind, FitByStatistic, InputColumn, Kind, Layout, Result, Transform};
use mlsys_stats::{ColumnStatistic, Infinite, Moments, MomentsSummary, PerColumn};
use serde::{Deserialize, Serialize};

use crate::fitted_scaler::{Values, map_columns, scaled_schema};

/// Scales numeric columns to mean 0 and standard deviation 1.
///
/// ```text
/// z = (x - x̄) / s      s² = Σ wᵢ (xᵢ - x̄)² / Σ wᵢ      (s = 1 for a constant column)
/// ```
/// | parameter | default | effect |
/// |---|---|---|
/// | `center` | `Mean` | `Zero` leaves the mean where it is |
/// | `scale` | `StdDev` | `One` leaves the spread as it is |
///
/// **Input**: the features that are numbers, or with `.on(..)` exactly those, booleans included. Missing values do
/// not count and stay missing. Weights are used. **Output**: Float32 stays Float32, all others become Float64.
/// A constant column becomes zeros; one whose deviation is at most 10 ε of its mean counts as constant.
///
/// **Errors**: [`ColumnType`](mlsys_core::ErrorKind::ColumnType) for a chosen column that is not numeric,
/// [`NonFinite`](mlsys_core::ErrorKind::NonFinite) for infinities while fitting,
/// [`AllMissing`](mlsys_core::ErrorKind::AllMissing) for a column without values,
/// [`InvalidValue`](mlsys_core::ErrorKind::InvalidValue) when a variance overflows.
///
/// One pass, mergeable; state 9 numbers per column.
///
/// ```
/// use mlsys_core::{Dataset, Fit, Transform, arrow::array::{AsArray, Float64Array, RecordBatch}};
/// use mlsys_core::arrow::datatypes::Float64Type;
/// use mlsys_encoding::StandardScaler;
/// use std::sync::Arc;
///
/// let x = Arc::new(Float64Array::from(vec![0.0, 0.0, 1.0, 1.0]));
/// let train = Dataset::new(RecordBatch::try_from_iter([("x", x as _)])?)?.into_train_all();
/// let scaler = StandardScaler::new().fit(&train)?;
/// let scaled = scaler.transform(train.batch())?;
/// assert_eq!(scaled.column(0).as_primitive::<Float64Type>().values().as_ref(), [-1.0, -1.0, 1.0, 1.0]);
/// # Ok::<(), mlsys_core::Error>(())
/// ```
///
/// **Misleads** with outliers, which set the scale alone, and for sparse one-hot columns, which it fills.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[must_use = "a recipe does nothing until it is fitted"]
pub struct StandardScaler {
    center: Center,
    scale: Scale,
}

/// What [`StandardScaler`] subtracts.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Center {
    /// The mean.
    #[default]
    Mean,
    /// Nothing.
    Zero,
}

/// What [`StandardScaler`] divides by.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Scale {
    /// The standard deviation.
    #[default]
    StdDev,
    /// Nothing.
    One,
}

impl StandardScaler {
    /// A scaler that centres and scales.
    pub fn new() -> Self {
        Self::default()
    }

    /// What to subtract.
    pub fn center(mut self, center: Center) -> Self {
        self.center = center;
        self
    }

    /// What to divide by.
    pub fn scale(mut self, scale: Scale) -> Self {
        self.scale = scale;
        self
    }
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Scaling {
    column: InputColumn,
    mean: f64,
    scale: f64,
    /// What is subtracted: the mean, or 0.
    center: f64,
}

/// The fitted [`StandardScaler`]: a mean and a scale per column.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct FittedStandardScaler {
    columns: Vec<Scaling>,
}

impl FittedStandardScaler {
    /// The mean of a fitted column.
    pub fn mean(&self, column: &str) -> Option<f64> {
        self.find(column).map(|c| c.mean)
    }

    /// What a fitted column is divided by.
    pub fn scale(&self, column: &str) -> Option<f64> {
        self.find(column).map(|c| c.scale)
    }

    /// Undoes [`transform`](Transform::transform), up to rounding. Integers come back as Float64.
    ///
    /// # Errors
    ///
    /// As [`transform`](Transform::transform).
    pub fn inverse_transform(&self, batch: &RecordBatch) -> Result<RecordBatch> {
        let back = |x: f64, c: &Scaling| x * c.scale + c.center;
        map_columns(batch, &self.columns, |c| &c.column, Values::Scaled, back)
    }

    fn find(&self, column: &str) -> Option<&Scaling> {
        self.columns.iter().find(|c| c.column.name() == column)
    }

    fn validate(&self) -> Result<()> {
        match self.columns.iter().find(|c| !(c.scale > 0.0 && c.scale.is_finite() && c.center.is_finite())) {
            Some(c) => Err(Error::artifact(format!("`{}` has no positive scale", c.column.name()))),
            None => Ok(()),
        }
    }

    fn input_columns(&self) -> Vec<InputColumn> {
        self.columns.iter().map(|c| c.column.clone()).collect()
    }
}

impl Transform for FittedStandardScaler {
    fn transform(&self, batch: &RecordBatch) -> Result<RecordBatch> {
        let map = |x: f64, c: &Scaling| (x - c.center) / c.scale;
        map_columns(batch, &self.columns, |c| &c.column, Values::Fitted, map)
    }

    fn output_schema(&self, input: &Schema) -> Result<SchemaRef> {
        scaled_schema(self.columns.iter().map(|c| &c.column), input)
    }
}

mlsys_core::artifact!(FittedStandardScaler, "mlsys.FittedStandardScaler", 1);

/// Whether the spread is the rounding error of equal values. scikit-learn's bound grows with the number of rows, since its
/// sums lose digits; the moments here do not, so that a small spread at a large offset is scaled.
fn is_constant(moments: &MomentsSummary) -> bool {
    moments.std_dev(0.0) <= 10.0 * f64::EPSILON * moments.mean().abs()
}

impl FitByStatistic for StandardScaler {
    type Statistic = PerColumn<Moments>;
    type Fitted = FittedStandardScaler;

    fn statistic(&self, layout: &Layout) -> Result<Self::Statistic> {
        let columns = layout.features_for("StandardScaler", Kind::is_number, Kind::is_numeric, "numeric")?;
        Ok(Moments::new().order(2).infinite(Infinite::Refuse).over(columns).weighted_as(layout))
    }

    fn fitted(
        &self,
        layout: &Layout,
        moments: Vec<(String, MomentsSummary)>,
    ) -> Result<FittedStandardScaler> {
        let one = |(name, moments): (String, MomentsSummary)| {
            if moments.count() == 0 {
                let hint = "ignore it, or impute it first".into();
                return Err(ErrorKind::AllMissing { column: name, hint }.into());
            }
            let std_dev = moments.std_dev(0.0);
            if !moments.mean().is_finite() || !std_dev.is_finite() {
                return Err(Error::invalid_value(
                    &name,
                    None,
                    "values whose variance overflows",
                    "of a smaller scale",
                ));
            }
            Ok(Scaling {
                column: InputColumn::new(layout, &name)?,
                mean: moments.mean(),
                center: if self.center == Center::Mean { moments.mean() } else { 0.0 },
                scale: if self.scale == Scale::One || is_constant(&moments) { 1.0 } else { std_dev },
            })
        };
        Ok(FittedStandardScaler { columns: moments.into_iter().map(one).collect::<Result<_>>()? })
    }
}
