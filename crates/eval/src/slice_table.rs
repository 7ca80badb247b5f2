//! Metrics by the values of columns.

use std::collections::BTreeMap;
use std::fmt;

use mlsys_core::arrow::array::{Array, RecordBatch, UInt32Array};
use mlsys_core::arrow::compute::take;
use mlsys_core::{Category, Coded, Dataset, Error, Partition, Prediction, Result, column};
use rayon::prelude::*;

use crate::kernel::{Weights, same_length};
use crate::metrics::write_reasons;
use crate::table::{Table, rows as count_rows, thousands};
use crate::{IntoMetrics, MetricLabel, Metrics, Score};

const NAME: &str = "SliceTable";
/// Beyond this a column is a number or a name, not a category.
const MOST_SLICES: usize = 10_000;

/// Metrics by the values of columns: where does the model do badly?
///
/// * `metrics`: required, a tuple of metrics.
/// * [`by`](Self::by): a column whose values are the slices; once per column.
///   [`by_each_of`](Self::by_each_of): the combinations of several columns.
/// * [`min_rows`](Self::min_rows): 1; slices with fewer rows are counted but not shown.
///
/// **Input**: a table beside the truth and the prediction; columns of text, booleans, numbers, dates. Missing values
/// are a slice of their own. **Output**: a [`SliceReport`], slices ascending by value, missing first. A slice that
/// does not define a metric (one class only) has `-` and the reason. **Complexity**: the metrics' own over the rows,
/// once per column; slices in parallel.
///
/// ```
/// use std::sync::Arc;
/// use mlsys_core::{Dataset, Prediction, arrow::array::{BooleanArray, RecordBatch, StringArray}};
/// use mlsys_eval::{Accuracy, Interval, SliceTable};
///
/// let batch = RecordBatch::try_from_iter([
///     ("carrier", Arc::new(StringArray::from(vec![Some("UA"), Some("AA"), None, Some("UA")])) as _),
///     ("late", Arc::new(BooleanArray::from(vec![true, false, true, false])) as _),
/// ])?;
/// let test = Dataset::new(batch)?.target("late")?.into_test_all();
/// let prediction = Prediction::from_labels(Arc::new(BooleanArray::from(vec![true, false, false, true])));
/// let report = SliceTable::new((Accuracy::new().interval(Interval::None),)).by("carrier").score_on(&test, &prediction)?;
/// assert_eq!(report.slice("carrier", Some(&"UA".into())).and_then(|slice| slice.scores[0].value()), Some(0.5));
/// assert_eq!(report.to_string(), "
///            rows  accuracy ↑
/// all           4  0.5000
/// carrier
///   missing     1  0.0000
///   AA          1  1.0000
///   UA          2  0.5000
/// ".trim_start_matches('\n'));
/// # Ok::<(), mlsys_core::Error>(())
/// ```
///
/// **When it misleads**: among a hundred slices, five miss a 95 % interval of the overall value by chance alone; a
/// slice may look bad because its rows are harder, not because the model treats them worse.
///
/// # What undefined means
///
/// The whole table must define every metric, else [`score`](Self::score) fails; after that, whatever a slice refuses
/// is kept as its reason. Metrics whose positive class is to be found in labels (not probabilities or booleans) may
/// not see both classes in a slice: name the class with `positive`.
#[derive(Debug, Clone)]
pub struct SliceTable {
    metrics: Metrics,
    by: Vec<Vec<String>>,
    min_rows: usize,
}

/// What [`SliceTable`] found.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct SliceReport {
    /// The metrics, as the scores are ordered.
    pub metrics: Vec<MetricLabel>,
    /// All rows.
    pub all: Slice,
    /// The slices, column by column.
    pub groups: Vec<SliceGroup>,
    /// Whether the rows had weights.
    pub weighted: bool,
}

/// The slices of one column, or of the combinations of several.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct SliceGroup {
    /// The columns.
    pub columns: Vec<String>,
    /// The slices, ascending by value, missing first.
    pub slices: Vec<Slice>,
    /// How many slices had too few rows to be shown.
    pub hidden_slices: usize,
    /// How many rows those had.
    pub hidden_rows: usize,
}

/// The rows with one value of a column, and their scores.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct Slice {
    /// The value of each column; `None` is missing. Empty for all rows.
    pub values: Vec<Option<Category>>,
    /// The number of rows.
    pub rows: usize,
    /// The sum of their weights; the number of rows without weights.
    pub weight: f64,
    /// A score per metric.
    pub scores: Vec<Score>,
}

