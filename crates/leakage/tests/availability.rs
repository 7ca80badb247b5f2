//! Values that were not known yet: by the column that says when.

#![allow(clippy::unwrap_used)]

use std::sync::Arc;
use std::time::Duration;

use mlsys_core::arrow::array::{
    ArrayRef, Date32Array, Float64Array, Int64Array, RecordBatch, StringArray, TimestampSecondArray,
};
use mlsys_core::{Dataset, Test, Train, Unsplit};
use mlsys_leakage::{AvailabilityAudit, Finding, LeakKind, Severity};
use proptest::prelude::*;

fn table(values: Vec<Option<f64>>, known: Vec<Option<i64>>, asked: Vec<Option<i64>>) -> Dataset<Unsplit> {
    let columns: [(&str, ArrayRef); 3] = [
        ("x", Arc::new(Float64Array::from(values))),
        ("x_known", Arc::new(TimestampSecondArray::from(known))),
        ("asked", Arc::new(TimestampSecondArray::from(asked))),
    ];
    Dataset::new(RecordBatch::try_from_iter(columns).unwrap()).unwrap().time("asked").unwrap()
}

fn audit() -> AvailabilityAudit {
    AvailabilityAudit::new().available("x", "x_known")
}

fn only(audit: &AvailabilityAudit, data: &Dataset<Unsplit>) -> Option<Finding> {
    let report = audit.run(data).unwrap();
    assert_eq!(report.checks(), [LeakKind::NotYetAvailable]);
    assert!(report.findings().len() <= 1);
    report.findings().first().cloned()
}

#[test]
fn says_which_rows_are_late_and_by_how_much() {
    let some = |values: &[i64]| values.iter().copied().map(Some).collect::<Vec<_>>();
    let data = table(vec![Some(1.0); 5], some(&[100, 101, 110, 160, 90]), some(&[100; 5]));
    let finding = only(&audit(), &data).unwrap();
    assert_eq!((finding.severity, finding.rows.unwrap().ids), (Severity::Error, vec![1, 2, 3]));
    assert_eq!(finding.columns, ["x", "x_known", "asked"]);
    assert_eq!(finding.evidence["late_max_seconds"], 60.0);
    assert_eq!(finding.evidence["late_median_seconds"], 10.0);
    assert_eq!(finding.evidence["share_late"], 0.6);
    // With a latency of ten seconds the last row is exactly in time, with one more it is late.
    let later = audit().latency(Duration::from_secs(10));
    assert_eq!(only(&later, &data).unwrap().rows.unwrap().ids, [0, 1, 2, 3]);
    let own = audit().latency_of("x", Duration::from_secs(11));
    assert_eq!(only(&own, &data).unwrap().rows.unwrap().count, 5);
}

#[test]
fn rows_without_a_value_or_a_time_are_told_apart() {
    let data = table(
        vec![None, Some(f64::NAN), Some(1.0), Some(1.0), Some(1.0)],
        vec![Some(200), Some(200), None, Some(50), Some(50)],
        vec![Some(100), Some(100), Some(100), None, Some(100)],
    );
    let finding = only(&audit(), &data).unwrap();
    assert_eq!(finding.severity, Severity::Note);
    assert_eq!((finding.evidence["rows_judged"], finding.evidence["rows_not_judged"]), (1.0, 2.0));
    // Nothing can be judged: that is suspect.
    let finding = only(&audit(), &data.slice(2, 2).unwrap()).unwrap();
    assert_eq!(finding.severity, Severity::Suspect);
    // Only missing values: nothing to say.
    assert_eq!(only(&audit(), &data.slice(0, 2).unwrap()), None);
    assert_eq!(only(&audit(), &data.slice(0, 0).unwrap()), None);
}

