//! The area under the ROC curve.

use mlsys_core::arrow::array::Array;
use mlsys_core::column::order_key;
use mlsys_core::{Category, Direction, Estimate, Metric, Prediction, Result};
use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use crate::interval::interval_setters;
use crate::kernel::{Weights, check_finite, same_length, single_class};
use crate::ranking::{Measure, RankMetric};
use crate::{Average, Interval, delong};

const NAME: &str = "ROC AUC";

/// The area under the ROC curve: how often a positive row scores above a negative one, ties counting half.
///
/// `sum_ij w_i w_j ([s_i > s_j] + [s_i = s_j]/2) / sum_ij w_i w_j`, over positive `i` and negative `j`.
///
/// * `average`: [`Average::Binary`]; macro or weighted one against the rest, or micro over all classes.
/// * `positive`: the last of two classes.
/// * `interval`: DeLong at 0.95, for a binary average without weights (or with equal ones); or
///   [`bootstrap`](Self::bootstrap), with weights too.
///
/// **Input**: probabilities, or finite floating scores as the prediction's values (binary only). **Output**: 0 to 1;
/// 0.5 for no order at all. **Complexity**: O(n log n); a bootstrap replicate O(n).
///
/// ```
/// use mlsys_core::{Metric, Prediction, Classes, Probabilities, arrow::array::BooleanArray};
///
/// let truth = BooleanArray::from(vec![false, false, true, true]);
/// let classes = Classes::new([false.into(), true.into()])?;
/// let prediction = Prediction::from_probabilities(classes, Probabilities::binary(&[0.1, 0.4, 0.35, 0.8])?)?;
/// assert_eq!(mlsys_eval::RocAuc::new().score(&truth, &prediction, None)?.value, 0.75);
/// # Ok::<(), mlsys_core::Error>(())
/// ```
///
/// **When it misleads**: with rare positives a high area still means mostly false alarms (see
/// [`AveragePrecision`](crate::AveragePrecision)); it does not see calibration at all (see
/// [`LogLoss`](crate::LogLoss)). DeLong's interval has no width when every pair is ordered rightly.
///
/// **Source**: J. A. Hanley and B. J. McNeil, "The Meaning and Use of the Area under a ROC Curve" (1982); one
/// against the rest as scikit-learn's `roc_auc_score(multi_class="ovr")`. With unequal weights there is no DeLong
/// interval: its variance is that of independent rows that count alike.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct RocAuc {
    average: Average,
    positive: Option<Category>,
    interval: Interval,
}

impl RocAuc {
    /// The area of the positive class, with DeLong's interval.
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

impl Metric for RocAuc {
    fn name(&self) -> String {
        self.average.label(NAME)
    }

    fn direction(&self) -> Direction {
        Direction::Maximize
    }

    fn score(&self, truth: &dyn Array, prediction: &Prediction, weights: Option<&[f64]>) -> Result<Estimate> {
        let metric = RankMetric {
            metric: NAME,
            measure: Measure::RocAuc,
            average: self.average,
            positive: self.positive.as_ref(),
            interval: self.interval,
        };
        metric.score(truth, prediction, weights, |kernel, weights, level| match kernel.rankings.as_slice() {
            [ranking] if self.average == Average::Binary && weights.is_uniform() => {
                Ok(delong::of_ranking(ranking).and_then(|found| found.interval(level).ok()))
            }
            _ => Ok(None),
        })
    }
}

/// [`RocAuc`] of `true` over slices.
///
/// ```
/// let (truth, score) = ([false, true, false, true], [0.1, 0.4, 0.4, 0.8]);
/// assert_eq!(mlsys_eval::roc_auc(&truth, &score, None)?, 0.875);
/// # Ok::<(), mlsys_core::Error>(())
/// ```
///
/// # Errors
///
/// [`TooFewRows`](mlsys_core::ErrorKind::TooFewRows) without rows, [`Shape`](mlsys_core::ErrorKind::Shape) when
/// lengths differ, [`SingleClass`](mlsys_core::ErrorKind::SingleClass) without a positive or a negative row (of
/// positive weight), [`NonFinite`](mlsys_core::ErrorKind::NonFinite) naming the row of a NaN or infinite score,
/// [`InvalidValue`](mlsys_core::ErrorKind::InvalidValue) for negative or all-zero weights.
pub fn roc_auc(truth: &[bool], score: &[f64], weights: Option<&[f64]>) -> Result<f64> {
    let weights = Weights::new(NAME, truth.len(), weights)?;
    if weights.is_uniform() {
        return uniform_area(truth, score);
    }
    RankMetric::of_slices(Measure::RocAuc, truth, score, weights)
}

/// The share of pairs ordered rightly, when all rows count alike: the scores of each class are sorted as integers, on
/// their own and in parallel, and merged once. Pairs are counted in integers, so that the area is rounded once.
fn uniform_area(truth: &[bool], score: &[f64]) -> Result<f64> {
    same_length("score", truth.len(), score.len())?;
    check_finite("score", score)?;
    let positives = truth.iter().filter(|t| **t).count();
    let sorted = |class: bool| {
        let mut keys = Vec::with_capacity(if class { positives } else { truth.len() - positives });
        keys.extend(truth.iter().zip(score).filter(|(t, _)| **t == class).map(|(_, &s)| order_key(s)));
        keys.par_sort_unstable();
        keys
    };
    let (positive, negative) = rayon::join(|| sorted(true), || sorted(false));
    if positive.is_empty() || negative.is_empty() {
        return Err(single_class(!positive.is_empty()));
    }
    let half = positive.len() / 2;
    let (low, high) = positive.split_at(half);
    let (a, b) = rayon::join(|| twice_above(low, &negative), || twice_above(high, &negative));
    let pairs = 2.0 * positive.len() as f64 * negative.len() as f64;
    Ok((a + b) as f64 / pairs)
}

/// Twice the number of negatives below each positive, those that are equal counted once; both ascending.
fn twice_above(positive: &[u64], negative: &[u64]) -> u128 {
    let Some(&first) = positive.first() else { return 0 };
    let mut below = negative.partition_point(|&n| n < first);
    let mut upto = below;
    let mut twice = 0u128;
    for &p in positive {
        while below < negative.len() && negative[below] < p {
            below += 1;
        }
        upto = upto.max(below);
        while upto < negative.len() && negative[upto] <= p {
            upto += 1;
        }
        twice += (below + upto) as u128;
    }
    twice
}
