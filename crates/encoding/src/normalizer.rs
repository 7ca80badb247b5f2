//! Rows of length 1.

use mlsys_core::arrow::array::RecordBatch;
use mlsys_core::arrow::datatypes::{Schema, SchemaRef};
use mlsys_core::{Error, FitByStatistic, InputColumn, Kind, Layout, Result, Transform, column, first_error};
use mlsys_stats::{ColumnStatistic, Infinite, MinMax, MinMaxSummary, PerColumn};
use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use crate::fitted_scaler::{Values, map_columns_with, scaled_schema};

/// Divides each row by its length over the chosen columns.
///
/// ```text
/// z_j = x_j / ‖x‖      ‖x‖ = Σ |x_j|,  √(Σ x_j²)  or  max |x_j|      (a row of zeros stays)
/// ```
/// | parameter | default | effect |
/// |---|---|---|
/// | `norm` | `L2` | which length becomes 1 |
///
/// **Input**: the features that are numbers, or with `.on(..)` exactly those, booleans included. A missing value counts as 0
/// in the length and stays missing. Rows do not know of each other, so that weights have no say; what is fitted is which columns make a
/// row. **Output**: Float32 stays Float32, all others become Float64. Transforming, an infinite value becomes NaN and the others of its row 0.
///
/// **Errors**: [`ColumnType`](mlsys_core::ErrorKind::ColumnType) for a chosen column that is not numeric,
/// [`NonFinite`](mlsys_core::ErrorKind::NonFinite) for infinities while fitting.
///
/// One pass, which looks for infinities; state 2 numbers per column.
///
/// ```
/// use mlsys_core::{Dataset, Fit, Transform, arrow::array::{ArrayRef, AsArray, Float64Array, RecordBatch}};
/// use mlsys_core::arrow::datatypes::Float64Type;
/// use mlsys_encoding::Normalizer;
/// use std::sync::Arc;
///
/// let column = |x: &[f64]| Arc::new(Float64Array::from(x.to_vec())) as ArrayRef;
/// let batch = RecordBatch::try_from_iter([("a", column(&[3.0, 0.0])), ("b", column(&[4.0, 0.0]))])?;
/// let train = Dataset::new(batch)?.into_train_all();
/// let rows = Normalizer::new().fit(&train)?.transform(train.batch())?;
/// assert_eq!(rows.column(0).as_primitive::<Float64Type>().values().as_ref(), [0.6, 0.0]);
/// assert_eq!(rows.column(1).as_primitive::<Float64Type>().values().as_ref(), [0.8, 0.0]);
/// # Ok::<(), mlsys_core::Error>(())
/// ```
///
/// **Misleads** when columns have different units: the largest one is all of the length. As scikit-learn's `Normalizer`, but
/// lengths below 2e-15 are lengths, too, and squares do not overflow.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[must_use = "a recipe does nothing until it is fitted"]
pub struct Normalizer {
    norm: Norm,
}

/// The length of a row.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Norm {
    /// The sum of absolute values.
    L1,
    /// The root of the sum of squares.
    #[default]
    L2,
    /// The largest absolute value.
    Max,
}

impl Normalizer {
    /// Rows of Euclidean length 1.
    pub fn new() -> Self {
        Self::default()
    }

    /// Which length becomes 1.
    pub fn norm(mut self, norm: Norm) -> Self {
        self.norm = norm;
        self
    }
}

/// The fitted [`Normalizer`]: the columns that make a row.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FittedNormalizer {
    /// By name, so that sums do not depend on the order of a table's columns.
    columns: Vec<InputColumn>,
    norm: Norm,
}

impl FittedNormalizer {
    fn validate(&self) -> Result<()> {
        match self.columns.windows(2).find(|pair| pair[0].name() >= pair[1].name()) {
            Some(pair) => Err(Error::artifact(format!("`{}` is out of order", pair[1].name()))),
            None => Ok(()),
        }
    }

    fn input_columns(&self) -> Vec<InputColumn> {
        self.columns.clone()
    }

    /// What each row is divided by, first by the one, then by the other: the second is its length, relative to the first.
    fn lengths(&self, batch: &RecordBatch) -> Result<Vec<(f64, f64)>> {
        let read = |c: &InputColumn| column::floats(c.name(), c.find(batch)?);
        let columns: Vec<_> = first_error(self.columns.par_iter().map(read).collect())?;
        let mut lengths = vec![(1.0, 0.0); batch.num_rows()];
        for values in &columns {
            for ((_, length), &x) in lengths.iter_mut().zip(values.iter()) {
                *length = self.norm.add(*length, x);
            }
        }
        for (row, (scale, length)) in lengths.iter_mut().enumerate() {
            let plain = self.norm != Norm::L2 && *length < f64::MAX || (1e-280..1e300).contains(length);
            if !plain && *length != 0.0 || *length == 0.0 && self.norm == Norm::L2 {
                // Sums and squares that leave the range of doubles are taken relative to the largest value.
                let row = || columns.iter().map(|values| values[row]);
                let most = row().fold(0.0, |most, x| Norm::Max.add(most, x));
                if most > 0.0 && most.is_finite() {
                    (*scale, *length) = (most, row().fold(0.0, |sum, x| self.norm.add(sum, x / most)));
                }
            }
            *length = match self.norm {
                _ if *length == 0.0 => 1.0,
                Norm::L2 => length.sqrt(),
                Norm::L1 | Norm::Max => *length,
            };
        }
        Ok(lengths)
    }
}

impl Norm {
    /// One more value; that of a missing one is 0.
    #[inline]
    fn add(self, sum: f64, x: f64) -> f64 {
        let x = if x.is_nan() { 0.0 } else { x.abs() };
        match self {
            Self::L1 => sum + x,
            Self::L2 => sum + x * x,
            Self::Max => sum.max(x),
        }
    }
}

impl Transform for FittedNormalizer {
    fn transform(&self, batch: &RecordBatch) -> Result<RecordBatch> {
        let lengths = self.lengths(batch)?;
        let map = |_, _| {
            let mut lengths = lengths.iter();
            move |x| lengths.next().map_or(f64::NAN, |(scale, length)| x / scale / length)
        };
        map_columns_with(batch, &self.columns, |c| c, Values::Fitted, map)
    }

    fn output_schema(&self, input: &Schema) -> Result<SchemaRef> {
        scaled_schema(&self.columns, input)
    }
}

mlsys_core::artifact!(FittedNormalizer, "mlsys.FittedNormalizer", 1);

impl FitByStatistic for Normalizer {
    type Statistic = PerColumn<MinMax>;
    type Fitted = FittedNormalizer;

    fn statistic(&self, layout: &Layout) -> Result<Self::Statistic> {
        let columns = layout.features_for("Normalizer", Kind::is_number, Kind::is_numeric, "numeric")?;
        Ok(MinMax::new().infinite(Infinite::Refuse).over(columns).weighted_as(layout))
    }

    fn fitted(&self, layout: &Layout, found: Vec<(String, MinMaxSummary)>) -> Result<FittedNormalizer> {
        let mut columns = InputColumn::all(layout, found.iter().map(|(name, _)| name))?;
        columns.sort_by(|a, b| a.name().cmp(b.name()));
        Ok(FittedNormalizer { columns, norm: self.norm })
    }
}
