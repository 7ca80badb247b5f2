//! Average precision.

use mlsys_core::arrow::array::Array;
use mlsys_core::{Category, Direction, Estimate, Metric, Prediction, Result};
use serde::{Deserialize, Serialize};

use crate::interval::interval_setters;
use crate::kernel::Weights;
use crate::ranking::{Measure, RankMetric};
use crate::{Average, Interval};

const NAME: &str = "average precision";

/// The precision at each threshold, averaged by how much recall the threshold adds.
///
/// `sum_k (R_k - R_(k-1)) P_k` over the distinct scores from the highest down: steps, no interpolation; rows of one
/// score enter together.
///
/// * `average`: [`Average::Binary`]; macro or weighted one against the rest, or micro over all classes.
/// * `positive`: the last of two classes.
/// * `interval`: none, or [`bootstrap`](Self::bootstrap).
///
/// **Input**: probabilities, or finite floating scores as the prediction's values (binary only). **Output**: above 0,
/// up to 1; about the share of positives for scores without order. **Complexity**: O(n log n); a bootstrap replicate
/// O(n).
///
/// ```
/// use mlsys_core::{Metric, Prediction, Classes, Probabilities, arrow::array::BooleanArray};
///
/// let truth = BooleanArray::from(vec![false, false, true, true]);
/// let classes = Classes::new([false.into(), true.into()])?;
/// let prediction = Prediction::from_probabilities(classes, Probabilities::binary(&[0.1, 0.4, 0.35, 0.8])?)?;
/// // Half of the recall at precision 1, half at 2/3.
/// let value = mlsys_eval::AveragePrecision::new().score(&truth, &prediction, None)?.value;
/// assert!((value - 5.0 / 6.0).abs() < 1e-15);
/// # Ok::<(), mlsys_core::Error>(())
/// ```
///
/// **When it misleads**: it moves with the share of positives, so tables with different shares do not compare; with
/// positive rows only it is 1 whatever the scores are.
///
/// **Source**: as scikit-learn's `average_precision_score`; J. Davis and M. Goadrich, "The Relationship Between
/// Precision-Recall and ROC Curves" (2006), on why lines between the points would be too kind. scikit-learn gives 0
/// where there is no positive row; here that is an error.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct AveragePrecision {
    average: Average,
    positive: Option<Category>,
    interval: Interval,
}

impl AveragePrecision {
    /// The average precision of the positive class.
    pub fn new() -> Self {
        Self::default()
    }

    /// Which classes it is about: [`Average::Binary`] unless said.
    pub fn average(mut self, average: Average) -> Self {
        self.average = average;
        self
    }

    /// The positive class of [`Average::Binary`]: the last of two unless said.
    pub fn positive(mut self, class: impl Into<Category>) -> Self {
        self.positive = Some(class.into());
        self
    }

    interval_setters!();
}

impl Metric for AveragePrecision {
    fn name(&self) -> String {
        self.average.label(NAME)
    }

    fn direction(&self) -> Direction {
        Direction::Maximize
    }

    fn score(&self, truth: &dyn Array, prediction: &Prediction, weights: Option<&[f64]>) -> Result<Estimate> {
        let metric = RankMetric {
            metric: NAME,
            measure: Measure::AveragePrecision,
            average: self.average,
            positive: self.positive.as_ref(),
            interval: self.interval,
        };
        metric.score(truth, prediction, weights, |_, _, _| Ok(None))
    }
}

/// [`AveragePrecision`] of `true` over slices.
///
/// ```
/// // The first two rows tie: half of the recall at precision 1/2, half at 2/3.
/// let (truth, score) = ([true, false, true], [0.9, 0.9, 0.2]);
/// assert_eq!(mlsys_eval::average_precision(&truth, &score, None)?, (1.0 / 2.0 + 2.0 / 3.0) / 2.0);
/// # Ok::<(), mlsys_core::Error>(())
/// ```
///
/// # Errors
///
/// As [`roc_auc`](crate::roc_auc), but rows of the positive class alone are accepted.
pub fn average_precision(truth: &[bool], score: &[f64], weights: Option<&[f64]>) -> Result<f64> {
    RankMetric::of_slices(Measure::AveragePrecision, truth, score, Weights::new(NAME, truth.len(), weights)?)
}
