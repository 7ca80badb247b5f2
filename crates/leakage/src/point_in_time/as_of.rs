//! A joined column against the history that it was joined from.

use std::time::Duration;

use mlsys_core::arrow::array::{Array, ArrayRef, RecordBatch};
use mlsys_core::arrow::buffer::NullBuffer;
use mlsys_core::arrow::compute::cast;
use mlsys_core::arrow::datatypes::DataType;
use mlsys_core::{Dataset, Error, Partition, Result, column, hash};
use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use super::{Clock, median, nanoseconds, part, rows, span};
use crate::{Finding, LeakKind, LeakageReport, OffendingRows, Severity};

const NAME: &str = "AsOfAudit";
/// From this share of rows on, values that are in no event of their entity say that another history was joined.
const SHARE_UNKNOWN: f64 = 0.1;

/// Finds values that were joined from the future: it joins the history again, as of each row's prediction, and compares.
///
/// As-of value: that of the entity's last event with event time ≤ prediction time − latency.
///
/// | parameter | default | range | effect |
/// |---|---|---|---|
/// | `feature` | | a column of the dataset | what was joined |
/// | `value`, `event_time` | | columns of the history | what an event says, and when |
/// | `by`, `by_pairs` | none: one entity | columns | whose event it is; pairs are named (dataset, history) |
/// | `prediction_time` | the dataset's time column | a column | when the prediction of a row is made |
/// | `latency` | 0 | | how long after an event its value can be used; a nanosecond leaves out events of the same instant |
///
/// **Input**: keys and values of any type that can be hashed; text, numbers and times are compared by what they say, whatever encoding
/// or width they have (a Float32 with a Float64 as Float32). Several events at one instant: the value of any of them is right. An event
/// without a value says that it is missing; one without a key or a time is left out and counted, as is a row without them.
///
/// **Output**: a report. A row is *fine* when its value is the as-of value, or is missing where there is none, also when later events
/// have that value too: equal values prove nothing. Else it is from *the future* when a later event of its entity has the value and no
/// earlier one; *stale or later* when earlier events and later ones have it; *stale* when only earlier ones have it; else *unknown*. Of
/// the kind [`FromTheFuture`](LeakKind::FromTheFuture):
///
/// * an error with the rows from the future, unless rows are as often stale only: then values repeat by chance, and it is a suspect;
/// * a suspect when all rows that are not fine could be stale or later;
/// * a note with the rows that are stale or unknown; a suspect when a tenth of all rows is unknown: the column came from elsewhere.
///
/// **Complexity**: O((n + m) log m) for n rows and m events, about 150 bytes an event. **Errors**: columns that are not there or have no hash;
/// times mixed with integers, or delayed by a latency.
///
/// ```
/// use std::sync::Arc;
/// use mlsys_core::{Dataset, arrow::array::{Int64Array, RecordBatch}};
/// use mlsys_leakage::AsOfAudit;
///
/// let column = |values: &[i64]| Arc::new(Int64Array::from(values.to_vec())) as _;
/// let data = Dataset::new(RecordBatch::try_from_iter([
///     ("customer", column(&[1, 1, 2])),
///     ("asked", column(&[15, 25, 5])),
///     ("balance", column(&[100, 300, 700])),
/// ])?)?
/// .time("asked")?;
/// let events = RecordBatch::try_from_iter([
///     ("customer", column(&[1, 1, 1, 2])),
///     ("booked", column(&[10, 20, 30, 1])),
///     ("amount", column(&[100, 200, 300, 700])),
/// ])?;
/// // The second row knows at 25 what was booked at 30.
/// let report = AsOfAudit::new("balance", "amount", "booked").by(["customer"]).run(&data, &events)?;
/// assert_eq!(report.findings()[0].rows.as_ref().map(|rows| rows.ids.clone()), Some(vec![1]));
/// assert_eq!(report.findings()[0].evidence["ahead_max"], 5.0);
/// # Ok::<(), mlsys_core::Error>(())
/// ```
///
/// **Misleads** when the history itself was corrected afterwards: it then says what is known now, not what was known. Flags and small
/// counts repeat, so that a leak shows in few of their rows. **Instead**: [`AvailabilityAudit`](crate::AvailabilityAudit) where each row
/// says when its value became known.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[must_use = "an audit does nothing until it is run"]
pub struct AsOfAudit {
    feature: String,
    value: String,
    event_time: String,
    #[serde(default)]
    by: Vec<(String, String)>,
    #[serde(default)]
    prediction_time: Option<String>,
    #[serde(default)]
    latency: Duration,
}

