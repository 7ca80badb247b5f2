//! Losses of numbers.

use super::{Derivatives, Loss, mean_of};
use crate::gbdt::RegressionObjective;

/// The loss of a number, of the kind that the objective says.
pub(crate) struct OfValues {
    pub objective: RegressionObjective,
    pub target: Vec<f64>,
    pub weights: Option<Vec<f64>>,
}

/// Poisson's Hessian is taken this much up the exponential, so that steps stay short: LightGBM's `poisson_max_delta_step`.
const POISSON_STEP: f64 = 0.7;

impl OfValues {
    fn weight(&self, row: usize) -> f64 {
        self.weights.as_ref().map_or(1.0, |w| w[row])
    }

    fn mean_target(&self) -> f64 {
        // About the first value, so that equal values have exactly their mean.
        let first = self.target.first().copied().unwrap_or(0.0);
        let (mut sum, mut all) = (0.0, 0.0);
        for (row, y) in self.target.iter().enumerate() {
            sum += self.weight(row) * (y - first);
            all += self.weight(row);
        }
        first + sum / all
    }

    /// The share up to which a leaf's value has the residuals below it, where that is what makes the loss least.
    fn share(&self) -> Option<f64> {
        match self.objective {
            RegressionObjective::Absolute => Some(0.5),
            RegressionObjective::Quantile(share) => Some(share),
            _ => None,
        }
    }

    fn each(
        &self,
        first: usize,
        scores: &[f64],
        out: &mut [Derivatives],
        of: impl Fn(f64, f64) -> Derivatives,
    ) {
        for ((out, &score), &y) in out.iter_mut().zip(scores).zip(&self.target[first..]) {
            *out = of(score, y);
        }
        if let Some(weights) = &self.weights {
            for (out, w) in out.iter_mut().zip(&weights[first..]) {
                *out = [out[0] * w, out[1] * w];
            }
        }
    }
}

impl Loss for OfValues {
    fn initial(&self) -> Vec<f64> {
        vec![match self.objective {
            RegressionObjective::Squared | RegressionObjective::Huber(_) => self.mean_target(),
            RegressionObjective::Absolute | RegressionObjective::Quantile(_) => {
                let rows: Vec<u32> = (0..self.target.len() as u32).collect();
                self.renewed(&rows, &vec![0.0; rows.len()])
            }
            _ => self.mean_target().ln(),
        }]
    }

    fn derivatives(&self, first: usize, scores: &[f64], out: &mut [Derivatives]) {
        match self.objective {
            RegressionObjective::Squared => self.each(first, scores, out, |z, y| [z - y, 1.0]),
            RegressionObjective::Absolute => {
                let sign = |x: f64| {
                    if x > 0.0 {
                        1.0
                    } else if x < 0.0 {
                        -1.0
                    } else {
                        0.0
                    }
                };
                self.each(first, scores, out, |z, y| [sign(z - y), 1.0]);
            }
            RegressionObjective::Huber(delta) => {
                self.each(first, scores, out, |z, y| [(z - y).clamp(-delta, delta), 1.0]);
            }
            RegressionObjective::Quantile(share) => {
                self.each(first, scores, out, |z, y| [if z >= y { 1.0 - share } else { -share }, 1.0]);
            }
            RegressionObjective::Poisson => {
                self.each(first, scores, out, |z, y| [z.exp() - y, (z + POISSON_STEP).exp()]);
            }
            RegressionObjective::Gamma => self.each(first, scores, out, |z, y| {
                let ratio = y * (-z).exp();
                [1.0 - ratio, ratio]
            }),
            RegressionObjective::Tweedie(power) => self.each(first, scores, out, |z, y| {
                let (a, b) = (y * ((1.0 - power) * z).exp(), ((2.0 - power) * z).exp());
                [b - a, (2.0 - power) * b - (1.0 - power) * a]
            }),
        }
    }

