//! Quantiles: exact by counting sorted values, then by a sketch.

use mlsys_core::arrow::datatypes::Field;
use mlsys_core::column::{from_order_key, order_key};
use mlsys_core::hash::hash_u64;
use mlsys_core::{Error, Kind, Result};
use serde::{Deserialize, Serialize};

use crate::ascending;
use crate::counted::few_distinct;
use crate::{Column, ColumnStatistic, Distribution, Infinite, Kll};

/// Quantiles of a numeric column, mergeable: exact up to a number of distinct values, then a [`Kll`] sketch.
///
/// ```text
/// h = (W - 1) q      quantile = x[⌊h⌋] + (h - ⌊h⌋) (x[⌊h⌋ + 1] - x[⌊h⌋])      (type 7 of Hyndman and Fan)
/// ```
/// where `x` is the sorted sample, in which a value of weight w stands w times, and `W` is the sum of the weights.
/// When some weight is not whole, it is the first value whose cumulated weight exceeds `q W` (the mean with the one
/// before where they are equal), which does not depend on the scale of the weights.
///
/// | parameter | default | range | effect |
/// |---|---|---|---|
/// | `exact_up_to` | 131,072 | 1 or more | distinct values kept exactly: 16 bytes each |
/// | `k` | 2,048 | 8 to 65,535 | accuracy of the sketch: rank error near 0.15 % |
/// | `seed` | 0 | any | the sketch's coin |
/// | `infinite` | `Count` | | infinite values are ordered like others, or refused |
///
/// **Input**: a numeric or boolean column; missing values do not count. Columns with weights that are not whole stay exact
/// whatever the number of distinct values, since a sketch counts whole rows. **Merging** is exact until a sketch
/// begins.
///
/// ```
/// use mlsys_core::arrow::array::{ArrayRef, Float64Array};
/// use mlsys_stats::{ColumnStatistic, Quantiles};
/// use std::sync::Arc;
///
/// let x: ArrayRef = Arc::new(Float64Array::from(vec![Some(1.0), Some(2.0), None, Some(4.0), Some(9.0)]));
/// let quantiles = Quantiles::new().of("x", &x, None)?;
/// assert_eq!(quantiles.median(), Some(3.0));
/// # Ok::<(), mlsys_core::Error>(())
/// ```
///
/// Rob Hyndman, Yanan Fan, *Sample Quantiles in Statistical Packages*, The American Statistician 50, 1996,
/// definition 7, which is what numpy, Polars and scikit-learn use.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[must_use = "a statistic does nothing until it is run"]
pub struct Quantiles {
    exact_up_to: usize,
    k: u32,
    seed: u64,
    infinite: Infinite,
}

impl Default for Quantiles {
    fn default() -> Self {
        let seed = mlsys_core::seed::DEFAULT_SEED;
        Self { exact_up_to: 131_072, k: 2_048, seed, infinite: Infinite::Count }
    }
}

impl Quantiles {
    /// The statistic with its defaults.
    pub fn new() -> Self {
        Self::default()
    }

    /// How many distinct values are kept exactly.
    pub fn exact_up_to(mut self, distinct: usize) -> Self {
        self.exact_up_to = distinct;
        self
    }

    /// The accuracy of the sketch beyond that.
    pub fn k(mut self, k: u32) -> Self {
        self.k = k;
        self
    }

    /// The seed of the sketch's coin.
    pub fn seed(mut self, seed: u64) -> Self {
        self.seed = seed;
        self
    }

    /// How many distinct values are kept.
    pub(crate) fn limit(&self) -> usize {
        self.exact_up_to
    }

    /// What to do with infinite values; by default they are ordered like any other.
    pub fn infinite(mut self, infinite: Infinite) -> Self {
        self.infinite = infinite;
        self
    }

    /// A sketch counts whole rows.
    fn refuse_fractions(&self, state: &QuantilesState, whole: bool) -> Result<()> {
        if whole || matches!(state, QuantilesState::Exact { .. }) { Ok(()) } else { Err(self.fractions()) }
    }

