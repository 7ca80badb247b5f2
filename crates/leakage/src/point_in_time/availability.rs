//! When the values of a feature became known, against when the prediction is made.

use std::time::Duration;

use mlsys_core::{Dataset, Partition, Result, column};
use serde::{Deserialize, Serialize};

use super::{Clock, median, nanoseconds, nothing_to_do, part, rows, span};
use crate::{Finding, LeakKind, LeakageReport, OffendingRows, Severity};

const NAME: &str = "AvailabilityAudit";

/// Finds values that were not known yet when the prediction is made, by a column that says when each became known.
///
/// A row leaks when known at + latency > prediction time.
///
/// | parameter | default | range | effect |
/// |---|---|---|---|
/// | `prediction_time` | the dataset's time column | a column | when the prediction of a row is made |
/// | `available` | | a feature and a column of times | when the feature's value of a row became known; one call per feature |
/// | `latency` | 0 | | how long after a value became known it can be used |
/// | `latency_of` | `latency` | | the same of one feature |
///
/// **Input**: times as dates (midnight UTC), timestamps (without a zone: UTC), or, without latency, integers; both of one kind. A row
/// without a value of the feature knows nothing, and is fine. A row with a value and without one of its times cannot be judged.
/// **Output**: a report with, per feature, an error [`NotYetAvailable`](LeakKind::NotYetAvailable) that has the rows, how late they
/// are at most and in the median (`late_max_seconds`, `late_median_seconds`; `late_max`, `late_median` of integers), and how many rows
/// could not be judged; a note when none is late and some cannot be judged, a suspect when all cannot. **Complexity**: O(n) a feature,
/// O(n log n) of those that are late. **Errors**: no feature told of; a column that is not there, or is no time; times mixed with
/// integers; a latency between integers.
///
/// ```
/// use std::sync::Arc;
/// use mlsys_core::{Dataset, arrow::array::{Float64Array, RecordBatch, TimestampSecondArray}};
/// use mlsys_leakage::AvailabilityAudit;
///
/// let times = |t: [i64; 3]| Arc::new(TimestampSecondArray::from(t.to_vec())) as _;
/// let data = Dataset::new(RecordBatch::try_from_iter([
///     ("balance", Arc::new(Float64Array::from(vec![10.0, 20.0, 30.0])) as _),
///     ("balance_booked", times([100, 260, 250])),
///     ("asked", times([200, 200, 300])),
/// ])?)?
/// .time("asked")?;
/// let report = AvailabilityAudit::new().available("balance", "balance_booked").run(&data)?;
/// let finding = &report.findings()[0];
/// assert_eq!(finding.rows.as_ref().map(|rows| rows.ids.clone()), Some(vec![1]));
/// assert_eq!(finding.evidence["late_max_seconds"], 60.0);
/// # Ok::<(), mlsys_core::Error>(())
/// ```
///
/// **Misleads** when the column that says when is itself filled in later: a table that overwrites values keeps the time of the first
/// booking beside the last value. [`AsOfAudit`](crate::AsOfAudit) goes by the history instead.
///
/// Kapoor and Narayanan, *Leakage and the reproducibility crisis in machine-learning-based science*, 2023, L3.1.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[must_use = "an audit does nothing until it is run"]
pub struct AvailabilityAudit {
    prediction_time: Option<String>,
    available: Vec<Available>,
    latency: Duration,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Available {
    feature: String,
    known_at: String,
    #[serde(default)]
    latency: Option<Duration>,
}

impl AvailabilityAudit {
    /// An audit that knows of no feature yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// The column that says when the prediction of a row is made, in place of the dataset's time column.
    pub fn prediction_time(mut self, column: impl Into<String>) -> Self {
        self.prediction_time = Some(column.into());
        self
    }

    /// The values of a feature became known when this column says.
    pub fn available(mut self, feature: impl Into<String>, known_at: impl Into<String>) -> Self {
        self.available.push(Available { feature: feature.into(), known_at: known_at.into(), latency: None });
        self
    }

