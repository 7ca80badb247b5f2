//! Copies of rows with noise.

use mlsys_core::{Columns, Dataset, Error, Result, Train, seed};
use mlsys_neighbors::Metric;
use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use crate::coordinates::Coordinates;
use crate::draws::{normal, stream};
use crate::labelled::Labelled;
use crate::plan::resample_as_planned;
use crate::{Plan, PlanResample, Strategy, Synthetic};

/// Makes rows of small classes: copies, drawn with replacement, with normal noise, which is a draw from a kernel estimate of the class's
/// density. Known as ROSE.
///
/// `x = a + h z`, `z ~ N(0, 1)` and `h = shrinkage · (4 / ((d + 2) n))^(1 / (d + 4)) · s` in each of `d` columns, `n` and `s` the
/// number of rows of the class and its standard deviation (over `n − 1`)
///
/// | parameter | default | range | effect |
/// |---|---|---|---|
/// | `shrinkage` | 1 | 0 or above | the width of the noise; 0 copies |
/// | `strategy` | `Auto` | see [`Strategy`] | all classes become as large as the largest |
/// | `columns` | features that are numbers, without time and group | numbers | get noise |
/// | `seed` | 0 | | |
///
/// **Input**: one target of two classes or more; integers, floats and decimals. Missing values stay missing, and do not count in `s`.
/// **Output**: all rows in their order, then the new ones, class by class. A new row has, in all other columns, what the row has
/// that it is made of. Integers stay integers, and no integer or float leaves its type's range. Rows of weight 0 are left out, and others
/// count 1. **Complexity**: two passes; a plan of 16 bytes a new row, and 8 a column. No two classes get the same noise.
/// **Errors**: as [`Strategy::over`]; [`TooFewRows`](mlsys_core::ErrorKind::TooFewRows) for one row of a class that shall grow;
/// [`SingleClass`](mlsys_core::ErrorKind::SingleClass); [`NonFinite`](mlsys_core::ErrorKind::NonFinite).
///
/// ```
/// use mlsys_core::{Dataset, arrow::array::{BooleanArray, Float64Array, RecordBatch}};
/// use mlsys_imbalance::{Origin, PlanResample, SmoothedBootstrap};
/// use std::sync::Arc;
///
/// let x = Arc::new(Float64Array::from(vec![1.0, 3.0, 10.0, 11.0, 12.0]));
/// let late = Arc::new(BooleanArray::from(vec![true, true, false, false, false]));
/// let train = Dataset::new(RecordBatch::try_from_iter([("x", x as _), ("late", late as _)])?)?;
/// let train = train.target("late")?.into_train_all();
/// let plan = SmoothedBootstrap::new().plan(&train)?;
/// assert!(matches!(plan.origin(5), Some(Origin::Around { base: 0 | 1 })));
/// // Twice the width is twice the noise.
/// let wide = SmoothedBootstrap::new().shrinkage(2.0).plan(&train)?;
/// assert_eq!(wide.shifts("x")[0], 2.0 * plan.shifts("x")[0]);
/// # Ok::<(), mlsys_core::Error>(())
/// ```
///
/// **Misleads** where values have bounds or gaps between them: noise is made below 0 too, and for each column by itself, so that what
/// columns have in common is blurred. Probabilities are no longer those of the data: calibrate them on validation rows.
///
/// Menardi and Torelli, *Training and assessing classification rules with imbalanced data*, 2014, section 3, keeping the rows that
/// there are. imbalanced-learn has `n` of all rows, which makes the noise of small classes too narrow, and the same noise for every class.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[must_use = "a resampler does nothing until it is used"]
pub struct SmoothedBootstrap {
    shrinkage: f64,
    strategy: Strategy,
    columns: Option<Columns>,
    seed: u64,
}

impl Default for SmoothedBootstrap {
    fn default() -> Self {
        Self { shrinkage: 1.0, strategy: Strategy::Auto, columns: None, seed: seed::DEFAULT_SEED }
    }
}

const NAME: &str = "SmoothedBootstrap";

/// New rows that draw from one generator.
const PART: usize = 1024;

impl SmoothedBootstrap {
    /// The width of a normal density, and classes as large as the largest.
    pub fn new() -> Self {
        Self::default()
    }

