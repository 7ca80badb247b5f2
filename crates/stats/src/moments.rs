//! Mean, variance, skewness and kurtosis.

use mlsys_core::arrow::datatypes::Field;
use mlsys_core::{Error, Kind, Result};
use serde::{Deserialize, Serialize};

use crate::column::BLOCK;
use crate::{Column, ColumnStatistic, Infinite};

/// Mean and central moments up to the fourth, in one pass, mergeable, accurate at any offset.
///
/// ```text
/// mean = Σ wᵢ xᵢ / W      M_k = Σ wᵢ (xᵢ - mean)^k      W = Σ wᵢ      (w = 1 without weights)
/// ```
/// Each batch is done in two passes about a shift (the first finite value); batches and states are combined by
/// the pairwise formulas. At an offset of 1e12 and unit spread, mean, M2 and M4 keep 1e-9 relative accuracy.
///
/// | parameter | default | range | effect |
/// |---|---|---|---|
/// | `order` | 4 | 2 to 4 | the highest moment that is kept |
/// | `infinite` | `Count` | | infinite values are counted apart, or refused |
///
/// **Input**: a numeric or boolean column. Missing values do not count. Infinite values are counted apart, or
/// refused with [`Infinite::Refuse`]. Without values the mean is NaN and the moments are 0. A weight of 2 is a row
/// twice, a weight of 0 is no row.
///
/// **Merging** is exact for the counts; the moments agree within 1e-12 relative for any partition.
///
/// ```
/// use mlsys_core::arrow::array::{ArrayRef, Float64Array};
/// use mlsys_stats::{ColumnStatistic, Moments};
/// use std::sync::Arc;
///
/// let x: ArrayRef = Arc::new(Float64Array::from(vec![2.0, 4.0, 4.0, 4.0, 5.0, 5.0, 7.0, 9.0]));
/// let moments = Moments::new().of("x", &x, None)?;
/// assert_eq!((moments.mean(), moments.variance(0.0), moments.std_dev(0.0)), (5.0, 4.0, 2.0));
/// # Ok::<(), mlsys_core::Error>(())
/// ```
///
/// **Misleads** for heavy tails, where the fourth moment is one row's: look at [`Quantiles`](crate::Quantiles).
///
/// Philippe Pébay, *Formulas for Robust, One-Pass Parallel Computation of Covariances and Arbitrary-Order
/// Statistical Moments*, SAND2008-6212, 2008, equations 3.1 and 3.2.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[must_use = "a statistic does nothing until it is run"]
pub struct Moments {
    order: u8,
    infinite: Infinite,
}

impl Default for Moments {
    fn default() -> Self {
        Self { order: 4, infinite: Infinite::Count }
    }
}

impl Moments {
    /// The statistic, counting infinite values.
    pub fn new() -> Self {
        Self::default()
    }

    /// The highest moment that is needed, 2 to 4, which is the default. With 2, [`m3`](MomentsSummary::m3) and what
    /// rests on it are NaN, and fitting is quicker.
    pub fn order(mut self, order: u8) -> Self {
        self.order = order;
        self
    }

    /// What to do with infinite values; by default they are counted and enter no moment.
    pub fn infinite(mut self, infinite: Infinite) -> Self {
        self.infinite = infinite;
        self
    }
}

/// The state of [`Moments`]: raw moments about `shift + mean`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
pub struct MomentsState {
    count: u64,
    positive_infinite: u64,
    negative_infinite: u64,
    weight: f64,
    /// The first finite value; the mean is kept as its distance from here, which keeps its digits.
    shift: f64,
    mean: f64,
    m2: f64,
    m3: f64,
    m4: f64,
}

impl MomentsState {
    /// Adds a block of unweighted values, passing over NaN; says whether it did: not if a value is infinite or the
    /// sum overflows.
    fn add_block(&mut self, values: &[f64], order: u8) -> bool {
        let Some(&first) = values.iter().find(|x| !x.is_nan()) else { return true };
        let shift = if self.count > 0 { self.shift } else { first };
        let mut sum = lane_sum(values, |x| x - shift);
        let mut there = [0.0; BLOCK];
        let mut values = values;
        if sum.is_nan() {
            // NaN among them, or infinities of both signs, which stay.
            let mut n = 0;
            for &x in values {
                there[n] = x;
                n += usize::from(!x.is_nan());
            }
            values = &there[..n];
            sum = lane_sum(values, |x| x - shift);
        }
        let from = Self::of_block(values, shift, sum, order);
        let finite = from.mean.is_finite();
        if finite {
            self.combine(&from);
        }
        finite
    }

