//! Log loss.

use mlsys_core::arrow::array::Array;
use mlsys_core::ndarray::ArrayView2;
use mlsys_core::{Direction, Error, Estimate, Metric, Prediction, Result};
use serde::{Deserialize, Serialize};

use crate::Interval;
use crate::input::class_probabilities;
use crate::interval::interval_setters;
use crate::kernel::{MeanOf, Weights, check_probabilities, no_closed_form, no_weight, same_length};

const NAME: &str = "log loss";

/// The mean negative log of the probability that was given to the true class (cross-entropy, in nats).
///
/// `-sum w_i ln(clip(p_i, e, 1-e)) / sum w_i`, with `p_i` the probability of row *i*'s true class and `e` the machine
/// epsilon of a double, 2.2e-16: a wrong certainty costs 36, not infinity. Rows are not renormalised; probabilities
/// must sum to 1 within 1e-6.
///
/// * `interval`: none, or [`bootstrap`](Self::bootstrap).
///
/// **Input**: probabilities of two or more classes. **Output**: 0 and up; the entropy of the classes for a constant
/// that is right on average. **Complexity**: one pass.
///
/// ```
/// use mlsys_core::{Metric, Prediction, Classes, Probabilities, arrow::array::StringArray, ndarray::array};
///
/// let truth = StringArray::from(vec!["cat", "dog", "eel"]);
/// let classes = Classes::new(["cat".into(), "dog".into(), "eel".into()])?;
/// let p = Probabilities::new(array![[0.5, 0.25, 0.25], [0.25, 0.5, 0.25], [0.25, 0.25, 0.5]])?;
/// let prediction = Prediction::from_probabilities(classes, p)?;
/// let loss = mlsys_eval::LogLoss::new().score(&truth, &prediction, None)?.value;
/// assert!((loss - 2.0f64.ln()).abs() < 1e-15);
/// # Ok::<(), mlsys_core::Error>(())
/// ```
///
/// **When it misleads**: a few rows of wrong certainty outweigh thousands; compare with the loss of the class shares,
/// not with 0.
///
/// **Source**: I. J. Good, "Rational Decisions" (1952); clipping as scikit-learn 1.9's `log_loss`.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct LogLoss {
    interval: Interval,
}

impl LogLoss {
    /// Log loss without an interval.
    pub fn new() -> Self {
        Self::default()
    }

    interval_setters!();
}

impl Metric for LogLoss {
    fn name(&self) -> String {
        NAME.into()
    }

    fn direction(&self) -> Direction {
        Direction::Minimize
    }

    fn score(&self, truth: &dyn Array, prediction: &Prediction, weights: Option<&[f64]>) -> Result<Estimate> {
        let weights = Weights::new(NAME, truth.len(), weights)?;
        let (truth, _, probabilities) = class_probabilities(NAME, truth, prediction)?;
        let p = probabilities.view();
        let losses = truth.iter().enumerate().map(|(row, &class)| loss(p[[row, class]])).collect();
        weights.estimate(&MeanOf(losses), self.interval, no_weight, no_closed_form)
    }
}

/// [`LogLoss`] over slices: `probability` is that of `true`.
///
/// ```
/// let loss = mlsys_eval::log_loss(&[true, false], &[0.8, 0.2], None)?;
/// assert!((loss + 0.8f64.ln()).abs() < 1e-15);
/// # Ok::<(), mlsys_core::Error>(())
/// ```
///
/// # Errors
///
/// [`TooFewRows`](mlsys_core::ErrorKind::TooFewRows) without rows, [`Shape`](mlsys_core::ErrorKind::Shape) when
/// lengths differ, [`NonFinite`](mlsys_core::ErrorKind::NonFinite) or
/// [`InvalidValue`](mlsys_core::ErrorKind::InvalidValue) naming the row of a bad probability or weight.
pub fn log_loss(truth: &[bool], probability: &[f64], weights: Option<&[f64]>) -> Result<f64> {
    let weights = Weights::new(NAME, truth.len(), weights)?;
    same_length("probability", truth.len(), probability.len())?;
    check_probabilities(probability)?;
    let losses = truth.iter().zip(probability).map(|(&t, &p)| loss(if t { p } else { 1.0 - p })).collect();
    weights.point(&MeanOf(losses), no_weight)
}

/// [`LogLoss`] of several classes: `truth` holds columns of `probabilities`.
///
/// # Errors
///
/// As [`log_loss`]; rows have to sum to 1 within 1e-6.
pub fn log_loss_multiclass(
    truth: &[usize],
    probabilities: ArrayView2<'_, f64>,
    weights: Option<&[f64]>,
) -> Result<f64> {
    let weights = Weights::new(NAME, truth.len(), weights)?;
    check_matrix(truth, probabilities)?;
    let losses = truth.iter().enumerate().map(|(row, &class)| loss(probabilities[[row, class]])).collect();
    weights.point(&MeanOf(losses), no_weight)
}

fn loss(p: f64) -> f64 {
    -p.clamp(f64::EPSILON, 1.0 - f64::EPSILON).ln()
}

/// Checks a matrix of probabilities and that every true class is one of its columns.
pub(crate) fn check_matrix(truth: &[usize], probabilities: ArrayView2<'_, f64>) -> Result<()> {
    same_length("probabilities", truth.len(), probabilities.nrows())?;
    if let Some(row) = truth.iter().position(|&class| class >= probabilities.ncols()) {
        let expected = format!("a class below {}", probabilities.ncols());
        return Err(Error::invalid_value("truth", Some(row), truth[row], expected));
    }
    mlsys_core::Probabilities::new(probabilities.to_owned()).map(drop)
}
