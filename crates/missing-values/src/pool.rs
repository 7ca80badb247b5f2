//! Rubin's rules.

use mlsys_core::{Error, Result};
use mlsys_stats::student_t_quantile;
use serde::{Deserialize, Serialize};

/// What several completed tables together say of one quantity.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Pooled {
    /// The mean of the estimates, Q̄.
    pub estimate: f64,
    /// The mean of their variances, Ū.
    pub within: f64,
    /// The variance of the estimates, B.
    pub between: f64,
    /// The variance of `estimate`, T.
    pub total: f64,
    /// By how much missing values increase the variance, r; infinite when all of it comes from them.
    pub relative_increase: f64,
    /// The share of the variance that comes from missing values, λ.
    pub share: f64,
    /// The fraction of missing information, of the degrees of freedom too.
    pub fraction_missing: f64,
    /// The degrees of freedom, ν; infinite where neither rows nor tables limit them.
    pub degrees_of_freedom: f64,
    /// The two-sided 95 % interval by Student's t.
    pub interval: (f64, f64),
}

/// Pools the estimates of a quantity from m completed tables, and their variances, by Rubin's rules.
///
/// ```text
/// Q̄ = mean Q      Ū = mean U      B = Σ(Q − Q̄)² / (m − 1)      T = Ū + (1 + 1/m) B
/// r = (1 + 1/m) B / Ū      λ = (1 + 1/m) B / T
/// ν_old = (m − 1) / λ²      ν_obs = (1 − λ) ν_c (ν_c + 1) / (ν_c + 3)      ν = ν_old ν_obs / (ν_old + ν_obs)
/// FMI = (r + 2 / (ν + 3)) / (1 + r)      interval: Q̄ ± t_ν(0.975) √T
/// ```
/// * `estimates`, `variances`: Q and U, of a table each; U is a squared standard error.
/// * `complete_df`: ν_c, the degrees of freedom without missing values: n − k for k coefficients from n rows. Infinite for large n.
///
/// Estimates that agree have B = 0, so that ν = ν_obs. A quantity without variance in any table is known: its interval is a point.
/// Of several quantities, pool each.
///
/// # Errors
///
/// [`TooFewRows`](mlsys_core::ErrorKind::TooFewRows) for one table, whose B is unknown; [`Shape`](mlsys_core::ErrorKind::Shape) for
/// unequally many estimates and variances; [`InvalidParameter`](mlsys_core::ErrorKind::InvalidParameter) unless ν_c > 0;
/// [`InvalidValue`](mlsys_core::ErrorKind::InvalidValue) for values that are not finite or whose squares overflow, for negative variances,
/// and for variances that are all zero where the estimates differ.
///
/// ```
/// // Two tables of 50 rows, two coefficients.
/// let pooled = mlsys_missing_values::pool(&[0.12182, 0.13209], &[0.02121_f64.powi(2), 0.02516_f64.powi(2)], 48.0)?;
/// assert!((pooled.total - 6.20549525e-4).abs() < 1e-12);
/// assert!((pooled.degrees_of_freedom - 24.3299719552).abs() < 1e-9);
/// # Ok::<(), mlsys_core::Error>(())
/// ```
///
/// **Misleads** when the imputation knew less than the analysis: columns of the analysis, its target too, belong into the imputer.
///
/// D. Rubin, *Multiple Imputation for Nonresponse in Surveys*, 1987; J. Barnard and D. Rubin, *Small-sample degrees of freedom with
/// multiple imputation*, 1999. Numbers are those of mice's `pool.scalar`.
pub fn pool(estimates: &[f64], variances: &[f64], complete_df: f64) -> Result<Pooled> {
    if estimates.len() != variances.len() {
        return Err(Error::shape("variances", estimates.len(), variances.len()));
    }
    if estimates.len() < 2 {
        let why = "the variance between completed tables is unknown";
        return Err(Error::too_few_rows(2, estimates.len(), why));
    }
    if complete_df.is_nan() || complete_df <= 0.0 {
        return Err(Error::invalid_parameter("pool", "complete_df", complete_df, "above 0"));
    }
    if let Some(table) = estimates.iter().position(|q| !q.is_finite()) {
        return Err(Error::invalid_value("estimates", Some(table), estimates[table], "finite"));
    }
    if let Some(table) = variances.iter().position(|u| !(u.is_finite() && *u >= 0.0)) {
        return Err(Error::invalid_value("variances", Some(table), variances[table], "0 or more"));
    }
    let m = estimates.len() as f64;
    // About the first estimate, so that equal ones have no variance at all.
    let shift = estimates[0];
    let offset = estimates.iter().map(|q| q - shift).sum::<f64>() / m;
    let between = estimates.iter().map(|q| (q - shift - offset).powi(2)).sum::<f64>() / (m - 1.0);
    let within = variances.iter().sum::<f64>() / m;
    let added = (1.0 + 1.0 / m) * between;
    let (estimate, total) = (shift + offset, within + added);
    if !(total.is_finite() && estimate.is_finite()) {
        return Err(Error::invalid_value(
            "estimates",
            None,
            "values whose squares overflow",
            "of a smaller scale",
        ));
    }
    if within == 0.0 && added > 0.0 && complete_df.is_finite() {
        let expected = "above 0 in some table, since the estimates differ";
        return Err(Error::invalid_value("variances", None, "zero in every table", expected));
    }
    let share = if added > 0.0 { added / total } else { 0.0 };
    let relative_increase = if added > 0.0 { added / within } else { 0.0 };
    // 1 / ν adds up, and is zero for what does not limit.
    let from_tables = share * share / (m - 1.0);
    let from_rows = match complete_df.is_finite() {
        true => (complete_df + 3.0) / (complete_df * (complete_df + 1.0)) / (1.0 - share),
        false => 0.0,
    };
    let degrees_of_freedom = (from_tables + from_rows).recip();
    let of_freedom = 2.0 / (degrees_of_freedom + 3.0);
    // (r + x) / (1 + r) with λ = r / (1 + r), for infinite r too.
    let fraction_missing = share + (1.0 - share) * of_freedom;
    let half = if total > 0.0 { student_t_quantile(0.975, degrees_of_freedom)? * total.sqrt() } else { 0.0 };
    Ok(Pooled {
        estimate,
        within,
        between,
        total,
        relative_increase,
        share,
        fraction_missing,
        degrees_of_freedom,
        interval: (estimate - half, estimate + half),
    })
}