    /// Values can be used only so long after they became known.
    pub fn latency(mut self, latency: Duration) -> Self {
        self.latency = latency;
        self
    }

    /// As [`latency`](Self::latency), of one feature that [`available`](Self::available) was told of before.
    pub fn latency_of(mut self, feature: &str, latency: Duration) -> Self {
        let own = self.available.iter_mut().filter(|available| available.feature == feature);
        own.for_each(|available| available.latency = Some(latency));
        self
    }

    /// What is found in these rows.
    ///
    /// # Errors
    ///
    /// Those of the type.
    pub fn run<P: Partition>(&self, data: &Dataset<P>) -> Result<LeakageReport> {
        if self.available.is_empty() {
            let expected = "a feature and the column that says when its values became known";
            return Err(nothing_to_do(NAME, "available", expected));
        }
        let asked = Clock::prediction(data, self.prediction_time.as_deref(), NAME)?;
        let mut report = LeakageReport::new();
        report.ran(LeakKind::NotYetAvailable);
        for available in &self.available {
            if let Some(finding) = self.check(data, &asked, available)? {
                report.push(finding);
            }
        }
        Ok(report)
    }

    fn check<P: Partition>(
        &self,
        data: &Dataset<P>,
        asked: &Clock<'_>,
        available: &Available,
    ) -> Result<Option<Finding>> {
        let Available { feature, known_at, latency } = available;
        let latency = latency.unwrap_or(self.latency);
        let missing = column::missing(feature, data.column(feature)?)?;
        let known = Clock::of(known_at, data.column(known_at)?)?;
        known.comparable(asked, latency, NAME)?;
        // In 128 bits, where no difference of instants overflows.
        let latency_ns = i128::from(nanoseconds(latency));
        let (mut late, mut late_rows, mut judged, mut unknown) = (Vec::new(), Vec::new(), 0, 0);
        for row in 0..data.n_rows() {
            if missing.as_ref().is_some_and(|missing| missing.is_null(row)) {
                continue;
            }
            let (Some(known), Some(asked)) = (known.get(row), asked.get(row)) else {
                unknown += 1;
                continue;
            };
            judged += 1;
            let by = i128::from(known) + latency_ns - i128::from(asked);
            if by > 0 {
                late.push(by as f64);
                late_rows.push(row);
            }
        }
        if late.is_empty() && unknown == 0 {
            return Ok(None);
        }
        let finding = |severity, message: String, advice: &str| {
            Finding::new(LeakKind::NotYetAvailable, severity, message, advice)
                .column(feature)
                .column(known_at)
                .column(asked.name)
                .number("rows_judged", judged as f64)
                .number("rows_not_judged", unknown as f64)
        };
        if late.is_empty() {
            let severity = if judged == 0 { Severity::Suspect } else { Severity::Note };
            let message = format!(
                "{} with a value of `{feature}` lack `{known_at}` or `{}`, and cannot be judged",
                rows(unknown),
                asked.name
            );
            return Ok(Some(finding(severity, message, "say when these values became known, or drop them")));
        }
        let (suffix, divisor) = asked.unit();
        let longest = late.iter().copied().fold(0.0, f64::max);
        let middle = median(&mut late);
        let after = if latency > Duration::ZERO { format!(" and {latency:?}") } else { String::new() };
        let message = format!(
            "{} hold a value of `{feature}` that became known (`{known_at}`{after}) up to {} after the prediction (`{}`)",
            rows(late.len()),
            span(longest, asked.temporal),
            asked.name
        );
        let advice = "join the value that was known when the prediction is made, or drop the column";
        let ids = data.row_ids();
        let listed = late_rows.iter().filter_map(|&row| ids.get(row).copied());
        Ok(Some(
            finding(Severity::Error, message, advice)
                .rows(OffendingRows::new(&part::<P>(), listed))
                .number("rows_late", late.len() as f64)
                .number("share_late", late.len() as f64 / judged as f64)
                .number(&format!("late_max{suffix}"), longest / divisor)
                .number(&format!("late_median{suffix}"), middle / divisor),
        ))
    }
}
