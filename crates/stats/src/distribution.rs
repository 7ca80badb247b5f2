//! A sample as a distribution: its distinct values and the weight up to each.

use std::ops::Range;

/// The distinct values of a sample, ascending, and the weight up to each. Given by
/// [`QuantilesSummary::distribution`](crate::QuantilesSummary::distribution).
///
/// ```
/// use mlsys_core::arrow::array::{ArrayRef, Float64Array};
/// use mlsys_stats::{ColumnStatistic, Quantiles};
/// use std::sync::Arc;
///
/// let x: ArrayRef = Arc::new(Float64Array::from(vec![1.0, 2.0, 2.0, 9.0]));
/// let summary = Quantiles::new().of("x", &x, None)?;
/// let distribution = summary.distribution();
/// assert_eq!(distribution.values(), [1.0, 2.0, 9.0]);
/// assert_eq!(distribution.weights().collect::<Vec<_>>(), [1.0, 2.0, 1.0]);
/// assert_eq!(distribution.linear(2, 3), Some(2.0));
/// assert_eq!(distribution.averaged(0.75), Some(5.5));
/// # Ok::<(), mlsys_core::Error>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Distribution<'a> {
    values: &'a [f64],
    upto: &'a [f64],
    /// The weight of what is left out before the first value.
    before: f64,
    whole: bool,
}

impl<'a> Distribution<'a> {
    pub(crate) fn new(values: &'a [f64], upto: &'a [f64], whole: bool) -> Self {
        Self { values, upto, before: 0.0, whole }
    }

