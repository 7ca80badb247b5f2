//! What judges predictions.

use arrow::array::{Array, ArrayRef, RecordBatch};

use crate::{Classes, Dataset, Partition, Predict, PredictProba, Probabilities, Result, column, dataset};

/// Whether more is better.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Direction {
    /// More is better, such as accuracy.
    Maximize,
    /// Less is better, such as a loss.
    Minimize,
}

/// A value and, where the metric has one, its confidence interval.
#[derive(Debug, Clone, Copy, PartialEq)]
#[non_exhaustive]
pub struct Estimate {
    /// The value.
    pub value: f64,
    /// Lower and upper bound.
    pub interval: Option<(f64, f64)>,
}

impl Estimate {
    /// A value without an interval.
    pub fn point(value: f64) -> Self {
        Self { value, interval: None }
    }

    /// A value with an interval.
    pub fn with_interval(value: f64, low: f64, high: f64) -> Self {
        Self { value, interval: Some((low, high)) }
    }
}

impl std::fmt::Display for Estimate {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let digits = f.precision().unwrap_or(4);
        match self.interval {
            Some((low, high)) => write!(f, "{:.digits$} [{low:.digits$}, {high:.digits$}]", self.value),
            None => write!(f, "{:.digits$}", self.value),
        }
    }
}

/// What a model said about some rows: labels or values, and probabilities where it gives them.
#[derive(Debug, Clone)]
pub struct Prediction {
    labels: ArrayRef,
    probabilities: Option<(Classes, Probabilities)>,
}

impl Prediction {
    /// The predictions of a model without probabilities.
    ///
    /// # Errors
    ///
    /// The model's own.
    pub fn of<M: Predict + ?Sized>(model: &M, batch: &RecordBatch) -> Result<Self> {
        Ok(Self { labels: model.predict(batch)?, probabilities: None })
    }

    /// The predictions of a classifier with its probabilities; labels are the likeliest classes.
    ///
    /// # Errors
    ///
    /// The model's own.
    pub fn proba_of<M: PredictProba + ?Sized>(model: &M, batch: &RecordBatch) -> Result<Self> {
        Self::from_probabilities(model.classes().clone(), model.predict_proba(batch)?)
    }

    /// Predictions made elsewhere: labels or values.
    pub fn from_labels(labels: ArrayRef) -> Self {
        Self { labels, probabilities: None }
    }

    /// Predictions made elsewhere: probabilities.
    ///
    /// # Errors
    ///
    /// [`Shape`](crate::ErrorKind::Shape) when the number of classes differs.
    pub fn from_probabilities(classes: Classes, probabilities: Probabilities) -> Result<Self> {
        if classes.n_classes() != probabilities.n_classes() {
            let (expected, found) = (classes.n_classes(), probabilities.n_classes());
            return Err(crate::Error::shape(
                "columns of probabilities",
                format!("{expected} classes"),
                found,
            ));
        }
        Ok(Self {
            labels: classes.take(probabilities.argmax()),
            probabilities: Some((classes, probabilities)),
        })
    }

    /// The label or value of each row.
    pub fn labels(&self) -> &ArrayRef {
        &self.labels
    }

    /// The classes and their probabilities, if the model gave them.
    pub fn probabilities(&self) -> Option<(&Classes, &Probabilities)> {
        self.probabilities.as_ref().map(|(classes, p)| (classes, p))
    }

    /// The number of rows.
    pub fn n_rows(&self) -> usize {
        self.labels.len()
    }

    /// The predictions of some rows.
    ///
    /// # Errors
    ///
    /// An Arrow error for an index past the end.
    pub fn take(&self, rows: &[u32]) -> Result<Self> {
        let indices = arrow::array::UInt32Array::from(rows.to_vec());
        let labels = arrow::compute::take(
            &self.labels,
            &indices,
            Some(arrow::compute::TakeOptions { check_bounds: true }),
        )?;
        let probabilities = match &self.probabilities {
            None => None,
            Some((classes, p)) => {
                let rows: Vec<usize> = rows.iter().map(|&row| row as usize).collect();
                Some((classes.clone(), Probabilities::new(p.view().select(ndarray::Axis(0), &rows))?))
            }
        };
        Ok(Self { labels, probabilities })
    }
}

/// Judges predictions against the truth. Implemented by the metrics of `mlsys-eval`.
pub trait Metric: Send + Sync {
    /// The name for tables.
    fn name(&self) -> String;

    /// Whether more is better.
    fn direction(&self) -> Direction;

    /// The value over these rows, weighted where weights are given.
    ///
    /// # Errors
    ///
    /// When lengths differ, values are missing, or the rows do not define the metric (one class only, ..).
    fn score(&self, truth: &dyn Array, prediction: &Prediction, weights: Option<&[f64]>) -> Result<Estimate>;

    /// The value over the rows of a dataset: its target and its weights.
    ///
    /// # Errors
    ///
    /// As [`Metric::score`].
    fn score_on<P: Partition>(&self, data: &Dataset<P>, prediction: &Prediction) -> Result<Estimate>
    where
        Self: Sized,
    {
        let weights = data.weights()?;
        self.score(data.target_column(&self.name())?, prediction, weights.as_deref())
    }
}

impl<M: Metric + ?Sized> Metric for Box<M> {
    fn name(&self) -> String {
        (**self).name()
    }

    fn direction(&self) -> Direction {
        (**self).direction()
    }

    fn score(&self, truth: &dyn Array, prediction: &Prediction, weights: Option<&[f64]>) -> Result<Estimate> {
        (**self).score(truth, prediction, weights)
    }
}

/// The weight column of a batch, if one is named and there.
///
/// # Errors
///
/// As [`weights_of`](dataset::weights_of).
pub fn batch_weights(
    batch: &RecordBatch,
    name: Option<&str>,
) -> Result<Option<arrow::buffer::ScalarBuffer<f64>>> {
    match name {
        None => Ok(None),
        Some(name) => Ok(Some(dataset::weights_of(name, column::find(batch, name)?)?)),
    }
}
