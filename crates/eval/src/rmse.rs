//! The root mean squared error.

use mlsys_core::arrow::array::Array;
use mlsys_core::{Direction, Estimate, Metric, Prediction, Result};
use serde::{Deserialize, Serialize};

use crate::Interval;
use crate::input::numbers;
use crate::interval::interval_setters;
use crate::kernel::{Kernel, MeanOf, Weights, no_closed_form, no_weight};

const NAME: &str = "RMSE";

/// The root of the mean squared difference between prediction and truth.
///
/// `sqrt(sum w_i (t_i - p_i)^2 / sum w_i)`.
///
/// * `interval`: none, or [`bootstrap`](Self::bootstrap).
///
/// **Input**: numbers. **Output**: 0 and up, in the unit of the truth. **Complexity**: one pass.
///
/// ```
/// use mlsys_core::{Metric, Prediction, arrow::array::Float64Array};
/// use std::sync::Arc;
///
/// let truth = Float64Array::from(vec![1.0, 2.0]);
/// let prediction = Prediction::from_labels(Arc::new(Float64Array::from(vec![2.0, 9.0])));
/// assert_eq!(mlsys_eval::Rmse::new().score(&truth, &prediction, None)?.value, 5.0);
/// # Ok::<(), mlsys_core::Error>(())
/// ```
///
/// **When it misleads**: a few large errors decide it; beside [`Mae`](crate::Mae) it tells how uneven errors are.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Rmse {
    interval: Interval,
}

impl Rmse {
    /// The root mean squared error.
    pub fn new() -> Self {
        Self::default()
    }

    interval_setters!();
}

impl Metric for Rmse {
    fn name(&self) -> String {
        NAME.into()
    }

    fn direction(&self) -> Direction {
        Direction::Minimize
    }

    fn score(&self, truth: &dyn Array, prediction: &Prediction, weights: Option<&[f64]>) -> Result<Estimate> {
        let weights = Weights::new(NAME, truth.len(), weights)?;
        let (truth, predicted) = numbers(truth, prediction)?;
        let squares = MeanOf(truth.iter().zip(predicted.iter()).map(|(t, p)| (t - p).powi(2)).collect());
        weights.estimate(&RootOf(squares), self.interval, no_weight, no_closed_form)
    }
}

/// [`Rmse`] over slices.
///
/// ```
/// assert_eq!(mlsys_eval::rmse(&[1.0, 2.0], &[2.0, 9.0], None)?, 5.0);
/// # Ok::<(), mlsys_core::Error>(())
/// ```
///
/// # Errors
///
/// As [`mse`](crate::mse).
pub fn rmse(truth: &[f64], predicted: &[f64], weights: Option<&[f64]>) -> Result<f64> {
    crate::mse(truth, predicted, weights).map(f64::sqrt)
}

struct RootOf(MeanOf);

impl Kernel for RootOf {
    fn value<W: Fn(usize) -> f64>(&self, weight: W) -> Option<f64> {
        self.0.value(weight).map(f64::sqrt)
    }
}
