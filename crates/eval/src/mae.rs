//! The mean absolute error.

use mlsys_core::arrow::array::Array;
use mlsys_core::{Direction, Estimate, Metric, Prediction, Result};
use serde::{Deserialize, Serialize};

use crate::Interval;
use crate::input::numbers;
use crate::interval::interval_setters;
use crate::kernel::{MeanOf, Weights, check_finite, no_closed_form, no_weight, same_length};

const NAME: &str = "MAE";

/// The mean absolute difference between prediction and truth.
///
/// `sum w_i |t_i - p_i| / sum w_i`.
///
/// * `interval`: none, or [`bootstrap`](Self::bootstrap).
///
/// **Input**: numbers. **Output**: 0 and up, in the unit of the truth. **Complexity**: one pass.
///
/// ```
/// use mlsys_core::{Metric, Prediction, arrow::array::Float64Array};
/// use std::sync::Arc;
///
/// let truth = Float64Array::from(vec![1.0, 2.0, 3.0]);
/// let prediction = Prediction::from_labels(Arc::new(Float64Array::from(vec![1.0, 4.0, 7.0])));
/// assert_eq!(mlsys_eval::Mae::new().score(&truth, &prediction, None)?.value, 2.0);
/// # Ok::<(), mlsys_core::Error>(())
/// ```
///
/// **When it misleads**: the median minimises it, so a skewed target (delays) is best predicted too low.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Mae {
    interval: Interval,
}

impl Mae {
    /// The mean absolute error.
    pub fn new() -> Self {
        Self::default()
    }

    interval_setters!();
}

impl Metric for Mae {
    fn name(&self) -> String {
        NAME.into()
    }

    fn direction(&self) -> Direction {
        Direction::Minimize
    }

    fn score(&self, truth: &dyn Array, prediction: &Prediction, weights: Option<&[f64]>) -> Result<Estimate> {
        let weights = Weights::new(NAME, truth.len(), weights)?;
        let (truth, predicted) = numbers(truth, prediction)?;
        weights.estimate(&errors(&truth, &predicted), self.interval, no_weight, no_closed_form)
    }
}

/// [`Mae`] over slices.
///
/// ```
/// assert_eq!(mlsys_eval::mae(&[1.0, 2.0, 3.0], &[1.0, 4.0, 7.0], None)?, 2.0);
/// # Ok::<(), mlsys_core::Error>(())
/// ```
///
/// # Errors
///
/// [`TooFewRows`](mlsys_core::ErrorKind::TooFewRows) without rows, [`Shape`](mlsys_core::ErrorKind::Shape) when
/// lengths differ, [`NonFinite`](mlsys_core::ErrorKind::NonFinite) naming the row,
/// [`InvalidValue`](mlsys_core::ErrorKind::InvalidValue) for bad weights, and for values so large that the result is
/// not finite.
pub fn mae(truth: &[f64], predicted: &[f64], weights: Option<&[f64]>) -> Result<f64> {
    let weights = Weights::new(NAME, truth.len(), weights)?;
    same_length("prediction", truth.len(), predicted.len())?;
    check_finite("truth", truth)?;
    check_finite("prediction", predicted)?;
    weights.point(&errors(truth, predicted), no_weight)
}

fn errors(truth: &[f64], predicted: &[f64]) -> MeanOf {
    MeanOf(truth.iter().zip(predicted).map(|(t, p)| (t - p).abs()).collect())
}
