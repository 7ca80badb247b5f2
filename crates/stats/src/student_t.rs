//! The quantiles of Student's t distribution.

use mlsys_core::{Error, Result};

use crate::hypothesis::special::{bisect, t_sf};

/// The value that Student's t with `df` degrees of freedom stays below with probability `p`; normal for infinite `df`.
///
/// Found by bisection, to the last digits of the distribution function.
///
/// ```
/// assert!((mlsys_stats::student_t_quantile(0.975, 10.0)? - 2.228138851986274).abs() < 1e-12);
/// assert_eq!(mlsys_stats::student_t_quantile(0.5, 3.0)?, 0.0);
/// # Ok::<(), mlsys_core::Error>(())
/// ```
///
/// # Errors
///
/// [`InvalidParameter`](mlsys_core::ErrorKind::InvalidParameter) unless `0 < p < 1` and `df > 0`.
pub fn student_t_quantile(p: f64, df: f64) -> Result<f64> {
    if !(p > 0.0 && p < 1.0) {
        return Err(Error::invalid_parameter("student_t_quantile", "p", p, "between 0 and 1"));
    }
    if df.is_nan() || df <= 0.0 {
        return Err(Error::invalid_parameter("student_t_quantile", "df", df, "above 0"));
    }
    let tail = p.min(1.0 - p);
    let t = if tail == 0.5 { 0.0 } else { bisect(0.0, f64::MAX, |t| t_sf(t, df) <= tail) };
    Ok(if p < 0.5 { -t } else { t })
}

#[cfg(test)]
mod tests {
    use super::*;

    const REFERENCE: [(f64, f64, f64); 7] = [
        (0.975, 1.0, 12.706204736174694),
        (0.975, 2.5, 3.5746548420036817),
        (0.9, 24.32997195522, 1.317330068151297),
        (0.025, 7.0, -2.3646242515927844),
        (0.999, 0.3, 300718580.87909585),
        (0.975, 1000000.0, 1.959966356814107),
        (0.975, f64::INFINITY, 1.959963984540054),
    ];

    #[test]
    fn quantiles_of_the_reference() {
        // SciPy 1.17.1: stats.t.ppf.
        for (p, df, expected) in REFERENCE {
            let found = student_t_quantile(p, df).unwrap();
            assert!((found / expected - 1.0).abs() < 1e-11, "{p} {df}: {found} {expected}");
        }
        for (p, df) in [(0.0, 1.0), (1.0, 1.0), (f64::NAN, 1.0), (0.5, 0.0), (0.5, f64::NAN)] {
            assert!(student_t_quantile(p, df).is_err(), "{p} {df}");
        }
    }
}