    /// The moments of at most [`BLOCK`] values, none of them NaN; `sum` is that of their distances from `shift`.
    fn of_block(values: &[f64], shift: f64, sum: f64, order: u8) -> Self {
        let n = values.len() as f64;
        let mean = sum / n;
        let center = shift + mean;
        // `center` is rounded; what the rounding moved is put back through `left`.
        let left = (shift - center) + mean;
        let mut buffer = [0.0; BLOCK];
        let about = &mut buffer[..values.len()];
        about.iter_mut().zip(values).for_each(|(d, x)| *d = (x - center) - left);
        let mut sums = [lane_sum(about, |d| d), lane_sum(about, |d| d * d), 0.0, 0.0];
        if order > 2 {
            sums[2] = lane_sum(about, |d| d * d * d);
            sums[3] = lane_sum(about, |d| (d * d) * (d * d));
        }
        Self::from_central(n, sums, shift, mean, values.len() as u64)
    }

    /// Adds values without NaN and infinities.
    fn add(&mut self, values: &[f64], weights: Option<&[f64]>) {
        let Some(&first) = values.first() else { return };
        let shift = if self.count > 0 { self.shift } else { first };
        let Some(w) = weights else {
            for block in values.chunks(BLOCK) {
                self.combine(&Self::of_block(block, shift, lane_sum(block, |x| x - shift), 4));
            }
            return;
        };
        let total = lane_sum(w, |w| w);
        let mean = lane_sum_2(values, w, |x, w| w * (x - shift)) / total;
        let center = shift + mean;
        let left = (shift - center) + mean;
        let sums = [1, 2, 3, 4].map(|k| lane_sum_2(values, w, |x, w| w * power((x - center) - left, k)));
        self.combine(&Self::from_central(total, sums, shift, mean, values.len() as u64));
    }

    /// Moments from sums of powers about a point that is the mean up to rounding: the sum of the first powers
    /// says how far off it was.
    fn from_central(weight: f64, [s1, s2, s3, s4]: [f64; 4], shift: f64, mean: f64, count: u64) -> Self {
        let d = s1 / weight;
        Self {
            count,
            weight,
            shift,
            mean: mean + d,
            m2: (s2 - d * s1).max(0.0),
            m3: s3 - 3.0 * d * s2 + 2.0 * d * d * s1,
            m4: (s4 - 4.0 * d * s3 + 6.0 * d * d * s2 - 3.0 * d * d * d * s1).max(0.0),
            ..Self::default()
        }
    }

    fn combine(&mut self, from: &Self) {
        self.positive_infinite = self.positive_infinite.saturating_add(from.positive_infinite);
        self.negative_infinite = self.negative_infinite.saturating_add(from.negative_infinite);
        if from.count == 0 {
            return;
        }
        if self.count == 0 {
            let (up, down) = (self.positive_infinite, self.negative_infinite);
            *self = Self { positive_infinite: up, negative_infinite: down, ..*from };
            return;
        }
        let (a, b) = (self.weight, from.weight);
        let n = a + b;
        // The difference of the shifts first: close numbers, so that it is exact.
        let d = (from.shift - self.shift) + (from.mean - self.mean);
        let d_n = d / n;
        self.m4 += from.m4
            + d * a * b * (a * a - a * b + b * b) * d_n * d_n * d_n
            + 6.0 * d_n * d_n * (a * a * from.m2 + b * b * self.m2)
            + 4.0 * d_n * (a * from.m3 - b * self.m3);
        self.m3 += from.m3 + d * a * b * (a - b) * d_n * d_n + 3.0 * d_n * (a * from.m2 - b * self.m2);
        self.m2 += from.m2 + d * a * b * d_n;
        self.mean += b * d_n;
        self.weight = n;
        self.count = self.count.saturating_add(from.count);
    }
}

#[inline]
fn power(x: f64, k: i32) -> f64 {
    match k {
        1 => x,
        2 => x * x,
        3 => x * x * x,
        _ => (x * x) * (x * x),
    }
}

const LANES: usize = 16;

/// A sum in sixteen lanes: the compiler vectorises it, and its order is fixed.
#[inline]
fn lane_sum(values: &[f64], term: impl Fn(f64) -> f64) -> f64 {
    let mut lanes = [0.0; LANES];
    let (chunks, rest) = values.as_chunks::<LANES>();
    for chunk in chunks {
        for lane in 0..LANES {
            lanes[lane] += term(chunk[lane]);
        }
    }
    lanes.iter().sum::<f64>() + rest.iter().map(|&x| term(x)).sum::<f64>()
}

