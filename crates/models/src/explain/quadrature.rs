//! Gauss-Legendre quadrature on the unit interval.

use std::f64::consts::PI;

/// Points and weights that integrate polynomials from 0 to 1.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Quadrature {
    /// `(t, 1 − t, weight)`.
    pub(super) points: Vec<(f64, f64, f64)>,
}

impl Quadrature {
    /// Exact for polynomials of a degree below `terms`.
    pub(super) fn of_terms(terms: usize) -> Self {
        let n = Self::size(terms);
        let points = (0..n).map(|i| {
            // Both ends by the same numbers: t of the one is 1 − t of the other, each to its own last digits.
            let from_end = i.min(n - 1 - i);
            let (near, weight) = point(n, from_end);
            if from_end == i { (near, 1.0 - near, weight) } else { (1.0 - near, near, weight) }
        });
        Self { points: points.collect() }
    }

    /// The number of points for polynomials of a degree below `terms`; few different ones.
    pub(super) fn size(terms: usize) -> usize {
        let least = terms.div_ceil(2).max(1);
        match least {
            ..=16 => least,
            17..=64 => least.next_multiple_of(8),
            _ => least.next_power_of_two(),
        }
    }
}

/// The `place`th smallest point of `n`, which is in the lower half, and its weight: roots of the Legendre polynomial by Newton's method.
fn point(n: usize, place: usize) -> (f64, f64) {
    let n = n as f64;
    // x = 1 − 2t: the distance to the end is what is improved, so that it has all its digits.
    let theta = PI * (place as f64 + 0.75) / (n + 0.5);
    let mut t = (0.5 * theta).sin().powi(2);
    let mut slope = 1.0;
    for _ in 0..100 {
        let x = 1.0 - 2.0 * t;
        let (mut before, mut value) = (1.0, x);
        // P_{k+1} − P_k = (k (P_k − P_{k−1}) − 2t (2k+1) P_k) / (k+1): differences do not cancel near the end.
        let mut difference = -2.0 * t;
        let mut k = 1.0;
        while k < n {
            difference = (k * difference - 2.0 * t * (2.0 * k + 1.0) * value) / (k + 1.0);
            before = value;
            value += difference;
            k += 1.0;
        }
        // (1 − x²) P' = n (P_{n−1} − x P_n), by which dP/dt = −2 P'.
        slope = n * (before - x * value) / (4.0 * t * (1.0 - t));
        let step = value / (-2.0 * slope);
        t -= step;
        if step.abs() <= 1e-16 * t {
            break;
        }
    }
    // Half of 2 / ((1 − x²) P'²), as the interval is half as long.
    (t, 1.0 / (4.0 * t * (1.0 - t) * slope * slope))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `∫ t^a (1 − t)^b dt = a! b! / (a + b + 1)!`
    fn beta(a: usize, b: usize) -> f64 {
        let (few, many) = (a.min(b), a.max(b));
        let product: f64 = (1..=few).map(|i| i as f64 / (many + i) as f64).product();
        product / (a + b + 1) as f64
    }

    #[test]
    fn polynomials_are_integrated() {
        for terms in (1..=40).chain([64, 101, 150, 300, 1000]) {
            let rule = Quadrature::of_terms(terms);
            for a in (0..terms).step_by(1 + terms / 20) {
                let b = terms - 1 - a;
                let sum: f64 =
                    rule.points.iter().map(|&(t, rest, w)| w * t.powi(a as i32) * rest.powi(b as i32)).sum();
                let expected = beta(a, b);
                assert!((sum / expected - 1.0).abs() < 2e-12, "{a}, {b}: {sum} for {expected}");
            }
        }
    }
}
