//! Random numbers of a chain: one generator for each (round, column), and for each row in it.

use std::f64::consts::TAU;

use mlsys_core::hash::{hash_bytes, hash_u64};
use mlsys_core::rand::rngs::ChaCha8Rng;
use mlsys_core::seed;

/// The randomness of one visit to a column.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Visit(u64);

impl Visit {
    pub fn new(seed: u64, round: usize, column: &str) -> Self {
        Self(hash_u64(round as u64, hash_bytes(column.as_bytes(), seed)))
    }

    /// For the parameters of the regression.
    pub fn parameters(self) -> ChaCha8Rng {
        seed::stream(hash_u64(1, self.0), 0)
    }

    /// For the value of a row.
    pub fn cell(self, row: u64) -> ChaCha8Rng {
        seed::stream(hash_u64(2, self.0), row)
    }
}

/// A standard normal number (Box and Muller).
pub(crate) fn normal(rng: &mut ChaCha8Rng) -> f64 {
    let radius = (-2.0 * (1.0 - seed::uniform(rng)).ln()).sqrt();
    radius * (TAU * seed::uniform(rng)).cos()
}

/// A χ² number, of `df` above 0 (Marsaglia and Tsang, A simple method for generating gamma variables, 2000).
pub(crate) fn chi_square(df: f64, rng: &mut ChaCha8Rng) -> f64 {
    let shape = df / 2.0;
    if shape < 1.0 {
        let raised = chi_square(df + 2.0, rng);
        return raised * (1.0 - seed::uniform(rng)).powf(1.0 / shape);
    }
    let d = shape - 1.0 / 3.0;
    let c = 1.0 / (9.0 * d).sqrt();
    loop {
        let x = normal(rng);
        let v = (1.0 + c * x).powi(3);
        if v > 0.0 && (1.0 - seed::uniform(rng)).ln() < 0.5 * x * x + d * (1.0 - v + v.ln()) {
            return 2.0 * d * v;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Means and variances within four standard errors.
    #[test]
    fn moments_are_those_of_the_distributions() {
        let n = 40_000.0;
        let mut rng = Visit::new(1, 2, "x").parameters();
        let mut check = |mean: f64, variance: f64, kurtosis: f64, draw: &dyn Fn(&mut ChaCha8Rng) -> f64| {
            let drawn: Vec<f64> = (0..n as usize).map(|_| draw(&mut rng)).collect();
            let m = drawn.iter().sum::<f64>() / n;
            let v = drawn.iter().map(|x| (x - m) * (x - m)).sum::<f64>() / n;
            assert!((m - mean).abs() < 4.0 * (variance / n).sqrt(), "{m} {mean}");
            assert!((v - variance).abs() < 4.0 * variance * ((kurtosis - 1.0) / n).sqrt(), "{v} {variance}");
        };
        check(0.0, 1.0, 3.0, &normal);
        for df in [1.0, 2.0, 7.5, 300.0] {
            check(df, 2.0 * df, 3.0 + 12.0 / df, &|rng| chi_square(df, rng));
        }
    }

    #[test]
    fn every_visit_and_row_has_its_own() {
        let first = |visit: Visit| seed::uniform(&mut visit.cell(0));
        let visit = Visit::new(0, 0, "x");
        let others = [Visit::new(1, 0, "x"), Visit::new(0, 1, "x"), Visit::new(0, 0, "y")];
        assert!(others.iter().all(|other| first(*other) != first(visit)));
        assert!(seed::uniform(&mut visit.cell(1)) != first(visit));
        assert!(seed::uniform(&mut visit.parameters()) != first(visit));
    }
}