    fn fractions(&self) -> Error {
        let what = "quantiles of weights that are not whole, after a sketch began at";
        Error::unsupported(format!("{what} {} distinct values: raise `exact_up_to`", self.exact_up_to))
    }

    fn check_accuracy(&self, sketch: &Kll) -> Result<()> {
        if sketch.k() == self.k {
            return Ok(());
        }
        Err(Error::state(format!("a sketch with k = {}", self.k), format!("k = {}", sketch.k())))
    }

    fn sketch_if_long(&self, state: &mut QuantilesState, whole_weights: bool, let_go: impl FnOnce(&[f64])) {
        if let QuantilesState::Exact { values, weights, whole } = state {
            *whole &= whole_weights;
            if values.len() > self.exact_up_to && *whole {
                // Sketches of different rows must toss different coins, or their errors would add up.
                let ends = [values.first(), values.last(), values.get(values.len() / 2)];
                let content =
                    ends.into_iter().flatten().fold(self.seed, |seed, x| hash_u64(x.to_bits(), seed));
                let mut sketch = Kll::new(self.k, content);
                sketch.extend_counted(values, weights);
                let_go(values);
                *state = QuantilesState::Sketch(sketch);
            }
        }
    }

    /// Adds rows. When there are too many values to keep, `let_go` sees all of them before a sketch takes over.
    pub(crate) fn update_and(
        &self,
        state: &mut QuantilesState,
        column: &Column<'_>,
        let_go: impl FnOnce(&[f64]),
    ) -> Result<()> {
        if let (QuantilesState::Sketch(sketch), None) = (&mut *state, column.weights()) {
            column.refuse_infinite(self.infinite)?;
            return column
                .blocks(|values| {
                    sketch.extend(values);
                    true
                })
                .map(drop);
        }
        let (values, weights) = counted(column)?;
        // Sorted, so that infinities can only stand at the ends: no pass over the rows unless there is one. Rows of
        // weight zero are refused like others, which their values do not show.
        let ends = [values.first(), values.last()];
        if column.weights().is_some() || ends.into_iter().flatten().any(|x| x.is_infinite()) {
            column.refuse_infinite(self.infinite)?;
        }
        let whole = match column.weights() {
            None => true,
            // Of the rows that count alone.
            Some(weights) => {
                let rows = weights.iter().zip(column.floats()?.iter()).filter(|(_, x)| !x.is_nan());
                rows.into_iter().all(|(w, _)| w.fract() == 0.0 && *w < EXACT)
            }
        };
        self.refuse_fractions(state, whole)?;
        add_counts(state, &values, &weights)?;
        self.sketch_if_long(state, whole, let_go);
        Ok(())
    }
}

/// The state of [`Quantiles`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum QuantilesState {
    /// Distinct values, ascending, each with its weight.
    Exact {
        /// The distinct values, ascending.
        values: Vec<f64>,
        /// The weight of each.
        weights: Vec<f64>,
        /// Whether all weights are whole numbers of rows, so that a sketch may take over.
        whole: bool,
    },
    /// Too many distinct values.
    Sketch(Kll),
}

impl QuantilesState {
    /// Checks a state that was loaded.
    fn validate(&self) -> Result<()> {
        let (values, weights) = match self {
            Self::Sketch(sketch) => return sketch.validate(),
            Self::Exact { values, weights, .. } => (values, weights),
        };
        if values.len() != weights.len() {
            return Err(Error::state("a weight per value", "another number of them"));
        }
        let ascending = values.windows(2).all(|pair| pair[0] < pair[1]);
        let fine = |w: &f64| w.is_finite() && *w > 0.0;
        if !ascending || values.first().is_some_and(|x| x.is_nan()) || !weights.iter().all(fine) {
            return Err(Error::state("ascending values of positive weight", "others"));
        }
        Ok(())
    }
}

/// Whole weights up to here add up exactly.
const EXACT: f64 = 9_007_199_254_740_992.0;

