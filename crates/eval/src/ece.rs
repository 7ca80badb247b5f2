//! The expected calibration error.

use mlsys_core::arrow::array::Array;
use mlsys_core::ndarray::Axis;
use mlsys_core::{Category, Direction, Estimate, Metric, Prediction, Result};
use serde::{Deserialize, Serialize};

use crate::calibration::{bin_of, edges};
use crate::input::{class_probabilities, positive_index};
use crate::interval::interval_setters;
use crate::kernel::{Kernel, Weights, check_probabilities, no_closed_form, no_weight, same_length};
use crate::{BinStrategy, Interval};

const NAME: &str = "ECE";

/// The expected calibration error: how far, on average, probabilities are from what happened in their bin.
///
/// `sum_b (W_b / W) |observed_b - predicted_b|` over the bins of [`CalibrationBins`](crate::CalibrationBins), which
/// are closed on the right. With two classes it is about the probability of the positive class; with more it is
/// about the top label: its probability, and whether it was right.
///
/// * `bins`: 15; 1 to 10,000. * `strategy`: [`BinStrategy::Uniform`]. * `positive`: the last of two classes.
/// * `interval`: none, or [`bootstrap`](Self::bootstrap) (with the bins of the full table).
///
/// **Input**: probabilities. **Output**: 0 to 1. **Complexity**: one pass, and a sort for quantiles.
///
/// ```
/// use mlsys_core::{Metric, Prediction, Classes, Probabilities, arrow::array::BooleanArray};
///
/// let truth = BooleanArray::from(vec![false, true, true, true]);
/// let classes = Classes::new([false.into(), true.into()])?;
/// let prediction = Prediction::from_probabilities(classes, Probabilities::binary(&[0.25, 0.25, 0.75, 0.75])?)?;
/// assert_eq!(mlsys_eval::Ece::new().score(&truth, &prediction, None)?.value, 0.25);
/// # Ok::<(), mlsys_core::Error>(())
/// ```
///
/// **When it misleads**: it is biased upwards, the more so with more bins and fewer rows (a bootstrap interval
/// inherits that, and may lie above the value); it changes with the bins, so numbers of different bins do not
/// compare; a constant at the share of positives has an ECE of 0. Read it beside [`LogLoss`](crate::LogLoss).
///
/// **Source**: M. P. Naeini, G. F. Cooper and M. Hauskrecht, "Obtaining Well Calibrated Probabilities Using Bayesian
/// Binning" (2015); C. Guo and others, "On Calibration of Modern Neural Networks" (2017), equation 3.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Ece {
    bins: usize,
    strategy: BinStrategy,
    positive: Option<Category>,
    interval: Interval,
}

impl Default for Ece {
    fn default() -> Self {
        Self { bins: 15, strategy: BinStrategy::default(), positive: None, interval: Interval::default() }
    }
}

impl Ece {
    /// Fifteen bins of equal width.
    pub fn new() -> Self {
        Self::default()
    }

    /// How many bins: 1 to 10,000.
    pub fn bins(mut self, bins: usize) -> Self {
        self.bins = bins;
        self
    }

    /// Where the edges of the bins lie.
    pub fn strategy(mut self, strategy: BinStrategy) -> Self {
        self.strategy = strategy;
        self
    }

    /// The positive class of two (or, of more, the class to look at instead of the top label).
    pub fn positive(mut self, class: impl Into<Category>) -> Self {
        self.positive = Some(class.into());
        self
    }

    interval_setters!();
}

impl Metric for Ece {
    fn name(&self) -> String {
        NAME.into()
    }

    fn direction(&self) -> Direction {
        Direction::Minimize
    }

    fn score(&self, truth: &dyn Array, prediction: &Prediction, weights: Option<&[f64]>) -> Result<Estimate> {
        let weights = Weights::new(NAME, truth.len(), weights)?;
        let (truth, classes, probabilities) = class_probabilities(NAME, truth, prediction)?;
        let (hit, p): (Vec<bool>, Vec<f64>) = if classes.n_classes() <= 2 || self.positive.is_some() {
            let index = positive_index(NAME, classes.values(), self.positive.as_ref())?;
            (truth.iter().map(|&t| t == index).collect(), probabilities.class(index)?.to_vec())
        } else {
            let top = probabilities.argmax();
            let rows = probabilities.view();
            let p = rows.axis_iter(Axis(0)).zip(&top).map(|(p, &class)| p[class]).collect();
            (truth.iter().zip(&top).map(|(t, top)| t == top).collect(), p)
        };
        let kernel = BinGaps::new(self.bins, self.strategy, &hit, &p, &weights)?;
        weights.estimate(&kernel, self.interval, no_weight, no_closed_form)
    }
}

/// [`Ece`] over slices: `probability` is that of `true`.
///
/// ```
/// use mlsys_eval::{BinStrategy, ece};
///
/// let (truth, p) = ([false, true, true, true], [0.25, 0.25, 0.75, 0.75]);
/// assert_eq!(ece(&truth, &p, None, 10, BinStrategy::Uniform)?, 0.25);
/// # Ok::<(), mlsys_core::Error>(())
/// ```
///
/// # Errors
///
/// As [`log_loss`](crate::log_loss); [`InvalidParameter`](mlsys_core::ErrorKind::InvalidParameter) for `bins`.
pub fn ece(
    truth: &[bool],
    probability: &[f64],
    weights: Option<&[f64]>,
    bins: usize,
    strategy: BinStrategy,
) -> Result<f64> {
    let weights = Weights::new(NAME, truth.len(), weights)?;
    same_length("probability", truth.len(), probability.len())?;
    check_probabilities(probability)?;
    weights.point(&BinGaps::new(bins, strategy, truth, probability, &weights)?, no_weight)
}

/// The bin of each row, and its truth less its probability.
struct BinGaps {
    bins: usize,
    rows: Vec<(u32, f64)>,
}

impl BinGaps {
    fn new(
        bins: usize,
        strategy: BinStrategy,
        hit: &[bool],
        p: &[f64],
        weights: &Weights<'_>,
    ) -> Result<Self> {
        let edges = edges("Ece", bins, strategy, p, weights)?;
        let row = |(&hit, &p): (&bool, &f64)| (bin_of(&edges, p) as u32, f64::from(u8::from(hit)) - p);
        Ok(Self { bins, rows: hit.iter().zip(p).map(row).collect() })
    }
}

impl Kernel for BinGaps {
    fn value<W: Fn(usize) -> f64>(&self, weight: W) -> Option<f64> {
        let mut gaps = vec![0.0f64; self.bins];
        let mut total = 0.0;
        for (row, &(bin, gap)) in self.rows.iter().enumerate() {
            let w = weight(row);
            gaps[bin as usize] += w * gap;
            total += w;
        }
        (total > 0.0).then(|| gaps.iter().map(|gap| gap.abs()).sum::<f64>() / total)
    }
}
