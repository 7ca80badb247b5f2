//! DeLong's variance of the area under the ROC curve.

use mlsys_core::{Error, Result};
use serde::{Deserialize, Serialize};

use crate::interval::normal_quantile;
use crate::kernel::Weights;
use crate::ranking::Ranking;

/// The area under the ROC curve and DeLong's estimate of its variance.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct DeLong {
    /// The area.
    pub auc: f64,
    /// The variance of the area.
    pub variance: f64,
}

impl DeLong {
    /// `auc -+ z sd`, cut to 0 to 1.
    ///
    /// # Errors
    ///
    /// [`InvalidParameter`](mlsys_core::ErrorKind::InvalidParameter) for a level outside 0 to 1.
    pub fn interval(&self, level: f64) -> Result<(f64, f64)> {
        let half = normal_quantile("DeLong", level)? * self.variance.max(0.0).sqrt();
        Ok(((self.auc - half).max(0.0), (self.auc + half).min(1.0)))
    }
}

/// The area under the ROC curve with its variance.
///
/// `var = S10/m + S01/n`, where `S10` is the variance (with `m - 1`) over the `m` positive rows of `V10_i`, the share
/// of the negative rows that score below row `i` (ties half), and `S01` that of `V01_j` over the `n` negative rows.
///
/// **Input**: finite scores; at least two rows of each class. **Complexity**: O(n log n): after one sort the shares
/// come from counts of rows below and within each tie, which is what midranks are.
///
/// ```
/// let score = [0.05, 0.15, 0.22, 0.35, 0.41, 0.55, 0.62, 0.71, 0.88, 0.95];
/// let truth = [false, false, true, false, false, true, true, false, true, true];
/// let found = mlsys_eval::delong(&truth, &score)?;
/// assert!((found.auc - 0.8).abs() < 1e-15 && (found.variance - 0.024).abs() < 1e-15);
/// # Ok::<(), mlsys_core::Error>(())
/// ```
///
/// **When it misleads**: the variance is zero when the classes separate perfectly, and too small near it; rows must
/// be independent.
///
/// **Source**: E. R. DeLong, D. M. DeLong and D. L. Clarke-Pearson, "Comparing the Areas under Two or More Correlated
/// Receiver Operating Characteristic Curves" (1988); X. Sun and W. Xu, "Fast Implementation of DeLong's Algorithm"
/// (2014).
///
/// # Errors
///
/// As [`roc_auc`](crate::roc_auc); [`TooFewRows`](mlsys_core::ErrorKind::TooFewRows) with a single row of a class.
pub fn delong(truth: &[bool], score: &[f64]) -> Result<DeLong> {
    let weights = Weights::new("DeLong's variance", truth.len(), None)?;
    let ranking = Ranking::new(truth, score)?;
    let (m, n) = ranking.both_classes(&weights)?;
    let why = "DeLong's variance (rows of the rarer class)";
    of_ranking(&ranking).ok_or_else(|| Error::too_few_rows(2, m.min(n) as usize, why))
}

/// `None` with fewer than two rows of a class.
pub(crate) fn of_ranking(ranking: &Ranking) -> Option<DeLong> {
    let (m, n) = ranking.totals(|_| 1.0);
    if m < 2.0 || n < 2.0 {
        return None;
    }
    let (mut positive_above, mut negative_above) = (0.0, 0.0);
    let mut ties = Vec::new();
    let mut pairs = 0.0;
    ranking.ties(
        |_| 1.0,
        |tie| {
            let v10 = (n - negative_above - 0.5 * tie.negative) / n;
            let v01 = (positive_above + 0.5 * tie.positive) / m;
            pairs += tie.negative * (positive_above + 0.5 * tie.positive);
            ties.push((tie, v10, v01));
            positive_above += tie.positive;
            negative_above += tie.negative;
        },
    );
    let auc = pairs / (m * n);
    let (mut s10, mut s01) = (0.0, 0.0);
    for (tie, v10, v01) in ties {
        s10 += tie.positive * (v10 - auc) * (v10 - auc);
        s01 += tie.negative * (v01 - auc) * (v01 - auc);
    }
    Some(DeLong { auc, variance: s10 / (m - 1.0) / m + s01 / (n - 1.0) / n })
}