/// Whether quantiles are exact.
#[derive(Debug, Clone, Copy, PartialEq)]
#[non_exhaustive]
pub enum Exactness {
    /// Every distinct value was kept.
    Exact,
    /// A sketch; the rank of a quantile is off by at most this share of the rows, with 99 % confidence.
    Approximate {
        /// The share.
        rank_error: f64,
    },
}

/// What [`Quantiles`] found.
#[derive(Debug, Clone, PartialEq)]
pub struct QuantilesSummary {
    values: Vec<f64>,
    /// Cumulated weights.
    upto: Vec<f64>,
    whole: bool,
    exactness: Exactness,
    /// The standard deviation of a rank, as a share of the rows; 0 where exact.
    sigma: f64,
}

impl QuantilesSummary {
    /// The values kept, ascending, and the weight up to each.
    pub(crate) fn steps(&self) -> (&[f64], &[f64]) {
        (&self.values, &self.upto)
    }

    /// The values kept as a distribution: all distinct values, or the items of a sketch.
    pub fn distribution(&self) -> Distribution<'_> {
        Distribution::new(&self.values, &self.upto, self.whole)
    }

    /// The standard deviation of a rank, and the largest share of the rows that one item of a sketch stands for; 0
    /// where exact.
    pub(crate) fn rank_noise(&self) -> (f64, f64) {
        let total = match (self.exactness, self.upto.last()) {
            (Exactness::Approximate { .. }, Some(&total)) => total,
            _ => return (0.0, 0.0),
        };
        let mut before = 0.0;
        let weights = self.upto.iter().map(|&upto| upto - std::mem::replace(&mut before, upto));
        (self.sigma, weights.fold(0.0, f64::max) / total)
    }

    /// The share of the weight at or below a value; NaN without values.
    pub fn share_up_to(&self, value: f64) -> f64 {
        let total = self.upto.last().copied().unwrap_or(f64::NAN);
        match self.values.partition_point(|&x| x <= value) {
            0 => 0.0 * total,
            place => self.upto[place - 1] / total,
        }
    }

    /// The quantile of a share `q` in 0 to 1; `None` without values, or for another `q`.
    pub fn quantile(&self, q: f64) -> Option<f64> {
        self.distribution().quantile(q)
    }

    /// The quantile of one half.
    pub fn median(&self) -> Option<f64> {
        self.quantile(0.5)
    }

    /// Whether the quantiles are exact, and how far off they may be.
    pub fn exactness(&self) -> Exactness {
        self.exactness
    }

    /// The number of distinct values, where they were all kept.
    pub fn distinct(&self) -> Option<usize> {
        (self.exactness == Exactness::Exact).then_some(self.values.len())
    }
}

impl ColumnStatistic for Quantiles {
    const NAME: &'static str = "mlsys.Quantiles";

    type State = QuantilesState;
    type Output = QuantilesSummary;

    fn init(&self, field: &Field) -> Result<QuantilesState> {
        if self.exact_up_to == 0 {
            return Err(Error::invalid_parameter("Quantiles", "exact_up_to", 0, "1 or more"));
        }
        if !(8..=65_535).contains(&self.k) {
            return Err(Error::invalid_parameter("Quantiles", "k", self.k, "8 to 65535"));
        }
        if !Kind::of(field.data_type()).is_numeric() {
            return Err(Error::column_type(field.name(), "numeric to have quantiles", field.data_type()));
        }
        Ok(QuantilesState::Exact { values: Vec::new(), weights: Vec::new(), whole: true })
    }

    fn update(&self, state: &mut QuantilesState, column: &Column<'_>) -> Result<()> {
        self.update_and(state, column, |_| ())
    }