#[inline]
fn lane_sum_2(values: &[f64], weights: &[f64], term: impl Fn(f64, f64) -> f64) -> f64 {
    let mut lanes = [0.0; LANES];
    for (values, weights) in values.chunks(LANES).zip(weights.chunks(LANES)) {
        for (lane, (&x, &w)) in lanes.iter_mut().zip(values.iter().zip(weights)) {
            *lane += term(x, w);
        }
    }
    lanes.iter().sum()
}

/// What [`Moments`] found.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct MomentsSummary(MomentsState);

impl MomentsSummary {
    /// Values that entered the moments: neither missing nor infinite nor of weight zero.
    pub fn count(&self) -> u64 {
        self.0.count
    }

    /// The sum of their weights; the count without weights.
    pub fn weight(&self) -> f64 {
        self.0.weight
    }

    /// How many values are +inf or -inf.
    pub fn infinite(&self) -> u64 {
        self.0.positive_infinite.saturating_add(self.0.negative_infinite)
    }

    /// The mean; NaN without values.
    pub fn mean(&self) -> f64 {
        if self.0.count == 0 { f64::NAN } else { self.0.shift + self.0.mean }
    }

    /// The sum; 0 without values.
    pub fn sum(&self) -> f64 {
        if self.0.count == 0 { 0.0 } else { self.mean() * self.0.weight }
    }

    /// The sum of weighted squares about the mean.
    pub fn m2(&self) -> f64 {
        self.0.m2
    }

    /// The sum of weighted third powers about the mean.
    pub fn m3(&self) -> f64 {
        self.0.m3
    }

    /// The sum of weighted fourth powers about the mean.
    pub fn m4(&self) -> f64 {
        self.0.m4
    }

    /// `M2 / (W - ddof)`: `ddof` 0 for the population, 1 for an unbiased estimate. NaN when W is not above `ddof`.
    pub fn variance(&self, ddof: f64) -> f64 {
        if self.0.weight > ddof { self.0.m2 / (self.0.weight - ddof) } else { f64::NAN }
    }

    /// The square root of the [`variance`](Self::variance).
    pub fn std_dev(&self, ddof: f64) -> f64 {
        self.variance(ddof).sqrt()
    }

    /// `(M3/W) / (M2/W)^1.5`, without bias correction; NaN for a constant column.
    pub fn skewness(&self) -> f64 {
        (self.0.m3 / self.0.weight) / (self.0.m2 / self.0.weight).powf(1.5)
    }

    /// `(M4/W) / (M2/W)^2 - 3`, without bias correction; NaN for a constant column.
    pub fn excess_kurtosis(&self) -> f64 {
        let variance = self.0.m2 / self.0.weight;
        (self.0.m4 / self.0.weight) / (variance * variance) - 3.0
    }
}

impl ColumnStatistic for Moments {
    const NAME: &'static str = "mlsys.Moments";

    type State = MomentsState;
    type Output = MomentsSummary;

    fn init(&self, field: &Field) -> Result<MomentsState> {
        if !(2..=4).contains(&self.order) {
            return Err(Error::invalid_parameter("Moments", "order", self.order, "2 to 4"));
        }
        if Kind::of(field.data_type()).is_numeric() {
            return Ok(MomentsState::default());
        }
        Err(Error::column_type(field.name(), "numeric to have moments", field.data_type()))
    }

    fn update(&self, state: &mut MomentsState, column: &Column<'_>) -> Result<()> {
        if column.weights().is_none() {
            let mut next = *state;
            if column.blocks(|values| next.add_block(values, self.order))? {
                *state = next;
                return Ok(());
            }
        }
        let values = column.floats()?;
        column.refuse_infinite(self.infinite)?;
        let mut kept = Vec::with_capacity(values.len());
        let mut kept_weights = Vec::new();
        for (row, &x) in values.iter().enumerate() {
            let weight = column.weight(row);
            if weight == 0.0 || x.is_nan() {
                continue;
            }
            if x.is_infinite() {
                if x > 0.0 {
                    state.positive_infinite = state.positive_infinite.saturating_add(1);
                } else {
                    state.negative_infinite = state.negative_infinite.saturating_add(1);
                }
                continue;
            }
            kept.push(x);
            if column.weights().is_some() {
                kept_weights.push(weight);
            }
        }
        state.add(&kept, column.weights().map(|_| kept_weights.as_slice()));
        Ok(())
    }

    fn merge(&self, into: &mut MomentsState, from: MomentsState) -> Result<()> {
        into.combine(&from);
        Ok(())
    }

    fn finish(&self, state: &MomentsState) -> Result<MomentsSummary> {
        let mut state = *state;
        if self.order < 4 {
            state.m4 = f64::NAN;
        }
        if self.order < 3 {
            state.m3 = f64::NAN;
        }
        Ok(MomentsSummary(state))
    }

