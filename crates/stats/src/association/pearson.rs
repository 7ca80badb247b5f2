//! Pearson's correlation.

use mlsys_core::{Error, Result};

use super::{complete, constant, enough};

/// Pearson's correlation `Σ w (x − x̄)(y − ȳ) / √(Σ w (x − x̄)² Σ w (y − ȳ)²)`, between -1 and 1.
///
/// Pairs with a missing value or of weight zero are left out. For many columns at once, and for streams, see
/// [`Covariance`](crate::Covariance).
///
/// # Errors
///
/// [`Shape`](mlsys_core::ErrorKind::Shape), [`NonFinite`](mlsys_core::ErrorKind::NonFinite),
/// [`TooFewRows`](mlsys_core::ErrorKind::TooFewRows) below two pairs, and
/// [`InvalidValue`](mlsys_core::ErrorKind::InvalidValue) for a constant column or a bad weight.
///
/// ```
/// let r = mlsys_stats::association::pearson(&[1.0, 2.0, 3.0, 4.0], &[2.0, 4.0, 6.0, 7.0], None)?;
/// assert!((r - 8.5 / (5.0f64 * 14.75).sqrt()).abs() < 1e-15);
/// # Ok::<(), mlsys_core::Error>(())
/// ```
///
/// It sees straight lines only: y = x² over symmetric x has a correlation of 0.
pub fn pearson(x: &[f64], y: &[f64], weights: Option<&[f64]>) -> Result<f64> {
    let (x, y, w) = match weights {
        None => {
            let (x, y) = complete(x, y)?;
            let ones = vec![1.0; x.len()];
            (x, y, ones)
        }
        Some(weights) => {
            if weights.len() != x.len() {
                return Err(Error::shape("weights", format!("{} rows", x.len()), weights.len()));
            }
            if let Some(row) = weights.iter().position(|w| !w.is_finite() || *w < 0.0) {
                return Err(Error::invalid_value(
                    "weights",
                    Some(row),
                    weights[row],
                    "finite and not negative",
                ));
            }
            if x.len() != y.len() {
                return Err(Error::shape("second column", format!("{} rows", x.len()), y.len()));
            }
            let gone = |row: usize| weights[row] == 0.0 || y[row].is_nan();
            let kept: Vec<f64> = (0..x.len()).map(|row| if gone(row) { f64::NAN } else { x[row] }).collect();
            let w = kept.iter().zip(weights).filter(|(x, _)| !x.is_nan()).map(|(_, w)| *w).collect();
            let (x, y) = complete(&kept, y)?;
            (x, y, w)
        }
    };
    enough(x.len(), 2, "Pearson's correlation")?;
    let total: f64 = w.iter().sum();
    // About the first value, so that a large offset costs no digits.
    let about = |values: &[f64]| {
        let first = values.first().copied().unwrap_or(0.0);
        let mean = values.iter().zip(&w).map(|(x, w)| w * (x - first)).sum::<f64>() / total;
        let about: Vec<f64> = values.iter().map(|x| (x - first) - mean).collect();
        // By the largest, so that squares neither overflow nor vanish.
        let largest = about.iter().map(|d| d.abs()).fold(0.0, f64::max);
        about.iter().map(|d| if largest > 0.0 { d / largest } else { 0.0 }).collect::<Vec<f64>>()
    };
    let (x, y) = (about(&x), about(&y));
    let sum = |a: &[f64], b: &[f64]| a.iter().zip(b).zip(&w).map(|((a, b), w)| w * a * b).sum::<f64>();
    let (xx, yy) = (sum(&x, &x), sum(&y, &y));
    for (name, values, spread) in [("first", &x, xx), ("second", &y, yy)] {
        if spread <= 0.0 || values.iter().all(|d| *d == values[0]) {
            return Err(constant(name, "a correlation"));
        }
    }
    Ok((sum(&x, &y) / xx.sqrt() / yy.sqrt()).clamp(-1.0, 1.0))
}
