//! The past for training, the future for testing.

use std::time::Duration;

use chrono::{DateTime, LocalResult, NaiveDate, NaiveDateTime, NaiveTime, TimeZone, Utc};
use chrono_tz::Tz;
use mlsys_core::{Dataset, Error, ErrorKind, Kind, Layout, Result, Split, Unsplit};
use serde::{Deserialize, Serialize};

use crate::by_row::{ByRow, Rule, SplitByRow};
use crate::sizes::{check_share, nanoseconds, test_rows};

const NAME: &str = "TimeSplit";

/// Rows from an instant on for testing, rows before it for training.
///
/// Test: t ≥ boundary. Train: t < boundary − gap. Rows between are on neither side.
///
/// * The boundary, required: [`TimeSplit::at`] an instant, or [`TimeSplit::last_share`] of the rows.
/// * `gap`: none.
///
/// **Input**: a table with a time role: dates (midnight UTC), timestamps (without a zone: UTC), or, for `last_share`
/// without a gap, integers; none missing. **Output**: both sides, rows in their old order; equal times are always on
/// one side. **Cost**: O(n), O(n log n) for a share. **Errors**: no time role, a missing time, an instant that cannot
/// be read, that occurs twice or not at all in its zone, a side without rows.
///
/// ```
/// use std::sync::Arc;
/// use mlsys_core::{Dataset, Split, arrow::array::{RecordBatch, TimestampSecondArray}};
/// use mlsys_sampling::TimeSplit;
///
/// // Four hours around midnight of 1 October in New York, which is 04:00 in UTC.
/// let midnight = 1_380_600_000;
/// let hours = TimestampSecondArray::from_iter_values((-2..2).map(|h| midnight + 3600 * h));
/// let batch = RecordBatch::try_from_iter([("hour", Arc::new(hours) as _)])?;
/// let data = Dataset::new(batch)?.time("hour")?;
/// let (train, test) = TimeSplit::at("2013-10-01T00:00 America/New_York").split(data)?;
/// assert_eq!((train.row_ids(), test.row_ids()), (vec![0, 1], vec![2, 3]));
/// # Ok::<(), mlsys_core::Error>(())
/// ```
///
/// **Misleads** when labels take time to settle: a training row from the last day before the boundary may know its
/// outcome only after it. Set a `gap` as long as that. **Instead**:
/// [`TimeSeriesFolds`](crate::TimeSeriesFolds) for several boundaries.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[must_use = "a splitter does nothing until it splits"]
pub struct TimeSplit {
    boundary: Boundary,
    #[serde(default)]
    gap: Duration,
}

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Boundary {
    At(String),
    LastShare(f64),
}

impl TimeSplit {
    /// At an instant, read by [`parse_instant`] when splitting.
    pub fn at(instant: impl Into<String>) -> Self {
        Self { boundary: Boundary::At(instant.into()), gap: Duration::ZERO }
    }

    /// So that the last ⌈share · n⌉ rows are for testing, and with them all rows of the first one's time.
    pub fn last_share(test_share: f64) -> Self {
        Self { boundary: Boundary::LastShare(test_share), gap: Duration::ZERO }
    }

    /// Leaves rows of this time before the boundary out of the training rows.
    pub fn gap(mut self, gap: Duration) -> Self {
        self.gap = gap;
        self
    }
}