    fn check_state(&self, state: &MomentsState) -> Result<()> {
        let MomentsState { count, positive_infinite, negative_infinite, weight, shift, m2, .. } = *state;
        let fine = match count {
            0 => *state == MomentsState { positive_infinite, negative_infinite, ..MomentsState::default() },
            // What overflowed is infinite or NaN.
            _ => weight > 0.0 && shift.is_finite() && (m2 >= 0.0 || m2.is_nan()),
        };
        if fine { Ok(()) } else { Err(Error::state("moments of weighted values", "other numbers")) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use mlsys_core::arrow::array::{ArrayRef, Float64Array};
    use std::sync::Arc;

    fn of(values: Vec<f64>) -> MomentsSummary {
        let array: ArrayRef = Arc::new(Float64Array::from(values));
        Moments::new().of("x", &array, None).unwrap()
    }

    fn close(a: f64, b: f64, tolerance: f64) {
        assert!((a - b).abs() <= tolerance * b.abs(), "{a} against {b}");
    }

    /// Doubles near 1e12 are multiples of 2^-13: in these units all sums are exact in 128-bit integers.
    #[test]
    fn keeps_its_digits_at_a_large_offset() {
        let unit = 2f64.powi(-13);
        let base = 1e12;
        let mut rng = mlsys_core::seed::stream(3, 0);
        let steps: Vec<i128> = (0..1_000)
            .map(|_| {
                let sum: f64 = (0..12).map(|_| mlsys_core::seed::uniform(&mut rng)).sum();
                ((sum - 6.0) / unit) as i128
            })
            .collect();
        let values: Vec<f64> = steps.iter().map(|&s| base + s as f64 * unit).collect();
        let n = steps.len() as i128;
        let total: i128 = steps.iter().sum();
        let scaled = |k: u32| steps.iter().map(|s| (n * s - total).pow(k)).sum::<i128>() as f64;
        let m2 = scaled(2) / (n as f64).powi(2) * unit.powi(2);
        let m4 = scaled(4) / (n as f64).powi(4) * unit.powi(4);
        let mean = base + total as f64 / n as f64 * unit;
        for cut in [1, 7, 500, 999] {
            let mut state = MomentsState::default();
            let mut second = MomentsState::default();
            state.add(&values[..cut], None);
            second.add(&values[cut..], None);
            state.combine(&second);
            let summary = MomentsSummary(state);
            close(summary.mean(), mean, 1e-15);
            close(summary.m2(), m2, 1e-9);
            close(summary.m4(), m4, 1e-9);
        }
    }

    #[test]
    fn one_row_partitions_count() {
        let mut state = MomentsState::default();
        state.add(&[1.0, 2.0, 3.0], None);
        let mut one = MomentsState::default();
        one.add(&[100.0], None);
        state.combine(&one);
        close(MomentsSummary(state).variance(1.0), of(vec![1.0, 2.0, 3.0, 100.0]).variance(1.0), 1e-14);
        assert_eq!(MomentsSummary(state).count(), 4);
    }

    #[test]
    fn weights_stand_for_repeated_rows() {
        let array: ArrayRef = Arc::new(Float64Array::from(vec![1.0, 5.0, f64::NAN, 9.0]));
        let weighted = Moments::new().of("x", &array, Some(&[2.0, 3.0, 1.0, 0.0])).unwrap();
        let repeated = of(vec![1.0, 1.0, 5.0, 5.0, 5.0]);
        assert_eq!((weighted.count(), weighted.weight()), (2, 5.0));
        close(weighted.mean(), repeated.mean(), 1e-15);
        close(weighted.m2(), repeated.m2(), 1e-15);
        close(weighted.m3(), repeated.m3(), 1e-14);
        close(weighted.excess_kurtosis(), repeated.excess_kurtosis(), 1e-13);
    }

    #[test]
    fn infinities_are_counted_or_refused() {
        let summary = of(vec![1.0, f64::INFINITY, 3.0, f64::NEG_INFINITY]);
        assert_eq!((summary.count(), summary.infinite(), summary.mean()), (2, 2, 2.0));
        let array: ArrayRef = Arc::new(Float64Array::from(vec![1.0, f64::INFINITY]));
        let error = Moments::new().infinite(Infinite::Refuse).of("x", &array, None).unwrap_err();
        assert_eq!(
            error.to_string(),
            "column `x` has inf in row 1; expected finite values, so replace or drop it"
        );
        assert!(of(vec![]).mean().is_nan());
        assert!(of(vec![3.0]).variance(1.0).is_nan());
    }
}
