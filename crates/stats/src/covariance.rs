//! The covariance matrix of several columns.

use mlsys_core::arrow::array::RecordBatch;
use mlsys_core::arrow::datatypes::Schema;
use mlsys_core::metric::batch_weights;
use mlsys_core::ndarray::{Array1, Array2, ArrayView1};
use mlsys_core::{Error, ErrorKind, Kind, NamedStatistic, Result, Statistic, column};
use serde::{Deserialize, Serialize};

use crate::column::refuse_repeated;

/// Means, covariances and correlations of numeric columns, mergeable.
///
/// ```text
/// C = Σ w (x − x̄)(x − x̄)ᵀ          C_ab = C_a + C_b + δ δᵀ W_a W_b / (W_a + W_b),   δ = x̄_b − x̄_a
/// ```
/// summed about the first complete row, so that large offsets keep their digits.
///
/// | parameter | default | range | effect |
/// |---|---|---|---|
/// | `weight` | none | a column | a row's weight; zero is no row |
///
/// **Input**: numeric or boolean columns. A row with a missing value in any of them is left out and counted; infinite values are an
/// error naming column and row. **Cost**: p(p + 1)/2 numbers of state for p columns, one pass. **Merging** is
/// associative to rounding.
///
/// ```
/// use mlsys_core::arrow::array::{Float64Array, RecordBatch};
/// use mlsys_core::{Dataset, statistic::summarize};
/// use mlsys_stats::Covariance;
/// use std::sync::Arc;
///
/// let data = Dataset::new(RecordBatch::try_from_iter([
///     ("x", Arc::new(Float64Array::from(vec![1.0, 2.0, 3.0, 4.0])) as _),
///     ("y", Arc::new(Float64Array::from(vec![2.0, 4.0, 6.0, 7.0])) as _),
/// ])?)?;
/// let found = summarize(&Covariance::of(["x", "y"]), &data)?;
/// assert!((found.covariance(1.0)[[0, 1]] - 8.5 / 3.0).abs() < 1e-15);
/// assert!((found.correlation()[[0, 1]] - 8.5 / (5.0f64 * 14.75).sqrt()).abs() < 1e-15);
/// # Ok::<(), mlsys_core::Error>(())
/// ```
///
/// Tony Chan, Gene Golub, Randall LeVeque, *Updating formulae and a pairwise algorithm for computing sample
/// variances*, 1979.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[must_use = "a statistic does nothing until it is run"]
pub struct Covariance {
    columns: Vec<String>,
    weight: Option<String>,
}

impl Covariance {
    /// Of these columns.
    pub fn of<S: Into<String>>(columns: impl IntoIterator<Item = S>) -> Self {
        Self { columns: columns.into_iter().map(Into::into).collect(), weight: None }
    }

    /// Weights the rows by a column; it must be in every batch.
    pub fn weight(mut self, column: Option<&str>) -> Self {
        self.weight = column.map(str::to_owned);
        self
    }
}

/// The state of [`Covariance`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct CovarianceState {
    columns: Vec<String>,
    rows: u64,
    incomplete: u64,
    weight: f64,
    /// The first complete row; empty before it.
    shift: Vec<f64>,
    /// The means, as distances from the shift.
    mean: Vec<f64>,
    /// The lower triangle of the sums of products about the means, row by row.
    products: Vec<f64>,
}

impl CovarianceState {
    fn empty(names: &[String]) -> Self {
        let columns = names.len();
        Self {
            columns: names.to_vec(),
            rows: 0,
            incomplete: 0,
            weight: 0.0,
            shift: Vec::new(),
            mean: vec![0.0; columns],
            products: vec![0.0; columns * (columns + 1) / 2],
        }
    }

    fn combine(&mut self, from: &Self) {
        self.incomplete = self.incomplete.saturating_add(from.incomplete);
        if from.rows == 0 {
            return;
        }
        if self.rows == 0 {
            let incomplete = self.incomplete;
            *self = Self { incomplete, ..from.clone() };
            return;
        }
        let total = self.weight + from.weight;
        let distance = |i: usize| (from.shift[i] - self.shift[i]) + (from.mean[i] - self.mean[i]);
        let distances: Vec<f64> = (0..self.mean.len()).map(distance).collect();
        let factor = self.weight / total * from.weight;
        let mut place = 0;
        for i in 0..distances.len() {
            for j in 0..=i {
                self.products[place] += from.products[place] + distances[i] * distances[j] * factor;
                place += 1;
            }
        }
        for (mean, d) in self.mean.iter_mut().zip(&distances) {
            *mean += d * (from.weight / total);
        }
        self.weight = total;
        self.rows = self.rows.saturating_add(from.rows);
    }
}

/// What [`Covariance`] found.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct CovarianceSummary {
    /// The columns, in the order given.
    pub columns: Vec<String>,
    /// Complete rows of positive weight.
    pub rows: u64,
    /// Rows left out because a value is missing.
    pub incomplete: u64,
    /// The total weight: the number of complete rows without weights.
    pub weight: f64,
    /// The mean of each column; NaN without rows.
    pub means: Array1<f64>,
    /// The sums of products about the means.
    pub products: Array2<f64>,
}

impl CovarianceSummary {
    /// The covariance matrix with the divisor `weight - ddof`: 0 for maximum likelihood, 1 for a sample. NaN unless the weight is
    /// above `ddof`.
    pub fn covariance(&self, ddof: f64) -> Array2<f64> {
        let divisor = if self.weight > ddof { self.weight - ddof } else { f64::NAN };
        &self.products / divisor
    }