    /// The distinct values, ascending.
    pub fn values(&self) -> &'a [f64] {
        self.values
    }

    /// The weight of each value.
    pub fn weights(&self) -> impl Iterator<Item = f64> + 'a {
        let mut before = self.before;
        self.upto.iter().map(move |&upto| upto - std::mem::replace(&mut before, upto))
    }

    /// The weight of all of them.
    pub fn weight(&self) -> f64 {
        self.upto.last().map_or(0.0, |upto| upto - self.before)
    }

    /// Whether the weights are whole numbers of rows.
    pub fn is_whole(&self) -> bool {
        self.whole
    }

    /// The weight of the values in a range of places.
    pub fn weight_of(&self, places: Range<usize>) -> f64 {
        self.part(places).weight()
    }

    /// The distribution of the values in a range of places alone.
    pub fn part(&self, places: Range<usize>) -> Self {
        let end = places.end.min(self.values.len());
        let start = places.start.min(end);
        let before = if start == 0 { self.before } else { self.upto[start - 1] };
        Self { values: &self.values[start..end], upto: &self.upto[start..end], before, whole: self.whole }
    }

    /// The quantile of a share in 0 to 1, as [`Quantiles`](crate::Quantiles) says: linear between two values, or
    /// [`averaged`](Self::averaged) for weights that are not whole. `None` without values, or for another share.
    pub fn quantile(&self, share: f64) -> Option<f64> {
        if !(0.0..=1.0).contains(&share) || !self.whole {
            return self.averaged(share);
        }
        let rank = ((self.weight() - 1.0) * share).max(0.0);
        self.at_rank(rank.floor(), rank - rank.floor())
    }

    /// The quantile of `i / of` as [`quantile`](Self::quantile) gives it, but of the exact rank: no rounding of a share
    /// takes it off a value.
    pub fn linear(&self, i: u64, of: u64) -> Option<f64> {
        if !self.whole {
            return self.averaged(i as f64 / of.max(1) as f64);
        }
        let of = u128::from(of.max(1));
        // A weight of rows fits 64 bits, and then the product 128.
        let rank = u128::from((self.weight() as u64).saturating_sub(1)) * u128::from(i).min(of);
        self.at_rank((rank / of) as f64, (rank % of) as f64 / of as f64)
    }

    /// The value a share of the way from the one at a rank, counted from 0, to the next.
    fn at_rank(&self, rank: f64, share: f64) -> Option<f64> {
        let last = *self.values.last()?;
        let at = |rank: f64| {
            let place = self.upto.partition_point(|&upto| upto - self.before <= rank);
            self.values.get(place).copied().unwrap_or(last)
        };
        let low = at(rank);
        if share == 0.0 {
            return Some(low);
        }
        let high = at(rank + 1.0);
        // Written so that two huge values of opposite sign do not overflow.
        let step = high - low;
        Some(match low == high {
            true => low,
            false if step.is_finite() => low + share * step,
            false => low * (1.0 - share) + high * share,
        })
    }

    /// The median of the distances from the median. `None` without values.
    pub fn median_deviation(&self) -> Option<f64> {
        let median = self.quantile(0.5)?;
        let mut apart: Vec<(f64, f64)> =
            self.values.iter().map(|x| (x - median).abs()).zip(self.weights()).collect();
        apart.sort_by(|a, b| a.0.total_cmp(&b.0));
        let mut sum = 0.0;
        let cumulated = apart.iter().map(|(_, w)| {
            sum += w;
            sum
        });
        let upto: Vec<f64> = cumulated.collect();
        let values: Vec<f64> = apart.iter().map(|pair| pair.0).collect();
        Distribution::new(&values, &upto, self.whole).quantile(0.5)
    }

    /// The first value with at least this share of the weight up to it; the middle between it and the next where it is just
    /// that (`averaged_inverted_cdf` of numpy and scikit-learn, type 2 of Hyndman and Fan). `None` without values, or for a
    /// share not in 0 to 1.
    pub fn averaged(&self, share: f64) -> Option<f64> {
        if !(0.0..=1.0).contains(&share) {
            return None;
        }
        let target = self.weight() * share;
        let last = self.values.len().checked_sub(1)?;
        let place = self.upto.partition_point(|&upto| upto - self.before < target).min(last);
        let value = self.values[place];
        match self.values.get(place + 1) {
            Some(next) if self.upto[place] - self.before == target => Some(value / 2.0 + next / 2.0),
            _ => Some(value),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_are_distributions_of_their_own() {
        let (values, upto) = ([1.0, 2.0, 5.0, 7.0], [3.0, 4.0, 6.0, 10.0]);
        let all = Distribution::new(&values, &upto, true);
        let part = all.part(1..3);
        assert_eq!((part.values(), part.weight()), (&values[1..3], 3.0));
        assert_eq!(part.weights().collect::<Vec<_>>(), [1.0, 2.0]);
        assert_eq!(
            (part.averaged(1.0 / 3.0), part.averaged(2.0 / 3.0), part.averaged(3.0 / 3.0)),
            (Some(3.5), Some(5.0), Some(5.0))
        );
        assert_eq!(
            (part.linear(0, 4), part.linear(1, 4), part.linear(1, 2)),
            (Some(2.0), Some(3.5), Some(5.0))
        );
        assert_eq!((all.part(2..2).linear(1, 2), all.part(9..12).averaged(0.0 / 1.0)), (None, None));
        assert_eq!(all.weight_of(0..2), 4.0);
    }

    #[test]
    fn fractions_have_no_scale() {
        let values = [1.0, 2.0, 4.0];
        for scale in [1.0, 0.25, 0.7] {
            let upto = [scale, 2.0 * scale, 4.0 * scale];
            let of = Distribution::new(&values, &upto, false);
            assert_eq!(
                (of.averaged(1.0 / 4.0), of.linear(1, 2), of.averaged(3.0 / 4.0)),
                (Some(1.5), Some(3.0), Some(4.0))
            );
        }
    }

    #[test]
    fn median_deviations_weigh_as_values_do() {
        // 1, 2, 2, 4, 9: distances 1, 0, 0, 2, 7 from 2.
        let of = Distribution::new(&[1.0, 2.0, 4.0, 9.0], &[1.0, 3.0, 4.0, 5.0], true);
        assert_eq!(of.median_deviation(), Some(1.0));
        assert_eq!(of.part(0..0).median_deviation(), None);
    }

    #[test]
    fn huge_values_do_not_overflow() {
        let of = Distribution::new(&[-1.5e308, 1.5e308], &[1.0, 2.0], true);
        assert_eq!((of.linear(1, 2), of.averaged(1.0 / 2.0)), (Some(0.0), Some(0.0)));
    }
}