/// What a row's value is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Origin {
    AsOf,
    /// By how much the event is after the cut-off, and whether it is before the prediction.
    Future(i128, bool),
    StaleOrLater,
    Stale,
    Unknown,
    /// No key or no time.
    NotJudged,
}

/// The history: the events of an entity side by side, sorted in two ways.
struct History {
    /// Each entity and the end of its events, ascending.
    ends: Vec<(u128, usize)>,
    by_time: Vec<(i64, u128)>,
    by_value: Vec<(u128, i64)>,
    missing: u128,
    left_out: usize,
}

impl AsOfAudit {
    /// An audit of a feature, which was joined from a history with these columns.
    pub fn new(feature: impl Into<String>, value: impl Into<String>, event_time: impl Into<String>) -> Self {
        Self {
            feature: feature.into(),
            value: value.into(),
            event_time: event_time.into(),
            by: Vec::new(),
            prediction_time: None,
            latency: Duration::ZERO,
        }
    }

    /// The columns that say whose event it is, of one name in both tables.
    pub fn by<S: Into<String>>(self, keys: impl IntoIterator<Item = S>) -> Self {
        self.by_pairs(keys.into_iter().map(|key| {
            let key = key.into();
            (key.clone(), key)
        }))
    }

    /// The columns that say whose event it is: the name in the dataset, and the name in the history.
    pub fn by_pairs<A: Into<String>, B: Into<String>>(
        mut self,
        keys: impl IntoIterator<Item = (A, B)>,
    ) -> Self {
        self.by = keys.into_iter().map(|(own, other)| (own.into(), other.into())).collect();
        self
    }

    /// The column that says when the prediction of a row is made, in place of the dataset's time column.
    pub fn prediction_time(mut self, column: impl Into<String>) -> Self {
        self.prediction_time = Some(column.into());
        self
    }

    /// The value of an event can be used only so long after it.
    pub fn latency(mut self, latency: Duration) -> Self {
        self.latency = latency;
        self
    }

    /// What is found in these rows, beside this history.
    ///
    /// # Errors
    ///
    /// Those of the type.
    pub fn run<P: Partition>(&self, data: &Dataset<P>, events: &RecordBatch) -> Result<LeakageReport> {
        let asked = Clock::prediction(data, self.prediction_time.as_deref(), NAME)?;
        let happened = Clock::of(&self.event_time, column::find(events, &self.event_time)?)?;
        happened.comparable(&asked, self.latency, NAME)?;
        let own = data.column(&self.feature)?;
        let value = column::find(events, &self.value)?;
        let (own, value) = alike(own, value)?;
        let entities = keys(data.batch(), self.by.iter().map(|(own, _)| own.as_str()))?;
        let history = self.history(events, &happened, &value)?;
        let values = hash::hash_rows_128(&[(self.feature.as_str(), own.as_ref())], 0)?;
        let latency = i128::from(nanoseconds(self.latency));
        let origins: Vec<Origin> = (0..data.n_rows())
            .into_par_iter()
            .map(|row| match (entities.get(row), asked.get(row), values.get(row)) {
                (Some(entity), Some(asked), Some(&value)) => history.origin(entity, asked, latency, value),
                _ => Origin::NotJudged,
            })
            .collect();
        Ok(self.report(data, &asked, &history, &entities, &origins))
    }

    fn history(&self, events: &RecordBatch, happened: &Clock<'_>, value: &ArrayRef) -> Result<History> {
        let entities = keys(events, self.by.iter().map(|(_, other)| other.as_str()))?;
        let values = hash::hash_rows_128(&[(self.value.as_str(), value.as_ref())], 0)?;
        let mut events: Vec<(u128, i64, u128)> = (0..events.num_rows())
            .filter_map(|row| Some((entities.get(row)?, happened.get(row)?, *values.get(row)?)))
            .collect();
        events.par_sort_unstable();
        let mut ends: Vec<(u128, usize)> = Vec::new();
        for own in events.chunk_by(|a, b| a.0 == b.0) {
            let before = ends.last().map_or(0, |(_, end)| *end);
            ends.extend(own.first().map(|(entity, ..)| (*entity, before + own.len())));
        }
        let by_time = events.iter().map(|&(_, time, value)| (time, value)).collect();
        events.par_sort_unstable_by_key(|&(entity, time, value)| (entity, value, time));
        let by_value = events.iter().map(|&(_, time, value)| (value, time)).collect();
        let left_out = entities.hashes.len() - events.len();
        Ok(History { ends, by_time, by_value, missing: missing_value()?, left_out })
    }

