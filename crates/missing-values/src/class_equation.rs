//! What a chain makes of a gap in a category: the most probable class, or a draw.

use std::ops::Range;

use mlsys_core::rand::rngs::ChaCha8Rng;
use mlsys_core::seed::uniform;
use serde::{Deserialize, Serialize};

/// One logistic regression of the chain: the log-odds of each class but the first against the first,
/// intercept + Σ coefficients z.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub(crate) struct ClassEquation {
    pub column: usize,
    pub intercepts: Vec<f64>,
    /// For each class but the first: one for each column of the regressions, zero for its own.
    pub coefficients: Vec<Vec<f64>>,
    /// Whether a class is drawn by its probability.
    pub draws: bool,
}

impl ClassEquation {
    /// Whether hostile bytes could not have made it, for a variable of so many columns of all.
    pub fn is_valid(&self, width: usize, all: usize) -> bool {
        let fits = |of_class: &Vec<f64>| of_class.len() == all && of_class.iter().all(|b| b.is_finite());
        self.intercepts.len() == width
            && self.intercepts.iter().all(|b| b.is_finite())
            && self.coefficients.len() == width
            && self.coefficients.iter().all(fits)
    }

    /// The classes that it puts into rows; `value(column, i)` is what is known of the i-th of them. Where that overflows: `fallback`.
    pub fn fill(
        &self,
        rows: usize,
        own: &Range<usize>,
        fallback: u32,
        value: impl Fn(usize, usize) -> f64,
        cell: impl Fn(usize) -> ChaCha8Rng,
    ) -> Vec<u32> {
        let log_odds = |(intercept, coefficients): (&f64, &Vec<f64>)| {
            let mut sums = vec![*intercept; rows];
            for (k, b) in coefficients.iter().enumerate().filter(|(k, _)| !own.contains(k)) {
                sums.iter_mut().enumerate().for_each(|(i, sum)| *sum += b * value(k, i));
            }
            sums
        };
        let log_odds: Vec<Vec<f64>> = self.intercepts.iter().zip(&self.coefficients).map(log_odds).collect();
        let pick = |i: usize| {
            let mut best = (0.0, 0);
            for (k, sums) in log_odds.iter().enumerate() {
                if !sums[i].is_finite() {
                    return fallback;
                }
                if sums[i] > best.0 {
                    best = (sums[i], k as u32 + 1);
                }
            }
            if !self.draws {
                return best.1;
            }
            // Relative to the most probable class, which cannot overflow.
            let weight = |k: usize| (if k == 0 { 0.0 } else { log_odds[k - 1][i] } - best.0).exp();
            let total: f64 = (0..=log_odds.len()).map(weight).sum();
            let mut left = uniform(&mut cell(i)) * total;
            for k in 0..log_odds.len() {
                left -= weight(k);
                if left < 0.0 {
                    return k as u32;
                }
            }
            log_odds.len() as u32
        };
        (0..rows).map(pick).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::draws::Visit;

    fn equation(draws: bool, odds: &[f64]) -> ClassEquation {
        let (intercepts, coefficients) = (odds.to_vec(), vec![vec![0.0; odds.len() + 1]; odds.len()]);
        ClassEquation { column: 0, intercepts, coefficients, draws }
    }

    fn filled(equation: &ClassEquation, rows: usize, value: f64) -> Vec<u32> {
        let own = 0..equation.intercepts.len();
        let visit = Visit::new(0, 0, "x");
        equation.fill(rows, &own, 9, |_, _| value, |i| visit.cell(i as u64))
    }

    #[test]
    fn the_first_of_the_most_probable_classes() {
        assert_eq!(filled(&equation(false, &[0.0, 0.0]), 1, 0.0), [0]);
        assert_eq!(filled(&equation(false, &[-1.0, 2.0, 2.0]), 1, 0.0), [2]);
        assert_eq!(filled(&equation(false, &[]), 2, 0.0), [0, 0]);
        assert_eq!(filled(&equation(true, &[]), 2, 0.0), [0, 0]);
        let mut steep = equation(false, &[1.0, 2.0]);
        steep.coefficients[1][2] = 1e300;
        assert_eq!(filled(&steep, 1, 1e300), [9]);
        assert_eq!(filled(&steep, 1, -1.0), [1]);
    }

    #[test]
    fn classes_are_drawn_by_their_probabilities() {
        let n = 20_000;
        let odds = [700.0, 700.0 + 3.0_f64.ln(), 0.5];
        let drawn = filled(&equation(true, &odds), n, 0.0);
        for (class, share) in [(0, 0.0), (1, 0.25), (2, 0.75), (3, 0.0)] {
            let count = drawn.iter().filter(|c| **c == class).count() as f64;
            let error = (n as f64 * share * (1.0 - share)).sqrt();
            assert!((count - n as f64 * share).abs() <= 4.0 * error, "{class}: {count}");
        }
    }
}