/// The rows of each slice that is shown, and how many slices and rows are not.
struct Division {
    shown: Vec<(Vec<Option<Category>>, Vec<u32>)>,
    hidden_slices: usize,
    hidden_rows: usize,
}

impl SliceTable {
    /// A table of these metrics.
    pub fn new(metrics: impl IntoMetrics) -> Self {
        Self { metrics: metrics.into_metrics(), by: Vec::new(), min_rows: 1 }
    }

    /// Slices by the values of a column.
    pub fn by(self, column: impl Into<String>) -> Self {
        self.by_each_of([column.into()])
    }

    /// Slices by the combinations of values of several columns.
    pub fn by_each_of<S: Into<String>>(mut self, columns: impl IntoIterator<Item = S>) -> Self {
        self.by.push(columns.into_iter().map(Into::into).collect());
        self
    }

    /// Slices with fewer rows are not shown, only counted.
    pub fn min_rows(mut self, min_rows: usize) -> Self {
        self.min_rows = min_rows;
        self
    }

    /// The scores over a dataset: its target, its weights, its columns.
    ///
    /// # Errors
    ///
    /// As [`score`](Self::score); [`MissingRole`](mlsys_core::ErrorKind::MissingRole) without a target.
    pub fn score_on<P: Partition>(&self, data: &Dataset<P>, prediction: &Prediction) -> Result<SliceReport> {
        let weights = data.weights()?;
        self.score(data.batch(), data.target_column(NAME)?, prediction, weights.as_deref())
    }

    /// The scores of a prediction by the columns of `batch`.
    ///
    /// # Errors
    ///
    /// [`MissingColumn`](mlsys_core::ErrorKind::MissingColumn);
    /// [`ColumnType`](mlsys_core::ErrorKind::ColumnType) for a column without categories;
    /// [`Shape`](mlsys_core::ErrorKind::Shape) when lengths differ or there are more than 10,000 slices (bin the
    /// column first); the metrics' own over all rows.
    pub fn score(
        &self,
        batch: &RecordBatch,
        truth: &dyn Array,
        prediction: &Prediction,
        weights: Option<&[f64]>,
    ) -> Result<SliceReport> {
        self.metrics.check(NAME)?;
        Weights::new(NAME, truth.len(), weights)?;
        same_length("table to slice", truth.len(), batch.num_rows())?;
        same_length("prediction", truth.len(), prediction.n_rows())?;
        let divisions: Vec<_> =
            self.by.iter().map(|columns| self.divide(batch, columns)).collect::<Result<_>>()?;
        let scores = self.metrics.score(truth, prediction, weights);
        let scores = scores.into_iter().map(|score| score.map(Score::Defined)).collect::<Result<_>>()?;
        let weight = weights.map_or(truth.len() as f64, |w| w.iter().sum());
        let all = Slice { values: Vec::new(), rows: truth.len(), weight, scores };
        let mut groups = Vec::with_capacity(divisions.len());
        for (columns, Division { shown, hidden_slices, hidden_rows }) in self.by.iter().zip(divisions) {
            let score = |(values, rows)| self.slice(values, rows, truth, prediction, weights);
            let slices = mlsys_core::first_error(shown.into_par_iter().map(score).collect())?;
            groups.push(SliceGroup { columns: columns.clone(), slices, hidden_slices, hidden_rows });
        }
        Ok(SliceReport { metrics: self.metrics.labels(), all, groups, weighted: weights.is_some() })
    }