/// Reads an instant as nanoseconds since 1970 in UTC.
///
/// Accepted: RFC 3339 with an offset (`2013-10-01T00:00:00-04:00`, seconds optional), a date alone (midnight UTC), or
/// a date or local time and a zone of the IANA database (`2013-10-01T00:00 America/New_York`).
///
/// ```
/// use mlsys_sampling::parse_instant;
///
/// assert_eq!(parse_instant("1970-01-02")?, 86_400_000_000_000);
/// assert_eq!(parse_instant("2013-10-01T00:00 America/New_York")?, parse_instant("2013-10-01T04:00Z")?);
/// # Ok::<(), mlsys_core::Error>(())
/// ```
///
/// # Errors
///
/// [`InvalidParameter`](ErrorKind::InvalidParameter) when the text is none of these, the zone is unknown, the local
/// time occurs twice or not at all in its zone (when clocks change), or the year is outside 1678 to 2261.
pub fn parse_instant(text: &str) -> Result<i64> {
    let refuse = |expected: String| Error::invalid_parameter(NAME, "at", format!("`{text}`"), expected);
    let trimmed = text.trim();
    let instant = match local_and_zone(trimmed) {
        Some((local, zone)) => {
            let zone: Tz = zone.parse().map_err(|_| {
                refuse(format!("a time with a zone of the IANA database (such as America/New_York), found `{zone}`"))
            })?;
            match zone.from_local_datetime(&local) {
                LocalResult::Single(instant) => instant.to_utc(),
                LocalResult::Ambiguous(first, second) => {
                    let (first, second) = (first.to_rfc3339(), second.to_rfc3339());
                    return Err(refuse(format!("a time that occurs once in {zone}: say {first} or {second}")));
                }
                LocalResult::None => {
                    return Err(refuse(format!("a time that exists in {zone}, where clocks skip this one")));
                }
            }
        }
        None => with_offset(trimmed).ok_or_else(|| {
            refuse("a date, a time with an offset, or a time and a zone, as in 2013-10-01T00:00 America/New_York".into())
        })?,
    };
    instant.timestamp_nanos_opt().ok_or_else(|| refuse("within the years 1678 to 2261".into()))
}

/// A local time, and what follows it after a space.
fn local_and_zone(text: &str) -> Option<(NaiveDateTime, &str)> {
    let (local, zone) = text.rsplit_once(' ')?;
    let local = local.trim();
    let time = ["%Y-%m-%dT%H:%M:%S%.f", "%Y-%m-%dT%H:%M", "%Y-%m-%d %H:%M:%S%.f", "%Y-%m-%d %H:%M"];
    let parsed = time.iter().find_map(|format| NaiveDateTime::parse_from_str(local, format).ok());
    let midnight = |date: NaiveDate| date.and_time(NaiveTime::MIN);
    // `2013-10-01 00:00` is a date and a time without a zone, not a date and a zone.
    let is_zone = zone.starts_with(|c: char| c.is_ascii_alphabetic());
    let date = || NaiveDate::parse_from_str(local, "%Y-%m-%d").ok().filter(|_| is_zone).map(midnight);
    Some((parsed.or_else(date)?, zone))
}

/// RFC 3339, also without seconds; or a date, which is midnight UTC.
fn with_offset(text: &str) -> Option<DateTime<Utc>> {
    if let Ok(date) = NaiveDate::parse_from_str(text, "%Y-%m-%d") {
        return Some(date.and_time(NaiveTime::MIN).and_utc());
    }
    let formats = ["%Y-%m-%dT%H:%M%#z", "%Y-%m-%d %H:%M%#z"];
    let short = || formats.iter().find_map(|format| DateTime::parse_from_str(text, format).ok());
    DateTime::parse_from_rfc3339(text).ok().or_else(short).map(|instant| instant.to_utc())
}

/// The training and the test rows, ascending, for a boundary and a gap in the units of the times: [`TimeSplit`]
/// without a dataset. A side may be empty.
///
/// ```
/// assert_eq!(mlsys_sampling::time_split(&[3, 1, 2, 9], 3, 1), (vec![1], vec![0, 3]));
/// ```
pub fn time_split(times: &[i64], boundary: i64, gap: u64) -> (Vec<usize>, Vec<usize>) {
    let rows = |keep: &dyn Fn(i64) -> bool| (0..times.len()).filter(|&row| keep(times[row])).collect();
    let end = boundary.saturating_sub_unsigned(gap);
    (rows(&|time| time < end), rows(&|time| time >= boundary))
}

