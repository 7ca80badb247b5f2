//! How long ago.

use std::sync::Arc;

use mlsys_core::arrow::array::{Array, ArrayRef, Float64Array, RecordBatch};
use mlsys_core::arrow::datatypes::{DataType, Field, FieldRef, Schema, SchemaRef};
use mlsys_core::input::{NewColumn, Replacement, Replacements, replace_columns, replace_fields};
use mlsys_core::{Error, FitByStatistic, InputColumn, Layout, Result, Transform, column, first_error};
use mlsys_stats::{ColumnStatistic, Missing, MissingSummary, PerColumn};
use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use crate::calendar_encoder::dated_columns;

/// Replaces dates and times by the time since an instant, or since another column.
///
/// ```text
/// x = (t − t₀) / unit
/// ```
/// | parameter | default | effect |
/// |---|---|---|
/// | `since` | required | an instant, or a column of dates or timestamps: [`Since`] |
/// | `unit` | `Days` | of 24 hours each |
///
/// **Input**: the features that are dates or timestamps, or with `.on(..)` exactly those; the column that is counted from stays as it is. Zones
/// do not matter: instants are compared; dates and timestamps without a zone count as UTC. Missing where either is. Nothing is
/// learned, so that weights play no part. **Output**: Float64 `<column>:since` in place of the column, negative before.
///
/// **Errors**: [`ColumnType`](mlsys_core::ErrorKind::ColumnType), [`MissingColumn`](mlsys_core::ErrorKind::MissingColumn),
/// [`InvalidValue`](mlsys_core::ErrorKind::InvalidValue) outside the years 1677 to 2262.
///
/// ```
/// use mlsys_core::{Dataset, Fit, Transform, arrow::array::{AsArray, Date32Array, RecordBatch}};
/// use mlsys_core::arrow::datatypes::Float64Type;
/// use mlsys_encoding::{Since, TimeSince};
/// use std::sync::Arc;
///
/// let day = Date32Array::from(vec![Some(10), None]);
/// let train = Dataset::new(RecordBatch::try_from_iter([("day", Arc::new(day) as _)])?)?.into_train_all();
/// let out = TimeSince::new(Since::Instant(3 * 86_400_000_000_000)).fit(&train)?.transform(train.batch())?;
/// assert_eq!(out["day:since"].as_primitive::<Float64Type>().value(0), 7.0);
/// # Ok::<(), mlsys_core::Error>(())
/// ```
///
/// **Misleads** when rows to come are later than all rows that were fitted: a model has never seen such numbers. Count from a column instead.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[must_use = "a recipe does nothing until it is fitted"]
pub struct TimeSince {
    since: Since,
    #[serde(default)]
    unit: TimeUnit,
}

/// What is counted from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Since {
    /// Nanoseconds since 1970 in UTC.
    Instant(i64),
    /// The instant in the row's column of this name.
    Column(String),
}

/// What time is given in.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum TimeUnit {
    /// Seconds.
    Seconds,
    /// Hours.
    Hours,
    /// Days of 24 hours.
    #[default]
    Days,
}

impl TimeUnit {
    fn nanoseconds(self) -> f64 {
        match self {
            Self::Seconds => 1e9,
            Self::Hours => 3.6e12,
            Self::Days => 8.64e13,
        }
    }
}

impl TimeSince {
    /// The time since this, in days.
    pub fn new(since: Since) -> Self {
        Self { since, unit: TimeUnit::Days }
    }

    /// What time is given in.
    pub fn unit(mut self, unit: TimeUnit) -> Self {
        self.unit = unit;
        self
    }

    fn columns(&self, layout: &Layout) -> Result<Vec<String>> {
        let mut columns = dated_columns("TimeSince", layout)?;
        if let Since::Column(from) = &self.since {
            let kind = layout.kind(from)?;
            if !kind.is_temporal() {
                let found = layout.schema().field_with_name(from)?.data_type();
                return Err(Error::column_type(from, "a date or a timestamp to count from", found));
            }
            columns.retain(|name| name != from);
        }
        Ok(columns)
    }
}

/// The fitted [`TimeSince`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FittedTimeSince {
    columns: Vec<InputColumn>,
    from: Option<InputColumn>,
    since: TimeSince,
}

impl FittedTimeSince {
    /// The column that an output column came from.
    pub fn source(&self, output: &str) -> Option<&str> {
        let name = output.strip_suffix(":since")?;
        self.columns.iter().map(InputColumn::name).find(|column| *column == name)
    }

    fn validate(&self) -> Result<()> {
        let named = match &self.since.since {
            Since::Instant(_) => None,
            Since::Column(name) => Some(name.as_str()),
        };
        if self.from.as_ref().map(InputColumn::name) == named {
            return Ok(());
        }
        Err(Error::artifact("counts from another column than it says"))
    }

    fn input_columns(&self) -> Vec<InputColumn> {
        self.columns.iter().chain(&self.from).cloned().collect()
    }

    fn field(column: &InputColumn) -> FieldRef {
        Arc::new(Field::new(format!("{}:since", column.name()), DataType::Float64, true))
    }
}

impl Transform for FittedTimeSince {
    fn transform(&self, batch: &RecordBatch) -> Result<RecordBatch> {
        let from = match &self.from {
            Some(from) => Some(column::instants_or_missing(from.name(), from.find(batch)?)?),
            None => None,
        };
        let fixed = if let Since::Instant(instant) = self.since.since { Some(instant) } else { None };
        let start = |row: usize| match &from {
            Some(from) => from.is_valid(row).then(|| from.value(row)),
            None => fixed,
        };
        let unit = self.since.unit.nanoseconds();
        let done: Vec<Result<Replacement<'_, NewColumn>>> = self
            .columns
            .par_iter()
            .map(|c| {
                let at = column::instants_or_missing(c.name(), c.find(batch)?)?;
                // Wider than 64 bits, since instants may be far apart.
                let since = |(row, at): (usize, Option<i64>)| {
                    at.zip(start(row)).map(|(at, start)| (i128::from(at) - i128::from(start)) as f64 / unit)
                };
                let array: ArrayRef = Arc::new(at.iter().enumerate().map(since).collect::<Float64Array>());
                Ok((c.name(), vec![(Self::field(c), array)]))
            })
            .collect();
        replace_columns(batch, first_error(done)?)
    }

    fn output_schema(&self, input: &Schema) -> Result<SchemaRef> {
        let mut with = Replacements::new();
        if let Some(from) = &self.from {
            from.check(input)?;
        }
        for column in &self.columns {
            column.check(input)?;
            with.insert(column.name(), vec![Self::field(column)]);
        }
        replace_fields(input, with)
    }
}

mlsys_core::artifact!(FittedTimeSince, "mlsys.FittedTimeSince", 1);

impl FitByStatistic for TimeSince {
    /// Nothing is learned: no column is looked at.
    type Statistic = PerColumn<Missing>;
    type Fitted = FittedTimeSince;

    fn statistic(&self, layout: &Layout) -> Result<Self::Statistic> {
        self.columns(layout)?;
        Ok(Missing::new().over([""; 0]))
    }

    fn fitted(&self, layout: &Layout, _: Vec<(String, MissingSummary)>) -> Result<FittedTimeSince> {
        let from = match &self.since {
            Since::Instant(_) => None,
            Since::Column(name) => Some(InputColumn::new(layout, name)?),
        };
        let columns = InputColumn::all(layout, self.columns(layout)?)?;
        Ok(FittedTimeSince { columns, from, since: self.clone() })
    }
}
