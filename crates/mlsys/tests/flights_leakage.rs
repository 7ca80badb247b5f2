//! What the audit says of the flights with nothing told: every column a feature, and whether a flight was late the target.
#![cfg(feature = "leakage")]
#![allow(clippy::unwrap_used)]

use std::sync::Arc;

use mlsys::arrow::array::{Int32Array, RecordBatch};
use mlsys::arrow::compute::kernels::cmp::gt;
use mlsys::arrow::datatypes::{DataType, Field, Schema};
use mlsys::leakage::{LeakKind, LeakageAudit, LeakageReport, Severity};
use mlsys::prelude::*;

/// The 34 columns, and `late`, which is not known of flights that never arrived.
fn flights() -> Dataset {
    let path = format!("{}/../../examples/data/flights_weather.parquet", env!("CARGO_MANIFEST_DIR"));
    let flights = read::read_parquet(path).unwrap();
    let late = gt(&flights["arr_delay"], &Int32Array::new_scalar(15)).unwrap();
    let mut fields = flights.schema().fields().to_vec();
    fields.push(Arc::new(Field::new("late", DataType::Boolean, true)));
    let mut columns = flights.columns().to_vec();
    columns.push(Arc::new(late));
    let batch = RecordBatch::try_new(Arc::new(Schema::new(fields)), columns).unwrap();
    Dataset::new(batch).unwrap().target("late").unwrap()
}

/// The worst that is said of a column as the guilty one.
fn worst(report: &LeakageReport, column: &str) -> Option<Severity> {
    let guilty =
        |finding: &&mlsys::leakage::Finding| finding.columns.first().is_some_and(|name| name == column);
    report.findings().iter().filter(guilty).map(|finding| finding.severity).max()
}

fn kinds<'a>(report: &'a LeakageReport, column: &'a str) -> Vec<LeakKind> {
    report.about(column).map(|finding| finding.kind).collect()
}

#[test]
fn what_is_known_only_afterwards_is_found() {
    let data = flights();
    assert_eq!(data.n_rows(), 336_776);
    let report = LeakageAudit::new().table(&data).unwrap();
    for delay in ["arr_delay", "dep_delay"] {
        assert_eq!(worst(&report, delay), Some(Severity::Error), "{delay}\n{report}");
    }
    // A time of departure says nothing by itself, and too much beside the schedule.
    for time in ["dep_time", "arr_time"] {
        assert_eq!(worst(&report, time), Some(Severity::Suspect), "{time}\n{report}");
        assert!(kinds(&report, time).contains(&LeakKind::TellsTogether), "{time}\n{report}");
    }
    // It is not known of flights that never arrived, as the target is not.
    assert!(kinds(&report, "air_time").contains(&LeakKind::MissingWithLabel), "{report}");
    assert!(worst(&report, "air_time") <= Some(Severity::Suspect), "{report}");
    // Nothing else is an error, and nothing at all is said against the weather.
    for name in
        ["temp", "dewp", "humid", "wind_dir", "wind_speed", "wind_gust", "precip", "pressure", "visib"]
    {
        assert!(data.features().contains(&name));
        assert!(worst(&report, name) < Some(Severity::Error), "{name}\n{report}");
    }
    let errors: Vec<&[String]> =
        report.of(Severity::Error).map(|finding| finding.columns.as_slice()).collect();
    assert!(errors.iter().all(|columns| columns.len() == 1 && columns[0].ends_with("_delay")), "{report}");
    // Without what is known only afterwards, there is no error.
    let known = data.ignore(["dep_time", "dep_delay", "arr_time", "arr_delay", "air_time"]).unwrap();
    LeakageAudit::new().table(&known).unwrap().require_clean().unwrap();
}
