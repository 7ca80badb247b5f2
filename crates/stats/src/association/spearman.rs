//! Spearman's rank correlation.

use mlsys_core::Result;
use mlsys_core::column::order_key;

use super::{complete, enough, pearson};

/// Spearman's rank correlation: [`pearson`] of the ranks, equal values sharing the mean of theirs.
///
/// Pairs with a missing value are left out.
///
/// # Errors
///
/// As [`pearson`].
///
/// ```
/// let rho = mlsys_stats::association::spearman(&[1.0, 2.0, 3.0, 4.0], &[1.0, 8.0, 27.0, 64.0])?;
/// assert_eq!(rho, 1.0);
/// # Ok::<(), mlsys_core::Error>(())
/// ```
///
/// Charles Spearman, *The proof and measurement of association between two things*, 1904.
pub fn spearman(x: &[f64], y: &[f64]) -> Result<f64> {
    let (x, y) = complete(x, y)?;
    enough(x.len(), 2, "Spearman's correlation")?;
    pearson(&ranks(&x), &ranks(&y), None)
}

/// Ranks from 1, ties sharing the mean; values without NaN.
pub(crate) fn ranks(values: &[f64]) -> Vec<f64> {
    let mut order: Vec<(u64, usize)> =
        values.iter().enumerate().map(|(row, &x)| (order_key(x + 0.0), row)).collect();
    order.sort_unstable();
    let mut ranks = vec![0.0; values.len()];
    let mut before = 0.0;
    for tied in order.chunk_by(|a, b| a.0 == b.0) {
        let rank = before + (tied.len() as f64 + 1.0) / 2.0;
        tied.iter().for_each(|&(_, row)| ranks[row] = rank);
        before += tied.len() as f64;
    }
    ranks
}