    /// Pearson's correlations; NaN for a constant column, and for one whose squares overflow.
    pub fn correlation(&self) -> Array2<f64> {
        let sizes: Vec<f64> = self.products.diag().iter().map(|p| p.sqrt()).collect();
        Array2::from_shape_fn(self.products.dim(), |(i, j)| {
            if sizes[i].is_infinite() || sizes[j].is_infinite() {
                f64::NAN
            } else if i == j && sizes[i] > 0.0 {
                1.0
            } else {
                (self.products[[i, j]] / sizes[i] / sizes[j]).clamp(-1.0, 1.0)
            }
        })
    }
}

impl NamedStatistic for Covariance {
    const NAME: &'static str = "mlsys.Covariance";

    fn check_state(&self, state: &CovarianceState) -> Result<()> {
        self.check(state)?;
        let fine = match state.rows {
            0 => state.shift.is_empty() && state.weight == 0.0,
            _ => state.shift.iter().all(|x| x.is_finite()) && state.weight > 0.0,
        };
        if fine { Ok(()) } else { Err(Error::state("a weight and a shift of the rows", "others")) }
    }

    fn columns(&self, _: &Schema) -> Vec<String> {
        self.columns.iter().chain(&self.weight).cloned().collect()
    }
}

impl Statistic for Covariance {
    type State = CovarianceState;
    type Output = CovarianceSummary;

    fn init(&self, schema: &Schema) -> Result<CovarianceState> {
        if self.columns.is_empty() {
            return Err(Error::invalid_parameter("Covariance", "columns", "none", "one or more"));
        }
        refuse_repeated("Covariance", &self.columns)?;
        for name in &self.columns {
            let field = schema.field_with_name(name).map_err(|_| column::missing_column(schema, name))?;
            if !Kind::of(field.data_type()).is_numeric() {
                return Err(Error::column_type(name, "numeric to have a covariance", field.data_type()));
            }
        }
        Ok(CovarianceState::empty(&self.columns))
    }

    fn update(&self, state: &mut CovarianceState, batch: &RecordBatch) -> Result<()> {
        let p = self.columns.len();
        self.check(state)?;
        let weights = batch_weights(batch, self.weight.as_deref())?;
        let mut values = Vec::with_capacity(p);
        for name in &self.columns {
            let column = column::floats(name, column::find(batch, name)?)?;
            if let Some(row) = column::first_infinite(&column) {
                let value = column[row];
                return Err(ErrorKind::NonFinite { column: name.clone(), row, value }.into());
            }
            values.push(column);
        }
        let counts = |row: usize| weights.as_ref().is_none_or(|w| w[row] > 0.0);
        let there = |row: usize| values.iter().all(|column| !column[row].is_nan());
        let of_weight: Vec<usize> = (0..batch.num_rows()).filter(|&row| counts(row)).collect();
        let rows: Vec<usize> = of_weight.iter().copied().filter(|&row| there(row)).collect();
        let mut from = CovarianceState::empty(&self.columns);
        from.incomplete = (of_weight.len() - rows.len()) as u64;
        if let Some(&first) = rows.first() {
            from.rows = rows.len() as u64;
            from.shift = match state.rows {
                0 => values.iter().map(|column| column[first]).collect(),
                _ => state.shift.clone(),
            };
            // Columns as rows, so that each is contiguous; the weight goes to one factor of the products.
            let mut about =
                Array2::from_shape_fn((p, rows.len()), |(i, k)| values[i][rows[k]] - from.shift[i]);
            let row_weights: Option<Array1<f64>> =
                weights.as_ref().map(|w| rows.iter().map(|&row| w[row]).collect());
            let weighted_sum = |row: ArrayView1<'_, f64>| match &row_weights {
                None => row.sum(),
                Some(w) => row.dot(w),
            };
            from.weight = row_weights.as_ref().map_or(rows.len() as f64, |w| w.sum());
            for (i, mut row) in about.rows_mut().into_iter().enumerate() {
                from.mean[i] = weighted_sum(row.view()) / from.weight;
                row -= from.mean[i];
            }
            let products = match &row_weights {
                None => about.dot(&about.t()),
                Some(w) => (&about * w).dot(&about.t()),
            };
            let triangle = (0..p).flat_map(|i| (0..=i).map(move |j| (i, j)));
            from.products = triangle.map(|(i, j)| products[[i, j]]).collect();
        }
        state.combine(&from);
        Ok(())
    }

    fn merge(&self, into: &mut CovarianceState, from: CovarianceState) -> Result<()> {
        self.check(into)?;
        self.check(&from)?;
        into.combine(&from);
        Ok(())
    }

    fn finish(&self, state: &CovarianceState) -> Result<CovarianceSummary> {
        self.check(state)?;
        let p = self.columns.len();
        let at = |i: usize, j: usize| state.products[i.max(j) * (i.max(j) + 1) / 2 + i.min(j)];
        let mean = |i: usize| state.shift.get(i).map_or(f64::NAN, |shift| shift + state.mean[i]);
        Ok(CovarianceSummary {
            columns: self.columns.clone(),
            rows: state.rows,
            incomplete: state.incomplete,
            weight: state.weight,
            means: (0..p).map(mean).collect(),
            products: Array2::from_shape_fn((p, p), |(i, j)| at(i, j)),
        })
    }
}

impl Covariance {
    fn check(&self, state: &CovarianceState) -> Result<()> {
        let p = self.columns.len();
        let shifted = state.rows == 0 || state.shift.len() == p;
        if state.columns != self.columns {
            return Err(Error::state(self.columns.join(", "), state.columns.join(", ")));
        }
        if state.mean.len() == p && state.products.len() == p * (p + 1) / 2 && shifted {
            return Ok(());
        }
        Err(Error::state(format!("{p} columns"), format!("{}", state.mean.len())))
    }
}
