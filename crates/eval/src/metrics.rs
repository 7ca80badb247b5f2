//! Several metrics at once.

use std::fmt;
use std::sync::Arc;

use mlsys_core::arrow::array::Array;
use mlsys_core::{Direction, Error, ErrorKind, Estimate, Metric, Prediction, Result};
use rayon::prelude::*;

/// Metrics to compute together, in the order of their columns or rows.
///
/// Made from a tuple of up to ten metrics, or from an array or vector of one type (such as `Box<dyn Metric>`).
///
/// ```
/// use mlsys_eval::{Accuracy, LogLoss, Metrics, RocAuc};
///
/// let metrics = Metrics::new((RocAuc::new(), LogLoss::new(), Accuracy::new()));
/// assert_eq!(metrics.names(), ["ROC AUC", "log loss", "accuracy"]);
/// ```
#[derive(Clone, Default)]
pub struct Metrics(Vec<Arc<dyn Metric>>);

impl Metrics {
    /// Metrics from a tuple, an array or a vector.
    pub fn new(metrics: impl IntoMetrics) -> Self {
        metrics.into_metrics()
    }

    /// One more metric.
    pub fn and(mut self, metric: impl Metric + 'static) -> Self {
        self.0.push(Arc::new(metric));
        self
    }

    /// The names, in order.
    pub fn names(&self) -> Vec<String> {
        self.0.iter().map(|metric| metric.name()).collect()
    }

    pub(crate) fn labels(&self) -> Vec<MetricLabel> {
        self.0.iter().map(|m| MetricLabel { name: m.name(), direction: m.direction() }).collect()
    }

    pub(crate) fn check(&self, needed_by: &str) -> Result<()> {
        if self.0.is_empty() {
            return Err(Error::invalid_parameter(needed_by, "metrics", "none", "at least one metric"));
        }
        Ok(())
    }

    /// Every metric over the same rows, in parallel.
    pub(crate) fn score(
        &self,
        truth: &dyn Array,
        prediction: &Prediction,
        weights: Option<&[f64]>,
    ) -> Vec<Result<Estimate>> {
        let score = |metric: &Arc<dyn Metric>| {
            metric.score(truth, prediction, weights).map_err(|error| error.context(metric.name()))
        };
        self.0.par_iter().map(score).collect()
    }
}

impl fmt::Debug for Metrics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.names()).finish()
    }
}

/// What becomes [`Metrics`]: tuples, arrays and vectors of metrics.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a list of metrics",
    label = "expected a tuple of metrics such as `(RocAuc::new(), LogLoss::new())`; one metric is `(RocAuc::new(),)`"
)]
pub trait IntoMetrics {
    /// The metrics, in order.
    fn into_metrics(self) -> Metrics;
}

impl IntoMetrics for Metrics {
    fn into_metrics(self) -> Metrics {
        self
    }
}

impl<M: Metric + 'static> IntoMetrics for Vec<M> {
    fn into_metrics(self) -> Metrics {
        self.into_iter().fold(Metrics::default(), Metrics::and)
    }
}

impl<M: Metric + 'static, const N: usize> IntoMetrics for [M; N] {
    fn into_metrics(self) -> Metrics {
        self.into_iter().fold(Metrics::default(), Metrics::and)
    }
}

macro_rules! tuples {
    ($($name:ident $index:tt),+) => {
        impl<$($name: Metric + 'static),+> IntoMetrics for ($($name,)+) {
            fn into_metrics(self) -> Metrics {
                Metrics::default()$(.and(self.$index))+
            }
        }
    };
}

tuples!(A 0);
tuples!(A 0, B 1);
tuples!(A 0, B 1, C 2);
tuples!(A 0, B 1, C 2, D 3);
tuples!(A 0, B 1, C 2, D 3, E 4);
tuples!(A 0, B 1, C 2, D 3, E 4, F 5);
tuples!(A 0, B 1, C 2, D 3, E 4, F 5, G 6);
tuples!(A 0, B 1, C 2, D 3, E 4, F 5, G 6, H 7);
tuples!(A 0, B 1, C 2, D 3, E 4, F 5, G 6, H 7, I 8);
tuples!(A 0, B 1, C 2, D 3, E 4, F 5, G 6, H 7, I 8, J 9);

/// A metric of a report.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct MetricLabel {
    /// The name.
    pub name: String,
    /// Whether more is better.
    pub direction: Direction,
}

impl fmt::Display for MetricLabel {
    /// The name, and an arrow to where it gets better.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let arrow = if self.direction == Direction::Maximize { '↑' } else { '↓' };
        write!(f, "{} {arrow}", self.name)
    }
}

/// A cell of a report: an estimate, or why there is none.
#[derive(Debug, Clone, PartialEq)]
pub enum Score {
    /// The rows define the metric.
    Defined(Estimate),
    /// They don't, such as one class only for the area under the ROC curve.
    Undefined {
        /// Why, as the metric said.
        reason: String,
    },
}

impl Score {
    /// The value, if it is defined.
    pub fn value(&self) -> Option<f64> {
        self.estimate().map(|estimate| estimate.value)
    }

    /// The estimate, if it is defined.
    pub fn estimate(&self) -> Option<&Estimate> {
        match self {
            Self::Defined(estimate) => Some(estimate),
            Self::Undefined { .. } => None,
        }
    }

    /// Keeps the reason of any error.
    pub(crate) fn of(result: Result<Estimate>) -> Self {
        match result {
            Ok(estimate) => Self::Defined(estimate),
            Err(error) => Self::Undefined { reason: reason(&error) },
        }
    }

    /// Keeps the reason where the rows or the kind of prediction do not define the metric; bad input stays an error.
    pub(crate) fn of_undefined(result: Result<Estimate>) -> Result<Self> {
        match result {
            Err(error) if !is_undefined(&error) => Err(error),
            result => Ok(Self::of(result)),
        }
    }
}

fn is_undefined(error: &Error) -> bool {
    matches!(
        error.kind(),
        ErrorKind::SingleClass { .. }
            | ErrorKind::TooFewRows { .. }
            | ErrorKind::Unsupported { .. }
            | ErrorKind::InvalidValue { row: None, .. }
    )
}

fn reason(error: &Error) -> String {
    match error.kind() {
        ErrorKind::SingleClass { class, .. } => format!("all rows are of the class `{class}`"),
        _ => error.kind().to_string(),
    }
}

impl fmt::Display for Score {
    /// The estimate, or `-`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Defined(estimate) => estimate.fmt(f),
            Self::Undefined { .. } => f.write_str("-"),
        }
    }
}

/// Writes below a table why cells are empty: a line per metric and reason, with the places where it happened.
pub(crate) fn write_reasons<'a>(
    f: &mut fmt::Formatter<'_>,
    empty: impl Iterator<Item = (&'a str, &'a Score, String)>,
) -> fmt::Result {
    const LISTED: usize = 6;
    let mut notes: Vec<(&str, &str, Vec<String>)> = Vec::new();
    for (metric, score, place) in empty {
        let Score::Undefined { reason } = score else { continue };
        match notes.iter_mut().find(|note| note.0 == metric && note.1 == reason) {
            Some(note) => note.2.push(place),
            None => notes.push((metric, reason, vec![place])),
        }
    }
    for (metric, reason, places) in &notes {
        let more = places.len().saturating_sub(LISTED);
        let listed = places[..places.len().min(LISTED)].join(", ");
        let and = if more > 0 { format!(", and {more} more") } else { String::new() };
        writeln!(f, "- {metric}: {reason} ({listed}{and})")?;
    }
    Ok(())
}
