//! Whether what a row holds was known when its prediction is made.

mod aggregate;
mod as_of;
mod availability;
mod scopes;

use std::time::Duration;

use mlsys_core::arrow::array::{Array, Int64Array};
use mlsys_core::{Dataset, Error, ErrorKind, Kind, Partition, Result, column};

pub use aggregate::{Aggregate, AggregateAudit};
pub use as_of::AsOfAudit;
pub use availability::AvailabilityAudit;

/// A column of times, each of which may be missing.
struct Clock<'a> {
    name: &'a str,
    instants: Int64Array,
    /// Dates and timestamps, not integers.
    temporal: bool,
}

impl<'a> Clock<'a> {
    fn of(name: &'a str, array: &dyn Array) -> Result<Self> {
        let temporal = Kind::of(array.data_type()).is_temporal();
        Ok(Self { name, instants: column::instants_or_missing(name, array)?, temporal })
    }

    /// The times at which predictions are made: of a named column, or of the dataset's time column.
    fn prediction<P: Partition>(data: &'a Dataset<P>, named: Option<&'a str>, by: &str) -> Result<Self> {
        let name = match named {
            Some(name) => name,
            None => data.layout().time(by)?,
        };
        Self::of(name, data.column(name)?)
    }

    fn get(&self, row: usize) -> Option<i64> {
        (row < self.instants.len() && self.instants.is_valid(row)).then(|| self.instants.value(row))
    }

    /// Refuses to compare integers with dates, and to delay integers by a duration.
    fn comparable(&self, other: &Clock<'_>, latency: Duration, estimator: &str) -> Result<()> {
        if self.temporal != other.temporal {
            let expected = format!("of the kind of `{}`, both times or both integers", other.name);
            let found = if self.temporal { "times" } else { "integers" };
            return Err(Error::column_type(self.name, expected, found));
        }
        if !self.temporal && latency > Duration::ZERO {
            let value = format!("{latency:?}");
            let expected = format!("zero, since `{}` holds integers and no times", self.name);
            return Err(Error::invalid_parameter(estimator, "latency", value, expected));
        }
        Ok(())
    }

    /// What a distance between instants is called in evidence, and by what it is divided.
    fn unit(&self) -> (&'static str, f64) {
        if self.temporal { ("_seconds", 1e9) } else { ("", 1.0) }
    }
}

/// A duration in nanoseconds; 292 years at most, which is longer than the range of instants.
fn nanoseconds(duration: Duration) -> i64 {
    i64::try_from(duration.as_nanos()).unwrap_or(i64::MAX)
}

/// The part that rows are of, as findings name it.
pub(crate) fn part<P: Partition>() -> String {
    match P::NAME {
        "Unsplit" => "table".into(),
        name => name.to_lowercase(),
    }
}

/// The median, which takes the mean of the middle two.
fn median(values: &mut [f64]) -> f64 {
    values.sort_unstable_by(f64::total_cmp);
    let middle = values.len() / 2;
    match (values.get(middle), middle.checked_sub(1).and_then(|below| values.get(below))) {
        (Some(&high), Some(&low)) if values.len().is_multiple_of(2) => low / 2.0 + high / 2.0,
        (Some(&high), _) => high,
        _ => f64::NAN,
    }
}

/// `1 row`, `2 rows`.
fn rows(n: usize) -> String {
    format!("{n} row{}", if n == 1 { "" } else { "s" })
}

/// A duration for people, from nanoseconds; integers as they are.
fn span(distance: f64, temporal: bool) -> String {
    if !temporal {
        return format!("{distance}");
    }
    let seconds = distance / 1e9;
    let (value, unit) = match seconds {
        s if s >= 2.0 * 86_400.0 => (s / 86_400.0, "days"),
        s if s >= 2.0 * 3_600.0 => (s / 3_600.0, "hours"),
        s if s >= 120.0 => (s / 60.0, "minutes"),
        s => (s, "seconds"),
    };
    let digits = if value == value.round() { 0 } else { 1 };
    format!("{value:.digits$} {unit}")
}

/// The error of an audit that was told of no column to look at.
fn nothing_to_do(estimator: &str, name: &str, expected: &str) -> Error {
    ErrorKind::InvalidParameter {
        estimator: estimator.into(),
        name: name.into(),
        value: "nothing".into(),
        expected: expected.into(),
    }
    .into()
}
