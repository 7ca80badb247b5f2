//! What a chain makes of a gap: a prediction, a draw around it, or the value of a row like it.

use mlsys_core::rand::rngs::ChaCha8Rng;
use mlsys_core::seed::below;
use serde::{Deserialize, Serialize};

use crate::class_equation::ClassEquation;
use crate::draws::normal;

/// A regression of either kind.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Regression {
    Number(Equation),
    Classes(ClassEquation),
}

impl Regression {
    /// Which variable it is of.
    pub fn column(&self) -> usize {
        match self {
            Self::Number(equation) => equation.column,
            Self::Classes(equation) => equation.column,
        }
    }
}

/// One regression of the chain, over centred columns: z_column = intercept + Σ coefficients z.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Equation {
    /// Which variable.
    pub column: usize,
    pub intercept: f64,
    /// One for each column of the regressions, zero for its own.
    pub coefficients: Vec<f64>,
    pub finish: Finish,
}

/// What is made of a prediction.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Finish {
    /// Itself.
    #[default]
    Prediction,
    /// It and normal noise of this deviation.
    Noise(f64),
    /// The value of a row of which nearly the same is predicted.
    Donors(Donors),
}

impl Finish {
    pub fn is_valid(&self) -> bool {
        match self {
            Self::Prediction => true,
            Self::Noise(deviation) => deviation.is_finite() && *deviation >= 0.0,
            Self::Donors(donors) => {
                let finite = |values: &[f64]| values.iter().all(|x| x.is_finite());
                let lengths = donors.k > 0 && donors.predicted.len() == donors.values.len();
                lengths && finite(&donors.predicted) && finite(&donors.values) && donors.predicted.is_sorted()
            }
        }
    }
}

/// Values that were there, by what was predicted of them.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct Donors {
    /// How many of the nearest one is drawn from.
    pub k: usize,
    /// Ascending.
    pub predicted: Vec<f64>,
    pub values: Vec<f64>,
}

impl Donors {
    /// The value of one of the k nearest; among equally near ones, which of them count is drawn, too.
    fn pick(&self, target: f64, rng: &mut ChaCha8Rng) -> Option<f64> {
        let (known, n) = (&self.predicted, self.predicted.len());
        let k = self.k.min(n);
        let (mut low, mut high) = {
            let at = known.partition_point(|x| *x < target);
            (at, at)
        };
        let mut far: f64 = 0.0;
        for _ in 0..k {
            let below = low.checked_sub(1).map_or(f64::INFINITY, |at| target - known[at]);
            let above = known.get(high).map_or(f64::INFINITY, |x| x - target);
            if below <= above {
                low -= usize::from(low > 0);
            } else {
                high += 1;
            }
            far = far.max(below.min(above));
        }
        let nearer =
            known.partition_point(|x| target - x >= far)..known.partition_point(|x| x - target < far);
        let drawn = below(k as u64, rng) as usize;
        if drawn < nearer.len() {
            return self.values.get(nearer.start + drawn).copied();
        }
        let (first, last) =
            (known.partition_point(|x| target - x > far), known.partition_point(|x| x - target <= far));
        // At no distance at all there are no nearer ones between those on both sides.
        let left = if nearer.is_empty() { last - first } else { nearer.start - first };
        let right = if nearer.is_empty() { 0 } else { last - nearer.end };
        let drawn = below((left + right) as u64, rng) as usize;
        let at = if drawn < left { first + drawn } else { nearer.end + drawn - left };
        self.values.get(at).copied()
    }
}

impl Equation {
    /// What it says of rows, of a variable whose column of the regressions is `own`; `value(column, i)` is what is known of the i-th of them. Where that overflows: the mean.
    pub fn predict(&self, own: usize, into: &mut [f64], value: impl Fn(usize, usize) -> f64) {
        into.fill(self.intercept);
        for (k, &coefficient) in self.coefficients.iter().enumerate() {
            if k != own {
                into.iter_mut().enumerate().for_each(|(i, sum)| *sum += coefficient * value(k, i));
            }
        }
        into.iter_mut().filter(|x| !x.is_finite()).for_each(|x| *x = 0.0);
    }

    /// What it puts into rows; values that were there come back as they were, beside their distance to the mean.
    pub fn fill(
        &self,
        own: usize,
        into: &mut [f64],
        center: f64,
        value: impl Fn(usize, usize) -> f64,
        cell: impl Fn(usize) -> ChaCha8Rng,
    ) -> Option<Vec<f64>> {
        self.predict(own, into, value);
        match &self.finish {
            Finish::Prediction => None,
            Finish::Noise(deviation) => {
                into.iter_mut().enumerate().for_each(|(i, x)| *x += deviation * normal(&mut cell(i)));
                None
            }
            Finish::Donors(donors) => {
                let pick = |(i, x): (usize, &mut f64)| {
                    let found = donors.pick(*x, &mut cell(i)).unwrap_or(center);
                    *x = found - center;
                    found
                };
                Some(into.iter_mut().enumerate().map(pick).collect())
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::draws::Visit;

    /// How often each value is drawn, of 6,000.
    fn drawn(donors: &Donors, target: f64) -> Vec<usize> {
        let mut counts = vec![0; donors.values.len()];
        for row in 0..6_000 {
            let value = donors.pick(target, &mut Visit::new(0, 0, "x").cell(row)).unwrap();
            counts[value as usize] += 1;
        }
        counts
    }

    /// Within four standard errors of a share of 6,000.
    fn close(count: usize, share: f64) {
        let error = (6_000.0 * share * (1.0 - share)).sqrt();
        assert!((count as f64 - 6_000.0 * share).abs() <= 4.0 * error, "{count} of 6,000 for {share}");
    }

    fn donors(k: usize, predicted: &[f64]) -> Donors {
        Donors { k, predicted: predicted.to_vec(), values: (0..predicted.len()).map(|i| i as f64).collect() }
    }

    #[test]
    fn the_nearest_are_drawn_evenly() {
        let three = donors(3, &[0.0, 1.0, 2.0, 4.0, 8.0]);
        for (target, expected) in [(1.1, [1, 1, 1, 0, 0]), (100.0, [0, 0, 1, 1, 1]), (-5.0, [1, 1, 1, 0, 0])]
        {
            for (count, expected) in drawn(&three, target).into_iter().zip(expected) {
                close(count, f64::from(expected) / 3.0);
            }
        }
        // From 3 the values 2 and 4 are equally near, and 1 is the next.
        for (count, expected) in drawn(&three, 3.0).into_iter().zip([0, 1, 1, 1, 0]) {
            close(count, f64::from(expected) / 3.0);
        }
        assert_eq!(drawn(&donors(9, &[1.0]), 5.0), [6_000]);
        assert_eq!(donors(2, &[]).pick(0.0, &mut Visit::new(0, 0, "x").cell(0)), None);
    }

    #[test]
    fn equally_near_ones_share_the_last_places() {
        // The nearest is 2; two of the four at distance 1 join it.
        let shares = [1.0 / 6.0, 1.0 / 6.0, 1.0 / 3.0, 1.0 / 6.0, 1.0 / 6.0, 0.0];
        for (count, share) in drawn(&donors(3, &[1.0, 1.0, 2.0, 3.0, 3.0, 9.0]), 2.0).into_iter().zip(shares)
        {
            close(count, share);
        }
        for (count, share) in
            drawn(&donors(2, &[1.0, 2.0, 2.0, 2.0, 5.0]), 2.0).into_iter().zip([0.0, 1.0, 1.0, 1.0, 0.0])
        {
            close(count, share / 3.0);
        }
    }
}