#[test]
fn kinds_of_times_meet_where_they_can() {
    // A date is its midnight.
    let columns: [(&str, ArrayRef); 4] = [
        ("x", Arc::new(StringArray::from(vec!["a", "b"]))),
        ("day", Arc::new(Date32Array::from(vec![1, 1]))),
        ("asked", Arc::new(TimestampSecondArray::from(vec![86_399, 86_400]))),
        ("number", Arc::new(Int64Array::from(vec![1, 2]))),
    ];
    let data = Dataset::new(RecordBatch::try_from_iter(columns).unwrap()).unwrap();
    let audit = AvailabilityAudit::new().prediction_time("asked").available("x", "day");
    assert_eq!(only(&audit, &data).unwrap().rows.unwrap().ids, [0]);
    let error = |audit: AvailabilityAudit| audit.run(&data).unwrap_err().to_string();
    let mixed = AvailabilityAudit::new().prediction_time("asked").available("x", "number");
    assert!(error(mixed).contains("both times or both integers"));
    let numbers = AvailabilityAudit::new().prediction_time("number").available("x", "number");
    assert!(numbers.run(&data).unwrap().findings().is_empty());
    assert!(error(numbers.latency(Duration::from_secs(1))).contains("holds integers and no times"));
    assert!(error(AvailabilityAudit::new().prediction_time("asked")).contains("`available`"));
    assert!(error(AvailabilityAudit::new().available("x", "day")).contains("time"));
    assert!(error(AvailabilityAudit::new().prediction_time("asked").available("y", "day")).contains("`y`"));
    assert!(error(AvailabilityAudit::new().prediction_time("asked").available("x", "x")).contains("`x`"));
}

#[test]
fn far_instants_do_not_overflow() {
    let columns: [(&str, ArrayRef); 3] = [
        ("x", Arc::new(Float64Array::from(vec![1.0, f64::INFINITY]))),
        ("known", Arc::new(Int64Array::from(vec![i64::MAX, i64::MIN]))),
        ("asked", Arc::new(Int64Array::from(vec![i64::MIN, i64::MAX]))),
    ];
    let data = Dataset::new(RecordBatch::try_from_iter(columns).unwrap()).unwrap();
    let audit = AvailabilityAudit::new().prediction_time("asked").available("x", "known");
    assert_eq!(only(&audit, &data).unwrap().evidence["late_max"], 2f64.powi(64));
    let later = table(vec![Some(1.0)], vec![Some(1)], vec![Some(9_000_000_000)]);
    assert!(only(&self::audit().latency(Duration::MAX), &later).is_some());
}

#[test]
fn parts_are_named_and_ids_kept() {
    let data = table(vec![Some(1.0); 4], vec![Some(9); 4], vec![Some(1); 4]);
    let (train, test): (Dataset<Train>, Dataset<Test>) = data.split_at_rows(&[0, 2], &[1, 3]).unwrap();
    let rows = audit().run(&test).unwrap().findings()[0].rows.clone().unwrap();
    assert_eq!((rows.part.as_str(), rows.ids), ("test", vec![1, 3]));
    let rows = audit().run(&train).unwrap().findings()[0].rows.clone().unwrap();
    assert_eq!((rows.part.as_str(), rows.ids), ("train", vec![0, 2]));
}

#[test]
fn recipes_are_plain_data() {
    let recipe = audit().latency(Duration::from_secs(3)).latency_of("x", Duration::ZERO);
    let json = serde_json::to_string(&recipe).unwrap();
    assert_eq!(serde_json::from_str::<AvailabilityAudit>(&json).unwrap(), recipe);
    assert!(serde_json::from_str::<AvailabilityAudit>(r#"{"latencies": 1}"#).is_err());
}

type Row = (Option<i32>, Option<i64>, Option<i64>);

fn row() -> impl Strategy<Value = Row> {
    (prop::option::of(0..3i32), prop::option::of(0..20i64), prop::option::of(0..20i64))
}

proptest! {
    #[test]
    fn agrees_with_the_definition(rows in prop::collection::vec(row(), 0..40), latency in 0..5u64) {
        let data = table(
            rows.iter().map(|row| row.0.map(f64::from)).collect(),
            rows.iter().map(|row| row.1).collect(),
            rows.iter().map(|row| row.2).collect(),
        );
        let by = latency as i64;
        let late = |row: &Row| matches!(row, (Some(_), Some(known), Some(asked)) if known + by > *asked);
        let expected: Vec<u64> = (0..).zip(&rows).filter(|(_, row)| late(row)).map(|(id, _)| id).collect();
        let found = only(&audit().latency(Duration::from_secs(latency)), &data);
        let ids = found.and_then(|finding| finding.rows).map_or(Vec::new(), |rows| rows.ids);
        prop_assert_eq!(ids, expected);
    }
}