    fn report<P: Partition>(
        &self,
        data: &Dataset<P>,
        asked: &Clock<'_>,
        history: &History,
        entities: &Keys,
        origins: &[Origin],
    ) -> LeakageReport {
        let ids = data.row_ids();
        let listed = |wanted: &dyn Fn(Origin) -> bool| {
            let own = origins.iter().zip(&ids).filter(|(origin, _)| wanted(**origin));
            OffendingRows::new(&part::<P>(), own.map(|(_, &id)| id))
        };
        let count = |wanted: Origin| origins.iter().filter(|&&origin| origin == wanted).count();
        let (fine, mixed, stale) = (count(Origin::AsOf), count(Origin::StaleOrLater), count(Origin::Stale));
        let (unknown, not_judged) = (count(Origin::Unknown), count(Origin::NotJudged));
        let mut ahead: Vec<f64> = Vec::new();
        let mut within = 0;
        for origin in origins {
            if let Origin::Future(by, known) = origin {
                ahead.push(*by as f64);
                within += usize::from(*known);
            }
        }
        let future = ahead.len();
        let judged = origins.len() - not_judged;
        let finding = |severity, message: String, advice: &str| {
            Finding::new(LeakKind::FromTheFuture, severity, message, advice)
                .column(&self.feature)
                .number("rows_judged", judged as f64)
                .number("rows_not_judged", not_judged as f64)
                .number("rows_as_of", fine as f64)
                .number("rows_future", future as f64)
                .number("rows_stale_or_later", mixed as f64)
                .number("rows_stale", stale as f64)
                .number("rows_unknown", unknown as f64)
                .number("events_left_out", history.left_out as f64)
        };
        let mut report = LeakageReport::new();
        report.ran(LeakKind::FromTheFuture);
        let feature = &self.feature;
        let advice =
            "join the last event before the prediction (an as-of join, backward), not the latest one";
        if future > 0 {
            let (suffix, divisor) = asked.unit();
            let longest = ahead.iter().copied().fold(0.0, f64::max);
            let middle = median(&mut ahead);
            let severity = if future > stale { Severity::Error } else { Severity::Suspect };
            let message = format!(
                "{} hold a value of `{feature}` that `{}` says only later, up to {} after what could be used; {} hold the value as of \
                 the prediction",
                rows(future),
                self.value,
                span(longest, asked.temporal),
                rows(fine)
            );
            report.push(
                finding(severity, message, advice)
                    .rows(listed(&|origin| matches!(origin, Origin::Future(..))))
                    .number("share_future", future as f64 / judged as f64)
                    .number("rows_within_latency", within as f64)
                    .number(&format!("ahead_max{suffix}"), longest / divisor)
                    .number(&format!("ahead_median{suffix}"), middle / divisor),
            );
        } else if mixed > stale + unknown {
            let message = format!(
                "{} hold a value of `{feature}` that is not the one as of the prediction, and is that of earlier and of later events",
                rows(mixed)
            );
            let rows = listed(&|origin| origin == Origin::StaleOrLater);
            report.push(finding(Severity::Suspect, message, advice).rows(rows));
        }
        let odd = stale + unknown;
        if odd > 0 {
            let elsewhere = unknown as f64 >= SHARE_UNKNOWN * judged as f64;
            let severity = if elsewhere { Severity::Suspect } else { Severity::Note };
            let message = format!(
                "{} hold a value of `{feature}` that is older than the one as of the prediction, and {} one that no event of theirs has",
                rows(stale),
                rows(unknown)
            );
            let advice = if history.knows_none_of(entities) {
                "no entity of these rows is in the history: look whether both tables write their keys alike"
            } else {
                "look where these values come from: what is in no event was not joined from this history"
            };
            let odd = |origin| matches!(origin, Origin::Stale | Origin::Unknown);
            report.push(finding(severity, message, advice).rows(listed(&odd)));
        }
        report
    }
}

