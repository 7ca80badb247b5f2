//! Confidence intervals: which one a metric computes, and Wilson's for a proportion.

use mlsys_core::{Error, Result};
use mlsys_stats::bootstrap::Bootstrap;
use serde::{Deserialize, Serialize};
use statrs::distribution::{ContinuousCDF, Normal};

/// How a metric computes its confidence interval.
///
/// The default is `Analytic { level: 0.95 }`: Wilson's interval for accuracy, precision and recall, DeLong's for the
/// area under the ROC curve, and none for a metric without a closed form.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Interval {
    /// No interval.
    None,
    /// The metric's closed form, where it has one, at a level between 0 and 1.
    Analytic {
        /// The probability that the interval is meant to cover with.
        level: f64,
    },
    /// The percentile bootstrap over rows, for any metric.
    Bootstrap(Bootstrap),
}

impl Default for Interval {
    fn default() -> Self {
        Self::Analytic { level: 0.95 }
    }
}

/// Wilson's score interval of a proportion `share` among `n` trials.
///
/// `(p + z^2/2n -+ z sqrt(p(1-p)/n + z^2/4n^2)) / (1 + z^2/n)`, with `z` the normal quantile of `(1 + level)/2`.
/// `n` need not be whole: with weights the metrics pass Kish's effective number of rows,
/// `(sum w)^2 / sum w^2`.
///
/// * `share`: from 0 to 1. * `n`: positive. * `level`: between 0 and 1, both excluded.
///
/// ```
/// let (low, high) = mlsys_eval::wilson_interval(0.8, 10.0, 0.95)?;
/// assert!((low - 0.4901624715).abs() < 1e-10 && (high - 0.9433178485).abs() < 1e-10);
/// # Ok::<(), mlsys_core::Error>(())
/// ```
///
/// **When it misleads**: rows that depend on each other carry less information than `n` says.
///
/// **Source**: E. B. Wilson, "Probable Inference, the Law of Succession, and Statistical Inference" (1927);
/// L. Kish, "Survey Sampling" (1965), section 11.7.
///
/// # Errors
///
/// [`InvalidParameter`](mlsys_core::ErrorKind::InvalidParameter).
pub fn wilson_interval(share: f64, n: f64, level: f64) -> Result<(f64, f64)> {
    const NAME: &str = "wilson_interval";
    if !(0.0..=1.0).contains(&share) {
        return Err(Error::invalid_parameter(NAME, "share", share, "from 0 to 1"));
    }
    if !(n > 0.0 && n.is_finite()) {
        return Err(Error::invalid_parameter(NAME, "n", n, "positive and finite"));
    }
    let z = normal_quantile(NAME, level)?;
    let zz = z * z / n;
    let centre = share + zz / 2.0;
    let half = (share * (1.0 - share) * zz + zz * zz / 4.0).sqrt();
    let (low, high) = ((centre - half) / (1.0 + zz), (centre + half) / (1.0 + zz));
    // At a share of 0 or 1 the bound equals it, but for rounding.
    Ok((if share == 0.0 { 0.0 } else { low.max(0.0) }, if share == 1.0 { 1.0 } else { high.min(1.0) }))
}

/// The normal quantile that a central interval of this level reaches to.
pub(crate) fn normal_quantile(estimator: &str, level: f64) -> Result<f64> {
    if !(level > 0.0 && level < 1.0) {
        return Err(Error::invalid_parameter(estimator, "level", level, "between 0 and 1, both excluded"));
    }
    Ok(Normal::standard().inverse_cdf((1.0 + level) / 2.0))
}

/// The setters that all metrics share.
macro_rules! interval_setters {
    () => {
        /// How the confidence interval is computed.
        pub fn interval(mut self, interval: $crate::Interval) -> Self {
            self.interval = interval;
            self
        }

        /// A bootstrap interval: short for `.interval(Interval::Bootstrap(bootstrap))`.
        pub fn bootstrap(mut self, bootstrap: $crate::Bootstrap) -> Self {
            self.interval = $crate::Interval::Bootstrap(bootstrap);
            self
        }
    };
}
pub(crate) use interval_setters;
