//! An aggregate column, and which rows it includes.

use mlsys_core::arrow::array::Array;
use mlsys_core::arrow::buffer::NullBuffer;
use mlsys_core::arrow::datatypes::DataType;
use mlsys_core::{Dataset, Partition, Result, Role, column, hash};
use serde::{Deserialize, Serialize};

use super::scopes::{Computed, Entry, Scope, Window, compute};
use super::{Clock, nothing_to_do, part, rows};
use crate::{Finding, LeakKind, LeakageReport, OffendingRows, Severity};

const NAME: &str = "AggregateAudit";
/// The share of rows that a definition must reproduce.
const EXPLAINS: f64 = 0.99;

/// What an aggregate does with the values of a group. Missing values are passed over.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Aggregate {
    /// Their mean.
    Mean,
    /// Their sum.
    Sum,
    /// How many there are.
    Count,
    /// The least.
    Min,
    /// The greatest.
    Max,
}

impl Aggregate {
    fn name(self) -> &'static str {
        match self {
            Self::Mean => "mean",
            Self::Sum => "sum",
            Self::Count => "count",
            Self::Min => "minimum",
            Self::Max => "maximum",
        }
    }
}

/// Finds out which rows an aggregate column includes: the row itself, later rows, rows of the other part.
///
/// It computes `aggregate(source)` per group under each definition and says which reproduces the column. With S the sum of the n values
/// of a group, a mean of the others is f = (S − y)/(n − 1): the target y can be read off it exactly.
///
/// | parameter | default | range | effect |
/// |---|---|---|---|
/// | `feature` | | a numeric column | what was computed |
/// | `aggregate` | | see [`Aggregate`] | how |
/// | `source` | | a numeric column; any for a count | from which values |
/// | `by` | none: one group | columns | of which rows |
/// | `time` | the dataset's time column, if there is one | a column | which rows are earlier; equal times are not |
///
/// **Input**: the rows that hold the feature; [`run_over`](Self::run_over) is given the other part too. Rows without a key or a time
/// are left out and counted. Values agree within 10^-9 of the larger one, 10^-6 when the feature is a Float32, and within what rounding
/// does to a sum. Only rows for which the definitions differ prove something. A row whose group has nothing to aggregate under a
/// definition agrees with it when it is missing, or holds the one value that most such rows hold.
///
/// **Output**: a report with at most one finding [`AggregateIncludes`](LeakKind::AggregateIncludes), of the definition that reproduces
/// most rows, 99% at least, and of several that do the most innocent:
///
/// | includes | source is the target | else |
/// |---|---|---|
/// | only strictly earlier rows of the same part | nothing | nothing |
/// | strictly earlier rows of both parts | suspect | note |
/// | all rows of both parts, with the row itself or without | error | error |
/// | later rows | error | error |
/// | the row itself | error | suspect |
/// | all but the row itself, without a time | error | nothing |
///
/// and a note when none reproduces it, or when nothing tells them apart. Its evidence has the share of rows of each definition.
/// **Complexity**: O(n log n). **Errors**: columns that are not there or not numeric; an infinite source.
///
/// ```
/// use std::sync::Arc;
/// use mlsys_core::{Dataset, arrow::array::{Float64Array, Int64Array, RecordBatch}};
/// use mlsys_leakage::{Aggregate, AggregateAudit, Severity};
///
/// let data = Dataset::new(RecordBatch::try_from_iter([
///     ("shop", Arc::new(Int64Array::from(vec![1, 1, 1, 2, 2])) as _),
///     ("sold", Arc::new(Float64Array::from(vec![1.0, 2.0, 6.0, 5.0, 7.0])) as _),
///     // The mean of the shop's other rows.
///     ("usual", Arc::new(Float64Array::from(vec![4.0, 3.5, 1.5, 7.0, 5.0])) as _),
/// ])?)?
/// .target("sold")?;
/// let report = AggregateAudit::new("usual", Aggregate::Mean, "sold").by(["shop"]).run(&data)?;
/// let finding = &report.findings()[0];
/// assert_eq!((finding.severity, finding.evidence["share_others"]), (Severity::Error, 1.0));
/// # Ok::<(), mlsys_core::Error>(())
/// ```
///
/// **Misleads**: smoothed, decayed or windowed aggregates are none of these, and neither are out-of-fold encodings: a note says so, and
/// proves nothing. Running aggregates in the order of rows differ from all definitions where times are tied.
///
/// Kapoor and Narayanan, *Leakage and the reproducibility crisis in machine-learning-based science*, 2023, L1.2 and L3.1.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[must_use = "an audit does nothing until it is run"]
pub struct AggregateAudit {
    feature: String,
    aggregate: Aggregate,
    source: String,
    #[serde(default)]
    by: Vec<String>,
    #[serde(default)]
    time: Option<String>,
}

/// What of a definition agrees with the column.
struct Agreement {
    scope: Scope,
    share: f64,
}

