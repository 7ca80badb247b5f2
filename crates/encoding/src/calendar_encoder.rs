//! Dates and times as the parts of the calendar.

use std::sync::Arc;

use mlsys_core::arrow::array::{Array, ArrayRef, AsArray, Int32Array, RecordBatch};
use mlsys_core::arrow::compute::{DatePart, cast, date_part};
use mlsys_core::arrow::datatypes::{DataType, Field, FieldRef, Int32Type, Schema, SchemaRef};
use mlsys_core::input::{NewColumn, Replacement, Replacements, replace_columns, replace_fields};
use mlsys_core::{Error, FitByStatistic, InputColumn, Kind, Layout, Result, Transform, first_error};
use mlsys_stats::{ColumnStatistic, Missing, MissingSummary, PerColumn};
use rayon::prelude::*;
use serde::{Deserialize, Serialize};

/// Replaces dates and times by parts of the calendar, in the time zone of their column.
///
/// | parameter | default | effect |
/// |---|---|---|
/// | `parts` | month, day of week, hour | which parts, in which order: [`CalendarPart`] |
/// | `source` | `Drop` | whether the column itself stays |
///
/// **Input**: the features that are dates or timestamps, or with `.on(..)` exactly those; timestamps without a zone are taken as they are.
/// Missing values are missing in every part. Nothing is learned, so that weights play no part. **Output**: Int32 columns
/// `<column>:<part>`, `departure:month`, in place of the column.
///
/// **Errors**: [`ColumnType`](mlsys_core::ErrorKind::ColumnType) also for times of a day, which have no date,
/// [`InvalidParameter`](mlsys_core::ErrorKind::InvalidParameter) without parts, or with one twice.
///
/// ```
/// use mlsys_core::{Dataset, Fit, Transform, arrow::array::{AsArray, RecordBatch, TimestampSecondArray}};
/// use mlsys_core::arrow::datatypes::Int32Type;
/// use mlsys_encoding::{CalendarEncoder, CalendarPart};
/// use std::sync::Arc;
///
/// // Two minutes to midnight in New York on Sunday, 30 June 2013, is Monday in UTC.
/// let at = TimestampSecondArray::from(vec![1_372_651_080]).with_timezone("America/New_York");
/// let train = Dataset::new(RecordBatch::try_from_iter([("at", Arc::new(at) as _)])?)?.into_train_all();
/// let parts = [CalendarPart::Month, CalendarPart::DayOfWeek, CalendarPart::Hour];
/// let out = CalendarEncoder::new().parts(parts).fit(&train)?.transform(train.batch())?;
/// let of = |name: &str| out[name].as_primitive::<Int32Type>().value(0);
/// assert_eq!((of("at:month"), of("at:day_of_week"), of("at:hour")), (6, 6, 23));
/// # Ok::<(), mlsys_core::Error>(())
/// ```
///
/// **Misleads** linear models: to them December is twelve times January, and 23 hours are far from 0. **Instead**:
/// [`CyclicalEncoder`](crate::CyclicalEncoder).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
#[must_use = "a recipe does nothing until it is fitted"]
pub struct CalendarEncoder {
    parts: Vec<CalendarPart>,
    source: Source,
}

/// A part of the calendar.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum CalendarPart {
    /// The year.
    Year,
    /// 1 to 4.
    Quarter,
    /// 1 to 12.
    Month,
    /// The week of ISO 8601: 1 to 53.
    Week,
    /// 1 to 31.
    Day,
    /// 0 for Monday to 6 for Sunday.
    DayOfWeek,
    /// 1 to 366.
    DayOfYear,
    /// 0 to 23.
    Hour,
    /// 0 to 59.
    Minute,
    /// 0 to 59.
    Second,
    /// 1 on Saturdays and Sundays.
    IsWeekend,
}

impl CalendarPart {
    /// The name in column names.
    pub fn name(self) -> &'static str {
        match self {
            Self::Year => "year",
            Self::Quarter => "quarter",
            Self::Month => "month",
            Self::Week => "week",
            Self::Day => "day",
            Self::DayOfWeek => "day_of_week",
            Self::DayOfYear => "day_of_year",
            Self::Hour => "hour",
            Self::Minute => "minute",
            Self::Second => "second",
            Self::IsWeekend => "is_weekend",
        }
    }

    fn arrow(self) -> DatePart {
        match self {
            Self::Year => DatePart::Year,
            Self::Quarter => DatePart::Quarter,
            Self::Month => DatePart::Month,
            Self::Week => DatePart::Week,
            Self::Day => DatePart::Day,
            Self::DayOfWeek | Self::IsWeekend => DatePart::DayOfWeekMonday0,
            Self::DayOfYear => DatePart::DayOfYear,
            Self::Hour => DatePart::Hour,
            Self::Minute => DatePart::Minute,
            Self::Second => DatePart::Second,
        }
    }
}

/// Whether a column that was encoded stays beside what it became.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Source {
    /// It goes.
    #[default]
    Drop,
    /// It stays, and the new columns follow it.
    Keep,
}

impl Default for CalendarEncoder {
    fn default() -> Self {
        use CalendarPart::{DayOfWeek, Hour, Month};
        Self { parts: vec![Month, DayOfWeek, Hour], source: Source::Drop }
    }
}

impl CalendarEncoder {
    /// An encoder as month, day of week and hour.
    pub fn new() -> Self {
        Self::default()
    }

    /// Which parts, in which order.
    pub fn parts(mut self, parts: impl IntoIterator<Item = CalendarPart>) -> Self {
        self.parts = parts.into_iter().collect();
        self
    }