    /// How wide the noise is.
    pub fn shrinkage(mut self, shrinkage: f64) -> Self {
        self.shrinkage = shrinkage;
        self
    }

    /// Which classes grow, and to how many rows.
    pub fn strategy(mut self, strategy: Strategy) -> Self {
        self.strategy = strategy;
        self
    }

    /// The features that get noise.
    pub fn columns(mut self, columns: impl Into<Columns>) -> Self {
        self.columns = Some(columns.into());
        self
    }

    /// The seed of the draws.
    pub fn seed(mut self, seed: u64) -> Self {
        self.seed = seed;
        self
    }

    /// The width of the noise of a class in each column.
    fn widths(&self, coordinates: &Coordinates, rows: &[usize]) -> Vec<f64> {
        let columns = coordinates.points.n_columns();
        let (n, d) = (rows.len() as f64, columns as f64);
        let factor = self.shrinkage * libm::pow(4.0 / ((d + 2.0) * n), 1.0 / (d + 4.0));
        let spread = |column| deviation(coordinates.points.column(column), rows);
        (0..columns).map(|column| (factor * spread(column)).min(f64::MAX)).collect()
    }
}

/// The standard deviation of the values that are there, over one less than their number; 0 of fewer than two.
pub(crate) fn deviation(values: &[f64], rows: &[usize]) -> f64 {
    let there = || rows.iter().map(|&row| values[row]).filter(|x| !x.is_nan());
    let (count, largest) = there().fold((0, 0.0_f64), |(n, most), x| (n + 1, most.max(x.abs())));
    if count < 2 || largest == 0.0 {
        return 0.0;
    }
    // In units of the largest, so that no square overflows.
    let mean = there().map(|x| x / largest).sum::<f64>() / f64::from(count);
    let squares: f64 = there().map(|x| (x / largest - mean) * (x / largest - mean)).sum();
    (squares / f64::from(count - 1)).sqrt() * largest
}

impl PlanResample for SmoothedBootstrap {
    fn plan(&self, train: &Dataset<Train>) -> Result<Plan> {
        if !self.shrinkage.is_finite() || self.shrinkage < 0.0 {
            return Err(Error::invalid_parameter(
                NAME,
                "shrinkage",
                self.shrinkage,
                "finite, and 0 or above",
            ));
        }
        let labelled = Labelled::new(train, NAME)?;
        let after = self.strategy.over(NAME, &labelled.sizes)?;
        let coordinates = Coordinates::new(train, NAME, self.columns.as_ref(), Metric::NanEuclidean)?;
        let mut synthetic = Vec::new();
        let mut shifts: Vec<Vec<f64>> = vec![Vec::new(); coordinates.names.len()];
        for ((class, rows), after) in labelled.sizes.classes().iter().zip(&labelled.rows).zip(after) {
            let new = after - rows.len();
            if new == 0 {
                continue;
            }
            if rows.len() < 2 {
                return Err(Error::too_few_rows(2, rows.len(), format!("{NAME} in class `{class}`")));
            }
            let mut rng = stream(self.seed, class, 0);
            synthetic.extend((0..new).map(|_| {
                let base = rows[seed::below(rows.len() as u64, &mut rng) as usize] as u32;
                Synthetic { base, neighbor: base, gap: 0.0 }
            }));
            let widths = self.widths(&coordinates, rows);
            let parts = (0..new.div_ceil(PART)).into_par_iter().map(|part| {
                let mut rng = stream(self.seed, class, part as u64 + 1);
                let rows = PART.min(new - part * PART);
                (0..rows * widths.len()).map(|_| normal(&mut rng)).collect::<Vec<f64>>()
            });
            let parts: Vec<Vec<f64>> = parts.collect();
            for (column, (shifts, width)) in shifts.iter_mut().zip(&widths).enumerate() {
                let draws = parts.iter().flat_map(|part| part.iter().skip(column).step_by(widths.len()));
                shifts.extend(draws.map(|z| (width * z).clamp(-f64::MAX, f64::MAX)));
            }
        }
        let none: [&str; 0] = [];
        let plan = Plan::keep(train, &labelled.all)?.synthesize(train, none, synthetic)?;
        let mut columns = coordinates.names.iter().zip(shifts);
        columns.try_fold(plan, |plan, (name, shifts)| plan.shift(train, name, shifts))
    }
}

resample_as_planned!(SmoothedBootstrap);
