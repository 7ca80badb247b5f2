//! What comes round as a point on a circle.

use std::f64::consts::TAU;
use std::sync::Arc;

use mlsys_core::arrow::array::{Array, ArrayRef, Float64Array, RecordBatch};
use mlsys_core::arrow::datatypes::{DataType, Field, FieldRef, Schema, SchemaRef};
use mlsys_core::input::{NewColumn, Replacement, Replacements, replace_columns, replace_fields};
use mlsys_core::{Error, FitByStatistic, InputColumn, Kind, Layout, Result, Transform, column, first_error};
use mlsys_stats::{ColumnStatistic, Infinite, MinMax, MinMaxSummary, PerColumn};
use rayon::prelude::*;
use serde::{Deserialize, Serialize};

use crate::calendar_encoder::{CalendarPart, dated_columns, part_of};

/// Replaces what comes round by its sine and cosine: 23 hours and 0 hours become neighbours.
///
/// ```text
/// sin(2π x / period),  cos(2π x / period)
/// ```
/// | parameter | default | range | effect |
/// |---|---|---|---|
/// | `period` | required | | of numbers, such as 24 for hours; or of dates and times: [`Period`] |
///
/// **Input**: the features that are numbers, or under a calendar's period those that are dates or timestamps; with `.on(..)` exactly those.
/// Dates and times count in their column's time zone, with months and years of their true lengths. Missing values stay missing. Nothing is
/// learned, so that weights play no part. **Output**: Float64 columns `<column>:sin` and `<column>:cos` in place of the column.
///
/// **Errors**: [`InvalidParameter`](mlsys_core::ErrorKind::InvalidParameter) for a period that is not positive,
/// [`ColumnType`](mlsys_core::ErrorKind::ColumnType), [`NonFinite`](mlsys_core::ErrorKind::NonFinite) for infinities while fitting.
///
/// ```
/// use mlsys_core::{Dataset, Fit, Transform, arrow::array::{AsArray, Int32Array, RecordBatch}};
/// use mlsys_core::arrow::datatypes::Float64Type;
/// use mlsys_encoding::{CyclicalEncoder, Period};
/// use std::sync::Arc;
///
/// let hour = Int32Array::from(vec![0, 6, 12, 23]);
/// let train = Dataset::new(RecordBatch::try_from_iter([("hour", Arc::new(hour) as _)])?)?.into_train_all();
/// let out = CyclicalEncoder::new(Period::Of(24.0)).fit(&train)?.transform(train.batch())?;
/// let (sin, cos) = (out["hour:sin"].as_primitive::<Float64Type>(), out["hour:cos"].as_primitive::<Float64Type>());
/// assert!((sin.value(1) - 1.0).abs() < 1e-15 && (cos.value(2) + 1.0).abs() < 1e-15 && cos.value(3) > 0.96);
/// # Ok::<(), mlsys_core::Error>(())
/// ```
///
/// **Misleads** trees, which must cut a circle twice to find an hour. The period is the number of hours, not the largest of them: with 23, as
/// feature-engine has it by default, hours 23 and 0 would be one. **Instead**: periodic
/// [`SplineTransformer`](crate::SplineTransformer), for curves with more than one hump.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
#[must_use = "a recipe does nothing until it is fitted"]
pub struct CyclicalEncoder {
    period: Period,
}

/// How long it takes to come round.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Period {
    /// So much of a number: 24 for hours, 360 for degrees.
    Of(f64),
    /// A day, from midnight.
    Day,
    /// A week, from Monday.
    Week,
    /// A month, of 28 to 31 days.
    Month,
    /// A year, of 365 or 366 days.
    Year,
}

impl CyclicalEncoder {
    /// An encoder of this period.
    pub fn new(period: Period) -> Self {
        Self { period }
    }

    fn columns(&self, layout: &Layout) -> Result<Vec<String>> {
        match self.period {
            Period::Of(period) if !(period.is_finite() && period > 0.0) => {
                Err(Error::invalid_parameter("CyclicalEncoder", "period", period, "finite and above 0"))
            }
            Period::Of(_) => {
                layout.features_for("CyclicalEncoder", Kind::is_number, Kind::is_numeric, "numeric")
            }
            _ => dated_columns("CyclicalEncoder", layout),
        }
    }
}

/// The fitted [`CyclicalEncoder`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct FittedCyclicalEncoder {
    columns: Vec<InputColumn>,
    period: Period,
}

fn is_leap(year: i32) -> bool {
    year.rem_euclid(4) == 0 && (year.rem_euclid(100) != 0 || year.rem_euclid(400) == 0)
}

