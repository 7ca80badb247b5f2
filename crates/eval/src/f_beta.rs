//! F-beta.

use mlsys_core::arrow::array::Array;
use mlsys_core::{Category, Direction, Error, Estimate, Metric, Prediction, Result};
use serde::{Deserialize, Serialize};

use crate::class_ratio::{ClassRatio, Ratio, class_setters};
use crate::{Average, Interval, ZeroDivision};

const NAME: &str = "FBeta";

/// The harmonic mean of precision and recall, recall counting `beta` times as much.
///
/// `F = (1 + beta^2) hits / (beta^2 true + predicted)`, the weighted rows of the positive class that are right, true
/// and predicted.
///
/// * `beta`: positive and finite, required; [`FBeta::f1`] is 1.
/// * `average`: [`Average::Binary`]; macro, micro or weighted for more than two classes. A mean over classes runs
///   over those that occur in the truth or the prediction.
/// * `positive`: the last of two classes. * `zero_division`: [`ZeroDivision::Zero`].
/// * `interval`: none, or [`bootstrap`](Self::bootstrap).
///
/// **Input**: classes of any type that both columns share. **Output**: 0 to 1. **Complexity**: one pass.
///
/// ```
/// use mlsys_core::{Metric, Prediction, arrow::array::BooleanArray};
/// use std::sync::Arc;
///
/// let truth = BooleanArray::from(vec![true, true, true, true, false]);
/// let prediction = Prediction::from_labels(Arc::new(BooleanArray::from(vec![true, true, false, false, false])));
/// // Precision 1, recall 1/2: 2 x 1/2 / (1 + 1/2).
/// assert_eq!(mlsys_eval::FBeta::f1().score(&truth, &prediction, None)?.value, 2.0 / 3.0);
/// # Ok::<(), mlsys_core::Error>(())
/// ```
///
/// **When it misleads**: it moves with the share of positives and with the threshold, so two tables or two models
/// at 0.5 compare badly; it ignores true negatives.
///
/// **Source**: C. J. van Rijsbergen, "Information Retrieval" (1979), chapter 7; as scikit-learn's `fbeta_score`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct FBeta {
    beta: f64,
    average: Average,
    positive: Option<Category>,
    zero_division: ZeroDivision,
    interval: Interval,
}

impl FBeta {
    /// F of the positive class.
    pub fn new(beta: f64) -> Self {
        Self {
            beta,
            average: Average::default(),
            positive: None,
            zero_division: ZeroDivision::default(),
            interval: Interval::default(),
        }
    }

    /// F1: precision and recall count alike.
    pub fn f1() -> Self {
        Self::new(1.0)
    }

    class_setters!();
}

impl Metric for FBeta {
    fn name(&self) -> String {
        self.average.label(&format!("F{}", self.beta))
    }

    fn direction(&self) -> Direction {
        Direction::Maximize
    }

    fn score(&self, truth: &dyn Array, prediction: &Prediction, weights: Option<&[f64]>) -> Result<Estimate> {
        let ratio = ClassRatio {
            metric: NAME,
            ratio: ratio(self.beta)?,
            average: self.average,
            positive: self.positive.as_ref(),
            zero_division: self.zero_division,
            interval: self.interval,
        };
        ratio.of_arrays(truth, prediction, weights)
    }
}

/// [`FBeta`] of `true` over slices.
///
/// ```
/// use mlsys_eval::{ZeroDivision, f_beta};
///
/// let (truth, predicted) = ([true, true, true, true, false], [true, true, false, false, false]);
/// assert_eq!(f_beta(&truth, &predicted, None, 1.0, ZeroDivision::Zero)?, 2.0 / 3.0);
/// # Ok::<(), mlsys_core::Error>(())
/// ```
///
/// # Errors
///
/// As [`precision`](crate::precision); [`InvalidParameter`](mlsys_core::ErrorKind::InvalidParameter) for `beta`.
pub fn f_beta(
    truth: &[bool],
    predicted: &[bool],
    weights: Option<&[f64]>,
    beta: f64,
    zero_division: ZeroDivision,
) -> Result<f64> {
    plain(beta, Average::Binary, zero_division)?.of_bools(truth, predicted, weights)
}

/// [`FBeta`] of several classes over slices.
///
/// # Errors
///
/// As [`precision_average`](crate::precision_average); [`InvalidParameter`](mlsys_core::ErrorKind::InvalidParameter)
/// for `beta`.
pub fn f_beta_average<T: Ord + Clone + Into<Category>>(
    truth: &[T],
    predicted: &[T],
    weights: Option<&[f64]>,
    beta: f64,
    average: Average,
    zero_division: ZeroDivision,
) -> Result<f64> {
    plain(beta, average, zero_division)?.of_classes(truth, predicted, weights)
}

fn plain(beta: f64, average: Average, zero_division: ZeroDivision) -> Result<ClassRatio<'static>> {
    let ratio = ratio(beta)?;
    Ok(ClassRatio { metric: NAME, ratio, average, positive: None, zero_division, interval: Interval::None })
}

fn ratio(beta: f64) -> Result<Ratio> {
    // The square has to stay a normal number.
    if (1e-100..=1e100).contains(&beta) {
        Ok(Ratio::F(beta * beta))
    } else {
        Err(Error::invalid_parameter(NAME, "beta", beta, "from 1e-100 to 1e100"))
    }
}