    fn merge(&self, into: &mut QuantilesState, from: QuantilesState) -> Result<()> {
        match from {
            QuantilesState::Exact { values, weights, whole } => {
                if values.len() != weights.len() {
                    return Err(Error::state("a weight per value", "another number of them"));
                }
                self.refuse_fractions(into, whole)?;
                add_counts(into, &values, &weights)?;
                self.sketch_if_long(into, whole, |_| ());
            }
            QuantilesState::Sketch(sketch) => {
                sketch.validate()?;
                self.check_accuracy(&sketch)?;
                if matches!(into, QuantilesState::Exact { whole: false, .. }) {
                    return Err(self.fractions());
                }
                if matches!(into, QuantilesState::Exact { values, .. } if values.is_empty()) {
                    *into = QuantilesState::Sketch(sketch);
                    return Ok(());
                }
                let before = std::mem::replace(into, QuantilesState::Sketch(Kll::new(self.k, self.seed)));
                let QuantilesState::Sketch(merged) = into else { return Ok(()) };
                match before {
                    QuantilesState::Sketch(own) => *merged = own,
                    QuantilesState::Exact { values, weights, .. } => {
                        merged.extend_counted(&values, &weights);
                    }
                }
                merged.merge(&sketch)?;
            }
        }
        Ok(())
    }

    fn finish(&self, state: &QuantilesState) -> Result<QuantilesSummary> {
        state.validate()?;
        let cumulate = |weights: &mut dyn Iterator<Item = f64>| {
            let mut sum = 0.0;
            weights
                .map(|w| {
                    sum += w;
                    sum
                })
                .collect::<Vec<f64>>()
        };
        Ok(match state {
            QuantilesState::Exact { values, weights, whole } => {
                let upto = cumulate(&mut weights.iter().copied());
                QuantilesSummary {
                    values: values.clone(),
                    upto,
                    whole: *whole,
                    exactness: Exactness::Exact,
                    sigma: 0.0,
                }
            }
            QuantilesState::Sketch(sketch) => {
                let items = sketch.sorted();
                QuantilesSummary {
                    values: items.iter().map(|item| item.0).collect(),
                    upto: cumulate(&mut items.iter().map(|item| item.1)),
                    whole: true,
                    exactness: Exactness::Approximate { rank_error: sketch.rank_error() },
                    sigma: sketch.rank_deviation(),
                }
            }
        })
    }

    fn check_state(&self, state: &QuantilesState) -> Result<()> {
        state.validate()?;
        match state {
            QuantilesState::Sketch(sketch) => self.check_accuracy(sketch),
            QuantilesState::Exact { weights, whole, .. } => {
                if *whole && weights.iter().any(|w| w.fract() != 0.0) {
                    return Err(Error::state("whole weights", "others"));
                }
                Ok(())
            }
        }
    }
}

/// The distinct values, ascending, and their weights. -0.0 counts as 0.0.
fn counted(column: &Column<'_>) -> Result<(Vec<f64>, Vec<f64>)> {
    let mut distinct: Vec<f64> = Vec::new();
    let mut totals: Vec<f64> = Vec::new();
    let mut add = |x: f64, w: f64| match (distinct.last(), totals.last_mut()) {
        (Some(&last), Some(total)) if last == x => *total += w,
        _ => {
            distinct.push(x);
            totals.push(w);
        }
    };
    match column.weights() {
        None => match few_distinct(column.array().len(), |visit| column.blocks(visit))? {
            Some(counts) => {
                counts.into_iter().for_each(|(key, count)| add(from_order_key(key), count as f64))
            }
            None => {
                let mut keys: Vec<u64> =
                    column.floats()?.iter().filter(|x| !x.is_nan()).map(|&x| order_key(x)).collect();
                keys.sort_unstable();
                keys.into_iter().for_each(|key| add(from_order_key(key), 1.0));
            }
        },
        Some(weights) => {
            let pairs = column.floats()?.iter().zip(weights).filter(|(x, w)| !x.is_nan() && **w > 0.0);
            let mut pairs: Vec<(u64, f64)> = pairs.map(|(&x, &w)| (order_key(x), w)).collect();
            // Stable, so that equal values add up in the order of the rows.
            pairs.sort_by_key(|pair| pair.0);
            pairs.into_iter().for_each(|(key, w)| add(from_order_key(key), w));
        }
    }
    Ok((distinct, totals))
}

