//! Logarithms of columns.

use mlsys_core::arrow::array::RecordBatch;
use mlsys_core::arrow::datatypes::{Schema, SchemaRef};
use mlsys_core::{
    Dataset, Error, Fit, FitTransform, InputColumn, Kind, Result, Train, Transform, column, first_error,
};
use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use crate::fitted_scaler::{Values, map_columns, scaled_schema};

/// Replaces numbers by their logarithms.
///
/// ```text
/// ln(1 + x)  for x > -1,  or  sign(x) ln(1 + |x|)
/// ```
/// | parameter | default | effect |
/// |---|---|---|
/// | `log` | `OnePlus` | `Signed` takes negative numbers, too |
///
/// **Input**: the features that are numbers, or with `.on(..)` exactly those, booleans included. Missing values stay
/// missing. Rows of weight zero do not count, otherwise weights have no say. **Output**: Float32 stays Float32, all others
/// become Float64. What is -1 or less is an error while fitting `OnePlus`, and **becomes NaN when transforming**: a bad row does not
/// stop the rows beside it. Infinities are refused while fitting and stay infinite after.
///
/// **Errors**: [`InvalidValue`](mlsys_core::ErrorKind::InvalidValue) with column and row of a value that has no logarithm,
/// [`ColumnType`](mlsys_core::ErrorKind::ColumnType) for a chosen column that is not numeric,
/// [`NonFinite`](mlsys_core::ErrorKind::NonFinite) for infinities while fitting.
///
/// One pass, which looks at the values.
///
/// ```
/// use mlsys_core::{Dataset, Fit, Transform, arrow::array::{AsArray, Float64Array, RecordBatch}};
/// use mlsys_core::arrow::datatypes::Float64Type;
/// use mlsys_encoding::{Log, LogTransformer};
/// use std::sync::Arc;
///
/// let x = Arc::new(Float64Array::from(vec![0.0, std::f64::consts::E - 1.0, -7.0]));
/// let train = Dataset::new(RecordBatch::try_from_iter([("x", x as _)])?)?.into_train_all();
/// let error = LogTransformer::new().fit(&train).unwrap_err();
/// assert_eq!(error.to_string(), "column `x` has -7 in row 2; expected above -1 to have a logarithm");
/// let logs = LogTransformer::new().log(Log::Signed).fit(&train)?.transform(train.batch())?;
/// assert_eq!(logs.column(0).as_primitive::<Float64Type>().values().as_ref(), [0.0, 1.0, -8f64.ln()]);
/// # Ok::<(), mlsys_core::Error>(())
/// ```
///
/// **Misleads** where 1 is large: `ln(1 + x)` of numbers far below 1 is `x`. Scale them first, or use
/// [`PowerTransformer`](crate::PowerTransformer), which finds how much to bend. As numpy's `log1p` and `expm1`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[must_use = "a recipe does nothing until it is fitted"]
pub struct LogTransformer {
    log: Log,
}

/// Which logarithm [`LogTransformer`] takes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Log {
    /// `ln(1 + x)`.
    #[default]
    OnePlus,
    /// `sign(x) ln(1 + |x|)`.
    Signed,
}

impl LogTransformer {
    /// A transformer to `ln(1 + x)`.
    pub fn new() -> Self {
        Self::default()
    }

    /// Which logarithm to take.
    pub fn log(mut self, log: Log) -> Self {
        self.log = log;
        self
    }
}

/// The fitted [`LogTransformer`]: its columns.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FittedLogTransformer {
    columns: Vec<InputColumn>,
    log: Log,
}

impl FittedLogTransformer {
    /// Undoes [`transform`](Transform::transform), up to rounding. Integers come back as Float64.
    ///
    /// # Errors
    ///
    /// As [`transform`](Transform::transform).
    pub fn inverse_transform(&self, batch: &RecordBatch) -> Result<RecordBatch> {
        let back = |z: f64, _: &InputColumn| match self.log {
            Log::OnePlus => z.exp_m1(),
            Log::Signed => z.abs().exp_m1().copysign(z),
        };
        map_columns(batch, &self.columns, |c| c, Values::Scaled, back)
    }

    fn validate(&self) -> Result<()> {
        Ok(())
    }

    fn input_columns(&self) -> Vec<InputColumn> {
        self.columns.clone()
    }
}

impl Transform for FittedLogTransformer {
    fn transform(&self, batch: &RecordBatch) -> Result<RecordBatch> {
        let map = |x: f64, _: &InputColumn| match self.log {
            Log::OnePlus if x > -1.0 => x.ln_1p(),
            Log::OnePlus => f64::NAN,
            Log::Signed => x.abs().ln_1p().copysign(x),
        };
        map_columns(batch, &self.columns, |c| c, Values::Fitted, map)
    }

    fn output_schema(&self, input: &Schema) -> Result<SchemaRef> {
        scaled_schema(&self.columns, input)
    }
}

mlsys_core::artifact!(FittedLogTransformer, "mlsys.FittedLogTransformer", 1);

impl Fit for LogTransformer {
    type Fitted = FittedLogTransformer;

    fn fit(&self, train: &Dataset<Train>) -> Result<FittedLogTransformer> {
        let layout = train.layout();
        let names = layout.features_for("LogTransformer", Kind::is_number, Kind::is_numeric, "numeric")?;
        let weights = train.weights()?;
        let counts = |row: &usize| weights.as_ref().is_none_or(|w| w[*row] > 0.0);
        let check = |name: &String| {
            let values = column::finite_or_missing(name, train.column(name)?)?;
            let without = (0..values.len()).filter(counts).find(|&row| values[row] <= -1.0);
            match without.filter(|_| self.log == Log::OnePlus) {
                Some(row) => {
                    let expected = "above -1 to have a logarithm";
                    Err(Error::invalid_value(name, Some(row), values[row], expected))
                }
                None => InputColumn::new(layout, name),
            }
        };
        let columns = first_error(names.par_iter().map(check).collect())?;
        Ok(FittedLogTransformer { columns, log: self.log })
    }
}

impl FitTransform for LogTransformer {}
