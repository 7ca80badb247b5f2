//! Accuracy.

use mlsys_core::arrow::array::Array;
use mlsys_core::{Direction, Estimate, Metric, Prediction, Result};
use serde::{Deserialize, Serialize};

use crate::input::Labels;
use crate::interval::interval_setters;
use crate::kernel::{MeanOf, Weights, no_weight, same_length};
use crate::{Interval, wilson_interval};

const NAME: &str = "accuracy";

/// The share of rows whose predicted class is the true one.
///
/// `sum w_i [t_i = p_i] / sum w_i`.
///
/// * `interval`: Wilson at 0.95, on Kish's effective number of rows where weights are given; or
///   [`bootstrap`](Self::bootstrap).
///
/// **Input**: classes of any type that both columns share. **Output**: 0 to 1. **Complexity**: one pass.
///
/// ```
/// use mlsys_core::{Metric, Prediction, arrow::array::StringArray};
/// use std::sync::Arc;
///
/// let truth = StringArray::from(vec!["cat", "dog", "dog", "cat"]);
/// let prediction = Prediction::from_labels(Arc::new(StringArray::from(vec!["cat", "dog", "cat", "cat"])));
/// assert_eq!(mlsys_eval::Accuracy::new().score(&truth, &prediction, None)?.value, 0.75);
/// # Ok::<(), mlsys_core::Error>(())
/// ```
///
/// **When it misleads**: with 1 % positives, calling everything negative is 99 % accurate. See
/// [`BalancedAccuracy`](crate::BalancedAccuracy), [`AveragePrecision`](crate::AveragePrecision).
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Accuracy {
    interval: Interval,
}

impl Accuracy {
    /// Accuracy with Wilson's interval.
    pub fn new() -> Self {
        Self::default()
    }

    interval_setters!();
}

impl Metric for Accuracy {
    fn name(&self) -> String {
        NAME.into()
    }

    fn direction(&self) -> Direction {
        Direction::Maximize
    }

    fn score(&self, truth: &dyn Array, prediction: &Prediction, weights: Option<&[f64]>) -> Result<Estimate> {
        let weights = Weights::new(NAME, truth.len(), weights)?;
        let labels = Labels::from_arrays(truth, prediction)?;
        let wilson = |share: f64, level| {
            wilson_interval(share.min(1.0), weights.effective_rows(|_| true), level).map(Some)
        };
        weights.estimate(&hits(&labels.truth, &labels.predicted), self.interval, no_weight, wilson)
    }
}

/// The share of rows whose predicted class is the true one: [`Accuracy`] over slices.
///
/// ```
/// assert_eq!(mlsys_eval::accuracy(&[1, 2, 3], &[1, 2, 2], Some(&[1.0, 1.0, 2.0]))?, 0.5);
/// # Ok::<(), mlsys_core::Error>(())
/// ```
///
/// # Errors
///
/// [`TooFewRows`](mlsys_core::ErrorKind::TooFewRows) without rows, [`Shape`](mlsys_core::ErrorKind::Shape) when
/// lengths differ, [`NonFinite`](mlsys_core::ErrorKind::NonFinite) or
/// [`InvalidValue`](mlsys_core::ErrorKind::InvalidValue) for bad weights.
pub fn accuracy<T: PartialEq>(truth: &[T], predicted: &[T], weights: Option<&[f64]>) -> Result<f64> {
    let weights = Weights::new(NAME, truth.len(), weights)?;
    same_length("prediction", truth.len(), predicted.len())?;
    weights.point(&hits(truth, predicted), no_weight)
}

fn hits<T: PartialEq>(truth: &[T], predicted: &[T]) -> MeanOf {
    MeanOf(truth.iter().zip(predicted).map(|(t, p)| f64::from(u8::from(t == p))).collect())
}