fn days_in_month(year: i32, month: i32) -> i32 {
    match month {
        2 => 28 + i32::from(is_leap(year)),
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

impl FittedCyclicalEncoder {
    /// The column that an output column came from.
    pub fn source(&self, output: &str) -> Option<&str> {
        let name = output.strip_suffix(":sin").or(output.strip_suffix(":cos"))?;
        self.columns.iter().map(InputColumn::name).find(|column| *column == name)
    }

    fn validate(&self) -> Result<()> {
        match self.period {
            Period::Of(period) if !(period.is_finite() && period > 0.0) => {
                Err(Error::artifact("has a period that is not positive"))
            }
            _ => Ok(()),
        }
    }

    fn input_columns(&self) -> Vec<InputColumn> {
        self.columns.clone()
    }

    /// The turns that have passed since the start, by row; missing as NaN.
    fn turns(&self, name: &str, array: &ArrayRef) -> Result<Vec<f64>> {
        if let Period::Of(period) = self.period {
            return Ok(column::floats(name, array)?.iter().map(|x| x / period).collect());
        }
        let part = |part| part_of(name, array, part);
        let (hour, minute, second) =
            (part(CalendarPart::Hour)?, part(CalendarPart::Minute)?, part(CalendarPart::Second)?);
        let of_day = |row: usize| {
            f64::from(hour.value(row) * 3_600 + minute.value(row) * 60 + second.value(row)) / 86_400.0
        };
        let (year, place) = match self.period {
            Period::Day | Period::Of(_) => (None, None),
            Period::Week => (None, Some(part(CalendarPart::DayOfWeek)?)),
            Period::Month => (Some(part(CalendarPart::Year)?), Some(part(CalendarPart::Day)?)),
            Period::Year => (Some(part(CalendarPart::Year)?), Some(part(CalendarPart::DayOfYear)?)),
        };
        let month = if self.period == Period::Month { Some(part(CalendarPart::Month)?) } else { None };
        let turn = |row: usize| {
            if hour.is_null(row) {
                return f64::NAN;
            }
            let (Some(place), day) = (&place, of_day(row)) else { return of_day(row) };
            let year = year.as_ref().map_or(0, |year| year.value(row));
            match &month {
                _ if self.period == Period::Week => (f64::from(place.value(row)) + day) / 7.0,
                Some(month) => {
                    let days = days_in_month(year, month.value(row));
                    (f64::from(place.value(row) - 1) + day) / f64::from(days)
                }
                None => {
                    let days = 365 + i32::from(is_leap(year));
                    (f64::from(place.value(row) - 1) + day) / f64::from(days)
                }
            }
        };
        Ok((0..array.len()).map(turn).collect())
    }

    fn fields(column: &InputColumn, schema: &Schema) -> Result<Vec<FieldRef>> {
        column.check(schema)?;
        let field = |which: &str| Field::new(format!("{}:{which}", column.name()), DataType::Float64, true);
        Ok(vec![Arc::new(field("sin")), Arc::new(field("cos"))])
    }
}

impl Transform for FittedCyclicalEncoder {
    fn transform(&self, batch: &RecordBatch) -> Result<RecordBatch> {
        let done: Vec<Result<Replacement<'_, NewColumn>>> = self
            .columns
            .par_iter()
            .map(|c| {
                let turns = self.turns(c.name(), c.find(batch)?)?;
                let of = |function: fn(f64) -> f64| -> ArrayRef {
                    // Whole turns are taken off first, which costs no digits.
                    Arc::new(Float64Array::from_iter_values(turns.iter().map(|x| function(TAU * x.fract()))))
                };
                let fields = Self::fields(c, batch.schema_ref())?;
                Ok((c.name(), fields.into_iter().zip([of(f64::sin), of(f64::cos)]).collect()))
            })
            .collect();
        replace_columns(batch, first_error(done)?)
    }

    fn output_schema(&self, input: &Schema) -> Result<SchemaRef> {
        let mut with = Replacements::new();
        for column in &self.columns {
            with.insert(column.name(), Self::fields(column, input)?);
        }
        replace_fields(input, with)
    }
}

mlsys_core::artifact!(FittedCyclicalEncoder, "mlsys.FittedCyclicalEncoder", 1);

impl FitByStatistic for CyclicalEncoder {
    /// Nothing is learned; infinite numbers are refused.
    type Statistic = PerColumn<MinMax>;
    type Fitted = FittedCyclicalEncoder;

    fn statistic(&self, layout: &Layout) -> Result<Self::Statistic> {
        let columns = self.columns(layout)?;
        let looked_at = if matches!(self.period, Period::Of(_)) { columns } else { Vec::new() };
        Ok(MinMax::new().infinite(Infinite::Refuse).over(looked_at))
    }

    fn fitted(&self, layout: &Layout, _: Vec<(String, MinMaxSummary)>) -> Result<FittedCyclicalEncoder> {
        Ok(FittedCyclicalEncoder {
            columns: InputColumn::all(layout, self.columns(layout)?)?,
            period: self.period,
        })
    }
}
