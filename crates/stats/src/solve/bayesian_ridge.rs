//! Ridge regression whose penalty the data choose.

use mlsys_core::{Error, Result};

use super::SymmetricEigen;

/// Vague Gamma priors of both precisions, and where to stop: as in scikit-learn.
const PRIOR: f64 = 1e-6;
const MAX_ITERATIONS: usize = 300;
const TOLERANCE: f64 = 1e-3;
/// Below this share of the target's sum of squares, what is left over is lost in the rounding of sums of products.
const LOST: f64 = 1e-7;

/// The sums that a regression of y on X needs, both centred.
#[derive(Debug, Clone, Copy)]
pub struct RegressionSums<'a> {
    /// X'WX, row by row.
    pub gram: &'a [f64],
    /// X'Wy.
    pub xty: &'a [f64],
    /// y'Wy.
    pub yty: f64,
    /// The sum of the weights: the number of rows without.
    pub weight: f64,
}

/// Ridge regression with the noise and the penalty of the greatest evidence, from sums of products alone.
///
/// y = Xβ + ε, ε ~ N(0, 1/α), β ~ N(0, 1/λ). From α = 1 / var(y) and λ = 1, in turn until β changes by less than 1e-3 in
/// all, 300 times at most:
///
/// ```text
/// β = (X'X + λ/α)⁻¹ X'y      γ = Σᵢ α eᵢ / (λ + α eᵢ), the eigenvalues e of X'X
/// λ = (γ + 2e-6) / (β'β + 2e-6)      α = (n − γ + 2e-6) / (‖y − Xβ‖² + 2e-6)
/// ```
///
/// X and y are centred before, and there is no intercept. O(p³) once and O(p²) an iteration.
///
/// ```
/// use mlsys_stats::solve::{BayesianRidge, RegressionSums};
///
/// // y = 2 x on the rows -1, 0, 1.
/// let sums = RegressionSums { gram: &[2.0], xty: &[4.0], yty: 8.0, weight: 3.0 };
/// let fitted = BayesianRidge::fit(sums, |_| Ok(0.0))?;
/// assert!((fitted.coefficients[0] - 2.0).abs() < 1e-6);
/// # Ok::<(), mlsys_core::Error>(())
/// ```
///
/// D. MacKay, Bayesian interpolation, 1992; M. Tipping, Sparse Bayesian learning and the relevance vector machine, 2001,
/// appendix A. Numbers are those of scikit-learn's `BayesianRidge`.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct BayesianRidge {
    /// β, one for each column of X.
    pub coefficients: Vec<f64>,
    /// α, the precision of the noise.
    pub alpha: f64,
    /// λ, the precision of the coefficients.
    pub lambda: f64,
    /// Of X'X, for the posterior covariance (α X'X + λ)⁻¹.
    pub eigen: SymmetricEigen,
    /// Times that β was computed anew.
    pub iterations: usize,
}