    /// Divides the rows by the values of columns.
    fn divide(&self, batch: &RecordBatch, columns: &[String]) -> Result<Division> {
        if columns.is_empty() {
            return Err(Error::invalid_parameter(NAME, "by_each_of", "no columns", "at least one column"));
        }
        if u32::try_from(batch.num_rows()).is_err() {
            return Err(Error::shape("rows to slice", "at most 4294967295", batch.num_rows()));
        }
        let code = |name: &String| Ok(Coded::new(name, column::find(batch, name)?)?.sorted());
        let coded: Vec<Coded> = columns.iter().map(code).collect::<Result<_>>()?;
        let mut slices: BTreeMap<Vec<u32>, Vec<u32>> = BTreeMap::new();
        for row in 0..batch.num_rows() {
            // Wrapping puts the missing code first.
            let key = coded.iter().map(|c| c.codes[row].wrapping_add(1)).collect();
            slices.entry(key).or_default().push(row as u32);
        }
        let (shown, hidden): (Vec<_>, Vec<_>) =
            slices.into_iter().partition(|(_, rows)| rows.len() >= self.min_rows);
        if shown.len() > MOST_SLICES {
            let what = format!("slices by {}", columns.join(" x "));
            return Err(Error::shape(what, format!("at most {MOST_SLICES}"), shown.len()));
        }
        let values = |key: Vec<u32>| -> Vec<Option<Category>> {
            let value = |(c, code): (&Coded, u32)| c.distinct.get(code.wrapping_sub(1) as usize).cloned();
            coded.iter().zip(key).map(value).collect()
        };
        Ok(Division {
            hidden_slices: hidden.len(),
            hidden_rows: hidden.iter().map(|(_, rows)| rows.len()).sum(),
            shown: shown.into_iter().map(|(key, rows)| (values(key), rows)).collect(),
        })
    }

    fn slice(
        &self,
        values: Vec<Option<Category>>,
        rows: Vec<u32>,
        truth: &dyn Array,
        prediction: &Prediction,
        weights: Option<&[f64]>,
    ) -> Result<Slice> {
        let weights: Option<Vec<f64>> = weights.map(|w| rows.iter().map(|&row| w[row as usize]).collect());
        let prediction = prediction.take(&rows)?;
        let n = rows.len();
        let truth = take(truth, &UInt32Array::from(rows), None)?;
        let scores = self.metrics.score(truth.as_ref(), &prediction, weights.as_deref());
        let weight = weights.map_or(n as f64, |w| w.iter().sum());
        Ok(Slice { values, rows: n, weight, scores: scores.into_iter().map(Score::of).collect() })
    }
}

impl Slice {
    /// The values as text: `UA`, `missing`, or `UA, JFK` for several columns.
    pub fn label(&self) -> String {
        let text = |value: &Option<Category>| {
            value.as_ref().map_or_else(|| "missing".to_owned(), ToString::to_string)
        };
        self.values.iter().map(text).collect::<Vec<_>>().join(", ")
    }
}

impl SliceReport {
    /// The slice of a column's value; `None` is the slice of missing values.
    pub fn slice(&self, column: &str, value: Option<&Category>) -> Option<&Slice> {
        let group = self.groups.iter().find(|group| group.columns == [column])?;
        group.slices.iter().find(|slice| slice.values.first().is_some_and(|v| v.as_ref() == value))
    }
}

impl fmt::Display for SliceReport {
    /// A line per slice; below it, why cells are empty and what is not shown.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut header = vec![String::new(), "rows".to_owned()];
        header.extend(self.weighted.then(|| "weight".to_owned()));
        header.extend(self.metrics.iter().map(ToString::to_string));
        let mut table = Table::new(header, 1 + usize::from(self.weighted));
        let line = |label: String, slice: &Slice| {
            let mut cells = vec![label, thousands(slice.rows)];
            cells.extend(self.weighted.then(|| format!("{:.1}", slice.weight)));
            cells.extend(slice.scores.iter().map(|score| match f.precision() {
                Some(digits) => format!("{score:.digits$}"),
                None => score.to_string(),
            }));
            cells
        };
        table.push(line("all".into(), &self.all));
        for group in &self.groups {
            table.push([group.columns.join(", ")]);
            for slice in &group.slices {
                table.push(line(format!("  {}", slice.label()), slice));
            }
        }
        write!(f, "{table}")?;
        let empty = self.groups.iter().flat_map(|group| {
            group.slices.iter().flat_map(move |slice| {
                let scores = self.metrics.iter().zip(&slice.scores);
                scores.map(move |(m, score)| {
                    (m.name.as_str(), score, format!("{} {}", group.columns.join(", "), slice.label()))
                })
            })
        });
        write_reasons(f, empty)?;
        for group in self.groups.iter().filter(|group| group.hidden_slices > 0) {
            let (slices, rows) = (thousands(group.hidden_slices), count_rows(group.hidden_rows));
            writeln!(f, "not shown, too few rows: {slices} of {} ({rows})", group.columns.join(", "))?;
        }
        Ok(())
    }
}
