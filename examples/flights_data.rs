//! The table of the flights examples, and what its rows mean.

// Not every example needs all of it.
#![allow(dead_code)]

use std::sync::Arc;

use mlsys::arrow::array::{Int32Array, RecordBatch};
use mlsys::arrow::compute::{filter_record_batch, is_not_null, kernels::cmp::gt};
use mlsys::arrow::datatypes::{DataType, Field, Schema};
use mlsys::core::{Result, column};
use mlsys::sampling::TimeSplit;

/// The file named on the command line, or the one that comes with the examples.
pub fn path() -> String {
    let default = concat!(env!("CARGO_MANIFEST_DIR"), "/data/flights_weather.parquet");
    std::env::args().nth(1).unwrap_or_else(|| default.to_owned())
}

/// Adds `late`: more than 15 minutes, and null where the flight never arrived.
pub fn with_late(flights: &RecordBatch) -> Result<RecordBatch> {
    let late = gt(column::find(flights, "arr_delay")?, &Int32Array::new_scalar(15))?;
    let mut fields = flights.schema().fields().to_vec();
    fields.push(Arc::new(Field::new("late", DataType::Boolean, true)));
    let mut columns = flights.columns().to_vec();
    columns.push(Arc::new(late));
    Ok(RecordBatch::try_new(Arc::new(Schema::new(fields)), columns)?)
}

/// Adds `late`, and drops the flights that never arrived.
pub fn late_flights(flights: &RecordBatch) -> Result<RecordBatch> {
    let labelled = with_late(flights)?;
    let arrived = is_not_null(column::find(&labelled, "late")?)?;
    Ok(filter_record_batch(&labelled, &arrived)?)
}

/// Learn from the past, predict the future; flights of one hour stay together.
pub fn last_quarter() -> TimeSplit {
    TimeSplit::at("2013-10-01T00:00 America/New_York")
}

/// The same among the training rows, to choose by: September is the future of January to August.
pub fn last_month_of_training() -> TimeSplit {
    TimeSplit::at("2013-09-01T00:00 America/New_York")
}
