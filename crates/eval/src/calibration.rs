//! Calibration bins: what happened where the model said so much.

use std::fmt;

use mlsys_core::arrow::array::Array;
use mlsys_core::{Category, Error, Prediction, Result};
use serde::{Deserialize, Serialize};

use crate::input::binary_scores;
use crate::kernel::{Weights, check_probabilities, same_length};
use crate::wilson_interval;

const NAME: &str = "CalibrationBins";

/// Where the edges of calibration bins lie.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum BinStrategy {
    /// Equal widths from 0 to 1.
    #[default]
    Uniform,
    /// Equal numbers of rows: edges at quantiles of the probabilities (linear; whole weights count as
    /// repetitions; with others, the first probability beyond the share of the weight).
    ///
    /// Where an edge falls on a row, the row is in the bin below; numpy's percentages may round it above.
    Quantile,
}

/// How often the positive class occurred, by the probability that was given to it.
///
/// Bins are closed on the right: a probability on an edge belongs to the bin below, as in scikit-learn's
/// `calibration_curve` and in Guo and others; 0 belongs to the first bin. Empty bins are left out.
///
/// * `bins`: 15 (Guo and others; scikit-learn's curve has 5, netcal 10); 1 to 10,000.
/// * `strategy`: [`BinStrategy::Uniform`].
/// * `positive`: the last of two classes.
///
/// **Complexity**: one pass, and a sort for quantiles. Each bin's observed share has Wilson's 95 % interval.
///
/// ```
/// use mlsys_eval::CalibrationBins;
///
/// let truth = [false, false, false, true, true];
/// let report = CalibrationBins::new().bins(2).of_slices(&truth, &[0.1, 0.2, 0.3, 0.5, 0.9], None)?;
/// assert_eq!(report.bins.len(), 2);
/// // Five tenths is on the edge, so it is in the lower bin.
/// assert_eq!((report.bins[0].rows, report.bins[0].observed), (4, 0.25));
/// assert_eq!((report.bins[1].predicted, report.bins[1].observed), (0.9, 1.0));
/// # Ok::<(), mlsys_core::Error>(())
/// ```
///
/// **When it misleads**: with few rows per bin the gaps are noise: read the intervals. Within a bin, errors of both
/// signs cancel.
///
/// **Source**: A. Niculescu-Mizil and R. Caruana, "Predicting Good Probabilities with Supervised Learning" (2005);
/// C. Guo and others, "On Calibration of Modern Neural Networks" (2017).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct CalibrationBins {
    bins: usize,
    strategy: BinStrategy,
    positive: Option<Category>,
}

/// What [`CalibrationBins`] found, a bin after the other.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct CalibrationReport {
    /// The bins that have rows, ascending.
    pub bins: Vec<CalibrationBin>,
}

/// One calibration bin.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct CalibrationBin {
    /// The lower edge, which the bin excludes (but for the first bin).
    pub low: f64,
    /// The upper edge, which the bin includes.
    pub high: f64,
    /// The number of rows.
    pub rows: usize,
    /// The sum of their weights; the number of rows without weights.
    pub weight: f64,
    /// The mean probability of the positive class.
    pub predicted: f64,
    /// The share of rows of the positive class.
    pub observed: f64,
    /// Wilson's interval of `observed` at 0.95.
    pub interval: (f64, f64),
}

impl Default for CalibrationBins {
    fn default() -> Self {
        Self { bins: 15, strategy: BinStrategy::default(), positive: None }
    }
}

impl CalibrationBins {
    /// Fifteen bins of equal width.
    pub fn new() -> Self {
        Self::default()
    }

    /// How many bins: 1 to 10,000.
    pub fn bins(mut self, bins: usize) -> Self {
        self.bins = bins;
        self
    }

    /// Where the edges lie.
    pub fn strategy(mut self, strategy: BinStrategy) -> Self {
        self.strategy = strategy;
        self
    }

    /// The positive class: the last of two unless said.
    pub fn positive(mut self, class: impl Into<Category>) -> Self {
        self.positive = Some(class.into());
        self
    }

    /// The bins of a prediction with probabilities.
    ///
    /// # Errors
    ///
    /// As [`log_loss`](crate::log_loss); [`InvalidParameter`](mlsys_core::ErrorKind::InvalidParameter).
    pub fn of(
        &self,
        truth: &dyn Array,
        prediction: &Prediction,
        weights: Option<&[f64]>,
    ) -> Result<CalibrationReport> {
        Weights::new(NAME, truth.len(), weights)?;
        let (truth, score, _) = binary_scores(NAME, truth, prediction, self.positive.as_ref())?;
        self.of_slices(&truth, &score, weights)
    }

