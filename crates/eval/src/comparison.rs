//! Several predictions side by side.

use std::fmt;

use mlsys_core::arrow::array::Array;
use mlsys_core::{Dataset, Error, Partition, Prediction, Result};

use crate::kernel::{Weights, same_length};
use crate::metrics::write_reasons;
use crate::table::{Table, rows as count_rows};
use crate::{IntoMetrics, MetricLabel, Metrics, Score};

const NAME: &str = "Comparison";

/// Several predictions of the same rows under the same metrics.
///
/// * `metrics`: required, a tuple of metrics.
/// * [`add`](Self::add): a prediction and its name; once per prediction.
///
/// **Output**: a [`ComparisonReport`]: a row per metric, a column per prediction. A metric that a prediction does not
/// define (it has labels only, the rows have one class) has `-` and the reason; bad input is an error.
///
/// ```
/// use std::sync::Arc;
/// use mlsys_core::{Prediction, arrow::array::Float64Array};
/// use mlsys_eval::{Comparison, Mae, Rmse};
///
/// let truth = Float64Array::from(vec![1.0, 2.0, 3.0]);
/// let of = |values: [f64; 3]| Prediction::from_labels(Arc::new(Float64Array::from(values.to_vec())));
/// let report = Comparison::new((Mae::new(), Rmse::new()))
///     .add("mean", of([2.0, 2.0, 2.0]))
///     .add("model", of([1.0, 2.0, 2.0]))
///     .score(&truth, None)?;
/// assert_eq!(report.score("RMSE", "mean").and_then(|score| score.value()), Some((2.0f64 / 3.0).sqrt()));
/// assert_eq!(report.to_string(), "\
/// 3 rows  mean    model
/// MAE ↓   0.6667  0.3333
/// RMSE ↓  0.8165  0.5774
/// ");
/// # Ok::<(), mlsys_core::Error>(())
/// ```
///
/// **When it misleads**: the predictions share their rows, so that intervals which overlap may still hide a clear
/// difference: a paired test would see it.
#[derive(Debug, Clone)]
pub struct Comparison {
    metrics: Metrics,
    predictions: Vec<(String, Prediction)>,
}

/// What [`Comparison`] found.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct ComparisonReport {
    /// The number of rows.
    pub rows: usize,
    /// The metrics, in order.
    pub metrics: Vec<MetricLabel>,
    /// The names of the predictions, in order.
    pub predictions: Vec<String>,
    /// The scores: by metric, then by prediction.
    pub scores: Vec<Vec<Score>>,
}

impl Comparison {
    /// A comparison under these metrics.
    pub fn new(metrics: impl IntoMetrics) -> Self {
        Self { metrics: metrics.into_metrics(), predictions: Vec::new() }
    }

    /// One more prediction.
    #[allow(clippy::should_implement_trait)]
    pub fn add(mut self, name: impl Into<String>, prediction: Prediction) -> Self {
        self.predictions.push((name.into(), prediction));
        self
    }

    /// The scores over a dataset: its target and its weights.
    ///
    /// # Errors
    ///
    /// As [`score`](Self::score); [`MissingRole`](mlsys_core::ErrorKind::MissingRole) without a target.
    pub fn score_on<P: Partition>(&self, data: &Dataset<P>) -> Result<ComparisonReport> {
        let weights = data.weights()?;
        self.score(data.target_column(NAME)?, weights.as_deref())
    }

    /// The scores against the truth.
    ///
    /// # Errors
    ///
    /// [`InvalidParameter`](mlsys_core::ErrorKind::InvalidParameter) without metrics or predictions, or when two
    /// have one name; [`Shape`](mlsys_core::ErrorKind::Shape) when lengths differ; the metrics' own for bad input.
    pub fn score(&self, truth: &dyn Array, weights: Option<&[f64]>) -> Result<ComparisonReport> {
        self.metrics.check(NAME)?;
        if self.predictions.is_empty() {
            return Err(Error::invalid_parameter(NAME, "add", "no prediction", "at least one prediction"));
        }
        Weights::new(NAME, truth.len(), weights)?;
        for (i, (name, prediction)) in self.predictions.iter().enumerate() {
            if self.predictions[..i].iter().any(|(other, _)| other == name) {
                return Err(Error::invalid_parameter(
                    NAME,
                    "add",
                    format!("`{name}` twice"),
                    "one name per prediction",
                ));
            }
            same_length("prediction", truth.len(), prediction.n_rows())
                .map_err(|error| error.context(name))?;
        }
        let labels = self.metrics.labels();
        let mut scores: Vec<Vec<Score>> = labels.iter().map(|_| Vec::new()).collect();
        for (name, prediction) in &self.predictions {
            let found = self.metrics.score(truth, prediction, weights);
            for (row, score) in scores.iter_mut().zip(found) {
                row.push(Score::of_undefined(score).map_err(|error| error.context(name))?);
            }
        }
        let predictions = self.predictions.iter().map(|(name, _)| name.clone()).collect();
        Ok(ComparisonReport { rows: truth.len(), metrics: labels, predictions, scores })
    }
}

impl ComparisonReport {
    /// The score of a prediction under a metric, by their names.
    pub fn score(&self, metric: &str, prediction: &str) -> Option<&Score> {
        let row = self.metrics.iter().position(|label| label.name == metric)?;
        let column = self.predictions.iter().position(|name| name == prediction)?;
        self.scores.get(row)?.get(column)
    }
}

impl fmt::Display for ComparisonReport {
    /// A line per metric; below them, why cells are empty. `{:.2}` sets the digits, which are four otherwise.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let header = std::iter::once(count_rows(self.rows)).chain(self.predictions.iter().cloned());
        let mut table = Table::new(header, 0);
        for (label, scores) in self.metrics.iter().zip(&self.scores) {
            let cell = |score: &Score| match f.precision() {
                Some(digits) => format!("{score:.digits$}"),
                None => score.to_string(),
            };
            table.push(std::iter::once(label.to_string()).chain(scores.iter().map(cell)));
        }
        write!(f, "{table}")?;
        let empty = self.metrics.iter().zip(&self.scores).flat_map(|(label, scores)| {
            scores
                .iter()
                .zip(&self.predictions)
                .map(|(score, name)| (label.name.as_str(), score, name.clone()))
        });
        write_reasons(f, empty)
    }
}