impl Split for TimeSplit {
    fn rows(&self, data: &Dataset<Unsplit>) -> Result<(Vec<usize>, Vec<usize>)> {
        let instants = data.instants(NAME)?;
        self.check_unit(data.layout())?;
        let boundary = match &self.boundary {
            Boundary::At(text) => parse_instant(text)?,
            Boundary::LastShare(share) => {
                check_share(NAME, *share)?;
                let mut sorted = instants.to_vec();
                let first = sorted.len() - test_rows(NAME, *share, sorted.len())?;
                *sorted.select_nth_unstable(first).1
            }
        };
        let (train, test) = time_split(&instants, boundary, nanoseconds(self.gap));
        if train.is_empty() || test.is_empty() {
            return Err(self.empty_side(&instants, train.len(), test.len()));
        }
        Ok((train, test))
    }
}

impl ByRow for TimeSplit {
    fn by_row(&self, layout: &Layout) -> Result<SplitByRow> {
        self.check_unit(layout)?;
        let Boundary::At(text) = &self.boundary else {
            let why = "TimeSplit::last_share row by row: it must see all times first. Name an instant with TimeSplit::at";
            return Err(Error::unsupported(why));
        };
        let boundary = parse_instant(text)?;
        let end = boundary.saturating_sub_unsigned(nanoseconds(self.gap));
        SplitByRow::new(layout, &[layout.time(NAME)?.to_owned()], Rule::Time { boundary, end })
    }
}

impl TimeSplit {
    /// An instant and a gap have a unit, which integers have not.
    fn check_unit(&self, layout: &Layout) -> Result<()> {
        let column = layout.time(NAME)?;
        let needs_unit = self.gap > Duration::ZERO || matches!(self.boundary, Boundary::At(_));
        if layout.kind(column)? != Kind::Integer || !needs_unit {
            return Ok(());
        }
        let expected = "dates or timestamps for an instant or a gap (integers have no unit; use last_share)";
        Err(Error::column_type(column, expected, layout.schema().field_with_name(column)?.data_type()))
    }

    fn empty_side(&self, instants: &[i64], train: usize, test: usize) -> Error {
        let boundary = match &self.boundary {
            Boundary::At(text) => format!("at {text}"),
            Boundary::LastShare(share) => format!("of the last share {share}"),
        };
        let show = |time: Option<&i64>| {
            time.map_or_else(String::new, |&t| DateTime::from_timestamp_nanos(t).to_rfc3339())
        };
        let (from, to) = (show(instants.iter().min()), show(instants.iter().max()));
        let why = format!(
            "{NAME} {boundary} (training rows {train}, test rows {test}, times from {from} to {to}), for each side,"
        );
        ErrorKind::TooFewRows { need: 1, found: 0, why }.into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn instants_in_every_accepted_form() {
        let midnight = 1_380_600_000_000_000_000;
        for text in [
            "2013-10-01T00:00 America/New_York",
            "2013-10-01 America/New_York",
            "2013-10-01 00:00:00 America/New_York",
            "2013-10-01T00:00:00-04:00",
            "2013-10-01T04:00:00Z",
            "2013-10-01T04:00Z",
            "2013-10-01T04:00+00:00",
            " 2013-10-01T04:00:00.0 UTC ",
        ] {
            assert_eq!(parse_instant(text).unwrap(), midnight, "{text}");
        }
        assert_eq!(parse_instant("2013-10-01").unwrap(), midnight - 4 * 3_600_000_000_000);
    }

    #[test]
    fn instants_that_are_none() {
        let message = |text: &str| parse_instant(text).unwrap_err().to_string();
        assert!(message("2013-11-03T01:30 America/New_York").contains("say 2013-11-03T01:30:00-04:00 or"));
        assert!(message("2013-03-10T02:30 America/New_York").contains("clocks skip"));
        assert!(message("2013-10-01T00:00 America/Gotham").contains("found `America/Gotham`"));
        for text in [
            "",
            "soon",
            "2013-10-01T00:00",
            "2013-10-01 00:00",
            "2013-13-01",
            "9999-01-01",
            "2013-10-01T25:00Z",
        ] {
            assert!(message(text).contains("`at` of TimeSplit must be"), "{text}");
        }
    }
}
