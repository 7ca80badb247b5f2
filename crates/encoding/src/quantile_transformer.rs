//! Numbers as their place among those seen while fitting.

use mlsys_core::arrow::array::RecordBatch;
use mlsys_core::arrow::datatypes::{Schema, SchemaRef};
use mlsys_core::{Error, ErrorKind, FitByStatistic, InputColumn, Kind, Layout, Result, Transform};
use mlsys_stats::{ColumnStatistic, Infinite, PerColumn, Quantiles, QuantilesSummary, normal};
use serde::{Deserialize, Serialize};

use crate::fitted_scaler::{Values, map_columns, map_columns_with, scaled_schema};
use crate::memo::Memo;

/// Maps numeric columns to their share of smaller values, and from there to a normal distribution if asked.
///
/// ```text
/// q_i = quantile of i / (n - 1),  i = 0 .. n - 1      u(x) = (F(x) + G(x)) / 2      z = Φ⁻¹(u), -5.1993 to 5.1993
/// ```
/// where `F` interpolates linearly from the last `q_i <= x` and `G` from the first `q_i >= x`: a value that spans several
/// quantiles gets the middle of them.
///
/// | parameter | default | range | effect |
/// |---|---|---|---|
/// | `n_quantiles` | 1,000 | 2 to 1,000,000 | landmarks per column, but no more than it has values |
/// | `output` | `Uniform` | | 0 to 1, or `Normal` |
/// | `quantiles` | exact to 131,072 distinct values | | how quantiles are taken: [`Quantiles`] |
///
/// **Input**: the features that are numbers, or with `.on(..)` exactly those, booleans included. Missing values do
/// not count and stay missing. Weights are used. Infinities are refused while fitting, since nothing lies between them
/// and a number; transforming, they go where all values beyond the landmarks go: to the ends. **Output**: Float32 stays
/// Float32, all others become Float64. A constant column becomes 0 (or -5.1993).
///
/// **Errors**: [`InvalidParameter`](mlsys_core::ErrorKind::InvalidParameter),
/// [`ColumnType`](mlsys_core::ErrorKind::ColumnType) for a chosen column that is not numeric,
/// [`NonFinite`](mlsys_core::ErrorKind::NonFinite) for infinities while fitting,
/// [`AllMissing`](mlsys_core::ErrorKind::AllMissing) for a column without values.
///
/// One pass, mergeable; exact until a sketch begins, then within its rank error. A value takes log₂ n steps.
///
/// ```
/// use mlsys_core::{Dataset, Fit, Transform, arrow::array::{AsArray, Float64Array, RecordBatch}};
/// use mlsys_core::arrow::datatypes::Float64Type;
/// use mlsys_encoding::QuantileTransformer;
/// use std::sync::Arc;
///
/// let x = Arc::new(Float64Array::from(vec![1.0, 10.0, 10.0, 10.0, 1e9]));
/// let train = Dataset::new(RecordBatch::try_from_iter([("x", x as _)])?)?.into_train_all();
/// let places = QuantileTransformer::new().fit(&train)?.transform(train.batch())?;
/// assert_eq!(places.column(0).as_primitive::<Float64Type>().values().as_ref(), [0.0, 0.5, 0.5, 0.5, 1.0]);
/// # Ok::<(), mlsys_core::Error>(())
/// ```
///
/// **Misleads**: distances are gone, so that correlations between columns change; what lies beyond the values seen while
/// fitting is all the same.
///
/// As scikit-learn's `QuantileTransformer` with `subsample=None`: every row counts here, 10,000 drawn ones there by
/// default. Rows where the column is missing do not raise its number of landmarks, values within 1e-7 of an end are not
/// moved to it, and ranks are exact: rounding does not move ties by a landmark.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[must_use = "a recipe does nothing until it is fitted"]
pub struct QuantileTransformer {
    n_quantiles: usize,
    output: OutputDistribution,
    quantiles: Quantiles,
}

/// What [`QuantileTransformer`] maps to.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OutputDistribution {
    /// 0 to 1.
    #[default]
    Uniform,
    /// The standard normal distribution.
    Normal,
}

impl Default for QuantileTransformer {
    fn default() -> Self {
        Self { n_quantiles: 1_000, output: OutputDistribution::Uniform, quantiles: Quantiles::new() }
    }
}

/// So many landmarks at most.
const MOST: usize = 1_000_000;

impl QuantileTransformer {
    /// A transformer to 0 to 1.
    pub fn new() -> Self {
        Self::default()
    }

    /// How many landmarks a column has.
    pub fn n_quantiles(mut self, n_quantiles: usize) -> Self {
        self.n_quantiles = n_quantiles;
        self
    }

    /// The distribution of the output.
    pub fn output(mut self, output: OutputDistribution) -> Self {
        self.output = output;
        self
    }

    /// How quantiles are taken.
    pub fn quantiles(mut self, quantiles: Quantiles) -> Self {
        self.quantiles = quantiles;
        self
    }

    fn landmarks(&self, layout: &Layout, name: &str, found: &QuantilesSummary) -> Result<Landmarks> {
        let of = found.distribution();
        // Fractions of rows cannot be counted.
        let values = if of.is_whole() { of.weight() as usize } else { of.values().len() };
        let n = self.n_quantiles.min(values);
        let steps = n.max(2) as u64 - 1;
        let quantiles: Option<Vec<f64>> = (0..n as u64).map(|i| of.linear(i, steps)).collect();
        match quantiles.filter(|q| !q.is_empty()) {
            Some(quantiles) => Ok(Landmarks { column: InputColumn::new(layout, name)?, quantiles }),
            None => {
                let hint = "ignore it, or impute it first".into();
                Err(ErrorKind::AllMissing { column: name.into(), hint }.into())
            }
        }
    }
}

