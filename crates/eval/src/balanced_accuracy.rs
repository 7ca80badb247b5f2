//! Balanced accuracy.

use mlsys_core::arrow::array::Array;
use mlsys_core::{Category, Direction, Estimate, Metric, Prediction, Result};
use serde::{Deserialize, Serialize};

use crate::Interval;
use crate::input::Labels;
use crate::interval::interval_setters;
use crate::kernel::{Kernel, Weights, no_closed_form, no_weight};

const NAME: &str = "balanced accuracy";

/// The mean of the recalls of the true classes, so that each class counts alike.
///
/// `1/K sum_k (right rows of k / true rows of k)`, over the classes that occur in the truth.
///
/// * `interval`: none, or [`bootstrap`](Self::bootstrap).
///
/// **Input**: classes of any type that both columns share. **Output**: 0 to 1; guessing gives 1/K.
/// **Complexity**: one pass.
///
/// ```
/// let truth = [false, false, false, true];
/// assert_eq!(mlsys_eval::balanced_accuracy(&truth, &[false; 4], None)?, 0.5);
/// # Ok::<(), mlsys_core::Error>(())
/// ```
///
/// **When it misleads**: with one true class it is that class's recall. It says nothing about precision.
///
/// **Source**: K. H. Brodersen and others, "The Balanced Accuracy and Its Posterior Distribution" (2010); as
/// scikit-learn's `balanced_accuracy_score`, unadjusted.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct BalancedAccuracy {
    interval: Interval,
}

impl BalancedAccuracy {
    /// Balanced accuracy without an interval.
    pub fn new() -> Self {
        Self::default()
    }

    interval_setters!();
}

impl Metric for BalancedAccuracy {
    fn name(&self) -> String {
        NAME.into()
    }

    fn direction(&self) -> Direction {
        Direction::Maximize
    }

    fn score(&self, truth: &dyn Array, prediction: &Prediction, weights: Option<&[f64]>) -> Result<Estimate> {
        let weights = Weights::new(NAME, truth.len(), weights)?;
        let kernel = MeanRecall(Labels::from_arrays(truth, prediction)?);
        weights.estimate(&kernel, self.interval, no_weight, no_closed_form)
    }
}

/// The mean of the recalls of the true classes: [`BalancedAccuracy`] over slices.
///
/// # Errors
///
/// As [`accuracy`](crate::accuracy).
pub fn balanced_accuracy<T: Ord + Clone + Into<Category>>(
    truth: &[T],
    predicted: &[T],
    weights: Option<&[f64]>,
) -> Result<f64> {
    let weights = Weights::new(NAME, truth.len(), weights)?;
    weights.point(&MeanRecall(Labels::from_slices(truth, predicted)?), no_weight)
}

struct MeanRecall(Labels);

impl Kernel for MeanRecall {
    fn value<W: Fn(usize) -> f64>(&self, weight: W) -> Option<f64> {
        let mut totals = vec![(0.0, 0.0); self.0.classes.len()];
        for (row, (&truth, predicted)) in self.0.truth.iter().zip(&self.0.predicted).enumerate() {
            let (hit, total) = &mut totals[truth as usize];
            let w = weight(row);
            *total += w;
            *hit += if truth == *predicted { w } else { 0.0 };
        }
        let (sum, classes) = totals
            .iter()
            .filter(|(_, total)| *total > 0.0)
            .fold((0.0, 0.0), |(sum, classes), (hit, total)| (sum + hit / total, classes + 1.0));
        (classes > 0.0).then(|| sum / classes)
    }
}