impl BayesianRidge {
    /// Fits. `residual` is asked for ‖y − Xβ‖² by rows only where a β fits so well that the sums have lost it.
    ///
    /// # Errors
    ///
    /// [`Shape`](mlsys_core::ErrorKind::Shape) when the sums don't fit each other;
    /// [`InvalidValue`](mlsys_core::ErrorKind::InvalidValue) when they or the result are not finite; those of `residual`.
    pub fn fit(sums: RegressionSums<'_>, residual: impl FnOnce(&[f64]) -> Result<f64>) -> Result<Self> {
        let p = sums.xty.len();
        let eigen = SymmetricEigen::new(sums.gram, p)?;
        // What is negative is zero but for rounding.
        let values: Vec<f64> = eigen.values().iter().map(|e| e.max(0.0)).collect();
        let along: Vec<f64> = (0..p).map(|i| dot(eigen.vector(i), sums.xty)).collect();
        let expand = |c: &[f64]| -> Vec<f64> {
            let mut beta = vec![0.0; p];
            for (i, c) in c.iter().enumerate() {
                beta.iter_mut().zip(eigen.vector(i)).for_each(|(b, v)| *b += c * v);
            }
            beta
        };
        let smallest = values.first().map_or(0.0, |e| e * f64::EPSILON * p as f64);
        let least_squares: Vec<f64> =
            values.iter().zip(&along).map(|(&e, z)| if e > smallest { z / e } else { 0.0 }).collect();
        // The squares left over by least squares; those of any other β differ by Σ e (c − c*)², without cancellation.
        let mut left = sums.yty - dot(&least_squares, &along);
        if left < LOST * sums.yty {
            left = residual(&expand(&least_squares))?;
        }
        let squares = |c: &[f64]| {
            let more = |((c, best), e): ((&f64, &f64), &f64)| e * (c - best) * (c - best);
            left.max(0.0) + c.iter().zip(&least_squares).zip(&values).map(more).sum::<f64>()
        };
        let shrunk = |ratio: f64| -> Vec<f64> {
            // Nothing along a direction without variance, also where the penalty underflows.
            let c = |(&z, &e): (&f64, &f64)| if e + ratio > 0.0 { z / (e + ratio) } else { 0.0 };
            along.iter().zip(&values).map(c).collect()
        };
        let mut alpha = 1.0 / (sums.yty / sums.weight + f64::EPSILON);
        let mut lambda = 1.0;
        let mut before: Option<Vec<f64>> = None;
        let mut iterations = 0;
        while iterations < MAX_ITERATIONS {
            iterations += 1;
            let c = shrunk(lambda / alpha);
            let beta = expand(&c);
            let gamma: f64 = values.iter().map(|e| alpha * e / (lambda + alpha * e)).sum();
            lambda = (gamma + 2.0 * PRIOR) / (dot(&c, &c) + 2.0 * PRIOR);
            alpha = (sums.weight - gamma + 2.0 * PRIOR) / (squares(&c) + 2.0 * PRIOR);
            let change = before.map(|old| old.iter().zip(&beta).map(|(a, b)| (a - b).abs()).sum::<f64>());
            if change.is_some_and(|change| change < TOLERANCE) {
                break;
            }
            before = Some(beta);
        }
        let coefficients = expand(&shrunk(lambda / alpha));
        let finite = coefficients.iter().all(|b| b.is_finite()) && alpha.is_finite() && lambda.is_finite();
        if !finite {
            let expected = "values of a smaller scale";
            return Err(Error::invalid_value("regression", None, "coefficients that overflow", expected));
        }
        Ok(Self { coefficients, alpha, lambda, eigen, iterations })
    }
}

fn dot(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    const REFERENCE: [f64; 4] =
        [1.1904407274911413, -0.4592536840583824, 4.434819143390055, 1.172595467706859];

    #[test]
    fn the_numbers_of_the_reference() {
        // scikit-learn 1.9.1: BayesianRidge().fit([[0, 1], [1, 3], [2, 2], [3, 5], [5, 4]], [1, 2, 4, 3, 6]), of centred sums.
        let x =
            [[0.0, 1.0], [1.0, 3.0], [2.0, 2.0], [3.0, 5.0], [5.0, 4.0]].map(|r| [r[0] - 2.2, r[1] - 3.0]);
        let y = [1.0, 2.0, 4.0, 3.0, 6.0].map(|y| y - 3.2);
        let sum = |f: &dyn Fn(usize) -> f64| (0..5).map(f).sum::<f64>();
        let gram = [0, 1, 2, 3].map(|at| sum(&|r| x[r][at / 2] * x[r][at % 2]));
        let xty = [0, 1].map(|k| sum(&|r| x[r][k] * y[r]));
        let sums = RegressionSums { gram: &gram, xty: &xty, yty: sum(&|r| y[r] * y[r]), weight: 5.0 };
        let fitted = BayesianRidge::fit(sums, |_| Ok(f64::NAN)).unwrap();
        for (found, expected) in
            fitted.coefficients.iter().chain([&fitted.alpha, &fitted.lambda]).zip(REFERENCE)
        {
            assert!((found / expected - 1.0).abs() < 1e-12, "{found} {expected}");
        }
    }

    #[test]
    fn edges() {
        let none = RegressionSums { gram: &[], xty: &[], yty: 0.0, weight: 1.0 };
        assert!(BayesianRidge::fit(none, |_| Ok(0.0)).unwrap().coefficients.is_empty());
        let constant = RegressionSums { gram: &[0.0], xty: &[0.0], yty: 2.0, weight: 3.0 };
        assert_eq!(BayesianRidge::fit(constant, |_| Ok(0.0)).unwrap().coefficients, [0.0]);
        let overflowing = RegressionSums { gram: &[f64::INFINITY], xty: &[1.0], yty: 2.0, weight: 3.0 };
        assert!(BayesianRidge::fit(overflowing, |_| Ok(0.0)).is_err());
        let unfit = RegressionSums { gram: &[1.0], xty: &[], yty: 2.0, weight: 3.0 };
        assert!(BayesianRidge::fit(unfit, |_| Ok(0.0)).is_err());
    }
}
