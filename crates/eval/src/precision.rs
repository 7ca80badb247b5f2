//! Precision.

use mlsys_core::arrow::array::Array;
use mlsys_core::{Category, Direction, Estimate, Metric, Prediction, Result};
use serde::{Deserialize, Serialize};

use crate::class_ratio::{ClassRatio, Ratio, class_setters};
use crate::{Average, Interval, ZeroDivision};

const NAME: &str = "precision";

/// The share of the rows predicted positive that are positive.
///
/// `sum w_i [t_i and p_i] / sum w_i [p_i]`.
///
/// * `average`: [`Average::Binary`]; macro, micro or weighted for more than two classes. A mean over classes runs
///   over those that occur in the truth or the prediction.
/// * `positive`: the last of two classes.
/// * `zero_division`: [`ZeroDivision::Zero`], the number that scikit-learn gives.
/// * `interval`: Wilson at 0.95 for binary and micro, on Kish's effective number of the rows in the denominator;
///   or [`bootstrap`](Self::bootstrap).
///
/// **Input**: classes of any type that both columns share. **Output**: 0 to 1. **Complexity**: one pass.
///
/// ```
/// use mlsys_core::{Metric, Prediction, arrow::array::BooleanArray};
/// use std::sync::Arc;
///
/// let truth = BooleanArray::from(vec![true, true, false, false, true]);
/// let prediction = Prediction::from_labels(Arc::new(BooleanArray::from(vec![true, true, true, false, true])));
/// assert_eq!(mlsys_eval::Precision::new().score(&truth, &prediction, None)?.value, 0.75);
/// # Ok::<(), mlsys_core::Error>(())
/// ```
///
/// **When it misleads**: it rewards predicting the positive class rarely; read it beside recall, at the same threshold.
///
/// **Source**: as scikit-learn's `precision_score`, except that a class counts as occurring by its weight.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Precision {
    average: Average,
    positive: Option<Category>,
    zero_division: ZeroDivision,
    interval: Interval,
}

impl Precision {
    /// Precision of the positive class.
    pub fn new() -> Self {
        Self::default()
    }

    class_setters!();
}

impl Metric for Precision {
    fn name(&self) -> String {
        self.average.label(NAME)
    }

    fn direction(&self) -> Direction {
        Direction::Maximize
    }

    fn score(&self, truth: &dyn Array, prediction: &Prediction, weights: Option<&[f64]>) -> Result<Estimate> {
        let ratio = ClassRatio {
            metric: NAME,
            ratio: Ratio::Precision,
            average: self.average,
            positive: self.positive.as_ref(),
            zero_division: self.zero_division,
            interval: self.interval,
        };
        ratio.of_arrays(truth, prediction, weights)
    }
}

/// [`Precision`] of `true` over slices.
///
/// ```
/// use mlsys_eval::{ZeroDivision, precision};
///
/// let (truth, predicted) = ([true, true, false, false, true], [true, true, true, false, true]);
/// assert_eq!(precision(&truth, &predicted, None, ZeroDivision::Zero)?, 0.75);
/// # Ok::<(), mlsys_core::Error>(())
/// ```
///
/// # Errors
///
/// As [`accuracy`](crate::accuracy); [`InvalidValue`](mlsys_core::ErrorKind::InvalidValue) for a zero denominator
/// with [`ZeroDivision::Undefined`].
pub fn precision(
    truth: &[bool],
    predicted: &[bool],
    weights: Option<&[f64]>,
    zero_division: ZeroDivision,
) -> Result<f64> {
    plain(Average::Binary, zero_division).of_bools(truth, predicted, weights)
}

/// [`Precision`] of several classes over slices.
///
/// # Errors
///
/// As [`precision`]; [`InvalidParameter`](mlsys_core::ErrorKind::InvalidParameter) for [`Average::Binary`] with more than
/// two classes, [`SingleClass`](mlsys_core::ErrorKind::SingleClass) with one.
pub fn precision_average<T: Ord + Clone + Into<Category>>(
    truth: &[T],
    predicted: &[T],
    weights: Option<&[f64]>,
    average: Average,
    zero_division: ZeroDivision,
) -> Result<f64> {
    plain(average, zero_division).of_classes(truth, predicted, weights)
}

fn plain(average: Average, zero_division: ZeroDivision) -> ClassRatio<'static> {
    let interval = Interval::None;
    ClassRatio { metric: NAME, ratio: Ratio::Precision, average, positive: None, zero_division, interval }
}