    fn mean(&self, scores: &[f64]) -> f64 {
        mean_of(self.target.len(), self.weights.as_deref(), |row| {
            let (z, y) = (scores[row], self.target[row]);
            match self.objective {
                RegressionObjective::Squared => (z - y) * (z - y),
                RegressionObjective::Absolute => (z - y).abs(),
                RegressionObjective::Huber(delta) => {
                    let apart = (z - y).abs();
                    if apart <= delta { 0.5 * apart * apart } else { delta * (apart - 0.5 * delta) }
                }
                RegressionObjective::Quantile(share) => {
                    if y >= z {
                        share * (y - z)
                    } else {
                        (1.0 - share) * (z - y)
                    }
                }
                RegressionObjective::Poisson => z.exp() - y * z,
                RegressionObjective::Gamma => y * (-z).exp() + z,
                RegressionObjective::Tweedie(power) => {
                    ((2.0 - power) * z).exp() / (2.0 - power) - y * ((1.0 - power) * z).exp() / (1.0 - power)
                }
            }
        })
    }

    fn constant_hessian(&self) -> bool {
        let constant = !matches!(
            self.objective,
            RegressionObjective::Poisson | RegressionObjective::Gamma | RegressionObjective::Tweedie(_)
        );
        constant && self.weights.is_none()
    }

    fn renews(&self) -> bool {
        self.share().is_some()
    }

    fn renewed(&self, rows: &[u32], scores: &[f64]) -> f64 {
        let share = self.share().unwrap_or(0.5);
        let residual = |&row: &u32| self.target[row as usize] - scores[row as usize];
        let mut pairs: Vec<(f64, f64)> =
            rows.iter().map(|row| (residual(row), self.weight(*row as usize))).collect();
        pairs.sort_by(|a, b| a.0.total_cmp(&b.0));
        quantile(&pairs, share).unwrap_or(0.0)
    }
}

/// A quantile of values, ascending, each with its weight: linear between the ranks of n rows, `(n - 1) share` counted from 0.
///
/// Whole weights stand for repeated rows; else it is the first value whose cumulated weight exceeds the share, or the mean with the next where
/// they are equal, as in `mlsys_stats::Quantiles`.
fn quantile(pairs: &[(f64, f64)], share: f64) -> Option<f64> {
    let total: f64 = pairs.iter().map(|pair| pair.1).sum();
    let last = pairs.last()?.0;
    // The first value up to which there is more weight.
    let above = |weight: f64| {
        let mut sum = 0.0;
        let found = pairs.iter().find(|pair| {
            sum += pair.1;
            sum > weight
        });
        found.map_or(last, |pair| pair.0)
    };
    if pairs.iter().all(|pair| pair.1.fract() == 0.0) {
        let rank = ((total - 1.0) * share).max(0.0);
        let (low, high) = (above(rank.floor()), above(rank.floor() + 1.0));
        return Some(low + (high - low) * (rank - rank.floor()));
    }
    let target = total * share;
    let mut sum = 0.0;
    for pair in pairs {
        sum += pair.1;
        if sum == target {
            return Some(0.5 * pair.0 + 0.5 * above(target));
        }
    }
    Some(above(target))
}

#[cfg(test)]
mod tests {
    use super::quantile;

    #[test]
    fn whole_weights_repeat_rows() {
        let of =
            |values: &[f64], share| quantile(&values.iter().map(|&x| (x, 1.0)).collect::<Vec<_>>(), share);
        assert_eq!(of(&[1.0, 2.0, 3.0], 0.5), Some(2.0));
        assert_eq!(of(&[1.0, 2.0, 3.0, 4.0], 0.5), Some(2.5));
        assert_eq!(of(&[1.0], 0.1), Some(1.0));
        assert_eq!(of(&[], 0.1), None);
        let repeated = quantile(&[(1.0, 2.0), (5.0, 3.0)], 0.3);
        assert_eq!(repeated, of(&[1.0, 1.0, 5.0, 5.0, 5.0], 0.3));
        assert_eq!(quantile(&[(1.0, 0.5), (2.0, 0.5), (3.0, 1.5)], 0.5), Some(3.0));
        assert_eq!(quantile(&[(1.0, 0.5), (2.0, 0.5)], 0.5), Some(1.5));
    }
}
