//! The coefficient of determination.

use mlsys_core::arrow::array::Array;
use mlsys_core::{Direction, Error, Estimate, Metric, Prediction, Result};
use serde::{Deserialize, Serialize};

use crate::Interval;
use crate::input::numbers;
use crate::interval::interval_setters;
use crate::kernel::{Kernel, Weights, check_finite, no_closed_form, same_length};

const NAME: &str = "R2";

/// The share of the truth's variance that the prediction takes away.
///
/// `1 - sum w_i (t_i - p_i)^2 / sum w_i (t_i - mean)^2`, with the weighted mean of the truth.
///
/// * `interval`: none, or [`bootstrap`](Self::bootstrap).
///
/// **Input**: numbers; a truth of at least two distinct values. **Output**: 1 and down; 0 for the mean of the truth,
/// negative for worse. **Complexity**: two passes.
///
/// ```
/// use mlsys_core::{Metric, Prediction, arrow::array::Float64Array};
/// use std::sync::Arc;
///
/// let truth = Float64Array::from(vec![1.0, 2.0, 3.0]);
/// let prediction = Prediction::from_labels(Arc::new(Float64Array::from(vec![1.0, 2.0, 2.0])));
/// assert_eq!(mlsys_eval::R2::new().score(&truth, &prediction, None)?.value, 0.5);
/// # Ok::<(), mlsys_core::Error>(())
/// ```
///
/// **When it misleads**: it grows with the variance of the truth, so slices and periods do not compare; on a trend,
/// predicting yesterday has a high value.
///
/// **Source**: S. Wright, "Correlation and Causation" (1921); as scikit-learn's `r2_score`, except that a constant
/// truth, for which scikit-learn gives 1 or 0, is an error.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct R2 {
    interval: Interval,
}

impl R2 {
    /// R2 without an interval.
    pub fn new() -> Self {
        Self::default()
    }

    interval_setters!();
}

impl Metric for R2 {
    fn name(&self) -> String {
        NAME.into()
    }

    fn direction(&self) -> Direction {
        Direction::Maximize
    }

    fn score(&self, truth: &dyn Array, prediction: &Prediction, weights: Option<&[f64]>) -> Result<Estimate> {
        let weights = Weights::new(NAME, truth.len(), weights)?;
        let (truth, predicted) = numbers(truth, prediction)?;
        let kernel = Explained { truth: &truth, predicted: &predicted };
        weights.estimate(&kernel, self.interval, constant_truth, no_closed_form)
    }
}

/// [`R2`] over slices.
///
/// ```
/// assert_eq!(mlsys_eval::r2(&[1.0, 2.0, 3.0], &[1.0, 2.0, 2.0], None)?, 0.5);
/// # Ok::<(), mlsys_core::Error>(())
/// ```
///
/// # Errors
///
/// As [`mse`](crate::mse); [`InvalidValue`](mlsys_core::ErrorKind::InvalidValue) for a constant truth.
pub fn r2(truth: &[f64], predicted: &[f64], weights: Option<&[f64]>) -> Result<f64> {
    let weights = Weights::new(NAME, truth.len(), weights)?;
    same_length("prediction", truth.len(), predicted.len())?;
    check_finite("truth", truth)?;
    check_finite("prediction", predicted)?;
    weights.point(&Explained { truth, predicted }, constant_truth)
}

fn constant_truth() -> Error {
    Error::invalid_value("truth", None, "one value in every row", "at least two distinct values for R2")
}

struct Explained<'a> {
    truth: &'a [f64],
    predicted: &'a [f64],
}

impl Kernel for Explained<'_> {
    fn value<W: Fn(usize) -> f64>(&self, weight: W) -> Option<f64> {
        // Rounding of the mean would leave a constant truth a variance: compare values instead.
        let mut counted = self.truth.iter().enumerate().filter(|(row, _)| weight(*row) > 0.0);
        let (_, &first) = counted.next()?;
        if counted.all(|(_, &t)| t == first) {
            return None;
        }
        // Around the first value, a large offset keeps its digits.
        let (mut sum, mut total) = (0.0, 0.0);
        for (row, t) in self.truth.iter().enumerate() {
            let w = weight(row);
            sum += w * (t - first);
            total += w;
        }
        let mean = sum / total;
        let (mut left, mut all) = (0.0, 0.0);
        for (row, (t, p)) in self.truth.iter().zip(self.predicted).enumerate() {
            let w = weight(row);
            left += w * (t - p).powi(2);
            all += w * (t - first - mean).powi(2);
        }
        (all > 0.0).then(|| 1.0 - left / all)
    }
}
