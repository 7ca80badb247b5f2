//! The Brier score.

use mlsys_core::arrow::array::Array;
use mlsys_core::ndarray::{ArrayView2, Axis};
use mlsys_core::{Direction, Estimate, Metric, Prediction, Result};
use serde::{Deserialize, Serialize};

use crate::Interval;
use crate::input::class_probabilities;
use crate::interval::interval_setters;
use crate::kernel::{MeanOf, Weights, check_probabilities, no_closed_form, no_weight, same_length};
use crate::log_loss::check_matrix;

const NAME: &str = "Brier";

/// The scale of a [`Brier`] score.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum BrierScale {
    /// Half for two classes, full for more: scikit-learn's.
    #[default]
    Auto,
    /// 0 to 1: half of the squared differences, which for two classes is `(p - t)^2`.
    Half,
    /// 0 to 2: Brier's own.
    Full,
}

/// The mean squared difference between the probabilities and what happened.
///
/// `sum w_i sum_k (p_ik - [t_i = k])^2 / sum w_i`, halved for two classes.
///
/// * `scale`: [`BrierScale::Auto`]: 0 to 1 for two classes, 0 to 2 for more.
/// * `interval`: none, or [`bootstrap`](Self::bootstrap).
///
/// **Input**: probabilities of two or more classes. **Complexity**: one pass.
///
/// ```
/// use mlsys_core::{Metric, Prediction, Classes, Probabilities, arrow::array::BooleanArray};
///
/// let truth = BooleanArray::from(vec![true, false]);
/// let classes = Classes::new([false.into(), true.into()])?;
/// let prediction = Prediction::from_probabilities(classes, Probabilities::binary(&[0.5, 0.5])?)?;
/// assert_eq!(mlsys_eval::Brier::new().score(&truth, &prediction, None)?.value, 0.25);
/// # Ok::<(), mlsys_core::Error>(())
/// ```
///
/// **When it misleads**: with rare positives every model is near the share of positives; compare with the score of
/// that constant, not with 0. It hardly tells 0.01 from 0.001.
///
/// **Source**: G. W. Brier, "Verification of Forecasts Expressed in Terms of Probability" (1950); scale as
/// scikit-learn's `brier_score_loss`.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Brier {
    scale: BrierScale,
    interval: Interval,
}

impl Brier {
    /// The Brier score without an interval.
    pub fn new() -> Self {
        Self::default()
    }

    /// The scale: [`BrierScale::Auto`] unless said.
    pub fn scale(mut self, scale: BrierScale) -> Self {
        self.scale = scale;
        self
    }

    interval_setters!();
}

impl Metric for Brier {
    fn name(&self) -> String {
        NAME.into()
    }

    fn direction(&self) -> Direction {
        Direction::Minimize
    }

    fn score(&self, truth: &dyn Array, prediction: &Prediction, weights: Option<&[f64]>) -> Result<Estimate> {
        let weights = Weights::new(NAME, truth.len(), weights)?;
        let (truth, _, probabilities) = class_probabilities(NAME, truth, prediction)?;
        let kernel = MeanOf(losses(&truth, probabilities.view(), self.scale));
        weights.estimate(&kernel, self.interval, no_weight, no_closed_form)
    }
}

/// [`Brier`] over slices, 0 to 1: `probability` is that of `true`.
///
/// ```
/// assert_eq!(mlsys_eval::brier(&[true, false], &[0.75, 0.5], None)?, (0.0625 + 0.25) / 2.0);
/// # Ok::<(), mlsys_core::Error>(())
/// ```
///
/// # Errors
///
/// As [`log_loss`](crate::log_loss).
pub fn brier(truth: &[bool], probability: &[f64], weights: Option<&[f64]>) -> Result<f64> {
    let weights = Weights::new(NAME, truth.len(), weights)?;
    same_length("probability", truth.len(), probability.len())?;
    check_probabilities(probability)?;
    let squares = truth.iter().zip(probability).map(|(&t, p)| (p - f64::from(u8::from(t))).powi(2)).collect();
    weights.point(&MeanOf(squares), no_weight)
}

/// [`Brier`] of several classes: `truth` holds columns of `probabilities`.
///
/// # Errors
///
/// As [`log_loss_multiclass`](crate::log_loss_multiclass).
pub fn brier_multiclass(
    truth: &[usize],
    probabilities: ArrayView2<'_, f64>,
    weights: Option<&[f64]>,
    scale: BrierScale,
) -> Result<f64> {
    let weights = Weights::new(NAME, truth.len(), weights)?;
    check_matrix(truth, probabilities)?;
    weights.point(&MeanOf(losses(truth, probabilities, scale)), no_weight)
}

fn losses(truth: &[usize], probabilities: ArrayView2<'_, f64>, scale: BrierScale) -> Vec<f64> {
    let factor = match scale {
        BrierScale::Half => 0.5,
        BrierScale::Auto if probabilities.ncols() < 3 => 0.5,
        BrierScale::Auto | BrierScale::Full => 1.0,
    };
    let square = |truth: usize, class: usize, p: f64| (p - f64::from(u8::from(class == truth))).powi(2);
    let rows = truth.iter().zip(probabilities.axis_iter(Axis(0)));
    rows.map(|(&t, p)| factor * p.iter().enumerate().map(|(class, &p)| square(t, class, p)).sum::<f64>())
        .collect()
}