impl AggregateAudit {
    /// An audit of a feature that aggregates a source.
    pub fn new(feature: impl Into<String>, aggregate: Aggregate, source: impl Into<String>) -> Self {
        Self { feature: feature.into(), aggregate, source: source.into(), by: Vec::new(), time: None }
    }

    /// The columns that name the group of a row.
    pub fn by<S: Into<String>>(mut self, keys: impl IntoIterator<Item = S>) -> Self {
        self.by = keys.into_iter().map(Into::into).collect();
        self
    }

    /// The column that says when a row happened, in place of the dataset's time column.
    pub fn time(mut self, column: impl Into<String>) -> Self {
        self.time = Some(column.into());
        self
    }

    /// What is found in these rows.
    ///
    /// # Errors
    ///
    /// Those of the type.
    pub fn run<P: Partition>(&self, data: &Dataset<P>) -> Result<LeakageReport> {
        self.audit(data, None::<&Dataset<P>>)
    }

    /// What is found in these rows, which may have been aggregated together with those of another part.
    ///
    /// # Errors
    ///
    /// Those of the type.
    pub fn run_over<P: Partition, Q: Partition>(
        &self,
        data: &Dataset<P>,
        other: &Dataset<Q>,
    ) -> Result<LeakageReport> {
        self.audit(data, Some(other))
    }

    fn audit<P: Partition, Q: Partition>(
        &self,
        data: &Dataset<P>,
        other: Option<&Dataset<Q>>,
    ) -> Result<LeakageReport> {
        if self.feature == self.source {
            return Err(nothing_to_do(NAME, "source", "another column than the feature"));
        }
        let time = self.time.as_deref().or_else(|| data.layout().time(NAME).ok());
        let feature = data.column(&self.feature)?;
        let narrow = matches!(feature.data_type(), DataType::Float32 | DataType::Float16);
        let tolerance = if narrow { 1e-6 } else { 1e-9 };
        let held = column::floats(&self.feature, feature)?;
        let mut entries = self.entries(data, time, true)?;
        let judged: Vec<usize> = entries.iter().map(|entry| entry.row).collect();
        if let Some(other) = other {
            entries.extend(self.entries(other, time, false)?);
        }
        let scopes = Scope::all(time.is_some(), other.is_some());
        let computed = compute(entries, data.n_rows(), &scopes, self.aggregate);
        let close = |row: usize, a: f64, b: f64| {
            let rounding = computed.rounding.get(row).copied().unwrap_or(0.0);
            let magnitude = a.abs().max(b.abs());
            a == b || (magnitude.is_finite() && (a - b).abs() <= tolerance * magnitude + rounding)
        };
        let telling: Vec<usize> =
            judged.iter().copied().filter(|&row| differ(&computed, row, |a, b| close(row, a, b))).collect();
        let agreements: Vec<Agreement> = scopes
            .iter()
            .zip(&computed.by_scope)
            .map(|(&scope, values)| {
                let share = agreement(&telling, &held, values, close);
                Agreement { scope, share }
            })
            .collect();
        let mut report = LeakageReport::new();
        report.ran(LeakKind::AggregateIncludes);
        let not_judged = data.n_rows() - judged.len();
        let Some(finding) = self.finding(data, time, &agreements, telling.len()) else { return Ok(report) };
        let mut finding = finding
            .number("rows_judged", judged.len() as f64)
            .number("rows_not_judged", not_judged as f64)
            .number("rows_that_differ", telling.len() as f64);
        for Agreement { scope, share } in &agreements {
            finding = finding.number(&format!("share_{}", scope.name()), *share);
        }
        if finding.severity > Severity::Note
            && let Some(best) = best(&agreements)
            && let Some(values) =
                scopes.iter().position(|&s| s == best.scope).and_then(|s| computed.by_scope.get(s))
        {
            let agrees = |row: usize| match (held.get(row), values.get(row)) {
                (Some(&a), Some(&b)) => close(row, a, b),
                _ => false,
            };
            let ids = data.row_ids();
            let own = telling.iter().filter(|&&row| agrees(row)).filter_map(|&row| ids.get(row).copied());
            finding = finding.rows(OffendingRows::new(&part::<P>(), own));
        }
        report.push(finding);
        Ok(report)
    }

