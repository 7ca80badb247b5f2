//! Corrections of p-values for many tests.

use mlsys_core::{Error, Result};
use serde::{Deserialize, Serialize};

/// Which error is kept in check when many hypotheses are tested at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Correction {
    /// `m p`: the probability of any false rejection, whatever the dependence.
    Bonferroni,
    /// `max over j ≤ i of (m - j + 1) p₍ⱼ₎`: as Bonferroni, and never weaker.
    Holm,
    /// `min over j ≥ i of m p₍ⱼ₎ / j`: the expected share of false rejections, for independent or positively
    /// dependent tests.
    BenjaminiHochberg,
    /// As `BenjaminiHochberg`, times `1 + 1/2 + .. + 1/m`: whatever the dependence.
    BenjaminiYekutieli,
}

/// Adjusted p-values, in the order given: reject those that are at most the level.
///
/// * `p_values`: from 0 to 1. None gives none.
/// * `correction`: see [`Correction`]; with `p₍₁₎ ≤ .. ≤ p₍ₘ₎`.
///
/// # Errors
///
/// [`InvalidValue`](mlsys_core::ErrorKind::InvalidValue) naming the first p-value that is missing or not from 0 to
/// 1: leaving it out would change the number of tests.
///
/// ```
/// use mlsys_stats::hypothesis::{Correction, adjust};
///
/// let adjusted = adjust(&[0.01, 0.04, 0.03], Correction::Holm)?;
/// assert!(adjusted.iter().zip([0.03, 0.06, 0.06]).all(|(found, expected)| (found - expected).abs() < 1e-12));
/// # Ok::<(), mlsys_core::Error>(())
/// ```
///
/// **Misleads** when only the tests that looked interesting are counted: `m` is the number of tests made.
///
/// S. Holm, *A Simple Sequentially Rejective Multiple Test Procedure*, 1979; Y. Benjamini, Y. Hochberg,
/// *Controlling the False Discovery Rate*, 1995; Y. Benjamini, D. Yekutieli, *The Control of the False Discovery
/// Rate in Multiple Testing under Dependency*, 2001.
pub fn adjust(p_values: &[f64], correction: Correction) -> Result<Vec<f64>> {
    if let Some(row) = p_values.iter().position(|p| !(0.0..=1.0).contains(p)) {
        return Err(Error::invalid_value("p_values", Some(row), p_values[row], "from 0 to 1"));
    }
    let m = p_values.len() as f64;
    let mut order: Vec<usize> = (0..p_values.len()).collect();
    order.sort_by(|&i, &j| p_values[i].total_cmp(&p_values[j]));
    let mut adjusted = vec![0.0; p_values.len()];
    let harmonic: f64 = match correction {
        Correction::BenjaminiYekutieli => (1..=p_values.len()).map(|i| 1.0 / i as f64).sum(),
        _ => 1.0,
    };
    match correction {
        Correction::Bonferroni => adjusted.iter_mut().zip(p_values).for_each(|(a, p)| *a = (p * m).min(1.0)),
        Correction::Holm => {
            let mut largest = 0.0f64;
            for (rank, &i) in order.iter().enumerate() {
                largest = largest.max(p_values[i] * (m - rank as f64));
                adjusted[i] = largest.min(1.0);
            }
        }
        Correction::BenjaminiHochberg | Correction::BenjaminiYekutieli => {
            let mut smallest = 1.0f64;
            for (rank, &i) in order.iter().enumerate().rev() {
                smallest = smallest.min(p_values[i] * harmonic * m / (rank + 1) as f64);
                adjusted[i] = smallest;
            }
        }
    }
    Ok(adjusted)
}

/// Which hypotheses are rejected when [`adjust`]ed p-values are compared with `alpha`, in the order given.
///
/// # Errors
///
/// As [`adjust`]; [`InvalidParameter`](mlsys_core::ErrorKind::InvalidParameter) unless `alpha` is between 0 and 1.
///
/// ```
/// use mlsys_stats::hypothesis::{Correction, reject};
///
/// let p = [0.001, 0.02, 0.2, 0.03];
/// assert_eq!(reject(&p, 0.05, Correction::Bonferroni)?, [true, false, false, false]);
/// assert_eq!(reject(&p, 0.05, Correction::BenjaminiHochberg)?, [true, true, false, true]);
/// # Ok::<(), mlsys_core::Error>(())
/// ```
pub fn reject(p_values: &[f64], alpha: f64, correction: Correction) -> Result<Vec<bool>> {
    if !(alpha > 0.0 && alpha < 1.0) {
        return Err(Error::invalid_parameter("reject", "alpha", alpha, "between 0 and 1, both excluded"));
    }
    Ok(adjust(p_values, correction)?.into_iter().map(|p| p <= alpha).collect())
}