/// Events by time and value, and by value and time.
type Sorted<'a> = (&'a [(i64, u128)], &'a [(u128, i64)]);

impl History {
    /// The events of an entity, by time and by value.
    fn of(&self, entity: u128) -> Sorted<'_> {
        let place = self.ends.partition_point(|(other, _)| *other < entity);
        let end = self.ends.get(place).filter(|(other, _)| *other == entity).map_or(0, |(_, end)| *end);
        let start = place.checked_sub(1).and_then(|before| self.ends.get(before)).map_or(0, |(_, end)| *end);
        let own = start..end.max(start);
        (self.by_time.get(own.clone()).unwrap_or(&[]), self.by_value.get(own).unwrap_or(&[]))
    }

    fn origin(&self, entity: u128, asked: i64, latency: i128, value: u128) -> Origin {
        let (by_time, by_value) = self.of(entity);
        // Before all instants when the latency reaches further back than they do.
        let cutoff = i128::from(asked) - latency;
        let after = by_time.partition_point(|&(time, _)| i128::from(time) <= cutoff);
        let as_of = after.checked_sub(1).and_then(|place| by_time.get(place));
        let fine = match as_of {
            None => value == self.missing,
            Some(&(time, latest)) => latest == value || by_value.binary_search(&(value, time)).is_ok(),
        };
        if fine {
            return Origin::AsOf;
        }
        // The events with this value, up to the cut-off and after it.
        let place = by_value.partition_point(|&(v, time)| (v, i128::from(time)) <= (value, cutoff));
        let own = |place: usize| by_value.get(place).filter(|(v, _)| *v == value).map(|(_, time)| *time);
        let earlier = place.checked_sub(1).and_then(own).is_some();
        match (earlier, own(place)) {
            // A missing value that stands for an older or a later missing one tells nothing of either.
            (true, _) | (_, Some(_)) if value == self.missing => Origin::Stale,
            (true, Some(_)) => Origin::StaleOrLater,
            (true, None) => Origin::Stale,
            (false, Some(time)) => Origin::Future(i128::from(time) - cutoff, time <= asked),
            (false, None) => Origin::Unknown,
        }
    }

    /// Whether no row's entity has an event.
    fn knows_none_of(&self, entities: &Keys) -> bool {
        (0..entities.hashes.len())
            .filter_map(|row| entities.get(row))
            .all(|entity| self.of(entity).0.is_empty())
    }
}

/// The entity of each row, by the hash of its keys; none where one is missing.
struct Keys {
    hashes: Vec<u128>,
    valid: Option<NullBuffer>,
}

impl Keys {
    fn get(&self, row: usize) -> Option<u128> {
        let missing = self.valid.as_ref().is_some_and(|valid| valid.is_null(row));
        if missing { None } else { self.hashes.get(row).copied() }
    }
}

fn keys<'a>(batch: &RecordBatch, names: impl Iterator<Item = &'a str>) -> Result<Keys> {
    let mut columns: Vec<(&str, &dyn Array)> = Vec::new();
    let mut valid = None;
    for name in names {
        let array = column::find(batch, name)?;
        valid = NullBuffer::union(valid.as_ref(), column::missing(name, array)?.as_ref());
        columns.push((name, array.as_ref()));
    }
    let hashes = match columns.is_empty() {
        true => vec![0; batch.num_rows()],
        false => hash::hash_rows_128(&columns, 0)?,
    };
    Ok(Keys { hashes, valid })
}

/// The hash of a missing value.
fn missing_value() -> Result<u128> {
    let null = mlsys_core::arrow::array::new_null_array(&DataType::Int8, 1);
    let hashes = hash::hash_rows_128(&[("missing", null.as_ref())], 0)?;
    hashes.first().copied().ok_or_else(|| Error::too_few_rows(1, 0, NAME))
}

/// Both columns as Float32 when one of them is: a wider one cannot equal it otherwise.
fn alike(own: &ArrayRef, other: &ArrayRef) -> Result<(ArrayRef, ArrayRef)> {
    let floating = |array: &ArrayRef| array.data_type().is_floating();
    let narrow = |array: &ArrayRef| array.data_type() == &DataType::Float32;
    if floating(own) && floating(other) && narrow(own) != narrow(other) {
        return Ok((cast(own, &DataType::Float32)?, cast(other, &DataType::Float32)?));
    }
    Ok((own.clone(), other.clone()))
}