    /// The rows of a part that have all keys, and a time where one is asked for.
    fn entries<P: Partition>(&self, data: &Dataset<P>, time: Option<&str>, own: bool) -> Result<Vec<Entry>> {
        let source = data.column(&self.source)?;
        let values: Vec<f64> = match self.aggregate {
            Aggregate::Count => {
                let missing = column::missing(&self.source, source)?;
                let gone = |row| missing.as_ref().is_some_and(|missing| missing.is_null(row));
                (0..data.n_rows()).map(|row| if gone(row) { f64::NAN } else { 1.0 }).collect()
            }
            _ => column::finite_or_missing(&self.source, source)?.to_vec(),
        };
        let mut keys: Vec<(&str, &dyn Array)> = Vec::new();
        let mut valid = None;
        for name in &self.by {
            let array = data.column(name)?;
            valid = NullBuffer::union(valid.as_ref(), column::missing(name, array)?.as_ref());
            keys.push((name.as_str(), array.as_ref()));
        }
        let groups = match keys.is_empty() {
            true => vec![0; data.n_rows()],
            false => hash::hash_rows_128(&keys, 0)?,
        };
        let clock = time.map(|name| Clock::of(name, data.column(name)?)).transpose()?;
        let there = |row: usize| {
            !valid.as_ref().is_some_and(|valid| valid.is_null(row))
                && clock.as_ref().is_none_or(|clock| clock.get(row).is_some())
        };
        let entry = |(row, (group, value)): (usize, (u128, f64))| Entry {
            group,
            time: clock.as_ref().and_then(|clock| clock.get(row)),
            row,
            own,
            value,
        };
        Ok(groups.into_iter().zip(values).enumerate().filter(|(row, _)| there(*row)).map(entry).collect())
    }

    fn finding<P: Partition>(
        &self,
        data: &Dataset<P>,
        time: Option<&str>,
        agreements: &[Agreement],
        telling: usize,
    ) -> Option<Finding> {
        let Self { feature, aggregate, source, .. } = self;
        let what = format!("`{feature}` is the {} of `{source}`", aggregate.name());
        let finding = |severity, message: String, advice: &str| {
            Finding::new(LeakKind::AggregateIncludes, severity, message, advice)
                .column(feature)
                .column(source)
        };
        if telling == 0 {
            let message =
                format!("no row tells which rows `{feature}` includes: all definitions give the same");
            return Some(finding(Severity::Note, message, "give more rows, or a time column"));
        }
        let Some(best) = best(agreements) else {
            let message =
                format!("no definition reproduces `{feature}` as the {} of `{source}`", aggregate.name());
            let advice =
                "look how it is computed: it may be smoothed, windowed, out of fold, or of other rows";
            return Some(finding(Severity::Note, message, advice));
        };
        let target = data.roles().of(source) == Role::Target;
        let Scope { window, both } = best.scope;
        let whole = matches!(window, Window::Others | Window::Every);
        let (severity, why, advice) = if both && whole {
            (
                Severity::Error,
                "rows of the other part are in it",
                "compute it after splitting, of training rows only",
            )
        } else if whole && time.is_some() {
            (Severity::Error, "later rows are in it", "compute it of strictly earlier rows")
        } else if window == Window::Others {
            if !target {
                return None;
            }
            let why = "with the sum of a group the target can be read off it exactly, f = (S - y)/(n - 1)";
            (Severity::Error, why, "encode the target out of fold")
        } else if window != Window::Earlier {
            let severity = if target { Severity::Error } else { Severity::Suspect };
            (severity, "the row itself is in it", "leave the row out: of earlier rows only, or out of fold")
        } else if both {
            let severity = if target { Severity::Suspect } else { Severity::Note };
            (severity, "earlier rows of the other part are in it", "compute it after splitting")
        } else {
            return None;
        };
        let message = format!("{what} of {} ({} of {telling} that differ): {why}", best.scope.describe(), {
            rows((best.share * telling as f64).round() as usize)
        });
        Some(finding(severity, message, advice))
    }
}

/// Whether the definitions give different values for a row.
fn differ(computed: &Computed, row: usize, close: impl Fn(f64, f64) -> bool) -> bool {
    let mut values = computed.by_scope.iter().filter_map(|values| values.get(row).copied());
    let Some(first) = values.next() else { return false };
    values.any(|value| value.is_nan() != first.is_nan() || (!value.is_nan() && !close(value, first)))
}

/// The share of these rows in which a definition gives what the column holds.
fn agreement(
    telling: &[usize],
    held: &[f64],
    values: &[f64],
    close: impl Fn(usize, f64, f64) -> bool,
) -> f64 {
    let (mut agree, mut filled) = (0, Vec::new());
    for &row in telling {
        let (Some(&held), Some(&value)) = (held.get(row), values.get(row)) else { continue };
        match (held.is_nan(), value.is_nan()) {
            (true, true) => agree += 1,
            (false, true) => filled.push(column::order_key(held)),
            (false, false) if close(row, held, value) => agree += 1,
            _ => {}
        }
    }
    // What stands where there is nothing to aggregate, such as 0 or the mean of all.
    filled.sort_unstable();
    agree += filled.chunk_by(|a, b| a == b).map(<[u64]>::len).max().unwrap_or(0);
    if telling.is_empty() { 0.0 } else { agree as f64 / telling.len() as f64 }
}

/// The definition that reproduces most rows; of several the most innocent.
fn best(agreements: &[Agreement]) -> Option<&Agreement> {
    let able = agreements.iter().filter(|agreement| agreement.share >= EXPLAINS);
    able.min_by(|a, b| b.share.total_cmp(&a.share).then(a.scope.cmp(&b.scope)))
}