/// The quantiles of a column: of 0, 1 / (n - 1), .., 1.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Landmarks {
    column: InputColumn,
    quantiles: Vec<f64>,
}

impl Landmarks {
    /// The place of a value, 0 to 1.
    fn place(&self, x: f64) -> f64 {
        let q = &self.quantiles;
        let last = q.len() - 1;
        if x <= q[0] {
            return 0.0;
        }
        if x >= q[last] {
            return 1.0;
        }
        let above = q.partition_point(|&q| q <= x);
        let (low, high) = (q[above - 1], q[above]);
        let middle = if low == x {
            // The middle of the quantiles that are this value.
            let first = q[..above].partition_point(|&q| q < x);
            (first + above - 1) as f64 / 2.0
        } else {
            // Halves, so that two huge values of opposite sign do not overflow.
            (above - 1) as f64 + (x / 2.0 - low / 2.0) / (high / 2.0 - low / 2.0)
        };
        middle / last as f64
    }

    /// The value at a place.
    fn value(&self, place: f64) -> f64 {
        let q = &self.quantiles;
        let last = q.len() - 1;
        let rank = place * last as f64;
        if rank.is_nan() {
            return f64::NAN;
        }
        let floor = (rank.max(0.0) as usize).min(last);
        let share = rank - floor as f64;
        match q.get(floor + 1) {
            Some(next) if share > 0.0 => q[floor] * (1.0 - share) + next * share,
            _ => q[floor],
        }
    }
}

/// Where scikit-learn clips: a little further out than a probability of 1e-7.
const NORMAL: (f64, f64) = (-5.199_337_582_605_575, 5.199_337_582_703_42);
/// Probabilities this close to 0 or 1 come back as the ends.
const NEAR: f64 = 1e-7;

/// The fitted [`QuantileTransformer`]: the landmarks of each column.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct FittedQuantileTransformer {
    columns: Vec<Landmarks>,
    output: OutputDistribution,
}

impl FittedQuantileTransformer {
    /// The landmarks of a fitted column, ascending.
    pub fn quantiles(&self, column: &str) -> Option<&[f64]> {
        self.columns.iter().find(|c| c.column.name() == column).map(|c| c.quantiles.as_slice())
    }

    /// The values at these places: what was between two landmarks comes back, up to rounding. Integers come back as
    /// Float64.
    ///
    /// # Errors
    ///
    /// As [`transform`](Transform::transform).
    pub fn inverse_transform(&self, batch: &RecordBatch) -> Result<RecordBatch> {
        let back = |x: f64, c: &Landmarks| match self.output {
            OutputDistribution::Uniform => c.value(x),
            OutputDistribution::Normal => {
                let p = normal::cdf(x);
                c.value(if p < NEAR { 0.0 } else { if p > 1.0 - NEAR { 1.0 } else { p } })
            }
        };
        map_columns(batch, &self.columns, |c| &c.column, Values::Scaled, back)
    }

    fn validate(&self) -> Result<()> {
        let fine = |c: &Landmarks| {
            let q = &c.quantiles;
            (1..=MOST).contains(&q.len())
                && q.iter().all(|x| x.is_finite())
                && q.windows(2).all(|pair| pair[0] <= pair[1])
        };
        match self.columns.iter().find(|c| !fine(c)) {
            Some(c) => Err(Error::artifact(format!("the quantiles of `{}` do not ascend", c.column.name()))),
            None => Ok(()),
        }
    }

    fn input_columns(&self) -> Vec<InputColumn> {
        self.columns.iter().map(|c| c.column.clone()).collect()
    }
}

impl Transform for FittedQuantileTransformer {
    fn transform(&self, batch: &RecordBatch) -> Result<RecordBatch> {
        let map = |c, rows| {
            let of = move |x| match self.output {
                OutputDistribution::Uniform => Landmarks::place(c, x),
                OutputDistribution::Normal => normal::quantile(c.place(x)).clamp(NORMAL.0, NORMAL.1),
            };
            let mut memo = Memo::new(rows, of);
            move |x| memo.at(x)
        };
        map_columns_with(batch, &self.columns, |c| &c.column, Values::Fitted, map)
    }

    fn output_schema(&self, input: &Schema) -> Result<SchemaRef> {
        scaled_schema(self.columns.iter().map(|c| &c.column), input)
    }
}

mlsys_core::artifact!(FittedQuantileTransformer, "mlsys.FittedQuantileTransformer", 1);

impl FitByStatistic for QuantileTransformer {
    type Statistic = PerColumn<Quantiles>;
    type Fitted = FittedQuantileTransformer;

    fn statistic(&self, layout: &Layout) -> Result<Self::Statistic> {
        if !(2..=MOST).contains(&self.n_quantiles) {
            let (value, expected) = (self.n_quantiles, "2 to 1000000");
            return Err(Error::invalid_parameter("QuantileTransformer", "n_quantiles", value, expected));
        }
        let columns =
            layout.features_for("QuantileTransformer", Kind::is_number, Kind::is_numeric, "numeric")?;
        Ok(self.quantiles.infinite(Infinite::Refuse).over(columns).weighted_as(layout))
    }

    fn fitted(
        &self,
        layout: &Layout,
        found: Vec<(String, QuantilesSummary)>,
    ) -> Result<FittedQuantileTransformer> {
        let columns = found.iter().map(|(name, found)| self.landmarks(layout, name, found));
        Ok(FittedQuantileTransformer { columns: columns.collect::<Result<_>>()?, output: self.output })
    }
}