    /// The bins of probabilities of `true`.
    ///
    /// # Errors
    ///
    /// As [`log_loss`](crate::log_loss); [`InvalidParameter`](mlsys_core::ErrorKind::InvalidParameter).
    pub fn of_slices(
        &self,
        truth: &[bool],
        probability: &[f64],
        weights: Option<&[f64]>,
    ) -> Result<CalibrationReport> {
        let checked = Weights::new(NAME, truth.len(), weights)?;
        same_length("probability", truth.len(), probability.len())?;
        check_probabilities(probability)?;
        let edges = edges(NAME, self.bins, self.strategy, probability, &checked)?;
        let mut rows: Vec<Vec<usize>> = vec![Vec::new(); self.bins];
        for (row, &p) in probability.iter().enumerate() {
            rows[bin_of(&edges, p)].push(row);
        }
        let mut bins = Vec::new();
        for (bin, rows) in rows.iter().enumerate() {
            let sum =
                |f: &dyn Fn(usize) -> f64| rows.iter().map(|&row| f(row) * checked.get(row)).sum::<f64>();
            let weight = sum(&|_| 1.0);
            if weight <= 0.0 {
                continue;
            }
            let observed = (sum(&|row| f64::from(u8::from(truth[row]))) / weight).min(1.0);
            let squares: f64 = rows.iter().map(|&row| checked.get(row).powi(2)).sum();
            bins.push(CalibrationBin {
                low: if bin == 0 { 0.0 } else { edges[bin - 1] },
                high: edges.get(bin).copied().unwrap_or(1.0),
                rows: rows.len(),
                weight: rows.iter().map(|&row| weights.map_or(1.0, |w| w[row])).sum(),
                predicted: sum(&|row| probability[row]) / weight,
                observed,
                interval: wilson_interval(observed, weight * weight / squares, 0.95)?,
            });
        }
        Ok(CalibrationReport { bins })
    }
}

/// The edges between the bins, one fewer than the bins.
pub(crate) fn edges(
    estimator: &str,
    bins: usize,
    strategy: BinStrategy,
    probability: &[f64],
    weights: &Weights<'_>,
) -> Result<Vec<f64>> {
    if !(1..=10_000).contains(&bins) {
        return Err(Error::invalid_parameter(estimator, "bins", bins, "from 1 to 10000"));
    }
    if strategy == BinStrategy::Uniform {
        return Ok((1..bins).map(|i| i as f64 * (1.0 / bins as f64)).collect());
    }
    let mut sorted: Vec<(f64, f64)> =
        probability.iter().enumerate().map(|(row, &p)| (p, weights.get(row))).collect();
    sorted.retain(|(_, w)| *w > 0.0);
    sorted.sort_unstable_by(|a, b| a.0.total_cmp(&b.0));
    let mut upto = 0.0;
    let ends: Vec<f64> = sorted
        .iter()
        .map(|(_, w)| {
            upto += w;
            upto
        })
        .collect();
    // The value at place `h` of the rows, each repeated as its weight says.
    let at = |h: f64| sorted[ends.partition_point(|end| *end <= h).min(sorted.len() - 1)].0;
    let whole = sorted.iter().all(|(_, w)| w.fract() == 0.0);
    let last = (upto - 1.0).max(0.0);
    let quantile = |i: usize| {
        if !whole {
            // Weights that are not whole repeat nothing: the first value beyond the share, whatever their scale.
            return at(upto * (i as f64 / bins as f64));
        }
        let h = last * (i as f64 / bins as f64);
        let (low, high) = (at(h.floor()), at(h.floor() + 1.0));
        low + (high - low) * h.fract()
    };
    Ok((1..bins).map(quantile).collect())
}

/// The bin of a probability: the first whose upper edge is not below it.
pub(crate) fn bin_of(edges: &[f64], p: f64) -> usize {
    edges.partition_point(|edge| *edge < p)
}

impl fmt::Display for CalibrationReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut table = crate::table::Table::new(["bin", "rows", "predicted", "observed"], 1);
        for bin in &self.bins {
            let observed = mlsys_core::Estimate::with_interval(bin.observed, bin.interval.0, bin.interval.1);
            let cells = [
                format!("{:.3} to {:.3}", bin.low, bin.high),
                crate::table::thousands(bin.rows),
                format!("{:.4}", bin.predicted),
                observed.to_string(),
            ];
            table.push(cells);
        }
        table.fmt(f)
    }
}
