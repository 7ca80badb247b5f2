//! The ROC curve.

use mlsys_core::Result;
use serde::{Deserialize, Serialize};

use crate::kernel::Weights;
use crate::ranking::Ranking;

/// A ROC curve: a point per distinct score, from the strictest threshold to the laxest.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct RocCurve {
    /// The share of negative rows at or above the threshold; starts at 0, ends at 1.
    pub false_positive_rate: Vec<f64>,
    /// The share of positive rows at or above the threshold; starts at 0, ends at 1.
    pub true_positive_rate: Vec<f64>,
    /// The thresholds, descending; the first is infinite: no row reaches it.
    pub thresholds: Vec<f64>,
}

impl RocCurve {
    /// The area under the curve by trapezoids, which is [`roc_auc`](crate::roc_auc).
    pub fn area(&self) -> f64 {
        let points = self.false_positive_rate.windows(2).zip(self.true_positive_rate.windows(2));
        points.map(|(x, y)| (x[1] - x[0]) * (y[0] + y[1]) / 2.0).sum()
    }
}

/// The ROC curve of scores for `true`.
///
/// **Output**: as scikit-learn's `roc_curve(drop_intermediate=False)`; scores of weightless rows have no point. **Complexity**: O(n log n).
///
/// ```
/// let curve = mlsys_eval::roc_curve(&[false, false, true, true], &[0.1, 0.4, 0.35, 0.8], None)?;
/// assert_eq!(curve.false_positive_rate, [0.0, 0.0, 0.5, 0.5, 1.0]);
/// assert_eq!(curve.true_positive_rate, [0.0, 0.5, 0.5, 1.0, 1.0]);
/// assert_eq!(curve.thresholds, [f64::INFINITY, 0.8, 0.4, 0.35, 0.1]);
/// # Ok::<(), mlsys_core::Error>(())
/// ```
///
/// # Errors
///
/// As [`roc_auc`](crate::roc_auc).
pub fn roc_curve(truth: &[bool], score: &[f64], weights: Option<&[f64]>) -> Result<RocCurve> {
    let weights = Weights::new("a ROC curve", truth.len(), weights)?;
    let ranking = Ranking::new(truth, score)?;
    let (positive, negative) = ranking.both_classes(&weights)?;
    let (mut hits, mut alarms) = (0.0, 0.0);
    let mut curve = RocCurve {
        false_positive_rate: vec![0.0],
        true_positive_rate: vec![0.0],
        thresholds: vec![f64::INFINITY],
    };
    ranking.ties(
        |row| weights.get(row),
        |tie| {
            hits += tie.positive;
            alarms += tie.negative;
            if tie.positive + tie.negative > 0.0 {
                curve.true_positive_rate.push(hits / positive);
                curve.false_positive_rate.push(alarms / negative);
                curve.thresholds.push(score[tie.row]);
            }
        },
    );
    Ok(curve)
}