/// Merges two ascending lists of counts.
fn add_counts(state: &mut QuantilesState, values: &[f64], weights: &[f64]) -> Result<()> {
    let (own, own_weights) = match state {
        QuantilesState::Sketch(sketch) => {
            sketch.extend_counted(values, weights);
            return Ok(());
        }
        QuantilesState::Exact { values, weights, .. } => (values, weights),
    };
    if own.len() != own_weights.len() {
        return Err(Error::state("a weight per value", "another number of them"));
    }
    if values.iter().any(|x| x.is_nan()) {
        return Err(Error::state("ascending values", "NaN"));
    }
    let missing = ascending::find(own, values, |place, i| own_weights[place] += weights[i]);
    ascending::insert(own, values, &missing);
    ascending::insert(own_weights, weights, &missing);
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use mlsys_core::arrow::array::{ArrayRef, Float64Array};
    use std::sync::Arc;

    fn of(recipe: Quantiles, values: Vec<f64>, weights: Option<&[f64]>) -> QuantilesSummary {
        let array: ArrayRef = Arc::new(Float64Array::from(values));
        recipe.of("x", &array, weights).unwrap()
    }

    #[test]
    fn follows_type_seven() {
        let summary = of(Quantiles::new(), vec![-1.0, 10.0, 2.0, 3.0, 3.0], None);
        for (q, expected) in [(0.0, -1.0), (0.25, 2.0), (0.5, 3.0), (0.9, 7.2), (1.0, 10.0)] {
            assert!((summary.quantile(q).unwrap() - expected).abs() < 1e-12, "{q}");
        }
        assert_eq!(summary.quantile(1.1), None);
        assert_eq!(of(Quantiles::new(), vec![], None).median(), None);
        assert_eq!(of(Quantiles::new(), vec![-1e308, 1e308], None).median(), Some(0.0));
        assert_eq!(
            of(Quantiles::new(), vec![f64::NEG_INFINITY, 1.0, f64::INFINITY], None).median(),
            Some(1.0)
        );
    }

    #[test]
    fn weights_stand_for_repeated_rows() {
        let weighted = of(Quantiles::new(), vec![5.0, 1.0, 9.0, 7.0], Some(&[2.0, 3.0, 1.0, 0.0]));
        let repeated = of(Quantiles::new(), vec![5.0, 5.0, 1.0, 1.0, 1.0, 9.0], None);
        for q in [0.0, 0.3, 0.5, 0.77, 1.0] {
            assert_eq!(weighted.quantile(q), repeated.quantile(q));
        }
    }

    #[test]
    fn fractional_weights_have_no_scale() {
        let values = vec![1.0, 2.0, 9.0];
        for scale in [1.0 / 3.0, 1.5, 0.25] {
            let summary = of(Quantiles::new(), values.clone(), Some(&[scale; 3]));
            assert_eq!(
                (summary.median(), summary.quantile(0.0), summary.quantile(1.0)),
                (Some(2.0), Some(1.0), Some(9.0))
            );
        }
        let even = of(Quantiles::new(), vec![1.0, 2.0], Some(&[0.75, 0.75]));
        assert_eq!((even.median(), even.quantile(1.0)), (Some(1.5), Some(2.0)));
    }

    #[test]
    fn says_when_it_becomes_a_sketch() {
        let values: Vec<f64> = (0..50_000).map(f64::from).collect();
        assert_eq!(of(Quantiles::new(), values.clone(), None).distinct(), Some(50_000));
        let summary = of(Quantiles::new().exact_up_to(1_000).k(400), values, None);
        let Exactness::Approximate { rank_error } = summary.exactness() else { panic!("must be a sketch") };
        assert!(rank_error < 0.02);
        assert!((summary.median().unwrap() / 50_000.0 - 0.5).abs() < rank_error);
        assert_eq!((summary.quantile(0.0), summary.quantile(1.0)), (Some(0.0), Some(49_999.0)));
    }
}