    /// Whether the column itself stays.
    pub fn source(mut self, source: Source) -> Self {
        self.source = source;
        self
    }

    fn check(&self) -> Result<()> {
        let mut sorted = self.parts.clone();
        sorted.sort();
        let twice = sorted.windows(2).find(|pair| pair[0] == pair[1]).map(|pair| pair[0].name());
        match twice.or(self.parts.is_empty().then_some("none")) {
            Some(found) => {
                Err(Error::invalid_parameter("CalendarEncoder", "parts", found, "one or more, each once"))
            }
            None => Ok(()),
        }
    }
}

/// The dates and timestamps among the features.
pub(crate) fn dated_columns(estimator: &str, layout: &Layout) -> Result<Vec<String>> {
    let columns =
        layout.features_for(estimator, Kind::is_temporal, Kind::is_temporal, "a date or a timestamp")?;
    for name in &columns {
        let data_type = layout.schema().field_with_name(name)?.data_type();
        let plain = if let DataType::Dictionary(_, values) = data_type { values } else { data_type };
        if !matches!(plain, DataType::Date32 | DataType::Date64 | DataType::Timestamp(..)) {
            let expected = format!("a date or a timestamp for {estimator}");
            return Err(Error::column_type(name, expected, data_type));
        }
    }
    Ok(columns)
}

/// A part of a column of dates or timestamps, in its own time zone.
pub(crate) fn part_of(name: &str, array: &ArrayRef, part: CalendarPart) -> Result<Int32Array> {
    let plain = match array.data_type() {
        DataType::Dictionary(_, values) => cast(array, values)?,
        _ => Arc::clone(array),
    };
    let refused =
        || Error::column_type(name, "a date or a timestamp of a known time zone", array.data_type());
    let found = date_part(&plain, part.arrow()).map_err(|_| refused())?;
    let found = found.as_primitive::<Int32Type>();
    if found.null_count() > plain.null_count() {
        let row = (0..found.len()).find(|&row| found.is_null(row) && plain.is_valid(row));
        return Err(Error::invalid_value(name, row, "an instant out of range", "dates of the calendar"));
    }
    Ok(match part {
        CalendarPart::IsWeekend => found.unary(|day| i32::from(day >= 5)),
        _ => found.clone(),
    })
}

/// The fitted [`CalendarEncoder`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FittedCalendarEncoder {
    columns: Vec<InputColumn>,
    encoder: CalendarEncoder,
}

impl FittedCalendarEncoder {
    /// The column that an output column came from.
    pub fn source(&self, output: &str) -> Option<&str> {
        let of = |column: &&InputColumn| self.names(column).any(|name| name == output);
        self.columns.iter().find(of).map(InputColumn::name)
    }

    fn names(&self, column: &InputColumn) -> impl Iterator<Item = String> {
        self.encoder.parts.iter().map(|part| format!("{}:{}", column.name(), part.name()))
    }

    fn validate(&self) -> Result<()> {
        self.encoder.check().map_err(|e| Error::artifact(e.to_string()))
    }

    fn input_columns(&self) -> Vec<InputColumn> {
        self.columns.clone()
    }

    fn fields(&self, column: &InputColumn, schema: &Schema) -> Result<Vec<FieldRef>> {
        let input = column.check(schema)?;
        let keep = (self.encoder.source == Source::Keep).then(|| Arc::new(input.clone()));
        let new =
            self.names(column).map(|name| Arc::new(Field::new(name, DataType::Int32, input.is_nullable())));
        Ok(keep.into_iter().chain(new).collect())
    }

    fn encode(&self, column: &InputColumn, batch: &RecordBatch) -> Result<Vec<NewColumn>> {
        let array = column.find(batch)?;
        let keep = (self.encoder.source == Source::Keep).then(|| Ok(Arc::clone(array)));
        let new = self
            .encoder
            .parts
            .iter()
            .map(|&part| -> Result<ArrayRef> { Ok(Arc::new(part_of(column.name(), array, part)?)) });
        let arrays = keep.into_iter().chain(new).collect::<Result<Vec<_>>>()?;
        Ok(self.fields(column, batch.schema_ref())?.into_iter().zip(arrays).collect())
    }
}

impl Transform for FittedCalendarEncoder {
    fn transform(&self, batch: &RecordBatch) -> Result<RecordBatch> {
        let done: Vec<Result<Replacement<'_, NewColumn>>> =
            self.columns.par_iter().map(|c| Ok((c.name(), self.encode(c, batch)?))).collect();
        replace_columns(batch, first_error(done)?)
    }

    fn output_schema(&self, input: &Schema) -> Result<SchemaRef> {
        let mut with = Replacements::new();
        for column in &self.columns {
            with.insert(column.name(), self.fields(column, input)?);
        }
        replace_fields(input, with)
    }
}

mlsys_core::artifact!(FittedCalendarEncoder, "mlsys.FittedCalendarEncoder", 1);

impl FitByStatistic for CalendarEncoder {
    /// Nothing is learned: no column is looked at.
    type Statistic = PerColumn<Missing>;
    type Fitted = FittedCalendarEncoder;

    fn statistic(&self, layout: &Layout) -> Result<Self::Statistic> {
        self.check()?;
        dated_columns("CalendarEncoder", layout)?;
        Ok(Missing::new().over([""; 0]))
    }

    fn fitted(&self, layout: &Layout, _: Vec<(String, MissingSummary)>) -> Result<FittedCalendarEncoder> {
        let columns = InputColumn::all(layout, dated_columns("CalendarEncoder", layout)?)?;
        Ok(FittedCalendarEncoder { columns, encoder: self.clone() })
    }
}
