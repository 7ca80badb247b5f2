//! Importance sampling.

use std::fmt;

use mlsys_core::{Error, ErrorKind, Result};

/// The importance weights `p / q` of draws from `q`, from log densities, scaled so that the largest is 1.
///
/// Log densities may lack their constants. The scale does not matter for [`importance_estimate`], and keeps the
/// weights from overflowing.
///
/// # Errors
///
/// [`Shape`](ErrorKind::Shape) for different numbers; [`InvalidValue`](ErrorKind::InvalidValue) where `q` says that a
/// draw is impossible, or either is NaN or `+∞`; [`TooFewRows`](ErrorKind::TooFewRows) without a draw that `p`
/// allows.
///
/// ```
/// use mlsys_sampling::sample::importance_weights;
/// let weights = importance_weights(&[-1.0, -1001.0, f64::NEG_INFINITY], &[-1.0, -1001.0, -2.0])?;
/// assert_eq!(weights, [1.0, 1.0, 0.0]);
/// # Ok::<(), mlsys_core::Error>(())
/// ```
pub fn importance_weights(log_p: &[f64], log_q: &[f64]) -> Result<Vec<f64>> {
    if log_p.len() != log_q.len() {
        return Err(Error::shape("log_q", format!("{} draws", log_p.len()), log_q.len()));
    }
    let bad = |x: f64| x.is_nan() || x == f64::INFINITY;
    for (row, (&p, &q)) in log_p.iter().zip(log_q).enumerate() {
        if bad(p) {
            return Err(Error::invalid_value("log_p", Some(row), p, "a log density"));
        }
        if bad(q) || q == f64::NEG_INFINITY {
            return Err(Error::invalid_value(
                "log_q",
                Some(row),
                q,
                "a finite log density, since it was drawn",
            ));
        }
    }
    let largest = log_p.iter().zip(log_q).map(|(p, q)| p - q).fold(f64::NEG_INFINITY, f64::max);
    if largest == f64::INFINITY {
        return Err(Error::invalid_value("log_p", None, largest, "log densities whose difference is finite"));
    }
    if largest == f64::NEG_INFINITY {
        return Err(Error::too_few_rows(
            1,
            0,
            "importance sampling (draws that the target distribution allows)",
        ));
    }
    Ok(log_p.iter().zip(log_q).map(|(p, q)| ((p - q) - largest).exp()).collect())
}

/// What [`importance_estimate`] found.
///
/// ```
/// let report = mlsys_sampling::sample::importance_estimate(&[2.0; 128], &[1.0; 128])?;
/// assert_eq!((report.effective_size, report.largest_share, report.collapsed()), (128.0, 1.0 / 128.0, false));
/// assert_eq!(report.to_string(), "2 ± 0 (128.0 of 128 draws effective)");
/// # Ok::<(), mlsys_core::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct ImportanceReport {
    /// The self-normalised estimate of the mean under `p`.
    pub estimate: f64,
    /// Its standard error, by the delta method.
    pub standard_error: f64,
    /// Kish's effective sample size: how many draws from `p` would do as well.
    pub effective_size: f64,
    /// Draws.
    pub draws: usize,
    /// The share of the largest weight.
    pub largest_share: f64,
}

impl ImportanceReport {
    /// Whether few draws carry the estimate, so that neither it nor its error can be trusted: an effective size below
    /// 1 % of the draws or below 10, or a draw with more than a fifth of the weight.
    pub fn collapsed(&self) -> bool {
        self.effective_size < 10.0
            || self.effective_size < 0.01 * self.draws as f64
            || self.largest_share > 0.2
    }
}

impl fmt::Display for ImportanceReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (estimate, error) = (self.estimate, self.standard_error);
        write!(f, "{estimate} ± {error} ({:.1} of {} draws effective)", self.effective_size, self.draws)?;
        if self.collapsed() {
            write!(f, "; the weights have collapsed: draw from a distribution closer to the target")?;
        }
        Ok(())
    }
}

/// The self-normalised estimate of a mean under `p` from draws from `q`, and how far it can be trusted.
///
/// ```text
/// μ = Σ w f / Σ w      error = √(Σ w² (f − μ)²) / Σ w      effective size = (Σ w)² / Σ w²
/// ```
/// The estimate is biased by about 1 / effective size.
///
/// # Errors
///
/// [`Shape`](ErrorKind::Shape); [`NonFinite`](ErrorKind::NonFinite) for a value that is not finite;
/// [`InvalidValue`](ErrorKind::InvalidValue) for a bad weight; [`TooFewRows`](ErrorKind::TooFewRows) without a
/// positive one.
///
/// ```
/// let report = mlsys_sampling::sample::importance_estimate(&[1.0, 3.0, 5.0], &[1.0, 1.0, 2.0])?;
/// assert_eq!((report.estimate, report.effective_size), (3.5, 16.0 / 6.0));
/// assert!(report.collapsed());
/// # Ok::<(), mlsys_core::Error>(())
/// ```
///
/// Leslie Kish, *Survey sampling*, 1965, for the effective size; Art Owen, *Monte Carlo theory, methods and
/// examples*, 2013, section 9.2.
pub fn importance_estimate(values: &[f64], weights: &[f64]) -> Result<ImportanceReport> {
    if values.len() != weights.len() {
        return Err(Error::shape("weights", format!("{} draws", values.len()), weights.len()));
    }
    super::weighted::check_weights(weights)?;
    if let Some(row) = values.iter().position(|x| !x.is_finite()) {
        return Err(ErrorKind::NonFinite { column: "values".into(), row, value: values[row] }.into());
    }
    let largest = weights.iter().copied().fold(0.0, f64::max);
    if largest == 0.0 {
        return Err(Error::too_few_rows(1, 0, "importance sampling (draws of positive weight)"));
    }
    // By the largest, so that squares neither overflow nor vanish.
    let shares: Vec<f64> = weights.iter().map(|w| w / largest).collect();
    let total: f64 = shares.iter().sum();
    let squares: f64 = shares.iter().map(|w| w * w).sum();
    let estimate = shares.iter().zip(values).map(|(w, x)| w / total * x).sum::<f64>();
    let variance: f64 = shares.iter().zip(values).map(|(w, x)| (w / total * (x - estimate)).powi(2)).sum();
    Ok(ImportanceReport {
        estimate,
        standard_error: variance.sqrt(),
        effective_size: total * total / squares,
        draws: values.len(),
        largest_share: 1.0 / total,
    })
}
