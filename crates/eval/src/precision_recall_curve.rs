//! The precision-recall curve.

use mlsys_core::Result;
use serde::{Deserialize, Serialize};

use crate::kernel::{Weights, single_class};
use crate::ranking::Ranking;

/// A precision-recall curve: a point per distinct score, from the laxest threshold to the strictest.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct PrecisionRecallCurve {
    /// The precision of the rows at or above each threshold, and a last 1.
    pub precision: Vec<f64>,
    /// The recall of the rows at or above each threshold, descending, and a last 0.
    pub recall: Vec<f64>,
    /// The thresholds, ascending: one fewer than the points.
    pub thresholds: Vec<f64>,
}

/// The precision-recall curve of scores for `true`.
///
/// **Output**: as scikit-learn's `precision_recall_curve`; scores of weightless rows have no point. **Complexity**: O(n log n).
///
/// ```
/// let curve = mlsys_eval::precision_recall_curve(&[false, false, true, true], &[0.1, 0.4, 0.35, 0.8], None)?;
/// assert_eq!(curve.precision, [0.5, 2.0 / 3.0, 0.5, 1.0, 1.0]);
/// assert_eq!(curve.recall, [1.0, 1.0, 0.5, 0.5, 0.0]);
/// assert_eq!(curve.thresholds, [0.1, 0.35, 0.4, 0.8]);
/// # Ok::<(), mlsys_core::Error>(())
/// ```
///
/// # Errors
///
/// As [`average_precision`](crate::average_precision).
pub fn precision_recall_curve(
    truth: &[bool],
    score: &[f64],
    weights: Option<&[f64]>,
) -> Result<PrecisionRecallCurve> {
    let weights = Weights::new("a precision-recall curve", truth.len(), weights)?;
    let ranking = Ranking::new(truth, score)?;
    let (positive, _) = ranking.totals(|row| weights.get(row));
    if positive <= 0.0 {
        return Err(single_class(false));
    }
    let (mut hits, mut rows) = (0.0, 0.0);
    let mut curve = PrecisionRecallCurve { precision: vec![1.0], recall: vec![0.0], thresholds: Vec::new() };
    ranking.ties(
        |row| weights.get(row),
        |tie| {
            hits += tie.positive;
            rows += tie.positive + tie.negative;
            if tie.positive + tie.negative > 0.0 {
                curve.precision.push(hits / rows);
                curve.recall.push(hits / positive);
                curve.thresholds.push(score[tie.row]);
            }
        },
    );
    curve.precision.reverse();
    curve.recall.reverse();
    curve.thresholds.reverse();
    Ok(curve)
}
